//! Every quantity that is tracked over the seeds: its value in each study, and the mean over networks.

use serde::{Deserialize, Serialize};

use super::Seeds;
use crate::metrics::{FewMean, Score};
use crate::record::Protocol;
use crate::record::{Interval, Record};

/// The kind of a quantity, which decides its unit.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::Group;
///
/// assert_eq!((Group::Accuracy.unit(), Group::Difference.unit()), ("%", "points"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// A class's accuracy under a protocol.
    Accuracy,
    /// The mean of both classes' accuracies under a protocol.
    BalancedAccuracy,
    /// A paired difference of accuracies.
    Difference,
    /// Area under the curve of the margins, or the difference of two.
    Auc,
    /// The defended model's balanced accuracy minus the placebo's.
    Placebo,
    /// Overlap of a found region, or of that of a random map, with the planted one.
    Truth,
}

impl Group {
    /// As `seeds.json` and tables print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::Difference => "difference",
            Self::Auc => "AUC",
            Self::Placebo => "placebo",
            Self::Truth => "planted truth",
        }
    }

    /// The unit of the readable numbers.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Accuracy | Self::BalancedAccuracy => "%",
            Self::Difference | Self::Placebo => "points",
            Self::Auc => "",
            Self::Truth => "IoU",
        }
    }
}

/// A quantity in the study of one seed.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::SeedValue;
///
/// let json = r#"{"seed": 3, "value": 0.25, "low": 0.1, "high": 0.4}"#;
/// assert_eq!(serde_json::from_str::<SeedValue>(json)?.value, 0.25);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedValue {
    /// The study's seed.
    pub seed: u64,
    /// The value; rates and differences of rates as fractions.
    pub value: f64,
    /// Lower end of the study's own 95 % interval over images, where it has one.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
}

/// A quantity over the seeds.
///
/// # Examples
/// ```
/// use weakspot::metrics::FewMean;
/// use weakspot::report::seeds::{Group, Quantity, SeedValue};
///
/// let value = |seed, value| SeedValue { seed, value, low: None, high: None };
/// let quantity = Quantity {
///     group: Group::Accuracy,
///     what: "adaptive_worst".to_owned(),
///     class: Some("cat".to_owned()),
///     by_seed: vec![value(0, 0.5), value(1, 0.25), value(2, 0.75)],
///     over_networks: FewMean::of(&[0.5, 0.25, 0.75]).unwrap(),
/// };
/// assert_eq!(quantity.label(), "P3w adaptive, worst");
/// let [least, largest] = quantity.ends().unwrap();
/// assert_eq!((least.seed, largest.seed, quantity.over_networks.mean), (1, 2, 0.5));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// Its kind.
    pub group: Group,
    /// Which of its kind: a protocol's key, a comparison, a region.
    pub what: String,
    /// The class whose images are scored; `null` for both together.
    pub class: Option<String>,
    /// The value in each study that has it, in the order of the studies.
    pub by_seed: Vec<SeedValue>,
    /// Over the networks, with Student's interval.
    pub over_networks: FewMean,
}

impl Quantity {
    /// What is measured, for people.
    pub fn label(&self) -> String {
        match self.group {
            Group::Accuracy | Group::BalancedAccuracy => {
                let protocol = Protocol::all().find(|protocol| protocol.key() == self.what);
                protocol.map_or_else(|| self.what.clone(), |p| format!("{} {}", p.id(), p.name()))
            }
            Group::Difference => self.what.clone(),
            Group::Auc => format!("AUC {}", self.what),
            Group::Placebo => "mask minus placebo".to_owned(),
            Group::Truth => format!("planted {}", self.what),
        }
    }

    /// The studies with the least and with the largest value; the first one if several are equal.
    pub fn ends(&self) -> Option<[&SeedValue; 2]> {
        let first = self.by_seed.first()?;
        let least = self.by_seed.iter().fold(first, |a, b| if b.value < a.value { b } else { a });
        let largest = self.by_seed.iter().fold(first, |a, b| if b.value > a.value { b } else { a });
        Some([least, largest])
    }
}

/// Which quantity: group, name, class.
type Key = (Group, String, Option<String>);

/// A value with its interval over images.
type Value = (f64, Option<[f64; 2]>);

/// Every quantity that some study has, in the order of the first that has it.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{Group, quantities};
/// # use weakspot::{record::Record, report::seeds::{SeedStudy, Seeds, folder_of}};
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// # let study = |seed| SeedStudy { seed, folder: folder_of(seed), record: Record { seed, ..run.record.clone() } };
/// # let studies = vec![study(0), study(1)];
/// # let all = Seeds { shared: "0f".repeat(32), split_seed: 0, studies, missing: Vec::new() };
/// // Two networks that are correct on every image.
/// let found = quantities(&all);
/// let clean = found.iter().find(|q| q.group == Group::BalancedAccuracy && q.what == "clean").unwrap();
/// assert_eq!((clean.by_seed.len(), clean.over_networks.mean), (2, 1.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn quantities(all: &Seeds) -> Vec<Quantity> {
    let mut found: Vec<(Key, Vec<SeedValue>)> = Vec::new();
    for study in &all.studies {
        for (key, (value, interval)) in of_record(&study.record) {
            let value = SeedValue {
                seed: study.seed,
                value,
                low: interval.map(|[low, _]| low),
                high: interval.map(|[_, high]| high),
            };
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value),
                None => found.push((key, vec![value])),
            }
        }
    }
    let quantity = |((group, what, class), by_seed): (Key, Vec<SeedValue>)| {
        let values: Vec<f64> = by_seed.iter().map(|v| v.value).collect();
        FewMean::of(&values).map(|over_networks| Quantity { group, what, class, by_seed, over_networks })
    };
    found.into_iter().filter_map(quantity).collect()
}

/// What one study has.
fn of_record(record: &Record) -> Vec<(Key, Value)> {
    let mut out = Vec::new();
    for protocol in Protocol::all() {
        for d in &record.directions {
            // Without an image there is no rate.
            if let Some(score) = protocol.score(&d.scores).filter(|score| score.n > 0) {
                out.push((key(Group::Accuracy, protocol.key(), Some(&d.source)), of_score(&score)));
            }
        }
        if let Some(t) = record.together.iter().find(|t| t.protocol == protocol.key() && t.accuracy.n > 0) {
            let value = (t.balanced_accuracy, Some([t.balanced_low, t.balanced_high]));
            out.push((key(Group::BalancedAccuracy, protocol.key(), None), value));
        }
    }
    for t in record.tests.iter().filter(|t| t.n > 0) {
        let value = (t.difference, Some([t.low, t.high]));
        out.push((key(Group::Difference, &t.comparison, Some(&t.source)), value));
    }
    for d in &record.differences {
        out.push((key(Group::Difference, &d.comparison, None), of_interval(&d.difference)));
    }
    if let Some(separation) = &record.separation {
        if let Some(auc) = &separation.auc {
            for (what, value) in [
                ("adv_worst", &auc.adv_worst),
                ("adaptive_worst", &auc.adaptive_worst),
                ("adaptive_worst-adv_worst", &auc.difference),
            ] {
                out.push((key(Group::Auc, what, None), of_interval(value)));
            }
        }
        out.push((key(Group::Placebo, "mask-placebo", None), of_interval(&separation.placebo.difference)));
    }
    for row in &record.truth {
        let what =
            if row.by == "method" { row.region.clone() } else { format!("{}, {}", row.region, row.by) };
        out.push((key(Group::Truth, &what, Some(&row.class)), (row.iou, None)));
    }
    out
}

fn key(group: Group, what: &str, class: Option<&String>) -> Key {
    (group, what.to_owned(), class.cloned())
}

fn of_score(score: &Score) -> Value {
    (score.rate, Some([score.low, score.high]))
}

fn of_interval(interval: &Interval) -> Value {
    (interval.value, Some([interval.low, interval.high]))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, HEADLINE};
    use super::*;

    fn find<'a>(all: &'a [Quantity], group: Group, what: &str, class: Option<&str>) -> &'a Quantity {
        let is = |q: &&Quantity| q.group == group && q.what == what && q.class.as_deref() == class;
        all.iter().find(is).unwrap_or_else(|| panic!("{group:?} {what} {class:?}"))
    }

    #[test]
    fn every_seeds_value_stands_beside_the_mean_over_networks() {
        let all = quantities(&fixture::changing());
        let q = find(&all, Group::Accuracy, "adaptive_worst", Some("ring"));
        let values: Vec<(u64, f64)> = q.by_seed.iter().map(|v| (v.seed, v.value)).collect();
        assert_eq!(values, [(0, 0.0), (1, 0.5), (5, 1.0)]);
        // 0, 1/2, 1: mean and sd 1/2; 4.302653 with 2 degrees of freedom.
        assert_eq!((q.over_networks.mean, q.over_networks.sd), (0.5, Some(0.5)));
        let half = 4.302_653 * 0.5 / 3f64.sqrt();
        assert!((q.over_networks.high.unwrap() - 0.5 - half).abs() < 5e-7);
        // Wilson's interval of 100 of 200 belongs to its seed alone.
        let own = Score::of(100, 200);
        assert_eq!((q.by_seed[1].low, q.by_seed[1].high), (Some(own.low), Some(own.high)));
        assert_eq!(q.ends().unwrap().map(|v| v.seed), [0, 5]);
        assert_eq!(q.label(), "P3w adaptive, worst");
    }

    #[test]
    fn what_is_asked_for_is_there_and_what_was_not_run_is_not() {
        let all = quantities(&fixture::changing());
        for (group, what, class) in [
            (Group::Accuracy, "clean", Some("disc")),
            (Group::BalancedAccuracy, "mod", None),
            (Group::Difference, HEADLINE, Some("disc")),
            (Group::Difference, HEADLINE, None),
            (Group::Auc, HEADLINE, None),
            (Group::Placebo, "mask-placebo", None),
            (Group::Truth, "roi", Some("disc")),
        ] {
            find(&all, group, what, class);
        }
        // The fixture's P2 was not run.
        assert!(all.iter().all(|q| q.what != "oblivious"));
    }

    #[test]
    fn a_quantity_that_one_study_lacks_is_of_the_others() {
        let mut seeds = fixture::changing();
        seeds.studies[1].record.separation = None;
        let all = quantities(&seeds);
        let q = find(&all, Group::Placebo, "mask-placebo", None);
        assert_eq!(q.by_seed.iter().map(|v| v.seed).collect::<Vec<_>>(), [0, 5]);
        assert_eq!(q.over_networks.n, 2);
    }
}
