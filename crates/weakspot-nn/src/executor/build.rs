//! From weights by name to weights in the kernels' order, and back.

use std::sync::OnceLock;

use weakspot::{Error, Result};
use weakspot_conv::{ConvShape, Convolution, Method, Scalar, ShapeError};

use super::memory::Memory;
use super::norm::BatchNorm;
use super::{Conv, Executor, Operation};
use crate::network::{Layer, Network};
use crate::weights::{Tensor, Weights};

/// A mismatch that this crate's checks should have caught, or an array of the wrong length from the caller.
pub(super) fn shape_error(error: ShapeError) -> Error {
    Error::shape(error.to_string())
}

impl<T: Scalar> Executor<T> {
    /// Lays out a network's weights, for the fast kernels.
    ///
    /// # Errors
    /// As [`Weights::check`].
    pub fn new(network: Network, weights: &Weights) -> Result<Self> {
        Self::with_method(network, weights, Method::default())
    }

    /// Lays out a network's weights, for kernels chosen by the caller.
    ///
    /// # Errors
    /// As [`Weights::check`].
    pub fn with_method(network: Network, weights: &Weights, method: Method) -> Result<Self> {
        weights.check(&network)?;
        let mut operations = Vec::with_capacity(network.layers().len());
        let mut input = network.input();
        for (named, &output) in network.layers().iter().zip(network.outputs()) {
            let numbers = |part: &str| -> Vec<T> {
                let tensor = weights.0.get(&format!("{}.{part}", named.name));
                tensor.map(|t| t.data.iter().map(|&v| T::from_f64(v.into())).collect()).unwrap_or_default()
            };
            let conv = |shape: ConvShape| -> Result<Operation<T>> {
                let own = Convolution::new(shape, &numbers("weight"), numbers("bias"), method);
                let own = own.map_err(shape_error)?;
                Ok(Operation::Conv(Box::new(Conv { own, folded: OnceLock::new() })))
            };
            operations.push(match &named.layer {
                Layer::Normalize { mean, std } => {
                    let scalars = |v: &[f32]| v.iter().map(|&v| T::from_f64(v.into())).collect();
                    Operation::Normalize { mean: scalars(mean), std: scalars(std) }
                }
                Layer::Conv2d { channels_in, channels_out, kernel, stride, padding } => {
                    let size = (input.height, input.width);
                    let shape = ConvShape::new(*channels_in, *channels_out, *kernel, *stride, *padding, size);
                    conv(shape.map_err(shape_error)?)?
                }
                Layer::Linear { features_in, features_out } => {
                    conv(ConvShape::linear(*features_in, *features_out).map_err(shape_error)?)?
                }
                Layer::BatchNorm2d { epsilon, .. } => Operation::BatchNorm(BatchNorm {
                    weight: numbers("weight"),
                    bias: numbers("bias"),
                    mean: numbers("running_mean"),
                    variance: numbers("running_var"),
                    epsilon: *epsilon,
                }),
                _ => Operation::Plain,
            });
            input = output;
        }
        Ok(Self { network, operations, method, memory: Memory::default(), stop: None })
    }

    /// Prepares every convolution for passes that do not change weights, and frees the memory that only training needs:
    /// the weights of 3x3 convolutions, once their filters are made. Results stay the same bytes.
    ///
    /// # Errors
    /// None for an executor that [`Executor::new`] made: a batch norm has a scale for every channel.
    pub fn freeze(&mut self) -> Result<()> {
        for place in 0..self.operations.len() {
            let folds = matches!(self.operations.get(place + 1), Some(Operation::BatchNorm(_)));
            if folds && matches!(self.operations[place], Operation::Conv(_)) {
                self.convolution(place, true)?;
            }
            let Operation::Conv(conv) = &mut self.operations[place] else { continue };
            match conv.folded.get_mut() {
                // Its own weights stay: a caller may want the output between it and its batch norm.
                Some(folded) => folded.freeze(),
                None => conv.own.freeze(),
            }
        }
        Ok(())
    }

    /// The weights by name, in PyTorch's order and in single precision.
    ///
    /// # Errors
    /// `Shape` for a [frozen](Executor::freeze) executor.
    pub fn weights(&self) -> Result<Weights> {
        let mut weights = Weights::default();
        for (named, operation) in self.network.layers().iter().zip(&self.operations) {
            let parts: Vec<(&str, Vec<T>)> = match operation {
                Operation::Conv(conv) => {
                    vec![
                        ("weight", conv.own.weights().map_err(shape_error)?),
                        ("bias", conv.own.bias().to_vec()),
                    ]
                }
                Operation::BatchNorm(norm) => vec![
                    ("weight", norm.weight.clone()),
                    ("bias", norm.bias.clone()),
                    ("running_mean", norm.mean.clone()),
                    ("running_var", norm.variance.clone()),
                ],
                Operation::Plain | Operation::Normalize { .. } => continue,
            };
            for ((part, shape), (_, data)) in named.layer.parameters().into_iter().zip(parts) {
                let data = data.into_iter().map(|v| v.to_f64() as f32).collect();
                weights.0.insert(format!("{}.{part}", named.name), Tensor { shape, data });
            }
        }
        Ok(weights)
    }

    /// The numbers of one tensor of a convolution or a linear layer, in PyTorch's order.
    pub(crate) fn weights_of(&self, name: &str) -> Option<Vec<T>> {
        let (layer, part) = name.rsplit_once('.')?;
        match (&self.operations[self.network.position(layer)?], part) {
            (Operation::Conv(conv), "weight") => conv.own.weights().ok(),
            (Operation::Conv(conv), "bias") => Some(conv.own.bias().to_vec()),
            _ => None,
        }
    }
}
