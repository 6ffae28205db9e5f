//! Sixteen floats at a time: one vector type per instruction set, chosen when the program runs.
//!
//! A kernel is written once, generic over [`Vector`], and compiled for every instruction set by [`run`], which only
//! calls what the processor has. AVX-512 and AVX2 both multiply and add with one rounding and in the same order, so
//! they give the same bytes; the portable path rounds twice.
#![expect(unsafe_code, reason = "vector instructions; each block says why it may be called")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

/// Channels per vector, on every machine: one cache line of floats.
pub(crate) const LANES: usize = 16;

/// Sixteen floats in memory, on a cache line of their own.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub [f32; LANES]);

/// An instruction set that this processor has. There is no other way to get one than to ask.
///
/// # Examples
/// ```
/// use weakspot_conv::Isa;
///
/// // The fastest comes first; the portable one is always available.
/// let found = Isa::available();
/// assert_eq!(found[0], Isa::best());
/// assert_eq!(found[found.len() - 1].name(), "portable");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// Every instruction set that this processor has and the kernels are written for, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                found.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self(Kind::Avx2));
            }
        }
        found.push(Self(Kind::Portable));
        found
    }

    /// The fastest of them.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self(Kind::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self(Kind::Avx2);
            }
        }
        Self(Kind::Portable)
    }

    /// `avx512`, `avx2` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            Kind::Portable => "portable",
        }
    }
}

/// Sixteen floats in registers.
pub(crate) trait Vector: Copy {
    /// Rows and vectors per row of the block of a matrix product that the registers hold: 12 x 2, 6 x 1 or 2 x 1.
    const ROWS: usize;

    fn splat(value: f32) -> Self;
    fn load(from: &Lanes) -> Self;
    fn store(self, to: &mut Lanes);
    /// Up to sixteen floats; zeros for what is missing.
    fn load_slice(from: &[f32]) -> Self;
    /// As many of the floats as `to` takes, up to sixteen.
    fn store_slice(self, to: &mut [f32]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `max(self, 0)`; a NaN stays.
    fn relu(self) -> Self;
    /// Bit i is set unless lane i is at most 0: a NaN counts as above.
    fn above_zero(self) -> u16;
    /// Whether any lane is neither 0 nor -0: a NaN is not.
    fn is_nonzero(self) -> bool;
    /// Bit i is set where lane i is larger than `other`'s, or a NaN.
    fn beats(self, other: Self) -> u16;
    /// Zeros the lanes whose bit is not set.
    fn keep(self, bits: u16) -> Self;
    /// `other` in the lanes whose bit is set.
    fn blend(self, other: Self, bits: u16) -> Self;
    /// Exchanges rows and columns of a square of numbers.
    fn transpose(square: &mut [Lanes; LANES]);

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }
}

/// Work that is generic over the vector type. `run` has to be `#[inline(always)]`, and so has everything it calls that
/// takes vectors: only then is it compiled with the instructions of [`run`]'s caller.
pub(crate) trait Kernel {
    fn run<V: Vector>(self);
}

/// Runs a kernel with the instructions of `isa`.
#[inline]
pub(crate) fn run<K: Kernel>(isa: Isa, kernel: K) {
    match isa.0 {
        // SAFETY: an `Isa` of this kind is made by `available` alone, which found the features on this processor.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { with_avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { with_avx2(kernel) },
        Kind::Portable => kernel.run::<portable::Portable>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn with_avx512<K: Kernel>(kernel: K) {
    kernel.run::<avx512::Avx512>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel>(kernel: K) {
    kernel.run::<avx2::Avx2>();
}
