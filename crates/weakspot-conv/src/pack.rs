//! Weights in the order the products read them.
//!
//! Packed weights are panels of up to 128 output channels; a panel is `[kernel height, kernel width, input channels,
//! its output channels]`, so that a product reads it from front to back.

use rayon::prelude::*;

use crate::scalar::Scalar;
use crate::shape::{ConvShape, PANEL, ShapeError, check};

/// Where the weight of output channel `o` at patch position `p` lies.
pub(crate) fn position(shape: &ConvShape, o: usize, p: usize) -> usize {
    let first = o / PANEL * PANEL;
    let width = PANEL.min(shape.channels_out - first);
    first * shape.patch() + p * width + o - first
}

/// Calls `visit(index in OIHW order, index in packed order)` for every weight of a panel of `width` output channels.
fn visit(shape: &ConvShape, width: usize, mut visit: impl FnMut(usize, usize)) {
    let (taps, ci) = (shape.kernel.0 * shape.kernel.1, shape.channels_in);
    // Input channels in blocks: both orders are then walked within a cache's reach.
    for first in (0..ci).step_by(16) {
        for o in 0..width {
            for c in first..(first + 16).min(ci) {
                for tap in 0..taps {
                    visit((o * ci + c) * taps + tap, (tap * ci + c) * width + o);
                }
            }
        }
    }
}

/// Pairs of panels that hold the same weights in both orders.
fn panels<'a, T: Scalar>(
    shape: &ConvShape,
    to: &'a mut [T],
    from: &'a [T],
) -> impl IndexedParallelIterator<Item = (&'a mut [T], &'a [T])> {
    let len = shape.patch() * PANEL;
    to.par_chunks_mut(len).zip(from.par_chunks(len))
}

/// Packs weights `[channels out, channels in, kernel height, kernel width]` (PyTorch's order).
///
/// # Errors
/// When the length is not [`ConvShape::weights_len`].
pub(crate) fn pack<T: Scalar>(shape: &ConvShape, weights: &[T]) -> Result<Vec<T>, ShapeError> {
    check("weights", weights.len(), shape.weights_len())?;
    let mut packed = vec![T::ZERO; weights.len()];
    panels(shape, &mut packed, weights).for_each(|(to, weights)| {
        visit(shape, weights.len() / shape.patch(), |oihw, packed| to[packed] = weights[oihw]);
    });
    Ok(packed)
}

/// The inverse of [`pack`].
///
/// # Errors
/// When the length is not [`ConvShape::weights_len`].
pub(crate) fn unpack<T: Scalar>(shape: &ConvShape, packed: &[T]) -> Result<Vec<T>, ShapeError> {
    check("packed weights", packed.len(), shape.weights_len())?;
    let mut weights = vec![T::ZERO; packed.len()];
    panels(shape, &mut weights, packed).for_each(|(to, packed_panel)| {
        visit(shape, to.len() / shape.patch(), |oihw, packed| to[oihw] = packed_panel[packed]);
    });
    Ok(weights)
}
