//! AVX2 with FMA: two registers hold the sixteen floats.
//!
//! Every function here may run only where the processor has AVX2 and FMA. They are private to the crate and reached
//! through `simd::run` alone, which has asked the processor.

use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _CMP_NEQ_UQ, _CMP_NLE_UQ, _CMP_UNORD_Q, _mm256_add_ps, _mm256_and_ps,
    _mm256_and_si256, _mm256_blendv_ps, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cmpeq_epi32,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_movemask_ps, _mm256_mul_ps,
    _mm256_permute2f128_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::{LANES, Lanes, Vector};

/// Two registers of eight floats.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

impl Vector for Avx2 {
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: reached where AVX2 and FMA were found (see the head of this file).
        let v = unsafe { _mm256_set1_ps(value) };
        Self(v, v)
    }

    #[inline(always)]
    fn load(from: &Lanes) -> Self {
        Self::load_slice(&from.0)
    }

    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        self.store_slice(&mut to.0);
    }

    #[inline(always)]
    fn load_slice(from: &[f32]) -> Self {
        if from.len() >= LANES {
            // SAFETY: as above; the slice has sixteen floats at least.
            return unsafe { Self(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) };
        }
        let mut lanes = [0.0; LANES];
        for (lane, &v) in lanes.iter_mut().zip(from) {
            *lane = v;
        }
        // SAFETY: as above; the array has sixteen floats.
        unsafe { Self(_mm256_loadu_ps(lanes.as_ptr()), _mm256_loadu_ps(lanes.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn store_slice(self, to: &mut [f32]) {
        if to.len() >= LANES {
            // SAFETY: as above; the slice has sixteen floats at least.
            unsafe {
                _mm256_storeu_ps(to.as_mut_ptr(), self.0);
                _mm256_storeu_ps(to.as_mut_ptr().add(8), self.1);
            }
            return;
        }
        let mut lanes = [0.0; LANES];
        // SAFETY: as above; the array has sixteen floats.
        unsafe {
            _mm256_storeu_ps(lanes.as_mut_ptr(), self.0);
            _mm256_storeu_ps(lanes.as_mut_ptr().add(8), self.1);
        }
        for (v, lane) in to.iter_mut().zip(lanes) {
            *v = lane;
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: reached where AVX2 was found.
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: reached where AVX2 was found.
        unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: reached where AVX2 was found.
        unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: reached where FMA was found.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, term.0), _mm256_fmadd_ps(self.1, factor.1, term.1)) }
    }

    #[inline(always)]
    fn relu(self) -> Self {
        // The instruction returns its second operand where either is a NaN.
        // SAFETY: reached where AVX2 was found.
        unsafe {
            let zero = _mm256_setzero_ps();
            Self(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
        }
    }

    #[inline(always)]
    fn above_zero(self) -> u16 {
        // SAFETY: reached where AVX2 was found.
        unsafe {
            let zero = _mm256_setzero_ps();
            let low = _mm256_cmp_ps::<_CMP_NLE_UQ>(self.0, zero);
            bits_of(low, _mm256_cmp_ps::<_CMP_NLE_UQ>(self.1, zero))
        }
    }

    #[inline(always)]
    fn is_nonzero(self) -> bool {
        // SAFETY: reached where AVX2 was found.
        unsafe {
            let zero = _mm256_setzero_ps();
            let low = _mm256_cmp_ps::<_CMP_NEQ_UQ>(self.0, zero);
            bits_of(low, _mm256_cmp_ps::<_CMP_NEQ_UQ>(self.1, zero)) != 0
        }
    }

    #[inline(always)]
    fn beats(self, other: Self) -> u16 {
        // "Not less or equal" is also true of a NaN of `other`, where only a NaN of `self` may win.
        // SAFETY: reached where AVX2 was found.
        unsafe {
            let larger = bits_of(
                _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0),
                _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, other.1),
            );
            let nan = bits_of(
                _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0),
                _mm256_cmp_ps::<_CMP_UNORD_Q>(self.1, self.1),
            );
            larger | nan
        }
    }

    #[inline(always)]
    fn keep(self, bits: u16) -> Self {
        // SAFETY: reached where AVX2 was found.
        unsafe {
            let (low, high) = lanes_of(bits);
            Self(_mm256_and_ps(self.0, low), _mm256_and_ps(self.1, high))
        }
    }

    #[inline(always)]
    fn blend(self, other: Self, bits: u16) -> Self {
        // SAFETY: reached where AVX2 was found.
        unsafe {
            let (low, high) = lanes_of(bits);
            Self(_mm256_blendv_ps(self.0, other.0, low), _mm256_blendv_ps(self.1, other.1, high))
        }
    }

    #[inline(always)]
    fn transpose(square: &mut [Lanes; LANES]) {
        // The four quarters, of which two change places.
        for (top, left) in [(0, 0), (0, 8), (8, 8)] {
            let (upper, lower) = (quarter(square, top, left), quarter(square, left, top));
            put_quarter(square, left, top, transpose_quarter(upper));
            if top != left {
                put_quarter(square, top, left, transpose_quarter(lower));
            }
        }
    }
}

/// One bit per lane from lanes of all ones or all zeros.
///
/// # Safety
/// AVX2 must have been found.
#[inline(always)]
unsafe fn bits_of(low: __m256, high: __m256) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { (_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8) as u16 }
}

/// The inverse of [`bits_of`].
///
/// # Safety
/// AVX2 must have been found.
#[inline(always)]
unsafe fn lanes_of(bits: u16) -> (__m256, __m256) {
    // SAFETY: the caller's promise.
    unsafe {
        let places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let low = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), places);
        let high = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits >> 8)), places);
        (
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(low, places)),
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(high, places)),
        )
    }
}

/// Eight rows of eight floats of a square.
#[inline(always)]
fn quarter(square: &[Lanes; LANES], top: usize, left: usize) -> [__m256; 8] {
    // SAFETY: reached where AVX2 was found.
    let mut rows = [unsafe { _mm256_setzero_ps() }; 8];
    for (row, lanes) in rows.iter_mut().zip(&square[top..]) {
        if let Some(eight) = lanes.0[left..].first_chunk::<8>() {
            // SAFETY: as above; the array has eight floats.
            *row = unsafe { _mm256_loadu_ps(eight.as_ptr()) };
        }
    }
    rows
}

#[inline(always)]
fn put_quarter(square: &mut [Lanes; LANES], top: usize, left: usize, rows: [__m256; 8]) {
    for (row, lanes) in rows.into_iter().zip(&mut square[top..]) {
        if let Some(eight) = lanes.0[left..].first_chunk_mut::<8>() {
            // SAFETY: reached where AVX2 was found; the array has eight floats.
            unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), row) }
        }
    }
}

/// Rows and columns exchanged: pairs of rows interleaved, then pairs of pairs, then halves.
#[inline(always)]
fn transpose_quarter(r: [__m256; 8]) -> [__m256; 8] {
    // SAFETY: reached where AVX2 was found.
    unsafe {
        let mut pairs = r;
        for i in [0, 2, 4, 6] {
            pairs[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
            pairs[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
        }
        let mut fours = pairs;
        for i in [0, 4] {
            fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
            fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
            fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
        }
        let mut out = fours;
        for i in 0..4 {
            out[i] = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
            out[i + 4] = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
        }
        out
    }
}
