//! Which pixels a decision rests on; one method per file, each returning a raw map.

mod cam;
mod explainer;
mod grad_cam;
mod gradient;
mod layer;
mod random;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use ndarray::{ArrayView1, ArrayView3, Axis};

pub use cam::Cam;
pub use explainer::Explainer;
pub use grad_cam::GradCam;
pub use gradient::Gradient;
pub use layer::{ChosenLayer, INPUT_LAYER, MIN_GRID_SIDE, choose_layer};
pub use random::Random;

use crate::classifier::Trace;
use crate::error::{Error, Result};
use crate::image::RawMap;
use crate::objective::Objective;

/// A way to say which pixels a decision rests on.
///
/// A new method is one file with one implementation of this trait, one name in [`Method`] and one row in the
/// conformance table of this room's tests.
pub trait Attribution: fmt::Debug + Send + Sync {
    /// What the traced pass must bring; nothing, unless the method says so.
    fn needs(&self) -> Needs<'_> {
        Needs::Nothing
    }

    /// The map of one image: at its own grid, in its own units, not negative, not divided by anything.
    ///
    /// # Errors
    /// `InvalidParameter` where the trace lacks what [`Attribution::needs`] asks for.
    fn map(&self, evidence: &Evidence<'_>) -> Result<RawMap>;
}

/// What a method needs of the traced pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs<'a> {
    /// No more than the logits.
    Nothing,
    /// A layer's output and the gradient of a scalar there.
    Layer(&'a str, Objective),
    /// The gradient of a scalar at the input, as the *last* of [`Trace::input_gradients`].
    Input(Objective),
}

/// What is known of one image after the traced pass.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The pass over the image's batch.
    pub trace: &'a Trace,
    /// The image's place in the batch.
    pub image: usize,
    /// The class to explain: the image's label.
    pub label: usize,
    /// The image's stable id, which keys its draws.
    pub id: &'a str,
    /// The one seed of every random stream.
    pub seed: u64,
}

impl<'a> Evidence<'a> {
    /// The image's logits, one per class.
    pub fn logits(&self) -> ArrayView1<'a, f32> {
        self.trace.logits.index_axis(Axis(0), self.image)
    }

    /// The layer's output, `[channels, grid height, grid width]`.
    ///
    /// # Errors
    /// `InvalidParameter` where no layer was traced.
    pub fn activations(&self) -> Result<ArrayView3<'a, f32>> {
        let found = self.trace.activations.as_ref();
        Ok(found.ok_or_else(|| untraced("a layer's output"))?.index_axis(Axis(0), self.image))
    }

    /// The gradient at the layer's output, of its shape.
    ///
    /// # Errors
    /// `InvalidParameter` where no layer was traced.
    pub fn layer_gradient(&self) -> Result<ArrayView3<'a, f32>> {
        let found = self.trace.layer_gradient.as_ref();
        Ok(found.ok_or_else(|| untraced("the gradient at a layer"))?.index_axis(Axis(0), self.image))
    }

    /// The last gradient at the input, `[channels, height, width]`.
    ///
    /// # Errors
    /// `InvalidParameter` where no gradient at the input was traced.
    pub fn input_gradient(&self) -> Result<ArrayView3<'a, f32>> {
        let found = self.trace.input_gradients.last();
        Ok(found.ok_or_else(|| untraced("a gradient at the input"))?.index_axis(Axis(0), self.image))
    }
}

fn untraced(what: &str) -> Error {
    Error::invalid(format!("the map needs {what}, which the traced pass did not bring"))
        .with_hint("make the pass with Explainer::trace")
}

/// The methods, by the names the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// [`GradCam`]
    GradCam,
    /// [`Cam`]
    Cam,
    /// [`Gradient`]
    Gradient,
    /// [`Random`]
    Random,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::GradCam, Self::Cam, Self::Gradient, Self::Random];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::GradCam => "grad-cam",
            Self::Cam => "cam",
            Self::Gradient => "gradient",
            Self::Random => "random",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| {
            Error::invalid(format!("expected a map's name; got {text:?}"))
                .with_hint("one of grad-cam, cam, gradient, random")
        })
    }
}

/// Which scalar of the logits is explained (`--explain`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Explain {
    /// The label's logit.
    #[default]
    Logit,
    /// The label's logit minus the largest other.
    Margin,
}

impl Explain {
    /// The scalar.
    pub fn objective(self) -> Objective {
        match self {
            Self::Logit => Objective::ClassLogit,
            Self::Margin => Objective::ClassMargin,
        }
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logit => "logit",
            Self::Margin => "margin",
        })
    }
}

impl FromStr for Explain {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "logit" => Ok(Self::Logit),
            "margin" => Ok(Self::Margin),
            _ => Err(Error::invalid(format!("expected what to explain; got {text:?}"))
                .with_hint("one of logit, margin")),
        }
    }
}
