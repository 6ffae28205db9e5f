//! Cross-entropy, its gradient, and the number of correct outputs.

use rayon::prelude::*;

/// The sums over some images.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) correct: usize,
    n: usize,
}

impl Sums {
    pub(super) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.n += other.n;
    }

    pub(super) fn mean_loss(&self) -> f64 {
        self.loss / self.n as f64
    }

    pub(super) fn accuracy(&self) -> f64 {
        self.correct as f64 / self.n as f64
    }
}

/// Replaces outputs `[batch, outputs]` by the gradient of the batch's mean cross-entropy, and sums the losses.
///
/// The target probabilities are `(1 - smoothing) * [class = label] + smoothing / classes` (Szegedy et al., "Rethinking
/// the Inception Architecture", arXiv:1512.00567, section 7). A single output z is read as the two logits (-z/2, z/2),
/// whose softmax is the sigmoid of z.
pub(super) fn cross_entropy(outputs: &mut [f32], n_outputs: usize, labels: &[usize], smoothing: f64) -> Sums {
    let n = labels.len();
    let losses: Vec<(f64, bool)> = outputs
        .par_chunks_mut(n_outputs)
        .zip(labels)
        .map(|(outputs, &label)| {
            let z: Vec<f64> = match *outputs {
                [z] => vec![f64::from(z) / -2.0, f64::from(z) / 2.0],
                _ => outputs.iter().map(|&z| z.into()).collect(),
            };
            let first_largest = (1..z.len()).fold(0, |best, i| if z[i] > z[best] { i } else { best });
            let top = z[first_largest];
            let total: f64 = z.iter().map(|z| (z - top).exp()).sum();
            let even = smoothing / z.len() as f64;
            let expected = |i: usize| even + if i == label { 1.0 - smoothing } else { 0.0 };
            let gradient = |i: usize| ((z[i] - top).exp() / total - expected(i)) / n as f64;
            if let [out] = outputs {
                *out = ((gradient(1) - gradient(0)) / 2.0) as f32;
            } else {
                outputs.iter_mut().enumerate().for_each(|(i, out)| *out = gradient(i) as f32);
            }
            let of_label = total.ln() - (z[label] - top);
            // Without smoothing, a logit of -inf elsewhere must not give 0 * inf, a NaN.
            let of_all: f64 =
                if even == 0.0 { 0.0 } else { z.iter().map(|z| even * (total.ln() - (z - top))).sum() };
            ((1.0 - smoothing) * of_label + of_all, first_largest == label)
        })
        .collect();
    let loss = losses.iter().map(|(loss, _)| loss).sum();
    Sums { loss, correct: losses.iter().filter(|(_, right)| *right).count(), n }
}

#[cfg(test)]
mod tests {
    use super::super::hashed;
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        outputs: usize,
        smoothing: f64,
        seed: u32,
        labels: Vec<usize>,
        loss: f64,
        gradient: Vec<f64>,
    }

    #[test]
    fn loss_and_gradient_are_pytorchs() {
        #[derive(serde::Deserialize)]
        struct Reference {
            cross_entropy: Vec<Case>,
        }
        let reference: Reference =
            serde_json::from_str(include_str!("../../../../reference/training.json")).unwrap();
        assert_eq!(reference.cross_entropy.len(), 9);
        for case in reference.cross_entropy {
            let mut z: Vec<f32> =
                hashed(5 * case.outputs as u32, case.seed).iter().map(|z| 4.0 * z).collect();
            let sums = cross_entropy(&mut z, case.outputs, &case.labels, case.smoothing);
            assert!((sums.loss - case.loss).abs() < 1e-9, "{} instead of {}", sums.loss, case.loss);
            for (g, e) in z.iter().zip(&case.gradient) {
                // The gradient is rounded to single precision once.
                assert!((f64::from(*g) - e).abs() < 1e-7, "{} outputs: {g} instead of {e}", case.outputs);
            }
        }
    }

    #[test]
    fn smoothing_pulls_certain_outputs_back_and_an_infinite_one_is_only_lost_when_smoothed() {
        // On paper: the loss is least where the softmax is the smoothed label, (1 - s/2, s/2).
        let logit = (0.9f64 / 0.1).ln() as f32;
        let mut z = [logit, 0.0];
        cross_entropy(&mut z, 2, &[0], 0.2);
        assert!(z.iter().all(|g| g.abs() < 1e-7), "{z:?}");
        let loss = |smoothing| cross_entropy(&mut [0.0, f32::NEG_INFINITY], 2, &[0], smoothing).loss;
        assert_eq!(loss(0.0), 0.0);
        assert_eq!(loss(0.1), f64::INFINITY);
    }
}
