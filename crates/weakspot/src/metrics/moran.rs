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
//! large, `p = (r + 1) / (P + 1)`. Under permutations the mean of I is -1/(n - 1), n the number of pixels.
//!
//! # References
//! Moran, "Notes on continuous stochastic phenomena", Biometrika 37 (1950). Cliff and Ord, *Spatial
//! Autocorrelation* (1973), for the weights and the permutation test.
//!
//! # Where we differ
//! Nothing in the definition. It is to be taken at a map's *own* grid: an upsampled map is smooth whatever it holds.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::rng::Stream;

/// Permuted sums this close to the observed one, relative to sum z^2, count as equal: maps with many equal values
/// give equal sums on paper, which rounding would order at random.
const TIE: f64 = 1e-12;

/// A statistic and how it stands among random permutations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PermutationTest {
    /// The statistic of the map as it is.
    pub value: f64,
    /// (r + 1) / (P + 1): one-sided, small where the value is larger than chance gives.
    pub p: f64,
}

/// Moran's I; `None` for a constant map (also one of a single pixel) and for one with a value that is not finite.
///
/// # Shapes
/// `[height, width]`, the map's own grid.
///
/// # Range
/// `[-1, 1]` on these grids: -1 for a checkerboard, near -1/(n - 1) for noise, near 1 for a smooth map.
pub fn morans_i(map: ArrayView2<'_, f32>) -> Option<f64> {
    let centred = Centred::of(map)?;
    Some(Pairs::of(map.dim()).joined(&centred.z) / centred.squares)
}

/// Maps that share orders: drawing one costs several times what a sum over it does.
const TOGETHER: usize = 32;

/// Orders drawn at a time: a map's values stay in the innermost cache while all of them are gone through.
const ORDERS: usize = 8;

/// Moran's I of every map with its one-sided upper permutation p; `None` as for [`morans_i`].
///
/// # Shapes
/// Each `[height, width]`, the maps' own grid, the same for all.
///
/// # Range
/// p in `[1 / (permutations + 1), 1]`; small means that like values lie together.
///
/// # Determinism
/// The permutations are those of `stream`, one shuffle after the other, and the same for every map: a map's p does not
/// depend on the maps beside it.
///
/// # Panics
/// If the maps are not all of one size.
pub fn moran_tests(
    maps: &[ArrayView2<'_, f32>],
    permutations: usize,
    stream: &Stream,
) -> Vec<Option<PermutationTest>> {
    let Some(dim) = maps.first().map(ArrayView2::dim) else { return Vec::new() };
    assert!(maps.iter().all(|map| map.dim() == dim), "maps of one size");
    let pairs = Pairs::of(dim);
    let groups = maps.par_chunks(maps.len().div_ceil(rayon::current_num_threads()).min(TOGETHER));
    groups.flat_map_iter(|maps| test_together(maps, &pairs, permutations, stream.clone())).collect()
}

/// Up to [`TOGETHER`] maps.
fn test_together(
    maps: &[ArrayView2<'_, f32>],
    pairs: &Pairs,
    permutations: usize,
    mut stream: Stream,
) -> Vec<Option<PermutationTest>> {
    let centred: Vec<Option<Centred>> = maps.iter().map(|&map| Centred::of(map)).collect();
    // Mean and sum of squares survive a permutation, so the numerators can be compared.
    let observed: Vec<f64> = centred.iter().map(|c| c.as_ref().map_or(0.0, |c| pairs.joined(&c.z))).collect();
    let mut last: Vec<u32> = (0..pairs.right.len() as u32).collect();
    let mut permuted = vec![0.0; last.len()];
    let mut as_large = vec![0usize; maps.len()];
    let runs = if centred.iter().all(Option::is_none) { 0 } else { permutations };
    for first in (0..runs).step_by(ORDERS) {
        let orders = (first..runs.min(first + ORDERS)).map(|_| {
            stream.shuffle_large(&mut last);
            last.clone()
        });
        let orders: Vec<Vec<u32>> = orders.collect();
        for (i, centred) in centred.iter().enumerate() {
            let Some(Centred { z, squares }) = centred else { continue };
            for order in &orders {
                for (to, &from) in permuted.iter_mut().zip(order) {
                    *to = z[from as usize];
                }
                as_large[i] += usize::from(pairs.joined(&permuted) >= observed[i] - TIE * squares);
            }
        }
    }
    let test = |(i, centred): (usize, Option<Centred>)| {
        centred.map(|c| PermutationTest {
            value: observed[i] / c.squares,
            p: (as_large[i] + 1) as f64 / (permutations + 1) as f64,
        })
    };
    centred.into_iter().enumerate().map(test).collect()
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
        let s = rng::stream(1, "test", "moran");
        let p = |map: &Array2<f32>, permutations| moran_tests(&[map.view()], permutations, &s)[0].unwrap().p;
        let smooth = Array2::from_shape_fn((8, 8), |(y, x)| (y + x) as f32);
        assert_eq!(p(&smooth, 99), 0.01);
        let board = Array2::from_shape_fn((8, 8), |(y, x)| ((y + x) % 2) as f32);
        assert_eq!(p(&board, 99), 1.0);
        // On a ring of four pixels one set pixel has the same I wherever it lies: all permutations tie.
        let single = Array2::from_shape_fn((2, 2), |p| if p == (0, 1) { 0.7f32 } else { 0.1 });
        assert_eq!(p(&single, 99), 1.0);
        assert_eq!(p(&smooth, 0), 1.0);
    }

    #[test]
    fn p_is_uniform_under_the_null() {
        // 200 maps of noise: p <= 0.1 has probability 0.1 (P + 1 = 20), so the count is Binomial(200, 0.1); outside
        // 4..=40 lies less than 1e-5 of it.
        let mut s = rng::stream(2, "test", "moran");
        let small = (0..200)
            .filter(|i| {
                let map = Array2::from_shape_fn((6, 6), |_| s.unit());
                let orders = rng::stream(2, "test-orders", &i.to_string());
                moran_tests(&[map.view()], 19, &orders)[0].unwrap().p <= 0.1
            })
            .count();
        assert!((4..=40).contains(&small), "{small}");
    }

    #[test]
    fn a_map_is_tested_alike_in_any_company() {
        let mut s = rng::stream(3, "test", "moran");
        // Two groups, the last one not full; one has nothing to test.
        let mut maps: Vec<Array2<f32>> =
            (0..TOGETHER + 7).map(|_| Array2::from_shape_fn((7, 5), |_| s.unit())).collect();
        maps[4].fill(0.5);
        let views: Vec<_> = maps.iter().map(|map| map.view()).collect();
        let together = moran_tests(&views, 99, &s);
        assert_eq!(together.len(), TOGETHER + 7);
        assert_eq!(together.iter().filter(|t| t.is_none()).count(), 1);
        let orders: Vec<Vec<usize>> = {
            let mut s = s.clone();
            let mut order: Vec<usize> = (0..35).collect();
            (0..99)
                .map(|_| {
                    s.shuffle_large(&mut order);
                    order.clone()
                })
                .collect()
        };
        for (view, found) in views.iter().zip(&together) {
            assert_eq!(moran_tests(&[*view], 99, &s)[0], *found);
            // The definition, map by map and order by order.
            let Some(found) = found else { continue };
            let observed = by_definition(&view.to_owned());
            let values: Vec<f32> = view.iter().copied().collect();
            let as_large = orders.iter().filter(|order| {
                let permuted = Array2::from_shape_fn((7, 5), |(y, x)| values[order[y * 5 + x]]);
                by_definition(&permuted) >= observed - 1e-12
            });
            assert_eq!(found.p, (as_large.count() + 1) as f64 / 100.0);
            assert!((found.value - observed).abs() < 1e-12);
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
