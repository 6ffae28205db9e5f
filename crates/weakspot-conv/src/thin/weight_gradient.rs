//! The gradient to the filters: sums of products over all pixels.

use rayon::prelude::*;

use super::rows::{pad, pitch};
use super::{rows_at_once, with_channels};
use crate::pack::position;
use crate::scalar::Scratch;
use crate::shape::ConvShape;
use crate::simd::{Isa, Kernel, LANES, Lanes, Vector};

/// The gradient to packed weights: sums over some rows of an image at a time, and then over those in their order.
pub(crate) fn weight_gradient(
    isa: Isa,
    shape: &ConvShape,
    images: usize,
    input: &[f32],
    output_gradient: &[f32],
    gradient: &mut [f32],
) {
    let ((height, width), ci, channels) = (shape.size, shape.channels_in, shape.channels_out);
    let at_once = rows_at_once(shape);
    let parts: Vec<(usize, usize)> =
        (0..images).flat_map(|image| (0..height).step_by(at_once).map(move |top| (image, top))).collect();
    let (terms, groups) = (shape.patch(), channels.div_ceil(LANES));
    Lanes::with_scratch(parts.len() * terms * groups, |sums| {
        sums.par_chunks_exact_mut(terms * groups).zip(&parts).for_each(|(sums, &(image, top))| {
            let rows = at_once.min(height - top);
            let input = &input[image * shape.input_len()..][..shape.input_len()];
            let first = (image * height + top) * width * channels;
            let gradient = &output_gradient[first..][..rows * width * channels];
            sums.fill(Lanes::default());
            f32::with_scratch((rows + 2) * pitch(shape), |padded| {
                pad(shape, input, top..top + rows, padded);
                with_channels!(ci, isa, Accumulate { width, channels, padded: &*padded, gradient, sums });
            });
        });
        let (total, rest) = sums.split_at_mut(terms * groups);
        for part in rest.chunks_exact(terms * groups) {
            for (total, part) in total.iter_mut().zip(part) {
                for (total, part) in total.0.iter_mut().zip(part.0) {
                    *total += part;
                }
            }
        }
        for (i, vector) in total.iter().enumerate() {
            let first = i % groups * LANES;
            let count = LANES.min(channels - first);
            gradient[position(shape, first, i / groups)..][..count].copy_from_slice(&vector.0[..count]);
        }
    });
}

/// Adds some rows to `sums` `[term, group]`.
struct Accumulate<'a, const CI: usize> {
    width: usize,
    channels: usize,
    padded: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [Lanes],
}

impl<const CI: usize> Kernel for Accumulate<'_, CI> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { width, channels, padded, gradient, sums } = self;
        let (groups, pitch) = (channels.div_ceil(LANES), (width + 2) * CI);
        for (y, gradient) in gradient.chunks_exact(width * channels).enumerate() {
            let rows = &padded[y * pitch..][..3 * pitch];
            for group in (0..groups).step_by(2) {
                let row = Row { rows, gradient, channels, group };
                macro_rules! taps {
                    ($k:literal) => {
                        for first in (0..9 * CI).step_by($k) {
                            if groups - group == 1 {
                                row.add::<V, CI, $k, 1>(first, sums);
                            } else {
                                row.add::<V, CI, $k, 2>(first, sums);
                            }
                        }
                    };
                }
                // Which branch is taken is known when the vector type is.
                if V::ROWS == 12 && CI == 3 {
                    taps!(9);
                } else {
                    taps!(3);
                }
            }
        }
    }
}

/// One row of pixels and one or two groups of output channels.
#[derive(Clone, Copy)]
struct Row<'a> {
    /// Three rows with zeros around them.
    rows: &'a [f32],
    gradient: &'a [f32],
    channels: usize,
    group: usize,
}

impl Row<'_> {
    /// `K` terms of a row of the patch from `first` on, `N` vectors of output channels, in registers.
    #[inline(always)]
    fn add<V: Vector, const CI: usize, const K: usize, const N: usize>(
        self,
        first: usize,
        sums: &mut [Lanes],
    ) {
        let Self { rows, gradient, channels, group } = self;
        let (groups, pitch) = (channels.div_ceil(LANES), rows.len() / 3);
        let row = &rows[first / (3 * CI) * pitch + first % (3 * CI)..];
        let mut kept = [[V::zero(); N]; K];
        for k in 0..K {
            for j in 0..N {
                kept[k][j] = V::load(&sums[(first + k) * groups + group + j]);
            }
        }
        let counts: [usize; N] = std::array::from_fn(|j| LANES.min(channels - (group + j) * LANES));
        for (x, pixel) in gradient.chunks_exact(channels).enumerate() {
            let mut vectors = [V::zero(); N];
            for j in 0..N {
                vectors[j] = V::load_slice(&pixel[(group + j) * LANES..][..counts[j]]);
            }
            let terms = &row[x * CI..][..K];
            for k in 0..K {
                let factor = V::splat(terms[k]);
                for j in 0..N {
                    kept[k][j] = factor.mul_add(vectors[j], kept[k][j]);
                }
            }
        }
        for k in 0..K {
            for j in 0..N {
                kept[k][j].store(&mut sums[(first + k) * groups + group + j]);
            }
        }
    }
}
