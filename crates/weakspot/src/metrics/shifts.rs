//! Is the overlap of two masks larger than the overlaps of one with the shifts of the other?
//!
//! One mask is moved over the torus by every shift d; the overlap at each is a circular cross-correlation,
//! which the Fourier transform F gives for all shifts at once:
//!
//! ```text
//! overlap(d) = sum_x a(x) b(x + d) = F^-1( conj(F a) F b )(d)
//! upper_p = #{d: overlap(d) >= overlap(0)} / (h w)      lower_p = #{d: overlap(d) <= overlap(0)} / (h w)
//! ```
//!
//! d = 0 is counted, so neither is 0. Areas are fixed, so a ranking of overlaps is a ranking of IoUs.
//!
//! # References
//! Lotwick and Silverman, "Methods for analysing spatial processes of several types of points", J. Royal
//! Statistical Society B 44 (1982), for toroidal shifts as the null of two patterns that ignore each other.
//!
//! # Where we differ
//! All shifts are used, not a random sample, so there is nothing to draw. Two centred objects overlap more than their
//! shifts, whatever they are: a shift keeps their shapes, but not their place in the middle.

use std::sync::Arc;

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};
use serde::{Deserialize, Serialize};

use crate::image::Mask;

/// An overlap, compared with those of all toroidal shifts.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::ShiftOverlap;
///
/// let pixel = Mask::from_fn(4, 4, |y, x| (y, x) == (1, 2));
/// let test = ShiftOverlap::new(4, 4).test(&pixel, &pixel).unwrap();
/// // The masks overlap under one of 16 shifts.
/// assert_eq!((test.shifts, test.upper_p, test.lower_p), (15, 1.0 / 16.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShiftTest {
    /// Number of shifts, height * width - 1.
    pub shifts: usize,
    /// Share of placements (itself included) that overlap at least as much.
    pub upper_p: f64,
    /// Share of placements (itself included) that overlap at most as much.
    pub lower_p: f64,
}

/// Overlaps under every toroidal shift, for masks of one size. Planned once, used from any thread.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::ShiftOverlap;
///
/// let (left, right) = (Mask::from_fn(4, 4, |_, x| x < 2), Mask::from_fn(4, 4, |_, x| x >= 2));
/// let shifts = ShiftOverlap::new(4, 4);
/// // The halves are disjoint, and only the four vertical shifts keep them so.
/// assert_eq!(shifts.test(&left, &right).unwrap().lower_p, 4.0 / 16.0);
/// assert_eq!(shifts.test(&left, &Mask::empty(4, 4)), None);
/// ```
pub struct ShiftOverlap {
    height: usize,
    width: usize,
    rows: Direction,
    columns: Direction,
}

/// The transform of one axis, there and back.
struct Direction {
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl Direction {
    fn plan(length: usize) -> Self {
        let mut planner = FftPlanner::new();
        Self { forward: planner.plan_fft_forward(length), inverse: planner.plan_fft_inverse(length) }
    }
}

impl ShiftOverlap {
    /// Plans for masks of this size, in pixels.
    pub fn new(height: usize, width: usize) -> Self {
        Self { height, width, rows: Direction::plan(width), columns: Direction::plan(height) }
    }

    /// The overlap of two masks, compared with those of all shifts of one against the other; `None` if either is empty.
    ///
    /// # Range
    /// Both p in `[1 / (height * width), 1]`. If `upper_p` is small, the masks overlap more than under most shifts; if
    /// `lower_p` is small, they avoid each other.
    ///
    /// # Panics
    /// If a mask does not have the planned size.
    pub fn test(&self, a: &Mask, b: &Mask) -> Option<ShiftTest> {
        let size = (self.height, self.width);
        assert!(a.dim() == size && b.dim() == size, "masks have the planned size {size:?}");
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let overlaps = self.overlaps(a, b);
        let placements = overlaps.len();
        let share = |count: usize| count as f64 / placements as f64;
        Some(ShiftTest {
            shifts: placements - 1,
            upper_p: share(overlaps.iter().filter(|&&o| o >= overlaps[0]).count()),
            lower_p: share(overlaps.iter().filter(|&&o| o <= overlaps[0]).count()),
        })
    }

    /// overlap(d) for every shift d, row by row; the first is the masks as they lie.
    fn overlaps(&self, a: &Mask, b: &Mask) -> Vec<i64> {
        // Both masks share one transform: a is its real part, b its imaginary part, and their spectra come apart by
        // the symmetry F(-k) = conj(F(k)) of a real signal.
        let bit = |inside: bool| f64::from(u8::from(inside));
        let mut signal: Vec<Complex64> =
            a.0.iter().zip(&b.0).map(|(&a, &b)| Complex64::new(bit(a), bit(b))).collect();
        self.transform(&mut signal, |axis| &axis.forward);
        let (h, w) = (self.height, self.width);
        let mut product = vec![Complex64::default(); h * w];
        for y in 0..h {
            for x in 0..w {
                let here = signal[y * w + x];
                let mirror = signal[(h - y) % h * w + (w - x) % w].conj();
                // here + mirror = 2 F a and here - mirror = 2 i F b.
                let (twice_a, twice_ib) = (here + mirror, here - mirror);
                product[y * w + x] = twice_a.conj() * twice_ib * Complex64::new(0.0, -0.25);
            }
        }
        self.transform(&mut product, |axis| &axis.inverse);
        // Overlaps are whole numbers; the transform's error is far below one half (about 1e-12 of the area).
        let scale = 1.0 / (h * w) as f64;
        product.iter().map(|c| (c.re * scale).round() as i64).collect()
    }

    /// The two-dimensional transform in place: every row, then every column.
    fn transform(&self, signal: &mut [Complex64], which: impl Fn(&Direction) -> &Arc<dyn Fft<f64>>) {
        which(&self.rows).process(signal);
        let mut columns = vec![Complex64::default(); signal.len()];
        transpose(signal, &mut columns, self.width);
        which(&self.columns).process(&mut columns);
        transpose(&columns, signal, self.height);
    }
}

/// Writes the rows of `from`, each `width` long, as the columns of `to`.
fn transpose(from: &[Complex64], to: &mut [Complex64], width: usize) {
    let height = from.len() / width;
    for (y, row) in from.chunks_exact(width).enumerate() {
        for (x, value) in row.iter().enumerate() {
            to[x * height + y] = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng;

    #[test]
    fn one_pixel_on_another() {
        // The masks meet at one placement in h * w: at 0 shift, or not.
        let at = |y0, x0| Mask::from_fn(4, 5, move |y, x| (y, x) == (y0, x0));
        let plan = ShiftOverlap::new(4, 5);
        let met = plan.test(&at(1, 2), &at(1, 2)).unwrap();
        assert_eq!(met, ShiftTest { shifts: 19, upper_p: 0.05, lower_p: 1.0 });
        let missed = plan.test(&at(1, 2), &at(1, 3)).unwrap();
        assert_eq!(missed, ShiftTest { shifts: 19, upper_p: 1.0, lower_p: 0.95 });
    }

    #[test]
    fn a_full_mask_overlaps_alike_everywhere_and_an_empty_one_says_nothing() {
        let plan = ShiftOverlap::new(6, 3);
        let (none, some) = (Mask::empty(6, 3), Mask::from_fn(6, 3, |y, x| y > x));
        let full = none.complement();
        assert_eq!(plan.test(&full, &some), Some(ShiftTest { shifts: 17, upper_p: 1.0, lower_p: 1.0 }));
        assert_eq!(plan.test(&none, &some), None);
        assert_eq!(plan.test(&some, &none), None);
    }

    #[test]
    fn large_overlaps_round_to_the_right_integer() {
        let plan = ShiftOverlap::new(224, 224);
        let mut s = rng::stream(0, "test", "shifts");
        let a = Mask::from_fn(224, 224, |_, _| s.unit() < 0.9);
        let b = Mask::from_fn(224, 224, |_, _| s.unit() < 0.9);
        let overlaps = plan.overlaps(&a, &b);
        for (dy, dx) in [(0, 0), (1, 0), (0, 1), (100, 223)] {
            let want = a.shifted(dy, dx).intersection(&b).area() as i64;
            assert_eq!(overlaps[dy * 224 + dx], want);
        }
    }

    #[test]
    fn a_plan_may_be_shared_between_threads() {
        fn sync<T: Send + Sync>() {}
        sync::<ShiftOverlap>();
    }

    proptest! {
        #[test]
        fn equals_brute_force(h in 1usize..12, w in 1usize..12, fill in 0.05f32..0.95, seed in 0u64..1000) {
            let mut s = rng::stream(seed, "test", "shifts");
            let a = Mask::from_fn(h, w, |_, _| s.unit() < fill);
            let b = Mask::from_fn(h, w, |_, _| s.unit() < 0.4);
            let plan = ShiftOverlap::new(h, w);
            let mut brute = Vec::new();
            for dy in 0..h {
                for dx in 0..w {
                    brute.push(a.shifted(dy, dx).intersection(&b).area() as i64);
                }
            }
            prop_assert_eq!(plan.overlaps(&a, &b), brute.clone());
            if let Some(test) = plan.test(&a, &b) {
                let n = brute.len() as f64;
                prop_assert_eq!(test.upper_p, brute.iter().filter(|&&o| o >= brute[0]).count() as f64 / n);
                prop_assert_eq!(test.lower_p, brute.iter().filter(|&&o| o <= brute[0]).count() as f64 / n);
                prop_assert_eq!(test.shifts, h * w - 1);
            }
        }
    }
}
