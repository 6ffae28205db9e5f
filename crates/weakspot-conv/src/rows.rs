//! Rows of numbers that share a sum: softmax and layer normalisation, and their gradients.
//!
//! Sums run in sixteen lanes in a fixed order, so that every instruction set and any number of threads give the same
//! bytes.

use rayon::prelude::*;

use crate::functions::Elementary;
use crate::scalar::Scalar;
use crate::simd::{Isa, Kernel, LANES, Vector, run};

/// Numbers per task.
const CHUNK: usize = 1 << 13;

/// The sum of `f` over a row.
#[inline(always)]
fn sum<T: Scalar>(count: usize, f: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let whole = count / LANES * LANES;
    for first in (0..whole).step_by(LANES) {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += f(first + i);
        }
    }
    for (i, lane) in (whole..count).zip(&mut lanes) {
        *lane += f(i);
    }
    lanes.into_iter().fold(T::ZERO, |sum, lane| sum + lane)
}

/// `exp(x_i) / sum_j exp(x_j)` of every row of `length` numbers, in place.
///
/// # Examples
/// ```
/// let mut row = [0.0_f64, 0.0, f64::NEG_INFINITY];
/// weakspot_conv::softmax(&mut row, 3);
/// assert_eq!(row, [0.5, 0.5, 0.0]);
/// ```
pub fn softmax<T: Scalar>(values: &mut [T], length: usize) {
    let each = rows_of(length);
    values.par_chunks_mut(each).for_each(|values| {
        run(Isa::best(), Soft { values, length });
    });
}

/// Whole rows of about [`CHUNK`] numbers.
fn rows_of(length: usize) -> usize {
    (CHUNK / length.max(1)).max(1) * length.max(1)
}

struct Soft<'a, T> {
    values: &'a mut [T],
    length: usize,
}

impl<T: Scalar> Kernel for Soft<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        for row in self.values.chunks_mut(self.length) {
            let largest = row.iter().fold(T::from_f64(f64::NEG_INFINITY), |a, &b| if b > a { b } else { a });
            if let Some(row) = T::singles_mut(row) {
                let largest = largest.to_f64() as f32;
                for v in row {
                    *v = Elementary::exp(*v - largest);
                }
            } else {
                for v in row.iter_mut() {
                    *v = T::from_f64((*v - largest).to_f64().exp());
                }
            }
            let total = sum(row.len(), |i| row[i]);
            for v in row {
                *v = *v / total;
            }
        }
    }
}

/// Turns the gradient to the output of [`softmax`] into that to its input: `y_i (g_i - sum_j g_j y_j)`.
pub fn softmax_gradient<T: Scalar>(output: &[T], gradient: &mut [T], length: usize) {
    let each = rows_of(length);
    gradient.par_chunks_mut(each).zip(output.par_chunks(each)).for_each(|(gradient, output)| {
        run(Isa::best(), SoftBack { output, gradient, length });
    });
}

struct SoftBack<'a, T> {
    output: &'a [T],
    gradient: &'a mut [T],
    length: usize,
}

impl<T: Scalar> Kernel for SoftBack<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        for (gradient, output) in self.gradient.chunks_mut(self.length).zip(self.output.chunks(self.length)) {
            let both = gradient.len().min(output.len());
            let (gradient, output) = (&mut gradient[..both], &output[..both]);
            let shared = sum(both, |i| gradient[i] * output[i]);
            for (g, &y) in gradient.iter_mut().zip(output) {
                *g = y * (*g - shared);
            }
        }
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` of every row of `length` numbers, in place. `statistics`
/// gets each row's mean and `1 / sqrt(variance + epsilon)`.
///
/// # Examples
/// ```
/// let mut row = [1.0_f64, 3.0];
/// weakspot_conv::layer_norm(&mut row, 2, None, Some(&[0.0, 10.0]), 0.0, None);
/// assert_eq!(row, [-1.0, 11.0]);
/// ```
pub fn layer_norm<T: Scalar>(
    values: &mut [T],
    length: usize,
    weight: Option<&[T]>,
    bias: Option<&[T]>,
    epsilon: f64,
    statistics: Option<&mut Vec<T>>,
) {
    let (each, rows) = (rows_of(length), values.len() / length.max(1));
    let mut own = Vec::new();
    let statistics = statistics.unwrap_or(&mut own);
    statistics.clear();
    statistics.resize(rows * 2, T::ZERO);
    let tasks = values.par_chunks_mut(each).zip(statistics.par_chunks_mut(each / length.max(1) * 2));
    tasks.for_each(|(values, statistics)| {
        run(Isa::best(), Norm { values, length, weight, bias, epsilon, statistics });
    });
}

struct Norm<'a, T> {
    values: &'a mut [T],
    length: usize,
    weight: Option<&'a [T]>,
    bias: Option<&'a [T]>,
    epsilon: f64,
    statistics: &'a mut [T],
}

impl<T: Scalar> Kernel for Norm<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { values, length, weight, bias, epsilon, statistics } = self;
        let count = T::from_f64(length as f64);
        for (row, kept) in values.chunks_exact_mut(length).zip(statistics.chunks_exact_mut(2)) {
            let mean = sum(length, |i| row[i]) / count;
            let variance = sum(length, |i| (row[i] - mean) * (row[i] - mean)) / count;
            let scale = T::ONE / (variance + T::from_f64(epsilon)).sqrt();
            kept.copy_from_slice(&[mean, scale]);
            for v in row.iter_mut() {
                *v = (*v - mean) * scale;
            }
            if let Some(weight) = weight {
                for (v, &w) in row.iter_mut().zip(weight) {
                    *v *= w;
                }
            }
            if let Some(bias) = bias {
                for (v, &b) in row.iter_mut().zip(bias) {
                    *v += b;
                }
            }
        }
    }
}

/// Turns the gradient to the output of [`layer_norm`] into that to its input. `statistics` are those that it left.
pub fn layer_norm_gradient<T: Scalar>(
    inputs: &[T],
    statistics: &[T],
    weight: Option<&[T]>,
    gradient: &mut [T],
    length: usize,
) {
    let each = rows_of(length);
    let kept = statistics.par_chunks(each / length.max(1) * 2);
    gradient.par_chunks_mut(each).zip(inputs.par_chunks(each)).zip(kept).for_each(
        |((gradient, inputs), statistics)| {
            run(Isa::best(), NormBack { inputs, statistics, weight, gradient, length });
        },
    );
}

struct NormBack<'a, T> {
    inputs: &'a [T],
    statistics: &'a [T],
    weight: Option<&'a [T]>,
    gradient: &'a mut [T],
    length: usize,
}

impl<T: Scalar> Kernel for NormBack<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { inputs, statistics, weight, gradient, length } = self;
        let count = T::from_f64(length as f64);
        let rows = gradient.chunks_exact_mut(length).zip(inputs.chunks_exact(length));
        for ((gradient, input), kept) in rows.zip(statistics.chunks_exact(2)) {
            let (mean, scale) = (kept[0], kept[1]);
            if let Some(weight) = weight {
                for (g, &w) in gradient.iter_mut().zip(weight) {
                    *g *= w;
                }
            }
            let shift = sum(length, |i| gradient[i]) / count;
            let slope = sum(length, |i| gradient[i] * (input[i] - mean)) * scale * scale / count;
            for (g, &x) in gradient.iter_mut().zip(input) {
                *g = (*g - shift - (x - mean) * slope) * scale;
            }
        }
    }
}
