//! Windows of 2x2 pixels: their maxima, and which of their pixels are equal by definition.

use super::transform::OUT;
use crate::simd::Vector;

/// For each of the four pixels of a window, the first that is equal to it by definition; `[0, 1, 2, 3]` if all differ.
pub(super) type Firsts = [u8; 4];

/// The first equal pixels of each window of a tile, of which `rows` and `columns` lie in the image. `pixel` is the
/// tile's first, counted as `kinds` are; these are empty if unknown.
#[inline(always)]
pub(super) fn equal(
    kinds: &[u64],
    pixel: usize,
    width: usize,
    rows: usize,
    columns: usize,
) -> [[Firsts; OUT / 2]; OUT / 2] {
    let mut equal = [[[0, 1, 2, 3]; OUT / 2]; OUT / 2];
    if kinds.is_empty() {
        return equal;
    }
    for y in 0..rows / 2 {
        for x in 0..columns / 2 {
            let at = |k: usize| kinds[pixel + (2 * y + k / 2) * width + 2 * x + k % 2];
            let kinds = [at(0), at(1), at(2), at(3)];
            for k in 1..4 {
                for j in (0..k).rev() {
                    if kinds[j] == kinds[k] {
                        equal[y][x][k] = j as u8;
                    }
                }
            }
        }
    }
    equal
}

/// The largest of four numbers that have passed a ReLU, lane by lane; and where it is, unless it is 0: the first of
/// equals, and a NaN before every number, as in [`crate::MaxPool`].
#[inline(always)]
pub(super) fn largest<V: Vector>(values: [V; 4], firsts: Firsts) -> (V, [u16; 4]) {
    let mut best = values[0];
    let mut places = [u16::MAX, 0, 0, 0];
    for k in 1..4 {
        let larger = values[k].beats(best);
        best = best.blend(values[k], larger);
        for earlier in 0..k {
            places[earlier] &= !larger;
        }
        places[k] = larger;
    }
    let open = best.above_zero();
    for k in 0..4 {
        places[k] &= open;
    }
    for k in 1..4 {
        for j in 0..k {
            if usize::from(firsts[k]) == j {
                places[j] |= places[k];
                places[k] = 0;
            }
        }
    }
    (best, places)
}
