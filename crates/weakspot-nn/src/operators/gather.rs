//! Positions picked along an axis: `y[i] = x[index[i]]`.
//!
//! Slices, splits, repeats, borders that copy or mirror the image, and resizing to the nearest pixel are all this. The
//! gradient adds up where a position was picked more than once.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::view;
use super::{Arrangement, Kept, Kernel, Operator, Placed, Prepare, Saved, View};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value, checked_made, integers};

/// `Gather`, `Slice`, `Split`, `Expand` and others, one axis at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gather {
    /// What the file calls it.
    pub name: &'static str,
    pub axis: usize,
    pub indices: Vec<usize>,
}

impl Operator for Gather {
    fn name(&self) -> &'static str {
        self.name
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let mut dims = super::one(self.name, inputs)?.to_vec();
        match dims.get_mut(self.axis) {
            Some(length) if self.indices.iter().all(|i| i < length) => *length = self.indices.len(),
            _ => {
                return Err(Error::shape(format!(
                    "{}: expected positions on axis {} of {dims:?}; got {:?}",
                    self.name,
                    self.axis,
                    self.indices.iter().max()
                )));
            }
        }
        Ok(dims)
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let out = inputs[0].with_dims(output);
        // An axis of length 1 has no place in the order yet; the input then takes the output's.
        Arrangement::Run { inputs: vec![out.with_dims(inputs[0].dims())], output: out }
    }

    fn follow(&self, spots: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        let spot = spots[0]?;
        match spot {
            Spot::Tokens { tokens, channels, skip, grid } if tokens == self.axis => {
                // The patches are still there, all and in their order.
                let first = self.indices.iter().position(|&i| i == skip)?;
                let patches = self.indices.get(first..first + grid.0 * grid.1)?;
                let whole = patches.iter().copied().eq(skip..skip + grid.0 * grid.1);
                whole.then_some(Spot::Tokens { tokens, channels, skip: first, grid })
            }
            _ => Some(spot),
        }
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, self.axis)]
    }
}

/// Runs of numbers that stay together.
#[derive(Debug)]
struct Picked {
    /// Where each begins in a block of the input, where in the output, and its length.
    runs: Vec<(usize, usize, usize)>,
    from: usize,
    to: usize,
    len: usize,
    /// Whether a position is picked more than once.
    repeats: bool,
}

impl<T: Scalar> Prepare<T> for Gather {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let input = inputs[0].layout;
        let step = input.strides()[self.axis].max(output.strides()[self.axis]).max(1);
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        for (i, &index) in self.indices.iter().enumerate() {
            match runs.last_mut() {
                Some((from, _, length)) if *from + *length == index * step => *length += step,
                _ => runs.push((index * step, i * step, step)),
            }
        }
        let mut sorted = self.indices.clone();
        sorted.sort_unstable();
        let repeats = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        let (from, to) = (input.dims()[self.axis] * step, self.indices.len() * step);
        Ok(Box::new(Picked { runs, from, to, len: input.len(), repeats }))
    }
}

impl<T: Scalar> Kernel<T> for Picked {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        let blocks = self.len / self.from;
        output.par_chunks_mut(self.to).with_min_len(4096_usize.div_ceil(self.to)).enumerate().for_each(
            |(i, output)| {
                let input = &inputs[0].image(i / blocks)[i % blocks * self.from..];
                for &(from, to, length) in &self.runs {
                    output[to..to + length].copy_from_slice(&input[from..from + length]);
                }
            },
        );
        Ok(Saved::Nothing)
    }

    fn gradient(
        &self,
        _batch: usize,
        _kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let blocks = result.par_chunks_mut(self.from).zip(gradient.par_chunks(self.to));
        blocks.with_min_len(4096_usize.div_ceil(self.from)).for_each(|(result, gradient)| {
            result.fill(T::ZERO);
            for &(from, to, length) in &self.runs {
                let (result, gradient) = (&mut result[from..from + length], &gradient[to..to + length]);
                if self.repeats {
                    for (r, &g) in result.iter_mut().zip(gradient) {
                        *r += g;
                    }
                } else {
                    result.copy_from_slice(gradient);
                }
            }
        });
        Ok(())
    }
}

/// Positions along an axis of a constant or of something the network computes.
fn picked(
    r: &mut Reading<'_, '_, '_>,
    name: &'static str,
    value: Value,
    axis: usize,
    indices: Vec<usize>,
) -> Result<Value> {
    let length = value.dims().map_or(0, |dims| dims[axis]);
    if indices.len() > LONGEST || indices.iter().any(|&i| i >= length) {
        return Err(Error::format(format!("expected positions on an axis of {length}; got others")));
    }
    if indices.iter().copied().eq(0..length) {
        return Ok(value);
    }
    match &value {
        Value::Known(constant, _) => {
            let mut dims = constant.dims.clone();
            dims[axis] = indices.len();
            // What is picked from a stored constant is no longer than it, or is bounded.
            if dims.iter().product::<usize>() > constant.len() {
                checked_made(&dims)?;
            }
            Ok(Value::known(constant.gathered(axis, &indices)))
        }
        _ => r.push(Gather { name, axis, indices }, &[value]),
    }
}

/// Positions that a file may name along one axis.
const LONGEST: usize = 1 << 24;

/// `Gather` by constant positions, of any shape.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let axis = r.axis_attribute("axis", 0)?;
    let (value, dims, positions) = (r.input(0)?.clone(), r.dims(0)?, r.known(1)?);
    let integers = positions
        .as_integers()
        .ok_or_else(|| Error::format("expected integers as positions; got other numbers"))?;
    let indices = integers.iter().map(|&i| Reading::axis(i, dims[axis])).collect::<Result<Vec<_>>>()?;
    let value = picked(r, "Gather", value, axis, indices)?;
    let shape = [&dims[..axis], &positions.dims, &dims[axis + 1..]].concat();
    Ok(vec![view::reshaped(r, value, shape)?])
}

/// `Slice`: starts, ends, axes and steps are inputs since opset 10, attributes before.
pub(crate) fn read_slice(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let missing = || Error::format("expected starts and ends; got none");
    let starts = r.integers(1, "starts")?.ok_or_else(missing)?;
    let ends = r.integers(2, "ends")?.ok_or_else(missing)?;
    let axes = r.integers(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = r.integers(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(Error::format("expected as many ends, axes and steps as starts"));
    }
    let mut value = r.input(0)?.clone();
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let dims = value.dims().unwrap_or_default().to_vec();
        let axis = Reading::axis(axis, dims.len())?;
        let length = dims[axis] as i64;
        let from_end = |i: i64| if i < 0 { i.saturating_add(length) } else { i };
        let indices: Vec<usize> = match step {
            0 => return Err(Error::format("expected a step; got 0")),
            1.. => {
                let (first, end) = (from_end(start).clamp(0, length), from_end(end).clamp(0, length));
                (first..end)
                    .step_by(usize::try_from(step).unwrap_or(usize::MAX))
                    .map(|i| i as usize)
                    .collect()
            }
            _ => {
                let (first, end) =
                    (from_end(start).clamp(-1, length - 1), from_end(end).clamp(-1, length - 1));
                let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
                (end + 1..=first).rev().step_by(step).map(|i| i as usize).collect()
            }
        };
        value = picked(r, "Slice", value, axis, indices)?;
    }
    Ok(vec![value])
}

/// `Split`: by lengths, or into equal parts.
pub(crate) fn read_split(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let axis = r.axis_attribute("axis", 0)?;
    let (value, length) = (r.input(0)?.clone(), r.dims(0)?[axis]);
    let lengths: Vec<usize> = if let Some(lengths) = r.integers(1, "split")? {
        let lengths = lengths.iter().map(|&l| usize::try_from(l).ok()).collect::<Option<Vec<_>>>();
        lengths.ok_or_else(|| Error::format("expected lengths; got a negative one"))?
    } else {
        let count = r.node.outputs.len().max(1);
        let each = length.div_ceil(count);
        (0..count).map(|i| each.min(length.saturating_sub(i * each))).collect()
    };
    if lengths.iter().try_fold(0_usize, |sum, &l| sum.checked_add(l)) != Some(length) {
        return Err(Error::format(format!("expected parts of {length} together; got {lengths:?}")));
    }
    let mut first = 0;
    let mut parts = Vec::with_capacity(lengths.len());
    for length in lengths {
        parts.push(picked(r, "Split", value.clone(), axis, (first..first + length).collect())?);
        first += length;
    }
    Ok(parts)
}

/// `Expand`: repeats along axes of length 1.
pub(crate) fn read_expand(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let shape = r.known(1)?;
    let wanted = integers::lengths(&shape)?;
    let own = r.dims(0)?;
    let dims = super::binary::broadcast(&own, &wanted).ok_or_else(|| {
        Error::format(format!("expected a shape that {own:?} can be repeated to; got {wanted:?}"))
    })?;
    if let Value::Known(constant, _) = r.input(0)? {
        return Ok(vec![Value::known(constant.expanded(&dims)?)]);
    }
    let mut own = own;
    while own.len() < dims.len() {
        own.insert(0, 1);
    }
    let input = r.input(0)?.clone();
    let mut value = view::reshaped(r, input, own.clone())?;
    for (axis, (&from, &to)) in own.iter().zip(&dims).enumerate() {
        if from != to {
            value = picked(r, "Expand", value, axis, vec![0; to])?;
        }
    }
    Ok(vec![value])
}

/// `Tile`: the whole, several times along each axis.
pub(crate) fn read_tile(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let repeats = integers::lengths(r.known(1)?.as_ref())?;
    let (mut value, dims) = (r.input(0)?.clone(), r.dims(0)?);
    if repeats.len() != dims.len() {
        return Err(Error::format(format!("expected a count for each axis of {dims:?}; got {repeats:?}")));
    }
    for (axis, (&length, &times)) in dims.iter().zip(&repeats).enumerate() {
        let all = length.checked_mul(times).filter(|&all| all <= LONGEST);
        let all = all.ok_or_else(|| Error::format(format!("expected fewer repeats; got {times}")))?;
        value = picked(r, "Tile", value, axis, (0..all).map(|i| i % length.max(1)).collect())?;
    }
    Ok(vec![value])
}
