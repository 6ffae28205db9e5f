//! A left operand whose bounds are checked once instead of at every element.
#![expect(unsafe_code, reason = "reads whose bounds the constructor has checked")]

/// Elements `(row, term)` at `row * row_stride + term * term_stride`.
#[derive(Clone, Copy)]
pub(super) struct Reads<'a> {
    data: &'a [f32],
    pub rows: usize,
    row_stride: usize,
    terms: usize,
    term_stride: usize,
}

impl<'a> Reads<'a> {
    /// # Panics
    /// If there are no elements or the last one lies outside: a bug of this crate, whose public functions check.
    pub(super) fn new(
        data: &'a [f32],
        rows: usize,
        row_stride: usize,
        terms: usize,
        term_stride: usize,
    ) -> Self {
        let last = rows
            .checked_sub(1)
            .and_then(|r| r.checked_mul(row_stride))
            .zip(terms.checked_sub(1).and_then(|t| t.checked_mul(term_stride)))
            .and_then(|(a, b)| a.checked_add(b));
        assert!(last.is_some_and(|last| last < data.len()), "a left operand outside its slice");
        Self { data, rows, row_stride, terms, term_stride }
    }

    /// `M` rows from one on, to be read term by term.
    ///
    /// # Panics
    /// If they are not there.
    #[inline(always)]
    pub(super) fn block<const M: usize>(&self, row: usize) -> Block<'a, M> {
        assert!(row + M <= self.rows, "rows outside the left operand");
        let Self { data, row_stride, terms, term_stride, .. } = *self;
        Block { data, first: row * row_stride, row_stride, terms, term_stride }
    }
}

/// Some rows.
#[derive(Clone, Copy)]
pub(super) struct Block<'a, const M: usize> {
    data: &'a [f32],
    first: usize,
    row_stride: usize,
    terms: usize,
    term_stride: usize,
}

impl<'a, const M: usize> Block<'a, M> {
    /// One term of every row.
    ///
    /// # Panics
    /// If it is not there.
    #[inline(always)]
    pub(super) fn term(&self, term: usize) -> Term<'a, M> {
        assert!(term < self.terms, "a term outside the left operand");
        Term { data: self.data, first: self.first + term * self.term_stride, row_stride: self.row_stride }
    }
}

/// One term of some rows.
#[derive(Clone, Copy)]
pub(super) struct Term<'a, const M: usize> {
    data: &'a [f32],
    first: usize,
    row_stride: usize,
}

impl<const M: usize> Term<'_, M> {
    /// The element of row `i`.
    ///
    /// # Panics
    /// If it is not there.
    #[inline(always)]
    pub(super) fn get(&self, i: usize) -> f32 {
        assert!(i < M, "a row outside the block");
        // SAFETY: `Reads::new` has checked that the last term of the last row lies in the slice, `block` that the M
        // rows exist, `term` that the term does, and i < M.
        unsafe { *self.data.get_unchecked(self.first + i * self.row_stride) }
    }
}
