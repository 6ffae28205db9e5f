//! Matrix products with checked bounds, by the `unsafe` functions of `matrixmultiply`.
#![expect(unsafe_code, reason = "matrixmultiply takes raw pointers; the bounds are checked right before")]

use crate::scalar::Scalar;

/// A matrix inside a slice: element `(i, j)` lies at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after the other, `row_stride` numbers apart.
    pub(crate) fn row_major(data: &'a [T], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// Whether every element lies inside the slice.
    fn fits(&self) -> bool {
        let last = |count: usize, stride: usize| (count - 1).checked_mul(stride);
        self.rows > 0
            && self.cols > 0
            && last(self.rows, self.row_stride)
                .zip(last(self.cols, self.col_stride))
                .and_then(|(a, b)| a.checked_add(b))
                .is_some_and(|end| end < self.data.len())
    }
}

/// `dst = lhs * rhs`, or `dst += lhs * rhs`; `dst` is dense and row-major. One thread.
///
/// # Panics
/// If the shapes do not agree or a matrix leaves its slice: a bug of this crate, whose public functions check
/// their arguments.
pub(crate) fn product<T: Scalar>(dst: &mut [T], lhs: Matrix<'_, T>, rhs: Matrix<'_, T>, accumulate: bool) {
    let (m, n, k) = (lhs.rows, rhs.cols, lhs.cols);
    assert!(
        k == rhs.rows && dst.len() == m * n && lhs.fits() && rhs.fits(),
        "a product of matrices that do not fit"
    );
    // SAFETY: this reads lhs[i, l] and rhs[l, j] and reads and writes dst[i, j] for i < m, l < k, j < n at the
    // strides given. `fits` has shown the largest offset of both operands to lie in their slices (so every
    // other does: strides are not negative, and fit `isize` because slices do); dst is dense with exactly m * n
    // elements. `dst` is borrowed mutably, so it overlaps neither operand.
    unsafe {
        T::product(
            (m, k, n),
            (lhs.data.as_ptr(), lhs.row_stride as isize, lhs.col_stride as isize),
            (rhs.data.as_ptr(), rhs.row_stride as isize, rhs.col_stride as isize),
            if accumulate { T::ONE } else { T::ZERO },
            (dst.as_mut_ptr(), n as isize, 1),
        );
    }
}

/// The product of a number type.
pub(crate) trait Product: Sized {
    /// `c = a * b + beta * c` for `(m, k, n)`; a matrix is its first element, row stride and column stride.
    ///
    /// # Safety
    /// Every element of `a` `[m, k]` and `b` `[k, n]` may be read, every element of `c` `[m, n]` read and written, and
    /// `c` overlaps neither.
    unsafe fn product(
        shape: (usize, usize, usize),
        a: (*const Self, isize, isize),
        b: (*const Self, isize, isize),
        beta: Self,
        c: (*mut Self, isize, isize),
    );
}

macro_rules! product {
    ($t:ty, $gemm:path) => {
        impl Product for $t {
            unsafe fn product(
                (m, k, n): (usize, usize, usize),
                a: (*const Self, isize, isize),
                b: (*const Self, isize, isize),
                beta: Self,
                c: (*mut Self, isize, isize),
            ) {
                // SAFETY: the caller's promise is what the function asks for.
                unsafe { $gemm(m, k, n, 1.0, a.0, a.1, a.2, b.0, b.1, b.2, beta, c.0, c.1, c.2) }
            }
        }
    };
}

product!(f32, matrixmultiply::sgemm);
product!(f64, matrixmultiply::dgemm);
