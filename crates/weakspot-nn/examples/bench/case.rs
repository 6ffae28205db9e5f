//! One convolution or one network, laid out, with the images it is timed on.

use std::path::PathBuf;
use std::time::Instant;

use ndarray::Array4;
use rayon::prelude::*;
use serde::Deserialize;
use weakspot::{Error, Result, rng};
use weakspot_nn::executor::{Activation, Gradients, Mode, Tape};
use weakspot_nn::{Convolutions, Executor, Layer, NamedLayer, Network, Shape, checkpoint};

use crate::numbers;

/// The seed of images, and that of gradients at a layer's output.
const IMAGES: u32 = 1;
const COTANGENT: u32 = 2;

/// As large as a step may be without changing what is computed: timings do not depend on the values.
const LEARNING_RATE: f32 = 1e-4;

/// Numbers per parallel piece of an update.
const PIECE: usize = 1 << 16;

/// What is timed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "case", rename_all = "lowercase")]
pub(crate) enum Description {
    /// A 3x3 convolution, stride 1, padding 1, with bias.
    Layer { channels_in: usize, channels_out: usize, size: usize, batch: usize },
    /// VGG16 with head `gap`.
    Network { weights: PathBuf, size: usize, batch: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    /// Of a layer or a network: the output, keeping nothing for gradients.
    Forward,
    /// Of a layer: the walk back alone. Of a network: forward and walk back, weights frozen.
    InputGradient,
    /// Of a layer: the gradients to weights and bias alone.
    WeightGradient,
    /// Of a network: forward, cross-entropy, all weight gradients, one step of plain gradient descent.
    TrainingStep,
}

pub(crate) struct Case {
    pub(crate) description: Description,
    executor: Executor<f32>,
    images: Activation<f32>,
    /// Gradient at the output of a layer.
    cotangent: Activation<f32>,
    gradients: Gradients<f32>,
    /// A pass to walk back from, for a layer; with it, whether it was a training pass.
    tape: Option<(bool, Tape<f32>)>,
}

impl Case {
    pub(crate) fn new(description: &Description) -> Result<Self> {
        let (executor, batch) = match description {
            Description::Layer { channels_in, channels_out, size, batch } => {
                let layer = Layer::Conv2d {
                    channels_in: *channels_in,
                    channels_out: *channels_out,
                    kernel: (3, 3),
                    stride: (1, 1),
                    padding: [1; 4],
                };
                let input = Shape { channels: *channels_in, height: *size, width: *size };
                let network = Network::new(input, vec![NamedLayer { name: "conv".to_owned(), layer }])?;
                let weights = numbers::weights(&network);
                (Executor::new(network, &weights)?, *batch)
            }
            Description::Network { weights, size, batch } => {
                let overrides =
                    checkpoint::Overrides { size: Some((*size, *size)), ..checkpoint::Overrides::default() };
                let model = checkpoint::load(weights, &overrides)?.model;
                let network = model.executor().network().clone();
                (Executor::new(network, &model.weights()?)?, *batch)
            }
        };
        let network = executor.network();
        let images = activation(batch, network.input(), numbers::images(batch, network.input(), IMAGES))?;
        let output = network.output();
        let cotangent = activation(batch, output, numbers::hashed(batch * output.len(), COTANGENT))?;
        let (gradients, tape) = (Gradients::default(), None);
        Ok(Self { description: description.clone(), executor, images, cotangent, gradients, tape })
    }

    /// How the kernels compute a layer of this shape. Its real number of operations follows from this.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.description {
            Description::Network { .. } => "by layer",
            Description::Layer { .. } if self.executor.method() == Convolutions::Direct => "direct",
            // As the kernels choose: sums of products for one or three input channels; a special tile for images of 2x2
            // pixels; otherwise the tiles that need fewer products, and the larger tile in a tie.
            Description::Layer { channels_in: 1 | 3, .. } => "direct",
            Description::Layer { size: 2, .. } => "winograd-pair",
            Description::Layer { size, .. } => {
                let products = |tile: usize, each: usize| size.div_ceil(tile).pow(2) * each;
                if products(4, 36) <= products(2, 16) { "winograd-4" } else { "winograd-2" }
            }
        }
    }

    /// Seconds of one run. What a run uses up is copied before the clock starts.
    pub(crate) fn time(&mut self, op: Op) -> Result<f64> {
        if let Description::Layer { .. } = self.description
            && op != Op::Forward
        {
            let training = op == Op::WeightGradient;
            if self.tape.as_ref().is_none_or(|(made_for, _)| *made_for != training) {
                let (_, tape) = self.executor.forward(self.images.clone(), mode(training), &[])?;
                self.tape = Some((training, tape));
            }
        }
        let (images, cotangent) = (self.images.clone(), self.cotangent.clone());
        let start = now();
        let result = self.run(op, images, cotangent)?;
        let seconds = start.elapsed().as_secs_f64();
        // As within a network, where the memory of a layer's output is reused in the next batch.
        if let Some(output) = result {
            self.executor.reuse(output);
        }
        Ok(seconds)
    }

    /// The result of one run, in PyTorch's order: an output, an input gradient, or all weight gradients by name.
    pub(crate) fn result(&mut self, op: Op) -> Result<Vec<f32>> {
        self.time(op)?;
        if matches!(op, Op::Forward | Op::InputGradient) {
            let activation = self.run(op, self.images.clone(), self.cotangent.clone())?;
            return Ok(activation.map_or_else(Vec::new, |a| a.to_nchw().into_iter().collect()));
        }
        if op == Op::TrainingStep {
            // The step has changed the weights, but the result is the gradients at the given weights.
            *self = Self::new(&self.description)?;
        }
        let (mut output, tape) = self.executor.forward(self.images.clone(), mode(true), &[])?;
        let cotangent = if op == Op::TrainingStep {
            cross_entropy(&mut output);
            output
        } else {
            self.cotangent.clone()
        };
        self.executor.weight_gradients(&tape, cotangent, &mut self.gradients)?;
        // The gradients replace the weights, so that they come out by name and in PyTorch's order.
        self.executor
            .update(&tape, &self.gradients, |_, _, weights, gradient| weights.copy_from_slice(gradient))?;
        let gradients = self.executor.weights()?.0.into_values().flat_map(|tensor| tensor.data).collect();
        *self = Self::new(&self.description)?;
        Ok(gradients)
    }

    fn run(
        &mut self,
        op: Op,
        images: Activation<f32>,
        cotangent: Activation<f32>,
    ) -> Result<Option<Activation<f32>>> {
        let missing = || Error::invalid("this case does not have this operation");
        let layers = self.executor.network().layers().len();
        match (op, &self.description) {
            (Op::Forward, _) => Ok(Some(self.executor.forward(images, Mode::Inference, &[])?.0)),
            (Op::InputGradient, Description::Layer { .. }) => {
                let (_, tape) = self.tape.as_ref().ok_or_else(missing)?;
                self.executor.backward(tape, cotangent, 1, 0).map(Some)
            }
            (Op::InputGradient, Description::Network { .. }) => {
                let (_, tape) = self.executor.forward(images, Mode::Gradient, &[])?;
                self.executor.backward(&tape, cotangent, layers, 0).map(Some)
            }
            (Op::WeightGradient, Description::Layer { .. }) => {
                let (_, tape) = self.tape.as_ref().ok_or_else(missing)?;
                self.executor.weight_gradients(tape, cotangent, &mut self.gradients)?;
                Ok(None)
            }
            (Op::TrainingStep, Description::Network { .. }) => {
                let (mut output, tape) = self.executor.forward(images, mode(true), &[])?;
                cross_entropy(&mut output);
                self.executor.weight_gradients(&tape, output, &mut self.gradients)?;
                self.executor.update(&tape, &self.gradients, |_, _, weights, gradient| {
                    weights.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE)).for_each(|(ws, gs)| {
                        ws.iter_mut().zip(gs).for_each(|(w, g)| *w -= LEARNING_RATE * g);
                    });
                })?;
                self.executor.recycle(tape);
                Ok(None)
            }
            (Op::WeightGradient | Op::TrainingStep, _) => Err(missing()),
        }
    }
}

/// A pass that leaves what gradients need: to the weights too, or to layers and the input only.
fn mode(training: bool) -> Mode<'static> {
    // No network here has a dropout that would draw.
    if training { Mode::Training(&|layer, i| rng::stream(0, layer, &i.to_string())) } else { Mode::Gradient }
}

/// Replaces logits by the gradient of the mean cross-entropy; image i has the label i mod classes.
fn cross_entropy(logits: &mut Activation<f32>) {
    let (n, classes) = (logits.n, logits.shape.len());
    for (i, z) in logits.data.chunks_exact_mut(classes).enumerate() {
        let top = weakspot::num::max_of(z.iter());
        let sum: f32 = z.iter().map(|z| (z - top).exp()).sum();
        for (class, z) in z.iter_mut().enumerate() {
            *z = ((*z - top).exp() / sum - f32::from(u8::from(class == i % classes))) / n as f32;
        }
    }
}

/// Activations from numbers in the order batch, channels, height, width.
fn activation(n: usize, shape: Shape, numbers: Vec<f32>) -> Result<Activation<f32>> {
    let array = Array4::from_shape_vec((n, shape.channels, shape.height, shape.width), numbers)
        .map_err(|e| Error::shape(e.to_string()))?;
    Ok(Activation::from_nchw(array.view()))
}

#[expect(clippy::disallowed_methods, reason = "this program is a stopwatch")]
fn now() -> Instant {
    Instant::now()
}
