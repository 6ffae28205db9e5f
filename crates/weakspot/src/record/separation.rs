//! Whether the mask does more than a moved threshold.

use serde::{Deserialize, Serialize};

use super::Interval;
use crate::metrics::Score;

/// Margins under attacks that are run to their end, on at most 300 eval images per class: how much a moved threshold
/// explains.
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
/// // The attack fools every image. The mask covers every pixel, so the defended model sees nothing.
/// let separation = run.record.separation.unwrap();
/// let auc = separation.auc.unwrap();
/// assert_eq!((auc.adv_worst.value, auc.adaptive_worst.value), (0.0, 0.5));
/// assert_eq!(separation.placebo.masked_balanced.value, 0.5);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeparationRecord {
    /// Areas under the curve; `null` if a class has fewer than two images.
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

/// The undefended model with one number added to class 1's logit, so that it predicts class 1 as often as the defended
/// model.
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
