//! The gradient to the input: a convolution of the output's gradient with rotated kernels.

use rayon::prelude::*;

use super::forward::{forward, run};
use super::product::{Matrix, product};
use crate::scalar::Scalar;
use crate::shape::{ConvShape, PANEL, ShapeError, check};

/// Weights prepared for [`input_gradient`]: kernels rotated by 180 degrees, input and output channels exchanged.
///
/// Pointwise convolutions and linear layers need no copy (theirs can be the largest of a network).
#[derive(Clone, Debug)]
pub(crate) struct Transposed<T>(Option<Vec<T>>);

impl<T: Scalar> Transposed<T> {
    /// Prepares packed weights.
    ///
    /// # Errors
    /// When the length is not [`ConvShape::weights_len`].
    pub(crate) fn new(shape: &ConvShape, weights: &[T]) -> Result<Self, ShapeError> {
        check("weights", weights.len(), shape.weights_len())?;
        if shape.is_pointwise() {
            return Ok(Self(None));
        }
        let (ci, co) = (shape.channels_in, shape.channels_out);
        let taps = shape.kernel.0 * shape.kernel.1;
        let mut rotated = vec![T::ZERO; weights.len()];
        // One panel of input channels, `[taps, co, its channels]`, after the other.
        rotated.par_chunks_mut(taps * co * PANEL).enumerate().for_each(|(p, panel)| {
            let first = p * PANEL;
            let width = PANEL.min(ci - first);
            for tap in 0..taps {
                for o in 0..co {
                    let to = &mut panel[((taps - 1 - tap) * co + o) * width..][..width];
                    let source = o / PANEL * PANEL;
                    let stride = PANEL.min(co - source);
                    let from = &weights[source * taps * ci + (tap * ci + first) * stride + o - source..];
                    for (v, &w) in to.iter_mut().zip(from.iter().step_by(stride)) {
                        *v = w;
                    }
                }
            }
        });
        Ok(Self(Some(rotated)))
    }
}

/// `input gradient = output gradient * transposed weights`, for `n` images.
///
/// # Shapes
/// As in [`forward`]: `output_gradient` as `output`, `input_gradient` as `input`. `weights` are the packed weights
/// `transposed` was made from.
///
/// # Errors
/// When a length disagrees; nothing is written then.
///
/// # Determinism
/// As [`forward`].
pub(crate) fn input_gradient<T: Scalar>(
    shape: &ConvShape,
    n: usize,
    output_gradient: &[T],
    weights: &[T],
    transposed: &Transposed<T>,
    input_gradient: &mut [T],
) -> Result<(), ShapeError> {
    check("output gradient", output_gradient.len(), n * shape.output_len())?;
    check("weights", weights.len(), shape.weights_len())?;
    check("input gradient", input_gradient.len(), n * shape.input_len())?;
    let (kh, kw) = shape.kernel;
    let (sh, sw) = shape.stride;
    // With a stride, the gradient with zeros between its rows and columns.
    let spread = ((shape.out.0 - 1) * sh + 1, (shape.out.1 - 1) * sw + 1);
    let (top, left) = (kh - 1 - shape.padding[0], kw - 1 - shape.padding[1]);
    let padding =
        [top, left, shape.size.0 + kh - 1 - spread.0 - top, shape.size.1 + kw - 1 - spread.1 - left];
    let backward = ConvShape {
        channels_in: shape.channels_out,
        channels_out: shape.channels_in,
        kernel: shape.kernel,
        stride: (1, 1),
        padding,
        size: spread,
        out: shape.size,
    };
    let Some(rotated) = &transposed.0 else {
        pointwise(&backward, n, output_gradient, weights, input_gradient);
        return Ok(());
    };
    if shape.stride == (1, 1) {
        return forward(&backward, n, output_gradient, rotated, None, input_gradient);
    }
    let co = shape.channels_out;
    let mut spread_out = vec![T::ZERO; n * backward.input_len()];
    let images = spread_out.chunks_exact_mut(backward.input_len());
    for (to, from) in images.zip(output_gradient.chunks_exact(shape.output_len())) {
        for (i, pixel) in from.chunks_exact(co).enumerate() {
            let (y, x) = (i / shape.out.1 * sh, i % shape.out.1 * sw);
            to[(y * spread.1 + x) * co..][..co].copy_from_slice(pixel);
        }
    }
    forward(&backward, n, &spread_out, rotated, None, input_gradient)
}

/// The pointwise case, which reads the forward panels sideways and sums over them in order.
fn pointwise<T: Scalar>(
    backward: &ConvShape,
    n: usize,
    output_gradient: &[T],
    weights: &[T],
    input_gradient: &mut [T],
) {
    let (ci, co) = (backward.channels_out, backward.channels_in);
    let slices: Vec<usize> = (0..ci).step_by(PANEL).collect();
    let compute = |dst: &mut [T], gradients: &[T], rows: usize, first: usize| {
        let width = PANEL.min(ci - first);
        for (o, panel) in (0..co).step_by(PANEL).zip(weights.chunks(ci * PANEL)) {
            let outputs = PANEL.min(co - o);
            let gradients = Matrix::row_major(&gradients[o..], rows, outputs, co);
            let panel = Matrix::row_major(&panel[first * outputs..], width, outputs, outputs);
            product(dst, gradients, panel.transposed(), o > 0);
        }
    };
    run(backward, n, output_gradient, &slices, compute, input_gradient);
}
