//! Matrix products with checked bounds: the only `unsafe` code of the workspace.
#![expect(unsafe_code, reason = "the gemm crate takes raw pointers; the bounds are checked right before")]

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
    // SAFETY: `gemm` reads lhs[i, l] and rhs[l, j] and reads and writes dst[i, j] for i < m, l < k, j < n at the
    // strides given. `fits` has shown the largest offset of both operands to lie in their slices (so every
    // other does: strides are not negative, and fit `isize` because slices do); dst is dense with exactly m * n
    // elements. `dst` is borrowed mutably, so it overlaps neither operand. T is f32 or f64 (sealed), which
    // `gemm` supports.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            lhs.data.as_ptr(),
            lhs.col_stride as isize,
            lhs.row_stride as isize,
            rhs.data.as_ptr(),
            rhs.col_stride as isize,
            rhs.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
