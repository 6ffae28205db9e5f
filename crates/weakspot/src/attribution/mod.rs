//! Which pixels a decision rests on; one method per file, each returning a raw map.

mod cam;
mod explainer;
mod grad_cam;
mod gradient;
mod layer;
mod random;
mod scene;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use ndarray::Array2;

pub use cam::Cam;
pub use explainer::Explainer;
pub use grad_cam::GradCam;
pub use gradient::Gradient;
pub use layer::{ChosenLayer, INPUT_LAYER, MIN_GRID_SIDE, choose_layer};
pub use random::Random;
pub use scene::{Evidence, Scene};

use crate::classifier::Classifier;
use crate::error::{Error, Result};
use crate::objective::Objective;

/// A way to say which pixels a decision rests on.
///
/// A new method is one file with one implementation of this trait and its [`MethodRow`], and one line in [`Method::ALL`].
pub trait Attribution: fmt::Debug + Send + Sync {
    /// What the shared pass must bring; nothing, unless the method says so.
    fn needs(&self) -> Needs<'_> {
        Needs::Nothing
    }

    /// The maps of a scene's images, in its order: each at its own grid, in its own units, not negative, not divided by
    /// anything. A method that needs more than the shared pass asks the scene's classifier.
    ///
    /// # Errors
    /// `InvalidParameter` where the pass lacks what [`Attribution::needs`] asks for; what the classifier reports.
    fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Array2<f32>>>;
}

/// What a method needs of the shared pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs<'a> {
    /// No more than the logits.
    Nothing,
    /// A layer's output and the gradient of a scalar there.
    Layer(&'a str, Objective),
    /// The gradient of a scalar at the input.
    Input(Objective),
}

/// Where a method's maps are read, unless the user names a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// At the image's pixels, always.
    Input,
    /// At the layer that the head averages, always.
    Head,
    /// At the deepest activation with enough cells.
    Deepest,
    /// As `Deepest`, and at the image's pixels where a model has no such layer.
    DeepestOrInput,
}

/// Makes a method for a model whose layer is chosen.
pub type NewMethod = fn(&dyn Classifier, &ChosenLayer, Explain) -> Result<Box<dyn Attribution>>;

/// Everything that is known of a method apart from its equation: parsing, help and tests are made of these.
#[derive(Debug)]
pub struct MethodRow {
    /// The name on the command line.
    pub name: &'static str,
    /// What the map shows, in a few words.
    pub summary: &'static str,
    /// Where its maps are read.
    pub read_at: ReadAt,
    /// How it is made.
    pub new: NewMethod,
}

/// A method by its row.
#[derive(Clone, Copy)]
pub struct Method(&'static MethodRow);

impl Method {
    /// [`GradCam`]
    pub const GRAD_CAM: Self = Self(&grad_cam::ROW);
    /// [`Cam`]
    pub const CAM: Self = Self(&cam::ROW);
    /// [`Gradient`]
    pub const GRADIENT: Self = Self(&gradient::ROW);
    /// [`Random`]
    pub const RANDOM: Self = Self(&random::ROW);

    /// Every method.
    pub const ALL: [Self; 4] = [Self::GRAD_CAM, Self::CAM, Self::GRADIENT, Self::RANDOM];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What is known of it.
    pub fn row(self) -> &'static MethodRow {
        self.0
    }
}

impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Method {}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
                .with_hint(format!("one of {}", Self::ALL.map(Self::name).join(", ")))
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
