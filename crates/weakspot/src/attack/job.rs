//! What an attack may do, to which images, and with which goal.

use ndarray::{Array2, Array4, ArrayView1, ArrayView4, Axis, CowArray, Ix4, Zip};

use super::Epsilon;
use crate::classifier::{Classifier, input_gradient};
use crate::error::{Error, Result};
use crate::image::Mask;
use crate::num;
use crate::objective::{self, Objective};

/// What an attack may do: move each pixel value by at most epsilon, within `[0, 1]`, inside the allowed pixels.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr2};
/// use weakspot::attack::{Epsilon, ThreatModel};
/// use weakspot::image::Mask;
///
/// let clean = Array4::from_elem((1, 1, 1, 2), 0.5);
/// let mut attacked = Array4::ones((1, 1, 1, 2));
/// let first = Mask(arr2(&[[true, false]]));
/// ThreatModel::outside(Epsilon::new(0.25)?, &first).project(clean.view(), &mut attacked);
/// assert_eq!(attacked.as_slice(), Some(&[0.5, 0.75][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ThreatModel {
    /// Radius of the L∞ ball, in pixel units.
    pub epsilon: Epsilon,
    /// The pixels that may be changed, in all channels; every pixel if there is no mask.
    pub allowed: Option<Mask>,
}

impl ThreatModel {
    /// The ball, everywhere in the image.
    pub fn everywhere(epsilon: Epsilon) -> Self {
        Self { epsilon, allowed: None }
    }

    /// The ball, outside a mask: protocol P3's attacker (METHODS, section 7).
    pub fn outside(epsilon: Epsilon, mask: &Mask) -> Self {
        Self { epsilon, allowed: Some(mask.complement()) }
    }

    /// Brings `images` to the nearest images that the threat model allows around `clean`, in place.
    ///
    /// Idempotent: a second projection changes nothing. The bounds are `x - epsilon` and `x + epsilon` as single
    /// precision rounds them, so that no value is further than epsilon + 2^-23 from the clean one. NaN stays NaN.
    ///
    /// # Panics
    /// If the shapes disagree.
    pub fn project(&self, clean: ArrayView4<'_, f32>, images: &mut Array4<f32>) {
        let epsilon = self.epsilon.get();
        Zip::from(&mut *images).and(clean).for_each(|v, &x| {
            let in_ball = num::min(num::max(*v, x - epsilon), x + epsilon);
            *v = num::min(num::max(in_ball, 0.0), 1.0);
        });
        if let Some(allowed) = &self.allowed {
            Zip::indexed(images).and(clean).for_each(|(_, _, y, x), v, &at_rest| {
                if !allowed.0[[y, x]] {
                    *v = at_rest;
                }
            });
        }
    }
}

/// What counts as success.
///
/// # Examples
/// ```
/// # use weakspot::attack::{AttackJob, Epsilon, Goal, ThreatModel};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// let towards_1 = AttackJob { goal: &Goal::Targeted(vec![1]), ..job };
/// // A targeted attack descends the loss of its target; an untargeted one ascends the loss of the label.
/// assert_eq!((towards_1.aims(), towards_1.direction()), (&[1][..], -1.0));
/// assert_eq!((job.aims(), job.direction()), (&[0][..], 1.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Any class but the label.
    Untargeted,
    /// One target class per image, which is not its label.
    Targeted(Vec<usize>),
}

/// One batch to attack.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::attack::{AttackJob, Epsilon, Fgsm, Goal, ThreatModel, referee};
/// use weakspot::testing::Linear;
///
/// // Two pixels: the logits are x0 - x1 + 1/8 and 0.
/// let model = Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// let job = AttackJob {
///     classifier: &model,
///     images: images.view(),
///     labels: &[0],
///     ids: &["image/00000"],
///     seed: 0,
///     threat: &ThreatModel::everywhere(Epsilon::new(0.25)?),
///     goal: &Goal::Untargeted,
///     gradient: None,
///     features: false,
/// };
/// let outcome = referee::run(&Fgsm, &job)?;
/// assert_eq!(outcome.adversarial.as_slice(), Some(&[0.25, 0.75][..]));
/// assert_eq!((outcome.predicted[0], outcome.margin[0]), (1, -0.375));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct AttackJob<'a> {
    /// The model under attack.
    pub classifier: &'a dyn Classifier,
    /// Clean images, `[batch, channels, height, width]`, in `[0, 1]`.
    pub images: ArrayView4<'a, f32>,
    /// The true label of each.
    pub labels: &'a [usize],
    /// The stable id of each, which keys its draws.
    pub ids: &'a [&'a str],
    /// The one seed of every random stream.
    pub seed: u64,
    /// What the attack may do.
    pub threat: &'a ThreatModel,
    /// What counts as success.
    pub goal: &'a Goal,
    /// The gradient of [`Objective::Loss`] of the [`AttackJob::aims`] at `images`, if a traced pass has already
    /// computed it: FGSM then needs no pass, and PGD from the clean image one pass less.
    pub gradient: Option<ArrayView4<'a, f32>>,
    /// Whether the referee's pass should also return the inputs of the last linear layer ([`Outcome::features`]).
    ///
    /// [`Outcome::features`]: super::Outcome::features
    pub features: bool,
}

impl AttackJob<'_> {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.images.len_of(Axis(0))
    }

    /// Whether the job has no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes whose loss is followed: the labels, or the targets.
    pub fn aims(&self) -> &[usize] {
        match self.goal {
            Goal::Untargeted => self.labels,
            Goal::Targeted(targets) => targets,
        }
    }

    /// +1 where the loss of the aim is ascended (untargeted), -1 where it is descended (targeted).
    pub fn direction(&self) -> f32 {
        match self.goal {
            Goal::Untargeted => 1.0,
            Goal::Targeted(_) => -1.0,
        }
    }

    /// How far image `i` with these logits is from the goal: at or below 0 it is reached, up to ties.
    pub(super) fn distance(&self, i: usize, logits: ArrayView1<'_, f32>) -> f32 {
        self.direction() * objective::margin(logits, self.aims()[i])
    }

    /// Whether image `i` with these logits has reached the goal.
    pub(super) fn reached(&self, i: usize, logits: ArrayView1<'_, f32>) -> bool {
        match self.goal {
            Goal::Untargeted => objective::predicted(logits) != self.labels[i],
            Goal::Targeted(targets) => objective::predicted(logits) == targets[i],
        }
    }

    /// The loss gradient at the clean images: the one that came with the job, or that of one pass.
    pub(super) fn clean_gradient(&self) -> Result<CowArray<'_, f32, Ix4>> {
        match self.gradient {
            Some(gradient) => Ok(gradient.into()),
            None => Ok(loss_gradient(self.classifier, self.images, self.aims())?.0.into()),
        }
    }

    /// Checks that everything has one entry per image and fits the model.
    ///
    /// # Errors
    /// `Shape` or `InvalidParameter`, saying what disagrees.
    pub fn check(&self) -> Result<()> {
        self.classifier.input().check(self.images)?;
        let n = self.len();
        let count = |what: &str, got: usize| {
            if got == n {
                Ok(())
            } else {
                Err(Error::invalid(format!("expected {n} {what}, one per image; got {got}")))
            }
        };
        count("labels", self.labels.len())?;
        count("ids", self.ids.len())?;
        count("target classes", self.aims().len())?;
        let classes = self.classifier.n_classes();
        if let Some(class) = self.labels.iter().chain(self.aims()).find(|&&c| c >= classes) {
            return Err(Error::invalid(format!("classes must be below {classes}; got {class}")));
        }
        if let Goal::Targeted(targets) = self.goal
            && let Some(i) = (0..n).find(|&i| targets[i] == self.labels[i])
        {
            return Err(Error::invalid(format!(
                "{}: the target class {} is its label",
                self.ids[i], targets[i]
            ))
            .with_hint("target another class"));
        }
        let (_, _, height, width) = self.images.dim();
        if let Some(mask) = &self.threat.allowed
            && mask.dim() != (height, width)
        {
            return Err(Error::shape(format!("the mask must be {height}x{width}; got {:?}", mask.dim())));
        }
        if let Some(gradient) = self.gradient
            && gradient.dim() != self.images.dim()
        {
            let (got, expected) = (gradient.dim(), self.images.dim());
            return Err(Error::shape(format!(
                "the gradient must be {expected:?}, like the images; got {got:?}"
            )));
        }
        Ok(())
    }
}

/// The gradient of the loss at the images, and their logits, from one pass.
pub(super) fn loss_gradient(
    classifier: &dyn Classifier,
    images: ArrayView4<'_, f32>,
    aims: &[usize],
) -> Result<(Array4<f32>, Array2<f32>)> {
    let (logits, gradient) = input_gradient(classifier, images, &Objective::Loss.of(aims))?;
    Ok((gradient, logits))
}

/// The sign of a number: 0 for 0 of either sign, NaN for NaN. (`f32::signum(0.0)` is 1.)
pub(super) fn sign(v: f32) -> f32 {
    if v == 0.0 { 0.0 } else { v.signum() }
}
