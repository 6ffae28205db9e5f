//! The blob: the class-level U-V+ mask that is neutralized.

use std::fmt;
use std::str::FromStr;

use ndarray::Array2;

use super::frequency::{RegionCounts, Theta};
use super::labels::{U_MINUS_V_PLUS, partition};
use crate::error::{Error, Result};
use crate::image::Mask;

/// Which pixels the blob is made of (METHODS, section 5).
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::{BlobRule, RegionCounts, Theta, blob};
///
/// // Two images with the RoA in the right pixel; one has the RoI in the left pixel, the other in the right.
/// let (left, right) = (Mask::from_fn(1, 2, |_, x| x == 0), Mask::from_fn(1, 2, |_, x| x == 1));
/// let mut counts = RegionCounts::new(1, 2);
/// counts.add(Some(&left), Some(&right));
/// counts.add(Some(&right), Some(&right));
/// let theta = Theta::new(0.5)?;
/// assert_eq!(blob("frequency".parse()?, &counts, theta), right);
/// // The representative RoI holds both pixels.
/// assert!(blob(BlobRule::RepDiff, &counts, theta).is_empty());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BlobRule {
    /// Those whose U-V+ frequency over the images that have both regions is at least theta.
    #[default]
    Frequency,
    /// Those of the representative RoA at theta that are not in the representative RoI at theta.
    RepDiff,
}

impl fmt::Display for BlobRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frequency => "frequency",
            Self::RepDiff => "rep-diff",
        })
    }
}

impl FromStr for BlobRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "frequency" => Ok(Self::Frequency),
            "rep-diff" => Ok(Self::RepDiff),
            _ => Err(Error::invalid(format!("expected a blob rule; got {text:?}"))
                .with_hint("one of frequency, rep-diff")),
        }
    }
}

/// A class's blob. Empty is an outcome, not an error.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::{BlobRule, RegionCounts, Theta, blob};
///
/// // The RoA of three images is both pixels; the RoI of two of them is the left pixel.
/// let (left, none, all) = (Mask::from_fn(1, 2, |_, x| x == 0), Mask::empty(1, 2), Mask::from_fn(1, 2, |_, _| true));
/// let mut counts = RegionCounts::new(1, 2);
/// for roi in [&left, &left, &none] {
///     counts.add(Some(roi), Some(&all));
/// }
/// // The left pixel is U-V+ in one image of three, the right one in all.
/// assert_eq!(blob(BlobRule::Frequency, &counts, Theta::new(0.5)?).area(), 1);
/// assert_eq!(blob(BlobRule::Frequency, &counts, Theta::new(0.3)?).area(), 2);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn blob(rule: BlobRule, counts: &RegionCounts, theta: Theta) -> Mask {
    match rule {
        BlobRule::Frequency => counts.regions[usize::from(U_MINUS_V_PLUS)].at_least(theta),
        BlobRule::RepDiff => {
            counts.roa.at_least(theta).intersection(&counts.roi.at_least(theta).complement())
        }
    }
}

/// The region of each pixel by the class's representatives at theta, 0 to 3.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::{RegionCounts, Theta, class_partition};
///
/// let mut counts = RegionCounts::new(1, 3);
/// counts.add(Some(&Mask::from_fn(1, 3, |_, x| x < 2)), Some(&Mask::from_fn(1, 3, |_, x| x > 0)));
/// // U+V-, U+V+, U-V+.
/// assert_eq!(class_partition(&counts, Theta::new(0.5)?), ndarray::arr2(&[[2, 3, 1]]));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn class_partition(counts: &RegionCounts, theta: Theta) -> Array2<u8> {
    partition(&counts.roi.at_least(theta), &counts.roa.at_least(theta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::region_of;
    use ndarray::arr2;

    #[test]
    fn the_two_rules_differ_where_images_disagree() {
        // Pixel 0: RoA in both images, RoI in one of them. Its U-V+ frequency is 1/2, and at theta 1/2 the
        // representative RoI holds it: in the blob by frequency, not by difference.
        let mut counts = RegionCounts::new(1, 2);
        let roa = Mask(arr2(&[[true, true]]));
        counts.add(Some(&Mask(arr2(&[[true, false]]))), Some(&roa));
        counts.add(Some(&Mask(arr2(&[[false, false]]))), Some(&roa));
        let theta = Theta::new(0.5).unwrap();
        assert_eq!(blob(BlobRule::Frequency, &counts, theta).0, arr2(&[[true, true]]));
        assert_eq!(blob(BlobRule::RepDiff, &counts, theta).0, arr2(&[[false, true]]));
        let labels = class_partition(&counts, theta);
        assert_eq!(labels, arr2(&[[3, 1]]));
        assert_eq!(region_of(&labels, U_MINUS_V_PLUS), blob(BlobRule::RepDiff, &counts, theta));
    }

    #[test]
    fn without_images_the_blob_is_empty() {
        let theta = Theta::new(0.5).unwrap();
        for rule in [BlobRule::Frequency, BlobRule::RepDiff] {
            assert!(blob(rule, &RegionCounts::new(2, 2), theta).is_empty());
            assert_eq!(rule.to_string().parse::<BlobRule>().unwrap(), rule);
        }
        assert!("Frequency".parse::<BlobRule>().unwrap_err().hint().is_some());
    }
}
