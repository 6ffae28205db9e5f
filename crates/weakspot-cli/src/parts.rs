//! The pair of classes that is studied, and its four parts.

use weakspot::Result;
use weakspot::dataset::pictures::copies;
use weakspot::dataset::{
    Dataset, Limits, Preset, SplitRule, Splits, preset, split, split_by_group, torn_groups,
};
use weakspot::progress::Observer as _;

use crate::args::{DataArgs, SplitBy};
use crate::classes;
use crate::progress::Progress;
use crate::source::Source;

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
    /// Opens a data set, takes the pair, divides it, and says what is odd about it.
    ///
    /// # Errors
    /// What the source, the choice of classes and the division report.
    pub(crate) fn open(
        name: &str,
        args: &DataArgs,
        train_limit: Option<usize>,
        seed: u64,
        trains: bool,
        progress: &Progress,
    ) -> Result<Self> {
        let whole = progress.while_reading(|| Source::find(name, args))?;
        let all_classes = whole.class_names().to_vec();
        let classes = classes::of(whole.name(), &all_classes, args.classes.as_ref().map(|pair| &pair.0))?;
        let mut data = whole.pair(classes[0], classes[1], progress)?;
        progress.end_stage();
        let preset = preset(&data.name);
        let limits = Limits { train: train_limit.or(preset.train_per_class), eval: args.limit };
        let splits = match args.split_by {
            SplitBy::Image => split(&data, SplitRule::for_dataset(&data, trains), seed, &limits)?,
            SplitBy::Slide => split_by_group(&data, trains, seed, &limits)?,
        };
        let mut notes = copies(&data, &splits);
        notes.extend(torn_groups(&data, &splits));
        data.provenance.notes.extend(notes);
        for note in &data.provenance.notes {
            progress.note(&format!("note: {note}"));
        }
        if let [first, ..] = data.provenance.skipped.as_slice() {
            progress.note(&format!(
                "note: {} files could not be read and are left out, {} ({}) first; the report lists them",
                data.provenance.skipped.len(),
                first.file,
                first.why
            ));
        }
        Ok(Self { data, splits, classes, all_classes, preset, seed })
    }
}
