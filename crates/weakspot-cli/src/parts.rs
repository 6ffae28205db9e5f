//! The pair of classes that is studied, and its four parts.

use weakspot::Result;
use weakspot::dataset::{Dataset, Limits, Preset, SplitRule, Splits, preset, split};

use crate::args::DataArgs;
use crate::{classes, source};

/// A pair of classes with its parts.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Labels 0 and 1.
    pub(crate) data: Dataset,
    /// Train, tune, fit, eval.
    pub(crate) splits: Splits,
    /// The two classes as the whole data set counts them.
    pub(crate) classes: [usize; 2],
    /// Every class of the whole data set.
    pub(crate) all_classes: Vec<String>,
    /// What is settled for the data set.
    pub(crate) preset: Preset,
    /// The one seed.
    pub(crate) seed: u64,
}

impl Parts {
    /// Opens a data set, takes the pair and divides it.
    ///
    /// # Errors
    /// What the source, the choice of classes and the division report.
    pub(crate) fn open(
        name: &str,
        args: &DataArgs,
        train_limit: Option<usize>,
        seed: u64,
        trains: bool,
    ) -> Result<Self> {
        let whole = source::open(name, args)?;
        let classes = classes::of(&whole, args.classes.as_ref().map(|pair| &pair.0))?;
        let data = whole.pair(classes[0], classes[1])?;
        let all_classes = whole.class_names;
        let preset = preset(&data.name);
        let limits = Limits { train: train_limit.or(preset.train_per_class), eval: args.limit };
        let splits = split(&data, SplitRule::for_dataset(&data, trains), seed, &limits)?;
        Ok(Self { data, splits, classes, all_classes, preset, seed })
    }
}
