//! `y = (x - mean) / std` per channel: pixels in `[0, 1]` to what the network was trained on.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::{Arrangement, InPlace, Kept, Kernel, Operator, Placed, Prepare, Saved, View};
use crate::graph::layout::Layout;

/// The first node of a network whose pixels are normalised. Not an operator of ONNX.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Normalize {
    /// The axis of the channels: 1, or 3 where they come last.
    pub axis: usize,
    /// One per channel.
    pub mean: Vec<f32>,
    /// One per channel, positive.
    pub std: Vec<f32>,
}

impl Operator for Normalize {
    fn name(&self) -> &'static str {
        "Normalize"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one("Normalize", inputs)?;
        if input.get(self.axis) != Some(&self.mean.len()) || self.mean.len() != self.std.len() {
            return Err(Error::shape(format!(
                "expected a mean and a std for each channel of {input:?}; got {} and {}",
                self.mean.len(),
                self.std.len()
            )));
        }
        Ok(input.to_vec())
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let layout = if self.axis == 1 { Layout::channels_last(output) } else { Layout::row_major(output) };
        Arrangement::Run { inputs: vec![layout.clone(); inputs.len()], output: layout }
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, self.axis)]
    }
}

/// One number per channel, the channels of a pixel side by side.
#[derive(Debug)]
struct PerChannel<T> {
    mean: Vec<T>,
    std: Vec<T>,
}

impl<T: Scalar> Prepare<T> for Normalize {
    fn prepare(&self, _: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        Ok(Box::new(PerChannel { mean: super::scalars(&self.mean), std: super::scalars(&self.std) }))
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

impl<T: Scalar> InPlace<T> for PerChannel<T> {
    fn apply(&self, _: usize, values: &mut [T], _: bool) -> Result<Saved<T>> {
        values.par_chunks_exact_mut(self.mean.len()).with_min_len(1024).for_each(|pixel| {
            for ((v, &mean), &std) in pixel.iter_mut().zip(&self.mean).zip(&self.std) {
                *v = (*v - mean) / std;
            }
        });
        Ok(Saved::Nothing)
    }

    fn back(&self, _: usize, _: &Kept<'_, T>, gradient: &mut [T]) -> Result<()> {
        gradient.par_chunks_exact_mut(self.std.len()).with_min_len(1024).for_each(|pixel| {
            for (g, &std) in pixel.iter_mut().zip(&self.std) {
                *g = *g / std;
            }
        });
        Ok(())
    }
}
