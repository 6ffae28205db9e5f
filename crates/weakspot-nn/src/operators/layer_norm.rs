//! Layer normalisation: `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, mean and variance over the last
//! axes of each position. Group and instance normalisation are this after a reshaping.

use weakspot::classifier::LayerKind;
use weakspot::{Error, Result};
use weakspot_conv::{Function, Method, Scalar, layer_norm, layer_norm_gradient};

use super::{
    Arrangement, Binary, Elementwise, Gather, InPlace, Kept, Kernel, Needs, Operator, Pairwise, Placed,
    Prepare, Reduce, Reduction, Reshape, Saved, View, constant, scalars,
};
use crate::graph::layout::Layout;
use crate::onnx::{Constant, Reading, Value};

/// `LayerNormalization` over the last `axes` axes. Input 1, if there is one, is the weight, input 2 the bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LayerNorm {
    pub axes: usize,
    pub epsilon: f64,
}

impl LayerNorm {
    /// Numbers that share a mean.
    fn length(&self, dims: &[usize]) -> usize {
        dims[dims.len() - self.axes..].iter().product()
    }
}

impl Operator for LayerNorm {
    fn name(&self) -> &'static str {
        "LayerNormalization"
    }

    fn kind(&self) -> LayerKind {
        LayerKind::Normalization
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one(self.name(), inputs)?;
        if self.axes == 0 || self.axes > input.len() {
            return Err(Error::shape(format!("LayerNormalization over {} axes of {input:?}", self.axes)));
        }
        let length = self.length(input);
        if inputs[1..].iter().all(|part| part.iter().product::<usize>() == length) {
            return Ok(input.to_vec());
        }
        Err(Error::shape(format!("LayerNormalization: expected vectors of {length} numbers; got {inputs:?}")))
    }

    fn arrange(&self, inputs: &[Layout], _output: &[usize]) -> Arrangement {
        let first =
            if inputs[0].ends_with(self.axes) { inputs[0].clone() } else { inputs[0].ending_with(self.axes) };
        let mut inputs = inputs.to_vec();
        inputs[0] = first.clone();
        Arrangement::Run { inputs, output: first }
    }

    fn mixed_axes(&self, inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        let rank = inputs[0].len();
        (rank - self.axes..rank).map(|axis| (0, axis)).collect()
    }

    fn reads(&self, input: usize) -> bool {
        input == 0
    }

    fn learns(&self, input: usize) -> bool {
        input > 0
    }
}

/// Rows of numbers that share a mean.
#[derive(Debug)]
struct Rows<T> {
    length: usize,
    epsilon: f64,
    weight: Option<Vec<T>>,
    bias: Option<Vec<T>>,
}

impl<T: Scalar> Prepare<T> for LayerNorm {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let part = |i: usize| -> Result<Option<Vec<T>>> {
            match inputs.get(i) {
                Some(_) => Ok(Some(scalars(&constant(self.name(), inputs, i)?.data))),
                None => Ok(None),
            }
        };
        let length = self.length(inputs[0].layout.dims());
        Ok(Box::new(Rows { length, epsilon: self.epsilon, weight: part(1)?, bias: part(2)? }))
    }
}

impl<T: Scalar> Kernel<T> for Rows<T> {
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
        Needs { inputs: true, output: false }
    }

    fn in_place(&self) -> Option<&dyn InPlace<T>> {
        Some(self)
    }
}

impl<T: Scalar> InPlace<T> for Rows<T> {
    fn apply(&self, _: usize, values: &mut [T], keep: bool) -> Result<Saved<T>> {
        let mut statistics = Vec::new();
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        layer_norm(values, self.length, weight, bias, self.epsilon, keep.then_some(&mut statistics));
        Ok(if keep { Saved::Numbers(statistics) } else { Saved::Nothing })
    }

    fn back(&self, _: usize, kept: &Kept<'_, T>, gradient: &mut [T]) -> Result<()> {
        let Saved::Numbers(statistics) = kept.saved else {
            return Err(super::not_kept("LayerNormalization"));
        };
        layer_norm_gradient(kept.inputs[0].data, statistics, self.weight.as_deref(), gradient, self.length);
        Ok(())
    }
}

/// `LayerNormalization`.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let rank = r.dims(0)?.len();
    let axes = rank - r.axis_attribute("axis", -1)?;
    let epsilon = f64::from(r.node.float("epsilon", 1e-5)?);
    let mut inputs = vec![r.input(0)?.clone()];
    for part in 1..3 {
        if let Some(value) = r.get(part).cloned() {
            r.known(part)?;
            inputs.push(value);
        }
    }
    if r.get(1).is_none() && r.get(2).is_some() {
        return Err(Error::format("LayerNormalization: expected a weight beside the bias; got none"));
    }
    Ok(vec![r.push(LayerNorm { axes, epsilon }, &inputs)?])
}

/// Rows of `[batch, groups, everything else]` are normalised, then scaled channel by channel.
fn grouped(r: &mut Reading<'_, '_, '_>, groups: usize, scale: Value, bias: Value) -> Result<Vec<Value>> {
    let dims = r.dims(0)?;
    let epsilon = f64::from(r.node.float("epsilon", 1e-5)?);
    let (&[batch, channels, ..], true) = (&dims[..], groups > 0) else {
        return Err(Error::format(format!("expected channels in groups; got a shape of {dims:?}")));
    };
    let rest: usize = dims[1..].iter().product();
    if channels % groups != 0 {
        return Err(Error::format(format!(
            "expected {channels} channels to divide into groups; got {groups}"
        )));
    }
    let input = r.input(0)?.clone();
    let rows = r.push(Reshape { dims: vec![batch, groups, rest / groups] }, &[input])?;
    let normal = r.push(LayerNorm { axes: 1, epsilon }, &[rows])?;
    let mut value = r.push(Reshape { dims: dims.clone() }, &[normal])?;
    for (what, part) in [(Pairwise::Mul, scale), (Pairwise::Add, bias)] {
        let length = part.dims().map_or(0, |dims| dims.iter().product());
        let part = match length {
            n if n == channels => part,
            // Older opsets have one number per group.
            n if n == groups => {
                let indices = (0..channels).map(|c| c / (channels / groups)).collect();
                r.push(Gather { name: "GroupNormalization", axis: 0, indices }, &[part])?
            }
            n => {
                return Err(Error::format(format!(
                    "expected a number for each of {channels} channels; got {n}"
                )));
            }
        };
        let spread = [&[channels][..], &vec![1; dims.len() - 2]].concat();
        let part = r.push(Reshape { dims: spread }, &[part])?;
        value = r.push(Binary(what), &[value, part])?;
    }
    Ok(vec![value])
}

/// `GroupNormalization`.
pub(crate) fn read_group(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let groups = r.node.int("num_groups", 0)?;
    let (scale, bias) = (r.input(1)?.clone(), r.input(2)?.clone());
    grouped(r, usize::try_from(groups).unwrap_or(0), scale, bias)
}

/// `InstanceNormalization`: every channel is a group.
pub(crate) fn read_instance(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let groups = r.dims(0)?.get(1).copied().unwrap_or(0);
    let (scale, bias) = (r.input(1)?.clone(), r.input(2)?.clone());
    grouped(r, groups, scale, bias)
}

/// `RMSNormalization`: `x / sqrt(mean(x²) + epsilon) * scale` over the last axes.
pub(crate) fn read_rms(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let rank = r.dims(0)?.len();
    let first = r.axis_attribute("axis", -1)?;
    let epsilon = r.node.float("epsilon", 1e-5)?;
    let (input, scale) = (r.input(0)?.clone(), r.input(1)?.clone());
    let square = r.push(Binary(Pairwise::Mul), &[input.clone(), input.clone()])?;
    let mean = Reduce { what: Reduction::Mean, axes: (first..rank).collect() };
    let mean = r.push(mean, &[square])?;
    let mean = r.push(Binary(Pairwise::Add), &[mean, Value::known(Constant::single(epsilon))])?;
    let root = r.push(Elementwise { name: "Sqrt", function: Function::Sqrt }, &[mean])?;
    let normal = r.push(Binary(Pairwise::Div), &[input, root])?;
    Ok(vec![r.push(Binary(Pairwise::Mul), &[normal, scale])?])
}
