//! The convolution itself.

use rayon::prelude::*;

use super::rows::{pad, pitch};
use super::{rows_at_once, with_channels};
use crate::large_pages::resize_zeros;
use crate::pack::position;
use crate::scalar::Scratch;
use crate::shape::ConvShape;
use crate::simd::{Isa, Kernel, LANES, Lanes, Vector};
use crate::winograd::{Filters, Gate};

/// The filters in vectors of output channels; `spare` is memory to use.
pub(crate) fn filters(shape: &ConvShape, packed: &[f32], spare: Vec<Lanes>) -> Filters {
    let (terms, channels) = (shape.patch(), shape.channels_out);
    let mut data = spare;
    data.clear();
    resize_zeros(&mut data, terms * channels.div_ceil(LANES), Lanes::default());
    for (panel, to) in data.chunks_mut(2 * terms).enumerate() {
        let width = to.len() / terms;
        for (i, to) in to.iter_mut().enumerate() {
            let first = (2 * panel + i % width) * LANES;
            let count = LANES.min(channels - first);
            to.0[..count].copy_from_slice(&packed[position(shape, first, i / width)..][..count]);
        }
    }
    Filters { data, terms, channels, places: 1 }
}

/// A convolution with prepared filters.
pub(crate) struct Forward<'a> {
    pub isa: Isa,
    pub shape: &'a ConvShape,
    pub filters: &'a Filters,
    /// One vector per group of output channels.
    pub bias: &'a [Lanes],
    pub input: &'a [f32],
}

/// Some rows of an image's output.
struct Task<'a> {
    image: usize,
    top: usize,
    output: &'a mut [f32],
    gate: Gate<'a>,
}

impl Forward<'_> {
    /// Into `output`, whole images; `gate` is none, or a ReLU's.
    pub(crate) fn run(&self, output: &mut [f32], mut gate: Gate<'_>) {
        let shape = self.shape;
        let (width, channels) = (shape.size.1, shape.channels_out);
        let at_once = rows_at_once(shape);
        let mut tasks = Vec::new();
        for (image, output) in output.chunks_exact_mut(shape.output_len()).enumerate() {
            for (i, output) in output.chunks_mut(at_once * width * channels).enumerate() {
                let (own, rest) = gate.split_at(output.len() / channels * channels.div_ceil(LANES));
                gate = rest;
                tasks.push(Task { image, top: i * at_once, output, gate: own });
            }
        }
        tasks.into_par_iter().for_each(|task| self.rows(task));
    }

    fn rows(&self, task: Task<'_>) {
        let Self { isa, shape, filters, bias, input } = *self;
        let Task { image, top, output, gate } = task;
        let (width, ci) = (shape.size.1, shape.channels_in);
        let rows = output.len() / (width * shape.channels_out);
        let image = &input[image * shape.input_len()..][..shape.input_len()];
        f32::with_scratch((rows + 2) * pitch(shape), |padded| {
            pad(shape, image, top..top + rows, padded);
            with_channels!(ci, isa, Rows { width, padded: &*padded, filters, bias, output, gate });
        });
    }
}

/// Rows of pixels, from rows with the zeros around them.
struct Rows<'a, const CI: usize> {
    width: usize,
    padded: &'a [f32],
    filters: &'a Filters,
    bias: &'a [Lanes],
    output: &'a mut [f32],
    gate: Gate<'a>,
}

impl<const CI: usize> Kernel for Rows<'_, CI> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { width, padded, filters, bias, output, mut gate } = self;
        let row_len = width * filters.channels;
        for panel in 0..filters.panels() {
            let b = filters.matrix(panel, 0);
            let bias = &bias[2 * panel..];
            for (y, output) in output.chunks_exact_mut(row_len).enumerate() {
                let rows = &padded[y * (width + 2) * CI..][..3 * (width + 2) * CI];
                let first = y * width;
                let row = Row { rows, first, group: 2 * panel, channels: filters.channels };
                // Which branch is taken is known when the vector type is.
                if filters.width(panel) == 1 {
                    row.run::<V, CI, 1, 1>(b.as_chunks().0, 0, bias, output, &mut gate);
                } else if V::ROWS == 12 {
                    row.run::<V, CI, 2, 2>(b.as_chunks().0, 0, bias, output, &mut gate);
                } else {
                    row.run::<V, CI, 1, 2>(b.as_chunks().0, 0, bias, output, &mut gate);
                    row.run::<V, CI, 1, 2>(b.as_chunks().0, 1, bias, output, &mut gate);
                }
            }
        }
    }
}

/// One row of output pixels, of some groups of channels.
#[derive(Clone, Copy)]
struct Row<'a> {
    /// Three rows with zeros around them.
    rows: &'a [f32],
    /// The first pixel, as the gate counts them.
    first: usize,
    /// The panel's first group, and all channels.
    group: usize,
    channels: usize,
}

impl Row<'_> {
    /// `N` vectors of output channels from the `from`th on, of panels `W` wide.
    #[inline(always)]
    fn run<V: Vector, const CI: usize, const N: usize, const W: usize>(
        self,
        filters: &[[Lanes; W]],
        from: usize,
        bias: &[Lanes],
        output: &mut [f32],
        gate: &mut Gate<'_>,
    ) {
        let width = output.len() / self.channels;
        let mut x = 0;
        macro_rules! blocks {
            ($($count:literal)*) => {
                $(while width - x >= $count {
                    self.block::<V, CI, $count, N, W>(x, filters, from, bias, output, gate);
                    x += $count;
                })*
            };
        }
        if V::ROWS == 12 {
            blocks!(12 8 4 2 1);
        } else if V::ROWS == 6 {
            blocks!(6 4 2 1);
        } else {
            blocks!(2 1);
        }
    }

    /// `M` pixels of `N` vectors, in registers.
    #[inline(always)]
    fn block<V: Vector, const CI: usize, const M: usize, const N: usize, const W: usize>(
        self,
        x: usize,
        filters: &[[Lanes; W]],
        from: usize,
        bias: &[Lanes],
        output: &mut [f32],
        gate: &mut Gate<'_>,
    ) {
        // Lengths the compiler knows: no comparison is left in the loop.
        let filters = &filters[..9 * CI];
        let pitch = self.rows.len() / 3;
        let mut sums = [[V::zero(); N]; M];
        for (j, bias) in bias[from..from + N].iter().enumerate() {
            for i in 0..M {
                sums[i][j] = V::load(bias);
            }
        }
        for ky in 0..3 {
            let row = &self.rows[ky * pitch + x * CI..][..(M + 2) * CI];
            for k in 0..3 * CI {
                let taps = &filters[ky * 3 * CI + k];
                let mut vectors = [V::zero(); N];
                for j in 0..N {
                    vectors[j] = V::load(&taps[from + j]);
                }
                for i in 0..M {
                    let factor = V::splat(row[i * CI + k]);
                    for j in 0..N {
                        sums[i][j] = factor.mul_add(vectors[j], sums[i][j]);
                    }
                }
            }
        }
        // Out of the registers at once: the loop below is not unrolled, and would otherwise keep the sums out of them.
        let mut done = [[Lanes::default(); N]; M];
        for i in 0..M {
            for j in 0..N {
                sums[i][j].store(&mut done[i][j]);
            }
        }
        let groups = self.channels.div_ceil(LANES);
        for (i, done) in done.iter().enumerate() {
            for (j, done) in done.iter().enumerate() {
                let group = self.group + from + j;
                let count = LANES.min(self.channels - group * LANES);
                let v = V::load(done);
                let v = match gate {
                    Gate::Relu(None) => v.relu(),
                    Gate::Relu(Some(bits)) => {
                        bits[(self.first + x + i) * groups + group] = v.above_zero();
                        v.relu()
                    }
                    _ => v,
                };
                v.store_slice(&mut output[(x + i) * self.channels + group * LANES..][..count]);
            }
        }
    }
}
