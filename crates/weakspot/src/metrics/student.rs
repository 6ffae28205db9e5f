//! The mean of a few independent values with Student's 95 % interval.
//!
//! ```text
//! mean -+ t(n - 1) s / sqrt(n),   s the sample standard deviation,   P(|T| <= t(df)) = 0.95
//! ```
//!
//! With whole degrees of freedom the distribution is a finite sum. With `theta = atan(t / sqrt(df))`:
//!
//! ```text
//! df = 1      P = 2 theta / pi
//! df odd      P = 2/pi ( theta + sin(theta) ( cos(theta) + 2/3 cos^3(theta) + ...
//!                                             + (2 4 .. (df-3))/(3 5 .. (df-2)) cos^(df-2)(theta) ) )
//! df even     P = sin(theta) ( 1 + 1/2 cos^2(theta) + ... + (1 3 .. (df-3))/(2 4 .. (df-2)) cos^(df-2)(theta) )
//! ```
//!
//! P rises with theta from 0 to 1 on [0, pi/2], so that halving that range finds the quantile to the last bits.
//!
//! # References
//! Student, "The probable error of a mean", Biometrika 6 (1908) 1-25.
//! Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.7.3 and 26.7.4.

use serde::{Deserialize, Serialize};

/// How often the range of theta is halved: from pi/2 down to below the last bit of any number in it.
const HALVINGS: usize = 60;

/// The share of the distribution that a 95 % interval holds.
const SHARE: f64 = 0.95;

/// The 0.975 quantile of Student's t with whole degrees of freedom.
///
/// # Range
/// From 12.706 at 1 down towards 1.960. Its relative error is below 1e-12 for up to 1,000 degrees of freedom.
///
/// # Panics
/// If there are no degrees of freedom.
///
/// # Examples
/// ```
/// use weakspot::metrics::t_95;
///
/// assert_eq!((t_95(1) * 1000.0).round(), 12_706.0);
/// assert_eq!((t_95(4) * 1000.0).round(), 2_776.0);
/// ```
pub fn t_95(df: usize) -> f64 {
    assert!(df > 0, "one value has no spread");
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if within(middle, df) < SHARE {
            low = middle;
        } else {
            high = middle;
        }
    }
    (df as f64).sqrt() * f64::midpoint(low, high).tan()
}

/// P(|T| <= sqrt(df) tan(theta)).
fn within(theta: f64, df: usize) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let odd = df % 2 == 1;
    // The sum's first term, and the factors between each term and the next.
    let (mut term, first) = if odd { (cos, 3) } else { (1.0, 2) };
    let mut sum = if df == 1 { 0.0 } else { term };
    for below in (first..df.saturating_sub(1)).step_by(2) {
        let (above, below) = ((below - 1) as f64, below as f64);
        term *= above / below * cos * cos;
        sum += term;
    }
    if odd { std::f64::consts::FRAC_2_PI * (theta + sin * sum) } else { sin * sum }
}

/// The mean of a few independent values, such as one per trained network, with Student's 95 % interval.
///
/// # Examples
/// ```
/// use weakspot::metrics::{FewMean, t_95};
///
/// // Three networks; the standard deviation of their numbers is 1.
/// let found = FewMean::of(&[1.0, 2.0, 3.0]).unwrap();
/// assert_eq!((found.mean, found.sd), (2.0, Some(1.0)));
/// assert!((found.high.unwrap() - (2.0 + t_95(2) / 3.0_f64.sqrt())).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FewMean {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divisor n - 1); `null` for one value.
    pub sd: Option<f64>,
    /// Lower end of the interval; `null` for one value.
    pub low: Option<f64>,
    /// Upper end of the interval; `null` for one value.
    pub high: Option<f64>,
    /// The least value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl FewMean {
    /// The mean of some values; `None` without one. The interval may leave the range of the values (an accuracy's may
    /// go above 1): it is not cut.
    ///
    /// # Determinism
    /// Summed in the order given, in two passes.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let first = *values.first()?;
        let mean = values.iter().sum::<f64>() / n as f64;
        let (min, max) = values.iter().fold((first, first), |(min, max), &v| (v.min(min), v.max(max)));
        if n == 1 {
            return Some(Self { n, mean, sd: None, low: None, high: None, min, max });
        }
        // Rounding must not give equal values a spread.
        let mean = if min == max { first } else { mean };
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let sd = (squares / (n - 1) as f64).sqrt();
        let half = t_95(n - 1) * sd / (n as f64).sqrt();
        Some(Self { n, mean, sd: Some(sd), low: Some(mean - half), high: Some(mean + half), min, max })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_values_on_paper() {
        // 1, 2, 3: mean 2, sd 1; t with 2 degrees of freedom is 4.302653 in every printed table.
        let m = FewMean::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((m.n, m.mean, m.sd, m.min, m.max), (3, 2.0, Some(1.0), 1.0, 3.0));
        let half = 4.302_653 / 3f64.sqrt();
        // The table's six digits after the point.
        assert!((m.low.unwrap() - (2.0 - half)).abs() < 5e-7);
        assert!((m.high.unwrap() - (2.0 + half)).abs() < 5e-7);
    }

    #[test]
    fn two_degrees_of_freedom_have_a_closed_form() {
        // P = sin(theta) gives t = P sqrt(2 / (1 - P^2)).
        let t = 0.95 * (2.0 / (1.0 - 0.95f64 * 0.95)).sqrt();
        assert!((t_95(2) - t).abs() < 1e-12 * t);
        // And one is Cauchy's distribution.
        let t = (0.95 * std::f64::consts::FRAC_PI_2).tan();
        assert!((t_95(1) - t).abs() < 1e-12 * t);
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_mean() {
        assert_eq!(FewMean::of(&[]), None);
        let one = FewMean::of(&[0.25]).unwrap();
        assert_eq!((one.mean, one.sd, one.low, one.high), (0.25, None, None, None));
    }

    #[test]
    fn equal_values_have_no_spread() {
        // Three times 0.1 sums to more than 0.3.
        let m = FewMean::of(&[0.1; 3]).unwrap();
        assert_eq!((m.mean, m.sd, m.low, m.high), (0.1, Some(0.0), Some(0.1), Some(0.1)));
    }

    proptest! {
        #[test]
        fn the_quantile_falls_towards_the_normal_one(df in 1usize..500) {
            prop_assert!(t_95(df) > t_95(df + 1));
            prop_assert!(t_95(df) > crate::metrics::Z_95);
        }

        #[test]
        fn the_mean_lies_among_the_values(values in proptest::collection::vec(-1.0..1.0, 2..20)) {
            let m = FewMean::of(&values).unwrap();
            prop_assert!(m.min <= m.mean + 1e-15 && m.mean <= m.max + 1e-15);
            prop_assert!(m.low.unwrap() <= m.mean && m.mean <= m.high.unwrap());
        }
    }
}
