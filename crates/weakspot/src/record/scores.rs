//! Scores under the protocols: of one class, with each fill, and of both classes together.

use serde::{Deserialize, Serialize};

use crate::metrics::Score;

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
    /// P0w, the headline's baseline: wrong if x itself is wrong, or if A or PGD fools M.
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
    /// P3w, the headline: wrong if N(x) itself is wrong, or if A or PGD fools M after N.
    pub adaptive_worst: Option<Score>,
    /// P4: M(N(A_M(N(x)))).
    pub remasked: Option<Score>,
}

/// Of the images that are correct before the attack, the share that is wrong after it.
///
/// # Examples
/// ```
/// use weakspot::record::{AttackSuccess, Protocol, Score};
///
/// // Of 18 images that were correct before the attack, 15 are wrong after it.
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
    /// Share of predictions in the class that is predicted most often.
    pub majority_rate: Score,
    /// That class.
    pub majority_class: String,
}
