//! Are large values of a map next to large values?
//!
//! Moran's I with rook neighbours (up, down, left, right) and row-standardised weights, z the values less their
//! mean, N(i) the d_i neighbours of pixel i:
//!
//! ```text
//! I = sum_i z_i (1/d_i) sum_{j in N(i)} z_j  /  sum_i z_i^2
//! ```
//!
//! Each of P random permutations of the values over the pixels gives another I; with r of them at least as
//! large, `p = (r + 1) / (P + 1)`. Under permutations the mean of I is -1/(n - 1), n the number of pixels. From
//! [`EXACT_FROM`] pixels p is the normal tail by the exact mean and variance (`exact.rs`).
//!
//! # References
//! Moran, "Notes on continuous stochastic phenomena", Biometrika 37 (1950). Cliff and Ord, *Spatial
//! Autocorrelation* (1973), for the weights and the permutation test.
//!
//! # Where we differ
//! None in the definition. Read it at the map's own grid: an upsampled map is smooth whatever it holds.

use ndarray::ArrayView2;

use super::exact::{EXACT_FROM, Moments};
use crate::rng::Stream;

/// Permuted sums this close to the observed one, relative to sum z^2, count as equal: maps with many equal values
/// give equal sums on paper, which rounding would order at random.
const TIE: f64 = 1e-12;

/// A statistic, compared with its values under random permutations.
///
/// # Examples
/// ```
/// use ndarray::Array2;
/// use weakspot::metrics::moran_test;
/// use weakspot::rng::stream;
///
/// let slope = Array2::from_shape_fn((6, 6), |(y, _)| y as f32);
/// let found = moran_test(slope.view(), 99, &mut stream(0, "moran", "")).unwrap();
/// assert!(found.value > 0.5);
/// assert_eq!(found.p, 1.0 / 100.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PermutationTest {
    /// The statistic of the map as it is.
    pub value: f64,
    /// One-sided, small where the value is larger than chance gives.
    pub p: f64,
}

/// Moran's I; `None` for a constant map (also one of a single pixel) and for one with a value that is not finite.
///
/// # Shapes
/// `[height, width]`, the map's own grid.
///
/// # Range
/// `[-1, 1]` on these grids: -1 for a checkerboard, near -1/(n - 1) for noise, near 1 for a smooth map.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::metrics::morans_i;
///
/// // On a checkerboard, all neighbours differ.
/// assert_eq!(morans_i(arr2(&[[0.0, 1.0], [1.0, 0.0]]).view()), Some(-1.0));
/// assert_eq!(morans_i(arr2(&[[1.0, 1.0], [1.0, 1.0]]).view()), None);
/// ```
pub fn morans_i(map: ArrayView2<'_, f32>) -> Option<f64> {
    let centred = Centred::of(map)?;
    Some(Pairs::of(map.dim()).joined(&centred.z) / centred.squares)
}

/// Moran's I with its one-sided upper p; `None` as for [`morans_i`].
///
/// # Shapes
/// `[height, width]`, the map's own grid.
///
/// # Range
/// p in `[1 / (permutations + 1), 1]`, from [`EXACT_FROM`] pixels in `[0, 1]`; small means that like values lie
/// together.
///
/// # Determinism
/// Below [`EXACT_FROM`] pixels the permutations are drawn from `stream`, one after the other. Give every map a stream
/// of its own: the p-values of maps that share permutations are not independent, and the share of them below 0.05
/// is then little more than a single draw.
///
/// # Examples
/// ```
/// use ndarray::Array2;
/// use weakspot::metrics::moran_test;
/// use weakspot::rng::stream;
///
/// let checkerboard = Array2::from_shape_fn((4, 4), |(y, x)| ((y + x) % 2) as f32);
/// let found = moran_test(checkerboard.view(), 19, &mut stream(0, "moran", "")).unwrap();
/// // The test is one-sided, and no permutation has fewer equal neighbours than a checkerboard.
/// assert_eq!(found.p, 1.0);
/// ```
pub fn moran_test(
    map: ArrayView2<'_, f32>,
    permutations: usize,
    stream: &mut Stream,
) -> Option<PermutationTest> {
    let Centred { z, squares } = Centred::of(map)?;
    let pairs = Pairs::of(map.dim());
    let observed = pairs.joined(&z);
    let value = observed / squares;
    if z.len() >= EXACT_FROM {
        let kurtosis = z.len() as f64 * z.iter().map(|v| v * v * v * v).sum::<f64>() / (squares * squares);
        return Some(PermutationTest { value, p: pairs.moments(kurtosis).upper_p(value) });
    }
    // Mean and sum of squares survive a permutation, so the numerators can be compared.
    let least = observed - TIE * squares;
    let mut permuted = z;
    let mut as_large = 0;
    for _ in 0..permutations {
        stream.shuffle_small(&mut permuted);
        as_large += usize::from(pairs.joined(&permuted) >= least);
    }
    Some(PermutationTest { value, p: (as_large + 1) as f64 / (permutations + 1) as f64 })
}

/// A map's values less their mean, row by row.
struct Centred {
    z: Vec<f64>,
    squares: f64,
}

impl Centred {
    fn of(map: ArrayView2<'_, f32>) -> Option<Self> {
        let first = map.iter().next()?;
        if map.iter().all(|v| v == first) || map.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let mean = map.iter().map(|&v| f64::from(v)).sum::<f64>() / map.len() as f64;
        let z: Vec<f64> = map.iter().map(|&v| f64::from(v) - mean).collect();
        Some(Self { squares: z.iter().map(|v| v * v).sum(), z })
    }
}

/// The neighbour pairs of a grid, each once with both its weights.
struct Pairs {
    width: usize,
    /// 1/d_i + 1/d_j for pixel i and its right neighbour; 0 at the end of a row.
    right: Vec<f64>,
    /// The same for pixel i and the one below it; the last row has none.
    down: Vec<f64>,
}

impl Pairs {
    fn of((h, w): (usize, usize)) -> Self {
        let inverse_degree = |y: usize, x: usize| {
            1.0 / [y > 0, y + 1 < h, x > 0, x + 1 < w].iter().filter(|&&inside| inside).count() as f64
        };
        let pixels = || (0..h).flat_map(move |y| (0..w).map(move |x| (y, x)));
        let right = pixels()
            .map(|(y, x)| if x + 1 < w { inverse_degree(y, x) + inverse_degree(y, x + 1) } else { 0.0 })
            .collect();
        let down = pixels()
            .take(h.saturating_sub(1) * w)
            .map(|(y, x)| inverse_degree(y, x) + inverse_degree(y + 1, x))
            .collect();
        Self { width: w, right, down }
    }

    /// Mean and standard deviation of I over all permutations of values of this kurtosis.
    fn moments(&self, kurtosis: f64) -> Moments {
        let weights = || self.right.iter().chain(&self.down);
        let s1 = weights().map(|w| w * w).sum();
        let mut around = vec![0.0; self.right.len()];
        for (step, weights) in [(1, &self.right), (self.width, &self.down)] {
            // Past the end lies only the last pixel's right neighbour, of weight 0.
            for (i, w) in weights.iter().enumerate().filter(|(i, _)| i + step < self.right.len()) {
                around[i] += w;
                around[i + step] += w;
            }
        }
        let s2 = around.iter().map(|w| w * w).sum();
        Moments::of_moran(self.right.len(), s1, s2, kurtosis)
    }

    /// The numerator of I for these values.
    fn joined(&self, z: &[f64]) -> f64 {
        weighted_products(&self.right, z, &z[1..]) + weighted_products(&self.down, z, &z[self.width..])
    }
}

/// sum w a b over the shortest of the three, in eight interleaved sums so that the processor can take them at once.
fn weighted_products(w: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let n = w.len().min(a.len()).min(b.len());
    let (w, a, b) = (w[..n].chunks_exact(8), a[..n].chunks_exact(8), b[..n].chunks_exact(8));
    let rest: f64 =
        w.remainder().iter().zip(a.remainder()).zip(b.remainder()).map(|((w, a), b)| w * (a * b)).sum();
    let mut sums = [0.0; 8];
    for ((w, a), b) in w.zip(a).zip(b) {
        for i in 0..8 {
            sums[i] += w[i] * (a[i] * b[i]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::rng;

    /// The definition, pair by pair.
    fn by_definition(map: &Array2<f32>) -> f64 {
        let (h, w) = map.dim();
        let mean = map.iter().map(|&v| f64::from(v)).sum::<f64>() / map.len() as f64;
        let z = map.mapv(|v| f64::from(v) - mean);
        let mut sum = 0.0;
        for ((y, x), here) in z.indexed_iter() {
            let mut around = Vec::new();
            for (dy, dx) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
                let (y, x) = (y as isize + dy, x as isize + dx);
                if (0..h as isize).contains(&y) && (0..w as isize).contains(&x) {
                    around.push(z[[y as usize, x as usize]]);
                }
            }
            sum += here * around.iter().sum::<f64>() / around.len() as f64;
        }
        sum / z.iter().map(|v| v * v).sum::<f64>()
    }

    #[test]
    fn a_checkerboard_is_minus_one() {
        for (h, w) in [(2, 2), (3, 3), (28, 28), (7, 4), (1, 9), (5, 1)] {
            let board = Array2::from_shape_fn((h, w), |(y, x)| ((y + x) % 2) as f32);
            assert!((morans_i(board.view()).unwrap() + 1.0).abs() < 1e-12, "{h}x{w}");
        }
    }

    #[test]
    fn two_columns_halves_on_paper() {
        // Left half 0, right half 1 of a 2x4 grid: z = -+1/2. Corners (4) have only like neighbours; each inner pixel
        // (4) has two like and one unlike: (2 - 1)/3. I = (4 * 1 + 4 * 1/3) / 8 = 2/3.
        let map = Array2::from_shape_fn((2, 4), |(_, x)| if x < 2 { 0.0f32 } else { 1.0 });
        assert!((morans_i(map.view()).unwrap() - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_to_say() {
        assert_eq!(morans_i(Array2::from_elem((5, 5), 0.1f32).view()), None);
        assert_eq!(morans_i(Array2::from_elem((1, 1), 0.1f32).view()), None);
        assert_eq!(morans_i(Array2::<f32>::zeros((0, 3)).view()), None);
        assert_eq!(
            morans_i(Array2::from_shape_fn((2, 2), |(y, _)| if y == 0 { f32::NAN } else { 1.0 }).view()),
            None
        );
    }

    #[test]
    fn smooth_is_significant_checkered_is_not_and_ties_count() {
        let p = |map: &Array2<f32>, permutations| {
            moran_test(map.view(), permutations, &mut rng::stream(1, "test", "moran")).unwrap().p
        };
        let smooth = Array2::from_shape_fn((8, 8), |(y, x)| (y + x) as f32);
        assert_eq!(p(&smooth, 99), 0.01);
        let board = Array2::from_shape_fn((8, 8), |(y, x)| ((y + x) % 2) as f32);
        assert_eq!(p(&board, 99), 1.0);
        // On a ring of four pixels one set pixel has the same I wherever it lies: all permutations tie.
        let single = Array2::from_shape_fn((2, 2), |p| if p == (0, 1) { 0.7f32 } else { 0.1 });
        assert_eq!(p(&single, 99), 1.0);
        assert_eq!(p(&smooth, 0), 1.0);
        // The same from exact moments.
        let smooth = Array2::from_shape_fn((40, 40), |(y, x)| (y + x) as f32);
        assert!(p(&smooth, 0) < 1e-100);
        let board = Array2::from_shape_fn((40, 40), |(y, x)| ((y + x) % 2) as f32);
        assert_eq!(p(&board, 0), 1.0);
    }

    /// Counts p-values of noise below 0.05, 0.1 and 0.5.
    fn small_in_noise(side: usize, maps: usize, permutations: usize) -> [usize; 3] {
        let mut s = rng::stream(2, "test", "moran");
        let p: Vec<f64> = (0..maps)
            .map(|i| {
                let map = Array2::from_shape_fn((side, side), |_| s.unit());
                let mut own = rng::stream(2, "test-orders", &i.to_string());
                moran_test(map.view(), permutations, &mut own).unwrap().p
            })
            .collect();
        [0.05, 0.1, 0.5].map(|at| p.iter().filter(|p| **p <= at).count())
    }

    #[test]
    fn p_is_uniform_under_the_null() {
        // 200 maps of noise: p <= 0.1 has probability 0.1 (P + 1 = 20), so the count is Binomial(200, 0.1); outside
        // 4..=40 lies less than 1e-5 of it.
        let [_, small, _] = small_in_noise(6, 200, 19);
        assert!((4..=40).contains(&small), "{small}");
    }

    #[test]
    fn p_from_exact_moments_is_about_uniform_under_the_null() {
        // 4,000 maps: binomial standard deviations are 13.8, 19.0 and 31.6; five of them each way.
        let small = small_in_noise(32, 4_000, 0);
        for (count, (expected, five)) in small.into_iter().zip([(200, 69), (400, 95), (2_000, 158)]) {
            assert!(expected - five <= count && count <= expected + five, "{small:?}");
        }
    }

    #[test]
    fn permutations_are_those_of_the_definition() {
        let mut s = rng::stream(3, "test", "moran");
        for _ in 0..40 {
            let map = Array2::from_shape_fn((7, 5), |_| s.unit());
            let own = rng::stream(3, "test-orders", "");
            let found = moran_test(map.view(), 99, &mut own.clone()).unwrap();
            let (observed, mut own) = (by_definition(&map), own);
            let mut values: Vec<f32> = map.iter().copied().collect();
            let as_large = (0..99).filter(|_| {
                own.shuffle_small(&mut values);
                by_definition(&Array2::from_shape_vec((7, 5), values.clone()).unwrap()) >= observed - 1e-12
            });
            assert_eq!(found.p, (as_large.count() + 1) as f64 / 100.0);
            assert!((found.value - observed).abs() < 1e-12);
        }
    }

    #[test]
    fn the_moments_are_those_of_every_permutation() {
        // All 720 orders of six values on 2x3 and 1x6 grids.
        let values = [0.1f32, 0.9, 0.35, 0.2, 0.75, 3.0];
        let mut orders = vec![vec![]];
        for _ in 0..6 {
            let longer = |order: Vec<usize>| {
                let free: Vec<usize> = (0..6).filter(|i| !order.contains(i)).collect();
                free.into_iter().map(move |i| [order.clone(), vec![i]].concat())
            };
            orders = orders.into_iter().flat_map(longer).collect();
        }
        for dim in [(2, 3), (1, 6)] {
            let all: Vec<f64> = orders
                .iter()
                .map(|order| {
                    let map = Array2::from_shape_fn(dim, |(y, x)| values[order[y * dim.1 + x]]);
                    morans_i(map.view()).unwrap()
                })
                .collect();
            let mean = all.iter().sum::<f64>() / 720.0;
            let variance = all.iter().map(|i| (i - mean) * (i - mean)).sum::<f64>() / 720.0;
            let map = Array2::from_shape_fn(dim, |(y, x)| values[y * dim.1 + x]);
            let Centred { z, squares } = Centred::of(map.view()).unwrap();
            let kurtosis = 6.0 * z.iter().map(|v| v.powi(4)).sum::<f64>() / (squares * squares);
            let found = Pairs::of(dim).moments(kurtosis);
            assert!(
                (found.mean - mean).abs() < 1e-12 && (found.mean + 0.2).abs() < 1e-15,
                "{found:?} {mean}"
            );
            assert!((found.deviation * found.deviation - variance).abs() < 1e-12, "{found:?} {variance}");
        }
    }

    #[test]
    fn exact_moments_agree_with_ten_thousand_permutations() {
        // Maps of 32x32: noise, noise with a share of its smoothed self, and squares of normal numbers, whose
        // kurtosis is 15.
        let mut s = rng::stream(5, "test", "moran");
        let noise = Array2::from_shape_fn((32, 32), |_| s.unit());
        let smoothed = |share: f32| {
            Array2::from_shape_fn((32, 32), |(y, x)| {
                noise[[y, x]] + share * (noise[[(y + 1) % 32, x]] + noise[[y, (x + 1) % 32]])
            })
        };
        let heavy = Array2::from_shape_fn((32, 32), |_| s.normal().powi(2));
        for map in [smoothed(0.0), smoothed(0.02), smoothed(0.04), smoothed(0.06), heavy] {
            let Centred { mut z, squares } = Centred::of(map.view()).unwrap();
            let exact = moran_test(map.view(), 0, &mut s).unwrap();
            let pairs = Pairs::of((32, 32));
            let drawn: Vec<f64> = (0..9_999)
                .map(|_| {
                    s.shuffle(&mut z);
                    pairs.joined(&z) / squares
                })
                .collect();
            let as_large = drawn.iter().filter(|i| **i >= exact.value).count();
            let p = (as_large + 1) as f64 / 10_000.0;
            // Four binomial standard errors, and 0.01 for the skewness g that the normal tail leaves out: at most
            // g/6 * |z^2 - 1| * density <= g * 0.067, with g = 0.15 for the squares (NumPy, 20,000 permutations).
            let bound = 4.0 * (p * (1.0 - p) / 9_999.0).sqrt() + 0.01;
            assert!((exact.p - p).abs() <= bound, "{} {p} {bound}", exact.p);
            let kurtosis = 1024.0 * z.iter().map(|v| v.powi(4)).sum::<f64>() / (squares * squares);
            let moments = pairs.moments(kurtosis);
            let mean = drawn.iter().sum::<f64>() / 9_999.0;
            let variance = drawn.iter().map(|i| (i - mean) * (i - mean)).sum::<f64>() / 9_998.0;
            // Five standard errors: of the mean sd/100, of a variance near the normal's var sqrt(2/9998).
            assert!((mean - moments.mean).abs() <= 0.05 * moments.deviation, "{mean} {moments:?}");
            let ratio = variance / (moments.deviation * moments.deviation);
            assert!((ratio - 1.0).abs() <= 5.0 * (2.0f64 / 9_998.0).sqrt(), "{ratio}");
        }
    }

    proptest! {
        #[test]
        fn equals_its_definition(h in 1usize..12, w in 2usize..12, seed in 0u64..1000) {
            let mut s = rng::stream(seed, "test", "moran");
            let map = Array2::from_shape_fn((h, w), |_| s.unit());
            let (got, want) = (morans_i(map.view()).unwrap(), by_definition(&map));
            prop_assert!((got - want).abs() < 1e-12, "{} {}", got, want);
            let turned = morans_i(map.t()).unwrap();
            prop_assert!((got - turned).abs() < 1e-12);
        }
    }
}
