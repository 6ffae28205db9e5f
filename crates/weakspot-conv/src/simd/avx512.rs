//! AVX-512: one register holds all sixteen floats.
//!
//! Every function here may run only where the processor has AVX-512F. They are private to the crate and reached
//! through `simd::run` alone, which has asked the processor.

use std::arch::x86_64::{
    __m512, _CMP_GT_OQ, _CMP_NEQ_UQ, _CMP_NLE_UQ, _CMP_UNORD_Q, _mm512_add_ps, _mm512_cmp_ps_mask,
    _mm512_fmadd_ps, _mm512_load_ps, _mm512_loadu_ps, _mm512_mask_blend_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_permutex2var_ps,
    _mm512_set_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::{LANES, Lanes, Vector};

/// A register of sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

/// Bits for the first `len` lanes, at most all sixteen.
#[inline(always)]
fn first(len: usize) -> u16 {
    if len >= LANES { u16::MAX } else { (1 << len) - 1 }
}

impl Vector for Avx512 {
    const ROWS: usize = 12;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: reached where AVX-512F was found (see the head of this file).
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(from: &Lanes) -> Self {
        // SAFETY: as above; `Lanes` is sixteen floats, aligned to 64 bytes.
        Self(unsafe { _mm512_load_ps(from.0.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        // SAFETY: as above; `Lanes` is sixteen floats, aligned to 64 bytes.
        unsafe { _mm512_store_ps(to.0.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn load_slice(from: &[f32]) -> Self {
        if from.len() >= LANES {
            // SAFETY: as above; the slice has sixteen floats at least.
            return Self(unsafe { _mm512_loadu_ps(from.as_ptr()) });
        }
        // SAFETY: as above; only lanes below the slice's length are read.
        Self(unsafe { _mm512_maskz_loadu_ps(first(from.len()), from.as_ptr()) })
    }

    #[inline(always)]
    fn store_slice(self, to: &mut [f32]) {
        if to.len() >= LANES {
            // SAFETY: as above; the slice has sixteen floats at least.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
            return;
        }
        // SAFETY: as above; only lanes below the slice's length are written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first(to.len()), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn relu(self) -> Self {
        // The instruction returns its second operand where either is a NaN.
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
    }

    #[inline(always)]
    fn above_zero(self) -> u16 {
        // SAFETY: reached where AVX-512F was found.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(self.0, _mm512_setzero_ps()) }
    }

    #[inline(always)]
    fn is_nonzero(self) -> bool {
        // SAFETY: reached where AVX-512F was found.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps()) != 0 }
    }

    #[inline(always)]
    fn beats(self, other: Self) -> u16 {
        // SAFETY: reached where AVX-512F was found.
        unsafe {
            let larger = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0);
            larger | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0)
        }
    }

    #[inline(always)]
    fn blend(self, other: Self, bits: u16) -> Self {
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_mask_blend_ps(bits, self.0, other.0) })
    }

    #[inline(always)]
    fn keep(self, bits: u16) -> Self {
        // SAFETY: reached where AVX-512F was found.
        Self(unsafe { _mm512_maskz_mov_ps(bits, self.0) })
    }

    #[inline(always)]
    fn transpose(square: &mut [Lanes; LANES]) {
        // Four rounds of exchanging, between rows `step` apart, the blocks of `step` columns off the diagonal.
        let mut rows = [Self::zero(); LANES];
        for (row, lanes) in rows.iter_mut().zip(square.iter()) {
            *row = Self::load(lanes);
        }
        rows = exchange::<8>(rows);
        rows = exchange::<4>(rows);
        rows = exchange::<2>(rows);
        rows = exchange::<1>(rows);
        for (row, lanes) in rows.into_iter().zip(square) {
            row.store(lanes);
        }
    }
}

/// One round of a transpose.
#[inline(always)]
fn exchange<const STEP: usize>(mut rows: [Avx512; LANES]) -> [Avx512; LANES] {
    const { assert!(STEP.is_power_of_two() && STEP < LANES) }
    // Index 16 + i means lane i of the second operand.
    let upper = |i: usize| (if i & STEP == 0 { i } else { LANES + i - STEP }) as i32;
    let lower = |i: usize| (if i & STEP == 0 { i + STEP } else { LANES + i }) as i32;
    macro_rules! indices {
        ($f:ident) => {
            _mm512_set_epi32(
                $f(15),
                $f(14),
                $f(13),
                $f(12),
                $f(11),
                $f(10),
                $f(9),
                $f(8),
                $f(7),
                $f(6),
                $f(5),
                $f(4),
                $f(3),
                $f(2),
                $f(1),
                $f(0),
            )
        };
    }
    for i in 0..LANES {
        if i & STEP == 0 {
            let (a, b) = (rows[i].0, rows[i + STEP].0);
            // SAFETY: reached where AVX-512F was found.
            unsafe {
                rows[i] = Avx512(_mm512_permutex2var_ps(a, indices!(upper), b));
                rows[i + STEP] = Avx512(_mm512_permutex2var_ps(a, indices!(lower), b));
            }
        }
    }
    rows
}
