//! Batch normalisation, with running statistics or with the batch's own.
//!
//! # References
//! Ioffe and Szegedy, "Batch Normalization", ICML 2015, arXiv:1502.03167, algorithms 1 and 2.

use rayon::prelude::*;
use weakspot_conv::Scalar;

use super::activation::Activation;

/// The parameters of a batch norm, one number per channel each.
#[derive(Clone, Debug)]
pub(super) struct BatchNorm<T> {
    pub weight: Vec<T>,
    pub bias: Vec<T>,
    pub mean: Vec<T>,
    pub variance: Vec<T>,
    pub epsilon: f64,
}

/// The statistics of a batch, one number per channel each, and the normalised values.
#[derive(Clone, Debug)]
pub(super) struct BatchStatistics<T> {
    pub normalized: Vec<T>,
    pub mean: Vec<f64>,
    /// Divided by the count, as the normalisation does; the running variance takes count - 1.
    pub variance: Vec<f64>,
    pub count: usize,
}

/// Sums per channel over all pixels of all images: `add(sums, pixel, other)` adds one pixel of `data` (and the same of
/// `other`) to the sums of its image, which are added in order.
fn sums<T: Scalar>(
    data: &[T],
    other: &[T],
    c: usize,
    image: usize,
    add: impl Fn(&mut [f64], &[T], &[T]) + Sync,
) -> Vec<f64> {
    let partial: Vec<Vec<f64>> = data
        .par_chunks(image)
        .zip(other.par_chunks(image))
        .map(|(values, others)| {
            let mut sums = vec![0.0; c];
            for (pixel, other) in values.chunks_exact(c).zip(others.chunks_exact(c)) {
                add(&mut sums, pixel, other);
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; c];
    for sums in &partial {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    total
}

/// Adds each channel's value.
fn add_values<T: Scalar>(sums: &mut [f64], pixel: &[T], _: &[T]) {
    for (sum, v) in sums.iter_mut().zip(pixel) {
        *sum += v.to_f64();
    }
}

impl<T: Scalar> BatchNorm<T> {
    /// The factor of each channel, with the running statistics: `weight / sqrt(variance + epsilon)`.
    fn scale(&self) -> Vec<T> {
        let epsilon = T::from_f64(self.epsilon);
        self.weight.iter().zip(&self.variance).map(|(&w, &v)| w / (v + epsilon).sqrt()).collect()
    }

    /// The factor of each channel and the number added then, with the running statistics.
    pub(super) fn affine(&self) -> (Vec<T>, Vec<T>) {
        let scale = self.scale();
        let shift = self.bias.iter().zip(&self.mean).zip(&scale).map(|((&b, &m), &s)| b - m * s).collect();
        (scale, shift)
    }

    /// Normalises with the running statistics, in place.
    pub(super) fn evaluate(&self, x: &mut Activation<T>) {
        let (scale, shift) = self.affine();
        x.images_mut().for_each(|(_, image)| {
            for pixel in image.chunks_exact_mut(scale.len()) {
                for ((v, &scale), &shift) in pixel.iter_mut().zip(&scale).zip(&shift) {
                    *v = *v * scale + shift;
                }
            }
        });
    }

    /// The gradient of [`BatchNorm::evaluate`], in place.
    pub(super) fn evaluate_gradient(&self, gradient: &mut Activation<T>) {
        let scale = self.scale();
        gradient.images_mut().for_each(|(_, image)| {
            for pixel in image.chunks_exact_mut(scale.len()) {
                for (v, &scale) in pixel.iter_mut().zip(&scale) {
                    *v *= scale;
                }
            }
        });
    }

    /// Normalises with the statistics of the batch, in place, and returns them.
    pub(super) fn train(&self, x: &mut Activation<T>) -> BatchStatistics<T> {
        let (c, image) = (self.weight.len(), x.shape.len());
        let count = x.data.len() / c;
        let divide = |sums: Vec<f64>| -> Vec<f64> { sums.into_iter().map(|s| s / count as f64).collect() };
        let mean = divide(sums(&x.data, &x.data, c, image, add_values));
        let squares = |sums: &mut [f64], pixel: &[T], _: &[T]| {
            for ((sum, v), mean) in sums.iter_mut().zip(pixel).zip(&mean) {
                *sum += (v.to_f64() - mean).powi(2);
            }
        };
        let variance = divide(sums(&x.data, &x.data, c, image, squares));
        let center: Vec<T> = mean.iter().map(|&m| T::from_f64(m)).collect();
        let scale: Vec<T> = variance.iter().map(|v| T::from_f64(1.0 / (v + self.epsilon).sqrt())).collect();
        let mut normalized = x.data.clone();
        x.images_mut().zip(normalized.par_chunks_mut(image)).for_each(|((_, out), normalized)| {
            for (out, pixel) in out.chunks_exact_mut(c).zip(normalized.chunks_exact_mut(c)) {
                let parameters = self.weight.iter().zip(&self.bias).zip(center.iter().zip(&scale));
                for ((out, v), ((&weight, &bias), (&center, &scale))) in
                    out.iter_mut().zip(pixel).zip(parameters)
                {
                    *v = (*v - center) * scale;
                    *out = *v * weight + bias;
                }
            }
        });
        BatchStatistics { normalized, mean, variance, count }
    }

    /// The gradient of [`BatchNorm::train`], in place; returns the gradients to weight and bias.
    pub(super) fn train_gradient(
        &self,
        batch: &BatchStatistics<T>,
        gradient: &mut Activation<T>,
    ) -> (Vec<T>, Vec<T>) {
        let (c, image) = (self.weight.len(), gradient.shape.len());
        let to_bias = sums(&gradient.data, &gradient.data, c, image, add_values);
        let products = |sums: &mut [f64], pixel: &[T], normalized: &[T]| {
            for ((sum, g), v) in sums.iter_mut().zip(pixel).zip(normalized) {
                *sum += g.to_f64() * v.to_f64();
            }
        };
        let to_weight = sums(&gradient.data, &batch.normalized, c, image, products);
        let mean_of =
            |sums: &[f64]| -> Vec<T> { sums.iter().map(|s| T::from_f64(s / batch.count as f64)).collect() };
        let (bias_mean, weight_mean) = (mean_of(&to_bias), mean_of(&to_weight));
        let scale: Vec<T> = batch
            .variance
            .iter()
            .zip(&self.weight)
            .map(|(v, &w)| w * T::from_f64(1.0 / (v + self.epsilon).sqrt()))
            .collect();
        gradient.images_mut().zip(batch.normalized.par_chunks(image)).for_each(|((_, image), normalized)| {
            for (pixel, normalized) in image.chunks_exact_mut(c).zip(normalized.chunks_exact(c)) {
                let parameters = bias_mean.iter().zip(&weight_mean).zip(&scale);
                for ((g, &v), ((&bias, &weight), &scale)) in pixel.iter_mut().zip(normalized).zip(parameters)
                {
                    *g = (*g - bias - v * weight) * scale;
                }
            }
        });
        let rounded = |sums: Vec<f64>| sums.into_iter().map(T::from_f64).collect();
        (rounded(to_weight), rounded(to_bias))
    }

    /// Moves the running statistics a tenth of the way to the batch's (PyTorch's momentum).
    pub(super) fn absorb(&mut self, batch: &BatchStatistics<T>) {
        // A single value has no variance.
        let unbiased = batch.count as f64 / (batch.count.max(2) - 1) as f64;
        let absorb = |running: &mut [T], new: &[f64], factor: f64| {
            for (r, n) in running.iter_mut().zip(new) {
                *r = T::from_f64(0.9 * r.to_f64() + 0.1 * n * factor);
            }
        };
        absorb(&mut self.mean, &batch.mean, 1.0);
        absorb(&mut self.variance, &batch.variance, unbiased);
    }
}
