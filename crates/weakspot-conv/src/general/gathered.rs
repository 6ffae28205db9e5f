//! Patches gathered into a matrix, and one product for each tile of pixels.

use rayon::prelude::*;

use super::images;
use super::shape::GeneralShape;
use crate::product::{Finish, Left, Packed, product};
use crate::scalar::Scalar;
use crate::shape::ShapeError;

/// Convolutions in one direction: from images of one size to images of another.
#[derive(Debug)]
pub(super) struct Gathered<T> {
    source: Plane,
    result: Plane,
    /// Distance between neighbouring result pixels of a phase, in the result.
    spread: (usize, usize),
    phases: Vec<Phase<T>>,
}

/// Images of one size.
#[derive(Clone, Copy, Debug)]
struct Plane {
    height: usize,
    width: usize,
    channels: usize,
}

/// The result pixels that the same taps reach: `(row, column)` plus multiples of the spread.
#[derive(Debug)]
struct Phase<T> {
    first: (usize, usize),
    /// From one result pixel of the phase to the next, in the source.
    stride: (usize, usize),
    /// Where the source of each tap lies for the phase's first pixel; in reading order.
    rows: Vec<isize>,
    columns: Vec<isize>,
    /// One per block of groups.
    blocks: Vec<Block<T>>,
}

/// Groups of channels that are multiplied together.
#[derive(Debug)]
struct Block<T> {
    source: std::ops::Range<usize>,
    result: std::ops::Range<usize>,
    packed: Packed<T>,
}

/// How many groups are multiplied at a time: the fewest that fill a vector.
fn merged(groups: usize, narrow: usize) -> usize {
    (1..=groups).find(|m| groups.is_multiple_of(*m) && m * narrow >= 16).unwrap_or(groups)
}

/// Weights of some taps and groups as a matrix: terms are taps and source channels, columns result channels.
fn blocks<T: Scalar>(
    groups: usize,
    source: usize,
    result: usize,
    taps: &[(usize, usize)],
    weight: impl Fn(usize, usize, usize, (usize, usize)) -> T,
) -> Result<Vec<Block<T>>, ShapeError> {
    let (each_source, each_result) = (source / groups, result / groups);
    let m = merged(groups, each_source.min(each_result));
    let (terms, columns) = (m * each_source, m * each_result);
    let mut made = Vec::with_capacity(groups / m);
    for first in (0..groups).step_by(m) {
        let mut matrix = vec![T::ZERO; taps.len() * terms * columns];
        for (t, &tap) in taps.iter().enumerate() {
            for g in 0..m {
                for s in 0..each_source {
                    let row = &mut matrix[(t * terms + g * each_source + s) * columns + g * each_result..];
                    for (r, v) in row[..each_result].iter_mut().enumerate() {
                        *v = weight(first + g, s, r, tap);
                    }
                }
            }
        }
        made.push(Block {
            source: first * each_source..first * each_source + terms,
            result: first * each_result..first * each_result + columns,
            packed: Packed::new(taps.len() * terms, columns, &matrix, columns, 1)?,
        });
    }
    Ok(made)
}

/// From the input to the output.
pub(super) fn forward<T: Scalar>(shape: &GeneralShape, weights: &[T]) -> Result<Gathered<T>, ShapeError> {
    let (kh, kw) = shape.kernel;
    let (ci, co) = (shape.channels_in / shape.groups, shape.channels_out / shape.groups);
    let taps: Vec<(usize, usize)> = (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))).collect();
    let weight = |g: usize, c: usize, o: usize, (y, x): (usize, usize)| {
        weights[(((g * co + o) * ci + c) * kh + y) * kw + x]
    };
    let at = |tap: usize, dilation: usize, padding: usize| (tap * dilation) as isize - padding as isize;
    let phase = Phase {
        first: (0, 0),
        stride: shape.stride,
        rows: (0..kh).map(|y| at(y, shape.dilation.0, shape.padding[0])).collect(),
        columns: (0..kw).map(|x| at(x, shape.dilation.1, shape.padding[1])).collect(),
        blocks: blocks(shape.groups, shape.channels_in, shape.channels_out, &taps, weight)?,
    };
    let (source, result) = planes(shape);
    Ok(Gathered { source, result, spread: (1, 1), phases: vec![phase] })
}

/// From the gradient to the output to that to the input.
pub(super) fn backward<T: Scalar>(shape: &GeneralShape, weights: &[T]) -> Result<Gathered<T>, ShapeError> {
    let (kh, kw) = shape.kernel;
    let (ci, co) = (shape.channels_in / shape.groups, shape.channels_out / shape.groups);
    // Output pixel i * s + t * d - p is input pixel y: i = (y + p - t * d) / s, where that is whole.
    let reached = |phase: usize, kernel: usize, stride: usize, dilation: usize, padding: usize| {
        let mut taps: Vec<(isize, usize)> = (0..kernel)
            .filter_map(|tap| {
                let at = (phase + padding) as isize - (tap * dilation) as isize;
                (at.rem_euclid(stride as isize) == 0).then_some((at.div_euclid(stride as isize), tap))
            })
            .collect();
        taps.sort_unstable();
        taps
    };
    let mut phases = Vec::new();
    for y in 0..shape.stride.0.min(shape.size.0) {
        let rows = reached(y, kh, shape.stride.0, shape.dilation.0, shape.padding[0]);
        for x in 0..shape.stride.1.min(shape.size.1) {
            let columns = reached(x, kw, shape.stride.1, shape.dilation.1, shape.padding[1]);
            let taps: Vec<(usize, usize)> =
                rows.iter().flat_map(|&(_, ty)| columns.iter().map(move |&(_, tx)| (ty, tx))).collect();
            let weight = |g: usize, o: usize, c: usize, (ty, tx): (usize, usize)| {
                weights[(((g * co + o) * ci + c) * kh + ty) * kw + tx]
            };
            let blocks = if taps.is_empty() {
                Vec::new()
            } else {
                blocks(shape.groups, shape.channels_out, shape.channels_in, &taps, weight)?
            };
            phases.push(Phase {
                first: (y, x),
                stride: (1, 1),
                rows: rows.iter().map(|&(at, _)| at).collect(),
                columns: columns.iter().map(|&(at, _)| at).collect(),
                blocks,
            });
        }
    }
    let (input, output) = planes(shape);
    Ok(Gathered { source: output, result: input, spread: shape.stride, phases })
}

fn planes(shape: &GeneralShape) -> (Plane, Plane) {
    let (height, width) = shape.output_size();
    (
        Plane { height: shape.size.0, width: shape.size.1, channels: shape.channels_in },
        Plane { height, width, channels: shape.channels_out },
    )
}

/// Bytes of a tile's patches: they stay in the second cache.
const PATCHES: usize = 192 << 10;

impl<T: Scalar> Gathered<T> {
    /// All images.
    pub(super) fn run(
        &self,
        source: &[T],
        finish: Finish<'_, T>,
        result: &mut [T],
    ) -> Result<(), ShapeError> {
        let Self { source: from, result: to, .. } = self;
        let pixels = to.height * to.width;
        let (each, each_result) = (from.height * from.width * from.channels, pixels * to.channels);
        let terms = self.phases.iter().flat_map(|phase| &phase.blocks).map(|b| b.packed.terms()).max();
        let terms = terms.unwrap_or(1);
        // Pixels of a tile: enough that the weights are used often, few enough for the cache and for all threads.
        let most = (PATCHES / (terms * size_of::<T>())).clamp(24, 240);
        if self.spread == (1, 1) {
            let each_tile = most.min(pixels.div_ceil(2)).next_multiple_of(12).min(pixels);
            return images(source, each, result, each_result).try_for_each(|(source, result)| {
                let tiles = result.par_chunks_mut(each_tile * to.channels).enumerate();
                tiles.try_for_each(|(i, result)| {
                    let first = i * each_tile;
                    self.dense(source, first, result.len() / to.channels, finish, result)
                })
            });
        }
        // Rows of a task: all phases, and enough pixels of each.
        let rows = (most * self.spread.0 * self.spread.1).div_ceil(to.width);
        let rows = rows.min(to.height.div_ceil(2)).next_multiple_of(self.spread.0);
        images(source, each, result, each_result).try_for_each(|(source, result)| {
            let bands = result.par_chunks_mut(rows * to.width * to.channels).enumerate();
            bands.try_for_each(|(i, result)| self.band(source, i * rows, result))
        })
    }

    /// Result pixels that follow each other, of the one phase there is.
    fn dense(
        &self,
        source: &[T],
        first: usize,
        count: usize,
        finish: Finish<'_, T>,
        result: &mut [T],
    ) -> Result<(), ShapeError> {
        let (phase, width) = (&self.phases[0], self.result.width);
        for block in &phase.blocks {
            let terms = block.packed.terms();
            T::with_scratch(count * terms, |patches| {
                for (i, patch) in patches.chunks_exact_mut(terms).enumerate() {
                    let pixel = first + i;
                    self.gather(phase, block, (pixel / width, pixel % width), source, patch);
                }
                let left = Left { data: patches, rows: count, row_stride: terms, term_stride: 1 };
                let finish = Finish { bias: finish.bias.map(|bias| &bias[block.result.clone()]), ..finish };
                product(left, &block.packed, finish, &mut result[block.result.start..], self.result.channels)
            })?;
        }
        Ok(())
    }

    /// Rows of the result from `top` on, phase by phase.
    fn band(&self, source: &[T], top: usize, result: &mut [T]) -> Result<(), ShapeError> {
        let (width, channels) = (self.result.width, self.result.channels);
        let height = result.len() / (width * channels);
        for phase in &self.phases {
            // `top` is a multiple of the spread.
            let rows = (phase.first.0..height).step_by(self.spread.0).len();
            let columns = (phase.first.1..width).step_by(self.spread.1).len();
            if rows * columns == 0 {
                continue;
            }
            let pixel = |i: usize| {
                let (y, x) = (i / columns, i % columns);
                (phase.first.0 + y * self.spread.0, phase.first.1 + x * self.spread.1)
            };
            if phase.blocks.is_empty() {
                for i in 0..rows * columns {
                    let (y, x) = pixel(i);
                    result[(y * width + x) * channels..][..channels].fill(T::ZERO);
                }
            }
            for block in &phase.blocks {
                let (terms, wide) = (block.packed.terms(), block.packed.columns());
                let count = rows * columns;
                T::with_scratch(count * (terms + wide), |scratch| {
                    let (patches, found) = scratch.split_at_mut(count * terms);
                    for (i, patch) in patches.chunks_exact_mut(terms).enumerate() {
                        let at = (top / self.spread.0 + i / columns, i % columns);
                        self.gather(phase, block, at, source, patch);
                    }
                    let left = Left { data: patches, rows: count, row_stride: terms, term_stride: 1 };
                    product(left, &block.packed, Finish::default(), found, wide)?;
                    for (i, found) in found.chunks_exact(wide).enumerate() {
                        let (y, x) = pixel(i);
                        result[(y * width + x) * channels + block.result.start..][..wide]
                            .copy_from_slice(found);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// The patch of one result pixel, number `(y, x)` of its phase: taps in order, the block's channels of each.
    fn gather(
        &self,
        phase: &Phase<T>,
        block: &Block<T>,
        (y, x): (usize, usize),
        source: &[T],
        patch: &mut [T],
    ) {
        let Plane { height, width, channels } = self.source;
        let each = block.source.len();
        let (top, left) = ((y * phase.stride.0) as isize, (x * phase.stride.1) as isize);
        let mut patch = patch.chunks_exact_mut(each * phase.columns.len());
        // Neighbouring taps on whole pixels are one copy.
        let (first, last) = (phase.columns[0] + left, phase.columns[phase.columns.len() - 1] + left);
        let whole = each == channels && last - first + 1 == phase.columns.len() as isize;
        let inside = first >= 0 && last < width as isize;
        for &row in &phase.rows {
            let Some(patch) = patch.next() else { return };
            let Some(sy) = usize::try_from(row + top).ok().filter(|&sy| sy < height) else {
                patch.fill(T::ZERO);
                continue;
            };
            let line = &source[sy * width * channels..][..width * channels];
            if whole && inside {
                patch.copy_from_slice(&line[first as usize * channels..][..patch.len()]);
                continue;
            }
            for (&column, to) in phase.columns.iter().zip(patch.chunks_exact_mut(each)) {
                match usize::try_from(column + left).ok().filter(|&sx| sx < width) {
                    Some(sx) => to.copy_from_slice(&line[sx * channels + block.source.start..][..each]),
                    None => to.fill(T::ZERO),
                }
            }
        }
    }
}
