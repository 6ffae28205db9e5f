//! The rows of `ledger.csv`.

use serde::{Deserialize, Serialize};

/// One eval image: a row of `ledger.csv`. Predictions are class names; a margin is the label's logit minus the
/// other's. A value is empty if its protocol was not run or its map is empty.
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
#[expect(missing_docs, reason = "every column follows the pattern above; docs/FORMATS.md lists them")]
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
