//! Four disjoint parts: train, tune, fit, eval (METHODS, section 2).

mod groups;

pub use groups::{split_by_group, torn_groups};

use std::collections::BTreeMap;

use super::{Dataset, Origin};
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::rng;

/// The most fit images per class where the publisher gives test files.
const FIT_CAP: usize = 1_000;
/// The most tune images per class where the publisher gives test files.
const TUNE_CAP: usize = 500;

/// How a data set is divided.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((40, 1, 2, 2)));
/// let data = Dataset::new("mine", pixels, (0..40).map(|i| i % 2).collect(), &["a", "b"])?;
/// // 60, 10, 15 and 15 % of each class.
/// let parts = split(&data, SplitRule::Divided, 0, &Limits::default())?;
/// assert_eq!([parts.train.len(), parts.tune.len(), parts.fit.len(), parts.eval.len()], [24, 4, 6, 6]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitRule {
    /// The publisher gives test files: they are the eval part, whole. Its training files give train 80 %, tune
    /// 10 % (at most 500 per class) and fit 10 % (at most 1,000 per class). What the caps leave over is unused.
    OwnTest,
    /// No test files: train 60 %, tune 10 %, fit 15 %, eval 15 %.
    Divided,
    /// No test files and nothing to train (the user's own weights): tune 10 %, fit 40 %, eval 50 %.
    NothingToTrain,
}

impl SplitRule {
    /// The rule for a data set, given whether a classifier will be trained on it.
    pub fn for_dataset(data: &Dataset, trains: bool) -> Self {
        if data.origins.contains(&Origin::Test) {
            Self::OwnTest
        } else if trains {
            Self::Divided
        } else {
            Self::NothingToTrain
        }
    }

    /// Percentages of tune, fit and eval among the images that are divided; train is what remains.
    fn percentages(self) -> [usize; 3] {
        match self {
            Self::OwnTest => [10, 10, 0],
            Self::Divided => [10, 15, 15],
            Self::NothingToTrain => [10, 40, 50],
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::OwnTest => {
                "training files 80/10/10 into train, tune (at most 500 per class) and fit (at most \
                              1,000 per class); eval is the test files"
            }
            Self::Divided => "60/10/15/15 into train, tune, fit and eval",
            Self::NothingToTrain => "10/40/50 into tune, fit and eval; nothing is trained",
        }
    }
}

/// The most images per class of a part; `None` for all of them.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((40, 1, 2, 2)));
/// let data = Dataset::new("mine", pixels, (0..40).map(|i| i % 2).collect(), &["a", "b"])?;
/// let parts = split(&data, SplitRule::Divided, 0, &Limits { train: Some(5), eval: None })?;
/// assert_eq!((parts.train.len(), parts.eval.len()), (10, 6));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of train: [`KnownSet::train_per_class`](super::known::KnownSet::train_per_class).
    pub train: Option<usize>,
    /// Of eval: the setting `limit`.
    pub eval: Option<usize>,
}

/// Indices into a data set, part by part: disjoint, each sorted by image id.
///
/// # Examples
/// ```
/// use weakspot::dataset::Splits;
///
/// // Parts of your own: indices into the data set.
/// let splits = Splits { fit: vec![0, 1, 2], eval: vec![3, 4, 5], ..Splits::default() };
/// assert!(splits.train.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splits {
    /// The classifier learns from these; empty under [`SplitRule::NothingToTrain`].
    pub train: Vec<usize>,
    /// These stop the training.
    pub tune: Vec<usize>,
    /// Maps, representatives and the blob come from these.
    pub fit: Vec<usize>,
    /// Every reported score comes from these.
    pub eval: Vec<usize>,
    /// How the parts were made, in words and counts.
    pub description: String,
}

/// Divides a data set, class by class.
///
/// Within a class, images are ordered by a draw keyed by (seed, `split`, image id); fit takes the first share of
/// that order (of the images that may be fitted on, see [`Origin::TrainOnly`]), then tune, then eval where it is
/// not the test files, and train the rest. Shares are rounded to the nearest image. A limit keeps the first
/// images of the same order.
///
/// # Determinism
/// The part of an image depends on the seed and on the ids of its class, not on the order of files.
///
/// # Errors
/// `InvalidParameter` when a part of a class is empty, naming class and part, or the data set is not sound
/// ([`Dataset::check`]).
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((40, 1, 2, 2)));
/// let data = Dataset::new("mine", pixels, (0..40).map(|i| i % 2).collect(), &["a", "b"])?;
/// let parts = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// assert_eq!((parts.tune.len(), parts.fit.len(), parts.eval.len()), (4, 16, 20));
/// assert!(parts.fit.iter().all(|i| !parts.eval.contains(i)));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn split(data: &Dataset, rule: SplitRule, seed: u64, limits: &Limits) -> Result<Splits> {
    data.check()?;
    let classes = 0..data.class_names.len();
    let per_class = classes.map(|class| divide(data, ordered(data, class, seed), rule, limits)).collect();
    gather(data, rule, limits, per_class, "")
}

/// The four parts of one class.
type Parts = [(&'static str, Vec<usize>); 4];

/// The parts of all classes together, each sorted by id. `how` stands before the rule in the description.
fn gather(
    data: &Dataset,
    rule: SplitRule,
    limits: &Limits,
    per_class: Vec<Parts>,
    how: &str,
) -> Result<Splits> {
    let mut splits = Splits::default();
    let mut counts = Vec::new();
    for (name, parts) in data.class_names.iter().zip(per_class) {
        for (part, indices) in &parts {
            if indices.is_empty() && !(*part == "train" && rule == SplitRule::NothingToTrain) {
                return Err(empty_part(data, name, part, rule, limits));
            }
        }
        counts.push(format!(
            "{name}: {}",
            parts.iter().map(|(part, i)| format!("{part} {}", i.len())).collect::<Vec<_>>().join(", ")
        ));
        for (part, indices) in parts {
            match part {
                "train" => splits.train.extend(indices),
                "tune" => splits.tune.extend(indices),
                "fit" => splits.fit.extend(indices),
                _ => splits.eval.extend(indices),
            }
        }
    }
    for part in [&mut splits.train, &mut splits.tune, &mut splits.fit, &mut splits.eval] {
        part.sort_by(|&a, &b| data.ids[a].cmp(&data.ids[b]));
    }
    splits.description = describe(data, rule, limits, &counts, how);
    Ok(splits)
}

/// The images of a class in the order of their draws.
fn ordered(data: &Dataset, class: usize, seed: u64) -> Vec<usize> {
    let mut keyed: BTreeMap<(u64, &str), usize> = BTreeMap::new();
    for (i, id) in data.ids.iter().enumerate().filter(|(i, _)| data.labels[*i] == class) {
        keyed.insert((rng::stream(seed, "split", id).next_u64(), id), i);
    }
    keyed.into_values().collect()
}

/// The four parts of one class, each in the order of the draws.
fn divide(data: &Dataset, members: Vec<usize>, rule: SplitRule, limits: &Limits) -> Parts {
    let (mut eval, mut rest): (Vec<usize>, Vec<usize>) = if rule == SplitRule::OwnTest {
        members.into_iter().partition(|&i| data.origins[i] == Origin::Test)
    } else {
        (Vec::new(), members)
    };
    let n = rest.len();
    let [tune_share, fit_share, eval_share] = rule.percentages().map(|percent| (n * percent + 50) / 100);
    let may_be_fitted = |i: usize| data.origins[i] != Origin::TrainOnly;
    let mut fit = take(&mut rest, fit_share, may_be_fitted);
    let mut tune = take(&mut rest, tune_share, |_| true);
    if rule == SplitRule::OwnTest {
        fit.truncate(FIT_CAP);
        tune.truncate(TUNE_CAP);
    } else {
        eval = take(&mut rest, eval_share, may_be_fitted);
    }
    let mut train = if rule == SplitRule::NothingToTrain { Vec::new() } else { rest };
    train.truncate(limits.train.unwrap_or(usize::MAX));
    eval.truncate(limits.eval.unwrap_or(usize::MAX));
    [("train", train), ("tune", tune), ("fit", fit), ("eval", eval)]
}

/// Takes the first `count` images that qualify out of `rest`.
fn take(rest: &mut Vec<usize>, count: usize, qualifies: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut taken = Vec::new();
    rest.retain(|&i| {
        let chosen = taken.len() < count && qualifies(i);
        if chosen {
            taken.push(i);
        }
        !chosen
    });
    taken
}

fn empty_part(data: &Dataset, class: &str, part: &str, rule: SplitRule, limits: &Limits) -> Error {
    let error = Error::invalid(format!(
        "{}: expected at least one image of class {class} in the {part} part; got none after splitting ({})",
        data.name,
        rule.words()
    ));
    let limit = match part {
        "train" => limits.train,
        "eval" => limits.eval,
        _ => None,
    };
    error.with_hint(if limit == Some(0) {
        Hint::from(format!("a limit of 0 leaves the {part} part empty: give at least 1"))
    } else {
        Hint::new()
            .say(format!(
                "add images of class {class} (10 of a class are enough to split it), or choose other classes with "
            ))
            .set("classes", "A,B")
    })
}

fn describe(data: &Dataset, rule: SplitRule, limits: &Limits, counts: &[String], how: &str) -> String {
    let mut words = vec![format!("by class, keyed by the seed: {how}{}", rule.words())];
    if data.origins.contains(&Origin::TrainOnly) {
        words.push("training images unlike the test images are in train and tune only".to_owned());
    }
    if let Some(limit) = limits.train.filter(|_| rule != SplitRule::NothingToTrain) {
        words.push(format!("at most {limit} training images per class"));
    }
    if let Some(limit) = limits.eval {
        words.push(format!("at most {limit} eval images per class"));
    }
    format!("{} ({})", words.join("; "), counts.join("; "))
}

#[cfg(test)]
mod tests;
