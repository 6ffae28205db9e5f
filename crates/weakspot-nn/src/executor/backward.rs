//! From a gradient at the output, or at a layer, back to a layer, the input or the weights.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Gates, Scalar};

use super::activation::Activation;
use super::build::shape_error;
use super::chunks::Stretch;
use super::forward::{Saved, Tape, max_pool};
use super::{Executor, Operation, pool};
use crate::network::Layer;

/// Gradients to the weights, in the kernels' own order: what [`Executor::update`] hands to an optimizer.
///
/// # Examples
/// ```
/// use weakspot::rng;
/// use weakspot_nn::executor::{Activation, Executor, Gradients, Mode};
/// # use weakspot_nn::{Layer, NamedLayer, Network, Shape, Tensor, Weights};
/// # let layer = Layer::Linear { features_in: 2, features_out: 2 };
/// # let input = Shape { channels: 2, height: 1, width: 1 };
/// # let network = Network::new(input, vec![NamedLayer { name: "classifier".to_owned(), layer }])?;
/// # let tensor = |shape: &[usize], data: &[f32]| Tensor { shape: shape.to_vec(), data: data.to_vec() };
/// # let weight = ("classifier.weight".to_owned(), tensor(&[2, 2], &[2.0, 3.0, -1.0, 0.0]));
/// # let bias = ("classifier.bias".to_owned(), tensor(&[2], &[1.0, 0.0]));
/// # let weights = Weights([weight, bias].into());
/// // Logits 2 x0 + 3 x1 + 1 and -x0. A step of gradient descent for the first, at (1, 10).
/// let mut executor: Executor<f32> = Executor::new(network, &weights)?;
/// let image = Activation { n: 1, shape: input, data: vec![1.0, 10.0] };
/// let draws = |layer: &str, image: usize| rng::stream(0, layer, &image.to_string());
/// let (logits, tape) = executor.forward(image, Mode::Training(&draws), &[])?;
/// let of_first = Activation { n: 1, shape: logits.shape, data: vec![1.0, 0.0] };
/// let mut gradients = Gradients::default();
/// executor.weight_gradients(&tape, of_first, &mut gradients)?;
/// executor.update(&tape, &gradients, |_, _, tensor, gradient| {
///     tensor.iter_mut().zip(gradient).for_each(|(v, g)| *v -= 0.5 * g);
/// })?;
/// assert_eq!(executor.weights()?.0["classifier.weight"].data, [1.5, -2.0, -1.0, 0.0]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gradients<T> {
    /// One per layer; the gradients to weight and bias, empty where there are none.
    layers: Vec<[Vec<T>; 2]>,
}

impl<T: Scalar> Executor<T> {
    /// Walks a gradient at the output of layer `from - 1` back to the input of layer `to`, which is the output of layer
    /// `to - 1`, or the images for `to = 0`. `from` is the number of layers for the network's output. Weights are
    /// frozen: their gradients are not computed.
    ///
    /// # Errors
    /// `Shape` if the gradient is not of the layer's shape; `InvalidParameter` if the tape belongs to another network
    /// or to a pass without gradients, or if the walk begins or ends between a ReLU and a max-pooling and the forward
    /// pass had no tap on the ReLU; `Interrupted` as in [`Executor::stop_on`].
    pub fn backward(
        &self,
        tape: &Tape<T>,
        gradient: Activation<T>,
        from: usize,
        to: usize,
    ) -> Result<Activation<T>> {
        self.check(tape, &gradient, from)?;
        let cut = tape.cut;
        let mut gradient = gradient;
        if from > cut.end {
            let rest = Stretch { first: cut.end, saved: &tape.saved };
            gradient = self.walk(rest, gradient, from, to.max(cut.end))?;
        }
        if to >= cut.end {
            return Ok(gradient);
        }
        self.in_parts(gradient, cut.images, to, |i, gradient| {
            let saved =
                tape.parts.get(i).ok_or_else(|| Error::invalid("the gradient belongs to another batch"))?;
            self.walk(Stretch { first: 0, saved }, gradient, from.min(cut.end), to)
        })
    }

    /// [`Executor::backward`] within some consecutive layers.
    fn walk(
        &self,
        tape: Stretch<'_, T>,
        gradient: Activation<T>,
        from: usize,
        to: usize,
    ) -> Result<Activation<T>> {
        let (mut gradient, mut place) = (gradient, from);
        while place > to {
            self.go_on()?;
            place -= 1;
            let saved = tape.get(place).unwrap_or(&Saved::Nothing);
            if let Saved::Maxima(maxima) = saved {
                (gradient, place) = self.pooled_back(tape, place, maxima, to, gradient)?;
                continue;
            }
            // A batch norm that is folded into its convolution is walked through with it, unless the walk begins or
            // ends between them.
            match (&self.operations[place], saved) {
                (Operation::BatchNorm(_), Saved::Folded) if place > to => {}
                (Operation::BatchNorm(norm), Saved::Folded) => norm.evaluate_gradient(&mut gradient),
                _ => {
                    let folded = place + 1 < from && tape.is_folded(place + 1);
                    let gates = self.gates_below(tape, place, to);
                    gradient = self.step_back(place, saved, gates, folded, gradient)?;
                    place -= usize::from(gates.is_some());
                }
            }
        }
        Ok(gradient)
    }

    /// Through a max-pooling and the ReLU and convolution that it is fused with. Returns the gradient to the input of a
    /// layer, and that layer's place.
    fn pooled_back(
        &self,
        tape: Stretch<'_, T>,
        pool: usize,
        maxima: &Gates,
        to: usize,
        gradient: Activation<T>,
    ) -> Result<(Activation<T>, usize)> {
        if to == pool {
            return Err(Error::invalid("a walk that ends below a max-pooling needs a tap on the ReLU there"));
        }
        let relu = pool - 1;
        let folded = tape.is_folded(relu.wrapping_sub(1));
        let place = relu - 1 - usize::from(folded);
        if place < to {
            return Ok((self.unpool(pool, maxima, gradient)?, relu));
        }
        let conv = self.convolution(place, folded)?;
        let input = place.checked_sub(1).map_or(self.network.input(), |p| self.network.outputs()[p]);
        let gates = self.gates_below(tape, place, to);
        let mut to_input = self.memory.take(gradient.n, input);
        conv.input_gradient_pooled(gradient.n, &gradient.data, maxima, gates, &mut to_input.data)
            .map_err(shape_error)?;
        self.memory.give(gradient);
        Ok((to_input, place - usize::from(gates.is_some())))
    }

    /// The gradient to the input of the ReLU below a max-pooling that is fused with the convolution.
    fn unpool(&self, pool: usize, maxima: &Gates, gradient: Activation<T>) -> Result<Activation<T>> {
        let input = self.network.outputs()[pool - 1];
        let mut to_input = self.memory.take(gradient.n, input);
        max_pool(2, input)?
            .gradient_at(gradient.n, &gradient.data, maxima, &mut to_input.data)
            .map_err(shape_error)?;
        self.memory.give(gradient);
        Ok(to_input)
    }

    /// The gates of the ReLU right below a convolution or a pooling, which applies them itself.
    fn gates_below<'t>(&self, tape: Stretch<'t, T>, place: usize, to: usize) -> Option<&'t Gates> {
        let takes = matches!(self.operations[place], Operation::Conv(_))
            || matches!(self.network.layers()[place].layer, Layer::MaxPool2d { .. });
        match place.checked_sub(1).filter(|&below| takes && below >= to).and_then(|below| tape.get(below)) {
            Some(Saved::Open(gates)) => Some(gates),
            _ => None,
        }
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
        if tape.cut.end > 0 {
            return Err(Error::invalid("gradients to weights need the tape of a training pass"));
        }
        let all = Stretch { first: 0, saved: &tape.saved };
        let learns = |op: &Operation<T>| matches!(op, Operation::Conv(_) | Operation::BatchNorm(_));
        let first = self.operations.iter().position(learns).unwrap_or(n_layers);
        let (mut gradient, mut place) = (gradient, n_layers);
        while place > first {
            self.go_on()?;
            place -= 1;
            if let Saved::Maxima(maxima) = &tape.saved[place] {
                gradient = self.unpool(place, maxima, gradient)?;
                place -= 1;
                continue;
            }
            let (saved, gates) = (&tape.saved[place], self.gates_below(all, place, first));
            match (&self.operations[place], saved) {
                (Operation::Conv(conv), Saved::Input(input)) => {
                    let [weights, bias] = &mut gradients.layers[place];
                    weights.resize(conv.own.shape().weights_len(), T::ZERO);
                    bias.resize(conv.own.bias().len(), T::ZERO);
                    conv.own
                        .weight_gradient(input.n, &input.data, &gradient.data, weights, bias)
                        .map_err(shape_error)?;
                    // Nothing below the first layer learns.
                    if place > first {
                        gradient = self.step_back(place, saved, gates, false, gradient)?;
                    }
                }
                (Operation::BatchNorm(norm), Saved::Batch(batch)) => {
                    let (weight, bias) = norm.train_gradient(batch, &mut gradient);
                    gradients.layers[place] = [weight, bias];
                }
                _ => gradient = self.step_back(place, saved, gates, false, gradient)?,
            }
            place -= usize::from(gates.is_some());
        }
        self.memory.give(gradient);
        Ok(())
    }

    fn check(&self, tape: &Tape<T>, gradient: &Activation<T>, from: usize) -> Result<()> {
        let layers = self.operations.len();
        if tape.cut.end + tape.saved.len() != layers || from > layers {
            return Err(Error::invalid("the tape belongs to another network"));
        }
        let expected = from.checked_sub(1).map_or(self.network.input(), |p| self.network.outputs()[p]);
        if gradient.shape != expected || gradient.data.len() != gradient.n * expected.len() {
            return Err(Error::shape(format!("the gradient should be {expected}; got {}", gradient.shape)));
        }
        Ok(())
    }

    /// The gradient to a layer's input, from the gradient to its output; weights frozen. `gates` are those of the ReLU
    /// below, which are applied as well.
    fn step_back(
        &self,
        place: usize,
        saved: &Saved<T>,
        gates: Option<&Gates>,
        folded: bool,
        gradient: Activation<T>,
    ) -> Result<Activation<T>> {
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
            Operation::Conv(_) => {
                let conv = self.convolution(place, folded)?;
                let mut to_input = self.memory.take(gradient.n, input);
                conv.input_gradient(gradient.n, &gradient.data, gates, &mut to_input.data)
                    .map_err(shape_error)?;
                self.memory.give(gradient);
                return Ok(to_input);
            }
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
            (Layer::Relu, Saved::Open(gates)) => {
                gates.apply(&mut gradient.data).map_err(shape_error)?;
                Ok(gradient)
            }
            (Layer::MaxPool2d { size }, Saved::Places(places)) => {
                let mut to_input = self.memory.take(gradient.n, input);
                max_pool(*size, input)?
                    .gradient(gradient.n, &gradient.data, places, gates, &mut to_input.data)
                    .map_err(shape_error)?;
                self.memory.give(gradient);
                Ok(to_input)
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
    ///
    /// # Errors
    /// `Shape` for a [frozen](Executor::freeze) executor.
    pub fn update(
        &mut self,
        tape: &Tape<T>,
        gradients: &Gradients<T>,
        mut step: impl FnMut(usize, bool, &mut [T], &[T]),
    ) -> Result<()> {
        let mut number = 0;
        for ((operation, saved), [to_weight, to_bias]) in
            self.operations.iter_mut().zip(&tape.saved).zip(&gradients.layers)
        {
            let (decays, weight, bias) = match operation {
                Operation::Conv(conv) => {
                    conv.folded.take();
                    let (weights, bias) = conv.own.parameters_mut().map_err(shape_error)?;
                    (true, weights, bias)
                }
                Operation::BatchNorm(norm) => {
                    if let Saved::Batch(batch) = saved {
                        norm.absorb(batch);
                    }
                    (false, &mut norm.weight[..], &mut norm.bias[..])
                }
                Operation::Plain | Operation::Normalize { .. } => continue,
            };
            step(number, decays, weight, to_weight);
            step(number + 1, false, bias, to_bias);
            number += 2;
        }
        Ok(())
    }
}
