//! Differences between protocols on the same images: tests, the sweep over epsilon, shifted controls.

use serde::{Deserialize, Serialize};

use crate::metrics::{Balanced, Difference, Score};

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

impl From<Difference> for Interval {
    fn from(d: Difference) -> Self {
        Self { value: d.value, low: d.low, high: d.high }
    }
}

impl From<Balanced> for Interval {
    fn from(b: Balanced) -> Self {
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
/// // The mask covers every pixel, and the model then always predicts left: all ten images of right become wrong.
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
    /// Images that are correct under the first protocol only.
    pub first_only: usize,
    /// Images that are correct under the second only.
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

/// Scores of one direction at one epsilon, on at most 100 eval images, with the blob and the thresholds of the study's
/// own epsilon.
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
    /// P3; `null` if it was not run.
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

/// The mask's score beside those of random toroidal shifts of it.
///
/// # Examples
/// ```
/// use weakspot::record::{Control, Score};
///
/// // Two of four shifts score as well as the mask.
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
    /// The mask itself, on the same images.
    pub blob: Score,
    /// The shifts `[rows, columns]`, in the order of `rates`.
    pub shifts: Vec<[usize; 2]>,
    /// Rate of each shifted control, a fraction.
    pub rates: Vec<f64>,
    /// 1 + the number of shifts that score at least as well.
    pub rank: usize,
    /// (r + 1) / (D + 1) if r of D shifts score at least as well.
    pub p: f64,
}
