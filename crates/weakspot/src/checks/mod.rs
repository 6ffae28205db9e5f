//! Reasons to doubt the numbers: each flag with its number and an advice (method, section 9).

mod evidence;

pub use evidence::{Evidence, flags, weak_baseline};
