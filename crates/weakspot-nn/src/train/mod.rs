//! Training: from labelled images and a recipe to a model.

mod augment;
mod epoch;
mod optimizer;
mod recipe;
mod resume;

use weakspot::image::Pixels;
use weakspot::progress::Observer;
use weakspot::{Error, ErrorKind, Result};

pub use recipe::{Augmentation, Optimizer, Recipe};
pub use resume::Resume;

use crate::executor::Executor;
use crate::init;
use crate::model::Model;
use crate::models::{self, ModelSpec};
use epoch::Trainer;
use resume::{Progressed, Told};

/// Images to learn from, and images that say when to stop.
#[derive(Clone, Copy, Debug)]
pub struct TrainingData<'a> {
    /// All images.
    pub pixels: &'a Pixels,
    /// One per image.
    pub labels: &'a [usize],
    /// One stable, unique id per image; training depends on the ids and not on the images' order.
    pub ids: &'a [String],
    /// The images to learn from, as indices into the above.
    pub train: &'a [usize],
    /// The images whose accuracy says when to stop, likewise.
    pub tune: &'a [usize],
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Mean cross-entropy of the training images, each at the moment it was learned from.
    pub loss: f64,
    /// Training images labelled rightly, likewise.
    pub accuracy: f64,
    /// Mean cross-entropy of the tune images after the epoch.
    pub tune_loss: f64,
    /// Tune images labelled rightly after the epoch.
    pub tune_correct: usize,
}

/// A model and how it came about.
#[derive(Debug)]
pub struct Trained {
    /// With the weights of the best epoch.
    pub model: Model,
    /// The epoch whose weights the model has, from 0.
    pub best: usize,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// Tune images labelled rightly by the model.
    pub tune_correct: usize,
    /// Tune images.
    pub n_tune: usize,
}

/// Trains a model from random weights.
///
/// After every epoch the tune images are classified. Training stops after [`Recipe::patience`] epochs in which their
/// accuracy did not rise, or when all are right and have been for one epoch more, or after [`Recipe::max_epochs`]. The
/// best epoch's weights are kept: most tune images right, of equals the lowest tune loss.
///
/// With `resume`, the state is kept after every epoch and a training that was cut short goes on from there, to the same
/// bytes.
///
/// # Errors
/// `InvalidParameter` for a recipe out of range, an empty part or a label the model has no output for; `Shape` when the
/// images are not the model's; `Numerical` when the loss stops being a number; `Interrupted` when the observer says so.
///
/// # Determinism
/// The same bytes for any number of threads and any order of the images. Every draw is keyed by the recipe's seed, its
/// purpose, the epoch and the image's id.
pub fn train(
    spec: &ModelSpec,
    data: &TrainingData<'_>,
    recipe: &Recipe,
    resume: Option<Resume<'_>>,
    observer: &dyn Observer,
) -> Result<Trained> {
    recipe.check()?;
    check(spec, data)?;
    let network = models::network(spec)?;
    let kept = resume.and_then(|resume| resume.load());
    // A file that fits the key and not the network was tampered with: begin anew.
    let kept = kept.filter(|k| k.weights.check(&network).is_ok() && k.best_weights.check(&network).is_ok());
    let Progressed { told, weights, best_weights, moments } = kept.unwrap_or_else(|| {
        let weights = init::weights(&network, recipe.seed);
        Progressed { told: Told::default(), best_weights: weights.clone(), weights, moments: Vec::new() }
    });
    let executor = Executor::new(network.clone(), &weights)?;
    let mut trainer = Trainer::new(spec, data, recipe, executor);
    trainer.remember(told.steps, moments);
    let Told { mut epochs, best, mut last_rise, .. } = told;
    let mut best = (best, best_weights);
    for number in 0..recipe.max_epochs {
        if number < epochs.len() {
            continue;
        }
        if epochs.last().is_some_and(|last| enough(recipe, data, number - 1, last_rise, last.tune_correct)) {
            break;
        }
        let (loss, accuracy) = trainer.learn(number, observer)?;
        let (tune_loss, tune_correct) = trainer.tune(number, observer)?;
        let epoch = Epoch { loss, accuracy, tune_loss, tune_correct };
        let before = epochs.get(best.0).copied();
        let rises = before.is_none_or(|b| tune_correct > b.tune_correct);
        let ties = before.is_some_and(|b| tune_correct == b.tune_correct && tune_loss < b.tune_loss);
        epochs.push(epoch);
        if rises {
            last_rise = number;
        }
        if rises || ties {
            best = (number, trainer.executor().weights()?);
        }
        if let Some(resume) = resume {
            let (steps, moments) = trainer.memory();
            let told = Told { epochs: epochs.clone(), best: best.0, last_rise, steps };
            let (weights, best_weights) = (trainer.executor().weights()?, best.1.clone());
            resume.save(&Progressed { told, weights, best_weights, moments })?;
        }
    }
    drop(trainer);
    let (best, weights) = best;
    let model = Model::from_executor(spec.clone(), Executor::new(network, &weights)?);
    let tune_correct = epochs[best].tune_correct;
    Ok(Trained { model, best, epochs, tune_correct, n_tune: data.tune.len() })
}

/// Whether training stops after epoch `number`.
fn enough(
    recipe: &Recipe,
    data: &TrainingData<'_>,
    number: usize,
    last_rise: usize,
    tune_correct: usize,
) -> bool {
    let wait = if tune_correct == data.tune.len() { 1 } else { recipe.patience };
    number - last_rise >= wait
}

/// Checks that the data fit together and fit the model.
fn check(spec: &ModelSpec, data: &TrainingData<'_>) -> Result<()> {
    let (n, channels, height, width) = data.pixels.dim();
    if (channels, height, width) != (spec.channels, spec.height, spec.width_px) {
        return Err(Error::shape(format!(
            "the model takes images of {}x{}x{}; got {channels}x{height}x{width}",
            spec.channels, spec.height, spec.width_px
        )));
    }
    if data.labels.len() != n || data.ids.len() != n {
        let (labels, ids) = (data.labels.len(), data.ids.len());
        return Err(Error::shape(format!("{n} images need {n} labels and ids; got {labels} and {ids}")));
    }
    for (name, part) in [("train", data.train), ("tune", data.tune)] {
        if part.is_empty() {
            return Err(Error::invalid(format!("the {name} part is empty")).with_hint("use more images"));
        }
        if let Some(i) = part.iter().find(|&&i| i >= n) {
            return Err(Error::invalid(format!("the {name} part names image {i} of {n}")));
        }
        if let Some(&i) = part.iter().find(|&&i| data.labels[i] >= spec.n_outputs.max(2)) {
            let (label, outputs) = (data.labels[i], spec.n_outputs);
            return Err(Error::invalid(format!(
                "label {label} is too large for a model of {outputs} outputs"
            )));
        }
    }
    Ok(())
}

/// The error of a loss that is no number any more.
fn diverged(epoch: usize, loss: f64) -> Error {
    Error::new(ErrorKind::Numerical, format!("training diverged: the loss is {loss} in epoch {}", epoch + 1))
        .with_hint("lower the learning rate, for example to a third, or use --arch vgg16-bn")
}
