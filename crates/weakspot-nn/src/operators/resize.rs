//! Linear interpolation along an axis: `y[i] = (1 - t) x[a] + t x[b]`, with `a`, `b` and `t` chosen by the file's
//! convention. The gradient goes to both neighbours with the same weights.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::{Arrangement, Gather, Kept, Kernel, Operator, Placed, Prepare, Saved, View};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value, integers};

/// `Resize` in mode linear, one axis at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resize {
    pub axis: usize,
    /// For each position of the output: two positions of the input, and the share of the second.
    pub neighbours: Vec<(usize, usize, f64)>,
}

impl Operator for Resize {
    fn name(&self) -> &'static str {
        "Resize"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let mut dims = super::one("Resize", inputs)?.to_vec();
        match dims.get_mut(self.axis) {
            Some(length) if self.neighbours.iter().all(|(a, b, _)| a.max(b) < length) => {
                *length = self.neighbours.len();
                Ok(dims)
            }
            _ => Err(Error::shape(format!("Resize: expected positions on axis {} of {dims:?}", self.axis))),
        }
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let out = inputs[0].with_dims(output);
        Arrangement::Run { inputs: vec![out.with_dims(inputs[0].dims())], output: out }
    }

    fn follow(&self, spots: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        spots[0].filter(|spot| matches!(spot, Spot::Pixels { .. }))
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, self.axis)]
    }
}

/// Blocks of runs of `step` numbers.
#[derive(Debug)]
struct Blocks {
    neighbours: Vec<(usize, usize, f64)>,
    step: usize,
    from: usize,
    to: usize,
    len: usize,
}

impl<T: Scalar> Prepare<T> for Resize {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let input = inputs[0].layout;
        let step = input.strides()[self.axis].max(output.strides()[self.axis]).max(1);
        let (from, to) = (input.dims()[self.axis] * step, self.neighbours.len() * step);
        Ok(Box::new(Blocks { neighbours: self.neighbours.clone(), step, from, to, len: input.len() }))
    }
}

impl<T: Scalar> Kernel<T> for Blocks {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        let blocks = self.len / self.from;
        output.par_chunks_mut(self.to).enumerate().for_each(|(i, output)| {
            let input = &inputs[0].image(i / blocks)[i % blocks * self.from..];
            for (run, &(a, b, t)) in output.chunks_exact_mut(self.step).zip(&self.neighbours) {
                let (s, t) = (T::from_f64(1.0 - t), T::from_f64(t));
                let (a, b) = (&input[a * self.step..], &input[b * self.step..]);
                for ((y, &a), &b) in run.iter_mut().zip(a).zip(b) {
                    *y = s * a + t * b;
                }
            }
        });
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
        result.par_chunks_mut(self.from).zip(gradient.par_chunks(self.to)).for_each(|(result, gradient)| {
            result.fill(T::ZERO);
            for (run, &(a, b, t)) in gradient.chunks_exact(self.step).zip(&self.neighbours) {
                for (at, share) in [(a, 1.0 - t), (b, t)] {
                    let share = T::from_f64(share);
                    for (r, &g) in result[at * self.step..].iter_mut().zip(run) {
                        *r += share * g;
                    }
                }
            }
        });
        Ok(())
    }
}

/// Where a position of the output lies in the input, by the file's convention.
fn coordinate(mode: &str, i: usize, from: usize, to: usize, scale: f64) -> Option<f64> {
    let i = i as f64;
    Some(match mode {
        "half_pixel" => (i + 0.5) / scale - 0.5,
        "pytorch_half_pixel" if to > 1 => (i + 0.5) / scale - 0.5,
        "asymmetric" => i / scale,
        "align_corners" if to > 1 => i * (from - 1) as f64 / (to - 1) as f64,
        "pytorch_half_pixel" | "align_corners" => 0.0,
        _ => return None,
    })
}

/// `Resize` in modes nearest and linear.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    // Opset 10 has the scales as input 1, later ones a region of interest there.
    let (scales, sizes) = if r.opset < 11 { (1, usize::MAX) } else { (2, 3) };
    let place = r.node.string("coordinate_transformation_mode")?.unwrap_or("half_pixel").to_owned();
    let place = if r.opset < 11 { "asymmetric".to_owned() } else { place };
    resized(r, scales, sizes, &place)
}

/// `Upsample`, which is an older `Resize`.
pub(crate) fn read_upsample(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    resized(r, 1, usize::MAX, "asymmetric")
}

fn resized(r: &mut Reading<'_, '_, '_>, scales: usize, sizes: usize, place: &str) -> Result<Vec<Value>> {
    let (mut value, dims) = (r.input(0)?.clone(), r.dims(0)?);
    let filled = |r: &Reading<'_, '_, '_>, i: usize| matches!(r.get(i), Some(v) if v.dims() != Some(&[0]));
    let wanted: Vec<(usize, f64)> = if filled(r, sizes) {
        let sizes = integers::lengths(r.known(sizes)?.as_ref())?;
        sizes.iter().zip(&dims).map(|(&to, &from)| (to, to as f64 / from.max(1) as f64)).collect()
    } else {
        let scales: Vec<f32> = if filled(r, scales) {
            r.known(scales)?.floats().unwrap_or_default()
        } else {
            r.node.floats("scales")?.unwrap_or_default()
        };
        let length = |(&scale, &from): (&f32, &usize)| {
            ((from as f64 * f64::from(scale)).floor() as usize, scale.into())
        };
        scales.iter().zip(&dims).map(length).collect()
    };
    if wanted.len() != dims.len()
        || !wanted.iter().all(|&(to, scale)| (1..=LONGEST).contains(&to) && scale > 0.0)
    {
        return Err(Error::format(format!("expected a size for each axis of {dims:?}; got {wanted:?}")));
    }
    let mode = r.node.string("mode")?.unwrap_or("nearest").to_owned();
    let rounding = r.node.string("nearest_mode")?.unwrap_or("round_prefer_floor").to_owned();
    if r.node.int("antialias", 0)? != 0 {
        return Err(Reading::unsupported("Resize is read without antialias"));
    }
    for (axis, (&from, &(to, scale))) in dims.iter().zip(&wanted).enumerate() {
        if from == to && (scale - 1.0).abs() < 1e-9 {
            continue;
        }
        let at = |i: usize| {
            coordinate(place, i, from, to, scale).ok_or_else(|| {
                Reading::unsupported(format!("Resize is not read with coordinates of {place:?}"))
            })
        };
        value = match mode.as_str() {
            "nearest" => {
                let nearest = |x: f64| match rounding.as_str() {
                    "floor" => x.floor(),
                    "ceil" => x.ceil(),
                    "round_prefer_ceil" => (x + 0.5).floor(),
                    _ => (x - 0.5).ceil(),
                };
                // Older operators round down.
                let nearest = |x: f64| if r.opset < 11 { x.floor() } else { nearest(x) };
                let index = |i| at(i).map(|x| nearest(x).clamp(0.0, (from - 1) as f64) as usize);
                let indices = (0..to).map(index).collect::<Result<Vec<_>>>()?;
                r.push(Gather { name: "Resize", axis, indices }, &[value])?
            }
            "linear" => {
                let neighbours = |i| {
                    let x = at(i)?.clamp(0.0, (from - 1) as f64);
                    let first = x.floor() as usize;
                    Ok((first, (first + 1).min(from - 1), x - x.floor()))
                };
                let neighbours = (0..to).map(neighbours).collect::<Result<Vec<_>>>()?;
                r.push(Resize { axis, neighbours }, &[value])?
            }
            other => {
                return Err(Reading::unsupported(format!(
                    "Resize is read in modes nearest and linear; got {other:?}"
                )));
            }
        };
    }
    Ok(vec![value])
}

/// Positions that a file may ask for along one axis.
const LONGEST: usize = 1 << 14;
