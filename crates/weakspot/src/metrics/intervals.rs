//! Rates and means with their 95 % intervals.
//!
//! Wilson's interval for k of n, with z the normal quantile at 0.975:
//!
//! ```text
//! (k + z^2/2 -+ z sqrt(k (n - k) / n + z^2/4)) / (n + z^2)
//! ```
//!
//! A mean of n values with sample standard deviation s: `mean -+ z s / sqrt(n)`. The mean of two independent
//! rates with Wilson intervals `[l, u]`, by squaring and adding the distances from each rate to its own limits:
//!
//! ```text
//! (p0 + p1)/2 - sqrt((p0 - l0)^2 + (p1 - l1)^2) / 2   and   (p0 + p1)/2 + sqrt((u0 - p0)^2 + (u1 - p1)^2) / 2
//! ```
//!
//! # References
//! Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
//! Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
//! methods", Statistics in Medicine 17 (1998) 873-890, method 10 (there for a difference).
//! Zou and Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
//! Medicine 27 (2008) 1693-1702 (the same for any sum: MOVER).
//!
//! # Where we differ
//! No continuity correction. Scores are reported even if n is 0, so that the record keeps its shape.

use serde::{Deserialize, Serialize};

/// The 0.975 quantile of the standard normal distribution: every 95 % interval here uses it ("1.96").
pub const Z_95: f64 = 1.959_963_984_540_054;

/// k of n with Wilson's 95 % interval.
///
/// # Range
/// `0 <= low <= rate <= high <= 1`; fractions, never percentages.
///
/// # Examples
/// ```
/// use weakspot::metrics::Score;
///
/// let score = Score::of(30, 32);
/// assert_eq!(score.rate, 0.9375);
/// // Wilson's 95 % interval, in per mille.
/// assert_eq!(((1000.0 * score.low).round(), (1000.0 * score.high).round()), (799.0, 983.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Successes.
    pub k: usize,
    /// Trials.
    pub n: usize,
    /// k / n, a fraction; 0 where n is 0.
    pub rate: f64,
    /// Lower end of the interval, a fraction.
    pub low: f64,
    /// Upper end of the interval, a fraction.
    pub high: f64,
}

impl Score {
    /// k successes in n trials. Without trials the rate is 0 and the interval `[0, 1]`.
    ///
    /// # Panics
    /// If k exceeds n.
    pub fn of(k: usize, n: usize) -> Self {
        assert!(k <= n, "successes are counted among the trials: {k} of {n}");
        if n == 0 {
            return Self { k, n, rate: 0.0, low: 0.0, high: 1.0 };
        }
        let (low, high) = wilson(k, n, Z_95);
        let rate = k as f64 / n as f64;
        Self { k, n, rate, low, high }
    }
}

/// Wilson's score interval of k in n at a normal quantile `z`; `[0, 1]` where n is 0.
pub(crate) fn wilson(k: usize, n: usize, z: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (successes, trials) = (k as f64, n as f64);
    let z2 = z * z;
    let centre = successes + z2 / 2.0;
    let half = z * (successes * (trials - successes) / trials + z2 / 4.0).sqrt();
    let low = (centre - half) / (trials + z2);
    // Numerator and denominator are equal on paper, and rounding would leave the limit beside the rate.
    let high = if k == n { 1.0 } else { (centre + half) / (trials + z2) };
    (low, high)
}

/// A mean over images with its 95 % interval (mean -+ 1.96 standard errors).
///
/// # Examples
/// ```
/// use weakspot::metrics::{Mean, Z_95};
///
/// let mean = Mean::of(&[1.0, 2.0, 3.0]);
/// assert_eq!((mean.mean, mean.n), (2.0, 3));
/// // Their standard deviation is 1.
/// assert!((mean.high - (2.0 + Z_95 / 3.0_f64.sqrt())).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean; 0 where n is 0.
    pub mean: f64,
    /// Number of images.
    pub n: usize,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Mean {
    /// The mean of some values, the standard error from the sample standard deviation (divisor n - 1).
    ///
    /// One value says nothing about spread, so both ends are that value; without a value all three are 0. Read them
    /// together with `n`. The interval may leave the range of the values (an IoU's may go below 0): it is not cut.
    ///
    /// # Determinism
    /// Summed in the order given, in two passes.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        if n == 0 {
            return Self { mean: 0.0, n, low: 0.0, high: 0.0 };
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        if n == 1 {
            return Self { mean, n, low: mean, high: mean };
        }
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let half = Z_95 * (squares / (n - 1) as f64 / n as f64).sqrt();
        Self { mean, n, low: mean - half, high: mean + half }
    }
}

/// The mean of two classes' accuracies with its 95 % interval.
///
/// # Range
/// `0 <= low <= value <= high <= 1`; one half is what a constant prediction gets. Higher is better.
///
/// # Examples
/// ```
/// use weakspot::metrics::balanced_accuracy;
///
/// let balanced = balanced_accuracy(90, 100, 10, 20);
/// assert_eq!(balanced.value, 0.7);
/// assert!(0.5 < balanced.low && balanced.high < 0.9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Balanced {
    /// Mean of the two rates, a fraction.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Balanced accuracy from k correct of n in each of two classes.
///
/// A class without images counts as rate 0 with the interval `[0, 1]`, as in [`Score::of`].
///
/// # Panics
/// If a k exceeds its n.
///
/// # Examples
/// ```
/// use weakspot::metrics::balanced_accuracy;
///
/// // A classifier that always says class 0, on 90 images of class 0 and 10 of class 1.
/// assert_eq!(balanced_accuracy(90, 90, 0, 10).value, 0.5);
/// ```
pub fn balanced_accuracy(k0: usize, n0: usize, k1: usize, n1: usize) -> Balanced {
    let (a, b) = (Score::of(k0, n0), Score::of(k1, n1));
    let value = f64::midpoint(a.rate, b.rate);
    let below = (a.rate - a.low).hypot(b.rate - b.low);
    let above = (a.high - a.rate).hypot(b.high - b.rate);
    // On paper the ends cannot leave [0, 1]; rounding could.
    Balanced { value, low: (value - below / 2.0).max(0.0), high: (value + above / 2.0).min(1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wilson_at_the_ends_is_known_on_paper() {
        let z2 = Z_95 * Z_95;
        let none = Score::of(0, 10);
        assert_eq!((none.rate, none.low), (0.0, 0.0));
        assert!((none.high - z2 / (10.0 + z2)).abs() < 1e-15);
        let all = Score::of(10, 10);
        assert_eq!((all.rate, all.high), (1.0, 1.0));
        assert!((all.low - 10.0 / (10.0 + z2)).abs() < 1e-15);
        for n in 1..2000 {
            assert_eq!((Score::of(0, n).low, Score::of(n, n).high), (0.0, 1.0), "exactly, for {n}");
        }
        assert_eq!(Score::of(0, 0), Score { k: 0, n: 0, rate: 0.0, low: 0.0, high: 1.0 });
    }

    #[test]
    fn wilson_limits_solve_the_score_equation() {
        // The limits are where |k/n - p| is z standard errors *at p*.
        for (k, n) in [(3, 7), (30, 32), (1, 400), (250, 500)] {
            let s = Score::of(k, n);
            for p in [s.low, s.high] {
                let z = (s.rate - p).abs() / (p * (1.0 - p) / n as f64).sqrt();
                assert!((z - Z_95).abs() < 1e-9, "{k} of {n}: {z}");
            }
        }
    }

    #[test]
    fn a_mean_on_paper() {
        // Values 1, 2, 3: mean 2, sample sd 1, standard error 1/sqrt(3).
        let m = Mean::of(&[1.0, 2.0, 3.0]);
        assert_eq!((m.mean, m.n), (2.0, 3));
        assert!((m.high - 2.0 - Z_95 / 3f64.sqrt()).abs() < 1e-15);
        assert!((2.0 - m.low - Z_95 / 3f64.sqrt()).abs() < 1e-15);
        assert_eq!(Mean::of(&[]), Mean { mean: 0.0, n: 0, low: 0.0, high: 0.0 });
        assert_eq!(Mean::of(&[0.25]), Mean { mean: 0.25, n: 1, low: 0.25, high: 0.25 });
    }

    #[test]
    fn balanced_accuracy_of_equal_classes_shrinks_by_root_two() {
        let (one, both) = (Score::of(30, 40), balanced_accuracy(30, 40, 30, 40));
        assert_eq!(both.value, one.rate);
        assert!((both.value - both.low - (one.rate - one.low) / 2f64.sqrt()).abs() < 1e-15);
        assert!((both.high - both.value - (one.high - one.rate) / 2f64.sqrt()).abs() < 1e-15);
        assert_eq!(balanced_accuracy(10, 10, 0, 5).value, 0.5, "a constant prediction");
    }

    proptest! {
        #[test]
        fn rates_lie_inside_their_intervals(n0 in 1usize..3000, n1 in 1usize..3000, f0 in 0.0..=1.0, f1 in 0.0..=1.0) {
            let (k0, k1) = ((f0 * n0 as f64) as usize, (f1 * n1 as f64) as usize);
            let s = Score::of(k0, n0);
            prop_assert!(0.0 <= s.low && s.low <= s.rate && s.rate <= s.high && s.high <= 1.0);
            let b = balanced_accuracy(k0, n0, k1, n1);
            prop_assert!(0.0 <= b.low && b.low <= b.value && b.value <= b.high && b.high <= 1.0);
        }
    }
}
