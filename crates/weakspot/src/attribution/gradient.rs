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

/// What the command line and the tests know about it.
pub(super) static ROW: MethodRow = MethodRow {
    name: "gradient",
    summary: "the length of the input gradient at each pixel",
    reference: Some("Simonyan, Vedaldi and Zisserman 2013, arXiv:1312.6034"),
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
///
/// # Examples
/// ```
/// use weakspot::attribution::{Attribution, Explain, Explainer, Gradient, Method, Scene};
/// use weakspot::objective::Objective;
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// # let explainer = Explainer::new(&model, Method::GRADIENT, Explain::Logit, None)?;
/// # let trace = explainer.trace(&model, images.view(), &[0], &[], false)?;
/// # let (images, labels, ids) = (images.view(), &[0][..], &["image/00000"][..]);
/// # let scene = Scene { classifier: &model, images, labels, ids, seed: 0, trace: &trace };
/// // The label's logit is the mean of 16 activations, of which the ReLU passes one.
/// let map = &Gradient::new(Objective::ClassLogit).maps(&scene)?[0];
/// assert_eq!((map[[1, 2]], map.sum()), (0.0625, 0.0625));
/// # Ok::<(), weakspot::Error>(())
/// ```
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
