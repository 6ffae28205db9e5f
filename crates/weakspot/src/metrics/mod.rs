//! Numbers with a direction, a range and a definition: SSIM, overlap, intervals, paired tests, spatial
//! statistics.
//!
//! Everything here is a function of its arguments: the same input gives the same bytes, on any number of
//! threads. Random permutations come from the [`Stream`](crate::rng::Stream) the caller hands over.

pub mod binomial;
mod exact;
mod features;
#[cfg(test)]
mod golden;
mod intervals;
mod joins;
mod moran;
mod overlap;
mod paired;
mod separation;
mod shifts;
mod ssim;
mod student;

pub use exact::EXACT_FROM;
pub use features::{FeatureSummary, RhoGamma, Standardizer, Usefulness};
pub(crate) use intervals::wilson;
pub use intervals::{Balanced, Mean, Score, Z_95, balanced_accuracy};
pub use joins::{JoinTest, join_count, join_test};
pub use moran::{PermutationTest, moran_test, morans_i};
pub use overlap::{Overlap, iou};
pub use paired::{
    CANNOT_TELL, Difference, Verdict, at_one_end, holm, mcnemar_exact, mean_difference, paired_difference,
    verdict,
};
pub use separation::{Placebo, Separation, placebo, separation};
pub use shifts::{ShiftOverlap, ShiftTest};
pub use ssim::{Window, ssim};
pub use student::{FewMean, t_95};
