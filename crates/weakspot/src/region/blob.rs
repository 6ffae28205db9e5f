//! The blob: the class-level U-V+ mask that is neutralized.

use std::fmt;
use std::str::FromStr;

use ndarray::Array2;

use super::frequency::{RegionCounts, Theta};
use super::labels::{U_MINUS_V_PLUS, partition};
use crate::error::{Error, Result};
use crate::image::Mask;

/// Which pixels the blob is made of (method: section 5).
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
pub fn blob(rule: BlobRule, counts: &RegionCounts, theta: Theta) -> Mask {
    match rule {
        BlobRule::Frequency => counts.regions[usize::from(U_MINUS_V_PLUS)].at_least(theta),
        BlobRule::RepDiff => {
            counts.roa.at_least(theta).intersection(&counts.roi.at_least(theta).complement())
        }
    }
}

/// The region of each pixel by the class's representatives at theta, 0 to 3.
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
