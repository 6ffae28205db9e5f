//! An array as a file holds it.

use crate::dataset::MAX_PIXEL_BYTES;
use crate::error::{Error, Result};

/// The numbers that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

impl Number {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
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

/// The bytes that a shape needs.
///
/// # Errors
/// `Shape` when that is more than is ever kept in memory, or overflows.
pub(super) fn bytes_of(shape: &[usize], number: Number) -> Result<u64> {
    shape
        .iter()
        .try_fold(number.bytes() as u64, |product, &side| product.checked_mul(side as u64))
        .filter(|&bytes| bytes <= MAX_PIXEL_BYTES)
        .ok_or_else(|| {
            Error::shape(format!(
                "expected at most {MAX_PIXEL_BYTES} bytes of values; got the shape {shape:?} of {}",
                number.name()
            ))
            .with_hint("store the images as u8, or give fewer of them")
        })
}

impl Raw {
    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.number.bytes()
    }

    /// The value at a place; 64-bit integers as precisely as a double can hold them.
    pub(super) fn float(&self, i: usize) -> f64 {
        match self.number {
            Number::F16 => f64::from(half(u16::from_le_bytes(self.item(i)))),
            Number::BF16 => f64::from(f32::from_bits(u32::from(u16::from_le_bytes(self.item(i))) << 16)),
            Number::F32 => f64::from(f32::from_le_bytes(self.item(i))),
            Number::F64 => f64::from_le_bytes(self.item(i)),
            _ => self.whole(i).map_or(f64::NAN, |whole| whole as f64),
        }
    }

    /// The value at a place, if it is a whole number.
    pub(super) fn whole(&self, i: usize) -> Option<i128> {
        Some(match self.number {
            Number::Bool => i128::from(self.bytes[i] != 0),
            Number::U8 => i128::from(self.bytes[i]),
            Number::I8 => i128::from(i8::from_le_bytes(self.item(i))),
            Number::U16 => i128::from(u16::from_le_bytes(self.item(i))),
            Number::I16 => i128::from(i16::from_le_bytes(self.item(i))),
            Number::U32 => i128::from(u32::from_le_bytes(self.item(i))),
            Number::I32 => i128::from(i32::from_le_bytes(self.item(i))),
            Number::U64 => i128::from(u64::from_le_bytes(self.item(i))),
            Number::I64 => i128::from(i64::from_le_bytes(self.item(i))),
            Number::F16 | Number::BF16 | Number::F32 | Number::F64 => {
                let value = self.float(i);
                return (value.fract() == 0.0).then_some(value as i128);
            }
        })
    }

    /// The values as floats, whatever numbers they are; the shape beside them.
    pub(super) fn into_levels(self) -> (Vec<usize>, Vec<f32>) {
        let levels = (0..self.len()).map(|i| self.float(i) as f32).collect();
        (self.shape, levels)
    }

    /// The bytes of the value at a place; `N` is what the number has.
    fn item<const N: usize>(&self, i: usize) -> [u8; N] {
        self.bytes.as_chunks().0[i]
    }
}

/// A number of half precision (IEEE 754 binary16), which a float holds exactly.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_exactly() {
        // From the standard's own examples: 1, the largest, the smallest, a third, 1/255 as NumPy rounds it.
        for (bits, value) in [
            (0x3c00, 1.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x1c04, 0.003_921_509),
            (0xc000, -2.0),
            (0x0000, 0.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
        let brain = Raw { number: Number::BF16, shape: vec![2], bytes: vec![0x80, 0x3f, 0x80, 0x3e] };
        assert_eq!((brain.float(0), brain.float(1)), (1.0, 0.25));
    }
}
