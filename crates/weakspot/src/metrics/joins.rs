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
//! with r of P random placements at least as large.
//!
//! # References
//! Moran, "The interpretation of statistical maps", J. Royal Statistical Society B 10 (1948). Cliff and Ord, *Spatial
//! Autocorrelation* (1973): the BB count with binary weights, non-free sampling.

use crate::image::Mask;
use crate::rng::Stream;

/// A mask's joins and how they stand among random placements of as many pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JoinTest {
    /// Neighbouring pairs with both pixels inside.
    pub observed: usize,
    /// Their mean under random placement.
    pub expected: f64,
    /// observed / expected: above 1 where the mask is more clumped than chance.
    pub ratio: f64,
    /// (r + 1) / (P + 1): one-sided, small where the mask is more clumped than chance.
    pub p: f64,
}

/// Neighbouring pairs (rook) with both pixels inside the mask.
pub fn join_count(mask: &Mask) -> usize {
    Placement::new(mask.dim()).joins(&bytes(mask))
}

/// The join count of a mask with its one-sided upper permutation p.
///
/// `None` for an empty mask, a full one, and one of a single pixel, which has no pair to count.
///
/// # Range
/// ratio in `[0, inf)`, 1 where the mask is as clumped as chance; p in `[1 / (permutations + 1), 1]`.
///
/// # Determinism
/// The placements are drawn from `stream`, one after the other.
pub fn join_test(mask: &Mask, permutations: usize, stream: &mut Stream) -> Option<JoinTest> {
    let (area, (h, w)) = (mask.area(), mask.dim());
    let pixels = h * w;
    if area < 2 || area == pixels {
        return None;
    }
    let mut placement = Placement::new((h, w));
    let observed = placement.joins(&bytes(mask));
    let pairs = h * (w - 1) + w * (h - 1);
    let share = area as f64 * (area - 1) as f64 / (pixels as f64 * (pixels - 1) as f64);
    let expected = pairs as f64 * share;
    let mut as_large = 0;
    let mut random = vec![0; pixels];
    for _ in 0..permutations {
        placement.draw(area, &mut random, stream);
        as_large += usize::from(placement.joins(&random) >= observed);
    }
    Some(JoinTest {
        observed,
        expected,
        ratio: observed as f64 / expected,
        p: (as_large + 1) as f64 / (permutations + 1) as f64,
    })
}

fn bytes(mask: &Mask) -> Vec<u8> {
    mask.0.iter().map(|&inside| u8::from(inside)).collect()
}

/// Random placements on one grid: pixel numbers in an order that every draw leaves as random as it found it.
struct Placement {
    width: usize,
    order: Vec<u32>,
}

impl Placement {
    fn new((h, w): (usize, usize)) -> Self {
        Self { width: w, order: (0..(h * w) as u32).collect() }
    }

    /// Sets `area` random pixels of `cells` to 1 and the others to 0.
    fn draw(&mut self, area: usize, cells: &mut [u8], stream: &mut Stream) {
        // Choosing the pixels left out is the same draw, and cheaper for a mask of more than half the image.
        let pixels = cells.len();
        let (chosen, inside) = if 2 * area <= pixels { (area, 1) } else { (pixels - area, 0) };
        cells.fill(1 - inside);
        for i in 0..chosen {
            let j = i + stream.below(pixels - i);
            self.order.swap(i, j);
            cells[self.order[i] as usize] = inside;
        }
    }

    fn joins(&self, cells: &[u8]) -> usize {
        if cells.is_empty() {
            return 0;
        }
        let beside: usize = cells.chunks_exact(self.width).map(|row| both(row, &row[1..])).sum();
        beside + both(cells, &cells[self.width..])
    }
}

/// Places where both hold 1, over the shorter of the two.
fn both(a: &[u8], b: &[u8]) -> usize {
    // Sums of at most 128 ones fit a byte, which lets the processor take many at once.
    let n = a.len().min(b.len());
    a[..n]
        .chunks(128)
        .zip(b[..n].chunks(128))
        .map(|(a, b)| usize::from(a.iter().zip(b).map(|(x, y)| x & y).sum::<u8>()))
        .sum()
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
        // Ends of one row and the start of the next are no neighbours.
        assert_eq!(join_count(&Mask::from_fn(2, 4, |y, x| (y, x) == (0, 3) || (y, x) == (1, 0))), 0);
        assert_eq!(join_count(&Mask::empty(0, 0)), 0);
        let full = join_count(&Mask::from_fn(300, 200, |_, _| true));
        assert_eq!(full, 300 * 199 + 299 * 200);
    }

    #[test]
    fn the_expectation_is_the_mean_over_every_placement() {
        // All C(6, 3) = 20 masks of three pixels on a 2x3 grid.
        let mut total = 0;
        let mut masks = 0;
        for code in 0u32..64 {
            if code.count_ones() == 3 {
                total += join_count(&Mask::from_fn(2, 3, |y, x| code >> (3 * y + x) & 1 == 1));
                masks += 1;
            }
        }
        let any = Mask::from_fn(2, 3, |y, _| y == 0);
        let test = join_test(&any, 0, &mut rng::stream(0, "test", "joins")).unwrap();
        assert!((test.expected - f64::from(total as u32) / f64::from(masks)).abs() < 1e-12);
        assert_eq!((test.observed, test.p), (2, 1.0));
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

    proptest! {
        #[test]
        fn draws_have_the_area_and_the_expected_joins(area in 2usize..35, seed in 0u64..50) {
            let mut s = rng::stream(seed, "test", "joins");
            let mut placement = Placement::new((5, 7));
            let mut cells = vec![0; 35];
            let mut total = 0;
            for _ in 0..400 {
                placement.draw(area, &mut cells, &mut s);
                prop_assert_eq!(cells.iter().map(|&c| usize::from(c)).sum::<usize>(), area);
                total += placement.joins(&cells);
            }
            // A join count on 58 pairs has a standard deviation below 4, the mean of 400 below 0.2; six of them.
            let expected = 58.0 * (area * (area - 1)) as f64 / (35.0 * 34.0);
            prop_assert!((total as f64 / 400.0 - expected).abs() < 1.2);
        }
    }
}
