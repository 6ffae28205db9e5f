//! Random signs: the attack that knows nothing.
//!
//! ```text
//! x* = clip( x + eps * s, 0, 1 ),   s uniform in {-1, +1} for each value
//! ```

use ndarray::Array4;

use super::settings::none;
use super::{Attack, AttackJob, AttackRow, Measure};
use crate::error::Result;
use crate::rng;

/// What the command line and the tests know about it.
pub(super) static ROW: AttackRow = AttackRow {
    name: "noise",
    summary: "random signs: the control",
    reference: None,
    single_step: true,
    measure: Measure::Gradient,
    settings: none,
    new: |_, _| Ok(Box::new(Noise)),
};

/// A corner of the ball, drawn at random: FGSM's size without its knowledge. An attack that does no better than
/// this has found nothing (flag `weak-attack`).
///
/// # Determinism
/// Drawn from (seed, `noise`, image id), one sign per value in the order channels, rows, columns. Signs are also
/// drawn for values that may not be written, so that a mask does not change the signs of the other values.
///
/// # Examples
/// ```
/// use weakspot::attack::{Attack, AttackJob, Epsilon, Goal, Noise, ThreatModel};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// // Two pixels at 0.5, epsilon 0.25: each goes up or down.
/// assert!(Noise.perturb(&job)?.iter().all(|v| [0.25, 0.75].contains(v)));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise;

impl Attack for Noise {
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>> {
        let mut images = job.images.to_owned();
        for (mut image, id) in images.outer_iter_mut().zip(job.ids) {
            let mut draw = rng::stream(job.seed, "noise", id);
            image.mapv_inplace(|x| x + job.threat.epsilon.get() * draw.sign());
        }
        job.threat.project(job.images, &mut images);
        Ok(images)
    }
}
