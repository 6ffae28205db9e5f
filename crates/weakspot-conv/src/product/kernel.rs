//! Tiles of a product, each in registers while its terms are added up.

use super::left::{Block, Reads, Term};
use crate::simd::{Kernel, LANES, Lanes, Vector};

/// Terms per block: a panel of this length stays in the innermost cache.
const BLOCK: usize = 128;

/// Rows whose blocks of terms stay in the second cache while every panel is multiplied by them.
const ROWS: usize = 240;

/// A product: all rows, some panels.
pub(super) struct Tiles<'a> {
    pub left: Reads<'a>,
    /// `[panel, term, 2]`.
    pub right: &'a [Lanes],
    pub terms: usize,
    /// Of all panels together.
    pub columns: usize,
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub output: &'a mut [f32],
    pub output_stride: usize,
}

/// Where a tile is written, and how.
struct To<'a> {
    output: &'a mut [f32],
    stride: usize,
    /// Columns: up to 32.
    width: usize,
    /// Whether the sums begin at zero and not at what the output holds.
    fresh: bool,
    /// What is done after the last term; `None` if terms follow.
    end: Option<End>,
}

/// What is done with finished sums.
#[derive(Clone, Copy)]
struct End {
    bias: Option<[Lanes; 2]>,
    relu: bool,
}

impl Kernel for Tiles<'_> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { left, right, terms, columns, bias, relu, output, output_stride } = self;
        for first_row in (0..left.rows).step_by(ROWS) {
            let rows = ROWS.min(left.rows - first_row);
            for first in (0..terms).step_by(BLOCK) {
                let count = BLOCK.min(terms - first);
                for (p, panel) in right.chunks_exact(2 * terms).enumerate() {
                    let column = p * 2 * LANES;
                    let width = (2 * LANES).min(columns - column);
                    let bias = bias.map(|bias| {
                        let mut of = [Lanes::default(); 2];
                        for (i, &b) in bias[column..column + width].iter().enumerate() {
                            of[i / LANES].0[i % LANES] = b;
                        }
                        of
                    });
                    let to = To {
                        output: &mut output[first_row * output_stride + column..],
                        stride: output_stride,
                        width,
                        fresh: first == 0,
                        end: (first + count == terms).then_some(End { bias, relu }),
                    };
                    let panel = &panel.as_chunks::<2>().0[first..first + count];
                    rows_of::<V>(&left, first_row, rows, first, panel, to);
                }
            }
        }
    }
}

/// Every row of a block, as many at a time as the registers hold.
#[inline(always)]
fn rows_of<V: Vector>(
    left: &Reads<'_>,
    first_row: usize,
    rows: usize,
    first_term: usize,
    panel: &[[Lanes; 2]],
    mut to: To<'_>,
) {
    let mut row = 0;
    macro_rules! blocks {
        ($($count:literal)*) => {
            $(while rows - row >= $count {
                if to.width > LANES {
                    tile::<V, $count, 2>(left, first_row + row, first_term, panel, 0, row, &mut to);
                } else {
                    tile::<V, $count, 1>(left, first_row + row, first_term, panel, 0, row, &mut to);
                }
                row += $count;
            })*
        };
    }
    macro_rules! narrow_blocks {
        ($($count:literal)*) => {
            $(while rows - row >= $count {
                // One copy of the code for both halves: the compiler then finds registers for all sums.
                for half in 0..to.width.div_ceil(LANES) {
                    tile::<V, $count, 1>(left, first_row + row, first_term, panel, half, row, &mut to);
                }
                row += $count;
            })*
        };
    }
    // Which branch is taken is known when the vector type is.
    if V::ROWS == 12 {
        blocks!(12 8 4 2 1);
    } else if V::ROWS == 6 {
        narrow_blocks!(6 3 1);
    } else {
        narrow_blocks!(2 1);
    }
}

/// `M` rows of `N` vectors, from vector `from` of the panel on.
#[inline(always)]
fn tile<V: Vector, const M: usize, const N: usize>(
    left: &Reads<'_>,
    row: usize,
    first_term: usize,
    panel: &[[Lanes; 2]],
    from: usize,
    to_row: usize,
    to: &mut To<'_>,
) {
    let block = left.block::<M>(row);
    let mut sums = [[V::zero(); N]; M];
    let (start, stride) = (from * LANES, to.stride);
    let place = |i: usize, j: usize| {
        let at = (to_row + i) * stride + start + j * LANES;
        at..at + LANES.min(to.width - start - j * LANES)
    };
    if !to.fresh {
        for (i, sums) in sums.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = V::load_slice(&to.output[place(i, j)]);
            }
        }
    }
    sums = accumulate(sums, &block, first_term, panel, from);
    for (i, sums) in sums.into_iter().enumerate() {
        for (j, mut v) in sums.into_iter().enumerate() {
            if let Some(end) = &to.end {
                if let Some(bias) = &end.bias {
                    v = v.add(V::load(&bias[from + j]));
                }
                if end.relu {
                    v = v.relu();
                }
            }
            v.store_slice(&mut to.output[place(i, j)]);
        }
    }
}

/// Adds the terms of a block to some sums, which stay in registers: they come and go by value, so that nothing but this
/// loop decides where they are.
#[inline(always)]
fn accumulate<V: Vector, const M: usize, const N: usize>(
    sums: [[V; N]; M],
    block: &Block<'_, M>,
    first_term: usize,
    panel: &[[Lanes; 2]],
    from: usize,
) -> [[V; N]; M] {
    // A copy of their own, which nothing else touches.
    let mut own = sums;
    for (k, weights) in panel.iter().enumerate() {
        let term = block.term(first_term + k);
        step(&mut own, term, weights, from);
    }
    own
}

/// One term.
#[inline(always)]
fn step<V: Vector, const M: usize, const N: usize>(
    sums: &mut [[V; N]; M],
    term: Term<'_, M>,
    weights: &[Lanes; 2],
    from: usize,
) {
    let mut row = [V::zero(); N];
    for (j, v) in row.iter_mut().enumerate() {
        *v = V::load(&weights[from + j]);
    }
    for (i, sums) in sums.iter_mut().enumerate() {
        let factor = V::splat(term.get(i));
        for (sum, &v) in sums.iter_mut().zip(&row) {
            *sum = factor.mul_add(v, *sum);
        }
    }
}
