//! The paper's own figures: Chattopadhyay, Yip, Tan and Chattopadhyay, *Spatially Correlated Patterns in
//! Adversarial Images*, 2020, Tables I, II and III.
//!
//! Percentages are printed here as fractions of the printed percentage. The MNIST and Fashion-MNIST entries of
//! Tables II and III are multiples of 1/32 (the two printed 96.85 % stand for 31/32 = 96.88 %), so they are read as k
//! of n = 32, which the paper does not state. The other rows give no n.

/// A score the paper reports.
///
/// # Examples
/// ```
/// use weakspot::dataset::known;
///
/// let (_, _, row) = known::by_name("mnist").unwrap().paper[0];
/// // Printed as 93.75 %, which is 30 of 32.
/// assert_eq!((row.modified.rate, row.modified.counts), (0.9375, Some((30, 32))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaperScore {
    /// As a fraction.
    pub rate: f64,
    /// k and n, where the printed number betrays them.
    pub counts: Option<(usize, usize)>,
}

/// A row of Tables I to III, source class -> target class.
///
/// # Examples
/// ```
/// use weakspot::dataset::known;
///
/// let (source, target, row) = known::by_name("mnist").unwrap().paper[0];
/// assert_eq!((source, target, row.ssim), ("0", "1", Some((0.2178, 0.0039))));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PaperRow {
    /// Table I: mean SSIM of samples, SSIM of the representatives.
    pub ssim: Option<(f64, f64)>,
    /// Table II: `score_clean`.
    pub clean: PaperScore,
    /// Table II: `score_mod`.
    pub modified: PaperScore,
    /// Table III: `score_adv`.
    pub adv: PaperScore,
    /// Table III: `score_mod-adv`, our P1.
    pub mod_adv: PaperScore,
}

/// A score of `k` of 32 images.
pub(super) const fn of32(k: usize) -> PaperScore {
    PaperScore { rate: k as f64 / 32.0, counts: Some((k, 32)) }
}

/// A score that betrays no counts, in percent.
pub(super) const fn printed(percent: f64) -> PaperScore {
    PaperScore { rate: percent / 100.0, counts: None }
}

/// A row of the three tables.
pub(super) const fn row(
    ssim: Option<(f64, f64)>,
    clean: PaperScore,
    modified: PaperScore,
    adv: PaperScore,
    mod_adv: PaperScore,
) -> PaperRow {
    PaperRow { ssim, clean, modified, adv, mod_adv }
}
