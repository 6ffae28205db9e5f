//! Projected gradient descent in the L∞ ball.
//!
//! ```text
//! x_0 = x + u,   x_{t+1} = P( x_t + alpha * sign( g(x_t) ) )
//! ```
//!
//! u: uniform in `[-eps, eps]` or 0 (`random_start`); alpha: `step_size`; g: gradient of the loss of the label;
//! P: the projection into ball, box and allowed pixels ([`super::ThreatModel::project`]).

use ndarray::{Array4, ArrayView4, Axis, Zip, s};

use super::job::{loss_gradient, sign};
use super::{Attack, AttackJob, AttackRow, AttackSettings, Epsilon, Measure};
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::rng;

/// What the command line and the tests know about it.
pub(super) static ROW: AttackRow = AttackRow {
    name: "pgd",
    summary: "many small steps, projected",
    reference: Some("Madry et al. 2018, arXiv:1706.06083"),
    single_step: false,
    measure: Measure::Gradient,
    settings,
    new,
};

fn settings(of: &AttackSettings) -> Vec<(&'static str, String)> {
    // Every field: a setting that is forgotten here would leave the fingerprint by which a study is resumed.
    let AttackSettings { kind: _, step_size, n_steps, random_start, n_restarts } = of;
    vec![
        ("alpha", step_size.map_or_else(|| "eps/8".to_owned(), Epsilon::flag)),
        ("steps", n_steps.to_string()),
        ("random-start", random_start.to_string()),
        ("restarts", n_restarts.to_string()),
    ]
}

/// PGD with these settings.
///
/// # Errors
/// `InvalidParameter` if there are no steps or no starts, if several restarts have the same start, or if the step
/// size is 0 and the radius is not.
fn new(of: &AttackSettings, epsilon: Epsilon) -> Result<Box<dyn Attack>> {
    let AttackSettings { step_size, n_steps, random_start, n_restarts, .. } = *of;
    let step_size = match step_size {
        Some(step_size) => step_size,
        None => epsilon.scaled(1.0 / 8.0)?,
    };
    if n_steps == 0 {
        return Err(
            Error::invalid("PGD needs at least one step; got 0").with_hint(Hint::new().set("steps", 20))
        );
    }
    if n_restarts == 0 {
        return Err(
            Error::invalid("PGD needs at least one start; got 0").with_hint(Hint::new().set("restarts", 1))
        );
    }
    if n_restarts > 1 && !random_start {
        let message = format!("{n_restarts} restarts from the clean image would all be the same");
        return Err(Error::invalid(message)
            .with_hint(Hint::new().set("random-start", "true").say(", or ").set("restarts", 1)));
    }
    if step_size.value() == 0.0 && epsilon.value() > 0.0 {
        return Err(
            Error::invalid("PGD needs a step size above 0").with_hint(Hint::new().set("alpha", "2/255"))
        );
    }
    Ok(Box::new(Pgd { step_size, n_steps, random_start, n_restarts, stop_when_fooled: false }))
}

/// PGD with sign steps, random starts and restarts.
///
/// # Determinism
/// The start of restart r is drawn from (seed, `pgd-start/<r>`, image id), one number per value in the order
/// channels, rows, columns. Values that may not be written are drawn too and then left clean, so that attacking
/// outside a mask and attacking through a neutralization of it draw the same starts (METHODS, section 10).
///
/// # References
/// Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, arXiv:1706.06083,
/// section 2.1.
///
/// # Where we differ
/// With restarts, each image keeps its worst result: the one furthest beyond the decision boundary.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackJob, Epsilon, Goal, Pgd, ThreatModel, referee};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// // Two pixels at 0.5; the logits are x0 - x1 + 1/8 and 0, so that the margin can come down to 1/8 - 1/2.
/// let attack = Pgd { stop_when_fooled: false, ..Pgd::headline(threat.epsilon)? };
/// assert_eq!(referee::run(&attack, &job)?.margin, [-0.375]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pgd {
    /// alpha, in pixel units.
    pub step_size: Epsilon,
    /// Steps of each restart.
    pub n_steps: usize,
    /// Whether a restart begins at a random point of the ball, inside the allowed pixels.
    pub random_start: bool,
    /// At least 1. More than one without a random start would repeat itself.
    pub n_restarts: usize,
    /// Whether an image is left as it is once it has reached the goal. This is checked before every step but the
    /// first, whose gradient may come with the job and without logits (`AttackJob::gradient`). It saves most passes
    /// against an undefended model.
    pub stop_when_fooled: bool,
}

impl Pgd {
    /// The second attack of the headline score P3w: 20 steps of eps / 8, one random start (METHODS, section 7).
    ///
    /// # Errors
    /// None in practice: an eighth of a radius is a radius.
    pub fn headline(epsilon: Epsilon) -> Result<Self> {
        let step_size = epsilon.scaled(1.0 / 8.0)?;
        Ok(Self { step_size, n_steps: 20, random_start: true, n_restarts: 1, stop_when_fooled: true })
    }

    fn start(&self, job: &AttackJob<'_>, restart: usize) -> Array4<f32> {
        let mut images = job.images.to_owned();
        if self.random_start {
            let epsilon = job.threat.epsilon.get();
            let purpose = format!("pgd-start/{restart}");
            for (mut image, id) in images.outer_iter_mut().zip(job.ids) {
                let mut draw = rng::stream(job.seed, &purpose, id);
                image.mapv_inplace(|x| x + epsilon * (2.0 * draw.unit() - 1.0));
            }
            job.threat.project(job.images, &mut images);
        }
        images
    }

    /// One restart of the images at `places`; the other images are returned clean and cost nothing.
    fn restart(&self, job: &AttackJob<'_>, restart: usize, places: &[usize]) -> Result<Array4<f32>> {
        let mut images = self.start(job, restart);
        let mut active = places.to_vec();
        for step in 0..self.n_steps {
            if active.is_empty() {
                break;
            }
            if let Some(gradient) = job.gradient
                && step == 0
                && !self.random_start
            {
                self.step(job, &mut images, &active, gradient.select(Axis(0), &active).view());
                continue;
            }
            let aims: Vec<usize> = active.iter().map(|&i| job.aims()[i]).collect();
            let (gradient, logits) =
                loss_gradient(job.classifier, images.select(Axis(0), &active).view(), &aims)?;
            if self.stop_when_fooled && step > 0 {
                let going: Vec<usize> =
                    (0..active.len()).filter(|&k| !job.reached(active[k], logits.row(k))).collect();
                active = going.iter().map(|&k| active[k]).collect();
                self.step(job, &mut images, &active, gradient.select(Axis(0), &going).view());
            } else {
                self.step(job, &mut images, &active, gradient.view());
            }
        }
        Ok(images)
    }

    /// One step of the images at `active`; `gradient` has one entry for each of them.
    fn step(
        &self,
        job: &AttackJob<'_>,
        images: &mut Array4<f32>,
        active: &[usize],
        gradient: ArrayView4<'_, f32>,
    ) {
        let step = job.direction() * self.step_size.get();
        for (&i, gradient) in active.iter().zip(gradient.outer_iter()) {
            let mut image = images.slice(s![i..=i, .., .., ..]).to_owned();
            Zip::from(image.index_axis_mut(Axis(0), 0)).and(gradient).for_each(|x, &g| *x += step * sign(g));
            job.threat.project(job.images.slice(s![i..=i, .., .., ..]), &mut image);
            images.slice_mut(s![i..=i, .., .., ..]).assign(&image);
        }
    }
}

impl Attack for Pgd {
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>> {
        let all: Vec<usize> = (0..job.len()).collect();
        let mut worst = self.restart(job, 0, &all)?;
        if self.n_restarts < 2 || job.is_empty() {
            return Ok(worst);
        }
        let mut logits = job.classifier.logits(worst.view())?;
        for restart in 1..self.n_restarts {
            let done = |i: usize| self.stop_when_fooled && job.reached(i, logits.row(i));
            let places: Vec<usize> = all.iter().copied().filter(|&i| !done(i)).collect();
            if places.is_empty() {
                break;
            }
            let images = self.restart(job, restart, &places)?.select(Axis(0), &places);
            let new = job.classifier.logits(images.view())?;
            for (k, &i) in places.iter().enumerate() {
                if job.distance(i, new.row(k)) < job.distance(i, logits.row(i)) {
                    worst.index_axis_mut(Axis(0), i).assign(&images.index_axis(Axis(0), k));
                    logits.row_mut(i).assign(&new.row(k));
                }
            }
        }
        Ok(worst)
    }
}
