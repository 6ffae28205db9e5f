//! Every channel convolved on its own: sums over vectors of channels.

use rayon::prelude::*;

use super::images;
use super::shape::GeneralShape;
use crate::scalar::Scalar;
use crate::simd::{Isa, Kernel, LANES, Vector, run};

/// One direction: each result pixel is a sum over some taps of the source.
#[derive(Debug)]
pub(super) struct Depthwise<T> {
    channels: usize,
    /// Width of the source, and numbers of its images.
    width: usize,
    each: usize,
    /// `[kernel height, kernel width, channels]`.
    weights: Vec<T>,
    kernel_width: usize,
    /// For each row of the result: rows of the source and of the kernel.
    rows: Vec<Vec<(usize, usize)>>,
    columns: Vec<Vec<(usize, usize)>>,
}

impl<T: Scalar> Depthwise<T> {
    pub(super) fn new(shape: &GeneralShape, weights: &[T], back: bool) -> Self {
        let (channels, (kh, kw)) = (shape.channels_in, shape.kernel);
        let mut packed = vec![T::ZERO; weights.len()];
        for c in 0..channels {
            for tap in 0..kh * kw {
                packed[tap * channels + c] = weights[c * kh * kw + tap];
            }
        }
        let out = shape.output_size();
        let pairs =
            |input: usize, output: usize, kernel: usize, stride: usize, dilation: usize, padding: usize| {
                let mut lists = vec![Vec::new(); if back { input } else { output }];
                for o in 0..output {
                    for tap in 0..kernel {
                        let Some(i) =
                            (o * stride + tap * dilation).checked_sub(padding).filter(|&i| i < input)
                        else {
                            continue;
                        };
                        if back {
                            lists[i].push((o, tap));
                        } else {
                            lists[o].push((i, tap));
                        }
                    }
                }
                lists
            };
        let (top, left) = (shape.padding[0], shape.padding[1]);
        let rows = pairs(shape.size.0, out.0, kh, shape.stride.0, shape.dilation.0, top);
        let columns = pairs(shape.size.1, out.1, kw, shape.stride.1, shape.dilation.1, left);
        let (height, width) = if back { out } else { shape.size };
        Self {
            channels,
            width,
            each: height * width * channels,
            weights: packed,
            kernel_width: kw,
            rows,
            columns,
        }
    }

    /// All images.
    pub(super) fn run(&self, source: &[T], bias: Option<&[T]>, relu: bool, result: &mut [T]) {
        let isa = Isa::best();
        let line = self.columns.len() * self.channels;
        images(source, self.each, result, self.rows.len() * line).for_each(|(source, result)| {
            result.par_chunks_mut(line).zip(&self.rows).for_each(|(result, rows)| {
                if let (Some(source), Some(weights)) = (T::singles(source), T::singles(&self.weights))
                    && let Some(result) = T::singles_mut(result)
                {
                    let bias = bias.and_then(T::singles);
                    let line = Line { rows, columns: &self.columns, source, weights, bias, relu, result };
                    let (channels, width, kernel_width) = (self.channels, self.width, self.kernel_width);
                    run(isa, Sums { line, channels, width, kernel_width });
                } else {
                    self.line(rows, source, bias, relu, result);
                }
            });
        });
    }

    /// One row of the result, in any precision.
    fn line(&self, rows: &[(usize, usize)], source: &[T], bias: Option<&[T]>, relu: bool, result: &mut [T]) {
        let channels = self.channels;
        for (pixel, columns) in result.chunks_exact_mut(channels).zip(&self.columns) {
            for (c, v) in pixel.iter_mut().enumerate() {
                let mut sum = T::ZERO;
                for &(y, ty) in rows {
                    for &(x, tx) in columns {
                        let w = self.weights[(ty * self.kernel_width + tx) * channels + c];
                        sum += source[(y * self.width + x) * channels + c] * w;
                    }
                }
                sum = bias.map_or(sum, |bias| sum + bias[c]);
                *v = if relu && sum <= T::ZERO { T::ZERO } else { sum };
            }
        }
    }
}

struct Line<'a> {
    rows: &'a [(usize, usize)],
    columns: &'a [Vec<(usize, usize)>],
    source: &'a [f32],
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    result: &'a mut [f32],
}

struct Sums<'a> {
    line: Line<'a>,
    channels: usize,
    width: usize,
    kernel_width: usize,
}

/// Vectors of a pixel that are summed at a time.
const WIDE: usize = 4;

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { line, channels, width, kernel_width } = self;
        let Line { rows, columns, source, weights, bias, relu, result } = line;
        for (pixel, columns) in result.chunks_exact_mut(channels).zip(columns) {
            let mut c = 0;
            while c < channels {
                let count = if channels - c >= WIDE * LANES { WIDE } else { 1 };
                let mut sums = [V::zero(); WIDE];
                for &(y, ty) in rows {
                    for &(x, tx) in columns {
                        let from = &source[(y * width + x) * channels + c..][..channels - c];
                        let by = &weights[(ty * kernel_width + tx) * channels + c..][..channels - c];
                        if count == WIDE {
                            for j in 0..WIDE {
                                let (v, w) =
                                    (V::load_slice(&from[j * LANES..]), V::load_slice(&by[j * LANES..]));
                                sums[j] = v.mul_add(w, sums[j]);
                            }
                        } else {
                            sums[0] = V::load_slice(from).mul_add(V::load_slice(by), sums[0]);
                        }
                    }
                }
                for (j, sum) in sums.into_iter().take(count).enumerate() {
                    let at = c + j * LANES;
                    let mut v = sum;
                    if let Some(bias) = bias {
                        v = v.add(V::load_slice(&bias[at..]));
                    }
                    if relu {
                        v = v.relu();
                    }
                    v.store_slice(&mut pixel[at..]);
                }
                c += count * LANES;
            }
        }
    }
}
