//! The convolution itself.

use rayon::prelude::*;

use super::gather::gather;
use super::product::{Matrix, product};
use crate::scalar::Scalar;
use crate::shape::{ConvShape, PANEL, ShapeError, Tile, check};

/// `output = input * weights + bias`, for `n` images.
///
/// # Shapes
/// `input` `[n, height, width, channels in]`, `weights` as [`pack`](crate::pack) returns them, `bias`
/// `[channels out]` or none, `output` `[n, output height, output width, channels out]`.
///
/// # Errors
/// When a length disagrees; nothing is written then.
///
/// # Determinism
/// The output of an image is the same bytes whatever `n`, its place and the number of threads.
pub(crate) fn forward<T: Scalar>(
    shape: &ConvShape,
    n: usize,
    input: &[T],
    weights: &[T],
    bias: Option<&[T]>,
    output: &mut [T],
) -> Result<(), ShapeError> {
    check("input", input.len(), n * shape.input_len())?;
    check("weights", weights.len(), shape.weights_len())?;
    if let Some(bias) = bias {
        check("bias", bias.len(), shape.channels_out)?;
    }
    check("output", output.len(), n * shape.output_len())?;
    let patch = shape.patch();
    // The matrix `[patch, width]` of a panel of output channels.
    let panel = |dst: &mut [T], patches: &[T], rows: usize, panel: &[T]| {
        let width = panel.len() / patch;
        product(
            dst,
            Matrix::row_major(patches, rows, patch, patch),
            Matrix::row_major(panel, patch, width, width),
            false,
        );
    };
    let panels: Vec<&[T]> = weights.chunks(patch * PANEL).collect();
    run(shape, n, input, &panels, panel, output);
    if let Some(bias) = bias {
        output.par_chunks_mut(shape.output_len()).for_each(|image| {
            for pixel in image.chunks_exact_mut(bias.len()) {
                for (v, &b) in pixel.iter_mut().zip(bias) {
                    *v += b;
                }
            }
        });
    }
    Ok(())
}

/// Computes every tile of a convolution, one panel of output channels after the other.
///
/// `compute(dst, patches, rows, panel)` fills `dst` `[rows, channels of the panel]`. The shapes it is called with
/// depend on `shape` alone; which thread calls it, and when, depends on the number of tiles and threads.
pub(crate) fn run<T: Scalar, P: Copy + Sync + Send>(
    shape: &ConvShape,
    n: usize,
    input: &[T],
    panels: &[P],
    compute: impl Fn(&mut [T], &[T], usize, P) + Sync,
    output: &mut [T],
) {
    let tiling = shape.tiling();
    let (out, patch) = (shape.channels_out, shape.patch());
    let mut rest = output;
    let tiles: Vec<(Tile, &mut [T])> = tiling
        .tiles(shape, n)
        .map(|tile| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(tile.rows_within(shape, n) * out);
            rest = tail;
            (tile, head)
        })
        .collect();
    let patches_of = |tile: &Tile, buffer: &mut [T]| gather(shape, input, n, tile, buffer);
    if panels.len() > 1 && tiles.len() < 2 * rayon::current_num_threads() {
        // Few tiles, as on the small grids of deep layers: threads share them by panels.
        for (tile, output) in tiles {
            let rows = tile.rows(shape);
            T::with_scratch(rows * (patch + out), |scratch| {
                let (patches, products) = scratch.split_at_mut(rows * patch);
                patches_of(&tile, patches);
                let patches = &*patches;
                products
                    .par_chunks_mut(rows * PANEL)
                    .zip(panels)
                    .for_each(|(dst, &panel)| compute(dst, patches, rows, panel));
                for (first, part) in (0..out).step_by(PANEL).zip(products.chunks(rows * PANEL)) {
                    scatter(part, first, out, output);
                }
            });
        }
        return;
    }
    tiles.into_par_iter().for_each(|(tile, output)| {
        let rows = tile.rows(shape);
        let width = PANEL.min(out);
        T::with_scratch(rows * (patch + width), |scratch| {
            let (patches, dst) = scratch.split_at_mut(rows * patch);
            let whole = output.len() == rows * out;
            let direct = shape.is_pointwise() && whole && shape.padding == [0; 4];
            let start = (tile.first * shape.out.0 + tile.top) * shape.out.1 * patch;
            let patches = if direct {
                &input[start..start + rows * patch]
            } else {
                patches_of(&tile, patches);
                &*patches
            };
            if whole && panels.len() == 1 {
                compute(output, patches, rows, panels[0]);
                return;
            }
            for (first, &panel) in (0..out).step_by(PANEL).zip(panels) {
                let dst = &mut dst[..rows * PANEL.min(out - first)];
                compute(dst, patches, rows, panel);
                scatter(dst, first, out, output);
            }
        });
    });
}

/// Copies `[rows, width]` to channels `first..first + width` of `[rows, out]`, as far as `output` reaches.
fn scatter<T: Scalar>(part: &[T], first: usize, out: usize, output: &mut [T]) {
    let width = PANEL.min(out - first);
    for (to, from) in output.chunks_exact_mut(out).zip(part.chunks_exact(width)) {
        to[first..first + width].copy_from_slice(from);
    }
}
