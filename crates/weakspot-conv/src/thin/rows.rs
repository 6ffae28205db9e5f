//! Rows of an image with the zeros around it.

use std::ops::Range;

use crate::shape::ConvShape;

/// Numbers in a row with a pixel of zeros on either side.
pub(super) fn pitch(shape: &ConvShape, channels: usize) -> usize {
    (shape.size.1 + 2) * channels
}

/// Copies some rows of an image, the row above and the row below; zeros where there is none.
pub(super) fn pad(shape: &ConvShape, channels: usize, image: &[f32], rows: Range<usize>, to: &mut [f32]) {
    let (height, width) = shape.size;
    for (i, to) in to.chunks_exact_mut(pitch(shape, channels)).take(rows.len() + 2).enumerate() {
        // The row of the image, counted from the one above the first.
        let y = rows.start + i;
        if y == 0 || y > height {
            to.fill(0.0);
            continue;
        }
        let (left, rest) = to.split_at_mut(channels);
        let (inside, right) = rest.split_at_mut(width * channels);
        left.fill(0.0);
        inside.copy_from_slice(&image[(y - 1) * width * channels..][..width * channels]);
        right.fill(0.0);
    }
}
