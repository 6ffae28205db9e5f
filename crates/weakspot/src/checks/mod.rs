//! Reasons to doubt the numbers: each flag with its number and an advice (METHODS, section 9).

mod evidence;
mod upgrade;

pub use evidence::{Evidence, LEAST_TUNE_IMAGES, flags, weak_baseline};
pub use upgrade::upgrade;
