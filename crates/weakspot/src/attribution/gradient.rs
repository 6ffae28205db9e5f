//! The gradient at the input.
//!
//! ```text
//! L[i, j] = sqrt( sum_c (ds / dx_c[i, j])^2 )
//! ```
//!
//! x: the image; c: its channels; s: the explained scalar (`objective`).

use ndarray::Array2;

use super::{Attribution, MethodRow, Needs, ReadAt, Scene};
use crate::error::Result;
use crate::image::l2_over_channels;
use crate::objective::Objective;

/// What the command line and the tests know of it.
pub(super) static ROW: MethodRow = MethodRow {
    name: "gradient",
    summary: "the length of the input gradient at each pixel",
    read_at: ReadAt::Input,
    new: |_, _, explain| Ok(Box::new(Gradient::new(explain.objective()))),
};

/// The length of the input gradient at each pixel.
///
/// # References
/// Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013, arXiv:1312.6034, section 3.
///
/// # Where we differ
/// The paper takes the largest absolute value over the channels; we take the L2 norm, as for the vulnerability, so
/// that both maps measure a pixel alike.
#[derive(Clone, Debug)]
pub struct Gradient {
    objective: Objective,
}

impl Gradient {
    /// The gradient of a scalar.
    pub fn new(objective: Objective) -> Self {
        Self { objective }
    }
}

impl Attribution for Gradient {
    fn needs(&self) -> Needs<'_> {
        Needs::Input(self.objective)
    }

    fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Array2<f32>>> {
        scene.each(|evidence| Ok(l2_over_channels(evidence.gradient()?)))
    }
}
