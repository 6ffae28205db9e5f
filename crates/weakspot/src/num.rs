//! NaN-aware comparisons and ordered sums.

/// The larger of two numbers; NaN if either is NaN (the standard `f32::max` swallows it).
pub fn max(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a >= b {
        a
    } else {
        b
    }
}

/// The smaller of two numbers; NaN if either is NaN (the standard `f32::min` swallows it).
pub fn min(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a <= b {
        a
    } else {
        b
    }
}

/// The largest value of a map, and 0 for an empty one; NaN if any value is NaN.
pub fn max_of<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    values.into_iter().copied().reduce(max).unwrap_or(0.0)
}
