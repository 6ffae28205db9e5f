//! Two protocols on the same images: is one better?
//!
//! Every image is correct under both, the first only (b), the second only (c) or neither. McNemar's exact test asks
//! whether b of b + c is what a fair coin gives; Holm's step-down keeps the chance of any false claim in a family of
//! m tests below 5 %; the difference of the rates, (b - c)/n, has Newcombe's interval, which squares and adds the
//! distances of the two rates p1, p2 from their Wilson limits, correlated by phi:
//!
//! ```text
//! low  = p1 - p2 - sqrt((p1-l1)^2 - 2 phi (p1-l1)(u2-p2) + (u2-p2)^2)
//! high = p1 - p2 + sqrt((u1-p1)^2 - 2 phi (u1-p1)(p2-l2) + (p2-l2)^2)
//! phi  = c(both * neither - b * c) / sqrt(right1 * wrong1 * right2 * wrong2),  0 where that root is 0
//! c(t) = t - n/2 where t > n/2,  0 where 0 <= t <= n/2,  t where t < 0
//! ```
//!
//! Here `right1` and `wrong1` count the images that are correct and wrong under the first. For two classes together
//! the difference is the unweighted mean (d0 + d1)/2 of theirs, whose interval squares and adds the distances of
//! both to their own limits (MOVER):
//!
//! ```text
//! low  = (d0 + d1)/2 - sqrt((d0 - low0)^2 + (d1 - low1)^2) / 2,   high likewise
//! ```
//!
//! # References
//! McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12 (1947).
//! Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979).
//! Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data",
//! Statistics in Medicine 17 (1998) 2635-2650, method 10.
//! Zou and Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
//! Medicine 27 (2008) 1693-1702 (MOVER).

use std::fmt;

use super::binomial;
use super::intervals::Score;

/// A paired difference whose interval lies within this of 0 on both sides is called "no effect" (2 points).
const NO_EFFECT: f64 = 0.02;

/// Rates at most this far from 0 or from 1, both on one side, leave nothing to compare (2 points).
const AT_THE_END: f64 = 0.02;

/// McNemar's exact test, two-sided: the p of the two discordant counts. 1 where nothing is discordant.
///
/// # Range
/// `[0, 1]`; smaller is stronger evidence of a difference.
///
/// # Examples
/// ```
/// use weakspot::metrics::mcnemar_exact;
///
/// // All six changes go the same way: 2 of 64 possible outcomes.
/// assert_eq!(mcnemar_exact(6, 0), 0.03125);
/// assert_eq!(mcnemar_exact(3, 3), 1.0);
/// ```
pub fn mcnemar_exact(first_only: usize, second_only: usize) -> f64 {
    binomial::two_sided(first_only, first_only + second_only, 0.5)
}

/// Holm's correction of a family of p values, in the order given. A corrected p below 0.05 is a claim that holds with
/// 95 % confidence for the whole family.
///
/// # Range
/// Each at least the p it corrects, at most 1.
///
/// # Examples
/// ```
/// use weakspot::metrics::holm;
///
/// // The smallest p is multiplied by 2, the next by 1.
/// assert_eq!(holm(&[0.03125, 0.0078125]), [0.03125, 0.015625]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![0.0; p.len()];
    let mut floor: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        floor = floor.max((p.len() - rank) as f64 * p[i]).min(1.0);
        corrected[i] = floor;
    }
    corrected
}

/// First rate minus second rate on the same images, with Newcombe's 95 % interval.
///
/// # Range
/// `-1 <= low <= value <= high <= 1`, fractions; positive where the first is better.
///
/// # Examples
/// ```
/// use weakspot::metrics::paired_difference;
///
/// // Of 100 images, 20 are correct under the first protocol only and 10 under the second only.
/// let difference = paired_difference(60, 20, 10, 10);
/// assert_eq!(difference.value, 0.1);
/// assert!(difference.low < 0.0 && difference.high < 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// First minus second.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The difference from the four counts of images: correct under both, the first only, the second only, neither.
///
/// Without images the value is 0 and the interval `[-1, 1]`. Without a discordant image the value is 0 and the
/// interval is what n still allows; if in addition all images are correct, or all are wrong, phi is 0 and the
/// interval is widest.
///
/// # Examples
/// ```
/// use weakspot::metrics::paired_difference;
///
/// assert_eq!(paired_difference(50, 25, 0, 25).value, 0.25);
/// // Swapping the protocols mirrors the interval.
/// let (one, other) = (paired_difference(60, 20, 10, 10), paired_difference(60, 10, 20, 10));
/// assert!((one.low + other.high).abs() < 1e-12);
/// ```
pub fn paired_difference(both: usize, first_only: usize, second_only: usize, neither: usize) -> Difference {
    let n = both + first_only + second_only + neither;
    if n == 0 {
        return Difference { value: 0.0, low: -1.0, high: 1.0 };
    }
    let (first, second) = (Score::of(both + first_only, n), Score::of(both + second_only, n));
    let value = (first_only as f64 - second_only as f64) / n as f64;
    let phi = corrected_phi(both as f64, first_only as f64, second_only as f64, neither as f64);
    let (below, above) = (first.rate - first.low, first.high - first.rate);
    let (below_second, above_second) = (second.rate - second.low, second.high - second.rate);
    Difference {
        value,
        low: (value - correlated(phi, below, above_second)).max(-1.0),
        high: (value + correlated(phi, above, below_second)).min(1.0),
    }
}

/// The mean of two independent differences, with MOVER's 95 % interval.
///
/// # Examples
/// ```
/// use weakspot::metrics::{mean_difference, paired_difference};
///
/// let (lost, won) = (paired_difference(50, 0, 25, 25), paired_difference(50, 25, 0, 25));
/// assert_eq!(mean_difference([lost, won]).value, 0.0);
/// ```
pub fn mean_difference([a, b]: [Difference; 2]) -> Difference {
    let value = f64::midpoint(a.value, b.value);
    let below = (a.value - a.low).hypot(b.value - b.low) / 2.0;
    let above = (a.high - a.value).hypot(b.high - b.value) / 2.0;
    Difference { value, low: (value - below).max(-1.0), high: (value + above).min(1.0) }
}

/// Whether two rates are both at most 2 % or both at least 98 %, so that no comparison can tell them apart.
///
/// # Examples
/// ```
/// use weakspot::metrics::{Score, at_one_end};
///
/// // With and without the mask, at most 2 % of the images are correct under attack.
/// assert!(at_one_end(&Score::of(0, 100), &Score::of(2, 100)));
/// assert!(!at_one_end(&Score::of(0, 100), &Score::of(3, 100)));
/// ```
pub fn at_one_end(first: &Score, second: &Score) -> bool {
    // Computed from whole counts, so that 2 of 100 is 2 %.
    let low = |s: &Score| s.k as f64 <= AT_THE_END * s.n as f64 + 1e-9;
    let high = |s: &Score| (s.n - s.k) as f64 <= AT_THE_END * s.n as f64 + 1e-9;
    first.n > 0 && second.n > 0 && ((low(first) && low(second)) || (high(first) && high(second)))
}

/// sqrt(a^2 - 2 phi a b + b^2); rounding may take the radicand below 0 where phi is 1 and a equals b.
fn correlated(phi: f64, a: f64, b: f64) -> f64 {
    (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt()
}

/// Newcombe's phi, corrected for continuity where it is positive.
fn corrected_phi(both: f64, first_only: f64, second_only: f64, neither: f64) -> f64 {
    let n = both + first_only + second_only + neither;
    let margins = [both + first_only, second_only + neither, both + second_only, first_only + neither];
    let root: f64 = margins.iter().map(|m| m.sqrt()).product();
    let t = both * neither - first_only * second_only;
    let corrected = if t > n / 2.0 { t - n / 2.0 } else { t.min(0.0) };
    if root == 0.0 { 0.0 } else { corrected / root }
}

/// The word of [`Verdict::CannotTell`], by which a record's reader knows it.
pub const CANNOT_TELL: &str = "cannot tell at this eps";

/// What may be said about a paired comparison. Its [`Display`](fmt::Display) is the word for reports.
///
/// # Examples
/// ```
/// use weakspot::metrics::Verdict;
///
/// assert_eq!(Verdict::NoEffect.to_string(), "no effect");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both rates under attack are at most 2 %, or both at least 98 %: another eps is needed.
    CannotTell,
    /// The first is better: Holm p below 0.05 and a positive difference.
    Better,
    /// The first is worse: Holm p below 0.05 and a negative difference.
    Worse,
    /// Not told apart, and the whole interval of the difference is within 2 points of 0.
    NoEffect,
    /// Neither a difference nor its absence is shown.
    NotShown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CannotTell => CANNOT_TELL,
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoEffect => "no effect",
            Self::NotShown => "not shown",
        })
    }
}

/// The word for a comparison with this corrected p and this difference, decided in the order of the variants. A shown
/// difference is named even where it is smaller than 2 points. `at_one_end`: both rates are under attack and
/// [`at_one_end`].
///
/// # Examples
/// ```
/// use weakspot::metrics::{Verdict, mcnemar_exact, paired_difference, verdict};
///
/// // Of 100 images, the mask saves 20 and loses 2.
/// assert_eq!(verdict(mcnemar_exact(20, 2), paired_difference(60, 20, 2, 18), false), Verdict::Better);
/// // Here it saves two and loses two.
/// assert_eq!(verdict(mcnemar_exact(2, 2), paired_difference(60, 2, 2, 36), false), Verdict::NotShown);
/// ```
pub fn verdict(p_holm: f64, difference: Difference, at_one_end: bool) -> Verdict {
    if at_one_end {
        Verdict::CannotTell
    } else if p_holm < 0.05 && difference.value > 0.0 {
        Verdict::Better
    } else if p_holm < 0.05 && difference.value < 0.0 {
        Verdict::Worse
    } else if difference.low >= -NO_EFFECT && difference.high <= NO_EFFECT {
        Verdict::NoEffect
    } else {
        Verdict::NotShown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mcnemar_on_paper() {
        assert_eq!(mcnemar_exact(0, 5), 0.0625);
        assert_eq!(mcnemar_exact(6, 0), 0.03125);
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert_eq!(mcnemar_exact(7, 7), 1.0);
    }

    #[test]
    fn holm_on_paper() {
        // Sorted 0.01, 0.03, 0.04: times 3, 2, 1 is 0.03, 0.06, 0.04; the last is lifted to 0.06.
        let corrected = holm(&[0.04, 0.01, 0.03]);
        for (got, want) in corrected.iter().zip([0.06, 0.03, 0.06]) {
            assert!((got - want).abs() < 1e-15, "{corrected:?}");
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
    }

    #[test]
    fn without_discordant_images_the_interval_is_what_n_allows() {
        // All correct: phi is 0, the first's distances are (1 - low, 0), so low = -(1 - low) and high = 1 - low.
        let wilson = Score::of(1000, 1000);
        let d = paired_difference(1000, 0, 0, 0);
        assert_eq!(d.value, 0.0);
        assert!((d.high - (1.0 - wilson.low)).abs() < 1e-15 && (d.low + d.high).abs() < 1e-15);
        assert_eq!(verdict(1.0, d, false), Verdict::NoEffect);
        // Ten images allow differences of more than 2 points either way.
        assert_eq!(verdict(1.0, paired_difference(10, 0, 0, 0), false), Verdict::NotShown);
        // Half correct, no image differs: phi is nearly 1, the interval far narrower than for independent samples.
        let half = paired_difference(500, 0, 0, 500);
        assert!(half.high < 0.003 && half.low > -0.003, "{half:?}");
        assert_eq!(paired_difference(0, 0, 0, 0), Difference { value: 0.0, low: -1.0, high: 1.0 });
    }

    #[test]
    fn the_words_in_their_order() {
        let d = |value, low, high| Difference { value, low, high };
        assert_eq!(
            verdict(0.049, d(0.01, 0.001, 0.019), false),
            Verdict::Better,
            "a small difference that is shown"
        );
        assert_eq!(verdict(0.001, d(-0.3, -0.4, -0.2), false), Verdict::Worse);
        assert_eq!(verdict(0.05, d(0.0, -0.02, 0.02), false), Verdict::NoEffect);
        assert_eq!(verdict(0.05, d(0.0, -0.0201, 0.01), false), Verdict::NotShown);
        assert_eq!(verdict(0.05, d(0.01, -0.01, 0.0201), false), Verdict::NotShown);
        assert_eq!(verdict(0.001, d(0.02, 0.01, 0.03), true), Verdict::CannotTell, "the end comes first");
        let words =
            [Verdict::CannotTell, Verdict::Better, Verdict::Worse, Verdict::NoEffect, Verdict::NotShown];
        assert_eq!(
            words.map(|v| v.to_string()),
            ["cannot tell at this eps", "better", "worse", "no effect", "not shown"]
        );
    }

    #[test]
    fn an_end_is_two_percent_of_both() {
        let ends = |a: usize, b: usize, n: usize| at_one_end(&Score::of(a, n), &Score::of(b, n));
        assert!(ends(0, 2, 100) && ends(98, 100, 100) && ends(2, 0, 100));
        assert!(!ends(0, 3, 100) && !ends(97, 100, 100), "one of them is beyond 2 %");
        assert!(!ends(0, 100, 100), "opposite ends are a difference");
        assert!(!ends(0, 0, 0), "no image says nothing");
    }

    #[test]
    fn two_classes_together_on_paper() {
        let d = |value, low, high| Difference { value, low, high };
        // Distances 0.03 and 0.04 below, 0.06 and 0.08 above: 0.05 / 2 and 0.1 / 2.
        let both = mean_difference([d(0.1, 0.07, 0.16), d(0.3, 0.26, 0.38)]);
        assert!((both.value - 0.2).abs() < 1e-15, "{both:?}");
        assert!((both.low - 0.175).abs() < 1e-15 && (both.high - 0.25).abs() < 1e-15, "{both:?}");
        assert_eq!(mean_difference([d(-1.0, -1.0, -0.9), d(-1.0, -1.0, -0.9)]).low, -1.0);
    }

    proptest! {
        #[test]
        fn swapping_the_protocols_mirrors_the_difference(
            a in 0usize..300,
            b in 0usize..300,
            c in 0usize..300,
            d in 0usize..300,
        ) {
            let (there, back) = (paired_difference(a, b, c, d), paired_difference(a, c, b, d));
            prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
            prop_assert!(there.low <= there.value && there.value <= there.high);
            prop_assert!(-1.0 <= there.low && there.high <= 1.0);
        }

        #[test]
        fn holm_keeps_the_order_and_never_lowers(p in proptest::collection::vec(0.0..=1.0f64, 0..12)) {
            let corrected = holm(&p);
            for i in 0..p.len() {
                prop_assert!(corrected[i] >= p[i] && corrected[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || corrected[i] <= corrected[j]);
                }
            }
        }
    }
}
