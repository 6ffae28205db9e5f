//! Tensors side by side along an axis. Each input gets its part of the gradient.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::{Arrangement, Kept, Kernel, Operator, Placed, Prepare, Saved, View};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Constant, Reading, Value};

/// `Concat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Concat {
    pub axis: usize,
}

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "Concat"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let mut dims = super::one("Concat", inputs)?.to_vec();
        let misfit = || {
            Error::shape(format!("Concat: expected shapes that fit on axis {}; got {inputs:?}", self.axis))
        };
        if self.axis >= dims.len() {
            return Err(misfit());
        }
        for other in &inputs[1..] {
            let fits = |axis: usize| axis == self.axis || dims[axis] == other[axis];
            if other.len() != dims.len() || !(0..dims.len()).all(fits) {
                return Err(misfit());
            }
            dims[self.axis] += other[self.axis];
        }
        Ok(dims)
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        // The longest input is most of the memory.
        let longest = inputs.iter().max_by_key(|input| input.len()).unwrap_or(&inputs[0]);
        let output = longest.with_dims(output);
        let inputs = inputs.iter().map(|input| output.with_dims(input.dims())).collect();
        Arrangement::Run { inputs, output }
    }

    fn follow(&self, spots: &[Option<Spot>], inputs: &[&[usize]], _: &[usize]) -> Option<Spot> {
        let first = spots.iter().position(Option::is_some)?;
        let spot = spots[first]?;
        match spot {
            _ if spot.channels() == self.axis => Some(spot),
            Spot::Tokens { tokens, channels, skip, grid } if tokens == self.axis => {
                let before: usize = inputs[..first].iter().map(|dims| dims[self.axis]).sum();
                Some(Spot::Tokens { tokens, channels, skip: skip + before, grid })
            }
            _ => None,
        }
    }

    fn mixed_axes(&self, inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        (0..inputs.len()).map(|input| (input, self.axis)).collect()
    }
}

/// Runs of numbers that follow each other in the output: one of each input in turn.
#[derive(Debug)]
struct Joined {
    /// Length and start within a turn.
    runs: Vec<(usize, usize)>,
    turn: usize,
    len: usize,
}

impl<T: Scalar> Prepare<T> for Concat {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let step = output.strides()[self.axis].max(1);
        let mut at = 0;
        let runs = inputs.iter().map(|input| {
            let run = (input.layout.dims()[self.axis] * step, at);
            at += run.0;
            run
        });
        Ok(Box::new(Joined {
            runs: runs.collect(),
            turn: output.dims()[self.axis] * step,
            len: output.len(),
        }))
    }
}

impl<T: Scalar> Kernel<T> for Joined {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        let turns = self.len / self.turn;
        output.par_chunks_mut(self.turn).with_min_len(4096_usize.div_ceil(self.turn)).enumerate().for_each(
            |(i, turn)| {
                let (image, i) = (i / turns, i % turns);
                for (input, &(length, at)) in inputs.iter().zip(&self.runs) {
                    turn[at..at + length].copy_from_slice(&input.image(image)[i * length..][..length]);
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
        to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let (length, at) = self.runs[to];
        let turns = result.par_chunks_mut(length).zip(gradient.par_chunks(self.turn));
        turns.with_min_len(4096_usize.div_ceil(length)).for_each(|(result, turn)| {
            result.copy_from_slice(&turn[at..at + length]);
        });
        Ok(())
    }
}

/// `Concat`.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let axis = r.axis_attribute("axis", 1)?;
    let known: Option<Vec<_>> = r
        .inputs
        .iter()
        .map(|input| match input {
            Value::Known(constant, _) => Some(constant.as_ref()),
            _ => None,
        })
        .collect();
    if let Some(parts) = known {
        let dims: Vec<&[usize]> = parts.iter().map(|part| part.dims.as_slice()).collect();
        Concat { axis }.output(&dims)?;
        return Ok(vec![Value::known(Constant::joined(&parts, axis)?)]);
    }
    // A part of length 0 adds nothing.
    let empty = |value: &Value| value.dims().is_some_and(|dims| dims.contains(&0));
    let inputs: Vec<Value> = r.inputs.iter().filter(|value| !empty(value)).cloned().collect();
    if let [one] = &inputs[..] {
        return Ok(vec![one.clone()]);
    }
    Ok(vec![r.push(Concat { axis }, &inputs)?])
}
