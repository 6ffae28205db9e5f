//! Reshaping and transposing: other names for the same numbers.
//!
//! The gradient goes back under the old names. Where the numbers lie in another order than the new shape needs, they
//! are copied into it first.

use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::{Arrangement, Kept, Kernel, Operator, Placed, Prepare, Saved, View};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value};

/// `Reshape`, and what is written as one: `Flatten`, `Squeeze`, `Unsqueeze`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reshape {
    pub dims: Vec<usize>,
}

/// `Transpose`: axis `i` of the output is axis `axes[i]` of the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transpose {
    pub axes: Vec<usize>,
}

impl Operator for Reshape {
    fn name(&self) -> &'static str {
        "Reshape"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one("Reshape", inputs)?;
        if input.iter().product::<usize>() == self.dims.iter().product::<usize>() {
            return Ok(self.dims.clone());
        }
        Err(Error::shape(format!("expected a shape of as many numbers as {input:?}; got {:?}", self.dims)))
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        if let Some(view) = inputs[0].reshaped(output) {
            return Arrangement::View { input: inputs[0].clone(), output: view };
        }
        Arrangement::View { input: Layout::row_major(inputs[0].dims()), output: Layout::row_major(output) }
    }

    fn follow(&self, spots: &[Option<Spot>], inputs: &[&[usize]], output: &[usize]) -> Option<Spot> {
        spots[0]?.reshaped(inputs[0], output)
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        Vec::new()
    }
}

impl Operator for Transpose {
    fn name(&self) -> &'static str {
        "Transpose"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one("Transpose", inputs)?;
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..input.len()) {
            return Err(Error::shape(format!(
                "expected an order of {} axes; got {:?}",
                input.len(),
                self.axes
            )));
        }
        Ok(self.axes.iter().map(|&axis| input[axis]).collect())
    }

    fn arrange(&self, inputs: &[Layout], _output: &[usize]) -> Arrangement {
        Arrangement::View { input: inputs[0].clone(), output: inputs[0].transposed(&self.axes) }
    }

    fn moved_axis(&self, axis: usize) -> Option<usize> {
        self.axes.iter().position(|&from| from == axis)
    }

    fn follow(&self, spots: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        spots[0]?.transposed(&self.axes)
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        Vec::new()
    }
}

/// Copies, for a place whose own gradient is wanted.
#[derive(Debug)]
struct Copied;

impl<T: Scalar> Kernel<T> for Copied {
    fn forward(&self, _: usize, inputs: &[View<'_, T>], output: &mut [T], _: bool) -> Result<Saved<T>> {
        output.copy_from_slice(inputs[0].data);
        Ok(Saved::Nothing)
    }

    fn gradient(&self, _: usize, _: &Kept<'_, T>, gradient: &[T], _: usize, result: &mut [T]) -> Result<()> {
        result.copy_from_slice(gradient);
        Ok(())
    }
}

impl<T: Scalar> Prepare<T> for Reshape {
    fn prepare(&self, _: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        Ok(Box::new(Copied))
    }
}

impl<T: Scalar> Prepare<T> for Transpose {
    fn prepare(&self, _: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        Ok(Box::new(Copied))
    }
}

/// Another shape for a constant or for something the network computes.
pub(crate) fn reshaped(r: &mut Reading<'_, '_, '_>, value: Value, dims: Vec<usize>) -> Result<Value> {
    match &value {
        _ if value.dims() == Some(&dims) => Ok(value),
        Value::Known(constant, _) => constant.reshaped(dims).map(Value::known),
        _ => r.push(Reshape { dims }, &[value]),
    }
}

/// `Reshape`: 0 keeps a length (unless `allowzero`), -1 takes what is left.
pub(crate) fn read_reshape(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (value, own) = (r.input(0)?.clone(), r.dims(0)?);
    let wanted = r.integers(1, "shape")?.ok_or_else(|| Error::format("expected a shape; got none"))?;
    let misfit = || Error::shape(format!("expected a shape of as many numbers as {own:?}; got {wanted:?}"));
    let keeps = r.node.int("allowzero", 0)? == 0;
    let mut dims = Vec::with_capacity(wanted.len());
    for (axis, &length) in wanted.iter().enumerate() {
        dims.push(match length {
            0 if keeps => *own.get(axis).ok_or_else(misfit)?,
            -1 => 1,
            _ => usize::try_from(length).map_err(|_negative| misfit())?,
        });
    }
    if let Some(open) = wanted.iter().position(|&length| length == -1) {
        let len: usize = own.iter().product();
        let rest = dims.iter().try_fold(1_usize, |len, &d| len.checked_mul(d)).filter(|&rest| rest > 0);
        dims[open] =
            rest.filter(|rest| len.is_multiple_of(*rest)).map(|rest| len / rest).ok_or_else(misfit)?;
    }
    Ok(vec![reshaped(r, value, dims)?])
}

/// `Flatten`: the axes before `axis` in one, the others in another.
pub(crate) fn read_flatten(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (value, own) = (r.input(0)?.clone(), r.dims(0)?);
    let axis = r.node.int("axis", 1)?;
    let axis = if axis == own.len() as i64 { own.len() } else { Reading::axis(axis, own.len())? };
    let dims = vec![own[..axis].iter().product(), own[axis..].iter().product()];
    Ok(vec![reshaped(r, value, dims)?])
}

/// `Squeeze`: without some axes of length 1.
pub(crate) fn read_squeeze(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (value, own) = (r.input(0)?.clone(), r.dims(0)?);
    let axes: Vec<usize> = match r.integers(1, "axes")? {
        Some(axes) => axes.into_iter().map(|axis| Reading::axis(axis, own.len())).collect::<Result<_>>()?,
        None => (0..own.len()).filter(|&axis| own[axis] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| own[axis] != 1) {
        return Err(Error::shape(format!("expected an axis of length 1 in {own:?}; got axis {axis}")));
    }
    let dims = (0..own.len()).filter(|axis| !axes.contains(axis)).map(|axis| own[axis]).collect();
    Ok(vec![reshaped(r, value, dims)?])
}

/// `Unsqueeze`: with more axes of length 1.
pub(crate) fn read_unsqueeze(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (value, own) = (r.input(0)?.clone(), r.dims(0)?);
    let axes = r.integers(1, "axes")?.ok_or_else(|| Error::format("expected axes; got none"))?;
    let rank = own.len() + axes.len();
    let axes: Vec<usize> = axes.into_iter().map(|axis| Reading::axis(axis, rank)).collect::<Result<_>>()?;
    let mut lengths = own.iter();
    let dims =
        (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { lengths.next().copied().unwrap_or(1) });
    let dims = dims.collect();
    Ok(vec![reshaped(r, value, dims)?])
}

/// `Transpose`: by default all axes the other way round.
pub(crate) fn read_transpose(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (value, own) = (r.input(0)?.clone(), r.dims(0)?);
    let axes: Vec<usize> = match r.node.ints("perm")? {
        Some(axes) => axes.into_iter().map(|axis| Reading::axis(axis, own.len())).collect::<Result<_>>()?,
        None => (0..own.len()).rev().collect(),
    };
    Ok(vec![transposed(r, value, axes)?])
}

fn transposed(r: &mut Reading<'_, '_, '_>, value: Value, axes: Vec<usize>) -> Result<Value> {
    let operator = Transpose { axes };
    operator.output(&[value.dims().unwrap_or_default()])?;
    match &value {
        _ if operator.axes.iter().copied().eq(0..operator.axes.len()) => Ok(value),
        Value::Known(constant, _) => Ok(Value::known(constant.transposed(&operator.axes))),
        _ => r.push(operator, &[value]),
    }
}

/// The block size of `DepthToSpace` and `SpaceToDepth`, and the shape of the images.
fn blocks(r: &Reading<'_, '_, '_>) -> Result<(usize, [usize; 4])> {
    let (size, dims) = (r.node.int("blocksize", 0)?, r.dims(0)?);
    match (usize::try_from(size), &dims[..]) {
        (Ok(size @ 1..=4096), &[n, c, h, w]) => Ok((size, [n, c, h, w])),
        _ => Err(Error::format(format!("expected images and a block size; got {dims:?} and {size}"))),
    }
}

/// `DepthToSpace`: channels become pixels.
pub(crate) fn read_depth_to_space(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (b, [n, c, h, w]) = blocks(r)?;
    let columns_first = r.node.string("mode")?.unwrap_or("DCR") == "CRD";
    let value = r.input(0)?.clone();
    let (shape, axes) = if columns_first {
        (vec![n, c / (b * b), b, b, h, w], vec![0, 1, 4, 2, 5, 3])
    } else {
        (vec![n, b, b, c / (b * b), h, w], vec![0, 3, 4, 1, 5, 2])
    };
    let value = reshaped(r, value, shape)?;
    let value = transposed(r, value, axes)?;
    Ok(vec![reshaped(r, value, vec![n, c / (b * b), h * b, w * b])?])
}

/// `SpaceToDepth`: pixels become channels.
pub(crate) fn read_space_to_depth(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (b, [n, c, h, w]) = blocks(r)?;
    let value = r.input(0)?.clone();
    let value = reshaped(r, value, vec![n, c, h / b, b, w / b, b])?;
    let value = transposed(r, value, vec![0, 3, 5, 1, 2, 4])?;
    Ok(vec![reshaped(r, value, vec![n, c * b * b, h / b, w / b])?])
}
