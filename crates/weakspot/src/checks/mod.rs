//! Reasons to doubt the numbers: each flag with its number and advice (METHODS, section 9).

mod evidence;
mod upgrade;

pub(crate) use evidence::{Evidence, flags, weak_baseline};
pub(crate) use upgrade::upgrade;
