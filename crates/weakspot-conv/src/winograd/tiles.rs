//! Between images and transformed tiles.

use std::marker::PhantomData;
use std::ops::Range;

use super::grid::Grid;
use super::transform::{OUT, SIDE, Tile};
use crate::simd::{Kernel, LANES, Lanes, Vector};

/// Pixels of tiles, transformed: `to[(group * places + place) * stride + tile]` for every group of sixteen channels.
pub(super) struct Gather<'a, T> {
    pub tile: PhantomData<T>,
    pub grid: Grid,
    pub channels: usize,
    pub images: &'a [f32],
    pub tiles: Range<usize>,
    pub to: &'a mut [Lanes],
    pub stride: usize,
}

impl<T: Tile> Kernel for Gather<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { grid, channels, images, tiles, to, stride, .. } = self;
        let places = T::SIDE * T::SIDE;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let image = &images[image * grid.height * grid.width * channels..];
            // The tile begins one pixel above and to the left of its output.
            let columns = 1usize.saturating_sub(left)..T::SIDE.min(grid.width + 1 - left);
            for (g, to) in to.chunks_exact_mut(places * stride).enumerate() {
                let mut half = [[V::zero(); SIDE]; SIDE];
                for x in columns.clone() {
                    let mut column = [V::zero(); SIDE];
                    for (y, v) in column.iter_mut().enumerate().take(T::SIDE) {
                        if top + y >= 1 && top + y <= grid.height {
                            let pixel = (top + y - 1) * grid.width + left + x - 1;
                            *v = V::load_slice(lanes(image, pixel, g, channels));
                        }
                    }
                    for (row, v) in half.iter_mut().zip(T::input(column)) {
                        row[x] = v;
                    }
                }
                for (y, row) in half.into_iter().enumerate().take(T::SIDE) {
                    for (x, v) in T::input(row).into_iter().enumerate().take(T::SIDE) {
                        v.store(&mut to[(y * T::SIDE + x) * stride + t]);
                    }
                }
            }
        }
    }
}

/// The channels of a group of a pixel: sixteen, or what is left.
#[inline(always)]
fn lanes(image: &[f32], pixel: usize, group: usize, channels: usize) -> &[f32] {
    let count = LANES.min(channels - group * LANES);
    &image[pixel * channels + group * LANES..][..count]
}

/// The gradients of tiles' outputs, spread over the tiles: as [`Gather`], for gradients to weights.
pub(super) struct Spread<'a, T> {
    pub tile: PhantomData<T>,
    pub grid: Grid,
    pub channels: usize,
    pub gradients: &'a [f32],
    pub tiles: Range<usize>,
    pub to: &'a mut [Lanes],
    pub stride: usize,
}

impl<T: Tile> Kernel for Spread<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { grid, channels, gradients, tiles, to, stride, .. } = self;
        let places = T::SIDE * T::SIDE;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let image = &gradients[image * grid.height * grid.width * channels..];
            let rows = T::OUT.min(grid.height - top);
            let columns = T::OUT.min(grid.width - left);
            for (g, to) in to.chunks_exact_mut(places * stride).enumerate() {
                let mut half = [[V::zero(); OUT]; SIDE];
                for x in 0..columns {
                    let mut column = [V::zero(); OUT];
                    for (y, v) in column.iter_mut().enumerate().take(rows) {
                        let pixel = (top + y) * grid.width + left + x;
                        *v = V::load_slice(lanes(image, pixel, g, channels));
                    }
                    for (row, v) in half.iter_mut().zip(T::spread(column)) {
                        row[x] = v;
                    }
                }
                for (y, row) in half.into_iter().enumerate().take(T::SIDE) {
                    for (x, v) in T::spread(row).into_iter().enumerate().take(T::SIDE) {
                        v.store(&mut to[(y * T::SIDE + x) * stride + t]);
                    }
                }
            }
        }
    }
}

/// Which numbers of a batch pass, or passed, a ReLU: sixteen bits per pixel and group of channels.
pub(crate) enum Gate<'a> {
    None,
    /// Apply a ReLU, and write down where it is open if anyone wants to know.
    Relu(Option<&'a mut [u16]>),
    /// Zero what an earlier ReLU stopped.
    Open(&'a [u16]),
}

/// Products to pixels, for a stretch of whole rows of tiles.
pub(super) struct Scatter<'a, 'b, T> {
    pub tile: PhantomData<T>,
    pub grid: Grid,
    pub channels: usize,
    /// `from[((place * panels + panel) * panel_stride + half * stride + tile]`.
    pub from: &'a [Lanes],
    pub panel_stride: usize,
    pub stride: usize,
    pub tiles: Range<usize>,
    /// One vector per group of channels, or none.
    pub bias: &'a [Lanes],
    /// The first row of pixels that `output` and `gate` hold, counted through all images.
    pub first: usize,
    pub output: &'a mut [f32],
    pub gate: &'a mut Gate<'b>,
}

impl<T: Tile> Kernel for Scatter<'_, '_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { grid, channels, from, panel_stride, stride, tiles, bias, first, output, gate, .. } = self;
        let groups = channels.div_ceil(LANES);
        let place_stride = groups.div_ceil(2) * panel_stride;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let pixel = (image * grid.height + top - first) * grid.width + left;
            let rows = T::OUT.min(grid.height - top);
            let columns = T::OUT.min(grid.width - left);
            for g in 0..groups {
                let from = &from[g / 2 * panel_stride + g % 2 * stride + t..];
                let mut half = [[V::zero(); SIDE]; OUT];
                for x in 0..T::SIDE {
                    let mut column = [V::zero(); SIDE];
                    for (y, v) in column.iter_mut().enumerate().take(T::SIDE) {
                        *v = V::load(&from[(y * T::SIDE + x) * place_stride]);
                    }
                    for (row, v) in half.iter_mut().zip(T::output(column)) {
                        row[x] = v;
                    }
                }
                let bias = bias.get(g).map_or(V::zero(), V::load);
                let count = LANES.min(channels - g * LANES);
                for (y, row) in half.into_iter().enumerate().take(rows) {
                    for (x, v) in T::output(row).into_iter().enumerate().take(columns) {
                        let pixel = pixel + y * grid.width + x;
                        let v = v.add(bias);
                        let v = match gate {
                            Gate::None => v,
                            Gate::Relu(None) => v.relu(),
                            Gate::Relu(Some(bits)) => {
                                bits[pixel * groups + g] = v.above_zero();
                                v.relu()
                            }
                            Gate::Open(bits) => v.keep(bits[pixel * groups + g]),
                        };
                        v.store_slice(&mut output[pixel * channels + g * LANES..][..count]);
                    }
                }
            }
        }
    }
}
