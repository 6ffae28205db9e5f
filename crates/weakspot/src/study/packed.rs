//! Masks and vectors, packed: few bytes in memory, short text in the journal.
//!
//! They make up most of a row, and the rows of all images are in memory until the record is made.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

use crate::image::Mask;

/// Bytes that a copy shares; base64 as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bytes(Arc<[u8]>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        BASE64.decode(text.as_bytes()).map(|bytes| Self(bytes.into())).map_err(D::Error::custom)
    }
}

/// A mask, one bit per pixel in row order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedMask(Bytes);

impl PackedMask {
    pub(crate) fn new(mask: &Mask) -> Self {
        let mut bytes = vec![0u8; mask.0.len().div_ceil(8)];
        for (i, &inside) in mask.0.iter().enumerate() {
            bytes[i / 8] |= u8::from(inside) << (i % 8);
        }
        Self(Bytes(bytes.into()))
    }

    /// The mask again; pixels for which there are no bits are outside.
    pub(crate) fn mask(&self, height: usize, width: usize) -> Mask {
        Mask::from_fn(height, width, |y, x| {
            let i = y * width + x;
            self.0.0.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1)
        })
    }
}

/// Floats in single precision, little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedFloats(Bytes);

impl PackedFloats {
    pub(crate) fn new(values: impl IntoIterator<Item = f32>) -> Self {
        Self(Bytes(values.into_iter().flat_map(f32::to_le_bytes).collect()))
    }

    pub(crate) fn values(&self) -> Vec<f32> {
        self.0.0.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
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
        let floats = PackedFloats::new(values);
        assert_eq!(floats.values(), values);
        // As text, and back.
        let text = serde_json::to_string(&(PackedMask::new(&mask), &floats)).unwrap();
        let (again, more): (PackedMask, PackedFloats) = serde_json::from_str(&text).unwrap();
        assert_eq!((again.mask(5, 7), more), (mask, floats));
        assert!(serde_json::from_str::<PackedFloats>("\"not base64!\"").is_err());
    }
}
