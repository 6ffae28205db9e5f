//! Which single features are useful, and which of those stay so under attack.
//!
//! A feature f (an input value, or an input of the last linear layer) is standardised on the fit part; y is +1 for
//! the source class and -1 for the other. Over the eval images of both classes
//!
//! ```text
//! rho(f) = E[ y f(x) ]      gamma(f) = E[ inf over allowed x' of y f(x') ]
//! ```
//!
//! with the sign of f taken so that rho > 0. For an input value the infimum is known: f is monotone in its own
//! value v, so the worst is at an end of `[v - eps, v + eps]` cut to `[0, 1]`. For a deeper feature it is taken at the
//! attacked image x* instead. The sign is known only after the last image, so both orientations are summed:
//! the worst of y f and the worst of -y f.
//!
//! # References
//! Ilyas et al., "Adversarial examples are not bugs, they are features", NeurIPS 2019, arXiv:1905.02175, section 2
//! (rho-useful, gamma-robustly useful, useful and non-robust features); section II-C of the paper.
//!
//! # Where we differ
//! "Useful" is an estimate from n images, so the 95 % interval of rho has to exclude 0; a positive rho is not enough.
//! At x* gamma is not an infimum: a single attack can only make it too large.

use serde::{Deserialize, Serialize};

use super::intervals::Z_95;

/// How many features are useful, and how many of those stay so under attack.
///
/// # Examples
/// ```
/// use weakspot::metrics::{RhoGamma, Standardizer};
///
/// let mut fit = Standardizer::new(1);
/// fit.push(&[0.0]);
/// fit.push(&[1.0]);
/// let mut scored = RhoGamma::new(&fit);
/// // The feature tells the classes apart, and an attack of 0.75 reverses it.
/// scored.push_pixels(&[1.0], 0.75, true);
/// scored.push_pixels(&[0.0], 0.75, false);
/// let summary = scored.summary();
/// assert_eq!((summary.features, summary.useful, summary.useful_not_robust), (1, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureSummary {
    /// Number of features.
    pub features: usize,
    /// Eval images of both classes.
    pub n: usize,
    /// Features with |rho| whose 95 % interval excludes 0, the sign of each taken so that rho > 0.
    pub useful: usize,
    /// Useful features whose gamma is not above 0: useful and not robust.
    pub useful_not_robust: usize,
    /// Largest rho.
    pub max_rho: f64,
    /// Mean rho over the useful features.
    pub mean_rho: f64,
    /// Mean gamma over the useful features.
    pub mean_gamma: f64,
}

/// Mean and standard deviation of every feature over the fit part, one image at a time.
///
/// # Determinism
/// Welford's recurrence in double precision: the order of the images is part of the result's last digits, so feed
/// them in one order.
///
/// # Examples
/// ```
/// use weakspot::metrics::Standardizer;
///
/// let mut fit = Standardizer::new(2);
/// fit.push(&[0.0, 7.0]);
/// fit.push(&[1.0, 7.0]);
/// assert_eq!((fit.n(), fit.mean(0), fit.sd(0)), (2, 0.5, 0.5));
/// assert_eq!((fit.mean(1), fit.sd(1)), (7.0, 0.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
    n: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Standardizer {
    /// For this many features, with no image yet.
    pub fn new(features: usize) -> Self {
        Self { n: 0, mean: vec![0.0; features], squares: vec![0.0; features] }
    }

    /// Takes in the features of one image of the fit part.
    ///
    /// # Panics
    /// If the number of features differs.
    pub fn push(&mut self, values: &[f32]) {
        assert_eq!(values.len(), self.mean.len(), "every image has the same features");
        self.n += 1;
        let n = self.n as f64;
        for ((mean, squares), &value) in self.mean.iter_mut().zip(&mut self.squares).zip(values) {
            let before = f64::from(value) - *mean;
            *mean += before / n;
            *squares += before * (f64::from(value) - *mean);
        }
    }

    /// Images taken in.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Mean of feature i; 0 without images.
    ///
    /// # Panics
    /// If there is no feature i.
    pub fn mean(&self, i: usize) -> f64 {
        self.mean[i]
    }

    /// Standard deviation (divisor n) of feature i, exactly 0 where it never changed; 0 without images.
    ///
    /// # Panics
    /// If there is no feature i.
    pub fn sd(&self, i: usize) -> f64 {
        if self.n == 0 { 0.0 } else { (self.squares[i] / self.n as f64).sqrt() }
    }
}

/// One feature's usefulness, with the sign taken so that rho is not negative.
///
/// # Examples
/// ```
/// use weakspot::metrics::{RhoGamma, Standardizer};
///
/// let mut fit = Standardizer::new(1);
/// fit.push(&[0.0]);
/// fit.push(&[1.0]);
/// let mut scored = RhoGamma::new(&fit);
/// scored.push_pixels(&[1.0], 0.25, true);
/// scored.push_pixels(&[0.0], 0.25, false);
/// // The standard deviation is 1/2: both images lie one from the mean, and half of one under attack.
/// let feature = scored.usefulness().next().unwrap();
/// assert_eq!((feature.rho, feature.gamma, feature.useful), (1.0, 0.5, true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usefulness {
    /// +1, or -1 where the feature had to be flipped.
    pub sign: f64,
    /// E[y f(x)], in standard deviations of the fit part; at least 0, larger is more useful.
    pub rho: f64,
    /// Standard error of rho, from the sample standard deviation of y f(x); 0 for fewer than two images.
    pub standard_error: f64,
    /// The same mean in the worst case, or at x*; above 0 is robustly useful.
    pub gamma: f64,
    /// Whether rho's 95 % interval excludes 0. Never for a feature that was constant on the fit part, nor for
    /// fewer than two images.
    pub useful: bool,
}

/// Sums up y f(x) and its worst cases, one eval image at a time.
///
/// # Determinism
/// Summed in the order of the images: feed them in one order.
///
/// # Examples
/// ```
/// use weakspot::metrics::{RhoGamma, Standardizer};
///
/// let mut fit = Standardizer::new(1);
/// fit.push(&[0.0]);
/// fit.push(&[2.0]);
/// let mut scored = RhoGamma::new(&fit);
/// // One image per class: an input of the last layer before and after the attack.
/// scored.push_attacked(&[2.0], &[0.0], true);
/// scored.push_attacked(&[0.0], &[2.0], false);
/// let feature = scored.usefulness().next().unwrap();
/// assert_eq!((feature.rho, feature.gamma), (1.0, -1.0));
/// ```
#[derive(Clone, Debug)]
pub struct RhoGamma {
    n: usize,
    sums: Vec<Sums>,
}

#[derive(Clone, Copy, Debug)]
struct Sums {
    mean: f64,
    /// 1/sd, or 0 for a feature that was constant on the fit part.
    scale: f64,
    clean: f64,
    clean_squares: f64,
    /// Worst of y f.
    worst: f64,
    /// Worst of -y f.
    worst_flipped: f64,
}

impl RhoGamma {
    /// For the features that were standardised on the fit part.
    pub fn new(fit: &Standardizer) -> Self {
        let sums = (0..fit.mean.len())
            .map(|i| Sums {
                mean: fit.mean(i),
                scale: if fit.sd(i) > 0.0 { 1.0 / fit.sd(i) } else { 0.0 },
                clean: 0.0,
                clean_squares: 0.0,
                worst: 0.0,
                worst_flipped: 0.0,
            })
            .collect();
        Self { n: 0, sums }
    }

    /// Takes in an image whose features are its own values in `[0, 1]`, each of which may move by `epsilon` (pixel
    /// units) inside `[0, 1]`. `is_source` is y = +1.
    ///
    /// # Panics
    /// If the number of features differs.
    pub fn push_pixels(&mut self, pixels: &[f32], epsilon: f64, is_source: bool) {
        assert_eq!(pixels.len(), self.sums.len(), "every image has the same features");
        self.n += 1;
        for (sums, &pixel) in self.sums.iter_mut().zip(pixels) {
            let pixel = f64::from(pixel);
            // Never inside the pixel itself: a pixel that rounding left outside [0, 1] must not count as attacked.
            let low = (pixel - epsilon).max(0.0).min(pixel);
            let high = (pixel + epsilon).min(1.0).max(pixel);
            sums.add(pixel, low, high, is_source);
        }
    }

    /// Takes in an image's features before and after the attack. `is_source` is y = +1.
    ///
    /// # Panics
    /// If the number of features differs.
    pub fn push_attacked(&mut self, clean: &[f32], attacked: &[f32], is_source: bool) {
        assert!(
            clean.len() == self.sums.len() && attacked.len() == self.sums.len(),
            "every image has the same features"
        );
        self.n += 1;
        for ((sums, &clean), &attacked) in self.sums.iter_mut().zip(clean).zip(attacked) {
            let attacked = f64::from(attacked);
            sums.add(f64::from(clean), attacked, attacked, is_source);
        }
    }

    /// Every feature's usefulness, in the features' order.
    pub fn usefulness(&self) -> impl ExactSizeIterator<Item = Usefulness> + '_ {
        self.sums.iter().map(|sums| sums.usefulness(self.n))
    }

    /// The counts and means for the record. Means over no useful feature are 0; so is the largest rho of none.
    pub fn summary(&self) -> FeatureSummary {
        let (mut useful, mut useful_not_robust) = (0usize, 0);
        let (mut max_rho, mut rho, mut gamma) = (0.0f64, 0.0, 0.0);
        for feature in self.usefulness() {
            max_rho = max_rho.max(feature.rho);
            if feature.useful {
                useful += 1;
                useful_not_robust += usize::from(feature.gamma <= 0.0);
                rho += feature.rho;
                gamma += feature.gamma;
            }
        }
        let count = useful.max(1) as f64;
        FeatureSummary {
            features: self.sums.len(),
            n: self.n,
            useful,
            useful_not_robust,
            max_rho,
            mean_rho: rho / count,
            mean_gamma: gamma / count,
        }
    }
}

impl Sums {
    /// One image: its feature, and the ends of what the attack can make of it.
    fn add(&mut self, clean: f64, low: f64, high: f64, is_source: bool) {
        let standard = |value: f64| (value - self.mean) * self.scale;
        let (clean, low, high) = (standard(clean), standard(low), standard(high));
        self.clean_squares += clean * clean;
        if is_source {
            self.clean += clean;
            self.worst += low;
            self.worst_flipped -= high;
        } else {
            self.clean -= clean;
            self.worst -= high;
            self.worst_flipped += low;
        }
    }

    fn usefulness(&self, images: usize) -> Usefulness {
        let n = images.max(1) as f64;
        let mean = self.clean / n;
        let flipped = mean < 0.0;
        let rho = mean.abs();
        let standard_error = if images < 2 {
            0.0
        } else {
            ((self.clean_squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt()
        };
        Usefulness {
            sign: if flipped { -1.0 } else { 1.0 },
            rho,
            standard_error,
            gamma: if flipped { self.worst_flipped } else { self.worst } / n,
            useful: images >= 2 && rho - Z_95 * standard_error > 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Standardised on values -+1 about a mean of 1/2: mean 1/2, sd 1/2.
    fn unit_fit(features: usize) -> Standardizer {
        let mut fit = Standardizer::new(features);
        fit.push(&vec![0.0; features]);
        fit.push(&vec![1.0; features]);
        fit
    }

    #[test]
    fn standardizing_on_paper() {
        let mut fit = Standardizer::new(2);
        for value in [1.0, 2.0, 3.0, 6.0] {
            fit.push(&[value, 0.1]);
        }
        // Mean 3, squared deviations 4 + 1 + 0 + 9 = 14.
        assert_eq!((fit.n(), fit.mean(0)), (4, 3.0));
        assert!((fit.sd(0) - 3.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(fit.sd(1), 0.0, "a feature that never changes has no spread, whatever rounding says");
        assert_eq!(Standardizer::new(1).sd(0), 0.0);
    }

    #[test]
    fn rho_and_gamma_on_paper() {
        // Feature 0 is 0.8 for the source and 0.4 for the other; feature 1 the other way round; standardised,
        // 0.8 is 0.6 and 0.4 is -0.2, so rho = 0.4 for both, the second flipped. The attack moves each by 0.3:
        // 0.8 -> 0.5 (0.0) and 0.4 -> 0.7 (0.4), so gamma = (0.0 - 0.4) / 2 = -0.2.
        let mut acc = RhoGamma::new(&unit_fit(2));
        acc.push_pixels(&[0.8, 0.4], 0.3, true);
        acc.push_pixels(&[0.4, 0.8], 0.3, false);
        for (i, feature) in acc.usefulness().enumerate() {
            assert_eq!(feature.sign, [1.0, -1.0][i]);
            assert!((feature.rho - 0.4).abs() < 1e-6, "{feature:?}");
            assert!((feature.gamma + 0.2).abs() < 1e-6, "{feature:?}");
        }
    }

    #[test]
    fn the_box_limits_the_attack() {
        // Source at 0.1, other at 0: flipping apart, 0.1 falls to 0 only, and 0 rises by epsilon.
        let mut acc = RhoGamma::new(&unit_fit(1));
        acc.push_pixels(&[0.1], 0.3, true);
        acc.push_pixels(&[0.0], 0.3, false);
        let feature = acc.usefulness().next().unwrap();
        // Standardised: 0 is -1, 0.3 is -0.4: gamma = (-1 + 0.4) / 2.
        assert!((feature.gamma + 0.3).abs() < 1e-7, "{feature:?}");
    }

    #[test]
    fn attacked_features_are_taken_as_they_are() {
        let mut acc = RhoGamma::new(&unit_fit(1));
        acc.push_attacked(&[1.0], &[0.75], true);
        acc.push_attacked(&[0.0], &[-1.0], false);
        let feature = acc.usefulness().next().unwrap();
        // Standardised, clean 1 and -1; attacked 0.5 and -3: rho = 1, gamma = (0.5 + 3) / 2.
        assert_eq!((feature.rho, feature.gamma, feature.sign), (1.0, 1.75, 1.0));
        assert_eq!((feature.standard_error, feature.useful), (0.0, true));
    }

    #[test]
    fn constant_on_fit_is_never_useful() {
        let mut fit = Standardizer::new(1);
        fit.push(&[0.0]);
        fit.push(&[0.0]);
        let mut acc = RhoGamma::new(&fit);
        acc.push_pixels(&[1.0], 0.1, true);
        acc.push_pixels(&[0.0], 0.1, false);
        let feature = acc.usefulness().next().unwrap();
        assert_eq!((feature.rho, feature.gamma, feature.useful), (0.0, 0.0, false));
        let want = FeatureSummary {
            features: 1,
            n: 2,
            useful: 0,
            useful_not_robust: 0,
            max_rho: 0.0,
            mean_rho: 0.0,
            mean_gamma: 0.0,
        };
        assert_eq!(acc.summary(), want);
        assert_eq!(RhoGamma::new(&fit).summary(), FeatureSummary { n: 0, ..want });
    }

    #[test]
    fn the_summary_counts_the_useful_and_the_fragile() {
        // Feature 0 separates by 1, feature 1 by 0.25; feature 2 has rho 0.05 with standard error 0.1, which shows
        // nothing; epsilon 0.2.
        let mut acc = RhoGamma::new(&unit_fit(3));
        for i in 0..20 {
            let (source, turn) = (i % 2 == 0, if i % 7 == 0 { 0.75 } else { 0.25 });
            acc.push_pixels(&if source { [1.0, 0.5, turn] } else { [0.0, 0.25, turn] }, 0.2, source);
        }
        let s = acc.summary();
        assert_eq!((s.features, s.n, s.useful), (3, 20, 2));
        // gamma 0: (0.8 standardised 0.6, both classes alike); gamma 1: 0.5 -> 0.3 (-0.4), 0.25 -> 0.45 (-0.1).
        assert_eq!(s.useful_not_robust, 1);
        assert!(
            (s.max_rho - 1.0).abs() < 1e-6 && (s.mean_rho - f64::midpoint(1.0, 0.25)).abs() < 1e-6,
            "{s:?}"
        );
        assert!((s.mean_gamma - f64::midpoint(0.6, -0.15)).abs() < 1e-6, "{s:?}");
    }

    proptest! {
        #[test]
        fn gamma_never_exceeds_rho_and_meets_it_without_an_attack(
            rows in proptest::collection::vec((proptest::collection::vec(0.0..=1.0f32, 3), any::<bool>()), 2..30),
            epsilon in 0.0..0.5f64,
        ) {
            let (mut free, mut attacked) = (RhoGamma::new(&unit_fit(3)), RhoGamma::new(&unit_fit(3)));
            for (row, source) in &rows {
                free.push_pixels(row, 0.0, *source);
                attacked.push_pixels(row, epsilon, *source);
            }
            for (a, b) in free.usefulness().zip(attacked.usefulness()) {
                prop_assert_eq!(a.gamma, a.rho);
                prop_assert_eq!(a.rho, b.rho);
                prop_assert!(b.gamma <= b.rho && b.gamma >= b.rho - 2.0 * epsilon - 1e-12);
            }
        }
    }
}
