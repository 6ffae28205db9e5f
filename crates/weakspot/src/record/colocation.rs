//! Whether the pixels of a region lie together, in one image and across images.

use serde::{Deserialize, Serialize};

use crate::metrics::{Mean, Score};

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
    /// Share of images with p below 0.05. It is high for an untrained network's gradient too: see `control`.
    pub moran_significant: Score,
    /// Observed over expected joins between pixels of the mask, over images (rook, binary weights).
    pub joins: Mean,
    /// Share of images with p below 0.05.
    pub joins_significant: Score,
    /// Moran's I of the untrained network and of noise, for comparison; absent if it was not run.
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
    /// Paired difference on those images, trained minus untrained; the claim rests on it.
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
/// // Each image's RoI equals its own class's representative and does not overlap the other's.
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

/// Overlap with the own class's representative (with that image left out) and with the other class's.
///
/// # Examples
/// ```
/// use weakspot::record::{AcrossOf, Mean};
///
/// // Two images overlap their own class's representative by 0.75 and 0.5, and the other's by 0.25.
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
