//! Are the pixels of a mask next to one another?
//!
//! The join count J is the number of rook-neighbour pairs with both pixels inside. If the m pixels of the mask
//! were placed at random among the n of the image, each of the E neighbour pairs would be inside with probability
//! m(m-1) / (n(n-1)):
//!
//! ```text
//! E = h (w - 1) + w (h - 1)      expected J = E m (m - 1) / (n (n - 1))      p = (r + 1) / (P + 1)
//! ```
//!
//! with r of P random placements at least as large. From [`EXACT_FROM`] pixels p is the normal tail by the exact mean
//! and variance (`exact.rs`).
//!
//! # References
//! Moran, "The interpretation of statistical maps", J. Royal Statistical Society B 10 (1948). Cliff and Ord, *Spatial
//! Autocorrelation* (1973): the BB count with binary weights, non-free sampling.

use super::exact::{EXACT_FROM, Moments};
use crate::image::Mask;
use crate::rng::Stream;

/// A mask's join count, compared with random placements of the same number of pixels.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::join_test;
/// use weakspot::rng::stream;
///
/// // A square of 2x2 in 4x4 pixels: 4 of the 24 pairs of neighbours, chance would give 24 * 4/16 * 3/15.
/// let mask = Mask::from_fn(4, 4, |y, x| y < 2 && x < 2);
/// let found = join_test(&mask, 99, &mut stream(0, "joins", "")).unwrap();
/// assert_eq!(found.observed, 4);
/// assert!((found.expected - 1.2).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JoinTest {
    /// Neighbouring pairs with both pixels inside.
    pub observed: usize,
    /// Their mean under random placement.
    pub expected: f64,
    /// observed / expected: above 1 where the mask is more clumped than chance.
    pub ratio: f64,
    /// One-sided, small where the mask is more clumped than chance.
    pub p: f64,
}

/// Neighbouring pairs (rook) with both pixels inside the mask.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::join_count;
///
/// // Two rows of three pixels: two pairs in each, three between them.
/// assert_eq!(join_count(&Mask::from_fn(4, 4, |y, x| y < 2 && x < 3)), 7);
/// ```
pub fn join_count(mask: &Mask) -> usize {
    let grid = Grid::new(mask.dim());
    grid.joins(&packed(mask.0.iter().copied()))
}

/// The join count of a mask with its one-sided upper p.
///
/// `None` for an empty mask, a full one, and one of a single pixel, which has no pair to count.
///
/// # Range
/// ratio in `[0, inf)`, 1 where the mask is as clumped as chance; p in `[1 / (permutations + 1), 1]`, from
/// [`EXACT_FROM`] pixels in `[0, 1]`.
///
/// # Determinism
/// Below [`EXACT_FROM`] pixels the placements are drawn from `stream`, one after the other.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::join_test;
/// use weakspot::rng::stream;
///
/// let mut draws = stream(0, "joins", "");
/// let half = Mask::from_fn(6, 6, |y, _| y < 3);
/// assert!(join_test(&half, 99, &mut draws).unwrap().p < 0.05);
/// // A single pixel has no pair.
/// assert_eq!(join_test(&Mask::from_fn(6, 6, |y, x| y + x == 0), 99, &mut draws), None);
/// ```
pub fn join_test(mask: &Mask, permutations: usize, stream: &mut Stream) -> Option<JoinTest> {
    let (area, (h, w)) = (mask.area(), mask.dim());
    let pixels = h * w;
    if area < 2 || area == pixels {
        return None;
    }
    let grid = Grid::new((h, w));
    let observed = grid.joins(&packed(mask.0.iter().copied()));
    let moments = Moments::of_joins((h, w), area);
    let p = if pixels >= EXACT_FROM {
        moments.upper_p(observed as f64 - 0.5)
    } else {
        let mut as_large = 0;
        let mut random = vec![0; grid.words()];
        for _ in 0..permutations {
            grid.draw(area, &mut random, stream);
            as_large += usize::from(grid.joins(&random) >= observed);
        }
        (as_large + 1) as f64 / (permutations + 1) as f64
    };
    let expected = moments.mean;
    Some(JoinTest { observed, expected, ratio: observed as f64 / expected, p })
}

/// Masks of one size as bits, pixel after pixel, 64 to a word; bits behind the last pixel are 0.
struct Grid {
    pixels: usize,
    width: usize,
    /// The pixels that have a right neighbour.
    beside: Vec<u64>,
}

/// The finest share of random bits that is made at once: 1/256 per step, from eight random words.
const STEPS: usize = 256;

impl Grid {
    fn new((h, w): (usize, usize)) -> Self {
        let beside = packed((0..h * w).map(|i| i % w + 1 < w));
        Self { pixels: h * w, width: w, beside }
    }

    fn words(&self) -> usize {
        self.beside.len()
    }

    fn joins(&self, bits: &[u64]) -> usize {
        // Bit i of `later(s)` is bit i + s: a neighbour to the right, a neighbour below.
        let word = |i: usize| bits.get(i).copied().unwrap_or(0);
        let later = |i: usize, shift: usize| {
            let (words, rest) = (shift / 64, shift % 64);
            let low = word(i + words) >> rest;
            if rest == 0 { low } else { low | word(i + words + 1) << (64 - rest) }
        };
        bits.iter()
            .enumerate()
            .map(|(i, &here)| {
                let right = here & later(i, 1) & self.beside[i];
                let below = here & later(i, self.width);
                (right.count_ones() + below.count_ones()) as usize
            })
            .sum()
    }

    /// Sets `area` random pixels, every placement equally likely.
    ///
    /// First every pixel is drawn by itself with a probability near `area / pixels`. All sets with the resulting
    /// number of pixels are equally likely, and they stay so while random pixels are added or removed until there are
    /// `area`.
    fn draw(&self, area: usize, bits: &mut [u64], stream: &mut Stream) {
        // Rounded down below one half and up above it: it is cheap to add to few pixels and to remove from many.
        let share = area * STEPS;
        let steps = if 2 * area <= self.pixels { share / self.pixels } else { share.div_ceil(self.pixels) };
        for word in bits.iter_mut() {
            *word = bernoulli(steps, stream);
        }
        if !self.pixels.is_multiple_of(64)
            && let Some(last) = bits.last_mut()
        {
            *last &= (1 << (self.pixels % 64)) - 1;
        }
        let mut inside: usize = bits.iter().map(|word| word.count_ones() as usize).sum();
        while inside != area {
            let pixel = stream.below(self.pixels);
            let (word, bit) = (&mut bits[pixel / 64], 1 << (pixel % 64));
            let is_inside = *word & bit != 0;
            if is_inside == (inside > area) {
                *word ^= bit;
                inside = if is_inside { inside - 1 } else { inside + 1 };
            }
        }
    }
}

/// 64 bits, each 1 with probability `steps` / 256.
fn bernoulli(steps: usize, stream: &mut Stream) -> u64 {
    if steps >= STEPS {
        return u64::MAX;
    }
    // The digits of steps / 256 from the last: a random bit is or-ed where the digit is 1 and and-ed where it is 0,
    // which halves the probability so far and adds one half for a 1.
    let mut word = 0;
    for digit in (0..8).skip_while(|digit| steps >> digit & 1 == 0) {
        let random = stream.next_u64();
        word = if steps >> digit & 1 == 1 { word | random } else { word & random };
    }
    word
}

fn packed(inside: impl Iterator<Item = bool>) -> Vec<u64> {
    let mut words = Vec::new();
    for (i, inside) in inside.enumerate() {
        if i % 64 == 0 {
            words.push(0);
        }
        if let Some(word) = words.last_mut() {
            *word |= u64::from(inside) << (i % 64);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng;

    #[test]
    fn joins_on_paper() {
        // A 3x3 block holds 2*3 + 3*2 = 12 pairs, wherever it lies; a checkerboard holds none.
        let block = Mask::from_fn(8, 5, |y, x| (4..7).contains(&y) && x < 3);
        assert_eq!(join_count(&block), 12);
        assert_eq!(join_count(&Mask::from_fn(8, 5, |y, x| (y + x) % 2 == 0)), 0);
        // The end of one row and the start of the next are not neighbours.
        assert_eq!(join_count(&Mask::from_fn(2, 4, |y, x| (y, x) == (0, 3) || (y, x) == (1, 0))), 0);
        assert_eq!(join_count(&Mask::empty(0, 0)), 0);
        let full = join_count(&Mask::from_fn(300, 200, |_, _| true));
        assert_eq!(full, 300 * 199 + 299 * 200);
    }

    #[test]
    fn the_moments_are_those_of_every_placement() {
        // All masks of two to five pixels on a 2x3 grid: 15, 20, 15, 6.
        for area in 2..=5 {
            let masks = (0u32..64).filter(|code| code.count_ones() == area);
            let all: Vec<f64> = masks
                .map(|code| join_count(&Mask::from_fn(2, 3, |y, x| code >> (3 * y + x) & 1 == 1)) as f64)
                .collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|j| (j - mean) * (j - mean)).sum::<f64>() / all.len() as f64;
            let found = Moments::of_joins((2, 3), area as usize);
            assert!((found.mean - mean).abs() < 1e-12, "{area}: {found:?} {mean}");
            assert!(
                (found.deviation * found.deviation - variance).abs() < 1e-12,
                "{area}: {found:?} {variance}"
            );
        }
        let any = Mask::from_fn(2, 3, |y, _| y == 0);
        let test = join_test(&any, 0, &mut rng::stream(0, "test", "joins")).unwrap();
        assert_eq!((test.observed, test.p), (2, 1.0));
    }

    #[test]
    fn exact_moments_agree_with_ten_thousand_placements() {
        let mut s = rng::stream(6, "test", "joins");
        let grid = Grid::new((32, 32));
        let mut bits = vec![0; grid.words()];
        for area in [102, 307, 512] {
            let drawn: Vec<usize> = (0..9_999)
                .map(|_| {
                    grid.draw(area, &mut bits, &mut s);
                    grid.joins(&bits)
                })
                .collect();
            let moments = Moments::of_joins((32, 32), area);
            for sigmas in [0.0, 1.0, 1.7, 2.3] {
                let observed = (moments.mean + sigmas * moments.deviation).round();
                let as_large = drawn.iter().filter(|j| **j as f64 >= observed).count();
                let p = (as_large + 1) as f64 / 10_000.0;
                // Four binomial standard errors, and 0.012 for the skewness g that the normal tail leaves out: at most
                // g/6 * |z^2 - 1| * density <= g * 0.067, with g = 0.17 for 102 pixels (NumPy, 20,000 placements).
                let bound = 4.0 * (p * (1.0 - p) / 9_999.0).sqrt() + 0.012;
                let exact = moments.upper_p(observed - 0.5);
                assert!((exact - p).abs() <= bound, "{area} {sigmas}: {exact} {p}");
            }
            let block = Mask::from_fn(32, 32, |y, x| y * 32 + x < area);
            let test = join_test(&block, 0, &mut s).unwrap();
            assert!(test.p < 1e-12 && test.ratio > 1.5, "{test:?}");
        }
    }

    #[test]
    fn nothing_to_say() {
        let mut s = rng::stream(0, "test", "joins");
        assert_eq!(join_test(&Mask::empty(4, 4), 9, &mut s), None);
        assert_eq!(join_test(&Mask::empty(4, 4).complement(), 9, &mut s), None);
        assert_eq!(join_test(&Mask::from_fn(4, 4, |y, x| (y, x) == (1, 2)), 9, &mut s), None);
    }

    #[test]
    fn a_block_is_significant_and_a_checkerboard_is_not() {
        let mut s = rng::stream(3, "test", "joins");
        let block = join_test(&Mask::from_fn(10, 10, |y, x| y < 5 && x < 6), 99, &mut s).unwrap();
        assert_eq!(block.p, 0.01);
        assert!(block.ratio > 2.0);
        let board = join_test(&Mask::from_fn(10, 10, |y, x| (y + x) % 2 == 0), 99, &mut s).unwrap();
        assert_eq!((board.p, board.observed, board.ratio), (1.0, 0, 0.0));
    }

    #[test]
    fn every_placement_is_equally_likely() {
        let grid = Grid::new((2, 3));
        for area in [2usize, 3, 4] {
            let mut s = rng::stream(area as u64, "test", "joins");
            let mut seen = std::collections::BTreeMap::new();
            let mut bits = vec![0; 1];
            for _ in 0..6_000 {
                grid.draw(area, &mut bits, &mut s);
                *seen.entry(bits[0]).or_insert(0usize) += 1;
            }
            let placements = if area == 3 { 20 } else { 15 };
            assert_eq!(seen.len(), placements);
            // Binomial(6000, 1/15 or 1/20): six standard deviations are below 117.
            let expected = 6_000 / placements;
            assert!(seen.values().all(|&k| k.abs_diff(expected) <= 117), "{seen:?}");
        }
    }

    #[test]
    fn a_share_of_random_bits_is_the_share_asked_for() {
        let mut s = rng::stream(0, "test", "joins");
        for steps in [0usize, 1, 64, 77, 128, 255, 256] {
            let ones: u32 = (0..2_000).map(|_| bernoulli(steps, &mut s).count_ones()).sum();
            // 128,000 bits: six standard deviations are below 0.0084.
            assert!((f64::from(ones) / 128_000.0 - steps as f64 / 256.0).abs() < 0.0085, "{steps}");
        }
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_definition(h in 1usize..20, w in 1usize..150, seed in 0u64..1000) {
            let mut s = rng::stream(seed, "test", "joins");
            let mask = Mask::from_fn(h, w, |_, _| s.unit() < 0.6);
            let at = |y: usize, x: usize| usize::from(y < h && x < w && mask.0[[y, x]]);
            let mut count = 0;
            for y in 0..h {
                for x in 0..w {
                    count += at(y, x) * (at(y + 1, x) + at(y, x + 1));
                }
            }
            prop_assert_eq!(join_count(&mask), count);
        }

        #[test]
        fn draws_have_the_area_and_the_expected_joins(area in 2usize..35, seed in 0u64..50) {
            let mut s = rng::stream(seed, "test", "joins");
            let grid = Grid::new((5, 7));
            let mut bits = vec![0; 1];
            let mut total = 0;
            for _ in 0..400 {
                grid.draw(area, &mut bits, &mut s);
                prop_assert_eq!(bits[0].count_ones() as usize, area);
                total += grid.joins(&bits);
            }
            // A join count on 58 pairs has a standard deviation below 4, the mean of 400 below 0.2; six of them.
            let expected = 58.0 * (area * (area - 1)) as f64 / (35.0 * 34.0);
            prop_assert!((total as f64 / 400.0 - expected).abs() < 1.2);
        }
    }
}
