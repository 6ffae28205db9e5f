//! Between images and transformed tiles.

use std::marker::PhantomData;
use std::ops::Range;

use super::grid::Grid;
use super::strided::{Strided, StridedMut, Window};
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
    /// Of each tile, a bit for every output that sees nothing but zeros; empty if nobody asks.
    pub unseeing: &'a mut [u16],
}

impl<T: Tile> Kernel for Gather<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { grid, channels, images, tiles, to, stride, unseeing, .. } = self;
        let groups = if unseeing.is_empty() { 0 } else { channels.div_ceil(LANES) };
        let image_len = grid.height * grid.width * channels;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let image = &images[image * image_len..][..image_len];
            // The tile begins one pixel above and to the left of its output; outside the image are zeros.
            let (y, x) = (1usize.saturating_sub(top), 1usize.saturating_sub(left));
            let first = ((top + y - 1) * grid.width + left + x - 1) * channels;
            let rows = T::SIDE.min(grid.height + 1 - top) - y;
            let columns = T::SIDE.min(grid.width + 1 - left) - x;
            let pitch = grid.width * channels;
            // The second time with numbers that the compiler knows.
            let blind = if (rows, columns) == (T::SIDE, T::SIDE) {
                let window = Window::new(&image[first..], channels, pitch, T::SIDE, T::SIDE);
                gather::<V, T>(window, [0, T::SIDE, 0, T::SIDE], to, stride, t);
                blind::<V, T>(window, [0, T::SIDE, 0, T::SIDE], groups)
            } else {
                let window = Window::new(&image[first..], channels, pitch, rows, columns);
                gather::<V, T>(window, [y, y + rows, x, x + columns], to, stride, t);
                blind::<V, T>(window, [y, y + rows, x, x + columns], groups)
            };
            if let Some(to) = unseeing.get_mut(t) {
                *to = blind;
            }
        }
    }
}

/// The outputs of a tile, a bit each in reading order, that see nothing but zeros: exactly zero by the definition, where
/// the transforms would leave a rounding of their neighbours, whose sign an attack would take for a gradient's.
#[inline(always)]
fn blind<V: Vector, T: Tile>(
    window: Window<'_>,
    [top, bottom, left, right]: [usize; 4],
    groups: usize,
) -> u16 {
    if groups == 0 {
        return 0;
    }
    // One bit per pixel, rows of eight: set where the channels so far are all zero. Outside the image they are.
    let mut zeros = u64::MAX;
    for g in 0..groups {
        for y in 0..T::SIDE {
            for x in 0..T::SIDE {
                if (left..right).contains(&x)
                    && (top..bottom).contains(&y)
                    && V::load_slice(window.get(y - top, x - left, g)).is_nonzero()
                {
                    zeros &= !(1 << (8 * y + x));
                }
            }
        }
        // Most tiles are done here, after sixteen channels.
        if seen(zeros, T::OUT) == 0 {
            return 0;
        }
    }
    seen(zeros, T::OUT)
}

/// The outputs all of whose nine pixels are set.
#[inline(always)]
fn seen(zeros: u64, out: usize) -> u16 {
    let rows = zeros & zeros >> 1 & zeros >> 2;
    let squares = rows & rows >> 8 & rows >> 16;
    let mut bits = 0;
    for y in 0..out {
        bits |= ((squares >> (8 * y)) as u16 & ((1 << out) - 1)) << (y * out);
    }
    bits
}

/// One tile, which `window` covers from row `top` to `bottom` and column `left` to `right`.
#[inline(always)]
fn gather<V: Vector, T: Tile>(
    window: Window<'_>,
    [top, bottom, left, right]: [usize; 4],
    to: &mut [Lanes],
    stride: usize,
    t: usize,
) {
    let places = T::SIDE * T::SIDE;
    for (g, to) in to.chunks_exact_mut(places * stride).enumerate() {
        let mut half = [[V::zero(); SIDE]; SIDE];
        for x in 0..T::SIDE {
            let mut column = [V::zero(); SIDE];
            for y in 0..T::SIDE {
                if (left..right).contains(&x) && (top..bottom).contains(&y) {
                    column[y] = V::load_slice(window.get(y - top, x - left, g));
                }
            }
            let column = T::input(column);
            for y in 0..T::SIDE {
                half[y][x] = column[y];
            }
        }
        let mut to = StridedMut::new(&mut to[t..], stride, places);
        for y in 0..T::SIDE {
            let row = T::input(half[y]);
            for x in 0..T::SIDE {
                row[x].store(to.get(y * T::SIDE + x));
            }
        }
    }
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
        let image_len = grid.height * grid.width * channels;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let image = &gradients[image * image_len..][..image_len];
            let first = (top * grid.width + left) * channels;
            let rows = T::OUT.min(grid.height - top);
            let columns = T::OUT.min(grid.width - left);
            let pitch = grid.width * channels;
            // The second time with numbers that the compiler knows.
            if (rows, columns) == (T::OUT, T::OUT) {
                let window = Window::new(&image[first..], channels, pitch, T::OUT, T::OUT);
                spread::<V, T>(window, T::OUT, T::OUT, to, stride, t);
            } else {
                let window = Window::new(&image[first..], channels, pitch, rows, columns);
                spread::<V, T>(window, rows, columns, to, stride, t);
            }
        }
    }
}

/// One tile, of whose output `rows` and `columns` lie in the image.
#[inline(always)]
fn spread<V: Vector, T: Tile>(
    window: Window<'_>,
    rows: usize,
    columns: usize,
    to: &mut [Lanes],
    stride: usize,
    t: usize,
) {
    let places = T::SIDE * T::SIDE;
    for (g, to) in to.chunks_exact_mut(places * stride).enumerate() {
        let mut half = [[V::zero(); OUT]; SIDE];
        for x in 0..T::OUT {
            let mut column = [V::zero(); OUT];
            for y in 0..T::OUT {
                if y < rows && x < columns {
                    column[y] = V::load_slice(window.get(y, x, g));
                }
            }
            let column = T::spread(column);
            for y in 0..T::SIDE {
                half[y][x] = column[y];
            }
        }
        let mut to = StridedMut::new(&mut to[t..], stride, places);
        for y in 0..T::SIDE {
            let row = T::spread(half[y]);
            for x in 0..T::SIDE {
                row[x].store(to.get(y * T::SIDE + x));
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
    /// Of each tile, the outputs that are exactly zero before the bias.
    pub unseeing: &'a [u16],
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
        let Self {
            grid,
            channels,
            from,
            panel_stride,
            stride,
            tiles,
            unseeing,
            bias,
            first,
            output,
            gate,
            ..
        } = self;
        let groups = channels.div_ceil(LANES);
        let place_stride = groups.div_ceil(2) * panel_stride;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let pixel = (image * grid.height + top - first) * grid.width + left;
            let rows = T::OUT.min(grid.height - top);
            let columns = T::OUT.min(grid.width - left);
            let blind = unseeing.get(t).copied().unwrap_or(0);
            for g in 0..groups {
                let from = &from[g / 2 * panel_stride + g % 2 * stride + t..];
                let from = Strided::new(from, place_stride, T::SIDE * T::SIDE);
                let mut half = [[V::zero(); SIDE]; OUT];
                for x in 0..T::SIDE {
                    let mut column = [V::zero(); SIDE];
                    for y in 0..T::SIDE {
                        column[y] = V::load(from.get(y * T::SIDE + x));
                    }
                    let column = T::output(column);
                    for y in 0..T::OUT {
                        half[y][x] = column[y];
                    }
                }
                let bias = bias.get(g).map_or(V::zero(), V::load);
                let count = LANES.min(channels - g * LANES);
                for (y, row) in half.into_iter().enumerate().take(rows) {
                    for (x, v) in T::output(row).into_iter().enumerate().take(columns) {
                        let pixel = pixel + y * grid.width + x;
                        let v = if blind >> (y * T::OUT + x) & 1 == 1 { bias } else { v.add(bias) };
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
