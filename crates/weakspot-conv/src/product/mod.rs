//! Matrix products whose right operand is packed once: linear layers, convolutions over gathered patches, attention.
//!
//! Every number is the sum of its terms in their order, in blocks of fixed length, whichever rows are computed with it:
//! results depend neither on the number of rows nor on threads. The left operand is read where it lies.

mod kernel;
mod left;

use rayon::prelude::*;

use crate::scalar::Scalar;
use crate::shape::{ShapeError, check};
use crate::simd::{Isa, LANES, Lanes, run};
use kernel::Tiles;
use left::Reads;

/// Columns of a panel: two vectors.
const PANEL: usize = 2 * LANES;

/// A right operand `[terms, columns]`, in panels of 32 columns.
///
/// # Examples
/// ```
/// use weakspot_conv::{Finish, Left, Packed, product};
///
/// // Two terms, three columns.
/// let right = Packed::new(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0_f32], 3, 1)?;
/// let left = Left { data: &[1.0, 10.0], rows: 1, row_stride: 2, term_stride: 1 };
/// let mut output = [0.0; 3];
/// product(left, &right, Finish { bias: Some(&[0.5, 0.5, -63.5]), ..Finish::default() }, &mut output, 3)?;
/// assert_eq!(output, [41.5, 52.5, -0.5]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Packed<T> {
    terms: usize,
    columns: usize,
    /// In single precision, `[panel, term, 2]`.
    singles: Vec<Lanes>,
    /// Otherwise, `[panel, term, 32]`.
    others: Vec<T>,
}

/// A left operand: element `(row, term)` lies at `row * row_stride + term * term_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a, T> {
    /// The slice that holds every element.
    pub data: &'a [T],
    /// Rows of the product.
    pub rows: usize,
    /// From one row to the next.
    pub row_stride: usize,
    /// From one term to the next.
    pub term_stride: usize,
}

/// What is done with a product before it is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a, T> {
    /// Added to every row, one number per column.
    pub bias: Option<&'a [T]>,
    /// Whether `max(v, 0)` is written; a NaN stays a NaN.
    pub relu: bool,
}

impl<T: Scalar> Packed<T> {
    /// Packs a matrix whose element `(term, column)` lies at `term * term_stride + column * column_stride`.
    ///
    /// # Errors
    /// When a count is zero or an element lies outside of `data`.
    pub fn new(
        terms: usize,
        columns: usize,
        data: &[T],
        term_stride: usize,
        column_stride: usize,
    ) -> Result<Self, ShapeError> {
        let mut packed = Self { terms, columns, singles: Vec::new(), others: Vec::new() };
        packed.repack(terms, columns, data, term_stride, column_stride)?;
        Ok(packed)
    }

    /// Packs another matrix into the same memory.
    ///
    /// # Errors
    /// As [`Packed::new`]; the matrix then is the old one.
    pub fn repack(
        &mut self,
        terms: usize,
        columns: usize,
        data: &[T],
        term_stride: usize,
        column_stride: usize,
    ) -> Result<(), ShapeError> {
        if terms == 0
            || columns == 0
            || !reaches(data.len(), [(terms, term_stride), (columns, column_stride)])
        {
            return Err(ShapeError(format!(
                "a matrix of {terms} terms and {columns} columns does not lie in {} numbers",
                data.len()
            )));
        }
        (self.terms, self.columns) = (terms, columns);
        let panels = columns.div_ceil(PANEL);
        if let Some(data) = T::singles(data) {
            let fresh = self.singles.len() != panels * terms * 2 || !columns.is_multiple_of(PANEL);
            if fresh {
                self.singles.clear();
                self.singles.resize(panels * terms * 2, Lanes::default());
            }
            for (panel, to) in self.singles.chunks_exact_mut(terms * 2).enumerate() {
                let first = panel * PANEL;
                let width = PANEL.min(columns - first);
                pack(to, &data[first * column_stride..], width, term_stride, column_stride);
            }
        } else {
            self.others.clear();
            self.others.resize(panels * terms * PANEL, T::ZERO);
            for (panel, to) in self.others.chunks_exact_mut(terms * PANEL).enumerate() {
                let first = panel * PANEL;
                let width = PANEL.min(columns - first);
                for (term, row) in to.chunks_exact_mut(PANEL).enumerate() {
                    for (c, v) in row[..width].iter_mut().enumerate() {
                        *v = data[term * term_stride + (first + c) * column_stride];
                    }
                }
            }
        }
        Ok(())
    }

    /// Rows of the matrix: what a product sums over.
    pub fn terms(&self) -> usize {
        self.terms
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// One panel of `width` columns.
fn pack(to: &mut [Lanes], data: &[f32], width: usize, term_stride: usize, column_stride: usize) {
    for (term, [low, high]) in to.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let row = &data[term * term_stride..];
        if column_stride == 1 {
            let first = width.min(LANES);
            low.0[..first].copy_from_slice(&row[..first]);
            high.0[..width - first].copy_from_slice(&row[first..width]);
        } else {
            for c in 0..width {
                let half = if c < LANES { &mut *low } else { &mut *high };
                half.0[c % LANES] = row[c * column_stride];
            }
        }
    }
}

/// Whether the last element of `counts` at these strides lies in a slice.
fn reaches(len: usize, axes: [(usize, usize); 2]) -> bool {
    let last = axes.into_iter().try_fold(0_usize, |last, (count, stride)| {
        count.checked_sub(1)?.checked_mul(stride)?.checked_add(last)
    });
    last.is_some_and(|last| last < len)
}

impl<T: Scalar> Left<'_, T> {
    fn check(&self, terms: usize) -> Result<(), ShapeError> {
        if self.rows == 0
            || reaches(self.data.len(), [(self.rows, self.row_stride), (terms, self.term_stride)])
        {
            return Ok(());
        }
        Err(ShapeError(format!(
            "{} rows of {terms} terms do not lie in {} numbers",
            self.rows,
            self.data.len()
        )))
    }
}

/// `output = left * right`, on one thread; row `r` of the output begins at `r * output_stride`.
///
/// # Errors
/// When a length disagrees; nothing is written then.
pub fn product<T: Scalar>(
    left: Left<'_, T>,
    right: &Packed<T>,
    finish: Finish<'_, T>,
    output: &mut [T],
    output_stride: usize,
) -> Result<(), ShapeError> {
    product_with(Isa::best(), left, right, finish, output, output_stride)
}

/// [`product`] with an instruction set of this processor that need not be the fastest.
///
/// # Errors
/// As [`product`].
pub fn product_with<T: Scalar>(
    isa: Isa,
    left: Left<'_, T>,
    right: &Packed<T>,
    finish: Finish<'_, T>,
    output: &mut [T],
    output_stride: usize,
) -> Result<(), ShapeError> {
    left.check(right.terms)?;
    if let Some(bias) = finish.bias {
        check("bias", bias.len(), right.columns)?;
    }
    if left.rows == 0 {
        return Ok(());
    }
    if output_stride < right.columns
        || !reaches(output.len(), [(left.rows, output_stride), (right.columns, 1)])
    {
        return Err(ShapeError(format!(
            "{} rows of {} columns, {output_stride} apart, do not lie in {} numbers",
            left.rows,
            right.columns,
            output.len()
        )));
    }
    multiply(isa, left, right, 0..right.columns.div_ceil(PANEL), finish, output, output_stride);
    Ok(())
}

/// The panels of a range; the first column of the first panel is that of the output.
fn multiply<T: Scalar>(
    isa: Isa,
    left: Left<'_, T>,
    right: &Packed<T>,
    panels: std::ops::Range<usize>,
    finish: Finish<'_, T>,
    output: &mut [T],
    output_stride: usize,
) {
    let (terms, columns) = (right.terms, right.columns);
    let (first, last) = (panels.start * PANEL, (panels.end * PANEL).min(columns));
    let bias = finish.bias.map(|bias| &bias[first..last]);
    if let (Some(data), Some(output)) = (T::singles(left.data), T::singles_mut(output)) {
        let reads = Reads::new(data, left.rows, left.row_stride, terms, left.term_stride);
        let right = &right.singles[panels.start * terms * 2..panels.end * terms * 2];
        let bias = bias.and_then(T::singles);
        let columns = last - first;
        run(
            isa,
            Tiles { left: reads, right, terms, columns, bias, relu: finish.relu, output, output_stride },
        );
        return;
    }
    let right = &right.others[panels.start * terms * PANEL..panels.end * terms * PANEL];
    for r in 0..left.rows {
        let row = &mut output[r * output_stride..][..last - first];
        for (p, (to, panel)) in row.chunks_mut(PANEL).zip(right.chunks_exact(terms * PANEL)).enumerate() {
            let mut sums = [T::ZERO; PANEL];
            for (t, weights) in panel.as_chunks::<PANEL>().0.iter().enumerate() {
                let v = left.data[r * left.row_stride + t * left.term_stride];
                for (sum, &w) in sums.iter_mut().zip(weights) {
                    *sum += v * w;
                }
            }
            for (c, (v, &sum)) in to.iter_mut().zip(&sums).enumerate() {
                let sum = bias.map_or(sum, |bias| sum + bias[p * PANEL + c]);
                *v = if finish.relu && sum <= T::ZERO { T::ZERO } else { sum };
            }
        }
    }
}

/// Rows of a task.
const ROWS: usize = 120;

/// [`product`] for dense rows of output (`output_stride` is the number of columns), shared by the threads: by rows, or
/// by columns where there are few rows.
///
/// # Errors
/// As [`product`].
pub fn product_parallel<T: Scalar>(
    left: Left<'_, T>,
    right: &Packed<T>,
    finish: Finish<'_, T>,
    output: &mut [T],
) -> Result<(), ShapeError> {
    left.check(right.terms)?;
    let columns = right.columns;
    check("output", output.len(), left.rows.saturating_mul(columns))?;
    if let Some(bias) = finish.bias {
        check("bias", bias.len(), columns)?;
    }
    let isa = Isa::best();
    let (threads, panels) = (rayon::current_num_threads(), columns.div_ceil(PANEL));
    if threads == 1 || left.rows * right.terms * columns < SMALL {
        multiply_all(isa, left, right, finish, output);
        return Ok(());
    }
    if left.rows < ROWS * threads && panels >= 2 * threads {
        // Few rows: every thread takes all of them, and some of the columns, which are brought together afterwards.
        let each = panels.div_ceil(4 * threads);
        let parts: Vec<Vec<T>> = (0..panels)
            .into_par_iter()
            .step_by(each)
            .map(|first| {
                let range = first..(first + each).min(panels);
                let width = (range.end * PANEL).min(columns) - first * PANEL;
                let mut part = vec![T::ZERO; left.rows * width];
                multiply(isa, left, right, range, finish, &mut part, width);
                part
            })
            .collect();
        output.par_chunks_mut(columns).enumerate().for_each(|(r, mut row)| {
            for part in &parts {
                let width = part.len() / left.rows;
                let (to, rest) = row.split_at_mut(width);
                to.copy_from_slice(&part[r * width..][..width]);
                row = rest;
            }
        });
        return Ok(());
    }
    // At least a few tasks for each thread.
    let rows = left.rows.div_ceil(4 * threads).clamp(60, ROWS).next_multiple_of(60);
    output.par_chunks_mut(rows * columns).enumerate().for_each(|(i, output)| {
        let data = &left.data[i * rows * left.row_stride..];
        multiply_all(isa, Left { data, rows: output.len() / columns, ..left }, right, finish, output);
    });
    Ok(())
}

/// Multiplications below which threads are not worth waking.
const SMALL: usize = 1 << 15;

fn multiply_all<T: Scalar>(
    isa: Isa,
    left: Left<'_, T>,
    right: &Packed<T>,
    finish: Finish<'_, T>,
    output: &mut [T],
) {
    if left.rows > 0 {
        multiply(isa, left, right, 0..right.columns.div_ceil(PANEL), finish, output, right.columns);
    }
}
