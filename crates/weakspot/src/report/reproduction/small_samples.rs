//! What the paper's 32 images per class can show, and what they never can.
//!
//! Its MNIST and Fashion-MNIST entries are multiples of 1/32. Each before/after pair is of the same images, but the
//! paper does not say which images changed, so McNemar's exact test cannot be computed; its best case can. If c images
//! change in one direction and none back, the two-sided p is `2 (1/2)^c` (at most 1): 0.0625 at c = 5, 0.03125 at
//! c = 6. A change of fewer than six images can therefore never be told from chance, whatever the pairing. Fisher's
//! exact test, for two separate samples of 32, needs as many: 26 of 32 beside 32 of 32 is the first below 0.05.

use crate::metrics::{Score, mcnemar_exact};
use crate::report::agreement::fisher_exact;
use crate::report::paper::{self, PaperScore};

/// The directions whose figures imply n = 32, under the program's names.
const DIRECTIONS: [(&str, &str, &str); 4] = [
    ("mnist", "0", "1"),
    ("mnist", "1", "0"),
    ("fashion-mnist", "Trouser", "Pullover"),
    ("fashion-mnist", "Pullover", "Trouser"),
];

/// A change that the paper reports, before and after neutralization, each of 32 images.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::paper_changes;
///
/// // MNIST, class 0: 32 of 32 before neutralization, 30 after.
/// let change = &paper_changes()[0];
/// assert_eq!((change.data, change.before.k, change.after.k), ("mnist", 32, 30));
/// // At best both changes go the same way: p is 2/4.
/// assert_eq!(change.least_mcnemar, 0.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PaperChange {
    /// The data set.
    pub data: &'static str,
    /// Class whose images are scored.
    pub source: &'static str,
    /// Class they are attacked towards.
    pub target: &'static str,
    /// `score_clean to score_mod`, `score_adv to score_mod-adv`.
    pub what: &'static str,
    /// Before.
    pub before: Score,
    /// After.
    pub after: Score,
    /// Fisher's exact p, as if the images were not the same.
    pub fisher: f64,
    /// The least p that McNemar's exact test can have: that with every change in the same direction.
    pub least_mcnemar: f64,
}

/// Every change of the paper whose n is known.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::paper_changes;
///
/// // Two data sets, two directions each, with an attack and without; none can be significant.
/// let changes = paper_changes();
/// assert_eq!(changes.len(), 8);
/// assert!(changes.iter().all(|change| change.least_mcnemar > 0.05));
/// ```
pub fn paper_changes() -> Vec<PaperChange> {
    let mut changes = Vec::new();
    for (data, source, target) in DIRECTIONS {
        let Some(row) = paper::find(data, source, target) else { continue };
        for (what, before, after) in [
            ("score_clean to score_mod", row.clean, row.modified),
            ("score_adv to score_mod-adv", row.adv, row.mod_adv),
        ] {
            let (PaperScore { counts: Some(a), .. }, PaperScore { counts: Some(b), .. }) = (before, after)
            else {
                continue;
            };
            changes.push(PaperChange {
                data,
                source,
                target,
                what,
                before: Score::of(a.0, a.1),
                after: Score::of(b.0, b.1),
                fisher: fisher_exact(a, b),
                least_mcnemar: mcnemar_exact(a.0.saturating_sub(b.0), b.0.saturating_sub(a.0)),
            });
        }
    }
    changes
}

/// The fewest images that must change, all in the same direction, for p < 0.05 in McNemar's exact test: 6, for any n.
///
/// # Examples
/// ```
/// use weakspot::metrics::mcnemar_exact;
/// use weakspot::report::reproduction::least_paired_change;
///
/// assert_eq!(least_paired_change(), 6);
/// assert!(mcnemar_exact(6, 0) < 0.05 && mcnemar_exact(5, 0) > 0.05);
/// ```
pub fn least_paired_change() -> usize {
    // 2 / 2^c is below any usual level long before c = 64.
    (1..=64).find(|&c| mcnemar_exact(c, 0) < 0.05).unwrap_or(usize::MAX)
}

/// The largest k of `n` that Fisher's exact test tells from n of n at 0.05, if any.
pub(super) fn told_from_all(n: usize) -> Option<usize> {
    (0..n).rev().find(|&k| fisher_exact((n, n), (k, n)) < 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::agreement::{Verdict, counts};

    #[test]
    fn six_images_must_change_and_the_paper_has_at_most_three() {
        // 2 / 2^5 = 0.0625, 2 / 2^6 = 0.03125.
        assert_eq!(least_paired_change(), 6);
        // C(32, 6) / C(64, 6) = 906192 / 74974368 = 0.01209, twice: 0.0242; for 5: 201376 / 7624512, twice: 0.0528.
        assert_eq!(told_from_all(32), Some(26));
        assert_eq!(told_from_all(1), None);
        let changes = paper_changes();
        assert_eq!(changes.len(), 8);
        for change in &changes {
            assert_eq!((change.before.n, change.after.n), (32, 32));
            assert!(change.before.k.abs_diff(change.after.k) <= 3, "{change:?}");
            assert!(change.fisher > 0.05 && change.least_mcnemar > 0.05, "{change:?}");
        }
    }

    #[test]
    fn beside_30_of_32_the_very_same_rate_is_not_shown_to_agree() {
        // Newcombe at 90 %: the upper end is the distance from 30/32 to its own Wilson limit at 90 %, 0.109 > 0.10.
        for n in [32, 1_600, 160_000] {
            assert_eq!(counts((30, 32), (n * 15 / 16, n)).0, Verdict::CannotTell, "{n}");
        }
    }

    #[test]
    fn the_largest_change_of_the_paper_has_the_p_that_paper_and_pencil_give() {
        // 29 of 32 to 32 of 32: at best 2 / 2^3; C(32, 3) / C(64, 3) = 4960 / 41664 = 0.1190, both tails 0.2381.
        let change = &paper_changes()[1];
        assert_eq!((change.before.k, change.after.k), (29, 32));
        assert!((change.least_mcnemar - 0.25).abs() < 1e-12);
        assert!((change.fisher - 2.0 * 4960.0 / 41664.0).abs() < 1e-9, "{}", change.fisher);
    }
}
