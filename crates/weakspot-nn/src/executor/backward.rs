//! From a gradient at the output, or at a layer, back to a layer, the input or the weights.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Scalar, Transposed, bias_gradient, input_gradient, weight_gradient};

use super::activation::Activation;
use super::build::shape_error;
use super::forward::{Saved, Tape};
use super::{Conv, Executor, Operation, pool};
use crate::network::Layer;

/// Gradients to the weights, in the kernels' own order: what [`Executor::update`] hands to an optimizer.
#[derive(Clone, Debug, Default)]
pub struct Gradients<T> {
    /// One per layer; the gradients to weight and bias, empty where there are none.
    layers: Vec<[Vec<T>; 2]>,
}

impl<T: Scalar> Executor<T> {
    /// Walks a gradient at the output of layer `from - 1` back to the input of layer `to`, which is the output of layer
    /// `to - 1`, or the images for `to = 0`. `from` is the number of layers for the network's output. Weights are
    /// frozen: they cost nothing.
    ///
    /// # Errors
    /// `Shape` if the gradient is not of the layer's shape; `InvalidParameter` if the tape is not of this network or
    /// of a pass without gradients.
    pub fn backward(
        &self,
        tape: &Tape<T>,
        gradient: Activation<T>,
        from: usize,
        to: usize,
    ) -> Result<Activation<T>> {
        self.check(tape, &gradient, from)?;
        let mut gradient = gradient;
        for place in (to..from).rev() {
            gradient = self.step_back(place, &tape.saved[place], gradient)?;
        }
        Ok(gradient)
    }

    /// The gradients to all weights, from a gradient at the network's output and the tape of a training pass.
    ///
    /// # Errors
    /// As [`Executor::backward`].
    pub fn weight_gradients(
        &self,
        tape: &Tape<T>,
        gradient: Activation<T>,
        gradients: &mut Gradients<T>,
    ) -> Result<()> {
        let n_layers = self.operations.len();
        self.check(tape, &gradient, n_layers)?;
        gradients.layers.resize_with(n_layers, Default::default);
        let learns = |op: &Operation<T>| matches!(op, Operation::Conv(_) | Operation::BatchNorm(_));
        let first = self.operations.iter().position(learns).unwrap_or(n_layers);
        let mut gradient = gradient;
        for place in (first..n_layers).rev() {
            let saved = &tape.saved[place];
            match (&self.operations[place], saved) {
                (Operation::Conv(conv), Saved::Input(input)) => {
                    let [weights, bias] = &mut gradients.layers[place];
                    weights.resize(conv.weights.len(), T::ZERO);
                    bias.resize(conv.bias.len(), T::ZERO);
                    weight_gradient(&conv.shape, input.n, &input.data, &gradient.data, weights)
                        .map_err(shape_error)?;
                    bias_gradient(&conv.shape, input.n, &gradient.data, bias).map_err(shape_error)?;
                    // Nothing below the first layer learns.
                    if place > first {
                        gradient = conv.to_input(gradient, input.shape)?;
                    }
                }
                (Operation::BatchNorm(norm), Saved::Batch(batch)) => {
                    let (weight, bias) = norm.train_gradient(batch, &mut gradient);
                    gradients.layers[place] = [weight, bias];
                }
                _ => gradient = self.step_back(place, saved, gradient)?,
            }
        }
        Ok(())
    }

    fn check(&self, tape: &Tape<T>, gradient: &Activation<T>, from: usize) -> Result<()> {
        if tape.saved.len() != self.operations.len() || from > tape.saved.len() {
            return Err(Error::invalid("a tape of another network"));
        }
        let expected = from.checked_sub(1).map_or(self.network.input(), |p| self.network.outputs()[p]);
        if gradient.shape != expected || gradient.data.len() != gradient.n * expected.len() {
            return Err(Error::shape(format!("the gradient should be {expected}; got {}", gradient.shape)));
        }
        Ok(())
    }

    /// The gradient to a layer's input, from the gradient to its output; weights frozen.
    fn step_back(&self, place: usize, saved: &Saved<T>, gradient: Activation<T>) -> Result<Activation<T>> {
        let input = place.checked_sub(1).map_or(self.network.input(), |p| self.network.outputs()[p]);
        let mut gradient = gradient;
        match &self.operations[place] {
            Operation::Normalize { std, .. } => {
                gradient.images_mut().for_each(|(_, image)| {
                    for pixel in image.chunks_exact_mut(std.len()) {
                        for (g, &std) in pixel.iter_mut().zip(std) {
                            *g = *g / std;
                        }
                    }
                });
                return Ok(gradient);
            }
            Operation::Conv(conv) => return conv.to_input(gradient, input),
            Operation::BatchNorm(norm) => {
                if let Saved::Batch(batch) = saved {
                    norm.train_gradient(batch, &mut gradient);
                } else {
                    norm.evaluate_gradient(&mut gradient);
                }
                return Ok(gradient);
            }
            Operation::Plain => {}
        }
        let missing = || Error::invalid("a walk back needs a forward pass that kept its tape");
        match (&self.network.layers()[place].layer, saved) {
            (Layer::Relu, Saved::Open(open)) if open.len() == gradient.data.len() => {
                let len = gradient.shape.len();
                gradient.images_mut().zip(open.par_chunks(len)).for_each(|((_, image), open)| {
                    for (g, &open) in image.iter_mut().zip(open) {
                        *g = if open { *g } else { T::ZERO };
                    }
                });
                Ok(gradient)
            }
            (Layer::MaxPool2d { size }, Saved::Places(places)) if places.len() == gradient.data.len() => {
                Ok(pool::max_pool_gradient(&gradient, places, *size, input))
            }
            (Layer::Relu | Layer::MaxPool2d { .. }, _) => Err(missing()),
            (Layer::Dropout { .. }, Saved::Factors(factors)) => {
                for (g, &factor) in gradient.data.iter_mut().zip(factors) {
                    *g *= factor;
                }
                Ok(gradient)
            }
            (Layer::ZeroPad2d { padding }, _) => Ok(pool::reframe(&gradient, input, *padding)),
            (Layer::AdaptiveAvgPool2d { .. }, _) => Ok(pool::average_pool_gradient(&gradient, input)),
            (Layer::Flatten, _) => Ok(pool::unflatten(&gradient, input)),
            _ => Ok(gradient),
        }
    }

    /// Lets `step(tensor number, is it the weight of a convolution or linear layer, tensor, gradient)` change every
    /// learned tensor, in the network's order, and moves the running statistics of batch norms towards those of
    /// the training pass.
    pub fn update(
        &mut self,
        tape: &Tape<T>,
        gradients: &Gradients<T>,
        mut step: impl FnMut(usize, bool, &mut [T], &[T]),
    ) {
        let mut number = 0;
        for ((operation, saved), [to_weight, to_bias]) in
            self.operations.iter_mut().zip(&tape.saved).zip(&gradients.layers)
        {
            let (decays, weight, bias) = match operation {
                Operation::Conv(conv) => {
                    conv.transposed.take();
                    (true, &mut conv.weights, &mut conv.bias)
                }
                Operation::BatchNorm(norm) => {
                    if let Saved::Batch(batch) = saved {
                        norm.absorb(batch);
                    }
                    (false, &mut norm.weight, &mut norm.bias)
                }
                Operation::Plain | Operation::Normalize { .. } => continue,
            };
            step(number, decays, weight, to_weight);
            step(number + 1, false, bias, to_bias);
            number += 2;
        }
    }
}

impl<T: Scalar> Conv<T> {
    fn to_input(&self, gradient: Activation<T>, input: crate::network::Shape) -> Result<Activation<T>> {
        let mut to_input = Activation::zeros(gradient.n, input);
        let transposed = if let Some(ready) = self.transposed.get() {
            ready
        } else {
            let fresh = Transposed::new(&self.shape, &self.weights).map_err(shape_error)?;
            self.transposed.get_or_init(|| fresh)
        };
        let (n, data) = (gradient.n, &mut to_input.data);
        input_gradient(&self.shape, n, &gradient.data, &self.weights, transposed, data)
            .map_err(shape_error)?;
        Ok(to_input)
    }
}
