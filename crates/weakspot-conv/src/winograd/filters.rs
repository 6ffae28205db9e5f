//! Filters, transformed and in the order the products read them.

use std::marker::PhantomData;

use rayon::prelude::*;

use super::grid::{Grid, Size, run_tiles};
use super::strided::StridedMut;
use super::transform::{SIDE, Tile};
use crate::large_pages::resize_zeros;
use crate::pack::position;
use crate::shape::ConvShape;
use crate::simd::{Isa, Kernel, LANES, Lanes, Vector, run};

/// Panels of two groups of sixteen output channels (the last may have one): `[place, term, vectors]` each.
#[derive(Clone, Debug)]
pub(crate) struct Filters {
    pub data: Vec<Lanes>,
    /// Channels summed over.
    pub terms: usize,
    /// Channels that come out.
    pub channels: usize,
    pub places: usize,
}

impl Filters {
    /// For a convolution, or (`rotated`) for its gradient to the input: kernels turned by 180 degrees, input and output
    /// channels exchanged. `spare` is memory to use.
    pub(crate) fn new(
        isa: Isa,
        shape: &ConvShape,
        grid: &Grid,
        packed: &[f32],
        rotated: bool,
        spare: Vec<Lanes>,
    ) -> Self {
        let (ci, co) = (shape.channels_in, shape.channels_out);
        let (terms, channels) = if rotated { (co, ci) } else { (ci, co) };
        let places = grid.places();
        let groups = channels.div_ceil(LANES);
        let mut data = spare;
        resize_zeros(&mut data, places * terms * groups, Lanes::default());
        data.par_chunks_mut(places * terms * 2).enumerate().for_each(|(panel, to)| {
            if rotated {
                run_tiles!(isa, grid.size, Rotated { shape, packed, panel, to });
            } else {
                run_tiles!(isa, grid.size, Forward { shape, packed, panel, to });
            }
        });
        Self { data, terms, channels, places }
    }

    /// Panels of output channels.
    pub(crate) fn panels(&self) -> usize {
        self.channels.div_ceil(2 * LANES)
    }

    /// Vectors per row of a panel.
    pub(crate) fn width(&self, panel: usize) -> usize {
        (self.channels.div_ceil(LANES) - 2 * panel).min(2)
    }

    /// The matrix `[terms, width]` of a panel at one place of the tile.
    pub(crate) fn matrix(&self, panel: usize, place: usize) -> &[Lanes] {
        let width = self.width(panel);
        let start = 2 * panel * self.places * self.terms + place * self.terms * width;
        &self.data[start..][..self.terms * width]
    }
}

/// `G g G^T`, stored with `stride` vectors from place to place.
#[inline(always)]
fn store_transformed<V: Vector, T: Tile>(taps: [V; 9], to: &mut [Lanes], stride: usize) {
    let mut half = [[V::zero(); 3]; SIDE];
    for x in 0..3 {
        for (row, v) in half.iter_mut().zip(T::filter([taps[x], taps[3 + x], taps[6 + x]])) {
            row[x] = v;
        }
    }
    let mut to = StridedMut::new(to, stride, T::PLACES * T::PLACES);
    for y in 0..T::PLACES {
        let row = T::filter(half[y]);
        for x in 0..T::PLACES {
            row[x].store(to.get(y * T::PLACES + x));
        }
    }
}

struct Forward<'a, T> {
    tile: PhantomData<T>,
    shape: &'a ConvShape,
    packed: &'a [f32],
    panel: usize,
    to: &'a mut [Lanes],
}

impl<T: Tile> Kernel for Forward<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { shape, packed, panel, to, .. } = self;
        let (ci, co) = (shape.channels_in, shape.channels_out);
        let width = to.len() / (T::PLACES * T::PLACES * ci);
        for half in 0..width {
            let first = (2 * panel + half) * LANES;
            let count = LANES.min(co - first);
            for c in 0..ci {
                let mut taps = [V::zero(); 9];
                for (tap, v) in taps.iter_mut().enumerate() {
                    *v = V::load_slice(&packed[position(shape, first, tap * ci + c)..][..count]);
                }
                store_transformed::<V, T>(taps, &mut to[c * width + half..], ci * width);
            }
        }
    }
}

struct Rotated<'a, T> {
    tile: PhantomData<T>,
    shape: &'a ConvShape,
    packed: &'a [f32],
    panel: usize,
    to: &'a mut [Lanes],
}

impl<T: Tile> Kernel for Rotated<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { shape, packed, panel, to, .. } = self;
        let (ci, co) = (shape.channels_in, shape.channels_out);
        let width = to.len() / (T::PLACES * T::PLACES * co);
        let mut squares = [[Lanes::default(); LANES]; 9];
        for half in 0..width {
            let first = (2 * panel + half) * LANES;
            let inputs = LANES.min(ci - first);
            for o in (0..co).step_by(LANES) {
                let outputs = LANES.min(co - o);
                // Rows of output channels, as they lie in memory, to rows of input channels.
                for (tap, square) in squares.iter_mut().enumerate() {
                    for (c, row) in square.iter_mut().enumerate() {
                        let from = position(shape, o, tap * ci + first + c);
                        let v =
                            if c < inputs { V::load_slice(&packed[from..][..outputs]) } else { V::zero() };
                        v.store(row);
                    }
                    V::transpose(square);
                }
                for k in 0..outputs {
                    let mut taps = [V::zero(); 9];
                    for (v, square) in taps.iter_mut().zip(squares.iter().rev()) {
                        *v = V::load(&square[k]);
                    }
                    store_transformed::<V, T>(taps, &mut to[(o + k) * width + half..], co * width);
                }
            }
        }
    }
}
