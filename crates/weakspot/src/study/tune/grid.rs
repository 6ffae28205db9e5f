//! What is searched, under which attack, at what cost.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::record::Protocol;
use crate::region::{Fill, Theta, Threshold};

/// Tune images per class that a search scores by default.
pub const TUNE_IMAGES: usize = 200;

/// Points of a grid beyond which the record itself becomes unwieldy.
const MOST_POINTS: usize = 2_000;

/// The attack under which the points of a grid are compared.
///
/// # Examples
/// ```
/// use weakspot::record::Protocol;
/// use weakspot::study::TuneFor;
///
/// assert_eq!(TuneFor::default().protocol(), Protocol::Adaptive);
/// assert_eq!("paper".parse::<TuneFor>()?.protocol(), Protocol::ModAdv);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TuneFor {
    /// P3: the attacker knows the mask.
    #[default]
    Adaptive,
    /// P1, the paper's: the attacker may write in the mask, which is not applied again.
    Paper,
}

impl TuneFor {
    /// The protocol that is searched under.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Adaptive => Protocol::Adaptive,
            Self::Paper => Protocol::ModAdv,
        }
    }
}

impl fmt::Display for TuneFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adaptive => "adaptive",
            Self::Paper => "paper",
        })
    }
}

impl FromStr for TuneFor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "adaptive" => Ok(Self::Adaptive),
            "paper" => Ok(Self::Paper),
            _ => Err(Error::invalid(format!("expected what to tune for; got {text:?}"))
                .with_hint("one of adaptive, paper")),
        }
    }
}

/// A search: every combination of its lists is a point of the grid.
///
/// # Examples
/// ```
/// use weakspot::region::{Fill, Threshold};
/// use weakspot::study::Tuning;
///
/// let tuning = Tuning { delta1: vec![Threshold::Top(0.3)], ..Tuning::new(vec![Fill::Value(0.0)])? };
/// tuning.validate()?;
/// // 1 x 5 x 3 x 1.
/// assert_eq!(tuning.points().count(), 15);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// Thresholds of the RoI.
    pub delta1: Vec<Threshold>,
    /// Thresholds of the RoA.
    pub delta2: Vec<Threshold>,
    /// Frequencies at which a class-level map becomes a mask.
    pub theta: Vec<Theta>,
    /// Fills: those of the plan.
    pub fills: Vec<Fill>,
    /// The attack that is defended against.
    pub goal: TuneFor,
    /// The share of the tune images, in `[0, 1]`, by which neutralization may lower the accuracy.
    pub cost: f64,
    /// Tune images per class that are scored, at most.
    pub limit: usize,
}

/// One point of a grid.
///
/// # Examples
/// ```
/// use weakspot::study::{Plan, Tuning};
///
/// let plan = Plan::new("8/255".parse()?, 0)?;
/// let last = Tuning::new(plan.fills.clone())?.points().last().unwrap();
/// let tuned = plan.at(&last);
/// assert_eq!((tuned.delta1, tuned.theta, tuned.fills[0]), (last.delta1, last.theta, last.fill));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Threshold of the RoI.
    pub delta1: Threshold,
    /// Threshold of the RoA.
    pub delta2: Threshold,
    /// Frequency at which a class-level map becomes a mask.
    pub theta: Theta,
    /// The headline fill.
    pub fill: Fill,
}

impl Tuning {
    /// The default grid over some fills: both thresholds at the largest 10, 20, 30, 40 and 50 % of the pixels, theta
    /// 0.3, 0.5 and 0.7; against the adaptive attack, at the cost of one image in a hundred.
    ///
    /// # Errors
    /// None: the signature is that of its parts.
    pub fn new(fills: Vec<Fill>) -> Result<Self> {
        let shares = || [0.1, 0.2, 0.3, 0.4, 0.5].map(Threshold::Top).to_vec();
        Ok(Self {
            delta1: shares(),
            delta2: shares(),
            theta: [0.3, 0.5, 0.7].into_iter().map(Theta::new).collect::<Result<_>>()?,
            fills,
            goal: TuneFor::Adaptive,
            cost: 0.01,
            limit: TUNE_IMAGES,
        })
    }

    /// The points, delta1 outermost, then delta2, theta and fill.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        let Self { delta1, delta2, theta, fills, .. } = self;
        delta1.iter().flat_map(move |&delta1| {
            delta2.iter().flat_map(move |&delta2| {
                theta.iter().flat_map(move |&theta| {
                    fills.iter().map(move |&fill| Point { delta1, delta2, theta, fill })
                })
            })
        })
    }

    /// Checks the lists and the numbers.
    ///
    /// # Errors
    /// `InvalidParameter`, with a hint.
    pub fn validate(&self) -> Result<()> {
        let check = |setting: &'static str, example: &str, values: Vec<String>| -> Result<()> {
            if values.is_empty() {
                return Err(Error::invalid(format!("{setting} must have at least one value; got none"))
                    .with_hint(Hint::new().say("for example ").set(setting, example)));
            }
            match values.iter().enumerate().find(|(i, value)| values[..*i].contains(value)) {
                Some((_, value)) => Err(Error::invalid(format!("{setting} names {value} twice"))
                    .with_hint(format!("leave one {value} out"))),
                None => Ok(()),
            }
        };
        for (setting, values) in self.lists() {
            let example = match setting {
                "fill" => "0,1",
                "tune-theta" => "0.3,0.5,0.7",
                _ => "top:20%,top:30%",
            };
            check(setting, example, values)?;
        }
        if !(0.0..=1.0).contains(&self.cost) {
            return Err(Error::invalid(format!(
                "the cost of the search must be from 0 to 100 %; got {}",
                self.cost
            ))
            .with_hint(Hint::new().say("for example ").set("tune-cost", "1%")));
        }
        if self.limit == 0 {
            return Err(Error::invalid("the search must score at least 1 tune image per class; got 0")
                .with_hint(Hint::new().say("for example ").set("tune-limit", TUNE_IMAGES)));
        }
        let n = self.points().count();
        if n > MOST_POINTS {
            return Err(Error::invalid(format!(
                "the grid has {n} points; at most {MOST_POINTS} are searched"
            ))
            .with_hint(
                Hint::new()
                    .say("shorten ")
                    .setting("tune-delta1")
                    .say(", ")
                    .setting("tune-delta2")
                    .say(", ")
                    .setting("tune-theta")
                    .say(" or ")
                    .setting("fill"),
            ));
        }
        Ok(())
    }

    /// The settings by name. The fills of the search are set by `fill`, and recorded as `tune-fill`.
    pub(crate) fn config(&self) -> BTreeMap<String, String> {
        let mut config = BTreeMap::from([
            ("tune".to_owned(), "true".to_owned()),
            ("tune-for".to_owned(), self.goal.to_string()),
            ("tune-cost".to_owned(), self.cost.to_string()),
            ("tune-limit".to_owned(), self.limit.to_string()),
        ]);
        let lists = self.lists().into_iter();
        let name =
            |setting: &str| if setting == "fill" { "tune-fill".to_owned() } else { setting.to_owned() };
        config.extend(lists.map(|(setting, values)| (name(setting), values.join(","))));
        config
    }

    /// The grid's sides by the settings that give them, as text.
    fn lists(&self) -> [(&'static str, Vec<String>); 4] {
        [
            ("tune-delta1", texts(&self.delta1)),
            ("tune-delta2", texts(&self.delta2)),
            ("tune-theta", texts(&self.theta)),
            ("fill", texts(&self.fills)),
        ]
    }
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuning() -> Tuning {
        Tuning::new(vec![Fill::Value(0.0), Fill::Value(1.0)]).unwrap()
    }

    #[test]
    fn the_points_are_every_combination_with_the_fill_innermost() {
        let points: Vec<Point> = tuning().points().collect();
        assert_eq!(points.len(), 5 * 5 * 3 * 2);
        assert_eq!((points[0].fill, points[1].fill), (Fill::Value(0.0), Fill::Value(1.0)));
        assert_eq!((points[2].theta.get(), points[6].delta2), (0.5, Threshold::Top(0.2)));
        assert_eq!((points[30].delta1, points[30].delta2), (Threshold::Top(0.2), Threshold::Top(0.1)));
        for (i, point) in points.iter().enumerate() {
            assert!(!points[..i].contains(point));
        }
    }

    #[test]
    fn a_grid_that_says_nothing_or_too_much_is_refused_with_what_to_type() {
        assert!(tuning().validate().is_ok());
        let tenth = Threshold::Top(0.1);
        let many = (1..=90).map(|i| Threshold::Top(f64::from(i) / 100.0)).collect::<Vec<_>>();
        for bad in [
            Tuning { delta1: Vec::new(), ..tuning() },
            Tuning { delta2: vec![tenth, Threshold::Otsu, tenth], ..tuning() },
            Tuning { cost: 1.5, ..tuning() },
            Tuning { cost: f64::NAN, ..tuning() },
            Tuning { limit: 0, ..tuning() },
            Tuning { delta1: many, ..tuning() },
        ] {
            assert!(bad.validate().unwrap_err().hint().is_some(), "{bad:?}");
        }
        assert!("p1".parse::<TuneFor>().unwrap_err().hint().is_some());
        for goal in [TuneFor::Adaptive, TuneFor::Paper] {
            assert_eq!(goal.to_string().parse::<TuneFor>().unwrap(), goal);
        }
    }
}
