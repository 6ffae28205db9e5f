//! RoI against RoA, the blob and its components, and the planted truth.

use serde::{Deserialize, Serialize};

use crate::metrics::{Mean, Score, ShiftTest};

/// Structural similarity (Wang et al. 2004): 1 for identical maps, about 0 for unrelated ones.
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
    /// Of the utility and vulnerability views; of the two frequency maps.
    pub maps: SsimPair,
    /// Of RoI and RoA; of the representatives at theta.
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
    /// For the representatives; `null` if one of them is empty.
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
    /// For the representatives at theta; `null` if one of them is empty.
    pub representatives: Option<f64>,
    /// The representatives' value among all toroidal shifts; `null` if one of them is empty.
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
    /// How it was found: `method`, or `random` for the same rule on a random map.
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
