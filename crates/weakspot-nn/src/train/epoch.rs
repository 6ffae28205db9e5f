//! One pass over the training images, and one over the tune images.

use weakspot::progress::Observer;
use weakspot::{Result, rng};

use super::batches::{Batches, in_pieces, interrupted};
use super::cut::is_trunk;
use super::loss::{Sums, cross_entropy};
use super::optimizer::{Kind, State};
use super::recipe::Recipe;
use super::{TrainingData, diverged};
use crate::executor::{Activation, Executor, Gradients, Mode};
use crate::models::ModelSpec;

/// A network in training.
pub(super) struct Trainer<'a> {
    data: &'a TrainingData<'a>,
    recipe: &'a Recipe,
    batches: Batches<'a>,
    learner: Learner<'a>,
}

/// The part that learns: the whole network, or the head on a frozen trunk.
struct Learner<'a> {
    recipe: &'a Recipe,
    n_outputs: usize,
    /// The tensors before this one are the trunk's.
    first_of_head: usize,
    executor: Executor<f32>,
    gradients: Gradients<f32>,
    state: State,
}

impl<'a> Trainer<'a> {
    pub(super) fn new(
        spec: &ModelSpec,
        data: &'a TrainingData<'a>,
        recipe: &'a Recipe,
        executor: Executor<f32>,
        batches: Batches<'a>,
    ) -> Self {
        let of_trunk = executor.network().layers().iter().filter(|l| is_trunk(&l.name));
        // Every layer that learns has a weight and a bias; running statistics follow the batches.
        let first_of_head = 2 * of_trunk.filter(|l| !l.layer.parameters().is_empty()).count();
        let n_steps = recipe.max_epochs * data.train.len().div_ceil(recipe.batch_size);
        let (gradients, state) = (Gradients::default(), State::new(recipe, n_steps));
        let n_outputs = spec.n_outputs;
        let learner = Learner { recipe, n_outputs, first_of_head, executor, gradients, state };
        Self { data, recipe, batches, learner }
    }

    /// Restores the optimizer's memory from an earlier run.
    pub(super) fn remember(&mut self, steps: i32, moments: Vec<[Vec<f32>; 2]>) {
        self.learner.state.remember(steps, moments);
    }

    /// The optimizer's memory: steps made, and the moments of each tensor.
    pub(super) fn memory(&self) -> (i32, &[[Vec<f32>; 2]]) {
        self.learner.state.memory()
    }

    pub(super) fn executor(&self) -> &Executor<f32> {
        &self.learner.executor
    }

    /// Learns from every training image once. Returns the mean loss and the accuracy.
    pub(super) fn learn(&mut self, epoch: usize, observer: &dyn Observer) -> Result<(f64, f64)> {
        let Self { data, recipe, batches, learner } = self;
        let (data, recipe, batches, ids) = (*data, *recipe, &*batches, data.ids);
        let mut order = data.train.to_vec();
        // The order of the ids counts, not the order of the files.
        order.sort_by(|&a, &b| ids[a].cmp(&ids[b]));
        rng::stream(recipe.seed, "shuffle", &epoch.to_string()).shuffle(&mut order);
        let stage = format!("training, epoch {} of at most {}", epoch + 1, recipe.max_epochs);
        observer.stage(&stage, order.len());
        let mut sums = Sums::default();
        let mut coming = order.chunks(recipe.batch_size);
        let mut batch = coming.next().unwrap_or_default();
        let mut images = batches.training(batch, epoch)?;
        loop {
            if observer.interrupted() {
                return Err(interrupted());
            }
            let next = coming.next();
            // A thread without other work reads and augments the next images.
            let (learned, prepared) = rayon::join(
                || learner.step(data, batch, images, epoch),
                || next.map(|next| batches.training(next, epoch)).transpose(),
            );
            sums.add(learned?);
            if !sums.loss.is_finite() {
                return Err(diverged(epoch, sums.loss));
            }
            observer.advance(batch.len());
            observer.status(&format!(
                "loss {:.4}, accuracy {:.1} %",
                sums.mean_loss(),
                100.0 * sums.accuracy()
            ));
            let (Some(next), Some(prepared)) = (next, prepared?) else { break };
            (batch, images) = (next, prepared);
        }
        Ok((sums.mean_loss(), sums.accuracy()))
    }

    /// Classifies the tune images. Returns the mean loss against unsmoothed labels, and the number classified
    /// correctly.
    pub(super) fn tune(&self, epoch: usize, observer: &dyn Observer) -> Result<(f64, usize)> {
        let ids = self.data.ids;
        let mut order = self.data.tune.to_vec();
        // The sum of losses is rounded, so its order must be fixed: that of the ids.
        order.sort_by(|&a, &b| ids[a].cmp(&ids[b]));
        let mut sums = Sums::default();
        // In evaluation mode images do not affect each other, but the sum must always be grouped in the same way.
        for batch in order.chunks(TUNE_BATCH) {
            if observer.interrupted() {
                return Err(interrupted());
            }
            let mut output = in_pieces(&self.learner.executor, &self.batches.still(batch)?)?;
            let labels: Vec<usize> = batch.iter().map(|&i| self.data.labels[i]).collect();
            sums.add(cross_entropy(&mut output.data, self.learner.n_outputs, &labels, 0.0));
        }
        if !sums.loss.is_finite() {
            return Err(diverged(epoch, sums.loss));
        }
        Ok((sums.mean_loss(), sums.correct))
    }
}

impl Learner<'_> {
    /// Learns from one batch, unless its loss is not finite.
    fn step(
        &mut self,
        data: &TrainingData<'_>,
        batch: &[usize],
        images: Activation<f32>,
        epoch: usize,
    ) -> Result<Sums> {
        let draws = |layer: &str, i: usize| {
            rng::stream(self.recipe.seed, "dropout", &format!("{epoch}/{layer}/{}", data.ids[batch[i]]))
        };
        let (mut output, tape) = self.executor.forward(images, Mode::Training(&draws), &[])?;
        let labels: Vec<usize> = batch.iter().map(|&i| data.labels[i]).collect();
        let smoothing = self.recipe.label_smoothing;
        let sums = cross_entropy(&mut output.data, self.n_outputs, &labels, smoothing);
        if !sums.loss.is_finite() {
            return Ok(sums);
        }
        self.executor.weight_gradients(&tape, output, &mut self.gradients)?;
        let (state, first_of_head) = (&mut self.state, self.first_of_head);
        let trunk_rate = self.recipe.trunk_rate;
        state.begin();
        self.executor.update(&tape, &self.gradients, |number, decays, weights, gradient| {
            let share = if number < first_of_head { trunk_rate } else { 1.0 };
            state.update(Kind { number, decays, share }, weights, gradient);
        })?;
        self.executor.recycle(tape);
        Ok(sums)
    }
}

const TUNE_BATCH: usize = 64;
