//! A border of one value around a tensor, or a part of it cut away. The gradient goes to what is kept.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar};

use super::{Arrangement, Gather, Kept, Kernel, Operator, Placed, Prepare, Saved, View};
use crate::graph::Spot;
use crate::graph::layout::{Layout, Walk};
use crate::onnx::{Reading, Value, checked_made};

/// `Pad` in mode constant, with borders that are not negative.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pad {
    /// Before and after, per axis.
    pub borders: Vec<(usize, usize)>,
    pub value: f64,
}

impl Operator for Pad {
    fn name(&self) -> &'static str {
        "Pad"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one("Pad", inputs)?;
        if input.len() != self.borders.len() {
            return Err(Error::shape(format!("Pad: expected borders for {input:?}; got {:?}", self.borders)));
        }
        Ok(input
            .iter()
            .zip(&self.borders)
            .map(|(&length, &(before, after))| before + length + after)
            .collect())
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        super::like_the_first(inputs, output)
    }

    fn follow(&self, spots: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        spots[0].filter(|spot| matches!(spot, Spot::Pixels { .. }))
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        let bordered = |axis: &usize| self.borders[*axis] != (0, 0);
        (0..self.borders.len()).filter(bordered).map(|axis| (0, axis)).collect()
    }
}

/// A walk over the input, with the place of each number in the output.
#[derive(Debug)]
struct Framed {
    walk: Walk<1>,
    /// Of the input's first number.
    first: usize,
    value: f64,
    lens: (usize, usize),
}

impl<T: Scalar> Prepare<T> for Pad {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let input = inputs[0].layout;
        let first =
            self.borders.iter().zip(output.strides()).map(|(&(before, _), &step)| before * step).sum();
        let walk = Walk::new(input, [output]);
        Ok(Box::new(Framed { walk, first, value: self.value, lens: (input.len(), output.len()) }))
    }
}

impl<T: Scalar> Kernel<T> for Framed {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        let (length, [step]) = (self.walk.row(), self.walk.steps());
        output.par_chunks_mut(self.lens.1).enumerate().for_each(|(image, output)| {
            output.fill(T::from_f64(self.value));
            for (i, row) in inputs[0].image(image).chunks_exact(length).enumerate() {
                let at = self.first + self.walk.start(i)[0];
                for (j, &v) in row.iter().enumerate() {
                    output[at + j * step] = v;
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
        let (length, [step]) = (self.walk.row(), self.walk.steps());
        let images = result.par_chunks_mut(self.lens.0).zip(gradient.par_chunks(self.lens.1));
        images.for_each(|(result, gradient)| {
            for (i, row) in result.chunks_exact_mut(length).enumerate() {
                let at = self.first + self.walk.start(i)[0];
                for (j, v) in row.iter_mut().enumerate() {
                    *v = gradient[at + j * step];
                }
            }
        });
        Ok(())
    }
}

/// `Pad`: with one value, or by copying or mirroring what lies at the border. Negative borders cut.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (mut value, dims) = (r.input(0)?.clone(), r.dims(0)?);
    let rank = dims.len();
    let pads = match r.integers(1, "pads")? {
        Some(pads) => pads,
        None => r.node.ints("paddings")?.ok_or_else(|| Error::format("expected pads; got none"))?,
    };
    let axes = match r.get(3) {
        Some(_) => r.integers(3, "axes")?.unwrap_or_default(),
        None => (0..rank as i64).collect(),
    };
    if pads.len() != 2 * axes.len() || pads.iter().any(|p| p.unsigned_abs() > LARGEST) {
        return Err(Error::format(format!("expected two pads for each axis; got {pads:?}")));
    }
    let mode = r.node.string("mode")?.unwrap_or("constant").to_owned();
    let mut borders = vec![(0, 0); rank];
    for (i, &axis) in axes.iter().enumerate() {
        let axis = Reading::axis(axis, rank)?;
        let (before, after, length) = (pads[i], pads[i + axes.len()], dims[axis] as i64);
        // What is cut is cut first; the rest of the axis then grows.
        let (cut_before, cut_after) = ((-before).max(0), (-after).max(0));
        if cut_before + cut_after >= length {
            return Err(Error::format(format!(
                "expected pads that leave something of {length}; got {pads:?}"
            )));
        }
        let (before, after) = (before.max(0), after.max(0));
        let kept = cut_before..length - cut_after;
        let place = |j: i64| -> Option<usize> {
            let n = kept.end - kept.start;
            let inside = match mode.as_str() {
                "edge" => j.clamp(0, n - 1),
                "wrap" => j.rem_euclid(n),
                _ if j < 0 => -j,
                _ if j >= n => 2 * n - 2 - j,
                _ => j,
            };
            (0..n).contains(&inside).then_some((kept.start + inside) as usize)
        };
        let range = if mode == "constant" {
            0..kept.end - kept.start
        } else {
            -before..kept.end - kept.start + after
        };
        let indices: Option<Vec<usize>> = range.map(place).collect();
        let indices = indices.ok_or_else(|| Error::format(format!("expected smaller pads; got {pads:?}")))?;
        if !indices.iter().copied().eq(0..dims[axis]) {
            value = match &value {
                Value::Known(constant, _) => {
                    let mut dims = constant.dims.clone();
                    dims[axis] = indices.len();
                    checked_made(&dims)?;
                    Value::known(constant.gathered(axis, &indices))
                }
                _ => r.push(Gather { name: "Pad", axis, indices }, &[value])?,
            };
        }
        if mode == "constant" {
            borders[axis] = (before as usize, after as usize);
        }
    }
    match mode.as_str() {
        "constant" => {
            let filled = r.number(2, "value")?.unwrap_or(0.0);
            if borders.iter().any(|border| *border != (0, 0)) {
                value = r.push(Pad { borders, value: filled }, &[value])?;
            }
        }
        "edge" | "reflect" | "wrap" => {}
        other => return Err(Error::format(format!("expected a mode of Pad; got {other:?}"))),
    }
    Ok(vec![value])
}

/// Far above what a network has.
const LARGEST: u64 = 1 << 16;
