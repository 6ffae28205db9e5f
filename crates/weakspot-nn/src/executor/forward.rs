//! From pixels to logits.

use std::ops::Range;

use rayon::prelude::*;
use weakspot::rng::Stream;
use weakspot::{Error, Result};
use weakspot_conv::{Activation as Epilogue, Gates, Kinds, MaxPool, Places, Scalar};

use super::activation::Activation;
use super::build::shape_error;
use super::chunks::Parts;
use super::equal::Equal;
use super::norm::BatchStatistics;
use super::{Executor, Operation, pool};
use crate::network::{Layer, Shape};

/// Gives a training pass its random streams, by a layer's name and an image's place in the batch.
///
/// # Examples
/// ```
/// use weakspot::rng;
/// use weakspot_nn::executor::{Draws, Mode};
///
/// // The stream of a layer and an image depends on nothing else.
/// let draws: Draws<'_> = &|layer, image| rng::stream(0, layer, &image.to_string());
/// assert_eq!(draws("classifier.2", 5).next_u64(), draws("classifier.2", 5).next_u64());
/// assert!(matches!(Mode::Training(draws), Mode::Training(_)));
/// ```
pub type Draws<'a> = &'a (dyn Fn(&str, usize) -> Stream + Sync);

/// What a forward pass is for.
///
/// # Examples
/// ```
/// use weakspot_nn::executor::{Activation, Executor, Mode};
/// # use weakspot_nn::{Layer, NamedLayer, Network, Shape, Tensor, Weights};
/// # let layer = Layer::Linear { features_in: 2, features_out: 2 };
/// # let input = Shape { channels: 2, height: 1, width: 1 };
/// # let network = Network::new(input, vec![NamedLayer { name: "classifier".to_owned(), layer }])?;
/// # let tensor = |shape: &[usize], data: &[f32]| Tensor { shape: shape.to_vec(), data: data.to_vec() };
/// # let weight = ("classifier.weight".to_owned(), tensor(&[2, 2], &[2.0, 3.0, -1.0, 0.0]));
/// # let bias = ("classifier.bias".to_owned(), tensor(&[2], &[1.0, 0.0]));
/// # let weights = Weights([weight, bias].into());
/// let executor: Executor<f32> = Executor::new(network, &weights)?;
/// let image = || Activation { n: 1, shape: input, data: vec![1.0, 10.0] };
/// // Both modes give the same logits.
/// let (logits, _) = executor.forward(image(), Mode::Inference, &[])?;
/// assert_eq!(executor.forward(image(), Mode::Gradient, &[])?.0, logits);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy)]
pub enum Mode<'a> {
    /// Logits only.
    Inference,
    /// Keep what gradients to layers and to the input need. Evaluation mode, as always outside training.
    Gradient,
    /// Also keep what gradients to the weights need; batch norms use the batch's statistics, dropout is on.
    Training(Draws<'a>),
}

/// What a forward pass left behind for walks back.
///
/// # Examples
/// ```
/// use weakspot_nn::executor::{Activation, Executor, Mode};
/// # use weakspot_nn::{Layer, NamedLayer, Network, Shape, Tensor, Weights};
/// # let layer = Layer::Linear { features_in: 2, features_out: 2 };
/// # let input = Shape { channels: 2, height: 1, width: 1 };
/// # let network = Network::new(input, vec![NamedLayer { name: "classifier".to_owned(), layer }])?;
/// # let tensor = |shape: &[usize], data: &[f32]| Tensor { shape: shape.to_vec(), data: data.to_vec() };
/// # let weight = ("classifier.weight".to_owned(), tensor(&[2, 2], &[2.0, 3.0, -1.0, 0.0]));
/// # let bias = ("classifier.bias".to_owned(), tensor(&[2], &[1.0, 0.0]));
/// # let weights = Weights([weight, bias].into());
/// let executor: Executor<f32> = Executor::new(network, &weights)?;
/// let image = Activation { n: 1, shape: input, data: vec![1.0, 10.0] };
/// // The output of layer 0, which here is the last one, is kept.
/// let (logits, tape) = executor.forward(image, Mode::Inference, &[0])?;
/// assert_eq!(tape.taps, [logits]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Tape<T: Scalar> {
    /// What the first layers left, for each part of the batch.
    pub(super) parts: Vec<Vec<Saved<T>>>,
    pub(super) cut: Parts,
    /// What the other layers left, for the whole batch.
    pub(super) saved: Vec<Saved<T>>,
    /// The outputs of the tapped layers, in the order of the taps.
    pub taps: Vec<Activation<T>>,
}

/// What one layer needs for its gradient.
#[derive(Debug)]
pub(super) enum Saved<T: Scalar> {
    Nothing,
    /// ReLU: where the gradient passes, which is where PyTorch lets it: not at 0.
    Open(Gates),
    /// Batch norm folded into the convolution before it.
    Folded,
    /// Max-pool: the places of the maxima.
    Places(Places),
    /// Max-pool fused with a convolution and the ReLU between them: open at the maxima that passed the ReLU.
    Maxima(Gates),
    /// Convolution or linear layer in training: its input.
    Input(Activation<T>),
    /// Batch norm in training.
    Batch(BatchStatistics<T>),
    /// Dropout in training: the factor of each value.
    Factors(Vec<T>),
}

impl<T: Scalar> Executor<T> {
    /// Runs a batch forward. Returns the network's output and the tape.
    ///
    /// `taps` are places of layers whose outputs the tape should keep.
    ///
    /// # Errors
    /// `Shape` if the images are not of the network's shape; `Interrupted` as in [`Executor::stop_on`].
    pub fn forward(
        &self,
        images: Activation<T>,
        mode: Mode<'_>,
        taps: &[usize],
    ) -> Result<(Activation<T>, Tape<T>)> {
        let expected = self.network.input();
        if images.shape != expected || images.data.len() != images.n * expected.len() {
            return Err(Error::shape(format!("images should be {expected}; got {}", images.shape)));
        }
        if taps.iter().any(|&tap| tap >= self.operations.len()) {
            return Err(Error::invalid("a tap names a layer that the network does not have"));
        }
        let n = images.n;
        let mut kept: Vec<Activation<T>> =
            taps.iter().map(|&tap| self.memory.take(n, self.network.outputs()[tap])).collect();
        let (cut, mut parts, mut x) = (self.parts(n, mode), Vec::new(), images);
        let mut equal = self.equal_pixels(mode);
        if cut.end > 0 {
            let mut joined: Option<Kinds> = None;
            x = self.in_parts(x, cut.images, cut.end, |i, part| {
                let mut equal = equal.clone();
                let first = i * cut.images;
                let (y, saved) = self.stretch(0..cut.end, part, &mut equal, mode, taps, &mut kept, first)?;
                parts.push(saved);
                match (&mut joined, equal.kinds) {
                    (Some(joined), Some(kinds)) => joined.append(kinds).map_err(shape_error)?,
                    (_, kinds) => joined = kinds,
                }
                Ok(y)
            })?;
            equal.kinds = joined;
        }
        let rest = cut.end..self.operations.len();
        let (x, saved) = self.stretch(rest, x, &mut equal, mode, taps, &mut kept, 0)?;
        Ok((x, Tape { parts, cut, saved, taps: kept }))
    }

    /// Runs some consecutive layers, on all images or on those from `first` on. Tapped outputs go to `kept`.
    #[expect(clippy::too_many_arguments, reason = "the layers, their input and where their outputs go")]
    fn stretch(
        &self,
        places: Range<usize>,
        images: Activation<T>,
        equal: &mut Equal,
        mode: Mode<'_>,
        taps: &[usize],
        kept: &mut [Activation<T>],
        first: usize,
    ) -> Result<(Activation<T>, Vec<Saved<T>>)> {
        let mut saved = Vec::with_capacity(places.len());
        let mut x = images;
        while saved.len() < places.len() {
            self.go_on()?;
            let place = places.start + saved.len();
            if matches!(self.operations[place], Operation::Conv(_)) {
                self.convolve(place, &mut x, equal, mode, taps, &mut saved)?;
            } else {
                saved.push(self.step(place, &mut x, equal, mode)?);
            }
            let last = places.start + saved.len() - 1;
            for (kept, _) in kept.iter_mut().zip(taps).filter(|(_, tap)| **tap == last) {
                kept.data[first * x.shape.len()..][..x.data.len()].copy_from_slice(&x.data);
            }
        }
        Ok((x, saved))
    }

    /// Runs a convolution and as many of the layers after it as can be fused with it: a batch norm outside training, a
    /// ReLU, a max-pooling of 2x2 windows. No tap may lie between them.
    fn convolve(
        &self,
        place: usize,
        x: &mut Activation<T>,
        equal: &mut Equal,
        mode: Mode<'_>,
        taps: &[usize],
        saved: &mut Vec<Saved<T>>,
    ) -> Result<()> {
        let training = matches!(mode, Mode::Training(_));
        let free = |place: usize| !taps.contains(&place);
        let folds = !training
            && free(place)
            && matches!(self.operations.get(place + 1), Some(Operation::BatchNorm(_)));
        let before = place + usize::from(folds);
        let next = self.network.layers().get(before + 1).map(|named| &named.layer);
        let relu = free(before) && next == Some(&Layer::Relu);
        let conv = self.convolution(place, folds)?;
        let after = self.network.layers().get(before + 2).map(|named| &named.layer);
        let pools = relu && free(before + 1) && conv.pools() && after == Some(&Layer::MaxPool2d { size: 2 });
        let output = self.network.outputs()[place];
        let mut y = self.memory.take(x.n, if pools { self.network.outputs()[before + 2] } else { output });
        let mut gates = match (relu, mode) {
            (false, _) | (_, Mode::Inference) => None,
            _ => Some(Gates::closed(x.n * output.height * output.width, output.channels)),
        };
        equal.convolved(place, conv.shape(), x)?;
        let done = if pools {
            conv.forward_pooled(x.n, &x.data, gates.as_mut(), equal.kinds.as_ref(), &mut y.data)
        } else {
            let epilogue = match &mut gates {
                Some(gates) => Epilogue::Gated(gates),
                None if relu => Epilogue::Relu,
                None => Epilogue::Linear,
            };
            conv.forward(x.n, &x.data, epilogue, &mut y.data)
        };
        done.map_err(shape_error)?;
        let input = std::mem::replace(x, y);
        if training {
            saved.push(Saved::Input(input));
        } else {
            self.memory.give(input);
            saved.push(Saved::Nothing);
        }
        if folds {
            saved.push(Saved::Folded);
        }
        if pools {
            if let Some(maxima) = &gates {
                let pool = max_pool(2, output)?;
                equal.change(|kinds| kinds.pooled(&pool, maxima))?;
            }
            saved.push(Saved::Nothing);
            saved.push(gates.map_or(Saved::Nothing, Saved::Maxima));
        } else if relu {
            if let Some(gates) = &gates {
                equal.change(|kinds| kinds.gated(gates))?;
            }
            saved.push(gates.map_or(Saved::Nothing, Saved::Open));
        }
        Ok(())
    }

    /// Replaces a layer's input by its output and returns what its gradient needs.
    fn step(
        &self,
        place: usize,
        x: &mut Activation<T>,
        equal: &mut Equal,
        mode: Mode<'_>,
    ) -> Result<Saved<T>> {
        let named = &self.network.layers()[place];
        let output = self.network.outputs()[place];
        let keep = !matches!(mode, Mode::Inference);
        match &self.operations[place] {
            Operation::Normalize { mean, std } => {
                equal.kinds = None;
                x.images_mut().for_each(|(_, image)| {
                    for pixel in image.chunks_exact_mut(mean.len()) {
                        for ((v, &mean), &std) in pixel.iter_mut().zip(mean).zip(std) {
                            *v = (*v - mean) / std;
                        }
                    }
                });
                return Ok(Saved::Nothing);
            }
            Operation::BatchNorm(norm) => {
                // Right after a convolution no pixel has the kind of the zeros around the image, which stay zeros here.
                let after = place.checked_sub(1).map(|before| &self.operations[before]);
                if !matches!(after, Some(Operation::Conv(_))) {
                    equal.kinds = None;
                }
                if matches!(mode, Mode::Training(_)) {
                    return Ok(Saved::Batch(norm.train(x)));
                }
                norm.evaluate(x);
                return Ok(Saved::Nothing);
            }
            Operation::Conv(_) | Operation::Plain => {}
        }
        match &named.layer {
            Layer::Relu => {
                let gates = Gates::relu(&mut x.data, x.shape.channels).map_err(shape_error)?;
                equal.change(|kinds| kinds.gated(&gates))?;
                return Ok(if keep { Saved::Open(gates) } else { Saved::Nothing });
            }
            Layer::MaxPool2d { size } => {
                let mut y = self.memory.take(x.n, output);
                let pool = max_pool(*size, x.shape)?;
                let kinds = equal.kinds.as_ref();
                let places = pool.forward(x.n, &x.data, keep, kinds, &mut y.data).map_err(shape_error)?;
                if let Some(places) = &places {
                    equal.change(|kinds| kinds.pooled_at(&pool, places, &y.data))?;
                }
                self.memory.give(std::mem::replace(x, y));
                return Ok(places.map_or(Saved::Nothing, Saved::Places));
            }
            Layer::Dropout { p } => {
                equal.kinds = None;
                if let Mode::Training(draws) = mode {
                    return Ok(Saved::Factors(dropout(x, *p, &named.name, draws)));
                }
            }
            layer => {
                equal.kinds = None;
                *x = rearranged(layer, x, output);
            }
        }
        Ok(Saved::Nothing)
    }
}

/// The max-pooling of a layer.
pub(super) fn max_pool(window: usize, input: Shape) -> Result<MaxPool> {
    MaxPool::new(window, input.channels, (input.height, input.width)).map_err(shape_error)
}

/// The layers that only move or average numbers.
fn rearranged<T: Scalar>(layer: &Layer, x: &Activation<T>, output: Shape) -> Activation<T> {
    match layer {
        Layer::ZeroPad2d { padding } => pool::reframe(x, output, *padding),
        Layer::AdaptiveAvgPool2d { .. } => pool::average_pool(x, output),
        _ => pool::flatten(x, output),
    }
}

/// Zeroes values at random, in place, and returns the factors.
fn dropout<T: Scalar>(x: &mut Activation<T>, p: f32, name: &str, draws: Draws<'_>) -> Vec<T> {
    let mut factors = vec![T::ZERO; x.data.len()];
    let kept = T::ONE / (T::ONE - T::from_f64(p.into()));
    let len = x.shape.len();
    x.images_mut().zip(factors.par_chunks_mut(len)).for_each(|((i, image), factors)| {
        let mut stream = draws(name, i);
        for (v, factor) in image.iter_mut().zip(factors) {
            *factor = if stream.unit() < p { T::ZERO } else { kept };
            *v *= *factor;
        }
    });
    factors
}
