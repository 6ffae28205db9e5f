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

/// Sums per channel of the numbers `f` makes of each value, summed image by image in order.
fn sums<T: Scalar>(data: &[T], c: usize, image: usize, f: impl Fn(usize, T) -> f64 + Sync) -> Vec<f64> {
    let partial: Vec<Vec<f64>> = data
        .par_chunks(image)
        .enumerate()
        .map(|(i, values)| {
            let mut sums = vec![0.0; c];
            for (p, pixel) in values.chunks_exact(c).enumerate() {
                for (k, (sum, &v)) in sums.iter_mut().zip(pixel).enumerate() {
                    *sum += f(i * image + p * c + k, v);
                }
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

impl<T: Scalar> BatchNorm<T> {
    /// Per channel, what the normalised value is multiplied with and divided by: `weight / sqrt(variance + epsilon)`.
    fn scale(&self) -> Vec<T> {
        let epsilon = T::from_f64(self.epsilon);
        self.weight.iter().zip(&self.variance).map(|(&w, &v)| w / (v + epsilon).sqrt()).collect()
    }

    /// What a value is multiplied with, and what is added then, per channel, with the running statistics.
    pub(super) fn affine(&self) -> (Vec<T>, Vec<T>) {
        let scale = self.scale();
        let shift = self.bias.iter().zip(&self.mean).zip(&scale).map(|((&b, &m), &s)| b - m * s).collect();
        (scale, shift)
    }

    /// With the running statistics, in place.
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

    /// With the statistics of the batch, which are returned, in place.
    pub(super) fn train(&self, x: &mut Activation<T>) -> BatchStatistics<T> {
        let (c, image) = (self.weight.len(), x.shape.len());
        let count = x.data.len() / c;
        let divide = |sums: Vec<f64>| -> Vec<f64> { sums.into_iter().map(|s| s / count as f64).collect() };
        let mean = divide(sums(&x.data, c, image, |_, v| v.to_f64()));
        let variance = divide(sums(&x.data, c, image, |i, v| (v.to_f64() - mean[i % c]).powi(2)));
        let center: Vec<T> = mean.iter().map(|&m| T::from_f64(m)).collect();
        let scale: Vec<T> = variance.iter().map(|v| T::from_f64(1.0 / (v + self.epsilon).sqrt())).collect();
        let mut normalized = x.data.clone();
        x.images_mut().zip(normalized.par_chunks_mut(image)).for_each(|((_, out), normalized)| {
            for (out, pixel) in out.chunks_exact_mut(c).zip(normalized.chunks_exact_mut(c)) {
                for (k, (out, v)) in out.iter_mut().zip(pixel).enumerate() {
                    *v = (*v - center[k]) * scale[k];
                    *out = *v * self.weight[k] + self.bias[k];
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
        let to_bias = sums(&gradient.data, c, image, |_, g| g.to_f64());
        let to_weight = sums(&gradient.data, c, image, |i, g| g.to_f64() * batch.normalized[i].to_f64());
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
                for (k, (g, &v)) in pixel.iter_mut().zip(normalized).enumerate() {
                    *g = (*g - bias_mean[k] - v * weight_mean[k]) * scale[k];
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
