//! Vectors and pixels at regular distances, checked once instead of at every access.
//!
//! A tile touches up to 36 places, each a fixed stride from the one before. Checking each against the slice took a
//! third of the transforms' time. Here the last place is checked when the view is made. The counts that `get` compares
//! with are constants where it matters, so that the comparison disappears.
#![expect(unsafe_code, reason = "accesses whose bounds the constructor has checked")]

use crate::simd::{LANES, Lanes};

/// Vectors 0, stride, 2 * stride and so on of a slice.
pub(super) struct Strided<'a> {
    data: &'a [Lanes],
    stride: usize,
    count: usize,
}

impl<'a> Strided<'a> {
    /// # Panics
    /// If the last of `count` places lies outside.
    #[inline(always)]
    pub(super) fn new(data: &'a [Lanes], stride: usize, count: usize) -> Self {
        assert!(reaches(data.len(), stride, count), "places outside the slice");
        Self { data, stride, count }
    }

    #[inline(always)]
    pub(super) fn get(&self, i: usize) -> &Lanes {
        assert!(i < self.count, "a place that is not there");
        // SAFETY: i <= count - 1, and (count - 1) * stride < len was checked in `new`.
        unsafe { self.data.get_unchecked(i * self.stride) }
    }
}

/// As [`Strided`], to be written.
pub(super) struct StridedMut<'a> {
    data: &'a mut [Lanes],
    stride: usize,
    count: usize,
}

impl<'a> StridedMut<'a> {
    /// # Panics
    /// If the last of `count` places lies outside.
    #[inline(always)]
    pub(super) fn new(data: &'a mut [Lanes], stride: usize, count: usize) -> Self {
        assert!(reaches(data.len(), stride, count), "places outside the slice");
        Self { data, stride, count }
    }

    #[inline(always)]
    pub(super) fn get(&mut self, i: usize) -> &mut Lanes {
        assert!(i < self.count, "a place that is not there");
        // SAFETY: i <= count - 1, and (count - 1) * stride < len was checked in `new`.
        unsafe { self.data.get_unchecked_mut(i * self.stride) }
    }
}

/// Whether the last of `count` places lies in a slice.
#[inline(always)]
fn reaches(len: usize, stride: usize, count: usize) -> bool {
    count > 0 && (count - 1).checked_mul(stride).is_some_and(|last| last < len)
}

/// A rectangle of an image's pixels, of `channels` numbers each.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    data: &'a [f32],
    channels: usize,
    /// Numbers from one row of pixels to the next.
    pitch: usize,
    rows: usize,
    columns: usize,
}

impl<'a> Window<'a> {
    /// The rectangle whose first pixel is `data`'s.
    ///
    /// # Panics
    /// If the rectangle's last pixel lies outside.
    #[inline(always)]
    pub(super) fn new(data: &'a [f32], channels: usize, pitch: usize, rows: usize, columns: usize) -> Self {
        let end = (rows.max(1) - 1)
            .checked_mul(pitch)
            .zip(columns.checked_mul(channels))
            .and_then(|(rows, columns)| rows.checked_add(columns));
        assert!(end.is_some_and(|end| end <= data.len()), "a window outside the image");
        Self { data, channels, pitch, rows, columns }
    }

    /// The channels of one group of a pixel: sixteen, or what is left.
    #[inline(always)]
    pub(super) fn get(&self, y: usize, x: usize, group: usize) -> &'a [f32] {
        assert!(y < self.rows && x < self.columns && group * LANES < self.channels, "a pixel outside");
        let start = y * self.pitch + x * self.channels + group * LANES;
        let count = LANES.min(self.channels - group * LANES);
        // SAFETY: y <= rows - 1 and x <= columns - 1, so start + count <= (rows - 1) * pitch + columns * channels.
        // `new` has shown that this does not exceed the length.
        unsafe { self.data.get_unchecked(start..start + count) }
    }
}
