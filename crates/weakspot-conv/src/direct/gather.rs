//! Patches of images as rows of a matrix (im2col).

use crate::scalar::Scalar;
use crate::shape::{ConvShape, Tile};

/// Writes the patches of a tile, `[rows, kernel height * kernel width * channels]`; zeros past the `n` images.
pub(crate) fn gather<T: Scalar>(shape: &ConvShape, input: &[T], n: usize, tile: &Tile, patches: &mut [T]) {
    let c = shape.channels_in;
    let (height, width) = shape.size;
    let (kh, kw) = shape.kernel;
    let segment = kw * c;
    let present = tile.rows_within(shape, n) * shape.patch();
    patches[present..].fill(T::ZERO);
    let mut rows = patches[..present].chunks_exact_mut(shape.patch());
    for image in input.chunks_exact(shape.input_len()).skip(tile.first).take(tile.images) {
        for oy in tile.top..tile.top + tile.band {
            for (ox, row) in (0..shape.out.1).zip(&mut rows) {
                // The patch covers columns x..x + kw of the image, shifted by the padding.
                let x = ox * shape.stride.1;
                let skip = shape.padding[1].saturating_sub(x).min(kw);
                let end = (width + shape.padding[1]).saturating_sub(x).min(kw);
                for (ky, part) in (0..kh).zip(row.chunks_exact_mut(segment)) {
                    let y = oy * shape.stride.0 + ky;
                    if y < shape.padding[0] || y >= height + shape.padding[0] || skip >= end {
                        part.fill(T::ZERO);
                        continue;
                    }
                    let start = ((y - shape.padding[0]) * width + x + skip - shape.padding[1]) * c;
                    part[..skip * c].fill(T::ZERO);
                    part[skip * c..end * c].copy_from_slice(&image[start..start + (end - skip) * c]);
                    part[end * c..].fill(T::ZERO);
                }
            }
        }
    }
}

/// A part of a patch: one kernel position, and some of the channels there.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    pub ky: usize,
    pub kx: usize,
    pub channel: usize,
    pub channels: usize,
}

/// Writes one slice of the patches of a tile, `[rows, slice.channels]`. The tile must lie in the batch.
pub(crate) fn gather_slice<T: Scalar>(
    shape: &ConvShape,
    input: &[T],
    tile: &Tile,
    slice: Slice,
    part: &mut [T],
) {
    let c = shape.channels_in;
    let (height, width) = shape.size;
    let mut rows = part.chunks_exact_mut(slice.channels);
    for image in input.chunks_exact(shape.input_len()).skip(tile.first).take(tile.images) {
        for oy in tile.top..tile.top + tile.band {
            let y = (oy * shape.stride.0 + slice.ky).checked_sub(shape.padding[0]).filter(|&y| y < height);
            for (ox, row) in (0..shape.out.1).zip(&mut rows) {
                let x = (ox * shape.stride.1 + slice.kx).checked_sub(shape.padding[1]).filter(|&x| x < width);
                match y.zip(x) {
                    Some((y, x)) => {
                        let start = (y * width + x) * c + slice.channel;
                        row.copy_from_slice(&image[start..start + slice.channels]);
                    }
                    None => row.fill(T::ZERO),
                }
            }
        }
    }
}
