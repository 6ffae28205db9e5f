//! What a search for thresholds and fill leaves in the record.

use serde::{Deserialize, Serialize};

use crate::metrics::Score;

/// The search for thresholds and fill on the tune part (method, section 14).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningRecord {
    /// The protocol that was searched under: `adaptive` or `mod_adv`.
    pub scored: String,
    /// The share of the tune images by which neutralization may lower the accuracy.
    pub cost: f64,
    /// Tune images of each class that were scored.
    pub n: [usize; 2],
    /// Whether the same part had stopped the training, so that its accuracies flatter.
    pub stopped_training: bool,
    /// M(x) on them.
    pub clean: TunedScore,
    /// M(A_M(x)) on them.
    pub adv: TunedScore,
    /// Different pairs of mask and fill that were scored, classes apart; equal ones were scored once.
    pub evaluated: usize,
    /// The grid: delta1 outermost, then delta2, theta and fill.
    pub points: Vec<TunedPoint>,
    /// Place in `points` of the one that the study went on with.
    pub chosen: usize,
    /// Place in `points` of what the study would have used without a search; `null` if the grid does not hold it.
    pub untuned: Option<usize>,
    /// The chosen point on eval, both classes.
    pub eval: TunedEval,
}

/// Right images of the tune part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedScore {
    /// Of each class.
    pub k: [usize; 2],
    /// Of both together.
    pub both: Score,
}

/// One point of the grid.
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
    /// Under the protocol that was searched under.
    pub attacked: TunedScore,
    /// Whether no other point is as good in both and better in one.
    pub front: bool,
    /// Whether neutralization costs no more than was allowed.
    pub within: bool,
}

/// The chosen point on eval images, which the search never saw. Both classes together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedEval {
    /// M(x).
    pub clean: Score,
    /// M(A_M(x)).
    pub adv: Score,
    /// M(N(x)).
    #[serde(rename = "mod")]
    pub modified: Score,
    /// Under the protocol that was searched under.
    pub attacked: Score,
}
