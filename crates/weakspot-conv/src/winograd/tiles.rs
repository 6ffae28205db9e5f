//! Between images and transformed tiles.

use std::marker::PhantomData;
use std::ops::Range;

use super::grid::Grid;
use super::strided::{Strided, StridedMut, Window};
use super::transform::{OUT, SIDE, Tile};
use super::windows::{equal, largest};
use crate::simd::{Kernel, LANES, Lanes, Vector};

/// What tiles are cut from.
#[derive(Clone, Copy)]
pub(crate) enum Pixels<'a> {
    /// `[images, height, width, channels]`.
    Whole(&'a [f32]),
    /// A gradient from above a max-pooling of 2x2 windows, `[images, height / 2, width / 2, channels]`, and where the
    /// windows' maxima are: zero elsewhere.
    Pooled(&'a [f32], &'a [u16]),
}

/// Pixels of tiles, transformed: `to[(group * places + place) * stride + tile]` for every group of sixteen channels.
pub(super) struct Gather<'a, T> {
    pub tile: PhantomData<T>,
    pub grid: Grid,
    pub channels: usize,
    pub pixels: Pixels<'a>,
    pub tiles: Range<usize>,
    pub to: &'a mut [Lanes],
    pub stride: usize,
    /// For each tile, a bit for every output that sees only zeros; empty if not wanted.
    pub unseeing: &'a mut [u16],
}

impl<T: Tile> Kernel for Gather<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { grid, channels, pixels, tiles, to, stride, unseeing, .. } = self;
        let groups = if unseeing.is_empty() { 0 } else { channels.div_ceil(LANES) };
        for (t, tile) in tiles.enumerate() {
            let place = grid.place(tile);
            let blind = tile_of::<V, T>(&grid, channels, pixels, place, to, stride, t, groups);
            if let Some(to) = unseeing.get_mut(t) {
                *to = blind;
            }
        }
    }
}

/// Where a tile's pixels come from. It is a trait because a closure is not compiled with the caller's instructions.
trait Source {
    fn load<V: Vector>(&self, y: usize, x: usize, group: usize) -> V;
}

/// Rows and columns of a tile that lie in the image; outside are zeros.
#[derive(Clone, Copy)]
struct Inside {
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Inside {
    #[inline(always)]
    fn has(&self, y: usize, x: usize) -> bool {
        y >= self.rows[0] && y < self.rows[1] && x >= self.columns[0] && x < self.columns[1]
    }
}

/// Pixels of an image, the window's first being the tile's first inside.
struct Whole<'a> {
    window: Window<'a>,
    inside: Inside,
}

impl Source for Whole<'_> {
    #[inline(always)]
    fn load<V: Vector>(&self, y: usize, x: usize, group: usize) -> V {
        if self.inside.has(y, x) {
            V::load_slice(self.window.get(y - self.inside.rows[0], x - self.inside.columns[0], group))
        } else {
            V::zero()
        }
    }
}

/// Pixels that have their window's number if its maximum is there. Tiles begin at even pixels, so that their first row
/// (and column) belongs to the windows before.
struct Pooled<'a> {
    windows: Window<'a>,
    inside: Inside,
    /// Words from the tile's first pixel inside on; from row to row; from pixel to pixel.
    maxima: &'a [u16],
    pitch: usize,
    words: usize,
}

impl Source for Pooled<'_> {
    #[inline(always)]
    fn load<V: Vector>(&self, y: usize, x: usize, group: usize) -> V {
        if self.inside.has(y, x) {
            let (top, left) = (self.inside.rows[0], self.inside.columns[0]);
            let v = V::load_slice(self.windows.get(y.div_ceil(2) - top, x.div_ceil(2) - left, group));
            v.keep(self.maxima[(y - top) * self.pitch + (x - left) * self.words + group])
        } else {
            V::zero()
        }
    }
}

/// Gathers one tile. Tiles begin one pixel above and to the left of their output. Returns the outputs that see only
/// zeros.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a tile, and where it comes from and goes to")]
fn tile_of<V: Vector, T: Tile>(
    grid: &Grid,
    channels: usize,
    pixels: Pixels<'_>,
    (image, top, left): (usize, usize, usize),
    to: &mut [Lanes],
    stride: usize,
    t: usize,
    groups: usize,
) -> u16 {
    let (y, x) = (1usize.saturating_sub(top), 1usize.saturating_sub(left));
    // In images with odd sides, pixels that no window covers count as outside.
    let (height, width) = match pixels {
        Pixels::Whole(_) => (grid.height, grid.width),
        Pixels::Pooled(..) => (grid.height / 2 * 2, grid.width / 2 * 2),
    };
    let rows = T::SIDE.min(height + 1 - top) - y;
    let columns = T::SIDE.min(width + 1 - left) - x;
    let all = Inside { rows: [0, T::SIDE], columns: [0, T::SIDE] };
    let inside = Inside { rows: [y, y + rows], columns: [x, x + columns] };
    let whole = (rows, columns) == (T::SIDE, T::SIDE);
    macro_rules! gather {
        ($source:expr) => {{
            let source = $source;
            gather::<V, T, _>(&source, to, stride, t);
            blind::<V, T, _>(&source, groups)
        }};
    }
    // Whole tiles with numbers that the compiler knows.
    match pixels {
        Pixels::Whole(images) => {
            let pitch = width * channels;
            let image = &images[image * height * pitch..][..height * pitch];
            let image = &image[(top + y - 1) * pitch + (left + x - 1) * channels..];
            if whole {
                let window = Window::new(image, channels, pitch, T::SIDE, T::SIDE);
                gather!(Whole { window, inside: all })
            } else {
                let window = Window::new(image, channels, pitch, rows, columns);
                gather!(Whole { window, inside })
            }
        }
        Pixels::Pooled(values, maxima) => {
            let (pitch, words) = (width / 2 * channels, channels.div_ceil(LANES));
            let values = &values[image * (height / 2) * pitch..][..height / 2 * pitch];
            let values = &values[(top / 2 + y - 1) * pitch + (left / 2 + x - 1) * channels..];
            let first = (image * grid.height + top + y - 1) * grid.width + left + x - 1;
            let maxima = &maxima[first * words..];
            let row = grid.width * words;
            if whole {
                let windows = Window::new(values, channels, pitch, T::SIDE / 2 + 1, T::SIDE / 2 + 1);
                gather!(Pooled { windows, inside: all, maxima, pitch: row, words })
            } else {
                let windows = Window::new(values, channels, pitch, (rows + 2 - y) / 2, (columns + 2 - x) / 2);
                gather!(Pooled { windows, inside, maxima, pitch: row, words })
            }
        }
    }
}

/// The outputs of a tile, a bit each in reading order, that see only zeros. By the definition they are exactly zero;
/// the transforms would leave a rounding error of their neighbours, whose sign an attack would take for a gradient's.
#[inline(always)]
fn blind<V: Vector, T: Tile, S: Source>(source: &S, groups: usize) -> u16 {
    // Every output sees one of the four pixels in the middle. If none of these is zero, every output sees something.
    let middle = [T::SIDE / 2 - 1, T::SIDE / 2];
    let mut somewhere = groups > 0;
    for y in middle {
        for x in middle {
            somewhere &= source.load::<V>(y, x, 0).is_nonzero();
        }
    }
    if somewhere {
        return 0;
    }
    // One bit per pixel, in rows of eight: set where all channels so far are zero, as they are outside the image.
    let mut zeros = u64::MAX;
    for g in 0..groups {
        for y in 0..T::SIDE {
            for x in 0..T::SIDE {
                if source.load::<V>(y, x, g).is_nonzero() {
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

/// The outputs whose nine pixels are all set.
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

/// One tile.
#[inline(always)]
fn gather<V: Vector, T: Tile, S: Source>(source: &S, to: &mut [Lanes], stride: usize, t: usize) {
    let places = T::PLACES * T::PLACES;
    for (g, to) in to.chunks_exact_mut(places * stride).enumerate() {
        let mut half = [[V::zero(); SIDE]; SIDE];
        for x in 0..T::SIDE {
            let mut column = [V::zero(); SIDE];
            for y in 0..T::SIDE {
                column[y] = source.load(y, x, g);
            }
            let column = T::input(column);
            for y in 0..T::PLACES {
                half[y][x] = column[y];
            }
        }
        let mut to = StridedMut::new(&mut to[t..], stride, places);
        for y in 0..T::PLACES {
            let row = T::input(half[y]);
            for x in 0..T::PLACES {
                row[x].store(to.get(y * T::PLACES + x));
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
    let places = T::PLACES * T::PLACES;
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
            for y in 0..T::PLACES {
                half[y][x] = column[y];
            }
        }
        let mut to = StridedMut::new(&mut to[t..], stride, places);
        for y in 0..T::PLACES {
            let row = T::spread(half[y]);
            for x in 0..T::PLACES {
                row[x].store(to.get(y * T::PLACES + x));
            }
        }
    }
}

/// Which numbers of a batch pass, or passed, a ReLU: sixteen bits per pixel and group of channels.
pub(crate) enum Gate<'a> {
    None,
    /// Apply a ReLU, and store where it is open, if wanted.
    Relu(Option<&'a mut [u16]>),
    /// Zero what an earlier ReLU stopped.
    Open(&'a [u16]),
    /// Apply a ReLU, put out only the largest pixel of every 2x2 window, and store where it was, if wanted: a bit is
    /// set at the first of each window's maxima, if it passes the ReLU.
    Pool(Option<&'a mut [u16]>),
}

impl<'a> Gate<'a> {
    /// Whether pixels leave in windows of 2x2.
    pub(super) fn pools(&self) -> bool {
        matches!(self, Self::Pool(_))
    }

    /// The gates of the first `words` groups of channels, and of the rest.
    pub(crate) fn split_at(self, words: usize) -> (Self, Self) {
        let split = |all: &'a mut [u16]| {
            let (head, tail) = all.split_at_mut(words);
            (Some(head), Some(tail))
        };
        match self {
            Gate::None => (Gate::None, Gate::None),
            Gate::Relu(bits) => {
                let (head, tail) = bits.map_or((None, None), split);
                (Gate::Relu(head), Gate::Relu(tail))
            }
            Gate::Pool(bits) => {
                let (head, tail) = bits.map_or((None, None), split);
                (Gate::Pool(head), Gate::Pool(tail))
            }
            Gate::Open(all) => {
                let (head, tail) = all.split_at(words);
                (Gate::Open(head), Gate::Open(tail))
            }
        }
    }
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
    /// For each tile, the outputs that are exactly zero before the bias.
    pub unseeing: &'a [u16],
    /// One vector per group of channels, or none.
    pub bias: &'a [Lanes],
    /// The first row of pixels that `gate` holds, counted through all images.
    pub first: usize,
    /// The first row of pixels, or of windows, that `output` holds.
    pub first_out: usize,
    pub output: &'a mut [f32],
    pub gate: &'a mut Gate<'b>,
    /// Of every pixel of the batch, for the places of maxima; empty if unknown.
    pub kinds: &'a [u64],
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
            first_out,
            output,
            gate,
            kinds,
            ..
        } = self;
        let groups = channels.div_ceil(LANES);
        let place_stride = groups.div_ceil(2) * panel_stride;
        for (t, tile) in tiles.enumerate() {
            let (image, top, left) = grid.place(tile);
            let pixel = (image * grid.height + top - first) * grid.width + left;
            let pooled = if gate.pools() {
                (image * (grid.height / 2) + top / 2 - first_out) * (grid.width / 2) + left / 2
            } else {
                0
            };
            let rows = T::OUT.min(grid.height - top);
            let columns = T::OUT.min(grid.width - left);
            let blind = unseeing.get(t).copied().unwrap_or(0);
            let equal = equal(kinds, first * grid.width + pixel, grid.width, rows, columns);
            for g in 0..groups {
                let from = &from[g / 2 * panel_stride + g % 2 * stride + t..];
                let from = Strided::new(from, place_stride, T::PLACES * T::PLACES);
                let mut half = [[V::zero(); SIDE]; OUT];
                for x in 0..T::PLACES {
                    let mut column = [V::zero(); SIDE];
                    for y in 0..T::PLACES {
                        column[y] = V::load(from.get(y * T::PLACES + x));
                    }
                    let column = T::output(column);
                    for y in 0..T::OUT {
                        half[y][x] = column[y];
                    }
                }
                let bias = bias.get(g).map_or(V::zero(), V::load);
                let count = LANES.min(channels - g * LANES);
                // Nearly all tiles lie in the image and see something everywhere. For these the compiler knows the
                // numbers, and the pixels stay in registers.
                let plain = blind == 0 && (rows, columns) == (T::OUT, T::OUT);
                macro_rules! seen {
                    ($plain:literal, $v:expr, $y:expr, $x:expr) => {
                        if $plain || blind >> ($y * T::OUT + $x) & 1 == 0 { $v.add(bias) } else { bias }
                    };
                }
                macro_rules! windows {
                    ($plain:literal, $rows:expr, $columns:expr, $bits:ident) => {
                        for y in (0..T::OUT).step_by(2).take($rows / 2) {
                            let pair = [T::output(half[y]), T::output(half[y + 1])];
                            for x in (0..T::OUT).step_by(2).take($columns / 2) {
                                let mut window = [V::zero(); 4];
                                for k in 0..4 {
                                    let v = pair[k / 2][x + k % 2];
                                    window[k] = seen!($plain, v, (y + k / 2), (x + k % 2)).relu();
                                }
                                let (best, places) = largest(window, equal[y / 2][x / 2]);
                                if let Some(bits) = $bits {
                                    for k in 0..4 {
                                        let pixel = pixel + (y + k / 2) * grid.width + x + k % 2;
                                        bits[pixel * groups + g] = places[k];
                                    }
                                }
                                let window = pooled + y / 2 * (grid.width / 2) + x / 2;
                                best.store_slice(&mut output[window * channels + g * LANES..][..count]);
                            }
                        }
                    };
                }
                macro_rules! pixels {
                    ($plain:literal, $rows:expr, $columns:expr, |$v:ident, $word:ident| $value:expr) => {
                        for y in (0..T::OUT).take($rows) {
                            let row = T::output(half[y]);
                            for x in (0..T::OUT).take($columns) {
                                let pixel = pixel + y * grid.width + x;
                                let ($v, $word) = (seen!($plain, row[x], y, x), pixel * groups + g);
                                $value.store_slice(&mut output[pixel * channels + g * LANES..][..count]);
                            }
                        }
                    };
                    (|$v:ident, $word:ident| $value:expr) => {
                        if plain {
                            pixels!(true, T::OUT, T::OUT, |$v, $word| $value);
                        } else {
                            pixels!(false, rows, columns, |$v, $word| $value);
                        }
                    };
                }
                match gate {
                    Gate::None => pixels!(|v, _word| v),
                    Gate::Relu(None) => pixels!(|v, _word| v.relu()),
                    Gate::Relu(Some(bits)) => pixels!(|v, word| {
                        bits[word] = v.above_zero();
                        v.relu()
                    }),
                    Gate::Open(bits) => pixels!(|v, word| v.keep(bits[word])),
                    Gate::Pool(bits) if plain => windows!(true, T::OUT, T::OUT, bits),
                    Gate::Pool(bits) => windows!(false, rows, columns, bits),
                }
            }
        }
    }
}
