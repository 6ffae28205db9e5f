//! One direction of a study: its images, what the regions were built from, its features and flags.

use serde::{Deserialize, Serialize};

use super::{Across, AttackSuccess, Colocation, FillScores, Iou, RegionRecord, Scores, Ssim};
use crate::metrics::{FeatureSummary, Mean};

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
/// // The RoI is the left half and the RoA every pixel, so the blob is the right half.
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
    /// Co-location across images: overlap with the own class's representative and with the other's.
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
    /// Images on which the classifier was trained.
    pub train: usize,
    /// Images that decided when to stop the training.
    pub tune: usize,
    /// Images from which representatives and blob were made.
    pub fit: usize,
    /// Images from which every reported score was computed.
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
    /// Correctly classified before the attack.
    pub correct: usize,
    /// Correct before the attack and wrong after it.
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
/// let json = r#"{"id": "few-successes", "value": 12.0, "advice": "raise eps"}"#;
/// let flag: Flag = serde_json::from_str(json)?;
/// assert_eq!((flag.id.as_str(), flag.value), ("few-successes", 12.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// `degenerate-roa`, `few-successes`, ...
    pub id: String,
    /// The number that raised it.
    pub value: f64,
    /// What it means and what to do.
    pub advice: String,
}
