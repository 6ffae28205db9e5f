//! The pixels of a data set, kept as they came.

use ndarray::{Array4, ArrayD, Axis, Dimension as _};

use crate::error::{Error, ErrorKind, Result};

/// The pixels of many images, axes `batch, channels, height, width`.
///
/// Bytes stay bytes in memory and become floats one batch at a time (`docs/DESIGN.md`, invariant 10).
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 0 to 255, read as `value / 255`.
    U8(Array4<u8>),
    /// In `[0, 1]`.
    F32(Array4<f32>),
}

impl Pixels {
    /// `(images, channels, height, width)`.
    pub fn dim(&self) -> (usize, usize, usize, usize) {
        match self {
            Self::U8(a) => a.dim(),
            Self::F32(a) => a.dim(),
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.dim().0
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images at `indices`, as floats in `[0, 1]`, axes `batch, channels, height, width`.
    ///
    /// # Panics
    /// If an index is not below [`Pixels::len`].
    pub fn batch(&self, indices: &[usize]) -> Array4<f32> {
        match self {
            Self::U8(a) => a.select(Axis(0), indices).mapv(|v| f32::from(v) / 255.0),
            Self::F32(a) => a.select(Axis(0), indices),
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
        }
    }
}

/// Checks that every value is a number in `[0, 1]` up to 1e-6, and clamps what is within that tolerance.
///
/// # Errors
/// `ValueRange`, with the offending value and its place.
pub fn check_unit_range(images: &mut ArrayD<f32>) -> Result<()> {
    for (place, value) in images.indexed_iter_mut() {
        if !(-1e-6..=1.0 + 1e-6).contains(value) {
            let what = if value.is_nan() { "NaN".to_owned() } else { format!("{value}") };
            return Err(Error::new(
                ErrorKind::ValueRange,
                format!("pixels must be in [0, 1]; got {what} at {:?}", place.slice()),
            )
            .with_hint("divide 8-bit images by 255, and undo any mean and std: normalisation belongs inside the model"));
        }
        *value = value.clamp(0.0, 1.0);
    }
    Ok(())
}
