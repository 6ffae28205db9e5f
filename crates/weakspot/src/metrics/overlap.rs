//! How much two masks share.
//!
//! ```text
//! IoU = |a and b| / |a or b|    precision = |found and truth| / |found|    recall = |found and truth| / |truth|
//! ```
//!
//! # References
//! Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11 (1912).

use crate::image::Mask;

/// Intersection over union; `None` where both masks are empty.
///
/// # Range
/// `[0, 1]`, 1 for equal masks, 0 for disjoint ones; symmetric.
///
/// # Panics
/// If the sizes differ.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::iou;
///
/// let (a, b) = (Mask::from_fn(1, 3, |_, x| x < 2), Mask::from_fn(1, 3, |_, x| x > 0));
/// assert_eq!(iou(&a, &b), Some(1.0 / 3.0));
/// ```
pub fn iou(a: &Mask, b: &Mask) -> Option<f64> {
    let (shared, in_a, in_b) = counts(a, b);
    share(shared, in_a + in_b - shared)
}

/// How well a found region covers a known one. Higher is better throughout.
///
/// # Range
/// Each in `[0, 1]`. A share of nothing is 0: precision if nothing was found, recall if there was nothing to find,
/// IoU if both hold. The areas tell that 0 from a miss.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::metrics::Overlap;
///
/// let (found, truth) = (Mask::from_fn(1, 4, |_, x| x > 1), Mask::from_fn(1, 4, |_, x| x > 2));
/// let overlap = Overlap::of(&found, &truth);
/// assert_eq!((overlap.precision, overlap.recall, overlap.iou), (0.5, 1.0, 0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Intersection over union.
    pub iou: f64,
    /// Share of what was found that is part of the truth.
    pub precision: f64,
    /// Share of the truth that was found.
    pub recall: f64,
}

impl Overlap {
    /// What `found` covers of `truth`.
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn of(found: &Mask, truth: &Mask) -> Self {
        let (shared, found, truth) = counts(found, truth);
        Self {
            iou: share(shared, found + truth - shared).unwrap_or(0.0),
            precision: share(shared, found).unwrap_or(0.0),
            recall: share(shared, truth).unwrap_or(0.0),
        }
    }
}

/// Pixels in both, in the first, in the second.
fn counts(a: &Mask, b: &Mask) -> (usize, usize, usize) {
    assert_eq!(a.dim(), b.dim(), "masks of one image have one size");
    a.0.iter().zip(&b.0).fold((0, 0, 0), |(both, in_a, in_b), (&x, &y)| {
        (both + usize::from(x && y), in_a + usize::from(x), in_b + usize::from(y))
    })
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_on_paper() {
        // Rows 0-1 found (8 pixels), rows 1-3 planted (12), one row (4) shared.
        let found = Mask::from_fn(4, 4, |y, _| y < 2);
        let truth = Mask::from_fn(4, 4, |y, _| y > 0);
        assert_eq!(Overlap::of(&found, &truth), Overlap { iou: 0.25, precision: 0.5, recall: 4.0 / 12.0 });
        assert_eq!(Overlap::of(&truth, &found), Overlap { iou: 0.25, precision: 4.0 / 12.0, recall: 0.5 });
        assert_eq!(iou(&found, &found), Some(1.0));
        assert_eq!(iou(&found, &found.complement()), Some(0.0));
    }

    #[test]
    fn empty_masks() {
        let (none, some) = (Mask::empty(3, 2), Mask::from_fn(3, 2, |y, x| y == x));
        assert_eq!(iou(&none, &none), None);
        assert_eq!(iou(&none, &some), Some(0.0));
        assert_eq!(Overlap::of(&none, &some), Overlap { iou: 0.0, precision: 0.0, recall: 0.0 });
        assert_eq!(Overlap::of(&none, &none), Overlap { iou: 0.0, precision: 0.0, recall: 0.0 });
    }
}
