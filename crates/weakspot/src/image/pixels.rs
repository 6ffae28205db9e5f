//! The pixels of a data set, kept in their own type.

use ndarray::{Array4, ArrayD, Axis, Dimension as _};
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::PixelFile;
use crate::error::{Error, ErrorKind, Result};

/// The pixels of many images, axes `batch, channels, height, width`.
///
/// Bytes stay bytes in memory and become floats one batch at a time (`docs/DESIGN.md`, invariant 10).
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::from_shape_fn((3, 1, 2, 2), |(i, ..)| 51 * i as u8));
/// assert_eq!(pixels.dim(), (3, 1, 2, 2));
/// assert_eq!(pixels.batch(&[1])?, Array4::from_elem((1, 1, 2, 2), 0.2));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 0 to 255, read as `value / 255`.
    U8(Array4<u8>),
    /// In `[0, 1]`.
    F32(Array4<f32>),
    /// 0 to 255, too many for memory: read from a scratch file batch by batch.
    File(PixelFile),
}

impl Pixels {
    /// `(images, channels, height, width)`.
    pub fn dim(&self) -> (usize, usize, usize, usize) {
        match self {
            Self::U8(a) => a.dim(),
            Self::F32(a) => a.dim(),
            Self::File(file) => file.dim(),
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.dim().0
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images at `indices`, as floats in `[0, 1]`, axes `batch, channels, height, width`.
    ///
    /// # Panics
    /// If an index is not below [`Pixels::len`].
    ///
    /// # Errors
    /// `Io` where the scratch file of [`Pixels::File`] cannot be read.
    pub fn batch(&self, indices: &[usize]) -> Result<Array4<f32>> {
        match self {
            Self::U8(a) => Ok(a.select(Axis(0), indices).mapv(|v| f32::from(v) / 255.0)),
            Self::F32(a) => Ok(a.select(Axis(0), indices)),
            Self::File(file) => {
                let (_, c, h, w) = file.dim();
                let bytes = file.read(indices)?;
                let values = bytes.into_iter().map(|v| f32::from(v) / 255.0).collect();
                Array4::from_shape_vec((indices.len(), c, h, w), values)
                    .map_err(|e| Error::shape(e.to_string()))
            }
        }
    }

    /// SHA-256 of the values of every image: images are the same if their digests are.
    pub fn digests(&self) -> Vec<[u8; 32]> {
        match self {
            Self::U8(a) => digests_of(a, <[u8]>::to_vec),
            Self::F32(a) => digests_of(a, |values| values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::File(file) => file.digests().collect(),
        }
    }

    /// The images at `indices`, in their own type.
    ///
    /// # Panics
    /// If an index is not below [`Pixels::len`].
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::U8(a) => Self::U8(a.select(Axis(0), indices)),
            Self::F32(a) => Self::F32(a.select(Axis(0), indices)),
            Self::File(file) => Self::File(file.select(indices)),
        }
    }
}

fn digests_of<T: Copy + Sync>(images: &Array4<T>, bytes: impl Fn(&[T]) -> Vec<u8> + Sync) -> Vec<[u8; 32]> {
    images
        .axis_iter(Axis(0))
        .into_par_iter()
        .map(|image| {
            let values = image.as_standard_layout();
            Sha256::digest(bytes(values.as_slice().unwrap_or_default())).into()
        })
        .collect()
}

/// Checks that every value is a number in `[0, 1]` up to 1e-6, and clamps what is within that tolerance.
///
/// # Errors
/// `ValueRange`, with the offending value and its place.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use weakspot::image::check_unit_range;
///
/// assert!(check_unit_range(&mut array![0.0, 0.5, 1.0].into_dyn()).is_ok());
/// // These were not divided by 255.
/// assert!(check_unit_range(&mut array![0.0, 128.0, 255.0].into_dyn()).is_err());
/// ```
pub fn check_unit_range(images: &mut ArrayD<f32>) -> Result<()> {
    for (place, value) in images.indexed_iter_mut() {
        if !(-1e-6..=1.0 + 1e-6).contains(value) {
            let what = if value.is_nan() { "NaN".to_owned() } else { format!("{value}") };
            return Err(Error::new(
                ErrorKind::ValueRange,
                format!("pixels must be in [0, 1]; got {what} at {:?}", place.slice()),
            )
            .with_hint(
                "divide 8-bit images by 255, and undo any mean and std: normalisation belongs inside the model",
            ));
        }
        *value = value.clamp(0.0, 1.0);
    }
    Ok(())
}
