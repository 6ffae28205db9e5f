//! One time through the training images, and through the tune images.

use rayon::prelude::*;
use weakspot::progress::Observer;
use weakspot::{Error, ErrorKind, Result, rng};

use super::augment::augment;
use super::optimizer::State;
use super::recipe::Recipe;
use super::{TrainingData, diverged};
use crate::executor::{Activation, Executor, Gradients, Mode};
use crate::models::ModelSpec;

/// A network in training.
pub(super) struct Trainer<'a> {
    data: &'a TrainingData<'a>,
    recipe: &'a Recipe,
    n_outputs: usize,
    executor: Executor<f32>,
    gradients: Gradients<f32>,
    state: State,
}

/// The sums over some images.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    loss: f64,
    correct: usize,
    n: usize,
}

impl<'a> Trainer<'a> {
    pub(super) fn new(
        spec: &ModelSpec,
        data: &'a TrainingData<'a>,
        recipe: &'a Recipe,
        executor: Executor<f32>,
    ) -> Self {
        let (gradients, state) = (Gradients::default(), State::new(recipe));
        Self { data, recipe, n_outputs: spec.n_outputs, executor, gradients, state }
    }

    /// Takes up the optimizer's memory of an earlier run.
    pub(super) fn remember(&mut self, steps: i32, moments: Vec<[Vec<f32>; 2]>) {
        self.state.remember(steps, moments);
    }

    /// The optimizer's memory: steps made, and the moments of each tensor.
    pub(super) fn memory(&self) -> (i32, Vec<[Vec<f32>; 2]>) {
        self.state.memory()
    }

    pub(super) fn executor(&self) -> &Executor<f32> {
        &self.executor
    }

    /// Learns from every training image once. Returns the mean loss and the accuracy.
    pub(super) fn learn(&mut self, epoch: usize, observer: &dyn Observer) -> Result<(f64, f64)> {
        let Recipe { seed, batch_size, max_epochs, augmentation, .. } = *self.recipe;
        let ids = self.data.ids;
        let mut order = self.data.train.to_vec();
        // The files' order does not matter: the ids' does.
        order.sort_by(|&a, &b| ids[a].cmp(&ids[b]));
        rng::stream(seed, "shuffle", &epoch.to_string()).shuffle(&mut order);
        let stage = format!("training, epoch {} of at most {max_epochs}", epoch + 1);
        observer.stage(&stage, order.len());
        let mut sums = Sums::default();
        for batch in order.chunks(batch_size) {
            if observer.interrupted() {
                return Err(interrupted());
            }
            let mut images = self.data.pixels.batch(batch)?;
            for (image, &i) in images.outer_iter_mut().zip(batch) {
                augment(image, augmentation, seed, epoch, &ids[i]);
            }
            let draws = |layer: &str, i: usize| {
                rng::stream(seed, "dropout", &format!("{epoch}/{layer}/{}", ids[batch[i]]))
            };
            let images = Activation::from_nchw(images.view());
            let (mut output, tape) = self.executor.forward(images, Mode::Training(&draws), &[])?;
            let labels: Vec<usize> = batch.iter().map(|&i| self.data.labels[i]).collect();
            sums.add(cross_entropy(&mut output.data, self.n_outputs, &labels));
            if !sums.loss.is_finite() {
                return Err(diverged(epoch, sums.loss));
            }
            self.executor.weight_gradients(&tape, output, &mut self.gradients)?;
            let state = &mut self.state;
            state.begin();
            self.executor.update(&tape, &self.gradients, |number, decays, weights, gradient| {
                state.update(number, decays, weights, gradient);
            });
            observer.advance(batch.len());
            observer.status(&format!(
                "loss {:.4}, accuracy {:.1} %",
                sums.mean_loss(),
                100.0 * sums.accuracy()
            ));
        }
        Ok((sums.mean_loss(), sums.accuracy()))
    }

    /// Classifies the tune images. Returns the mean loss and the number labelled rightly.
    pub(super) fn tune(&self, epoch: usize, observer: &dyn Observer) -> Result<(f64, usize)> {
        let ids = self.data.ids;
        let mut order = self.data.tune.to_vec();
        // The sum of losses is rounded: it is taken in the ids' order.
        order.sort_by(|&a, &b| ids[a].cmp(&ids[b]));
        let mut sums = Sums::default();
        // Images do not see each other in evaluation mode, but the grouping of the sum must not depend on anything.
        for batch in order.chunks(TUNE_BATCH) {
            if observer.interrupted() {
                return Err(interrupted());
            }
            let images = Activation::from_nchw(self.data.pixels.batch(batch)?.view());
            let (mut output, _) = self.executor.forward(images, Mode::Inference, &[])?;
            let labels: Vec<usize> = batch.iter().map(|&i| self.data.labels[i]).collect();
            sums.add(cross_entropy(&mut output.data, self.n_outputs, &labels));
        }
        if !sums.loss.is_finite() {
            return Err(diverged(epoch, sums.loss));
        }
        Ok((sums.mean_loss(), sums.correct))
    }
}

const TUNE_BATCH: usize = 64;

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped while training; nothing was saved")
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.n += other.n;
    }

    fn mean_loss(&self) -> f64 {
        self.loss / self.n as f64
    }

    fn accuracy(&self) -> f64 {
        self.correct as f64 / self.n as f64
    }
}

/// Replaces outputs `[batch, outputs]` by the gradient of the batch's mean cross-entropy, and sums the losses.
///
/// A single output z is read as the two logits (-z/2, z/2), whose softmax is the sigmoid of z.
fn cross_entropy(outputs: &mut [f32], n_outputs: usize, labels: &[usize]) -> Sums {
    let n = labels.len();
    let losses: Vec<(f64, bool)> = outputs
        .par_chunks_mut(n_outputs)
        .zip(labels)
        .map(|(outputs, &label)| {
            let z: Vec<f64> = match *outputs {
                [z] => vec![f64::from(z) / -2.0, f64::from(z) / 2.0],
                _ => outputs.iter().map(|&z| z.into()).collect(),
            };
            let first_largest = (1..z.len()).fold(0, |best, i| if z[i] > z[best] { i } else { best });
            let top = z[first_largest];
            let total: f64 = z.iter().map(|z| (z - top).exp()).sum();
            let gradient =
                |i: usize| ((z[i] - top).exp() / total - f64::from(u8::from(i == label))) / n as f64;
            if let [out] = outputs {
                *out = ((gradient(1) - gradient(0)) / 2.0) as f32;
            } else {
                outputs.iter_mut().enumerate().for_each(|(i, out)| *out = gradient(i) as f32);
            }
            (total.ln() - (z[label] - top), first_largest == label)
        })
        .collect();
    let loss = losses.iter().map(|(loss, _)| loss).sum();
    Sums { loss, correct: losses.iter().filter(|(_, right)| *right).count(), n }
}
