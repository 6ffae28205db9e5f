//! Plain arrays, which the compiler turns into whatever vectors the target has.

use super::{LANES, Lanes, Vector};

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for (a, b) in out.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        out
    }
}

impl Vector for Portable {
    const ROWS: usize = 2;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(from: &Lanes) -> Self {
        Self(from.0)
    }

    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        to.0 = self.0;
    }

    #[inline(always)]
    fn load_slice(from: &[f32]) -> Self {
        let mut lanes = [0.0; LANES];
        for (lane, &v) in lanes.iter_mut().zip(from) {
            *lane = v;
        }
        Self(lanes)
    }

    #[inline(always)]
    fn store_slice(self, to: &mut [f32]) {
        for (v, lane) in to.iter_mut().zip(self.0) {
            *v = lane;
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // Not `f32::mul_add`, which is a function call where the target has no such instruction.
        self.zip(factor, |a, b| a * b).zip(term, |p, c| p + c)
    }

    #[inline(always)]
    fn relu(self) -> Self {
        self.zip(self, |v, _| if v <= 0.0 { 0.0 } else { v })
    }

    #[inline(always)]
    fn above_zero(self) -> u16 {
        let mut bits = 0;
        for (i, v) in self.0.into_iter().enumerate() {
            bits |= u16::from(v > 0.0 || v.is_nan()) << i;
        }
        bits
    }

    #[inline(always)]
    fn is_nonzero(self) -> bool {
        self.0.iter().any(|v| *v != 0.0)
    }

    #[inline(always)]
    fn beats(self, other: Self) -> u16 {
        let mut bits = 0;
        for (i, (a, b)) in self.0.into_iter().zip(other.0).enumerate() {
            bits |= u16::from(a > b || a.is_nan()) << i;
        }
        bits
    }

    #[inline(always)]
    fn blend(self, other: Self, bits: u16) -> Self {
        let mut out = self;
        for (i, (v, other)) in out.0.iter_mut().zip(other.0).enumerate() {
            *v = if bits >> i & 1 == 1 { other } else { *v };
        }
        out
    }

    #[inline(always)]
    fn keep(self, bits: u16) -> Self {
        let mut out = self;
        for (i, v) in out.0.iter_mut().enumerate() {
            *v = if bits >> i & 1 == 1 { *v } else { 0.0 };
        }
        out
    }

    #[inline(always)]
    fn transpose(square: &mut [Lanes; LANES]) {
        for i in 0..LANES {
            for j in 0..i {
                let upper = square[j].0[i];
                square[j].0[i] = square[i].0[j];
                square[i].0[j] = upper;
            }
        }
    }
}
