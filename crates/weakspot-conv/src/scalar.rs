//! The two number types a network can run in.

use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

use crate::direct::Product;
use crate::large_pages::resize_zeros;
use crate::simd::Lanes;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32`, or `f64` for checking `f32`. Sealed: the kernels exist for these two.
///
/// # Examples
/// ```
/// use weakspot_conv::Scalar;
///
/// fn halved<T: Scalar>(value: T) -> T {
///     value / (T::ONE + T::ONE)
/// }
/// assert_eq!((halved(3.0_f32), halved(3.0_f64)), (1.5, 1.5));
/// ```
#[expect(private_bounds, reason = "sealed")]
pub trait Scalar:
    sealed::Sealed
    + Scratch
    + Product
    + Copy
    + Default
    + Debug
    + Display
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;

    /// The same number in double precision.
    fn to_f64(self) -> f64;

    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;

    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// Not a number.
    fn is_nan(self) -> bool;

    /// The numbers themselves, if they are single precision.
    #[doc(hidden)]
    fn singles(values: &[Self]) -> Option<&[f32]>;

    /// The numbers themselves, if they are single precision.
    #[doc(hidden)]
    fn singles_mut(values: &mut [Self]) -> Option<&mut [f32]>;

    /// The numbers themselves, if they are double precision.
    #[doc(hidden)]
    fn doubles(values: &[Self]) -> Option<&[f64]>;

    /// The numbers themselves, if they are double precision.
    #[doc(hidden)]
    fn doubles_mut(values: &mut [Self]) -> Option<&mut [f64]>;
}

/// What threads keep buffers of.
pub(crate) trait Scratch: Copy + Default + 'static {
    /// Runs `work` on a buffer of `len` elements that this thread keeps between calls. Its content is arbitrary.
    fn with_scratch<R>(len: usize, work: impl FnOnce(&mut [Self]) -> R) -> R;
}

macro_rules! scratch {
    ($t:ty) => {
        impl Scratch for $t {
            fn with_scratch<R>(len: usize, work: impl FnOnce(&mut [Self]) -> R) -> R {
                thread_local! {
                    // Several, because `work` may come here again while it waits for its own threads.
                    static SPARE: RefCell<Vec<Vec<$t>>> = const { RefCell::new(Vec::new()) };
                }
                let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
                if buffer.len() < len {
                    resize_zeros(&mut buffer, len, Self::default());
                }
                let result = work(&mut buffer[..len]);
                SPARE.with_borrow_mut(|spare| spare.push(buffer));
                result
            }
        }
    };
}

scratch!(f32);
scratch!(f64);
scratch!(Lanes);

macro_rules! scalar {
    ($t:ty, { $($singles:item)* }) => {
        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            fn from_f64(value: f64) -> Self {
                value as Self
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn sqrt(self) -> Self {
                self.sqrt()
            }

            fn is_finite(self) -> bool {
                self.is_finite()
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }

            $($singles)*
        }
    };
}

scalar!(f32, {
    fn singles(values: &[Self]) -> Option<&[f32]> {
        Some(values)
    }

    fn singles_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        Some(values)
    }

    fn doubles(_: &[Self]) -> Option<&[f64]> {
        None
    }

    fn doubles_mut(_: &mut [Self]) -> Option<&mut [f64]> {
        None
    }
});
scalar!(f64, {
    fn singles(_: &[Self]) -> Option<&[f32]> {
        None
    }

    fn singles_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }

    fn doubles(values: &[Self]) -> Option<&[f64]> {
        Some(values)
    }

    fn doubles_mut(values: &mut [Self]) -> Option<&mut [f64]> {
        Some(values)
    }
});
