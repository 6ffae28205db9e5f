//! Batch normalisation outside training: `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` per channel, with
//! the statistics of the training images. The gradient is multiplied by `weight / sqrt(variance + epsilon)`.

use rayon::prelude::*;
use weakspot::classifier::LayerKind;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::{Arrangement, InPlace, Kept, Kernel, Operator, Placed, Prepare, Saved, View, constant};
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value};

/// `BatchNormalization` over axis 1. Inputs 1 to 4 are weight, bias, mean and variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub epsilon: f64,
}

impl Operator for Affine {
    fn name(&self) -> &'static str {
        "BatchNormalization"
    }

    fn kind(&self) -> LayerKind {
        LayerKind::Normalization
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one(self.name(), inputs)?;
        let channels = input.get(1).copied().unwrap_or(0);
        if inputs.len() == 5 && inputs[1..].iter().all(|part| part.iter().product::<usize>() == channels) {
            return Ok(input.to_vec());
        }
        Err(Error::shape(format!(
            "BatchNormalization: expected four vectors of {channels} numbers; got {inputs:?}"
        )))
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let layout = Layout::channels_last(output);
        let mut inputs = inputs.to_vec();
        inputs[0] = layout.clone();
        Arrangement::Run { inputs, output: layout }
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, 1)]
    }

    fn reads(&self, input: usize) -> bool {
        input == 0
    }

    fn learns(&self, input: usize) -> bool {
        input == 1 || input == 2
    }
}

/// `y = x * scale + shift`, the channels of a pixel side by side.
#[derive(Debug)]
struct PerChannel<T> {
    scale: Vec<T>,
    shift: Vec<T>,
}

impl<T: Scalar> Prepare<T> for Affine {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let part = |i| constant(self.name(), inputs, i).map(|tensor| &tensor.data);
        let (weight, bias, mean, variance) = (part(1)?, part(2)?, part(3)?, part(4)?);
        // In double precision, rounded once.
        let scale: Vec<f64> = weight
            .iter()
            .zip(variance)
            .map(|(&w, &v)| f64::from(w) / (f64::from(v) + self.epsilon).sqrt())
            .collect();
        let shift = bias.iter().zip(mean).zip(&scale).map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s);
        Ok(Box::new(PerChannel {
            shift: shift.map(T::from_f64).collect(),
            scale: scale.iter().map(|&s| T::from_f64(s)).collect(),
        }))
    }
}

impl<T: Scalar> Kernel<T> for PerChannel<T> {
    fn forward(
        &self,
        batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        keep: bool,
    ) -> Result<Saved<T>> {
        output.copy_from_slice(inputs[0].data);
        self.apply(batch, output, keep)
    }

    fn gradient(
        &self,
        batch: usize,
        kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        result.copy_from_slice(gradient);
        self.back(batch, kept, result)
    }

    fn in_place(&self) -> Option<&dyn InPlace<T>> {
        Some(self)
    }
}

/// Pixels per task.
const PIXELS: usize = 256;

impl<T: Scalar> InPlace<T> for PerChannel<T> {
    fn apply(&self, _: usize, values: &mut [T], _: bool) -> Result<Saved<T>> {
        let channels = self.scale.len();
        values.par_chunks_mut(PIXELS * channels).for_each(|values| {
            for pixel in values.chunks_exact_mut(channels) {
                for ((v, &scale), &shift) in pixel.iter_mut().zip(&self.scale).zip(&self.shift) {
                    *v = *v * scale + shift;
                }
            }
        });
        Ok(Saved::Nothing)
    }

    fn back(&self, _: usize, _: &Kept<'_, T>, gradient: &mut [T]) -> Result<()> {
        let channels = self.scale.len();
        gradient.par_chunks_mut(PIXELS * channels).for_each(|gradient| {
            for pixel in gradient.chunks_exact_mut(channels) {
                for (g, &scale) in pixel.iter_mut().zip(&self.scale) {
                    *g *= scale;
                }
            }
        });
        Ok(())
    }
}

/// `BatchNormalization` outside training.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    if r.node.int("training_mode", 0)? != 0 {
        return Err(Reading::unsupported(
            "the batch norm is in training mode: export the network in evaluation mode (model.eval())",
        ));
    }
    let epsilon = f64::from(r.node.float("epsilon", 1e-5)?);
    for part in 1..5 {
        r.known(part)?;
    }
    let inputs: Vec<Value> = (0..5).map(|i| r.input(i).cloned()).collect::<Result<_>>()?;
    Ok(vec![r.push(Affine { epsilon }, &inputs)?])
}
