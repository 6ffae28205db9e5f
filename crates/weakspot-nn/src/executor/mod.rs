//! Runs a [`Network`] on the CPU, forward and backward, in single or double precision.
//!
//! A forward pass may leave a [`Tape`]; [`Executor::backward`] walks it from the output (or any layer) back to any
//! layer's output, or to the input. Weights are frozen unless a training pass asks for their gradients.
//!
//! Activations keep the kernels' order `[batch, height, width, channels]` from the first layer to the last. A
//! convolution fuses the layers that follow it: a ReLU always, a batch norm outside training (folded into the
//! weights). A walk back closes a ReLU's gates while the convolution above it writes its gradient. Memory is reused
//! from batch to batch, and the first layers take a large batch a few images at a time.

mod activation;
mod backward;
mod build;
mod chunks;
mod equal;
mod forward;
pub(crate) mod memory;
mod norm;
mod pool;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ndarray::ArrayView4;
use weakspot::{Error, ErrorKind, Result};
use weakspot_conv::{Convolution, Method, Scalar};

pub use activation::Activation;
pub use backward::Gradients;
pub use forward::{Draws, Mode, Tape};

use crate::network::{Network, Shape};
use memory::Memory;
use norm::BatchNorm;

/// A network with its weights, laid out for the kernels.
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
/// // Logits 2 x0 + 3 x1 + 1 and -x0, of one image.
/// let executor: Executor<f32> = Executor::new(network, &weights)?;
/// let image = Activation { n: 1, shape: input, data: vec![1.0, 10.0] };
/// let (logits, tape) = executor.forward(image, Mode::Gradient, &[])?;
/// assert_eq!(logits.data, [33.0, -1.0]);
/// // The gradient of the first logit, walked back through the one layer.
/// let of_first = Activation { n: 1, shape: logits.shape, data: vec![1.0, 0.0] };
/// assert_eq!(executor.backward(&tape, of_first, 1, 0)?.data, [2.0, 3.0]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Executor<T: Scalar> {
    network: Network,
    operations: Vec<Operation<T>>,
    method: Method,
    memory: Memory<T>,
    /// Set when the user asks to stop.
    stop: Option<Arc<AtomicBool>>,
}

/// What a layer needs at run time; layers without numbers of their own are read from the network.
#[derive(Debug)]
enum Operation<T: Scalar> {
    Plain,
    Normalize { mean: Vec<T>, std: Vec<T> },
    Conv(Box<Conv<T>>),
    BatchNorm(BatchNorm<T>),
}

/// A convolution or a linear layer.
#[derive(Debug)]
struct Conv<T: Scalar> {
    own: Convolution<T>,
    /// With the batch norm that follows. It is made when first needed and dropped when weights or statistics change.
    folded: OnceLock<Convolution<T>>,
}

impl<T: Scalar> Executor<T> {
    /// The network that is run.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How convolutions are computed.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Stops a pass at its next layer once this is set, with an error of the kind `Interrupted`.
    pub fn stop_on(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.stop = flag;
    }

    /// Whether a pass may go on with its next layer.
    fn go_on(&self) -> Result<()> {
        match &self.stop {
            Some(flag) if flag.load(Ordering::Relaxed) => {
                Err(Error::new(ErrorKind::Interrupted, "stopped by request"))
            }
            _ => Ok(()),
        }
    }

    /// A batch of images with axes `batch, channels, height, width`, in memory that is reused from batch to batch.
    pub fn images(&self, array: ArrayView4<'_, f32>) -> Activation<T> {
        let (n, channels, height, width) = array.dim();
        let mut images = self.memory.take(n, Shape { channels, height, width });
        images.copy_from_nchw(array);
        images
    }

    /// Takes back the memory of activations that are no longer needed.
    pub fn reuse(&self, activation: Activation<T>) {
        self.memory.give(activation);
    }

    /// Takes back the memory of a tape that is no longer needed.
    pub fn recycle(&self, tape: Tape<T>) {
        for saved in tape.saved {
            if let forward::Saved::Input(input) = saved {
                self.memory.give(input);
            }
        }
    }

    /// The convolution at a place, with the batch norm that follows if `folded`.
    fn convolution(&self, place: usize, folded: bool) -> Result<&Convolution<T>> {
        let Operation::Conv(conv) = &self.operations[place] else {
            return Err(Error::invalid("expected a convolution; got another layer"));
        };
        if !folded {
            return Ok(&conv.own);
        }
        if let Some(ready) = conv.folded.get() {
            return Ok(ready);
        }
        let Some(Operation::BatchNorm(norm)) = self.operations.get(place + 1) else {
            return Err(Error::invalid("expected a batch norm; got another layer"));
        };
        let (scale, shift) = norm.affine();
        let fresh = conv.own.scaled(&scale, &shift).map_err(build::shape_error)?;
        Ok(conv.folded.get_or_init(|| fresh))
    }
}
