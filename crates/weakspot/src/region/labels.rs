//! The four regions of one image.

use ndarray::Array2;

use crate::image::Mask;

/// U-V-: neither looked at nor struck.
pub const U_MINUS_V_MINUS: u8 = 0;
/// U-V+: struck and not looked at; the blob is made of these.
pub const U_MINUS_V_PLUS: u8 = 1;
/// U+V-: looked at and not struck.
pub const U_PLUS_V_MINUS: u8 = 2;
/// U+V+: looked at and struck.
pub const U_PLUS_V_PLUS: u8 = 3;

/// The region of every pixel, `2 * U + V` (paper: section II; METHODS, section 5).
///
/// # Panics
/// If the masks' sizes differ.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::{U_MINUS_V_MINUS, U_MINUS_V_PLUS, U_PLUS_V_MINUS, U_PLUS_V_PLUS, partition};
///
/// let roi = Mask(ndarray::arr2(&[[true, true, false, false]]));
/// let roa = Mask(ndarray::arr2(&[[true, false, true, false]]));
/// let regions = [U_PLUS_V_PLUS, U_PLUS_V_MINUS, U_MINUS_V_PLUS, U_MINUS_V_MINUS];
/// assert_eq!(partition(&roi, &roa), ndarray::arr2(&[regions]));
/// ```
pub fn partition(roi: &Mask, roa: &Mask) -> Array2<u8> {
    assert_eq!(roi.dim(), roa.dim(), "masks of one image have one size");
    ndarray::Zip::from(&roi.0).and(&roa.0).map_collect(|&u, &v| 2 * u8::from(u) + u8::from(v))
}

/// The RoI, read back from the labels: the regions with U+.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::region::roi_of;
///
/// assert_eq!(roi_of(&arr2(&[[0, 1, 2, 3]])).0, arr2(&[[false, false, true, true]]));
/// ```
pub fn roi_of(labels: &Array2<u8>) -> Mask {
    Mask(labels.mapv(|region| region & 2 != 0))
}

/// The RoA, read back from the labels: the regions with V+.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::region::roa_of;
///
/// assert_eq!(roa_of(&arr2(&[[0, 1, 2, 3]])).0, arr2(&[[false, true, false, true]]));
/// ```
pub fn roa_of(labels: &Array2<u8>) -> Mask {
    Mask(labels.mapv(|region| region & 1 != 0))
}

/// The pixels of one region.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::region::{U_MINUS_V_PLUS, region_of};
///
/// assert_eq!(region_of(&arr2(&[[0, 1, 2, 1]]), U_MINUS_V_PLUS).area(), 2);
/// ```
pub fn region_of(labels: &Array2<u8>, region: u8) -> Mask {
    Mask(labels.mapv(|r| r == region))
}

/// Pixels of each region, indexed by its label. They add up to the image.
///
/// # Panics
/// If a label is above 3.
///
/// # Examples
/// ```
/// use weakspot::region::areas;
///
/// assert_eq!(areas(&ndarray::arr2(&[[0, 0, 1], [2, 0, 1]])), [3, 2, 1, 0]);
/// ```
pub fn areas(labels: &Array2<u8>) -> [usize; 4] {
    let mut areas = [0; 4];
    for &region in labels {
        areas[usize::from(region)] += 1;
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask() -> impl Strategy<Value = Mask> {
        proptest::collection::vec(any::<bool>(), 12)
            .prop_map(|v| Mask(Array2::from_shape_vec((3, 4), v).unwrap()))
    }

    proptest! {
        #[test]
        fn the_partition_is_disjoint_covers_and_can_be_read_back((roi, roa) in (mask(), mask())) {
            let labels = partition(&roi, &roa);
            prop_assert_eq!(&roi_of(&labels), &roi);
            prop_assert_eq!(&roa_of(&labels), &roa);
            prop_assert_eq!(areas(&labels).iter().sum::<usize>(), 12);
            let expected = [
                roi.union(&roa).complement(),
                roa.intersection(&roi.complement()),
                roi.intersection(&roa.complement()),
                roi.intersection(&roa),
            ];
            for (region, mask) in (0..4).zip(&expected) {
                prop_assert_eq!(&region_of(&labels, region), mask);
                prop_assert_eq!(areas(&labels)[usize::from(region)], mask.area());
            }
        }
    }
}
