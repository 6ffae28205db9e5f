//! Rows of an image with the zeros around it.

use std::ops::Range;

use crate::shape::ConvShape;

/// Numbers in a row with a pixel of zeros on either side.
pub(super) fn pitch(shape: &ConvShape) -> usize {
    (shape.size.1 + 2) * shape.channels_in
}

/// Copies some rows of an image, the row above and the row below; zeros where there is none.
pub(super) fn pad(shape: &ConvShape, image: &[f32], rows: Range<usize>, to: &mut [f32]) {
    let ((height, width), channels) = (shape.size, shape.channels_in);
    for (i, to) in to.chunks_exact_mut(pitch(shape)).take(rows.len() + 2).enumerate() {
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
