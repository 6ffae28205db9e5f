//! What a study found: the content of `results.json` and `ledger.csv`, field by field in `docs/FORMATS.md`.
//!
//! Rates are fractions. A score that was not run is `null`. Every result comes with its n and an interval.

mod colocation;
mod comparisons;
mod direction;
mod ledger;
pub mod maps;
mod protocols;
mod regions;
mod run;
mod scores;
mod separation;
mod sound;
mod subject;
mod tuned;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::metrics::{FeatureSummary, Mean, Score, ShiftTest};
pub use colocation::{Across, AcrossOf, Colocation, ColocationOf, MoranControl};
pub use comparisons::{BothDifference, Control, Interval, PairedTest, SweepPoint};
pub use direction::{Direction, Features, FitCounts, Flag, PartCounts};
pub use ledger::LedgerRow;
pub use protocols::Protocol;
pub use regions::{ComponentRecord, Iou, RegionRecord, Ssim, SsimPair, TruthRow};
pub use run::Run;
pub use scores::{AttackSuccess, FillScores, Scores, Together};
pub use separation::{AucRecord, PlaceboRecord, SeparationRecord};
pub use sound::check_figures;
pub use subject::{ClassifierRecord, DataRecord, GivenMaskRecord, Seen, SkippedFile};
pub use tuned::{TunedEval, TunedPoint, TunedScore, TuningRecord};

/// The name and version of the `results.json` format.
pub const SCHEMA: &str = "weakspot-results/2";

/// The version before it, which is still read. Its headline has no undefended worst case, and the flag `weak-baseline`
/// warns of that.
pub const SCHEMA_BEFORE: &str = "weakspot-results/1";

/// Everything a study found.
///
/// # Examples
/// ```
/// use weakspot::record::SCHEMA;
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
/// // The attack fools every image.
/// let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let record = run.record;
/// assert_eq!((record.schema.as_str(), record.config["eps"].as_str()), (SCHEMA, "0.3"));
/// let scores = &record.directions[0].scores;
/// assert_eq!((scores.clean.unwrap().rate, scores.adv.unwrap().rate), (1.0, 0.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// The study's settings, by the names of their flags where they have one, as text that the flag accepts.
    pub config: BTreeMap<String, String>,
    /// The one seed of every random stream.
    pub seed: u64,
    /// SHA-256 of the data, the weights and the configuration: keys `data`, `weights`, `config`.
    pub checksums: BTreeMap<String, String>,
    /// The data set.
    pub data: DataRecord,
    /// The model.
    pub classifier: ClassifierRecord,
    /// The two directions: images of class a attacked towards b, and of class b towards a.
    pub directions: Vec<Direction>,
    /// Both classes together, one entry per protocol that was run.
    pub together: Vec<Together>,
    /// Paired comparisons: one Holm family.
    pub tests: Vec<PairedTest>,
    /// The comparisons of both classes together, in the order of `tests`.
    #[serde(default)]
    pub differences: Vec<BothDifference>,
    /// What each worst case was taken over, by protocol: keys `adv_worst` and `adaptive_worst`.
    #[serde(default)]
    pub worst_of: BTreeMap<String, Vec<String>>,
    /// Whether the mask does more than move a threshold; `null` if the worst cases were not run.
    #[serde(default)]
    pub separation: Option<SeparationRecord>,
    /// A mask that the user gave in place of the blob; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_mask: Option<GivenMaskRecord>,
    /// Scores over epsilon, with the same blob.
    pub sweep: Vec<SweepPoint>,
    /// The mask compared with random shifts of it.
    pub controls: Vec<Control>,
    /// How much of the planted truth was found; the demo data set only.
    pub truth: Vec<TruthRow>,
    /// The search for thresholds and fill; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<TuningRecord>,
}
