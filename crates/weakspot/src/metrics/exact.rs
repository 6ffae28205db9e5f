//! Moran's I and the join count under permutation without drawing one: their exact mean and variance, and the normal
//! tail.
//!
//! For weights w, n cells, `t_ij = w_ij + w_ji`, and values of kurtosis b (`b = n sum z^4 / (sum z^2)^2`):
//!
//! ```text
//! mean(I) = -1/(n - 1)     S0 = sum w_ij     S1 = sum t_ij^2 / 2     S2 = sum_i (sum_j t_ij)^2
//! mean(I^2) = ( n [(n^2 - 3n + 3) S1 - n S2 + 3 S0^2] - b [(n^2 - n) S1 - 2n S2 + 6 S0^2] )
//!             / ( (n-1)(n-2)(n-3) S0^2 )
//! ```
//!
//! For a mask of m cells, E neighbour pairs and D unordered pairs of neighbour pairs that share a cell, with
//! `q_k = m (m-1) .. (m-k+1) / (n (n-1) .. (n-k+1))` the chance that k given cells are all inside:
//!
//! ```text
//! mean(J) = E q_2          mean(J^2) = E q_2 + 2 D q_3 + (E (E - 1) - 2 D) q_4
//! ```
//!
//! Then `p = Q( (value - mean) / standard deviation )`, Q the upper tail of the standard normal distribution. J is a
//! whole number, so one half is subtracted from it first.
//!
//! # References
//! Cliff and Ord, *Spatial Processes: Models and Applications* (1981): randomisation for I, non-free sampling for J.
//!
//! # Where we differ
//! The continuity correction of J. I of a map with few large values, and J of a small mask, are skewed to the right. On
//! 32x32 maps 4.9 % (uniform noise), 5.4 % (squares of normal numbers) and 6.3 % (their fourth powers) of 20,000
//! permutations lie where the normal tail says 5 %, and further out the normal tail is too small by more: compare p
//! with 0.05, and do not read it as a small probability.

/// From this many cells p comes from the exact moments; below it from permutations.
pub const EXACT_FROM: usize = 1024;

/// Mean and standard deviation under permutation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl Moments {
    fn new(mean: f64, second: f64) -> Self {
        // Rounding may leave a variance that is 0 on paper a little below it.
        let variance = second - mean * mean;
        Self { mean, deviation: if variance > 0.0 { variance.sqrt() } else { 0.0 } }
    }

    /// Of Moran's I with row-standardised weights, so that S0 = n. At least four cells.
    pub(super) fn of_moran(cells: usize, s1: f64, s2: f64, kurtosis: f64) -> Self {
        let n = cells as f64;
        let squared = n * n;
        let even = n * ((squared - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * squared);
        let tailed = kurtosis * ((squared - n) * s1 - 2.0 * n * s2 + 6.0 * squared);
        let second = (even - tailed) / ((n - 1.0) * (n - 2.0) * (n - 3.0) * squared);
        Self::new(-1.0 / (n - 1.0), second)
    }

    /// Of the join count of `area` of the cells of a grid.
    pub(super) fn of_joins((h, w): (usize, usize), area: usize) -> Self {
        let (n, m) = ((h * w) as f64, area as f64);
        let pairs = (h * w.saturating_sub(1) + w * h.saturating_sub(1)) as f64;
        let inside =
            |k: u32| (0..k).map(f64::from).map(|i| (m - i).max(0.0) / (n - i).max(1.0)).product::<f64>();
        // Two neighbour pairs that share a cell are two of that cell's pairs.
        let sharing: usize = (0..h)
            .flat_map(|y| (0..w).map(move |x| [y > 0, y + 1 < h, x > 0, x + 1 < w]))
            .map(|sides| sides.into_iter().filter(|&inside| inside).count())
            .map(|degree| degree * degree.saturating_sub(1) / 2)
            .sum();
        let sharing = 2.0 * sharing as f64;
        let second = pairs * inside(2) + sharing * inside(3) + (pairs * (pairs - 1.0) - sharing) * inside(4);
        Self::new(pairs * inside(2), second)
    }

    /// The normal upper tail from a value on; 1 where the statistic is the same under every permutation.
    pub(super) fn upper_p(self, value: f64) -> f64 {
        if self.deviation > 0.0 { upper_normal((value - self.mean) / self.deviation) } else { 1.0 }
    }
}

/// P(Z >= z) of a standard normal Z, to 13 digits even in the far tail; 0 from about 38.5 on.
pub(super) fn upper_normal(z: f64) -> f64 {
    /// Where the fraction takes over from the series, which is subtracted from 1/2 and so loses digits.
    const SERIES_BELOW: f64 = 1.5;
    /// Terms of the continued fraction: at 1.5 they leave an error of exp(-2 * 1.5 * sqrt(2 * 150)) = 3e-23.
    const TERMS: u32 = 150;
    if z.is_nan() {
        return z;
    }
    if z < 0.0 {
        return 1.0 - upper_normal(-z);
    }
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if z < SERIES_BELOW {
        // density * (z + z^3/3 + z^5/(3*5) + ...), of which 60 terms are far more than enough below 1.5.
        let (mut term, mut sum) = (z, z);
        for k in 1..60 {
            term *= z * z / f64::from(2 * k + 1);
            sum += term;
        }
        return 0.5 - density * sum;
    }
    // Laplace's fraction 1 / (z + 1 / (z + 2 / (z + 3 / ...))), from its end.
    let fraction = (1..=TERMS).rev().fold(z, |below, k| z + f64::from(k) / below);
    density / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_symmetric_joins_at_the_seam_and_ends_at_nothing() {
        assert_eq!(upper_normal(0.0), 0.5);
        assert_eq!(upper_normal(f64::NEG_INFINITY), 1.0);
        assert_eq!(upper_normal(40.0), 0.0);
        let (below, above) = (upper_normal(1.5 - 1e-12), upper_normal(1.5));
        // The density there is 0.13: over 1e-12 the tail falls by 1.3e-13, and rounding is below 1e-15.
        assert!((below - above - 1.295e-13).abs() < 1e-15, "{below} {above}");
    }

    #[test]
    fn what_never_changes_is_never_significant() {
        // Every placement of all cells has all pairs.
        let full = Moments::of_joins((40, 40), 1600);
        assert_eq!(full, Moments { mean: 3120.0, deviation: 0.0 });
        assert_eq!(full.upper_p(3120.0), 1.0);
    }
}
