//! `weakspot` shows where an image classifier looks, where an attacker strikes, and whether blocking the places
//! that are struck but not looked at helps.
//!
//! It implements Chattopadhyay, Yip, Tan and Chattopadhyay, *Spatially Correlated Patterns in Adversarial
//! Images*, and says in `docs/METHODS.md` where it goes beyond. Plain arrays and the
//! [`classifier::Classifier`] trait: no machine-learning framework.
#![deny(missing_docs)]

pub mod attack;
pub mod attribution;
pub mod checks;
pub mod classifier;
pub mod dataset;
pub mod digest;
pub mod error;
pub mod image;
pub mod input;
pub mod metrics;
pub mod num;
pub mod objective;
pub mod output;
pub mod progress;
pub mod record;
pub mod region;
pub mod report;
pub mod rng;
pub mod study;
pub mod testing;

pub use error::{Error, ErrorKind, Result};
