//! The scalar being explained or attacked, with its sign fixed once, and its gradient at the logits.

use ndarray::{Array2, ArrayView1, ArrayViewMut1};

use crate::error::{Error, Result};

/// A gradient at the logits, image by image: where a walk back through a classifier begins.
///
/// # Examples
/// ```
/// use ndarray::{Array4, ArrayView1, ArrayViewMut1, arr1, arr2};
/// use weakspot::classifier::input_gradient;
/// use weakspot::objective::Cotangent;
/// use weakspot::testing::Linear;
///
/// /// The sum of all logits.
/// struct Sum;
///
/// impl Cotangent for Sum {
///     fn write(&self, _image: usize, _logits: ArrayView1<'_, f32>, mut out: ArrayViewMut1<'_, f32>) {
///         out.fill(1.0);
///     }
/// }
///
/// let model = Linear::new(arr2(&[[2.0], [5.0]]), arr1(&[0.0, 0.0]), (1, 1, 1));
/// let (_, gradient) = input_gradient(&model, Array4::zeros((1, 1, 1, 1)).view(), &Sum)?;
/// assert_eq!(gradient[[0, 0, 0, 0]], 7.0);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub trait Cotangent: Sync {
    /// Checks that there is a gradient for each of `n` images of a model of `classes` classes.
    ///
    /// # Errors
    /// `Shape` or `InvalidParameter`, saying what does not fit.
    fn check(&self, _n: usize, _classes: usize) -> Result<()> {
        Ok(())
    }

    /// Writes the gradient of image number `image` of the batch to `out`, one value per class; `logits` are the
    /// image's.
    fn write(&self, image: usize, logits: ArrayView1<'_, f32>, out: ArrayViewMut1<'_, f32>);
}

/// The gradients of a batch, `[batch, classes]`, of the logits' shape.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::objective::{Objective, cotangents};
///
/// let logits = arr2(&[[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]);
/// let gradients = cotangents(&Objective::ClassMargin.of(&[1, 2]), &logits);
/// assert_eq!(gradients, arr2(&[[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0]]));
/// ```
pub fn cotangents(of: &dyn Cotangent, logits: &Array2<f32>) -> Array2<f32> {
    let mut out = Array2::zeros(logits.dim());
    for (image, (row, cotangent)) in logits.rows().into_iter().zip(out.rows_mut()).enumerate() {
        of.write(image, row, cotangent);
    }
    out
}

/// An [`Objective`] of each image's label.
///
/// # Examples
/// ```
/// use weakspot::objective::{Cotangent, Objective};
///
/// let of_labels = Objective::Loss.of(&[0, 1, 1]);
/// assert!(of_labels.check(3, 2).is_ok());
/// // Three labels do not fit four images.
/// assert!(of_labels.check(4, 2).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    objective: Objective,
    labels: &'a [usize],
}

impl Cotangent for Labelled<'_> {
    fn check(&self, n: usize, classes: usize) -> Result<()> {
        if self.labels.len() != n {
            return Err(Error::shape(format!("{n} images need {n} labels; got {}", self.labels.len())));
        }
        match self.labels.iter().find(|&&label| label >= classes) {
            Some(label) => Err(Error::invalid(format!("labels must be below {classes}; got {label}"))),
            None => Ok(()),
        }
    }

    fn write(&self, image: usize, logits: ArrayView1<'_, f32>, out: ArrayViewMut1<'_, f32>) {
        self.objective.cotangent(logits, self.labels[image], out);
    }
}

/// A scalar of one image's logits `z` and label `y`.
///
/// # Examples
/// ```
/// use ndarray::{Array1, arr1};
/// use weakspot::objective::Objective;
///
/// let mut gradient = Array1::zeros(3);
/// Objective::Loss.cotangent(arr1(&[1.0, 0.0, 0.0]).view(), 0, gradient.view_mut());
/// assert_eq!(gradient, arr1(&[-1.0, 0.5, 0.5]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// `z_y`: what Grad-CAM explains.
    ClassLogit,
    /// `z_y` minus the largest other logit: the setting `explain = margin`.
    ClassMargin,
    /// What an untargeted attack *ascends*: `ln(sum over the other classes j of exp z_j) - z_y`, the logarithm of the
    /// odds against `y`. For two classes that is `z_other - z_y`. Its gradient is the cross-entropy's divided by
    /// `1 - p_y`: it has the same sign, and it does not vanish when the model is sure (METHODS, section 4).
    Loss,
}

impl Objective {
    /// The scalar of each image's label.
    pub fn of(self, labels: &[usize]) -> Labelled<'_> {
        Labelled { objective: self, labels }
    }

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
                // The cross-entropy's own gradient, p_j and p_y - 1, is all zero in single precision if p_y rounds
                // to 1.
                let top = logits[strongest_other(logits, label)];
                let exp = |z: f32| f64::from(z - top).exp();
                let of_others = || logits.iter().enumerate().filter(|(j, _)| *j != label);
                let sum: f64 = of_others().map(|(_, &z)| exp(z)).sum();
                for (j, &z) in of_others() {
                    out[j] = (exp(z) / sum) as f32;
                }
                out[label] = -1.0;
            }
        }
    }
}

/// The class with the largest logit among those that are not `label`; the first of equals.
///
/// # Examples
/// ```
/// use ndarray::arr1;
/// use weakspot::objective::strongest_other;
///
/// assert_eq!(strongest_other(arr1(&[1.0, 3.0, 2.0]).view(), 1), 2);
/// ```
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
///
/// # Examples
/// ```
/// use ndarray::arr1;
/// use weakspot::objective::predicted;
///
/// assert_eq!(predicted(arr1(&[1.0, 3.0, 3.0]).view()), 1);
/// ```
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
///
/// # Examples
/// ```
/// use ndarray::arr1;
/// use weakspot::objective::margin;
///
/// assert_eq!(margin(arr1(&[1.0, 3.0, 2.0]).view(), 1), 1.0);
/// assert_eq!(margin(arr1(&[1.0, 3.0, 2.0]).view(), 0), -2.0);
/// ```
pub fn margin(logits: ArrayView1<'_, f32>, label: usize) -> f32 {
    logits[label] - logits[strongest_other(logits, label)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, arr1};

    #[test]
    fn the_loss_of_three_classes_is_the_cross_entropy_over_one_minus_p() {
        let z = arr1(&[0.3, -1.0, 2.0]);
        let mut g = Array1::zeros(3);
        Objective::Loss.cotangent(z.view(), 1, g.view_mut());
        let sum: f32 = z.iter().map(|v| v.exp()).sum();
        let p = |i: usize| z[i].exp() / sum;
        for (i, &v) in g.iter().enumerate() {
            let cross_entropy = p(i) - if i == 1 { 1.0 } else { 0.0 };
            let expected = cross_entropy / (1.0 - p(1));
            assert!((v - expected).abs() < 1e-6, "{i}: {v} {expected}");
        }
    }

    #[test]
    fn a_sure_model_of_three_classes_still_has_a_gradient() {
        let mut g = Array1::zeros(3);
        // exp(-300) is 0 in single precision, and so is the cross-entropy's gradient.
        Objective::Loss.cotangent(arr1(&[300.0, 0.0, -1.0]).view(), 0, g.view_mut());
        assert_eq!(g[0], -1.0);
        assert!(g[1] > 0.7 && g[2] > 0.2 && (g[1] + g[2] - 1.0).abs() < 1e-6, "{g}");
    }

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(predicted(arr1(&[1.0, 1.0]).view()), 0);
        assert_eq!(strongest_other(arr1(&[5.0, 1.0, 1.0]).view(), 0), 1);
    }
}
