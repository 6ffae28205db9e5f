//! The fast gradient sign method.
//!
//! ```text
//! x* = clip( x + eps * sign( g ), 0, 1 ),   g = gradient of the loss of the label at x,   sign(0) = 0
//! ```
//!
//! eps: `threat.epsilon`; the mask of allowed pixels multiplies g. A targeted attack descends the loss of the target.

use ndarray::{Array4, Zip};

use super::job::sign;
use super::settings::none;
use super::{Attack, AttackJob, AttackRow, Measure};
use crate::error::Result;

/// What the command line and the tests know about it.
pub(super) static ROW: AttackRow = AttackRow {
    name: "fgsm",
    summary: "one signed gradient step",
    reference: Some("Goodfellow, Shlens and Szegedy 2015, arXiv:1412.6572"),
    single_step: true,
    measure: Measure::Gradient,
    settings: none,
    new: |_, _| Ok(Box::new(Fgsm)),
};

/// FGSM: one step to the corner of the ball that the gradient points to.
///
/// For two classes g is the gradient of `z_other - z_label` ([`crate::objective::Objective::Loss`]).
///
/// # Determinism
/// Draws nothing.
///
/// # References
/// Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, arXiv:1412.6572,
/// section 4.
///
/// # Where we differ
/// The paper does not clip; pixels stay in `[0, 1]` here. A pixel whose gradient is exactly 0 is not moved.
///
/// # Examples
/// ```
/// use weakspot::attack::{Attack, AttackJob, Epsilon, Fgsm, Goal, ThreatModel};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// // Two pixels at 0.5, epsilon 0.25; the label's logit is x0 - x1 + 1/8.
/// assert_eq!(Fgsm.perturb(&job)?.as_slice(), Some(&[0.25, 0.75][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Fgsm;

impl Attack for Fgsm {
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>> {
        let gradient = job.clean_gradient()?;
        let step = job.direction() * job.threat.epsilon.get();
        let mut images = job.images.to_owned();
        Zip::from(&mut images).and(&gradient).for_each(|x, &g| *x += step * sign(g));
        job.threat.project(job.images, &mut images);
        Ok(images)
    }
}
