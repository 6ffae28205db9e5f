//! An array as a file holds it, and what makes it images or labels.

use ndarray::{Array4, ArrayD, IxDyn};

use super::MAX_CLASSES;
use crate::dataset::MAX_PIXEL_BYTES;
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Pixels, check_unit_range};

/// The numbers that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// Masks only.
    Bool,
    U8,
    I32,
    I64,
    F32,
}

impl Number {
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::Bool | Self::U8 => 1,
            Self::I32 | Self::F32 => 4,
            Self::I64 => 8,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
        }
    }
}

/// Little-endian values in row-major order; the length agrees with the shape.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) number: Number,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

/// The bytes that a shape asks for.
///
/// # Errors
/// `Shape` when that is more than is ever kept in memory, or overflows.
pub(super) fn bytes_of(shape: &[usize], number: Number) -> Result<u64> {
    shape
        .iter()
        .try_fold(number.bytes(), |product, &side| product.checked_mul(side as u64))
        .filter(|&bytes| bytes <= MAX_PIXEL_BYTES)
        .ok_or_else(|| {
            Error::shape(format!(
                "expected at most {MAX_PIXEL_BYTES} bytes of values; came the shape {shape:?} of {}",
                number.name()
            ))
            .with_hint("store the images as u8, or give fewer of them")
        })
}

impl Raw {
    /// The array as images `[n, channels, height, width]`.
    pub(super) fn into_pixels(self) -> Result<Pixels> {
        let &[n, c, h, w] = self.shape.as_slice() else {
            return Err(Error::shape(format!(
                "expected images of shape [n, channels, height, width]; came {:?}",
                self.shape
            ))
            .with_hint("a single image needs a first axis of 1, grey images a second axis of 1"));
        };
        if n == 0 || h == 0 || w == 0 {
            return Err(Error::shape(format!(
                "expected at least one image with pixels; came {:?}",
                self.shape
            )));
        }
        if c != 1 && c != 3 {
            let error =
                Error::shape(format!("expected 1 or 3 channels on axis 1; came the shape {:?}", self.shape));
            return Err(if w == 1 || w == 3 {
                error.with_hint("the channels seem to be last: images.transpose(0, 3, 1, 2) puts them second")
            } else {
                error.with_hint("grey images have 1 channel, RGB images 3; drop an alpha channel first")
            });
        }
        let misfit = |e: ndarray::ShapeError| Error::shape(e.to_string());
        match self.number {
            Number::U8 => Array4::from_shape_vec((n, c, h, w), self.bytes).map(Pixels::U8).map_err(misfit),
            Number::F32 => {
                let values = values(&self.bytes, f32::from_le_bytes);
                let mut images = ArrayD::from_shape_vec(IxDyn(&self.shape), values).map_err(misfit)?;
                check_unit_range(&mut images)?;
                images.into_dimensionality().map(Pixels::F32).map_err(misfit)
            }
            number => Err(Error::new(
                ErrorKind::Unsupported,
                format!("expected images of f32 in [0, 1] or of u8; came {}", number.name()),
            )
            .with_hint(
                "convert them with images.astype(\"uint8\") or, divided by 255, .astype(\"float32\")",
            )),
        }
    }

    /// The array as `n` class indices.
    pub(super) fn into_labels(self, n: usize) -> Result<Vec<usize>> {
        if self.shape != [n] {
            return Err(Error::shape(format!(
                "expected labels of shape [{n}], one per image; came {:?}",
                self.shape
            )));
        }
        let labels: Vec<i64> = match self.number {
            Number::U8 => self.bytes.iter().map(|&v| i64::from(v)).collect(),
            Number::I32 => values(&self.bytes, i32::from_le_bytes).into_iter().map(i64::from).collect(),
            Number::I64 => values(&self.bytes, i64::from_le_bytes),
            number @ (Number::F32 | Number::Bool) => {
                let message = format!("expected labels of i64 or u8; came {}", number.name());
                return Err(Error::new(ErrorKind::Unsupported, message)
                    .with_hint("convert them with labels.astype(\"int64\")"));
            }
        };
        let index = |(place, &label): (usize, &i64)| {
            usize::try_from(label).ok().filter(|&label| label < MAX_CLASSES).ok_or_else(|| {
                Error::new(
                    ErrorKind::ValueRange,
                    format!(
                        "expected labels from 0 to {}; came {label} at position {place}",
                        MAX_CLASSES - 1
                    ),
                )
                .with_hint("labels are class indices counted from 0")
            })
        };
        labels.iter().enumerate().map(index).collect()
    }
}

impl Raw {
    /// The values as floats, whatever numbers they are; the shape beside them. For masks, whose values are few.
    pub(super) fn into_levels(self) -> (Vec<usize>, Vec<f32>) {
        let levels = match self.number {
            Number::Bool | Number::U8 => self.bytes.iter().map(|&v| f32::from(v)).collect(),
            Number::I32 => values(&self.bytes, i32::from_le_bytes).into_iter().map(|v| v as f32).collect(),
            Number::I64 => values(&self.bytes, i64::from_le_bytes).into_iter().map(|v| v as f32).collect(),
            Number::F32 => values(&self.bytes, f32::from_le_bytes),
        };
        (self.shape, levels)
    }
}

fn values<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| read(chunk)).collect()
}
