//! Perturbations inside a stated threat model; one attack per file, one referee that projects, re-classifies and
//! measures.

mod epsilon;
mod fgsm;
mod grid;
mod job;
mod noise;
mod pgd;
pub mod referee;
mod settings;
#[cfg(test)]
mod tests;
mod vulnerability;

use std::fmt;

use ndarray::Array4;

pub use epsilon::Epsilon;
pub use fgsm::Fgsm;
pub use grid::to_levels;
pub use job::{AttackJob, Goal, ThreatModel};
pub use noise::Noise;
pub use pgd::Pgd;
pub use referee::Outcome;
pub use settings::{AttackKind, AttackRow, AttackSettings, NewAttack};
pub use vulnerability::{Measure, Vulnerability, vulnerability};

use crate::error::Result;

/// A way to perturb images.
///
/// An attack proposes; [`referee::run`] projects what it proposes into the threat model and classifies it again.
/// A new attack is one file with one implementation of this trait and its [`AttackRow`], and one line in
/// [`AttackKind::ALL`].
pub trait Attack: fmt::Debug + Send + Sync {
    /// Perturbed images, of the shape of the job's.
    ///
    /// The result for one image must not depend on what else is in the batch.
    ///
    /// # Errors
    /// What the classifier's passes report.
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>>;
}
