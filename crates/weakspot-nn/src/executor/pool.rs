//! Poolings, paddings and flattening: what moves or mixes the pixels of one channel.

use rayon::prelude::*;
use weakspot_conv::{Gates, Scalar};

use super::activation::Activation;
use crate::network::Shape;

/// Max-pooling and, for every output number, the place of its maximum in the window.
///
/// Of equal values the first in reading order counts, and a NaN beats every number: PyTorch's rule.
pub(super) fn max_pool<T: Scalar>(
    input: &Activation<T>,
    size: usize,
    pooled: &mut Activation<T>,
    keep: bool,
) -> Vec<u8> {
    let output = pooled.shape;
    let (c, width) = (output.channels, input.shape.width);
    let row = output.width * c;
    let mut places = vec![0; if keep { pooled.data.len() } else { 0 }];
    let pool = |i: usize, to: &mut [T], places: &mut [u8]| {
        let (image, y) = (input.image(i / output.height), i % output.height * size);
        for (x, (best, places)) in to.chunks_exact_mut(c).zip(places.chunks_exact_mut(c)).enumerate() {
            let pixel = |k: usize| &image[((y + k / size) * width + x * size + k % size) * c..][..c];
            best.copy_from_slice(pixel(0));
            places.fill(0);
            for k in 1..size * size {
                for ((best, place), &v) in best.iter_mut().zip(&mut *places).zip(pixel(k)) {
                    // No branches: this becomes comparisons and two selections.
                    let larger = (v > *best) | v.is_nan();
                    *best = if larger { v } else { *best };
                    *place = if larger { k as u8 } else { *place };
                }
            }
        }
    };
    let rows = pooled.data.par_chunks_exact_mut(row).enumerate();
    if keep {
        rows.zip(places.par_chunks_exact_mut(row)).for_each(|((i, to), places)| pool(i, to, places));
    } else {
        rows.for_each_init(|| vec![0; row], |places, (i, to)| pool(i, to, places));
    }
    places
}

/// The gradient of [`max_pool`]: all of it to the place of the maximum, unless a ReLU below is closed there.
pub(super) fn max_pool_gradient<T: Scalar>(
    gradient: &Activation<T>,
    places: &[u8],
    size: usize,
    gates: Option<&Gates>,
    to_input: &mut Activation<T>,
) {
    let (input, output) = (to_input.shape, gradient.shape);
    let c = input.channels;
    to_input.images_mut().for_each(|(i, to)| {
        let places = &places[i * output.len()..][..output.len()];
        let pixels = gradient.image(i).chunks_exact(c).zip(places.chunks_exact(c));
        // Where windows do not reach.
        if input.height % size != 0 || input.width % size != 0 {
            to.fill(T::ZERO);
        }
        for (o, (gradient, places)) in pixels.enumerate() {
            for k in 0..size * size {
                let (y, x) = (o / output.width * size + k / size, o % output.width * size + k % size);
                let pixel = y * input.width + x;
                let to = &mut to[pixel * c..][..c];
                for ((to, &g), &place) in to.iter_mut().zip(gradient).zip(places) {
                    *to = if usize::from(place) == k { g } else { T::ZERO };
                }
                if let Some(gates) = gates {
                    gates.apply_to_pixel(i * input.height * input.width + pixel, to);
                }
            }
        }
    });
}

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
