//! The pair of classes that is studied, and its four parts.

use weakspot::dataset::outputs::Labels;
use weakspot::dataset::pictures::copies;
use weakspot::dataset::{Dataset, Limits, SplitRule, Splits, known, split, split_by_group, torn_groups};
use weakspot::progress::Observer as _;
use weakspot::record::Seen;
use weakspot::{Error, Result, digest};
use weakspot_nn::checkpoint::{Description, DrawnParts};

use crate::args::{DataArgs, SplitBy};
use crate::data::classes;
use crate::data::source::Source;
use crate::terminal::progress::Progress;

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
    all_classes: Vec<String>,
    /// Whether its files call classes by numbers.
    numbered: bool,
    /// The outputs of the user's weights that were typed for the two classes.
    typed: Option<[usize; 2]>,
    /// How the parts were drawn, for weights that are trained on them.
    pub(crate) drawn: DrawnParts,
    /// Whether the weights may have been trained on images that are scored.
    pub(crate) seen: Seen,
    /// The one seed.
    pub(crate) seed: u64,
}

impl Parts {
    /// Opens a data set, takes the pair, divides it, and reports what is odd about it.
    ///
    /// # Errors
    /// What the source, the choice of classes and the division report.
    pub(crate) fn open(
        name: &str,
        args: &DataArgs,
        train_limit: Option<usize>,
        seed: u64,
        of: For<'_>,
        progress: &Progress,
    ) -> Result<Self> {
        let whole = progress.while_reading(|| Source::find(name, args))?;
        let (all_classes, numbered) = (whole.class_names().to_vec(), whole.is_numbered());
        let asked = args.classes.as_ref();
        let classes = classes::of(whole.name(), &all_classes, asked.map(|pair| &pair.names))?;
        let typed = asked.and_then(|pair| pair.outputs);
        if let (Some([a, _]), For::Training) = (typed, of) {
            return Err(Error::invalid(format!(
                "--classes {}={a} names an output of --weights; a classifier that is trained here has its own order",
                all_classes[classes[0]]
            ))
            .with_hint(format!("--classes {},{}", all_classes[classes[0]], all_classes[classes[1]])));
        }
        let mut data = whole.pair(classes[0], classes[1], progress)?;
        progress.end_stage();
        let settled = known::by_name(&data.name).and_then(|set| set.train_per_class);
        let limits = Limits { train: train_limit.or(settled), eval: args.limit };
        let mut drawn = DrawnParts { seed, slides: args.split_by == SplitBy::Slide, ids: ids_digest(&data) };
        let seen = match of {
            For::Training => Seen::No,
            For::Weights { known, held_out } => match trained_on(known, &data) {
                // The weights' own parts, whatever was typed: they were trained on the rest of the images.
                Some(own) if own.ids == drawn.ids => {
                    drawn = own;
                    progress.note(&format!(
                        "the weights were trained on these images: their own parts are used, drawn with seed {}{}, so \
                         that no image they were trained on is scored",
                        drawn.seed,
                        if drawn.slides { " by whole slides" } else { "" }
                    ));
                    Seen::No
                }
                _ if held_out => Seen::HeldOut,
                _ => Seen::Unknown,
            },
        };
        let trains = seen == Seen::No;
        let splits = if drawn.slides {
            split_by_group(&data, trains, drawn.seed, &limits)?
        } else {
            split(&data, SplitRule::for_dataset(&data, trains), drawn.seed, &limits)?
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
        Ok(Self { data, splits, classes, all_classes, numbered, typed, drawn, seen, seed })
    }

    /// The classes of the whole data set, as a model's outputs are matched with them.
    pub(crate) fn labels(&self) -> Labels<'_> {
        if self.numbered { Labels::numbered(&self.all_classes) } else { Labels::named(&self.all_classes) }
    }

    /// The outputs that were typed for the two classes, by the classes' names.
    pub(crate) fn typed_outputs(&self) -> Vec<(String, usize)> {
        let typed = self.typed.into_iter().flatten();
        self.classes.iter().map(|&class| self.all_classes[class].clone()).zip(typed).collect()
    }
}

/// What the parts are for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For<'a> {
    /// A classifier is trained on them.
    Training,
    /// Weights that the user brings are scored: how they describe themselves, and whether the user says that they were
    /// not trained on these images.
    Weights { known: Option<&'a Description>, held_out: bool },
}

/// The parts that weights were trained with, if that was on these very images, in either order of the two classes.
fn trained_on(known: Option<&Description>, data: &Dataset) -> Option<DrawnParts> {
    let (known, (_, checksum)) = known.and_then(|known| Some((known, known.dataset.as_ref()?)))?;
    let other_way_round = || {
        let labels: Vec<usize> = data.labels.iter().map(|label| 1 - label).collect();
        let names = [data.class_names[1].clone(), data.class_names[0].clone()];
        Dataset::checksum_of(&data.pixels, Some(&labels), &names)
    };
    (*checksum == data.checksum || *checksum == other_way_round()).then(|| known.parts.clone()).flatten()
}

/// A digest of the images' ids, which decide their parts.
fn ids_digest(data: &Dataset) -> String {
    digest::sha256(data.ids.join("\0").as_bytes())
}
