//! The gradients to the weights and the bias.

use rayon::prelude::*;

use super::gather::{Slice, gather, gather_slice};
use super::product::{Matrix, product};
use crate::scalar::Scalar;
use crate::shape::{ConvShape, PANEL, ShapeError, Tile, Tiling, check};

/// Output positions per product: long sums, so that the gradient itself is read and written seldom.
const ROWS: usize = 512;

/// Below this many input channels a product covers the whole patch, not one kernel position.
const FEW_CHANNELS: usize = 16;

/// The gradient to packed weights, summed over `n` images; `gradient` is overwritten.
///
/// # Shapes
/// As in [`forward`](crate::forward); `gradient` as its `weights`.
///
/// # Errors
/// When a length disagrees; nothing is written then.
///
/// # Determinism
/// Images are summed in order, whatever the number of threads.
pub(crate) fn weight_gradient<T: Scalar>(
    shape: &ConvShape,
    n: usize,
    input: &[T],
    output_gradient: &[T],
    gradient: &mut [T],
) -> Result<(), ShapeError> {
    check("input", input.len(), n * shape.input_len())?;
    check("output gradient", output_gradient.len(), n * shape.output_len())?;
    check("weight gradient", gradient.len(), shape.weights_len())?;
    if n == 0 {
        gradient.fill(T::ZERO);
        return Ok(());
    }
    let (ci, co) = (shape.channels_in, shape.channels_out);
    // The last tile is cut short, not filled up: this sum is over the whole batch anyway.
    let tiles: Vec<Tile> = Tiling::new(shape, ROWS)
        .tiles(shape, n)
        .map(|tile| Tile { images: tile.images.min(n - tile.first), ..tile })
        .collect();
    let widths = || (0..co).step_by(PANEL).map(|o| (o, PANEL.min(co - o)));
    let slices: Vec<Option<Slice>> = if ci < FEW_CHANNELS {
        vec![None]
    } else {
        let positions = (0..shape.kernel.0).flat_map(|ky| (0..shape.kernel.1).map(move |kx| (ky, kx)));
        positions
            .flat_map(|(ky, kx)| {
                (0..ci)
                    .step_by(PANEL)
                    .map(move |channel| Some(Slice { ky, kx, channel, channels: PANEL.min(ci - channel) }))
            })
            .collect()
    };
    // One task per slice of the patch, each holding its part of every panel.
    let mut tasks: Vec<(Option<Slice>, Vec<&mut [T]>)> =
        slices.iter().map(|&slice| (slice, Vec::new())).collect();
    let mut rest = gradient;
    for (_, width) in widths() {
        for (slice, parts) in &mut tasks {
            let channels = slice.map_or(shape.patch(), |s| s.channels);
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(channels * width);
            parts.push(head);
            rest = tail;
        }
    }
    tasks.into_par_iter().for_each(|(slice, mut parts)| {
        let channels = slice.map_or(shape.patch(), |s| s.channels);
        let largest = tiles.iter().map(|t| t.rows(shape)).max().unwrap_or(0);
        T::with_scratch(largest * channels, |scratch| {
            for (t, tile) in tiles.iter().enumerate() {
                let rows = tile.rows(shape);
                let patches = &mut scratch[..rows * channels];
                match slice {
                    Some(slice) => gather_slice(shape, input, tile, slice, patches),
                    None => gather(shape, input, n, tile, patches),
                }
                let start = (tile.first * shape.out.0 + tile.top) * shape.out.1 * co;
                let gradients = &output_gradient[start..start + rows * co];
                for ((o, width), part) in widths().zip(&mut parts) {
                    let patches = Matrix::row_major(patches, rows, channels, channels).transposed();
                    let gradients = Matrix::row_major(&gradients[o..], rows, width, co);
                    product(part, patches, gradients, t > 0);
                }
            }
        });
    });
    Ok(())
}

/// The gradient to the bias: the output's gradient summed over `n` images and their positions, in order.
///
/// # Errors
/// When a length disagrees; nothing is written then.
pub(crate) fn bias_gradient<T: Scalar>(
    shape: &ConvShape,
    n: usize,
    output_gradient: &[T],
    gradient: &mut [T],
) -> Result<(), ShapeError> {
    check("output gradient", output_gradient.len(), n * shape.output_len())?;
    check("bias gradient", gradient.len(), shape.channels_out)?;
    // Image by image at once, then the images in order.
    let images: Vec<Vec<T>> = output_gradient
        .par_chunks_exact(shape.output_len())
        .map(|image| {
            let mut sums = vec![T::ZERO; shape.channels_out];
            for pixel in image.chunks_exact(shape.channels_out) {
                for (sum, &v) in sums.iter_mut().zip(pixel) {
                    *sum += v;
                }
            }
            sums
        })
        .collect();
    gradient.fill(T::ZERO);
    for sums in &images {
        for (total, &sum) in gradient.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    Ok(())
}
