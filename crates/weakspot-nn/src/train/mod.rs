//! Training: from labelled images and a recipe to a model.

mod augment;
mod batches;
mod cut;
mod epoch;
mod loss;
mod optimizer;
mod recipe;
mod resume;
mod schedule;

use weakspot::hint::Hint;
use weakspot::image::Pixels;
use weakspot::progress::Observer;
use weakspot::{Error, ErrorKind, Result};

pub(crate) use cut::is_trunk;
pub use recipe::{Augmentation, Freeze, Optimizer, Recipe, Schedule};
pub use resume::Resume;

use crate::executor::Executor;
use crate::init;
use crate::model::Model;
use crate::models::{self, ModelSpec};
use crate::weights::Weights;
use batches::Batches;
use cut::{cut, of_part};
use epoch::Trainer;
use resume::{Limits, Progressed, Told};

/// Images to learn from, and images that decide when to stop.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::image::Pixels;
/// use weakspot_nn::TrainingData;
///
/// let pixels = Pixels::U8(Array4::zeros((4, 1, 32, 32)));
/// let (labels, ids) = ([0, 1, 0, 1], ["a", "b", "c", "d"].map(str::to_owned));
/// let data = TrainingData { pixels: &pixels, labels: &labels, ids: &ids, train: &[0, 1], tune: &[2, 3] };
/// assert!(data.train.iter().all(|i| !data.tune.contains(i)));
/// ```
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
    /// The images whose accuracy decides when to stop, likewise.
    pub tune: &'a [usize],
}

/// The results of one epoch.
///
/// # Examples
/// ```
/// use weakspot_nn::Epoch;
///
/// let json = r#"{"loss": 0.69, "accuracy": 0.5, "tune_loss": 0.68, "tune_correct": 7}"#;
/// assert_eq!(serde_json::from_str::<Epoch>(json)?.tune_correct, 7);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Mean cross-entropy of the training images against the smoothed labels, each measured when it was learned from.
    pub loss: f64,
    /// The share of training images that were classified correctly, likewise.
    pub accuracy: f64,
    /// Mean cross-entropy of the tune images after the epoch.
    pub tune_loss: f64,
    /// Tune images that were classified correctly after the epoch.
    pub tune_correct: usize,
}

/// A model and how it was trained.
///
/// # Examples
/// ```
/// use weakspot::progress::Silent;
/// use weakspot_nn::{Recipe, train};
/// # use weakspot::image::Pixels;
/// # use weakspot_nn::{Arch, Head, ModelSpec, TrainingData, Width};
/// # let pixels = Pixels::F32(ndarray::Array4::from_shape_fn((8, 1, 8, 8), |(i, ..)| (i % 2) as f32));
/// # let ids: Vec<String> = (0..8).map(|i| format!("image/{i:05}")).collect();
/// # let (pixels, labels, ids) = (&pixels, &[0, 1, 0, 1, 0, 1, 0, 1][..], &ids[..]);
/// # let data = TrainingData { pixels, labels, ids, train: &[0, 1, 2, 3], tune: &[4, 5, 6, 7] };
/// # let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(16)?, [1, 8, 8], 2);
/// let recipe = Recipe { max_epochs: 2, ..Recipe::for_model(&spec, 0) };
/// let trained = train(&spec, &data, &recipe, None, &Silent)?;
/// // Four tune images; the weights are those of the best epoch.
/// assert_eq!(trained.n_tune, 4);
/// assert_eq!(trained.tune_correct, trained.epochs[trained.best].tune_correct);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Trained {
    /// The model, with the weights of the best epoch.
    pub model: Model,
    /// The epoch whose weights the model has, from 0.
    pub best: usize,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// Tune images that the model classifies correctly.
    pub tune_correct: usize,
    /// Tune images.
    pub n_tune: usize,
}

/// How much memory a frozen trunk's features may take: 1 GiB, ten thousand photographs of 224x224 under `linear3`, half
/// a million under `gap`. Features beyond it are computed in every epoch, to the same bits.
pub const FEATURE_BYTES: usize = 1 << 30;

/// Trains a model from random weights.
///
/// After every epoch the tune images are classified. Training stops after [`Recipe::patience`] epochs in which their
/// accuracy did not rise, or after [`Recipe::max_epochs`]. Under a constant schedule it also stops once all tune images
/// have been classified correctly for one more epoch. The weights of the best epoch are kept: the one with the most
/// correct tune images. Ties are broken by the lower loss on the tune part.
///
/// With `resume`, the state is kept after every epoch, and a training that was interrupted continues from there, to the
/// same bytes.
///
/// # Errors
/// `InvalidParameter` for a recipe out of range, an empty part or a label the model has no output for; `Shape` when the
/// images are not the model's; `Numerical` when the loss stops being a number; `Interrupted` when the observer says so.
///
/// # Determinism
/// The same bytes for any number of threads and any order of the images. Every draw is keyed by the recipe's seed, its
/// purpose, the epoch and the image's id.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::{image::Pixels, progress::Silent};
/// use weakspot_nn::{Arch, Head, ModelSpec, Recipe, TrainingData, Width, train};
///
/// // Eight images of 8x8 pixels, dark and bright.
/// let pixels = Pixels::F32(Array4::from_shape_fn((8, 1, 8, 8), |(i, ..)| (i % 2) as f32));
/// let labels = [0, 1, 0, 1, 0, 1, 0, 1];
/// let ids: Vec<String> = (0..8).map(|i| format!("image/{i:05}")).collect();
/// let (train_part, tune) = ([0, 1, 2, 3], [4, 5, 6, 7]);
/// let data = TrainingData { pixels: &pixels, labels: &labels, ids: &ids, train: &train_part, tune: &tune };
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(16)?, [1, 8, 8], 2);
/// let recipe = Recipe { max_epochs: 2, ..Recipe::for_model(&spec, 0) };
/// let trained = train(&spec, &data, &recipe, None, &Silent)?;
/// assert!(trained.epochs.len() <= 2 && trained.best < trained.epochs.len());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn train(
    spec: &ModelSpec,
    data: &TrainingData<'_>,
    recipe: &Recipe,
    resume: Option<Resume<'_>>,
    observer: &dyn Observer,
) -> Result<Trained> {
    let start = init::weights(&models::network(spec)?, recipe.seed);
    train_from(&start, spec, data, recipe, resume, observer)
}

/// Trains a model from given weights. With [`Freeze::Trunk`], only the head on their trunk learns.
///
/// A frozen trunk does not change by a single bit. If images are not augmented, its features are computed once and
/// kept, as far as [`FEATURE_BYTES`] allow; the model is the same, bit for bit, as without keeping them.
///
/// # Errors
/// As [`train`]; `Format` when the weights are not the network's.
///
/// # Examples
/// ```
/// use weakspot::progress::Silent;
/// use weakspot_nn::{Recipe, init, models, train_from};
/// # use weakspot::image::Pixels;
/// # use weakspot_nn::{Arch, Head, ModelSpec, TrainingData, Width};
/// # let pixels = Pixels::F32(ndarray::Array4::from_shape_fn((8, 1, 8, 8), |(i, ..)| (i % 2) as f32));
/// # let ids: Vec<String> = (0..8).map(|i| format!("image/{i:05}")).collect();
/// # let (pixels, labels, ids) = (&pixels, &[0, 1, 0, 1, 0, 1, 0, 1][..], &ids[..]);
/// # let data = TrainingData { pixels, labels, ids, train: &[0, 1, 2, 3], tune: &[4, 5, 6, 7] };
/// # let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(16)?, [1, 8, 8], 2);
/// let start = init::weights(&models::network(&spec)?, 5);
/// let recipe = Recipe { max_epochs: 1, ..Recipe::for_frozen_trunk(&spec, 0) };
/// let trained = train_from(&start, &spec, &data, &recipe, None, &Silent)?.model.weights()?;
/// // Only the head has changed.
/// assert_eq!(trained.0["features.0.weight"], start.0["features.0.weight"]);
/// assert_ne!(trained.0["classifier.weight"], start.0["classifier.weight"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn train_from(
    start: &Weights,
    spec: &ModelSpec,
    data: &TrainingData<'_>,
    recipe: &Recipe,
    resume: Option<Resume<'_>>,
    observer: &dyn Observer,
) -> Result<Trained> {
    train_within(FEATURE_BYTES, start, spec, data, recipe, resume, observer)
}

/// [`train_from`], with a bound on the features that are kept.
fn train_within(
    feature_bytes: usize,
    start: &Weights,
    spec: &ModelSpec,
    data: &TrainingData<'_>,
    recipe: &Recipe,
    resume: Option<Resume<'_>>,
    observer: &dyn Observer,
) -> Result<Trained> {
    recipe.check()?;
    check(spec, data)?;
    let network = models::network(spec)?;
    start.check(&network)?;
    let (trunk, learner) = match recipe.freeze {
        Freeze::None => (None, network.clone()),
        Freeze::Trunk => {
            let (trunk, head) = cut(&network)?;
            let weights = of_part(start, &trunk);
            let mut trunk = Executor::with_method(trunk, &weights, recipe.convolutions)?;
            trunk.stop_on(observer.stop_flag());
            (Some(trunk), head)
        }
    };
    let n_steps = data.train.len().div_ceil(recipe.batch_size);
    let limits =
        Limits { network: &learner, max_epochs: recipe.max_epochs, n_steps, n_tune: data.tune.len() };
    let kept = resume.and_then(|resume| kept(&resume, &limits, observer));
    let progressed = kept.unwrap_or_else(|| {
        let weights = of_part(start, &learner);
        Progressed { told: Told::default(), best_weights: weights.clone(), weights, moments: Vec::new() }
    });
    let batches = Batches::new(data, recipe, trunk, feature_bytes, observer)?;
    let mut learner = Executor::with_method(learner, &progressed.weights, recipe.convolutions)?;
    learner.stop_on(observer.stop_flag());
    let trainer = Trainer::new(spec, data, recipe, learner, batches);
    let (told, learned) = run(trainer, progressed, data.tune.len(), recipe, resume, observer)?;
    // Tensors that did not learn stay as they were.
    let mut weights = start.clone();
    weights.0.extend(learned.0);
    let executor = Executor::with_method(network, &weights, recipe.convolutions)?;
    let model = Model::from_executor(spec.clone(), executor);
    let Told { epochs, best, .. } = told;
    let tune_correct = epochs[best].tune_correct;
    Ok(Trained { model, best, epochs, tune_correct, n_tune: data.tune.len() })
}

/// The state to continue from, if there is one of this training. If it cannot be trusted, the observer is told, and the
/// training starts over.
fn kept(resume: &Resume<'_>, limits: &Limits<'_>, observer: &dyn Observer) -> Option<Progressed> {
    let checked = |kept: Progressed| {
        kept.check(limits).map_err(|e| e.context(resume.path.display()))?;
        Ok(kept)
    };
    match resume.load().and_then(|kept| kept.map(checked).transpose()) {
        Ok(kept) => kept,
        Err(error) => {
            observer.note(&format!("{error}; the training starts over"));
            None
        }
    }
}

/// Runs the remaining epochs. Returns the results of all epochs and the best one's weights.
fn run(
    mut trainer: Trainer<'_>,
    progressed: Progressed,
    n_tune: usize,
    recipe: &Recipe,
    resume: Option<Resume<'_>>,
    observer: &dyn Observer,
) -> Result<(Told, Weights)> {
    let Progressed { mut told, weights, mut best_weights, moments } = progressed;
    // The executor has a copy of its own by now.
    drop(weights);
    trainer.remember(told.steps, moments);
    for number in told.epochs.len()..recipe.max_epochs {
        let last = told.epochs.last();
        if last.is_some_and(|last| enough(recipe, number - 1 - told.last_rise, last.tune_correct == n_tune)) {
            break;
        }
        let stopped = |error| stopped_after(error, told.epochs.len(), resume);
        let (loss, accuracy) = trainer.learn(number, observer).map_err(stopped)?;
        let (tune_loss, tune_correct) = trainer.tune(number, observer).map_err(stopped)?;
        let before = told.epochs.get(told.best).copied();
        let rises = before.is_none_or(|b| tune_correct > b.tune_correct);
        let ties = before.is_some_and(|b| tune_correct == b.tune_correct && tune_loss < b.tune_loss);
        told.epochs.push(Epoch { loss, accuracy, tune_loss, tune_correct });
        if rises {
            told.last_rise = number;
        }
        if rises || ties {
            told.best = number;
            best_weights = trainer.executor().weights()?;
        }
        if let Some(resume) = resume {
            let moments;
            (told.steps, moments) = trainer.memory();
            resume.save(&told, &trainer.executor().weights()?, &best_weights, moments)?;
        }
    }
    Ok((told, best_weights))
}

/// The error of a training that was asked to stop, with what it has kept.
fn stopped_after(error: Error, epochs: usize, resume: Option<Resume<'_>>) -> Error {
    let (ErrorKind::Interrupted, Some(resume), 1..) = (error.kind(), resume, epochs) else { return error };
    let epochs = if epochs == 1 { "1 epoch is".to_owned() } else { format!("{epochs} epochs are") };
    let message = format!("stopped while training; {epochs} kept in {}", resume.path.display());
    Error::new(ErrorKind::Interrupted, message)
        .with_hint("start the same training again to continue from there")
}

/// Whether training stops, `waited` epochs after the tune accuracy last rose.
fn enough(recipe: &Recipe, waited: usize, all_right: bool) -> bool {
    let is_constant = matches!(recipe.schedule, Schedule::Constant { .. });
    waited >= if all_right && is_constant { 1 } else { recipe.patience }
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

/// The error for a loss that is no longer a finite number.
fn diverged(epoch: usize, loss: f64) -> Error {
    Error::new(ErrorKind::Numerical, format!("training diverged: the loss is {loss} in epoch {}", epoch + 1))
        .with_hint(
            Hint::new()
                .say("lower the learning rate, for example to a third, or use ")
                .set("arch", models::Arch::Vgg16Bn),
        )
}

/// Numbers in [-1, 1), as `hashed` in `reference/vgg.py`.
#[cfg(test)]
pub(crate) fn hashed(len: u32, seed: u32) -> Vec<f32> {
    let number = |i: u32| {
        let mut x = i.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
        for (shift, factor) in [(16, 0x85EB_CA6B_u32), (13, 0xC2B2_AE35), (16, 1)] {
            x = (x ^ (x >> shift)).wrapping_mul(factor);
        }
        (x >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(number).collect()
}

#[cfg(test)]
mod tests;
