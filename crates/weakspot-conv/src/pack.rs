//! Weights in the order the products read them.
//!
//! Packed weights are panels of up to 128 output channels; a panel is `[kernel height, kernel width, input channels,
//! its output channels]`, so that a product reads it from front to back.

use crate::scalar::Scalar;
use crate::shape::{ConvShape, PANEL, ShapeError, check};

/// Where the weight of output channel `o` at patch position `p` lies.
pub(crate) fn position(shape: &ConvShape, o: usize, p: usize) -> usize {
    let first = o / PANEL * PANEL;
    let width = PANEL.min(shape.channels_out - first);
    first * shape.patch() + p * width + o - first
}

/// Calls `visit(index in OIHW order, index in packed order)` for every weight.
fn visit(shape: &ConvShape, mut visit: impl FnMut(usize, usize)) {
    let taps = shape.kernel.0 * shape.kernel.1;
    // Input channels in blocks: both orders are then walked within a cache's reach.
    for first in (0..shape.channels_in).step_by(16) {
        for o in 0..shape.channels_out {
            for c in first..(first + 16).min(shape.channels_in) {
                for tap in 0..taps {
                    visit(
                        (o * shape.channels_in + c) * taps + tap,
                        position(shape, o, tap * shape.channels_in + c),
                    );
                }
            }
        }
    }
}

/// Packs weights `[channels out, channels in, kernel height, kernel width]` (PyTorch's order).
///
/// # Errors
/// When the length is not [`ConvShape::weights_len`].
pub(crate) fn pack<T: Scalar>(shape: &ConvShape, weights: &[T]) -> Result<Vec<T>, ShapeError> {
    check("weights", weights.len(), shape.weights_len())?;
    let mut packed = vec![T::ZERO; weights.len()];
    visit(shape, |from, to| packed[to] = weights[from]);
    Ok(packed)
}

/// The inverse of [`pack`].
///
/// # Errors
/// When the length is not [`ConvShape::weights_len`].
pub(crate) fn unpack<T: Scalar>(shape: &ConvShape, packed: &[T]) -> Result<Vec<T>, ShapeError> {
    check("packed weights", packed.len(), shape.weights_len())?;
    let mut weights = vec![T::ZERO; packed.len()];
    visit(shape, |to, from| weights[to] = packed[from]);
    Ok(weights)
}
