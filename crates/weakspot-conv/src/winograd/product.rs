//! The matrix products in the middle of Winograd's algorithm, in blocks that fit the registers.
//!
//! Every number is a sum over its terms in their order, in blocks of fixed length, whichever rows are computed with it:
//! results depend neither on the batch nor on threads.

use crate::simd::{Kernel, LANES, Lanes, Vector};

/// Terms per block: a panel of filters of this length stays in the innermost cache.
const BLOCK: usize = 192;

/// `c = a * b` for one panel of columns.
pub(super) struct Product<'a> {
    /// Groups of sixteen terms; row `r` of group `g` is `a[g * a_stride + r]`.
    pub a: &'a [Lanes],
    pub a_stride: usize,
    pub rows: usize,
    pub terms: usize,
    /// `[terms, width]`.
    pub b: &'a [Lanes],
    /// Vectors per row of `c` and `b`: 1 or 2.
    pub width: usize,
    /// Row `r` of vector `j` is `c[j * c_stride + r]`.
    pub c: &'a mut [Lanes],
    pub c_stride: usize,
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { a, a_stride, rows, terms, b, width, c, c_stride } = self;
        for first in (0..terms).step_by(BLOCK) {
            let count = BLOCK.min(terms - first);
            let a = &a[first / LANES * a_stride..];
            let b = &b[first * width..][..count * width];
            let fresh = first == 0;
            // Which branch is taken is known when the vector type is.
            if V::ROWS == 12 && width == 2 {
                let b = b.as_chunks().0;
                columns::<V, 2, 2>(a, a_stride, rows, b, 0, c, c_stride, fresh);
            } else if width == 2 {
                let b = b.as_chunks().0;
                columns::<V, 1, 2>(a, a_stride, rows, b, 0, c, c_stride, fresh);
                columns::<V, 1, 2>(a, a_stride, rows, b, 1, &mut c[c_stride..], c_stride, fresh);
            } else {
                let b = b.as_chunks().0;
                columns::<V, 1, 1>(a, a_stride, rows, b, 0, c, c_stride, fresh);
            }
        }
    }
}

/// All rows of `N` vectors from the `from`th on, of panels `W` wide.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the operands of a product and their strides")]
fn columns<V: Vector, const N: usize, const W: usize>(
    a: &[Lanes],
    a_stride: usize,
    rows: usize,
    b: &[[Lanes; W]],
    from: usize,
    c: &mut [Lanes],
    c_stride: usize,
    fresh: bool,
) {
    let mut row = 0;
    macro_rules! blocks {
        ($($count:literal)*) => {
            $(while rows - row >= $count {
                block::<V, $count, N, W>(&a[row..], a_stride, b, from, &mut c[row..], c_stride, fresh);
                row += $count;
            })*
        };
    }
    if V::ROWS == 12 {
        blocks!(12 8 4 2 1);
    } else if V::ROWS == 6 {
        blocks!(6 3 1);
    } else {
        blocks!(2 1);
    }
}

/// `M` rows of `N` vectors, in registers.
#[inline(always)]
fn block<V: Vector, const M: usize, const N: usize, const W: usize>(
    a: &[Lanes],
    a_stride: usize,
    b: &[[Lanes; W]],
    from: usize,
    c: &mut [Lanes],
    c_stride: usize,
    fresh: bool,
) {
    // Arrays of known length throughout: only then do the sums stay in registers.
    let mut sums = [[V::zero(); N]; M];
    if !fresh {
        for j in 0..N {
            let Some(column) = c.get(j * c_stride..).and_then(|c| c.first_chunk::<M>()) else { return };
            for i in 0..M {
                sums[i][j] = V::load(&column[i]);
            }
        }
    }
    for (group, b) in b.chunks(LANES).enumerate() {
        let Some(a) = a.get(group * a_stride..).and_then(|a| a.first_chunk::<M>()) else { return };
        if let Some(b) = b.first_chunk::<LANES>() {
            for (k, b) in b.iter().enumerate() {
                step(&mut sums, a, k, b, from);
            }
        } else {
            for (k, b) in b.iter().enumerate() {
                step(&mut sums, a, k, b, from);
            }
        }
    }
    for j in 0..N {
        let Some(column) = c.get_mut(j * c_stride..).and_then(|c| c.first_chunk_mut::<M>()) else { return };
        for i in 0..M {
            sums[i][j].store(&mut column[i]);
        }
    }
}

/// Adds term `k` of each row, times a row of `b`.
#[inline(always)]
fn step<V: Vector, const M: usize, const N: usize, const W: usize>(
    sums: &mut [[V; N]; M],
    a: &[Lanes; M],
    k: usize,
    b: &[Lanes; W],
    from: usize,
) {
    let mut row = [V::zero(); N];
    for (j, v) in row.iter_mut().enumerate() {
        *v = V::load(&b[from + j]);
    }
    for (sums, a) in sums.iter_mut().zip(a) {
        let factor = V::splat(a.0[k % LANES]);
        for (sum, &v) in sums.iter_mut().zip(&row) {
            *sum = factor.mul_add(v, *sum);
        }
    }
}

/// `c[16 rows][2 vectors] (+)= sum over t of a[t] (as a column of 16) * (b0[t], b1[t])`: sums over tiles, for gradients
/// to weights.
pub(super) struct Outer<'a> {
    pub a: &'a [Lanes],
    /// One or two vectors per tile.
    pub b: [&'a [Lanes]; 2],
    pub width: usize,
    /// `[16, width]`.
    pub c: &'a mut [Lanes],
    pub fresh: bool,
}

impl Kernel for Outer<'_> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { a, b, width, c, fresh } = self;
        if width == 1 {
            parts::<V, 1>(a, [b[0]], c, fresh);
        } else {
            parts::<V, 2>(a, b, c, fresh);
        }
    }
}

#[inline(always)]
fn parts<V: Vector, const N: usize>(a: &[Lanes], b: [&[Lanes]; N], c: &mut [Lanes], fresh: bool) {
    let c = c.as_chunks_mut::<N>().0;
    macro_rules! parts {
        ($m:literal, $n:literal) => {
            for first in (0..LANES).step_by($m) {
                for j in (0..N).step_by($n) {
                    outer::<V, $m, $n, N>(a, b, first, j, c, fresh);
                }
            }
        };
    }
    if V::ROWS == 12 && N == 2 {
        parts!(8, 2);
    } else if V::ROWS == 12 {
        parts!(8, 1);
    } else if V::ROWS == 6 {
        parts!(4, 1);
    } else {
        parts!(2, 1);
    }
}

/// `M` rows from `first` on, `K` vectors from `from` on.
#[inline(always)]
fn outer<V: Vector, const M: usize, const K: usize, const N: usize>(
    a: &[Lanes],
    b: [&[Lanes]; N],
    first: usize,
    from: usize,
    c: &mut [[Lanes; N]],
    fresh: bool,
) {
    let Some(c) = c.get_mut(first..).and_then(|c| c.first_chunk_mut::<M>()) else { return };
    if from + K > N || first + M > LANES {
        return;
    }
    let mut sums = [[V::zero(); K]; M];
    if !fresh {
        for i in 0..M {
            for j in 0..K {
                sums[i][j] = V::load(&c[i][from + j]);
            }
        }
    }
    let tiles = b.iter().fold(a.len(), |n, b| n.min(b.len()));
    let (a, b) = (&a[..tiles], b.map(|b| &b[..tiles]));
    for t in 0..tiles {
        let mut row = [V::zero(); K];
        for j in 0..K {
            row[j] = V::load(&b[from + j][t]);
        }
        for i in 0..M {
            let factor = V::splat(a[t].0[first + i]);
            for j in 0..K {
                sums[i][j] = factor.mul_add(row[j], sums[i][j]);
            }
        }
    }
    for i in 0..M {
        for j in 0..K {
            sums[i][j].store(&mut c[i][from + j]);
        }
    }
}
