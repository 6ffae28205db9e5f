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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenMaskRecord {
    /// The files or the run's folder, as they were typed.
    pub source: String,
    /// SHA-256 of both classes' pixels.
    pub sha256: String,
}

/// A number with its 95 % interval.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BothDifference {
    /// As in [`PairedTest::comparison`].
    pub comparison: String,
    /// First minus second, a fraction, with MOVER's interval.
    pub difference: Interval,
}

/// Margins under attacks that are run to their end, on at most 300 eval images per class: what a moved threshold explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeparationRecord {
    /// Areas under the curve; `null` where a class has fewer than two images.
    pub auc: Option<AucRecord>,
    /// The undefended model with one number added.
    pub placebo: PlaceboRecord,
}

/// How well margins tell the classes apart, whatever the threshold.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// Its path, within the data set's folder where it lies in one.
    pub file: String,
    /// What was wrong with it.
    pub why: String,
}

/// The model that was studied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Accuracy of the classifier on the source class's eval images under each protocol (method, section 7).
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SsimPair {
    /// Over eval images where both are non-empty.
    pub mean_of_samples: Mean,
    /// For the representatives; `null` where one of them is empty.
    pub representatives: Option<f64>,
}

/// Intersection over union of RoI and RoA, in [0, 1].
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Colocation {
    /// The utility map.
    pub utility: ColocationOf,
    /// The vulnerability map.
    pub vulnerability: ColocationOf,
}

/// Moran's I of a map and join counts of the mask made from it by the same threshold.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Across {
    /// RoI.
    pub roi: AcrossOf,
    /// RoA.
    pub roa: AcrossOf,
}

/// Own class's representative (that image left out) against the other class's.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Single input values, worst case in closed form.
    pub pixels: FeatureSummary,
    /// Inputs of the last linear layer, at x*.
    pub channels: FeatureSummary,
}

/// A reason to doubt the numbers (method, section 9).
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
