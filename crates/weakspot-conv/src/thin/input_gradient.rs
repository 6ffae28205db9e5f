//! The gradient to the input: sums over output channels in vectors, added up across their lanes at the end.

use rayon::prelude::*;

use super::{rows_at_once, with_channels};
use crate::scalar::Scratch;
use crate::shape::ConvShape;
use crate::simd::{Isa, Kernel, LANES, Lanes, Vector};
use crate::winograd::Filters;

/// A convolution's way back, with the filters of the way there.
pub(crate) struct InputGradient<'a> {
    pub isa: Isa,
    pub shape: &'a ConvShape,
    pub filters: &'a Filters,
    pub output_gradient: &'a [f32],
    /// Of the input, one word per pixel.
    pub gates: Option<&'a [u16]>,
}

impl InputGradient<'_> {
    /// Into `input_gradient`, whole images.
    pub(crate) fn run(&self, input_gradient: &mut [f32]) {
        let Self { isa, shape, filters, output_gradient, gates } = *self;
        let ((height, width), ci, co) = (shape.size, shape.channels_in, shape.channels_out);
        let at_once = rows_at_once(shape);
        let images = input_gradient.par_chunks_exact_mut(shape.input_len());
        images.zip(output_gradient.par_chunks_exact(shape.output_len())).enumerate().for_each(
            |(image, (to, gradient))| {
                to.par_chunks_mut(at_once * width * ci).enumerate().for_each(|(i, to)| {
                    let (top, rows) = (i * at_once, to.len() / (width * ci));
                    let padded = (rows + 2) * co.div_ceil(LANES) * (width + 2);
                    let sums = (width * ci).next_multiple_of(LANES);
                    Lanes::with_scratch(padded + sums, |scratch| {
                        let (padded, sums) = scratch.split_at_mut(padded);
                        let to = &mut *to;
                        with_channels!(ci, isa, Rows { width, gradient, top, padded, filters, sums, to });
                    });
                    if let Some(gates) = gates {
                        let gates = &gates[(image * height + top) * width..];
                        for (pixel, bits) in to.chunks_exact_mut(ci).zip(gates) {
                            for (c, v) in pixel.iter_mut().enumerate() {
                                *v = if bits >> c & 1 == 1 { *v } else { 0.0 };
                            }
                        }
                    }
                });
            },
        );
    }
}

/// Rows of pixels.
struct Rows<'a, const CI: usize> {
    width: usize,
    /// The image's, and the row where `to` begins.
    gradient: &'a [f32],
    top: usize,
    /// For the rows of the gradient, the row above and the row below: `[row, group, pixel]`, with zeros around the
    /// image.
    padded: &'a mut [Lanes],
    filters: &'a Filters,
    /// One vector per number of a row, filled up to whole squares.
    sums: &'a mut [Lanes],
    to: &'a mut [f32],
}

impl<const CI: usize> Kernel for Rows<'_, CI> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { width, gradient, top, padded, filters, sums, to } = self;
        let pitch = (width + 2) * filters.channels.div_ceil(LANES);
        for (y, to) in padded.chunks_exact_mut(pitch).enumerate() {
            pad::<V>(gradient, width, filters.channels, top + y, to);
        }
        for (y, to) in to.chunks_exact_mut(width * CI).enumerate() {
            let rows = &padded[y * pitch..][..3 * pitch];
            let row = Row { rows, width, filters };
            let mut x = 0;
            macro_rules! blocks {
                ($($count:literal)*) => {
                    $(while width - x >= $count {
                        row.block::<V, CI, $count>(x, sums);
                        x += $count;
                    })*
                };
            }
            // Which branch is taken is known when the vector type is.
            if V::ROWS == 12 {
                blocks!(8 4 2 1);
            } else if CI == 1 {
                blocks!(4 2 1);
            } else {
                blocks!(2 1);
            }
            for (to, square) in to.chunks_mut(LANES).zip(sums.as_chunks_mut().0) {
                added_up::<V>(square).store_slice(to);
            }
        }
    }
}

/// Row `y` of an image, counted from the row above its first, in groups of channels with a pixel of zeros on either
/// side.
#[inline(always)]
fn pad<V: Vector>(image: &[f32], width: usize, channels: usize, y: usize, to: &mut [Lanes]) {
    let row = y.checked_sub(1).and_then(|y| image.get(y * width * channels..)?.get(..width * channels));
    let Some(row) = row else { return to.fill(Lanes::default()) };
    for (group, to) in to.chunks_exact_mut(width + 2).enumerate() {
        let count = LANES.min(channels - group * LANES);
        to[0] = Lanes::default();
        for (pixel, to) in row.chunks_exact(channels).zip(&mut to[1..=width]) {
            V::load_slice(&pixel[group * LANES..][..count]).store(to);
        }
        to[width + 1] = Lanes::default();
    }
}

/// Lane i of the result is the sum of the lanes of vector i.
#[inline(always)]
fn added_up<V: Vector>(square: &mut [Lanes; LANES]) -> V {
    V::transpose(square);
    let mut rows = [V::zero(); LANES];
    for i in 0..LANES {
        rows[i] = V::load(&square[i]);
    }
    for i in 0..8 {
        rows[i] = rows[i].add(rows[i + 8]);
    }
    for i in 0..4 {
        rows[i] = rows[i].add(rows[i + 4]);
    }
    rows[0].add(rows[2]).add(rows[1].add(rows[3]))
}

/// What one row of pixels needs.
#[derive(Clone, Copy)]
struct Row<'a> {
    /// Three rows of the output's gradient, in groups of channels, with zeros around them.
    rows: &'a [Lanes],
    width: usize,
    filters: &'a Filters,
}

impl Row<'_> {
    /// `M` pixels, in registers.
    #[inline(always)]
    fn block<V: Vector, const CI: usize, const M: usize>(self, x: usize, sums: &mut [Lanes]) {
        let Self { rows, width, filters } = self;
        let pitch = rows.len() / 3;
        let mut kept = [[V::zero(); CI]; M];
        for group in 0..filters.channels.div_ceil(LANES) {
            let vectors = filters.width(group / 2);
            let taps = &filters.matrix(group / 2, 0)[group % 2..];
            for ky in 0..3 {
                // Tap (ky, kx) leads from this pixel to the one at (1 - ky, 1 - kx) from it.
                let pixels = &rows[(2 - ky) * pitch + group * (width + 2) + x..][..M + 2];
                let taps = &taps[ky * 3 * CI * vectors..][..=(3 * CI - 1) * vectors];
                for kx in 0..3 {
                    let mut tap = [V::zero(); CI];
                    for c in 0..CI {
                        tap[c] = V::load(&taps[(kx * CI + c) * vectors]);
                    }
                    for i in 0..M {
                        let v = V::load(&pixels[i + 2 - kx]);
                        for c in 0..CI {
                            kept[i][c] = v.mul_add(tap[c], kept[i][c]);
                        }
                    }
                }
            }
        }
        let sums = &mut sums[x * CI..][..M * CI];
        for i in 0..M {
            for c in 0..CI {
                kept[i][c].store(&mut sums[i * CI + c]);
            }
        }
    }
}
