//! The scalar being explained or attacked, with its sign fixed once.

use ndarray::{ArrayView1, ArrayViewMut1};

/// A scalar of one image's logits `z` and label `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// `z_y`: what Grad-CAM explains.
    ClassLogit,
    /// `z_y` minus the largest other logit: `--explain margin`.
    ClassMargin,
    /// What an untargeted attack *ascends*. For two classes `z_other - z_y`, which has the sign of the
    /// cross-entropy's gradient and cannot saturate; for more, the cross-entropy of `y`
    /// (method: section 4, "Attack").
    Loss,
}

impl Objective {
    /// The gradient of the scalar with respect to the logits, written to `out` (one value per class).
    ///
    /// # Panics
    /// If `label` is not below the number of logits.
    pub fn cotangent(self, logits: ArrayView1<'_, f32>, label: usize, mut out: ArrayViewMut1<'_, f32>) {
        out.fill(0.0);
        match self {
            Self::ClassLogit => out[label] = 1.0,
            Self::ClassMargin => {
                out[label] = 1.0;
                out[strongest_other(logits, label)] = -1.0;
            }
            Self::Loss if logits.len() == 2 => {
                out[label] = -1.0;
                out[1 - label] = 1.0;
            }
            Self::Loss => {
                let top = crate::num::max_of(logits.iter());
                let exp: Vec<f64> = logits.iter().map(|&z| f64::from(z - top).exp()).collect();
                let sum: f64 = exp.iter().sum();
                for (o, e) in out.iter_mut().zip(&exp) {
                    *o = (e / sum) as f32;
                }
                // 1 - p would cancel where p is near 1; the sum of the others does not.
                let others: f64 = exp.iter().enumerate().filter(|(i, _)| *i != label).map(|(_, e)| e).sum();
                out[label] = -(others / sum) as f32;
            }
        }
    }
}

/// The class with the largest logit among those that are not `label`; the first of equals.
pub fn strongest_other(logits: ArrayView1<'_, f32>, label: usize) -> usize {
    let mut best = usize::from(label == 0);
    for (i, &z) in logits.iter().enumerate() {
        if i != label && z > logits[best] {
            best = i;
        }
    }
    best
}

/// The class with the largest logit; the first of equals.
pub fn predicted(logits: ArrayView1<'_, f32>) -> usize {
    let mut best = 0;
    for (i, &z) in logits.iter().enumerate() {
        if z > logits[best] {
            best = i;
        }
    }
    best
}

/// `z_y` minus the largest other logit: positive if and only if the label is predicted (up to ties).
pub fn margin(logits: ArrayView1<'_, f32>, label: usize) -> f32 {
    logits[label] - logits[strongest_other(logits, label)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, arr1};

    #[test]
    fn the_loss_of_three_classes_is_softmax_minus_one_hot() {
        let z = arr1(&[0.3, -1.0, 2.0]);
        let mut g = Array1::zeros(3);
        Objective::Loss.cotangent(z.view(), 1, g.view_mut());
        let sum: f32 = z.iter().map(|v| v.exp()).sum();
        for (i, &v) in g.iter().enumerate() {
            let expected = z[i].exp() / sum - if i == 1 { 1.0 } else { 0.0 };
            assert!((v - expected).abs() < 1e-6, "{i}: {v} {expected}");
        }
    }

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(predicted(arr1(&[1.0, 1.0]).view()), 0);
        assert_eq!(strongest_other(arr1(&[5.0, 1.0, 1.0]).view(), 0), 1);
    }
}
