//! `y_i = exp(x_i) / sum_j exp(x_j)` over the last axis; the gradient is `y_i (g_i - sum_j g_j y_j)`.

use weakspot::{Error, Result};
use weakspot_conv::{Function, Method, Scalar, softmax, softmax_gradient};

use super::{
    Arrangement, Elementwise, InPlace, Kept, Kernel, Needs, Operator, Placed, Prepare, Reshape, Saved,
    Transpose, View,
};
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value};

/// `Softmax`. Over another axis it is written with transpositions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Softmax;

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        "Softmax"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match super::one("Softmax", inputs)? {
            [] => Err(Error::shape("Softmax needs an axis; got a single number")),
            input => Ok(input.to_vec()),
        }
    }

    fn arrange(&self, inputs: &[Layout], _output: &[usize]) -> Arrangement {
        let layout = if inputs[0].ends_with(1) { inputs[0].clone() } else { inputs[0].ending_with(1) };
        Arrangement::Run { inputs: vec![layout.clone()], output: layout }
    }

    fn window(&self, _: &[&[usize]]) -> Option<(usize, usize)> {
        None
    }

    fn mixed_axes(&self, inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, inputs[0].len() - 1)]
    }
}

/// Rows of so many numbers.
#[derive(Debug)]
struct Rows(usize);

impl<T: Scalar> Prepare<T> for Softmax {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        Ok(Box::new(Rows(inputs[0].layout.dims().last().copied().unwrap_or(1))))
    }
}

impl<T: Scalar> Kernel<T> for Rows {
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

    fn needs(&self) -> Needs {
        Needs { inputs: false, output: true }
    }

    fn in_place(&self) -> Option<&dyn InPlace<T>> {
        Some(self)
    }
}

impl<T: Scalar> InPlace<T> for Rows {
    fn apply(&self, _: usize, values: &mut [T], _: bool) -> Result<Saved<T>> {
        softmax(values, self.0);
        Ok(Saved::Nothing)
    }

    fn back(&self, _: usize, kept: &Kept<'_, T>, gradient: &mut [T]) -> Result<()> {
        softmax_gradient(kept.output, gradient, self.0);
        Ok(())
    }
}

/// `Softmax`. Before opset 13 it was over all axes from `axis` on.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let dims = r.dims(0)?;
    let rank = dims.len();
    let old = r.opset < 13;
    let axis = r.axis_attribute("axis", if old { 1 } else { -1 })?;
    let input = r.input(0)?.clone();
    if axis + 1 == rank {
        return Ok(vec![r.push(Softmax, &[input])?]);
    }
    if old {
        let rows: usize = dims[..axis].iter().product();
        let length: usize = dims[axis..].iter().product();
        let flat = r.push(Reshape { dims: vec![rows, length] }, &[input])?;
        let soft = r.push(Softmax, &[flat])?;
        return Ok(vec![r.push(Reshape { dims }, &[soft])?]);
    }
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(axis, rank - 1);
    let turned = r.push(Transpose { axes: axes.clone() }, &[input])?;
    let soft = r.push(Softmax, &[turned])?;
    Ok(vec![r.push(Transpose { axes }, &[soft])?])
}

/// `LogSoftmax`.
pub(crate) fn read_log(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let soft = read(r)?.remove(0);
    Ok(vec![r.push(Elementwise { name: "Log", function: Function::Log }, &[soft])?])
}
