//! Checks what an attack claims, independently of the attack.

use ndarray::{Array2, Array4, ArrayView1, Axis};

use super::{Attack, AttackJob};
use crate::classifier::{Classifier, TraceRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::objective;

/// Images, with a model's logits and predictions for them.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackJob, Epsilon, Fgsm, Goal, ThreatModel, referee};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// // The logits of the attacked image are 0.25 - 0.75 + 1/8 and 0; its label is 0.
/// let outcome = referee::run(&Fgsm, &job)?;
/// assert_eq!(outcome.logits[[0, 0]], -0.375);
/// assert_eq!((outcome.predicted, outcome.margin), (vec![1], vec![-0.375]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `[batch, channels, height, width]`, inside the threat model they were judged by.
    pub adversarial: Array4<f32>,
    /// `[batch, classes]`.
    pub logits: Array2<f32>,
    /// The class with the largest logit, one per image.
    pub predicted: Vec<usize>,
    /// The label's logit minus the largest other, one per image, whatever the attack's goal.
    pub margin: Vec<f32>,
    /// Inputs of the last linear layer, `[batch, features]`, if the job requested them.
    pub features: Option<Array2<f32>>,
}

/// Runs an attack and judges what it gives back.
///
/// # Errors
/// As [`AttackJob::check`] and [`judge`], and what the attack reports.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackJob, Epsilon, Fgsm, Goal, ThreatModel, referee};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// let outcome = referee::run(&Fgsm, &job)?;
/// assert_eq!(outcome.predicted, [1]);
/// // The job is checked first: this one has an image without a label.
/// assert!(referee::run(&Fgsm, &AttackJob { labels: &[], ..job }).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn run(attack: &dyn Attack, job: &AttackJob<'_>) -> Result<Outcome> {
    job.check()?;
    judge(job, attack.perturb(job)?)
}

/// Projects given images into the job's threat model and classifies them: one forward pass.
///
/// # Errors
/// `Shape` where they are not of the job's shape; `Numerical` where a value is NaN; what the classifier reports.
///
/// # Examples
/// ```
/// use weakspot::attack::{AttackJob, Epsilon, Goal, ThreatModel, referee};
/// # use ndarray::{Array4, arr1, arr2};
/// # let model = weakspot::testing::Linear::new(arr2(&[[1.0, -1.0], [0.0, 0.0]]), arr1(&[0.125, 0.0]), (1, 1, 2));
/// # let images = Array4::from_elem((1, 1, 1, 2), 0.5);
/// # let threat = ThreatModel::everywhere(Epsilon::new(0.25)?);
/// # let (classifier, goal) = (&model, &Goal::Untargeted);
/// # let (images, labels, ids, threat) = (images.view(), &[0][..], &["a"][..], &threat);
/// # let job = AttackJob { classifier, images, labels, ids, seed: 0, threat, goal, gradient: None, features: false };
/// // Two pixels at 0.5, epsilon 0.25: an attack that claims 0 and 1 gets 0.25 and 0.75.
/// let claimed = Array4::from_shape_vec((1, 1, 1, 2), vec![0.0, 1.0]).unwrap();
/// assert_eq!(referee::judge(&job, claimed)?.adversarial.as_slice(), Some(&[0.25, 0.75][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn judge(job: &AttackJob<'_>, mut adversarial: Array4<f32>) -> Result<Outcome> {
    if adversarial.dim() != job.images.dim() {
        let (expected, got) = (job.images.dim(), adversarial.dim());
        return Err(Error::shape(format!(
            "perturbed images must be {expected:?}, like the clean ones; got {got:?}"
        )));
    }
    job.threat.project(job.images, &mut adversarial);
    if let Some((place, _)) = adversarial.indexed_iter().find(|(_, v)| v.is_nan()) {
        let message = format!("{}: the attack gave NaN at {place:?}", job.ids[place.0]);
        return Err(Error::new(ErrorKind::Numerical, message));
    }
    if !job.features {
        return classify(job.classifier, adversarial, job.labels);
    }
    let request = TraceRequest { features: true, ..TraceRequest::default() };
    let trace = job.classifier.trace(adversarial.view(), &request)?;
    Ok(Outcome { features: trace.features, ..outcome(adversarial, trace.logits, job.labels) })
}

/// Classifies images as they are, under no threat model: `M(x)`, `M(N(x))`, `M(N(x*))`.
///
/// # Errors
/// What the classifier reports.
///
/// # Panics
/// If there is not one label per image.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::attack::referee::classify;
/// use weakspot::testing::Linear;
///
/// let model = Linear::new(arr2(&[[1.0], [0.0]]), arr1(&[0.0, 0.25]), (1, 1, 1));
/// let outcome = classify(&model, Array4::ones((1, 1, 1, 1)), &[0])?;
/// assert_eq!((outcome.predicted, outcome.margin), (vec![0], vec![0.75]));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn classify(classifier: &dyn Classifier, images: Array4<f32>, labels: &[usize]) -> Result<Outcome> {
    assert_eq!(images.len_of(Axis(0)), labels.len(), "one label per image");
    let logits = classifier.logits(images.view())?;
    Ok(outcome(images, logits, labels))
}

/// Reads predictions and margins off the logits.
fn outcome(images: Array4<f32>, logits: Array2<f32>, labels: &[usize]) -> Outcome {
    let predicted = logits.outer_iter().map(objective::predicted).collect();
    let margin = |(z, &label): (ArrayView1<'_, f32>, &usize)| objective::margin(z, label);
    let margin = logits.outer_iter().zip(labels).map(margin).collect();
    Outcome { adversarial: images, logits, predicted, margin, features: None }
}
