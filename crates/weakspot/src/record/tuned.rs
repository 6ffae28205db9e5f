//! What a search for thresholds and fill leaves in the record.

use serde::{Deserialize, Serialize};

use crate::metrics::Score;

/// The search for thresholds and fill on the tune part (METHODS, section 14).
///
/// # Examples
/// ```
/// use weakspot::study::Tuning;
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
/// let tune = Some(Tuning::new(plan.fills.clone())?);
/// let plan = Plan { tune, ..plan };
/// let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let search = run.record.tuning.unwrap();
/// // Two tune images of each class, and a grid of 5 x 5 x 3 x 2 points.
/// assert_eq!((search.n, search.points.len()), ([2, 2], 150));
/// assert_eq!(search.points[search.chosen].fill, run.record.directions[0].by_fill[0].fill);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningRecord {
    /// The protocol under which the search scored: `adaptive` or `mod_adv`.
    pub scored: String,
    /// The share of the tune images by which neutralization may lower the accuracy.
    pub cost: f64,
    /// Tune images of each class that were scored.
    pub n: [usize; 2],
    /// Whether the same part also stopped the training, so that its accuracies flatter the classifier.
    pub stopped_training: bool,
    /// M(x) on them.
    pub clean: TunedScore,
    /// M(A_M(x)) on them.
    pub adv: TunedScore,
    /// Different pairs of mask and fill that were scored, counted class by class; equal pairs were scored once.
    pub evaluated: usize,
    /// The grid: delta1 outermost, then delta2, theta and fill.
    pub points: Vec<TunedPoint>,
    /// Place in `points` of the one that the study used.
    pub chosen: usize,
    /// Place in `points` of the one that the study would have used without a search; `null` if the grid does not have
    /// it.
    pub untuned: Option<usize>,
    /// The chosen point on eval, both classes.
    pub eval: TunedEval,
}

/// Correct images of the tune part.
///
/// # Examples
/// ```
/// use weakspot::record::{Score, TunedScore};
///
/// let k = [190, 170];
/// let score = TunedScore { k, both: Score::of(k[0] + k[1], 400) };
/// assert_eq!(score.both.rate, 0.9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedScore {
    /// Of each class.
    pub k: [usize; 2],
    /// Of both together.
    pub both: Score,
}

/// One point of the grid.
///
/// # Examples
/// ```
/// use weakspot::record::{Score, TunedPoint, TunedScore};
///
/// let score = |k: [usize; 2]| TunedScore { k, both: Score::of(k[0] + k[1], 400) };
/// let point = TunedPoint {
///     delta1: "top:30%".to_owned(),
///     delta2: "top:10%".to_owned(),
///     theta: 0.5,
///     fill: "0".to_owned(),
///     area: [40, 40],
///     modified: score([198, 197]),
///     attacked: score([80, 60]),
///     front: true,
///     within: true,
/// };
/// assert_eq!(serde_json::to_value(point)?["mod"]["both"]["k"], 395);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedPoint {
    /// Threshold of the RoI.
    pub delta1: String,
    /// Threshold of the RoA.
    pub delta2: String,
    /// Frequency at which a class-level map becomes a mask.
    pub theta: f64,
    /// The fill.
    pub fill: String,
    /// Pixels of the mask that the images of each class get.
    pub area: [usize; 2],
    /// M(N(x)).
    #[serde(rename = "mod")]
    pub modified: TunedScore,
    /// Under the protocol of the search.
    pub attacked: TunedScore,
    /// Whether no other point is at least as good in both and better in one.
    pub front: bool,
    /// Whether neutralization costs no more than allowed.
    pub within: bool,
}

/// The chosen point on eval images, which the search never saw. Both classes together.
///
/// # Examples
/// ```
/// use weakspot::record::{Score, TunedEval};
///
/// let of = |k| Score::of(k, 400);
/// let eval = TunedEval { clean: of(396), adv: of(70), modified: of(390), attacked: of(140) };
/// assert_eq!(eval.attacked.k - eval.adv.k, 70);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedEval {
    /// M(x).
    pub clean: Score,
    /// M(A_M(x)).
    pub adv: Score,
    /// M(N(x)).
    #[serde(rename = "mod")]
    pub modified: Score,
    /// Under the protocol of the search.
    pub attacked: Score,
}
