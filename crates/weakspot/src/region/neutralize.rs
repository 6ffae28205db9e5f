//! N: a mask's pixels, all channels, set to a fill (METHODS, section 6).

use std::fmt;
use std::str::FromStr;

use ndarray::{Array4, ArrayView4, ArrayViewMut3, Axis};

use crate::error::{Error, Result};
use crate::image::Mask;

/// What neutralized pixels are set to.
///
/// # Examples
/// ```
/// use weakspot::region::Fill;
///
/// assert_eq!("0.5".parse::<Fill>()?, Fill::Value(0.5));
/// let fill: Fill = "channel-mean".parse()?;
/// assert_eq!(fill.resolve(3, Some(&[0.4, 0.5, 0.6]))?.values, [0.4, 0.5, 0.6]);
/// // This fill needs the means.
/// assert!(fill.resolve(3, None).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// One value in every channel, in `[0, 1]`: the paper's 0 and 1.
    Value(f32),
    /// The mean of each channel over the fit part.
    ChannelMean,
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::ChannelMean => f.write_str("channel-mean"),
        }
    }
}

impl FromStr for Fill {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "channel-mean" {
            return Ok(Self::ChannelMean);
        }
        match text.trim().parse::<f32>() {
            // -0 is 0, so that one fill has one name.
            Ok(value) if (0.0..=1.0).contains(&value) => Ok(Self::Value(value + 0.0)),
            _ => Err(Error::invalid(format!("a fill is a value in [0, 1] or channel-mean; got {text:?}"))
                .with_hint("for example 0,1 or 0,1,channel-mean")),
        }
    }
}

impl Fill {
    /// The value of each channel; `means` are those of the fit part, needed for [`Fill::ChannelMean`] only.
    ///
    /// # Errors
    /// `InvalidParameter` where the means are needed and were not given, or not one per channel.
    pub fn resolve(self, channels: usize, means: Option<&[f32]>) -> Result<ResolvedFill> {
        match (self, means) {
            (Self::Value(value), _) => Ok(ResolvedFill { values: vec![value; channels] }),
            (Self::ChannelMean, Some(means)) if means.len() == channels => {
                Ok(ResolvedFill { values: means.to_vec() })
            }
            (Self::ChannelMean, Some(means)) => Err(Error::invalid(format!(
                "expected {channels} channel means, one per channel; got {}",
                means.len()
            ))),
            (Self::ChannelMean, None) => {
                Err(Error::invalid("the fill channel-mean needs the fit part's means")
                    .with_hint("--fill 0,1"))
            }
        }
    }
}

/// A fill whose values are known.
///
/// # Examples
/// ```
/// use weakspot::region::Fill;
///
/// assert_eq!(Fill::Value(0.0).resolve(3, None)?.values, [0.0, 0.0, 0.0]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedFill {
    /// One value per channel, in `[0, 1]`.
    pub values: Vec<f32>,
}

/// The mean of each channel over many images, whatever their order and batches.
///
/// # Determinism
/// Sums whole numbers of 2^-32, so that no order of adding rounds differently.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::region::ChannelMeans;
///
/// let mut means = ChannelMeans::new(2);
/// means.add(Array4::from_shape_fn((1, 2, 4, 4), |(_, c, ..)| c as f32).view());
/// means.add(Array4::ones((1, 2, 4, 4)).view());
/// assert_eq!(means.means(), [0.5, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMeans {
    sums: Vec<u128>,
    pixels: u64,
}

impl ChannelMeans {
    /// No image yet.
    pub fn new(channels: usize) -> Self {
        Self { sums: vec![0; channels], pixels: 0 }
    }

    /// Adds a batch `[batch, channels, height, width]` in `[0, 1]`.
    ///
    /// # Panics
    /// If the number of channels differs.
    pub fn add(&mut self, images: ArrayView4<'_, f32>) {
        let (n, channels, height, width) = images.dim();
        assert_eq!(channels, self.sums.len(), "images of one data set have one number of channels");
        for (sum, channel) in self.sums.iter_mut().zip(images.axis_iter(Axis(1))) {
            *sum += channel.iter().map(|&v| (f64::from(v) * FIXED_POINT).round() as u128).sum::<u128>();
        }
        self.pixels += (n * height * width) as u64;
    }

    /// One mean per channel, in `[0, 1]`; 0 without a pixel.
    pub fn means(&self) -> Vec<f32> {
        let pixels = self.pixels.max(1) as f64;
        self.sums.iter().map(|&sum| (sum as f64 / FIXED_POINT / pixels) as f32).collect()
    }
}

/// 2^32.
const FIXED_POINT: f64 = 4_294_967_296.0;

/// Sets the mask's pixels of every image to the fill, in place, and counts the values that changed: where it is 0,
/// N did nothing (flag `no-effect`).
///
/// # Errors
/// `Shape` where the mask has not the images' size or the fill not their channels.
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
        return Err(Error::shape(format!("the mask must be {height}x{width}, as the images; got {h}x{w}")));
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
    use ndarray::{Array4, arr2};

    fn images() -> Array4<f32> {
        Array4::from_shape_fn((2, 2, 1, 3), |(n, c, _, x)| (n + c + x) as f32 / 4.0)
    }

    #[test]
    fn the_mask_s_pixels_get_the_fill_in_every_channel_and_the_others_stay() {
        let mask = Mask(arr2(&[[false, true, false]]));
        let fill = Fill::ChannelMean.resolve(2, Some(&[0.25, 0.5])).unwrap();
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
        assert!(Fill::ChannelMean.resolve(2, Some(&[0.5])).is_err());
        assert!(Fill::ChannelMean.resolve(2, None).unwrap_err().hint().is_some());
    }

    #[test]
    fn means_do_not_depend_on_order_or_batches() {
        let images = crate::testing::noise_images(
            3,
            40,
            &crate::classifier::InputSpec { channels: 2, height: 5, width: 5 },
            0.0,
            1.0,
        );
        let mut whole = ChannelMeans::new(2);
        whole.add(images.view());
        let mut parts = ChannelMeans::new(2);
        for i in (0..40).rev() {
            parts.add(images.slice(ndarray::s![i..=i, .., .., ..]));
        }
        assert_eq!(whole, parts);
        let exact: f64 = images.index_axis(Axis(1), 1).iter().map(|&v| f64::from(v)).sum::<f64>() / 1000.0;
        assert!((f64::from(whole.means()[1]) - exact).abs() < 1e-7);
        assert_eq!(ChannelMeans::new(1).means(), [0.0]);
    }

    #[test]
    fn fills_and_policies_are_printed_as_they_are_read() {
        for text in ["0", "1", "0.5", "channel-mean"] {
            assert_eq!(text.parse::<Fill>().unwrap().to_string(), text);
        }
        for bad in ["2", "-0.1", "nan", "mean", ""] {
            assert!(bad.parse::<Fill>().unwrap_err().hint().is_some(), "{bad}");
        }
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
