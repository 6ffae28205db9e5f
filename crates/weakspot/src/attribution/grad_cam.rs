//! Gradient-weighted class activation mapping.
//!
//! ```text
//! L = ReLU( sum_c w_c A_c ),   w_c = (1 / Z) sum_ij ds / dA_c[i, j]
//! ```
//!
//! A_c: channel c of the layer's output (`activations`); s: the explained scalar (`objective`); Z: cells of the
//! grid.

use ndarray::{Array2, ArrayView3, Axis};

use super::{Attribution, MethodRow, Needs, ReadAt, Scene};
use crate::error::Result;
use crate::objective::Objective;

/// What the command line and the tests know about it.
pub(super) static ROW: MethodRow = MethodRow {
    name: "grad-cam",
    summary: "a layer's channels, weighted by the mean gradient of the class's logit there",
    reference: Some("Selvaraju et al. 2017, arXiv:1610.02391"),
    read_at: ReadAt::Deepest,
    new: |_, layer, explain| Ok(Box::new(GradCam::new(&layer.name, explain.objective()))),
};

/// Grad-CAM: the layer's channels, each weighted by the mean of the gradient there.
///
/// # References
/// Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
/// 2017, arXiv:1610.02391, section 3.
///
/// # Where we differ
/// The paper's software divides each map by its own range; ours stays raw, and the division is a view. Sums are
/// taken in `f64`, in a fixed order.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Attribution, GradCam, Needs};
/// use weakspot::objective::Objective;
///
/// let method = GradCam::new("features.29", Objective::ClassLogit);
/// assert_eq!(method.needs(), Needs::Layer("features.29", Objective::ClassLogit));
/// ```
#[derive(Clone, Debug)]
pub struct GradCam {
    layer: String,
    objective: Objective,
}

impl GradCam {
    /// Grad-CAM of a scalar at a layer.
    pub fn new(layer: impl Into<String>, objective: Objective) -> Self {
        Self { layer: layer.into(), objective }
    }
}

impl Attribution for GradCam {
    fn needs(&self) -> Needs<'_> {
        Needs::Layer(&self.layer, self.objective)
    }

    fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Array2<f32>>> {
        scene.each(|evidence| {
            let gradient = evidence.gradient()?;
            let cells = (gradient.len_of(Axis(1)) * gradient.len_of(Axis(2))) as f64;
            let mean = |g: ndarray::ArrayView2<'_, f32>| g.iter().map(|&v| f64::from(v)).sum::<f64>() / cells;
            let weights: Vec<f64> = gradient.outer_iter().map(mean).collect();
            Ok(positive_part(&weighted_sum(&weights, evidence.activations()?)))
        })
    }
}

/// `sum_c w_c A_c` over the channels of `[channels, grid height, grid width]`, before any ReLU.
pub(super) fn weighted_sum(weights: &[f64], activations: ArrayView3<'_, f32>) -> Array2<f64> {
    let (_, rows, columns) = activations.dim();
    let mut sum = Array2::zeros((rows, columns));
    for (&w, channel) in weights.iter().zip(activations.outer_iter()) {
        sum.zip_mut_with(&channel, |s, &a| *s += w * f64::from(a));
    }
    sum
}

/// The ReLU, rounded once to single precision. NaN stays NaN, so that it is found and not taken for no evidence.
pub(super) fn positive_part(map: &Array2<f64>) -> Array2<f32> {
    map.mapv(|v| if v <= 0.0 { 0.0 } else { v as f32 })
}
