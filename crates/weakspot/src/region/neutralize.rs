//! N: a mask's pixels, all channels, set to a fill (METHODS, section 6).

use std::fmt;
use std::str::FromStr;

use ndarray::{Array4, ArrayViewMut3, Axis};

use crate::error::{Error, Result};
use crate::image::Mask;
use crate::region::ResolvedFill;

/// Sets the mask's pixels of every image to the fill, in place, and counts the values that changed: where it is 0,
/// N did nothing (flag `no-effect`).
///
/// # Errors
/// `Shape` if the mask does not have the images' size or the fill does not have their channels.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::image::Mask;
/// use weakspot::region::{Fill, neutralize};
///
/// let mut images = Array4::ones((2, 3, 4, 4));
/// let mask = Mask::from_fn(4, 4, |y, x| y == 0 && x == 0);
/// // One pixel with three channels, in two images.
/// assert_eq!(neutralize(&mut images, &mask, &Fill::Value(0.0).resolve(3, None)?)?, 6);
/// assert_eq!((images[[1, 2, 0, 0]], images[[1, 2, 0, 1]]), (0.0, 1.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn neutralize(images: &mut Array4<f32>, mask: &Mask, fill: &ResolvedFill) -> Result<usize> {
    check(images, mask, fill)?;
    Ok(images.outer_iter_mut().map(|image| set(image, mask, fill)).sum())
}

/// As [`neutralize`], with one mask for each image; gives the number of changed values of each.
///
/// # Errors
/// `Shape`; `InvalidParameter` where there is not one mask per image.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::image::Mask;
/// use weakspot::region::{Fill, neutralize_each};
///
/// let mut images = Array4::ones((2, 1, 1, 2));
/// let (first, none) = (Mask::from_fn(1, 2, |_, x| x == 0), Mask::empty(1, 2));
/// let fill = Fill::Value(0.0).resolve(1, None)?;
/// assert_eq!(neutralize_each(&mut images, &[&first, &none], &fill)?, [1, 0]);
/// assert_eq!(images.as_slice(), Some(&[0.0, 1.0, 1.0, 1.0][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn neutralize_each(images: &mut Array4<f32>, masks: &[&Mask], fill: &ResolvedFill) -> Result<Vec<usize>> {
    let n = images.len_of(Axis(0));
    if masks.len() != n {
        return Err(Error::invalid(format!("expected {n} masks, one per image; got {}", masks.len())));
    }
    for mask in masks {
        check(images, mask, fill)?;
    }
    Ok(images.outer_iter_mut().zip(masks).map(|(image, mask)| set(image, mask, fill)).collect())
}

fn check(images: &Array4<f32>, mask: &Mask, fill: &ResolvedFill) -> Result<()> {
    let (_, channels, height, width) = images.dim();
    if mask.dim() != (height, width) {
        let (h, w) = mask.dim();
        return Err(Error::shape(format!("the mask must be {height}x{width}, like the images; got {h}x{w}")));
    }
    if fill.values.len() != channels {
        return Err(Error::shape(format!(
            "the fill must have {channels} channels; got {}",
            fill.values.len()
        )));
    }
    Ok(())
}

fn set(mut image: ArrayViewMut3<'_, f32>, mask: &Mask, fill: &ResolvedFill) -> usize {
    let mut changed = 0;
    for (mut channel, &value) in image.outer_iter_mut().zip(&fill.values) {
        channel.zip_mut_with(&mask.0, |v, &inside| {
            if inside && *v != value {
                *v = value;
                changed += 1;
            }
        });
    }
    changed
}

/// Which mask an image gets.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::MaskPolicy;
///
/// let blobs = [&Mask::from_fn(1, 3, |_, x| x == 0), &Mask::from_fn(1, 3, |_, x| x == 2)];
/// assert_eq!(MaskPolicy::Union.applied(blobs, 0).area(), 2);
/// assert_eq!(&MaskPolicy::Oracle.applied(blobs, 0), blobs[0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaskPolicy {
    /// The union of both classes' blobs: needs no label.
    #[default]
    Union,
    /// The blob of the image's true class: the paper's, and not deployable.
    Oracle,
}

impl MaskPolicy {
    /// The mask for images whose true class is `class`, 0 or 1.
    ///
    /// # Panics
    /// If `class` is above 1 or the blobs' sizes differ.
    pub fn applied(self, blobs: [&Mask; 2], class: usize) -> Mask {
        match self {
            Self::Union => blobs[0].union(blobs[1]),
            Self::Oracle => blobs[class].clone(),
        }
    }
}

impl fmt::Display for MaskPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Union => "union",
            Self::Oracle => "oracle",
        })
    }
}

impl FromStr for MaskPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "union" => Ok(Self::Union),
            "oracle" => Ok(Self::Oracle),
            _ => Err(Error::invalid(format!("expected a mask policy; got {text:?}"))
                .with_hint("one of union, oracle")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::Fill;
    use ndarray::{Array4, arr2};

    fn images() -> Array4<f32> {
        Array4::from_shape_fn((2, 2, 1, 3), |(n, c, _, x)| (n + c + x) as f32 / 4.0)
    }

    #[test]
    fn the_mask_s_pixels_get_the_fill_in_every_channel_and_the_others_stay() {
        let mask = Mask(arr2(&[[false, true, false]]));
        let fill = Fill::CHANNEL_MEAN.resolve(2, Some(&[0.25, 0.5])).unwrap();
        let mut changed = images();
        assert_eq!(neutralize(&mut changed, &mask, &fill).unwrap(), 2, "two values held the fill already");
        for ((n, c, y, x), &v) in changed.indexed_iter() {
            assert_eq!(v, if x == 1 { [0.25, 0.5][c] } else { images()[[n, c, y, x]] });
        }
        assert_eq!(neutralize(&mut changed, &mask, &fill).unwrap(), 0, "idempotent");
    }

    #[test]
    fn one_mask_for_each_image() {
        let (left, right) = (Mask(arr2(&[[true, false, false]])), Mask(arr2(&[[false, false, true]])));
        let mut each = images();
        let fill = Fill::Value(1.0).resolve(2, None).unwrap();
        assert_eq!(neutralize_each(&mut each, &[&left, &right], &fill).unwrap(), [2, 1]);
        assert_eq!((each[[0, 1, 0, 0]], each[[0, 1, 0, 2]], each[[1, 0, 0, 2]]), (1.0, 0.75, 1.0));
        assert!(neutralize_each(&mut each, &[&left], &fill).is_err());
    }

    #[test]
    fn a_mask_or_fill_of_another_size_is_refused() {
        let fill = Fill::Value(0.0).resolve(2, None).unwrap();
        assert!(neutralize(&mut images(), &Mask::empty(3, 1), &fill).is_err());
        assert!(neutralize(&mut images(), &Mask::empty(1, 3), &ResolvedFill { values: vec![0.0] }).is_err());
    }

    #[test]
    fn policies_are_printed_as_they_are_read() {
        for policy in [MaskPolicy::Union, MaskPolicy::Oracle] {
            assert_eq!(policy.to_string().parse::<MaskPolicy>().unwrap(), policy);
        }
        assert!("predicted".parse::<MaskPolicy>().is_err());
    }

    #[test]
    fn the_union_needs_no_label_and_the_oracle_does() {
        let (a, b) = (Mask(arr2(&[[true, false]])), Mask(arr2(&[[false, true]])));
        assert_eq!(MaskPolicy::Union.applied([&a, &b], 0), MaskPolicy::Union.applied([&a, &b], 1));
        assert_eq!(MaskPolicy::Oracle.applied([&a, &b], 1), b);
    }
}
