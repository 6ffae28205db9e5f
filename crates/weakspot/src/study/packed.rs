//! Masks and vectors as short text, for the journal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use crate::image::Mask;

/// A mask, one bit per pixel in row order, as base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedMask(String);

impl PackedMask {
    pub(crate) fn new(mask: &Mask) -> Self {
        let mut bytes = vec![0u8; mask.0.len().div_ceil(8)];
        for (i, &inside) in mask.0.iter().enumerate() {
            bytes[i / 8] |= u8::from(inside) << (i % 8);
        }
        Self(BASE64.encode(bytes))
    }

    /// The mask again; pixels that the text does not hold are outside.
    pub(crate) fn mask(&self, height: usize, width: usize) -> Mask {
        let bytes = BASE64.decode(&self.0).unwrap_or_default();
        Mask::from_fn(height, width, |y, x| {
            let i = y * width + x;
            bytes.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1)
        })
    }
}

/// Floats, little-endian single precision, as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedFloats(String);

impl PackedFloats {
    pub(crate) fn new(values: impl IntoIterator<Item = f32>) -> Self {
        Self(BASE64.encode(values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>()))
    }

    pub(crate) fn values(&self) -> Vec<f32> {
        let bytes = BASE64.decode(&self.0).unwrap_or_default();
        bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_floats_come_back() {
        let mask = Mask::from_fn(5, 7, |y, x| (y * 7 + x) % 3 == 0);
        assert_eq!(PackedMask::new(&mask).mask(5, 7), mask);
        let values = [0.1f32, -0.0, 1e-40, f32::MAX];
        assert_eq!(PackedFloats::new(values).values(), values);
    }
}
