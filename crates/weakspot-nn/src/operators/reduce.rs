//! Sums, means and largest values over axes, which stay with length 1.
//!
//! The gradient of a sum goes to every term, that of a mean divided by their number; that of a largest value is shared
//! by the places that have it, as in PyTorch's `amax`.

use rayon::prelude::*;
use weakspot::classifier::LayerKind;
use weakspot::{Error, Result};
use weakspot_conv::{Function, Method, Scalar};

use super::{
    Arrangement, Binary, Elementwise, Kept, Kernel, Needs, Operator, Pairwise, Placed, Prepare, Reshape,
    Saved, View,
};
use crate::graph::Spot;
use crate::graph::layout::{Layout, Walk};
use crate::onnx::{Reading, Value, integers};

/// What is made of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
}

/// `ReduceSum`, `ReduceMean`, `ReduceMax`, `ReduceMin`, `GlobalAveragePool`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reduce {
    pub what: Reduction,
    /// In any order, each once.
    pub axes: Vec<usize>,
}

impl Operator for Reduce {
    fn name(&self) -> &'static str {
        match self.what {
            Reduction::Sum => "ReduceSum",
            Reduction::Mean => "ReduceMean",
            Reduction::Max => "ReduceMax",
            Reduction::Min => "ReduceMin",
        }
    }

    fn kind(&self) -> LayerKind {
        LayerKind::Pooling
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let mut dims = super::one(self.name(), inputs)?.to_vec();
        for &axis in &self.axes {
            let rank = dims.len();
            let length = dims.get_mut(axis);
            *length.ok_or_else(|| {
                Error::shape(format!("{}: expected an axis below {rank}; got {axis}", self.name()))
            })? = 1;
        }
        Ok(dims)
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        super::like_the_first(inputs, output)
    }

    fn follow(&self, spots: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        // What is left of one channel per place is a map; a mean over places is none.
        spots[0].filter(|spot| self.axes.iter().all(|&axis| spot.channels() == axis))
    }

    fn window(&self, _: &[&[usize]]) -> Option<(usize, usize)> {
        // A mean over the channels depends on one pixel, one over an image on all; the latter is the rule.
        if self.axes == [1] { Some((1, 1)) } else { None }
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        self.axes.iter().map(|&axis| (0, axis)).collect()
    }
}

/// A walk over the input, with the place of each number's result.
#[derive(Debug)]
struct Reduced {
    what: Reduction,
    walk: Walk<1>,
    len: usize,
    results: usize,
}

impl<T: Scalar> Prepare<T> for Reduce {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let input = inputs[0].layout;
        let walk = Walk::new(input, [output]);
        Ok(Box::new(Reduced { what: self.what, walk, len: input.len(), results: output.len() }))
    }
}

/// Independent sums within a row, so that they need not wait for each other.
const LANES: usize = 16;

/// Rows that are summed before they are added to the rest: long sums in single precision lose less that way.
const BLOCK: usize = 32;

/// A row's sum, or largest value, in a fixed order.
fn fold<T: Scalar>(row: &[T], start: T, f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [start; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, v);
    }
    lanes.into_iter().reduce(f).unwrap_or(start)
}

impl Reduced {
    /// All results of one image, from `start`.
    fn image<T: Scalar>(&self, input: &[T], output: &mut [T], start: T, f: impl Fn(T, T) -> T + Copy) {
        output.fill(start);
        let (length, [step]) = (self.walk.row(), self.walk.steps());
        let mut block = vec![start; self.results];
        let rows = self.walk.rows();
        for (i, row) in input.chunks_exact(length).enumerate() {
            let [at] = self.walk.start(i);
            if step == 0 {
                block[at] = f(block[at], fold(row, start, f));
            } else if step == 1 {
                for (sum, &v) in block[at..].iter_mut().zip(row) {
                    *sum = f(*sum, v);
                }
            } else {
                for (j, &v) in row.iter().enumerate() {
                    block[at + j * step] = f(block[at + j * step], v);
                }
            }
            if (i + 1) % BLOCK == 0 || i + 1 == rows {
                for (total, sum) in output.iter_mut().zip(&mut block) {
                    *total = f(*total, *sum);
                    *sum = start;
                }
            }
        }
    }

    fn terms<T: Scalar>(&self) -> T {
        T::from_f64((self.len / self.results) as f64)
    }
}

fn larger<T: Scalar>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}

fn smaller<T: Scalar>(a: T, b: T) -> T {
    if b < a || b.is_nan() { b } else { a }
}

impl<T: Scalar> Kernel<T> for Reduced {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        output.par_chunks_mut(self.results).enumerate().for_each(|(i, output)| {
            let input = inputs[0].image(i);
            match self.what {
                Reduction::Sum | Reduction::Mean => self.image(input, output, T::ZERO, |a, b| a + b),
                Reduction::Max => self.image(input, output, T::from_f64(f64::NEG_INFINITY), larger),
                Reduction::Min => self.image(input, output, T::from_f64(f64::INFINITY), smaller),
            }
            if self.what == Reduction::Mean {
                let terms = self.terms::<T>();
                for v in output {
                    *v = *v / terms;
                }
            }
        });
        Ok(Saved::Nothing)
    }

    fn gradient(
        &self,
        _batch: usize,
        kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let (length, [step]) = (self.walk.row(), self.walk.steps());
        let images = result.par_chunks_mut(self.len).zip(gradient.par_chunks(self.results)).enumerate();
        images.for_each(|(image, (result, gradient))| {
            if matches!(self.what, Reduction::Sum | Reduction::Mean) {
                let terms = if self.what == Reduction::Mean { self.terms::<T>() } else { T::ONE };
                let shared: Vec<T> = gradient.iter().map(|&g| g / terms).collect();
                for (i, row) in result.chunks_exact_mut(length).enumerate() {
                    let [at] = self.walk.start(i);
                    for (j, v) in row.iter_mut().enumerate() {
                        *v = shared[at + j * step];
                    }
                }
                return;
            }
            let (input, output) = (kept.inputs[0].image(image), &kept.output[image * self.results..]);
            let mut count = vec![T::ZERO; self.results];
            let places = || {
                (0..self.walk.rows()).flat_map(|i| {
                    let [at] = self.walk.start(i);
                    (0..length).map(move |j| (i * length + j, at + j * step))
                })
            };
            for (from, to) in places() {
                if input[from] == output[to] {
                    count[to] += T::ONE;
                }
            }
            for (from, to) in places() {
                let has = input[from] == output[to];
                result[from] = if has { gradient[to] / count[to] } else { T::ZERO };
            }
        });
        Ok(())
    }

    fn needs(&self) -> Needs {
        let reads = matches!(self.what, Reduction::Max | Reduction::Min);
        Needs { inputs: reads, output: reads }
    }
}

/// The axes of a reduction, which moved from an attribute to an input; all of them if none are named.
fn read_axes(r: &Reading<'_, '_, '_>) -> Result<Vec<usize>> {
    let rank = r.dims(0)?.len();
    match r.integers(1, "axes")? {
        Some(axes) if !axes.is_empty() => {
            let mut axes: Vec<usize> =
                axes.into_iter().map(|axis| Reading::axis(axis, rank)).collect::<Result<_>>()?;
            axes.sort_unstable();
            axes.dedup();
            Ok(axes)
        }
        _ if r.node.int("noop_with_empty_axes", 0)? != 0 => Ok(Vec::new()),
        _ => Ok((0..rank).collect()),
    }
}

/// A reduction whose axes stay with length 1, then without them if the file wants it so.
fn reduced(r: &mut Reading<'_, '_, '_>, what: Reduction, input: Value) -> Result<Value> {
    let axes = read_axes(r)?;
    let keeps = r.node.int("keepdims", 1)? != 0;
    let value = if axes.is_empty() { input } else { r.push(Reduce { what, axes: axes.clone() }, &[input])? };
    if keeps || axes.is_empty() {
        return Ok(value);
    }
    let dims = value.dims().unwrap_or_default().iter().enumerate();
    let dims = dims.filter(|(axis, _)| !axes.contains(axis)).map(|(_, &d)| d).collect();
    r.push(Reshape { dims }, &[value])
}

/// `ReduceMean` and its like.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let what = match r.node.op {
        "ReduceMean" => Reduction::Mean,
        "ReduceSum" => Reduction::Sum,
        "ReduceMax" => Reduction::Max,
        _ => Reduction::Min,
    };
    let input = r.input(0)?.clone();
    if let Some(value) = integers::reduced(r, &input)? {
        return Ok(vec![value]);
    }
    Ok(vec![reduced(r, what, input)?])
}

/// `ReduceL2`: the root of the sum of squares.
pub(crate) fn read_l2(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let input = r.input(0)?.clone();
    let square = r.push(Binary(Pairwise::Mul), &[input.clone(), input])?;
    let sum = reduced(r, Reduction::Sum, square)?;
    Ok(vec![r.push(Elementwise { name: "ReduceL2", function: Function::Sqrt }, &[sum])?])
}

/// `LpNormalization` with p = 2.
pub(crate) fn read_lp_normalization(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let p = r.node.int("p", 2)?;
    if p != 2 {
        return Err(Reading::unsupported(format!("LpNormalization is read with p 2; got {p}")));
    }
    let axis = r.axis_attribute("axis", -1)?;
    let input = r.input(0)?.clone();
    let square = r.push(Binary(Pairwise::Mul), &[input.clone(), input.clone()])?;
    let sum = r.push(Reduce { what: Reduction::Sum, axes: vec![axis] }, &[square])?;
    let root = r.push(Elementwise { name: "Sqrt", function: Function::Sqrt }, &[sum])?;
    Ok(vec![r.push(Binary(Pairwise::Div), &[input, root])?])
}

/// `GlobalAveragePool` and `GlobalMaxPool`.
pub(crate) fn read_global(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let what = if r.node.op == "GlobalMaxPool" { Reduction::Max } else { Reduction::Mean };
    let (axes, input) = ((2..r.dims(0)?.len()).collect(), r.input(0)?.clone());
    Ok(vec![r.push(Reduce { what, axes }, &[input])?])
}
