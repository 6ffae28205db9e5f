//! Our score compared with the paper's: Fisher's exact test, and what may be concluded from it.
//!
//! ```text
//! differs       Fisher's exact test, two-sided, on the two counts has p < 0.05
//! agrees        p is larger, and the two rates are shown to lie within 10 points of each other: Newcombe's 90 %
//!               interval of their difference lies inside [-0.10, +0.10] (two one-sided tests at 0.05 each)
//! cannot tell   neither: with these counts a difference of 10 points could have gone unseen
//! ```
//!
//! The lack of a significant difference is not agreement: 32 images can miss ten points, and if they can, the verdict
//! says so.
//!
//! # References
//! Fisher, *Statistical Methods for Research Workers*, 1934, section 21.02. Newcombe, "Interval estimation for the
//! difference between independent proportions", Statistics in Medicine 17, 1998, method 10. Schuirmann, "A comparison
//! of the two one-sided tests procedure", Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.

use crate::metrics::wilson;

/// What a comparison with the paper says.
///
/// # Examples
/// ```
/// use weakspot::report::agreement::Verdict;
///
/// assert_eq!(Verdict::CannotTell.word(), "cannot tell");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not significantly different, and shown to be within 10 points.
    Agrees,
    /// Significantly different at 0.05.
    Differs,
    /// Neither is shown.
    CannotTell,
    /// The paper gives no n; its figure lies inside our 95 % interval.
    Inside,
    /// The paper gives no n; its figure lies outside our 95 % interval.
    Outside,
    /// The paper has no such figure.
    NotInPaper,
    /// This study did not run it.
    NotRun,
}

impl Verdict {
    /// As the tables print it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::CannotTell => "cannot tell",
            Self::Inside => "inside our interval",
            Self::Outside => "outside our interval",
            Self::NotInPaper => "not in the paper",
            Self::NotRun => "not run",
        }
    }
}

/// Rates closer than this count as the same: a tenth of the scale.
const MARGIN: f64 = 0.10;

/// The verdict between the paper's k of n and ours, and Fisher's p.
///
/// # Examples
/// ```
/// use weakspot::report::agreement::{Verdict, counts};
///
/// // With 32 images, a difference of ten points could go unseen.
/// assert_eq!(counts((31, 32), (30, 32)).0, Verdict::CannotTell);
/// assert_eq!(counts((3100, 3200), (3000, 3200)).0, Verdict::Differs);
/// assert_eq!(counts((310, 320), (310, 320)).0, Verdict::Agrees);
/// ```
pub fn counts(paper: (usize, usize), ours: (usize, usize)) -> (Verdict, f64) {
    let p = fisher_exact(paper, ours);
    if p < 0.05 {
        return (Verdict::Differs, p);
    }
    let (low, high) = newcombe(ours, paper, Z_90);
    let close = -MARGIN <= low && high <= MARGIN;
    (if close { Verdict::Agrees } else { Verdict::CannotTell }, p)
}

/// The verdict where the paper gives no n: is its figure inside our interval?
///
/// # Examples
/// ```
/// use weakspot::report::agreement::{Verdict, against_interval};
///
/// assert_eq!(against_interval(0.9, 0.85, 0.95), Verdict::Inside);
/// assert_eq!(against_interval(0.8, 0.85, 0.95), Verdict::Outside);
/// ```
pub fn against_interval(paper: f64, low: f64, high: f64) -> Verdict {
    if low <= paper && paper <= high { Verdict::Inside } else { Verdict::Outside }
}

/// Fisher's exact test of two proportions, each k of n, two-sided: the probability, all margins fixed, of the tables
/// that are no more probable than the one seen. 1 where one of the samples is empty.
///
/// Tables count as equally probable up to a factor of 1 + 1e-7, as in R's `fisher.test`; the sums of logarithms
/// are good to about 1e-11 (to 1e-7 beyond a million images).
///
/// # Examples
/// ```
/// use weakspot::report::agreement::fisher_exact;
///
/// // 3 of 3 against 0 of 3: the 2 most extreme of 20 tables.
/// assert!((fisher_exact((3, 3), (0, 3)) - 0.1).abs() < 1e-9);
/// ```
pub fn fisher_exact(first: (usize, usize), second: (usize, usize)) -> f64 {
    let ((k1, n1), (k2, n2)) = (first, second);
    let (successes, all) = (k1 + k2, n1 + n2);
    let logs = LogFactorials::up_to(all);
    let choose = |n: usize, k: usize| logs.of(n) - logs.of(k) - logs.of(n - k);
    let log_probability = |k: usize| choose(n1, k) + choose(n2, successes - k) - choose(all, successes);
    let seen = log_probability(k1) + 1e-7;
    let from = successes.saturating_sub(n2);
    let to = successes.min(n1);
    let (nearest, farthest) = not_zero(n1, successes, all);
    let tables = from.max(nearest)..=to.min(farthest);
    let p: f64 = tables.map(log_probability).filter(|&l| l <= seen).map(f64::exp).sum();
    p.min(1.0)
}

/// The counts whose probability is not 0 in double precision: by Bernstein's inequality those at a distance t from the
/// mean have less than `exp(-t^2 / (2 (v + t / 3)))`, v the variance with replacement, and `t = 40 sqrt(v) + 2000`
/// brings that below `exp(-745)`. In large samples these are few, which keeps the sum short.
fn not_zero(n1: usize, successes: usize, all: usize) -> (usize, usize) {
    let (n1, successes, all) = (n1 as f64, successes as f64, (all as f64).max(1.0));
    let mean = n1 * successes / all;
    let variance = mean * (1.0 - successes / all);
    let reach = 40.0 * variance.max(0.0).sqrt() + 2000.0;
    ((mean - reach).max(0.0) as usize, (mean + reach) as usize)
}

/// Logarithms of factorials that are kept: 8 MiB of them, whatever number is in a file.
const KEPT: usize = 1 << 20;

/// ln 0!, ln 1!, ln 2! and so on: summed as far as they are kept, by Stirling's series beyond.
struct LogFactorials(Vec<f64>);

impl LogFactorials {
    fn up_to(n: usize) -> Self {
        let n = n.min(KEPT);
        let mut logs = Vec::with_capacity(n + 1);
        let mut sum = 0.0;
        logs.push(sum);
        for i in 1..=n {
            sum += (i as f64).ln();
            logs.push(sum);
        }
        Self(logs)
    }

    fn of(&self, n: usize) -> f64 {
        self.0.get(n).copied().unwrap_or_else(|| {
            let n = n as f64;
            // The next term, 1 / (360 n^3), is beyond double precision.
            n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n)
        })
    }
}

/// The normal quantile of a two-sided 90 % interval.
const Z_90: f64 = 1.644_853_626_951_472_2;

/// Newcombe's hybrid score interval (method 10) of the difference of two independent proportions, first minus
/// second. The widest possible, `[-1, 1]`, where one of the samples is empty.
///
/// # Examples
/// ```
/// use weakspot::metrics::Z_95;
/// use weakspot::report::agreement::newcombe;
///
/// let (low, high) = newcombe((30, 40), (10, 40), Z_95);
/// assert!(0.25 < low && low < 0.5 && 0.5 < high);
/// // Without images, any difference is possible.
/// assert_eq!(newcombe((30, 40), (0, 0), Z_95), (-1.0, 1.0));
/// ```
pub fn newcombe(first: (usize, usize), second: (usize, usize), z: f64) -> (f64, f64) {
    if first.1 == 0 || second.1 == 0 {
        return (-1.0, 1.0);
    }
    let rate = |(k, n): (usize, usize)| k as f64 / n as f64;
    let (p1, p2) = (rate(first), rate(second));
    let ((l1, u1), (l2, u2)) = (wilson(first.0, first.1, z), wilson(second.0, second.1, z));
    let difference = p1 - p2;
    (difference - (p1 - l1).hypot(u2 - p2), difference + (u1 - p1).hypot(p2 - l2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        fisher: Vec<([usize; 4], f64)>,
        newcombe_90: Vec<([usize; 4], [f64; 2])>,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../../../reference/fisher.json")).unwrap()
    }

    #[test]
    fn fisher_is_scipys() {
        for ([a, b, c, d], expected) in golden().fisher {
            let p = fisher_exact((a, b), (c, d));
            // Sums of up to 2,000 logarithms in double precision.
            assert!((p - expected).abs() <= 1e-9 * expected.max(1e-3), "{a}/{b} {c}/{d}: {p} {expected}");
        }
    }

    #[test]
    fn newcombe_is_statsmodels() {
        for ([a, b, c, d], [low, high]) in golden().newcombe_90 {
            let ours = newcombe((a, b), (c, d), Z_90);
            assert!((ours.0 - low).abs() < 1e-9 && (ours.1 - high).abs() < 1e-9, "{ours:?} {low} {high}");
        }
    }

    #[test]
    fn fisher_does_not_care_which_sample_is_named_first() {
        let swapped = fisher_exact((3, 10), (9, 11)) - fisher_exact((9, 11), (3, 10));
        assert!(swapped.abs() < 1e-12, "{swapped}");
        assert_eq!(fisher_exact((0, 0), (5, 9)), 1.0);
    }

    #[test]
    fn a_hundred_million_images_are_compared_at_once_and_as_the_sums_say() {
        let logs = LogFactorials::up_to(2 * KEPT);
        let sum: f64 = (1..=2 * KEPT).map(|i| (i as f64).ln()).sum();
        assert!((logs.of(2 * KEPT) / sum - 1.0).abs() < 1e-12);
        assert_eq!(logs.0.len(), KEPT + 1, "memory is bounded");
        // Where the two meet.
        assert!((logs.of(KEPT + 1) - logs.of(KEPT) - ((KEPT + 1) as f64).ln()).abs() < 1e-6);
        let n = 100_000_000;
        assert!(fisher_exact((20, 32), (5 * n / 8, n)) > 0.99);
        assert!(fisher_exact((n / 2, n), (n / 2 + 50_000, n)) < 1e-10);
        assert_eq!(fisher_exact((n, n), (0, n)), 0.0);
    }

    #[test]
    fn tables_that_are_left_out_have_no_probability() {
        let whole = |(k1, n1): (usize, usize), (k2, n2): (usize, usize)| {
            let logs = LogFactorials::up_to(n1 + n2);
            let choose = |n: usize, k: usize| logs.of(n) - logs.of(k) - logs.of(n - k);
            let log = |k: usize| choose(n1, k) + choose(n2, k1 + k2 - k) - choose(n1 + n2, k1 + k2);
            let seen = log(k1) + 1e-7;
            let tables = (k1 + k2).saturating_sub(n2)..=(k1 + k2).min(n1);
            tables.map(log).filter(|&l| l <= seen).map(f64::exp).sum::<f64>().min(1.0)
        };
        for (first, second) in
            [((900, 30_000), (1_000, 40_000)), ((10, 9_000), (30, 30_000)), ((29_000, 30_000), (9, 9_000))]
        {
            assert_eq!(fisher_exact(first, second), whole(first, second), "{first:?} {second:?}");
        }
    }

    #[test]
    fn the_three_words_each_have_their_case() {
        assert_eq!(counts((32, 32), (980, 980)).0, Verdict::Agrees);
        assert_eq!(counts((30, 32), (0, 980)).0, Verdict::Differs);
        // 29/32 beside 29/32: nothing differs, and 10 points in either direction would not have shown.
        assert_eq!(counts((29, 32), (29, 32)).0, Verdict::CannotTell);
        assert_eq!(counts((32, 32), (0, 0)).0, Verdict::CannotTell);
        assert_eq!(against_interval(0.5, 0.4, 0.6), Verdict::Inside);
        assert_eq!(against_interval(0.3, 0.4, 0.6), Verdict::Outside);
    }
}
