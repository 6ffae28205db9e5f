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
///
/// # Examples
/// ```
/// use weakspot::attack::{Attack, AttackJob, Epsilon, Goal, ThreatModel, referee};
///
/// /// Makes every pixel white, as far as the threat model allows.
/// #[derive(Debug)]
/// struct White;
///
/// impl Attack for White {
///     fn perturb(&self, job: &AttackJob<'_>) -> weakspot::Result<ndarray::Array4<f32>> {
///         Ok(ndarray::Array4::ones(job.images.raw_dim()))
///     }
/// }
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
///
/// let outcome = referee::run(&White, &job)?;
/// assert_eq!(outcome.adversarial.as_slice(), Some(&[0.75, 0.75][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub trait Attack: fmt::Debug + Send + Sync {
    /// Perturbed images, of the shape of the job's.
    ///
    /// The result for one image must not depend on what else is in the batch.
    ///
    /// # Errors
    /// What the classifier's passes report.
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>>;
}
