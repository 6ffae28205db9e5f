//! Exact tails of the binomial distribution.
//!
//! ```text
//! P(X = k) = C(n, k) p^k q^(n-k),   q = 1 - p
//! upper(k) = P(X >= k)      two_sided(k) = sum of P(X = j) over all j with P(X = j) <= P(X = k)
//! ```
//!
//! `C(n, k)` overflows beyond n = 1029 and logarithms of factorials near n = 10^6 have lost seven digits to
//! cancellation, so the mass is taken in Loader's form, in which the large terms have been cancelled on paper:
//!
//! ```text
//! ln P(X = k) = e(n) - e(k) - e(n-k) - D(k, np) - D(n-k, nq) + ln(n / (2 pi k (n-k))) / 2
//! e(m) = ln m! - (m + 1/2) ln m + m - ln(2 pi)/2        D(x, m) = x ln(x/m) + m - x
//! ```
//!
//! A tail is the mass at its own end times the sum of the ratios of successive masses, which stops by itself after
//! a few standard deviations. At p = 1/2 and n <= 62 the counts are summed as integers instead, so that the commonest
//! paired tests are exact.
//!
//! # References
//! Loader, "Fast and accurate computation of binomial probabilities" (2000).
//! The two-sided rule is the one of R's `binom.test` and scipy's `binomtest`, their tolerance for ties included.

/// Masses within this factor of one another count as equal: they are equal on paper and differ by rounding.
const TIE: f64 = 1.0 + 1e-7;

/// The probability of a count as large as k or larger, under n trials of probability p.
///
/// # Range
/// `[0, 1]`; smaller is stronger evidence that the true probability exceeds p.
///
/// # Panics
/// If p is not in `[0, 1]`.
///
/// # Examples
/// ```
/// use weakspot::metrics::binomial::upper;
///
/// // Two heads in two tosses.
/// assert_eq!(upper(2, 2, 0.5), 0.25);
/// ```
pub fn upper(k: usize, n: usize, p: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "a probability is in [0, 1], got {p}");
    if k == 0 {
        1.0
    } else if k > n {
        0.0
    } else {
        // P(X >= k) = P(n - X <= n - k), and n - X has probability q.
        at_most(n - k, n, 1.0 - p, p)
    }
}

/// The probability of a count no likelier than k, under n trials of probability p.
///
/// # Range
/// `[0, 1]`; smaller is stronger evidence that the true probability is not p. At p = 1/2 it is twice the smaller
/// tail, at most 1.
///
/// # Panics
/// If p is not in `[0, 1]` or k exceeds n.
///
/// # Examples
/// ```
/// use weakspot::metrics::binomial::two_sided;
///
/// // No heads in five tosses is as unlikely as five.
/// assert_eq!(two_sided(0, 5, 0.5), 2.0 / 32.0);
/// ```
pub fn two_sided(k: usize, n: usize, p: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "a probability is in [0, 1], got {p}");
    assert!(k <= n, "successes are counted among the trials: {k} of {n}");
    let q = 1.0 - p;
    if p == q {
        return (2.0 * at_most(k.min(n - k), n, p, q)).min(1.0);
    }
    let (count, mean) = (k as f64, n as f64 * p);
    if count == mean {
        return 1.0;
    }
    // Above the mean, count failures instead: then the observed count is always in the lower tail.
    let (k, p, q) = if count < mean { (k, p, q) } else { (n - k, q, p) };
    let limit = ln_mass(k, n, p, q) + TIE.ln();
    // The mass falls from the mode to n: find the first count there that is no likelier than k.
    let (mut low, mut high) = (k + 1, n + 1);
    let mode = (((n + 1) as f64 * p).floor() as usize).min(n);
    low = low.max(mode);
    while low < high {
        let middle = low.midpoint(high);
        if ln_mass(middle, n, p, q) <= limit {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let far = if low > n { 0.0 } else { at_most(n - low, n, q, p) };
    (at_most(k, n, p, q) + far).min(1.0)
}

/// P(X <= k) for k <= n, with q = 1 - p given so that neither is found by subtracting.
fn at_most(k: usize, n: usize, p: f64, q: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if p == 0.5 && n <= 62 {
        return count_at_most(k, n);
    }
    if (k as f64) < n as f64 * p {
        tail_down(k, n, p, q)
    } else {
        // Beyond the mean the masses rise towards it: sum the other tail, which is P(n - X <= n - k - 1).
        (1.0 - tail_down(n - k - 1, n, q, p)).max(0.0)
    }
}

/// Subsets of n with at most k members, over 2^n; n <= 62, so that the counts are exact.
fn count_at_most(k: usize, n: usize) -> f64 {
    let (mut subsets, mut total) = (1u128, 1u128);
    for j in 0..k {
        subsets = subsets * (n - j) as u128 / (j + 1) as u128;
        total += subsets;
    }
    total as f64 / (1u64 << n) as f64
}

/// P(X <= k) where the masses fall going down from k.
fn tail_down(k: usize, n: usize, p: f64, q: f64) -> f64 {
    let (mut ratio, mut sum) = (1.0, 1.0);
    for j in (1..=k).rev() {
        ratio *= j as f64 * q / ((n - j + 1) as f64 * p);
        sum += ratio;
        if ratio < sum * 1e-18 {
            break;
        }
    }
    (ln_mass(k, n, p, q) + f64::ln(sum)).exp().min(1.0)
}

/// The logarithm of P(X = k).
fn ln_mass(k: usize, n: usize, p: f64, q: f64) -> f64 {
    let (trials, hits, misses) = (n as f64, k as f64, (n - k) as f64);
    if k == 0 || k == n {
        // x ln 0 is -infinity except at x = 0, where it is 0.
        let side = |count: f64, share: f64| if count == 0.0 { 0.0 } else { count * share.ln() };
        return side(hits, p) + side(misses, q);
    }
    if p == 0.0 || q == 0.0 {
        return f64::NEG_INFINITY;
    }
    let spread = (trials / (std::f64::consts::TAU * hits * misses)).ln() / 2.0;
    stirling_error(n)
        - stirling_error(k)
        - stirling_error(n - k)
        - deviance(hits, trials * p)
        - deviance(misses, trials * q)
        + spread
}

/// e(m): what Stirling's formula misses in ln m!, for m >= 1.
fn stirling_error(m: usize) -> f64 {
    let x = m as f64;
    if m < 16 {
        let ln_factorial = (2..=m).map(|i| i as f64).product::<f64>().ln();
        return ln_factorial - (x + 0.5) * x.ln() + x - std::f64::consts::TAU.ln() / 2.0;
    }
    // Stirling's series in Bernoulli numbers; from m = 16 on the first term left out is below 1e-15.
    let r = 1.0 / (x * x);
    (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r / 1188.0)))) / x
}

/// D(x, m) = x ln(x/m) + m - x for positive x and m.
fn deviance(x: f64, m: f64) -> f64 {
    let v = (x - m) / (x + m);
    if v.abs() >= 0.1 {
        return x * (x / m).ln() + m - x;
    }
    // Near m the three terms cancel. With x/m = (1+v)/(1-v): D = (x - m) v + 2 x (v^3/3 + v^5/5 + ...).
    let mut power = 2.0 * x * v;
    let mut sum = (x - m) * v;
    for j in 1..20 {
        power *= v * v;
        sum += power / f64::from(2 * j + 1);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fair_coins_on_paper() {
        assert_eq!(two_sided(0, 5, 0.5), 2.0 / 32.0);
        assert_eq!(two_sided(1, 6, 0.5), 14.0 / 64.0);
        assert_eq!(two_sided(5, 10, 0.5), 1.0);
        assert_eq!(two_sided(4, 9, 0.5), 1.0);
        assert_eq!(two_sided(0, 0, 0.5), 1.0);
        assert_eq!(upper(8, 10, 0.5), 56.0 / 1024.0);
        assert_eq!(upper(0, 10, 0.5), 1.0);
        assert_eq!(upper(11, 10, 0.5), 0.0);
    }

    #[test]
    fn certain_outcomes() {
        assert_eq!((upper(1, 4, 0.0), upper(4, 4, 1.0)), (0.0, 1.0));
        assert_eq!((two_sided(0, 4, 0.0), two_sided(1, 4, 0.0)), (1.0, 0.0));
        assert_eq!((two_sided(4, 4, 1.0), two_sided(3, 4, 1.0)), (1.0, 0.0));
    }

    #[test]
    fn the_integer_and_the_logarithmic_tails_agree() {
        for n in 1..=62 {
            for k in 0..n {
                let exact = count_at_most(k, n);
                let series = if 2 * k < n {
                    tail_down(k, n, 0.5, 0.5)
                } else {
                    1.0 - tail_down(n - k - 1, n, 0.5, 0.5)
                };
                assert!((series / exact - 1.0).abs() < 1e-13, "{k} of {n}: {series} {exact}");
            }
        }
    }

    proptest! {
        #[test]
        fn tails_add_up(n in 1usize..2000, f in 0.0..=1.0, p in 0.001..0.999) {
            let k = (f * n as f64) as usize;
            let lower = if k == 0 { 0.0 } else { at_most(k - 1, n, p, 1.0 - p) };
            prop_assert!((lower + upper(k, n, p) - 1.0).abs() < 1e-12);
        }

        #[test]
        fn two_sided_is_the_sum_it_says(n in 1usize..60, f in 0.0..=1.0, p in 0.05..0.95) {
            let k = (f * n as f64) as usize;
            let mass = |j| ln_mass(j, n, p, 1.0 - p).exp();
            let sum: f64 = (0..=n).map(mass).filter(|&m| m <= mass(k) * TIE).sum();
            prop_assert!((two_sided(k, n, p) - sum.min(1.0)).abs() < 1e-12);
        }
    }
}
