//! `y = max(x, 0)`; the gradient passes where x > 0 (not at 0, as in PyTorch).

use weakspot::Result;
use weakspot::classifier::LayerKind;
use weakspot_conv::{Gates, Method, Scalar};

use super::{Arrangement, InPlace, Kept, Kernel, Operator, Placed, Prepare, Saved, View, shape_error};
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value};

/// `Relu`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Relu;

impl Operator for Relu {
    fn name(&self) -> &'static str {
        "Relu"
    }

    fn kind(&self) -> LayerKind {
        LayerKind::Activation
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        super::one("Relu", inputs).map(<[usize]>::to_vec)
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        super::like_the_first(inputs, output)
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        Vec::new()
    }
}

impl<T: Scalar> Prepare<T> for Relu {
    fn prepare(&self, _: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        Ok(Box::new(*self))
    }
}

/// Numbers that share words of gates: a multiple of the sixteen that one holds, for any length.
const GROUP: usize = 16;

impl<T: Scalar> Kernel<T> for Relu {
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

impl<T: Scalar> InPlace<T> for Relu {
    fn apply(&self, _: usize, values: &mut [T], _keep: bool) -> Result<Saved<T>> {
        Ok(Saved::Open(Gates::relu(values, channels(values.len())).map_err(shape_error)?))
    }

    fn back(&self, _: usize, kept: &Kept<'_, T>, gradient: &mut [T]) -> Result<()> {
        let Saved::Open(gates) = kept.saved else { return Err(super::not_kept("Relu")) };
        gates.apply(gradient).map_err(shape_error)
    }
}

/// How many numbers count as one pixel: gates only have to be the same on the way back.
fn channels(len: usize) -> usize {
    if len.is_multiple_of(GROUP) { GROUP } else { 1 }
}

/// `Relu`.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let input = r.input(0)?.clone();
    Ok(vec![r.push(Relu, &[input])?])
}
