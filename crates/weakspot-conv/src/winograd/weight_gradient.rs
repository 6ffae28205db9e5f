//! The gradient to the filters: sums of products over all tiles.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use super::grid::{Grid, Size, run_tiles};
use super::product::Outer;
use super::strided::{Strided, StridedMut};
use super::tiles::{Gather, Pixels, Spread};
use super::transform::{SIDE, Tile};
use crate::scalar::Scratch;
use crate::shape::{ConvShape, PANEL};
use crate::simd::{Isa, Kernel, LANES, Lanes, Vector, run};

/// Bytes of transformed tiles at a time.
const COMMON_CACHE: usize = 24 << 20;

/// Tiles a thread transforms at a time.
const CHUNK: usize = 24;

/// The gradient to packed weights, summed over the tiles of all images in their order.
pub(crate) fn weight_gradient(
    isa: Isa,
    shape: &ConvShape,
    grid: &Grid,
    images: usize,
    input: &[f32],
    output_gradient: &[f32],
    gradient: &mut [f32],
) {
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let (groups, columns) = (ci.div_ceil(LANES), co.div_ceil(LANES));
    let (places, panels) = (grid.places(), columns.div_ceil(2));
    let tiles = images * grid.rows * grid.columns;
    let per_tile = places * (groups + columns) * size_of::<Lanes>();
    let at_once = (COMMON_CACHE / per_tile / CHUNK * CHUNK).max(CHUNK);
    // One block of sums per group of input channels and panel of output channels; the panel's first, so that its tiles
    // stay in the cache while the groups pass.
    let block = places * LANES * 2;
    let whole = tiles <= at_once;
    let kept = if whole { 0 } else { panels * groups * block };
    let taps = 9 * LANES * 2;
    let of_tiles = (groups + columns) * places * (CHUNK | 1) * at_once.div_ceil(CHUNK);
    Lanes::with_scratch(of_tiles + kept + panels * groups * taps, |scratch| {
        let (transformed, rest) = scratch.split_at_mut(of_tiles);
        let (kept, collected) = rest.split_at_mut(kept);
        for start in (0..tiles).step_by(at_once) {
            let range = start..(start + at_once).min(tiles);
            let chunks = transform(isa, shape, grid, range.clone(), input, output_gradient, transformed);
            let work = Sums { isa, grid, columns, chunks: &chunks };
            let fresh = start == 0;
            if whole {
                collected.par_chunks_exact_mut(taps).enumerate().for_each(|(i, to)| {
                    Lanes::with_scratch(block, |sums| {
                        work.add(i / groups, i % groups, sums, true);
                        work.collect(sums, to);
                    });
                });
            } else {
                kept.par_chunks_exact_mut(block)
                    .enumerate()
                    .for_each(|(i, sums)| work.add(i / groups, i % groups, sums, fresh));
                if range.end == tiles {
                    collected
                        .par_chunks_exact_mut(taps)
                        .zip(&*kept.par_chunks_exact(block).collect::<Vec<_>>())
                        .for_each(|(to, sums)| work.collect(sums, to));
                }
            }
        }
        write(shape, collected, gradient);
    });
}

/// Some tiles, transformed: of the input and of the output's gradient.
struct Chunk<'a> {
    tiles: usize,
    input: &'a [Lanes],
    gradient: &'a [Lanes],
}

/// Transforms a range of tiles in parallel.
fn transform<'a>(
    isa: Isa,
    shape: &ConvShape,
    grid: &Grid,
    range: Range<usize>,
    images: &[f32],
    gradients: &[f32],
    to: &'a mut [Lanes],
) -> Vec<Chunk<'a>> {
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let places = grid.places();
    let stride = CHUNK | 1;
    let (own, theirs) = (ci.div_ceil(LANES) * places * stride, co.div_ceil(LANES) * places * stride);
    let starts: Vec<usize> = range.clone().step_by(CHUNK).collect();
    to.par_chunks_exact_mut(own + theirs)
        .zip(starts)
        .map(|(to, start)| {
            let tiles = start..(start + CHUNK).min(range.end);
            let (input, gradient) = to.split_at_mut(own);
            let (grid, pixels) = (*grid, Pixels::Whole(images));
            run_tiles!(
                isa,
                grid.size,
                Gather {
                    grid,
                    channels: ci,
                    pixels,
                    tiles: tiles.clone(),
                    to: input,
                    stride,
                    unseeing: &mut []
                }
            );
            run_tiles!(
                isa,
                grid.size,
                Spread { grid, channels: co, gradients, tiles: tiles.clone(), to: gradient, stride }
            );
            Chunk { tiles: tiles.len(), input, gradient }
        })
        .collect()
}

/// Everything that the sums of one block need.
struct Sums<'a> {
    isa: Isa,
    grid: &'a Grid,
    columns: usize,
    chunks: &'a [Chunk<'a>],
}

impl Sums<'_> {
    fn width(&self, panel: usize) -> usize {
        (self.columns - 2 * panel).min(2)
    }

    /// Adds all chunks to `sums` `[place, 16, width]`.
    fn add(&self, panel: usize, group: usize, sums: &mut [Lanes], fresh: bool) {
        let (places, stride, width) = (self.grid.places(), CHUNK | 1, self.width(panel));
        for (place, c) in sums.chunks_exact_mut(2 * LANES).enumerate() {
            for (i, chunk) in self.chunks.iter().enumerate() {
                let row = |data: &'_ [Lanes], group: usize| (group * places + place) * stride..data.len();
                let a = &chunk.input[row(chunk.input, group)][..chunk.tiles];
                let b = [0, width - 1]
                    .map(|half| &chunk.gradient[row(chunk.gradient, 2 * panel + half)][..chunk.tiles]);
                let c = &mut c[..LANES * width];
                run(self.isa, Outer { a, b, width, c, fresh: fresh && i == 0 });
            }
        }
    }

    /// From sums `[place, 16, width]` to taps `[tap, 16, width]`.
    fn collect(&self, sums: &[Lanes], to: &mut [Lanes]) {
        run_tiles!(self.isa, self.grid.size, Collect { sums, to });
    }
}

struct Collect<'a, T> {
    tile: PhantomData<T>,
    sums: &'a [Lanes],
    to: &'a mut [Lanes],
}

impl<T: Tile> Kernel for Collect<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { sums, to, .. } = self;
        for i in 0..2 * LANES {
            let sums = Strided::new(&sums[i..], 2 * LANES, T::PLACES * T::PLACES);
            let mut half = [[V::zero(); SIDE]; 3];
            for x in 0..T::PLACES {
                let mut column = [V::zero(); SIDE];
                for y in 0..T::PLACES {
                    column[y] = V::load(sums.get(y * T::PLACES + x));
                }
                let column = T::collect(column);
                for y in 0..3 {
                    half[y][x] = column[y];
                }
            }
            let mut to = StridedMut::new(&mut to[i..], 2 * LANES, 9);
            for y in 0..3 {
                let row = T::collect(half[y]);
                for x in 0..3 {
                    row[x].store(to.get(y * 3 + x));
                }
            }
        }
    }
}

/// From blocks `[panel, group, tap, 16, width]` to packed weights.
fn write(shape: &ConvShape, collected: &[Lanes], gradient: &mut [f32]) {
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let groups = ci.div_ceil(LANES);
    let block = 9 * LANES * 2;
    gradient.par_chunks_mut(9 * ci * PANEL).enumerate().for_each(|(outer, to)| {
        let first = outer * PANEL;
        let width = PANEL.min(co - first);
        // A row holds the panel's output channels of one tap and input channel.
        to.par_chunks_exact_mut(width).enumerate().for_each(|(row, to)| {
            let (tap, c) = (row / ci, row % ci);
            for (g, to) in to.chunks_mut(LANES).enumerate() {
                let column = first / LANES + g;
                let vectors = (co.div_ceil(LANES) - column / 2 * 2).min(2);
                let at = ((column / 2) * groups + c / LANES) * block
                    + tap * 2 * LANES
                    + c % LANES * vectors
                    + column % 2;
                to.copy_from_slice(&collected[at].0[..to.len()]);
            }
        });
    });
}
