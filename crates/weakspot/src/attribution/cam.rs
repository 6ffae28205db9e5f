//! Class activation mapping.
//!
//! ```text
//! L_y = ReLU( sum_c w_yc A_c )
//! ```
//!
//! A_c: channel c of the layer that is averaged (`activations`); w_yc: weight of channel c for class y in the
//! linear layer after the average (`weights`).

use ndarray::Array2;

use super::grad_cam::{positive_part, weighted_sum};
use super::{Attribution, Evidence, Explain, MethodRow, Needs, ReadAt, Scene};
use crate::classifier::CamHead;
use crate::error::{Error, Result};
use crate::objective::strongest_other;

/// What the command line and the tests know about it.
pub(super) static ROW: MethodRow = MethodRow {
    name: "cam",
    summary: "a layer's channels, weighted as the linear head weights their averages (needs head gap)",
    reference: Some("Zhou et al. 2016, arXiv:1512.04150"),
    read_at: ReadAt::Head,
    new: |classifier, _, explain| {
        let head = classifier.signature().cam_head.clone();
        Ok(Box::new(Cam::new(head.ok_or_else(|| Error::invalid("the model has no head for CAM"))?, explain)))
    },
};

/// CAM: the averaged layer's channels, each weighted as the linear layer weights its average.
///
/// It exists only for a head of global average pooling and one linear layer. There it is Grad-CAM times the number
/// of grid cells.
///
/// # References
/// Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, arXiv:1512.04150, section 2.
///
/// # Where we differ
/// The paper keeps negative evidence; a leverage is never negative, so it is cut off at 0, as Grad-CAM does. With
/// [`Explain::Margin`] the weights are `w_y - w_other`.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Attribution, Cam, Explain, Needs};
/// use weakspot::classifier::CamHead;
/// use weakspot::objective::Objective;
///
/// let head = CamHead { layer: "features.29".to_owned(), weights: ndarray::arr2(&[[1.0], [-1.0]]) };
/// let cam = Cam::new(head, Explain::Logit);
/// assert_eq!(cam.needs(), Needs::Layer("features.29", Objective::ClassLogit));
/// ```
#[derive(Clone, Debug)]
pub struct Cam {
    layer: String,
    weights: Array2<f32>,
    explain: Explain,
}

impl Cam {
    /// CAM for a head.
    pub fn new(head: CamHead, explain: Explain) -> Self {
        Self { layer: head.layer, weights: head.weights, explain }
    }

    /// The class's weight per channel.
    pub(super) fn class_weights(&self, evidence: &Evidence<'_>) -> Vec<f64> {
        let own = self.weights.row(evidence.label).mapv(f64::from);
        match self.explain {
            Explain::Logit => own.to_vec(),
            Explain::Margin => {
                let other = self.weights.row(strongest_other(evidence.logits(), evidence.label));
                own.iter().zip(other).map(|(a, &b)| a - f64::from(b)).collect()
            }
        }
    }
}

impl Attribution for Cam {
    fn needs(&self) -> Needs<'_> {
        // The gradient that comes with the layer is not used; it costs one walk through the head only.
        Needs::Layer(&self.layer, self.explain.objective())
    }

    fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Array2<f32>>> {
        scene.each(|evidence| {
            let sum = weighted_sum(&self.class_weights(evidence), evidence.activations()?);
            Ok(positive_part(&sum))
        })
    }
}
