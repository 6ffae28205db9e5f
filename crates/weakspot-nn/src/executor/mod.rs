//! Runs a [`Network`] on the CPU, forward and backward, in single or double precision.
//!
//! A forward pass may leave a [`Tape`]; [`Executor::backward`] walks it from the output (or any layer) back to any
//! layer's output, or to the input. Weights are frozen unless a training pass asks for their gradients.

mod activation;
mod backward;
mod build;
mod forward;
mod norm;
mod pool;

use std::sync::OnceLock;

use weakspot_conv::{ConvShape, Scalar, Transposed};

pub use activation::Activation;
pub use backward::Gradients;
pub use forward::{Draws, Mode, Tape};

use crate::network::Network;
use norm::BatchNorm;

/// A network with its weights, laid out for the kernels.
#[derive(Debug)]
pub struct Executor<T: Scalar> {
    network: Network,
    operations: Vec<Operation<T>>,
}

/// What a layer needs at run time; layers without numbers of their own are read from the network.
#[derive(Debug)]
enum Operation<T: Scalar> {
    Plain,
    Normalize { mean: Vec<T>, std: Vec<T> },
    Conv(Conv<T>),
    BatchNorm(BatchNorm<T>),
}

/// A convolution or a linear layer.
#[derive(Debug)]
struct Conv<T: Scalar> {
    shape: ConvShape,
    weights: Vec<T>,
    bias: Vec<T>,
    /// Made when a gradient first passes, thrown away when the weights change.
    transposed: OnceLock<Transposed<T>>,
}

impl<T: Scalar> Executor<T> {
    /// The network that is run.
    pub fn network(&self) -> &Network {
        &self.network
    }
}
