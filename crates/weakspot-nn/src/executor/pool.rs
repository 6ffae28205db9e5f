//! Poolings, paddings and flattening: the layers that move or mix the pixels of one channel.

use rayon::prelude::*;
use weakspot_conv::Scalar;

use super::activation::Activation;
use crate::network::Shape;

/// The cells of an input side that output cell `i` of `out` averages: PyTorch's
/// `floor(i * side / out) .. ceil((i + 1) * side / out)`.
fn cells(i: usize, side: usize, out: usize) -> std::ops::Range<usize> {
    i * side / out..((i + 1) * side).div_ceil(out)
}

/// Calls `visit(output pixel, input pixel, cells averaged)` for every pair that adaptive pooling joins.
fn joined(input: Shape, output: Shape, mut visit: impl FnMut(usize, usize, usize)) {
    for oy in 0..output.height {
        let rows = cells(oy, input.height, output.height);
        for ox in 0..output.width {
            let columns = cells(ox, input.width, output.width);
            for y in rows.clone() {
                for x in columns.clone() {
                    visit(oy * output.width + ox, y * input.width + x, rows.len() * columns.len());
                }
            }
        }
    }
}

/// Adaptive average pooling.
pub(super) fn average_pool<T: Scalar>(input: &Activation<T>, output: Shape) -> Activation<T> {
    let mut pooled = Activation::zeros(input.n, output);
    let c = output.channels;
    pooled.images_mut().for_each(|(i, to)| {
        let from = input.image(i);
        joined(input.shape, output, |o, p, _| {
            for (sum, &v) in to[o * c..][..c].iter_mut().zip(&from[p * c..][..c]) {
                *sum += v;
            }
        });
        for (pixel, sums) in to.chunks_exact_mut(c).enumerate() {
            let rows = cells(pixel / output.width, input.shape.height, output.height);
            let columns = cells(pixel % output.width, input.shape.width, output.width);
            let count = T::from_f64((rows.len() * columns.len()) as f64);
            for sum in sums {
                *sum = *sum / count;
            }
        }
    });
    pooled
}

/// The gradient of [`average_pool`].
pub(super) fn average_pool_gradient<T: Scalar>(gradient: &Activation<T>, input: Shape) -> Activation<T> {
    let mut to_input = Activation::zeros(gradient.n, input);
    let c = input.channels;
    to_input.images_mut().for_each(|(i, to)| {
        let from = gradient.image(i);
        joined(input, gradient.shape, |o, p, count| {
            let count = T::from_f64(count as f64);
            for (sum, &g) in to[p * c..][..c].iter_mut().zip(&from[o * c..][..c]) {
                *sum += g / count;
            }
        });
    });
    to_input
}

/// Copies the frame where a smaller image lies in a larger one, `[top, left, bottom, right]` away from its sides:
/// padding with zeros one way, cropping (its gradient) the other.
pub(super) fn reframe<T: Scalar>(
    input: &Activation<T>,
    output: Shape,
    [top, left, ..]: [usize; 4],
) -> Activation<T> {
    let mut framed = Activation::zeros(input.n, output);
    let c = output.channels;
    let grows = output.height >= input.shape.height && output.width >= input.shape.width;
    let small = if grows { input.shape } else { output };
    let row = |shape: Shape, y: usize| {
        let (dy, dx) = if shape == small { (0, 0) } else { (top, left) };
        ((y + dy) * shape.width + dx) * c
    };
    framed.images_mut().for_each(|(i, to)| {
        let from = input.image(i);
        for y in 0..small.height {
            to[row(output, y)..][..small.width * c]
                .copy_from_slice(&from[row(input.shape, y)..][..small.width * c]);
        }
    });
    framed
}

/// Vectors in the order channels, rows, columns.
pub(super) fn flatten<T: Scalar>(input: &Activation<T>, output: Shape) -> Activation<T> {
    let mut flat = Activation::zeros(input.n, output);
    let (c, pixels) = (input.shape.channels, input.shape.height * input.shape.width);
    flat.images_mut().for_each(|(i, to)| {
        for (j, &v) in input.image(i).iter().enumerate() {
            to[j % c * pixels + j / c] = v;
        }
    });
    flat
}

/// The inverse of [`flatten`], which is its gradient.
pub(super) fn unflatten<T: Scalar>(gradient: &Activation<T>, input: Shape) -> Activation<T> {
    let mut shaped = Activation::zeros(gradient.n, input);
    let (c, pixels) = (input.channels, input.height * input.width);
    shaped.images_mut().for_each(|(i, to)| {
        let from = gradient.image(i);
        for (j, v) in to.iter_mut().enumerate() {
            *v = from[j % c * pixels + j / c];
        }
    });
    shaped
}
