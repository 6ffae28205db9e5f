//! What a study found: the content of `results.json` and `ledger.csv`, field by field in `docs/FORMATS.md`.
//!
//! Rates are fractions. A score that was not run is `null`. No number leaves without n and an interval.

pub mod maps;
mod protocols;
mod run;
mod sound;
mod tuned;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::metrics::{FeatureSummary, Mean, Score, ShiftTest};
pub use protocols::Protocol;
pub use run::Run;
pub use sound::check_figures;
pub use tuned::{TunedEval, TunedPoint, TunedScore, TuningRecord};

/// The name and version of the `results.json` format.
pub const SCHEMA: &str = "weakspot-results/2";

/// The version before, which is read too: its headline has no undefended worst case, and the flag `weak-baseline` says so.
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
    /// The study's settings, each by its flag's name where it has one, as text that the flag would accept.
    pub config: BTreeMap<String, String>,
    /// The one seed of every random stream.
    pub seed: u64,
    /// SHA-256 of the data, the weights and the configuration: keys `data`, `weights`, `config`.
    pub checksums: BTreeMap<String, String>,
    /// What was studied.
    pub data: DataRecord,
    /// With which model.
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
    /// What each worst case is the worst of, by protocol: keys `adv_worst` and `adaptive_worst`.
    #[serde(default)]
    pub worst_of: BTreeMap<String, Vec<String>>,
    /// Whether the mask is more than a moved threshold; `null` where the worst cases were not run.
    #[serde(default)]
    pub separation: Option<SeparationRecord>,
    /// A mask that was brought along in place of the blob; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_mask: Option<GivenMaskRecord>,
    /// Scores over epsilon, with the blob kept.
    pub sweep: Vec<SweepPoint>,
    /// The blob against its own shifts.
    pub controls: Vec<Control>,
    /// How much of the planted truth was found; the demo data set only.
    pub truth: Vec<TruthRow>,
    /// The search for thresholds and fill; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<TuningRecord>,
}

/// Where a mask is from that was brought along in place of the blob.
///
/// # Examples
/// ```
/// use weakspot::record::GivenMaskRecord;
///
/// let json = r#"{"source": "mask.png", "sha256": "e3b0c442"}"#;
/// assert_eq!(serde_json::from_str::<GivenMaskRecord>(json)?.source, "mask.png");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenMaskRecord {
    /// The files or the run's folder, as they were typed.
    pub source: String,
    /// SHA-256 of both classes' pixels.
    pub sha256: String,
}

/// A number with its 95 % interval.
///
/// # Examples
/// ```
/// use weakspot::metrics::paired_difference;
/// use weakspot::record::Interval;
///
/// let interval = Interval::from(paired_difference(60, 20, 10, 10));
/// assert!(interval.low < interval.value && interval.value < interval.high);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The number.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl From<crate::metrics::Difference> for Interval {
    fn from(d: crate::metrics::Difference) -> Self {
        Self { value: d.value, low: d.low, high: d.high }
    }
}

impl From<crate::metrics::Balanced> for Interval {
    fn from(b: crate::metrics::Balanced) -> Self {
        Self { value: b.value, low: b.low, high: b.high }
    }
}

/// One comparison of both classes together: the unweighted mean of the two paired differences. Not tested.
///
/// # Examples
/// ```
/// use weakspot::record::BothDifference;
///
/// let json = r#"{"comparison": "mod-clean", "difference": {"value": -0.02, "low": -0.05, "high": 0.01}}"#;
/// let both: BothDifference = serde_json::from_str(json)?;
/// assert_eq!((both.comparison.as_str(), both.difference.value), ("mod-clean", -0.02));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BothDifference {
    /// As in [`PairedTest::comparison`].
    pub comparison: String,
    /// First minus second, a fraction, with MOVER's interval.
    pub difference: Interval,
}

/// Margins under attacks that are run to their end, on at most 300 eval images per class: what a moved threshold explains.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // The attack fools every image. The mask covers every pixel, so that the defended model sees nothing.
/// let separation = run.record.separation.unwrap();
/// let auc = separation.auc.unwrap();
/// assert_eq!((auc.adv_worst.value, auc.adaptive_worst.value), (0.0, 0.5));
/// assert_eq!(separation.placebo.masked_balanced.value, 0.5);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeparationRecord {
    /// Areas under the curve; `null` where a class has fewer than two images.
    pub auc: Option<AucRecord>,
    /// The undefended model with one number added.
    pub placebo: PlaceboRecord,
}

/// How well margins tell the classes apart, whatever the threshold.
///
/// # Examples
/// ```
/// use weakspot::record::{AucRecord, Interval};
///
/// let around = |value: f64| Interval { value, low: value - 0.1, high: value + 0.1 };
/// let auc = AucRecord { adv_worst: around(0.3), adaptive_worst: around(0.5), difference: around(0.2) };
/// assert_eq!(serde_json::to_value(auc)?["difference"]["value"], 0.2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AucRecord {
    /// Of the undefended model.
    pub adv_worst: Interval,
    /// Of the defended model.
    pub adaptive_worst: Interval,
    /// Defended minus undefended (DeLong's paired interval).
    pub difference: Interval,
}

/// The undefended model with one number added to class 1's logit, so that it predicts class 1 as often as the defended one.
///
/// # Examples
/// ```
/// use weakspot::metrics::{Score, balanced_accuracy, mean_difference, paired_difference};
/// use weakspot::record::PlaceboRecord;
///
/// // With the mask the model always predicts class 0. Adding -2.5 to the score of class 1 has the same effect.
/// let scores = [Score::of(10, 10), Score::of(0, 10)];
/// let balanced = balanced_accuracy(10, 10, 0, 10).into();
/// let none = [paired_difference(10, 0, 0, 0), paired_difference(0, 0, 0, 10)];
/// let placebo = PlaceboRecord {
///     shift: -2.5,
///     scores,
///     masked_scores: scores,
///     balanced,
///     masked_balanced: balanced,
///     difference: mean_difference(none).into(),
/// };
/// assert_eq!((placebo.balanced.value, placebo.difference.value), (0.5, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaceboRecord {
    /// The number.
    pub shift: f64,
    /// Accuracy of the placebo on each class, in the order of the classes.
    pub scores: [Score; 2],
    /// Accuracy of the defended model on the same images, under the same attacks.
    pub masked_scores: [Score; 2],
    /// Balanced accuracy of the placebo.
    pub balanced: Interval,
    /// Balanced accuracy of the defended model.
    pub masked_balanced: Interval,
    /// Defended minus placebo: the unweighted mean of the classes' paired differences.
    pub difference: Interval,
}

/// What was studied.
///
/// # Examples
/// ```
/// use weakspot::record::DataRecord;
///
/// let json = r#"{"name": "mine", "classes": ["cat", "dog"], "image_shape": [3, 32, 48], "split": "by hand"}"#;
/// let [channels, height, width] = serde_json::from_str::<DataRecord>(json)?.image_shape;
/// assert_eq!((channels, height, width), (3, 32, 48));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Name of the data set.
    pub name: String,
    /// Names of the two classes.
    pub classes: [String; 2],
    /// `[channels, height, width]`.
    pub image_shape: [usize; 3],
    /// How the parts were made, in words.
    pub split: String,
    /// What a reader should know of the data, one sentence each; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files that were left out because they could not be read; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedFile>,
}

/// A file that was left out.
///
/// # Examples
/// ```
/// use weakspot::record::SkippedFile;
///
/// let json = r#"{"file": "cat/666.jpg", "why": "an empty file"}"#;
/// assert_eq!(serde_json::from_str::<SkippedFile>(json)?.why, "an empty file");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// Its path, within the data set's folder where it lies in one.
    pub file: String,
    /// What was wrong with it.
    pub why: String,
}

/// The model that was studied.
///
/// # Examples
/// ```
/// use weakspot::record::{ClassifierRecord, Seen};
///
/// // A description of your own classifier for the record.
/// let record = ClassifierRecord {
///     arch: "resnet18".to_owned(),
///     n_classes: 2,
///     seen: Some(Seen::HeldOut),
///     ..ClassifierRecord::default()
/// };
/// assert_eq!(serde_json::to_value(record)?["seen"], "held-out");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassifierRecord {
    /// `vgg16`, `vgg16-bn`.
    pub arch: String,
    /// `gap`, `linear3`.
    pub head: String,
    /// The divisor of the channel counts as a fraction, `1` or `1/8`.
    pub width: String,
    /// Number of logits; a model of more than two classes is studied through the pair's two.
    pub n_classes: usize,
    /// `own recipe` (trained now or before: the same bytes), or the name of the file the user gave.
    pub origin: String,
    /// The recipe in words, empty for the user's own weights.
    pub recipe: String,
    /// `fast` or `direct`: how 3x3 convolutions were computed; they round differently.
    pub convolutions: String,
    /// Accuracy on the tune part when training stopped.
    pub tune_accuracy: Option<Score>,
    /// The seed of its training, where this program trained it; absent for other weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_seed: Option<u64>,
    /// Whether it may have been trained on images that are scored; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// The outputs of the pair's two classes; absent for a classifier that was trained for the pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<[usize; 2]>,
    /// The layer the maps are read at.
    pub layer: String,
    /// `[height, width]` of that layer's grid.
    pub grid: [usize; 2],
}

/// Whether a classifier may have been trained on images that are scored.
///
/// # Examples
/// ```
/// use weakspot::record::Seen;
///
/// assert_eq!(serde_json::to_string(&Seen::HeldOut)?, r#""held-out""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It was not: this program divided the images, before its training.
    No,
    /// It was not, as the user states (`--held-out`).
    HeldOut,
    /// Nothing is known of its training.
    Unknown,
}

/// One direction of a study, source class -> target class, scored on the source's eval images.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let direction = &run.record.directions[0];
/// assert_eq!((direction.source.as_str(), direction.target.as_str()), ("left", "right"));
/// // The RoI is the left half and the RoA every pixel, so that the blob is the right half.
/// assert_eq!((direction.blob.area, direction.iou.representatives), (8, Some(0.5)));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Class whose images are scored.
    pub source: String,
    /// Class they are attacked towards.
    pub target: String,
    /// Images per part, of the source class.
    pub n: PartCounts,
    /// What the regions were built from.
    pub fit: FitCounts,
    /// Protocol scores with the headline fill.
    pub scores: Scores,
    /// Attack success rates with the headline fill.
    pub asr: AttackSuccess,
    /// The same for every fill, the headline's first.
    pub by_fill: Vec<FillScores>,
    /// Structural similarity of utility and vulnerability.
    pub ssim: Ssim,
    /// Intersection over union of RoI and RoA.
    pub iou: Iou,
    /// The class's own blob.
    pub blob: RegionRecord,
    /// The mask its images get.
    pub applied_mask: RegionRecord,
    /// Co-location of each image's map at the map's own grid.
    pub colocation: Colocation,
    /// Co-location across images: own class's representative against the other's.
    pub across: Across,
    /// Usefulness and robustness of single features (paper, section II-C).
    pub features: Features,
    /// Reasons to doubt the numbers.
    pub flags: Vec<Flag>,
}

/// Images per part.
///
/// # Examples
/// ```
/// use weakspot::record::PartCounts;
///
/// let counts = PartCounts { fit: 16, eval: 20, ..PartCounts::default() };
/// assert_eq!(serde_json::to_string(&counts)?, r#"{"train":0,"tune":0,"fit":16,"eval":20}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCounts {
    /// Trained the classifier.
    pub train: usize,
    /// Stopped the training.
    pub tune: usize,
    /// Made maps, representatives and blob.
    pub fit: usize,
    /// Made every reported score.
    pub eval: usize,
}

/// What the regions were built from.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // The attack fools all eight fit images of the class. Below 20 successes, all correct images count.
/// let fit = &run.record.directions[0].fit;
/// assert_eq!((fit.images, fit.correct, fit.successes), (8, 8, 8));
/// assert_eq!(fit.roa_from, "all-correct");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitCounts {
    /// Images of the fit part.
    pub images: usize,
    /// Rightly classified before the attack.
    pub correct: usize,
    /// Right before and wrong after.
    pub successes: usize,
    /// Images whose RoI counts.
    pub roi_images: usize,
    /// Images whose RoA counts.
    pub roa_images: usize,
    /// Images that have both: region frequencies and the blob.
    pub both_images: usize,
    /// `successes`, `all-correct` (fewer than 20 successes) or `all` (the paper's preset).
    pub roa_from: String,
    /// Mean share of the image that is RoI, over `roi_images`.
    pub roi_fraction: Mean,
    /// Mean share of the image that is RoA, over `roa_images`.
    pub roa_fraction: Mean,
}

/// Accuracy of the classifier on the source class's eval images under each protocol (METHODS, section 7).
///
/// # Examples
/// ```
/// use weakspot::record::{Protocol, Score, Scores};
///
/// // A protocol that was not run is null.
/// let scores = Scores { clean: Some(Score::of(20, 20)), adv: Some(Score::of(3, 20)), ..Scores::default() };
/// assert_eq!(Protocol::Adv.score(&scores).unwrap().rate, 0.15);
/// assert_eq!(Protocol::Adaptive.score(&scores), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// P0: M(x).
    pub clean: Option<Score>,
    /// P0: M(A_M(x)).
    pub adv: Option<Score>,
    /// P0w, the headline's baseline: x itself, A or PGD fools M.
    #[serde(default)]
    pub adv_worst: Option<Score>,
    /// P0: M(N(x)).
    #[serde(rename = "mod")]
    pub modified: Option<Score>,
    /// P1, the paper's: M(A_M(N(x))).
    pub mod_adv: Option<Score>,
    /// P2: M(N(A_M(x))).
    pub oblivious: Option<Score>,
    /// P3: the attack knows the mask.
    pub adaptive: Option<Score>,
    /// P3w, the headline: N(x) itself, A or PGD fools M after N.
    pub adaptive_worst: Option<Score>,
    /// P4: M(N(A_M(N(x)))).
    pub remasked: Option<Score>,
}

/// Of the images right before the attack, the share that is wrong after it.
///
/// # Examples
/// ```
/// use weakspot::record::{AttackSuccess, Protocol, Score};
///
/// // Of 18 images that were right before the attack, 15 are wrong after it.
/// let rates = AttackSuccess { adv: Some(Score::of(15, 18)), ..AttackSuccess::default() };
/// assert_eq!(Protocol::Adv.asr(&rates).unwrap().k, 15);
/// assert_eq!(Protocol::Clean.asr(&rates), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttackSuccess {
    /// Before: M(x).
    pub adv: Option<Score>,
    /// Before: M(x).
    #[serde(default)]
    pub adv_worst: Option<Score>,
    /// Before: M(N(x)).
    pub mod_adv: Option<Score>,
    /// Before: M(N(x)).
    pub oblivious: Option<Score>,
    /// Before: M(N(x)).
    pub adaptive: Option<Score>,
    /// Before: M(N(x)).
    pub adaptive_worst: Option<Score>,
    /// Before: M(N(x)).
    pub remasked: Option<Score>,
}

/// Scores with one fill.
///
/// # Examples
/// ```
/// use weakspot::record::FillScores;
///
/// let json = r#"{"fill": "channel-mean", "scores": {"clean": null}, "asr": {"adv": null}}"#;
/// let scores: FillScores = serde_json::from_str(json)?;
/// assert_eq!((scores.fill.as_str(), scores.scores.clean), ("channel-mean", None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FillScores {
    /// `0`, `1`, `channel-mean`.
    pub fill: String,
    /// Protocol scores.
    pub scores: Scores,
    /// Attack success rates.
    pub asr: AttackSuccess,
}

/// Structural similarity (Wang et al. 2004); 1 is identity, about 0 is unrelated.
///
/// # Examples
/// ```
/// use weakspot::metrics::Window;
/// use weakspot::record::{Mean, Ssim, SsimPair};
///
/// let maps = SsimPair { mean_of_samples: Mean::of(&[0.1, 0.3]), representatives: Some(0.05) };
/// let ssim = Ssim { window: Window::Uniform.name().to_owned(), masks: maps.clone(), maps };
/// assert_eq!(serde_json::to_value(ssim)?["maps"]["mean_of_samples"]["n"], 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ssim {
    /// `uniform` (7x7) or `gaussian` (11x11).
    pub window: String,
    /// Utility view against vulnerability view; the two frequency maps.
    pub maps: SsimPair,
    /// RoI against RoA; the representatives at theta.
    pub masks: SsimPair,
}

/// Mean over images and the value for the class's representatives.
///
/// # Examples
/// ```
/// use weakspot::record::{Mean, SsimPair};
///
/// // One of the class's two representatives is empty.
/// let pair = SsimPair { mean_of_samples: Mean::of(&[0.1, 0.3]), representatives: None };
/// assert!(serde_json::to_value(pair)?["representatives"].is_null());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SsimPair {
    /// Over eval images where both are non-empty.
    pub mean_of_samples: Mean,
    /// For the representatives; `null` where one of them is empty.
    pub representatives: Option<f64>,
}

/// Intersection over union of RoI and RoA, in [0, 1].
///
/// # Examples
/// ```
/// use weakspot::record::{Iou, Mean, Score};
///
/// let iou = Iou {
///     mean_of_samples: Mean::of(&[0.25, 0.75]),
///     representatives: Some(0.5),
///     shifts: None,
///     share_significant: Score::of(1, 2),
/// };
/// assert_eq!((iou.mean_of_samples.mean, iou.share_significant.rate), (0.5, 0.5));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iou {
    /// Over eval images where both are non-empty.
    pub mean_of_samples: Mean,
    /// For the representatives at theta; `null` where one of them is empty.
    pub representatives: Option<f64>,
    /// The representatives' value among all toroidal shifts; `null` where one of them is empty.
    pub shifts: Option<ShiftTest>,
    /// Share of eval images whose own shift test has an upper p below 0.05.
    pub share_significant: Score,
}

/// Area, share of the image and 8-connected components of a mask.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // The right half of 4x4 pixels, in one piece.
/// let blob = &run.record.directions[0].blob;
/// assert_eq!((blob.area, blob.fraction, blob.components.len()), (8, 0.5, 1));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegionRecord {
    /// Pixels.
    pub area: usize,
    /// Share of the image, a fraction.
    pub fraction: f64,
    /// Largest first.
    pub components: Vec<ComponentRecord>,
}

/// One 8-connected component.
///
/// # Examples
/// ```
/// use weakspot::record::ComponentRecord;
///
/// let json = r#"{"area": 8, "top": 0, "left": 2, "bottom": 4, "right": 4}"#;
/// let part: ComponentRecord = serde_json::from_str(json)?;
/// assert_eq!((part.bottom - part.top) * (part.right - part.left), part.area);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// Pixels.
    pub area: usize,
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Last row plus one.
    pub bottom: usize,
    /// Last column plus one.
    pub right: usize,
}

/// Spatial autocorrelation of single images' maps and masks at their own grids.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // The utility map is larger in one half; the vulnerability map is constant and has no Moran's I.
/// let colocation = &run.record.directions[0].colocation;
/// assert!(colocation.utility.moran.mean > 0.5);
/// assert_eq!(colocation.vulnerability.moran.n, 0);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Colocation {
    /// The utility map.
    pub utility: ColocationOf,
    /// The vulnerability map.
    pub vulnerability: ColocationOf,
}

/// Moran's I of a map and join counts of the mask made from it by the same threshold.
///
/// # Examples
/// ```
/// use weakspot::record::{ColocationOf, Mean, Score};
///
/// let of = ColocationOf {
///     grid: [14, 14],
///     moran: Mean::of(&[0.5, 0.25]),
///     moran_significant: Score::of(1, 2),
///     joins: Mean::of(&[1.5, 1.25]),
///     joins_significant: Score::of(2, 2),
///     control: None,
/// };
/// assert_eq!(of.moran.mean, 0.375);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColocationOf {
    /// `[height, width]` of the map's own grid.
    pub grid: [usize; 2],
    /// Moran's I over images (rook, row-standardised).
    pub moran: Mean,
    /// Share of images with p below 0.05. An untrained network's gradient has that too: see `control`.
    pub moran_significant: Score,
    /// Observed over expected joins between pixels of the mask, over images (rook, binary weights).
    pub joins: Mean,
    /// Share of images with p below 0.05.
    pub joins_significant: Score,
    /// Moran's I beside that of the untrained network and of noise; absent where it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<MoranControl>,
}

/// Moran's I of the same map from the same network with its parameters permuted, and from both on white noise.
///
/// # Examples
/// ```
/// use weakspot::record::{Mean, MoranControl};
///
/// // Two images: 0.75 and 0.5 from the trained network, 0.5 each from the untrained one.
/// let control = MoranControl {
///     untrained: Mean::of(&[0.5, 0.5]),
///     difference: Mean::of(&[0.25, 0.0]),
///     noise: Mean::of(&[0.5]),
///     noise_untrained: Mean::of(&[0.5]),
/// };
/// assert_eq!(control.difference.mean, 0.125);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoranControl {
    /// The untrained network, on at most 200 eval images whose map is not constant from either network.
    pub untrained: Mean,
    /// Paired difference on those images, trained minus untrained: what the claim rests on.
    pub difference: Mean,
    /// The trained network on images of uniform noise.
    pub noise: Mean,
    /// The untrained network on the same noise.
    pub noise_untrained: Mean,
}

/// Mean IoU of each image's mask with representatives.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // Each image's RoI equals its own class's representative and misses the other's.
/// let across = &run.record.directions[0].across;
/// assert_eq!((across.roi.own.mean, across.roi.other.mean), (1.0, 0.0));
/// // The RoA is the whole image in both classes.
/// assert_eq!(across.roa.difference.mean, 0.0);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Across {
    /// RoI.
    pub roi: AcrossOf,
    /// RoA.
    pub roa: AcrossOf,
}

/// Own class's representative (that image left out) against the other class's.
///
/// # Examples
/// ```
/// use weakspot::record::{AcrossOf, Mean};
///
/// // Two images overlap with their own class's representative by 0.75 and 0.5, with the other's by 0.25.
/// let (own, other) = (Mean::of(&[0.75, 0.5]), Mean::of(&[0.25, 0.25]));
/// let across = AcrossOf { own, other, difference: Mean::of(&[0.5, 0.25]) };
/// assert_eq!(across.difference.mean, across.own.mean - across.other.mean);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcrossOf {
    /// With the own class's.
    pub own: Mean,
    /// With the other class's.
    pub other: Mean,
    /// Paired difference, own minus other.
    pub difference: Mean,
}

/// Usefulness rho and robust usefulness gamma of features standardised on the fit part; y = +1 for the source.
///
/// # Examples
/// ```
/// use weakspot::metrics::{RhoGamma, Standardizer};
/// use weakspot::record::Features;
///
/// // 3x32x32 pixel values and 64 channels, before the first image.
/// let of = |features| RhoGamma::new(&Standardizer::new(features)).summary();
/// let features = Features { pixels: of(3072), channels: of(64) };
/// assert_eq!((features.pixels.features, features.channels.useful), (3072, 0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Single input values, worst case in closed form.
    pub pixels: FeatureSummary,
    /// Inputs of the last linear layer, at x*.
    pub channels: FeatureSummary,
}

/// A reason to doubt the numbers (METHODS, section 9).
///
/// # Examples
/// ```
/// use weakspot::record::Flag;
///
/// let json = r#"{"id": "few-successes", "value": 12.0, "advice": "raise --eps"}"#;
/// let flag: Flag = serde_json::from_str(json)?;
/// assert_eq!((flag.id.as_str(), flag.value), ("few-successes", 12.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// `degenerate-roa`, `few-successes`, ...
    pub id: String,
    /// The number that fired it.
    pub value: f64,
    /// What it means and what to do.
    pub advice: String,
}

/// Both classes together under one protocol, headline fill.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let of = |protocol: &str| run.record.together.iter().find(|t| t.protocol == protocol).unwrap();
/// assert_eq!(of("clean").balanced_accuracy, 1.0);
/// // The mask covers every pixel, and the model then always predicts left.
/// let masked = of("mod");
/// assert_eq!((masked.balanced_accuracy, masked.majority_class.as_str()), (0.5, "left"));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// `clean`, `adv`, `mod`, ...
    pub protocol: String,
    /// Accuracy over all eval images.
    pub accuracy: Score,
    /// Mean of the two classes' accuracies.
    pub balanced_accuracy: f64,
    /// Lower end of its 95 % interval.
    pub balanced_low: f64,
    /// Upper end of its 95 % interval.
    pub balanced_high: f64,
    /// Share of predictions in the class predicted most often.
    pub majority_rate: Score,
    /// That class.
    pub majority_class: String,
}

/// A paired comparison of two protocols on the same images.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // The mask covers every pixel and the model then always predicts left: all ten images of right are lost.
/// let is_wanted = |test: &&weakspot::record::PairedTest| test.source == "right" && test.comparison == "mod-clean";
/// let test = run.record.tests.iter().find(is_wanted).unwrap();
/// assert_eq!((test.first_only, test.second_only, test.difference), (0, 10, -1.0));
/// assert_eq!(test.word, "worse");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// Class whose images are compared.
    pub source: String,
    /// `mod-clean`, `mod_adv-adv`, `oblivious-adv`, `adaptive-adv`, `adaptive_worst-adv_worst`: first minus second.
    pub comparison: String,
    /// Images.
    pub n: usize,
    /// Right under the first protocol only.
    pub first_only: usize,
    /// Right under the second only.
    pub second_only: usize,
    /// Difference of the rates, first minus second, a fraction.
    pub difference: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// Exact McNemar p, two-sided.
    pub p: f64,
    /// After Holm's correction over the study's family.
    pub p_holm: f64,
    /// `cannot tell at this eps`, `better`, `worse`, `no effect` or `not shown`.
    pub word: String,
}

/// Scores of one direction at one epsilon, on at most 100 eval images; blob and thresholds as at the study's own epsilon.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // A quarter of epsilon fools no image, epsilon fools every one.
/// let left: Vec<_> = run.record.sweep.iter().filter(|point| point.source == "left").collect();
/// assert_eq!((left[0].epsilon, left[0].adv.rate), (0.075, 1.0));
/// assert_eq!((left[2].epsilon, left[2].adv.rate), (0.3, 0.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Radius in pixel units.
    pub epsilon: f64,
    /// Class whose images are scored.
    pub source: String,
    /// M(x).
    pub clean: Score,
    /// M(A_M(x)).
    pub adv: Score,
    /// P3; `null` where it was not run.
    pub adaptive: Option<Score>,
    /// P0w.
    #[serde(default)]
    pub adv_worst: Option<Score>,
    /// P3w.
    #[serde(default)]
    pub adaptive_worst: Option<Score>,
    /// P3w minus P0w on these images; all radii and classes are one Holm family.
    #[serde(default)]
    pub worst: Option<PairedTest>,
}

/// The blob's score among those of its own random toroidal shifts.
///
/// # Examples
/// ```
/// use weakspot::record::{Control, Score};
///
/// // Two of four shifts score as well as the blob.
/// let control = Control {
///     source: "cat".to_owned(),
///     scored: "adaptive".to_owned(),
///     blob: Score::of(5, 10),
///     shifts: vec![[0, 1], [1, 0], [2, 2], [3, 1]],
///     rates: vec![0.25, 0.5, 0.75, 0.0],
///     rank: 3,
///     p: 3.0 / 5.0,
/// };
/// let as_good = control.rates.iter().filter(|rate| **rate >= control.blob.rate).count();
/// assert_eq!((control.rank, control.p), (1 + as_good, (as_good + 1) as f64 / 5.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Class whose images are scored.
    pub source: String,
    /// `mod`, `adaptive` or `adaptive_worst`.
    pub scored: String,
    /// The blob itself, on the same images.
    pub blob: Score,
    /// The shifts `[rows, columns]`, in the order of `rates`.
    pub shifts: Vec<[usize; 2]>,
    /// Rate of each shifted control, a fraction.
    pub rates: Vec<f64>,
    /// 1 + the number of shifts that score at least as well.
    pub rank: usize,
    /// (r + 1) / (D + 1), r the number of shifts that score at least as well.
    pub p: f64,
}

/// How much of a planted region a found region covers.
///
/// # Examples
/// ```
/// use weakspot::record::TruthRow;
///
/// let json = r#"{"class": "disc", "region": "blob", "by": "method", "iou": 0.5, "precision": 0.5, "recall": 1.0,
///                "found": 512, "planted": 256}"#;
/// let row: TruthRow = serde_json::from_str(json)?;
/// assert_eq!(row.planted as f64 / row.found as f64, row.precision);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthRow {
    /// Class.
    pub class: String,
    /// `roi`, `roa` or `blob`.
    pub region: String,
    /// Found by: `method`, or `random` for the random-map control of the same rule.
    pub by: String,
    /// |found and truth| / |found or truth|.
    pub iou: f64,
    /// |found and truth| / |found|.
    pub precision: f64,
    /// |found and truth| / |truth|.
    pub recall: f64,
    /// Pixels found.
    pub found: usize,
    /// Pixels planted.
    pub planted: usize,
}

/// One eval image: a row of `ledger.csv`. Predictions are class names; a margin is the label's logit minus the
/// other's. Empty where a protocol was not run or a map is empty.
///
/// # Examples
/// ```
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
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // Twenty eval images; the RoI is half of each, the RoA all of it.
/// assert_eq!(run.ledger.len(), 20);
/// let row = &run.ledger[0];
/// assert_eq!((row.clean_prediction.as_ref(), row.clean_margin), (Some(&row.label), Some(2.0)));
/// assert_eq!((row.roi_area, row.roa_area, row.u_minus_v_plus_area), (8, 16, 8));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "every column follows the pattern said above; docs/FORMATS.md lists them")]
pub struct LedgerRow {
    pub id: String,
    pub label: String,
    pub clean_prediction: Option<String>,
    pub clean_margin: Option<f32>,
    pub adv_prediction: Option<String>,
    pub adv_margin: Option<f32>,
    #[serde(default)]
    pub adv_worst_prediction: Option<String>,
    #[serde(default)]
    pub adv_worst_margin: Option<f32>,
    pub mod_prediction: Option<String>,
    pub mod_margin: Option<f32>,
    pub mod_adv_prediction: Option<String>,
    pub mod_adv_margin: Option<f32>,
    pub oblivious_prediction: Option<String>,
    pub oblivious_margin: Option<f32>,
    pub adaptive_prediction: Option<String>,
    pub adaptive_margin: Option<f32>,
    pub adaptive_worst_prediction: Option<String>,
    pub adaptive_worst_margin: Option<f32>,
    pub remasked_prediction: Option<String>,
    pub remasked_margin: Option<f32>,
    pub roi_area: usize,
    pub roa_area: usize,
    pub u_minus_v_minus_area: usize,
    pub u_minus_v_plus_area: usize,
    pub u_plus_v_minus_area: usize,
    pub u_plus_v_plus_area: usize,
    pub ssim_maps: Option<f64>,
    pub ssim_masks: Option<f64>,
    pub iou: Option<f64>,
}
