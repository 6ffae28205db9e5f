//! What one image leaves behind at each stage.

use serde::{Deserialize, Serialize};

use crate::study::packed::{PackedFloats, PackedMask};

/// One classification: the predicted class of the pair, and the label's logit minus the other's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    #[serde(rename = "p")]
    pub(crate) predicted: u8,
    #[serde(rename = "m")]
    pub(crate) margin: f32,
}

impl Call {
    pub(crate) fn right(self, label: usize) -> bool {
        usize::from(self.predicted) == label
    }

    /// The worse of two for the defender: wrong before correct, then the smaller margin.
    pub(crate) fn worse(self, other: Self, label: usize) -> Self {
        let rank = |call: Self| (call.right(label), call.margin);
        if rank(other) < rank(self) { other } else { self }
    }
}

/// A statistic and its permutation p.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tested {
    pub(crate) value: f64,
    pub(crate) p: f64,
}

/// What the traced pass over a clean image, and the attack on it, showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LookRow {
    pub(crate) clean: Call,
    pub(crate) adv: Call,
    /// `None` where the utility map is empty.
    pub(crate) roi: Option<PackedMask>,
    pub(crate) roa: PackedMask,
    /// Share of pixels that the two commonest values of the vulnerability map cover.
    pub(crate) two_values: f64,
    /// Share of exact zeros in the loss gradient.
    pub(crate) zeros: f64,
    /// Inputs of the last linear layer at x.
    pub(crate) features: PackedFloats,
    /// For eval images only.
    pub(crate) eval: Option<EvalLook>,
}

/// What is measured on eval images only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EvalLook {
    /// Inputs of the last linear layer at x*.
    pub(crate) adv_features: PackedFloats,
    /// Utility view against vulnerability view.
    pub(crate) ssim_maps: Option<f64>,
    /// RoI against RoA.
    pub(crate) ssim_masks: Option<f64>,
    pub(crate) iou: Option<f64>,
    /// Upper p of the overlap among all shifts.
    pub(crate) shift_p: Option<f64>,
    pub(crate) moran_utility: Option<Tested>,
    pub(crate) moran_vulnerability: Option<Tested>,
    pub(crate) joins_utility: Option<Tested>,
    pub(crate) joins_vulnerability: Option<Tested>,
}

/// Moran's I of an image's utility and vulnerability maps; `None` where a map is constant.
pub(crate) type Morans = [Option<f64>; 2];

/// What happened to one image with one fill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DefendRow {
    /// Whether N changed a pixel.
    pub(crate) changed: bool,
    pub(crate) modified: Call,
    pub(crate) mod_adv: Option<Call>,
    pub(crate) oblivious: Option<Call>,
    pub(crate) adaptive: Option<Call>,
    pub(crate) remasked: Option<Call>,
}

/// One image at one radius of the sweep, headline fill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SweepRow {
    pub(crate) clean: Call,
    pub(crate) adv: Call,
    /// `None` where P3 is not run.
    pub(crate) adaptive: Option<Call>,
    /// P0w and P3w; `None` where they are not run.
    pub(crate) worst: Option<[Call; 2]>,
}

/// The lowest margins of one image under attacks that are run to their end: undefended, and defended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MarginRow(pub(crate) [f32; 2]);

/// One eval image when the masks are known beforehand: everything in one go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EvalRow {
    pub(crate) look: LookRow,
    /// With the headline fill.
    pub(crate) defend: DefendRow,
}

/// One image under one shifted control.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ControlRow {
    pub(crate) modified: Call,
    pub(crate) adaptive: Call,
    /// P3w; `None` for images beyond those that it is run on.
    pub(crate) worst: Option<Call>,
}
