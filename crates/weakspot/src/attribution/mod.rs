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
/// A new method is one file with one implementation of this trait and its [`MethodRow`], and one line in
/// [`Method::ALL`].
///
/// # Examples
/// ```
/// use weakspot::attribution::{Attribution, Scene};
/// # use weakspot::classifier::Trace;
/// # use weakspot::objective::Objective;
///
/// /// Highlights bright pixels.
/// #[derive(Debug)]
/// struct Brightness;
///
/// impl Attribution for Brightness {
///     fn maps(&self, scene: &Scene<'_>) -> weakspot::Result<Vec<ndarray::Array2<f32>>> {
///         let of = |image| scene.images.index_axis(ndarray::Axis(0), image).sum_axis(ndarray::Axis(0));
///         scene.each(|evidence| Ok(of(evidence.image)))
///     }
/// }
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// # let trace = Trace { logits: arr2(&[[0.0, 0.0]]), ..Trace::default() };
/// # let (classifier, images) = (&model, images.view());
/// # let scene = Scene { classifier, images, labels: &[0], ids: &["a"], seed: 0, trace: &trace };
/// // An image with one bright pixel.
/// assert_eq!(Brightness.maps(&scene)?[0][[1, 2]], 1.0);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub trait Attribution: fmt::Debug + Send + Sync {
    /// What the shared pass must compute; by default nothing.
    fn needs(&self) -> Needs<'_> {
        Needs::Nothing
    }

    /// The maps of a scene's images, in its order: each at its own grid, in its own units, not negative, not divided by
    /// anything. A method that needs more than the shared pass asks the scene's classifier.
    ///
    /// # Errors
    /// `InvalidParameter` if the pass lacks what [`Attribution::needs`] names; what the classifier reports.
    fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Array2<f32>>>;
}

/// What a method needs from the shared pass.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Attribution, Gradient, Needs, Random};
/// use weakspot::objective::Objective;
///
/// assert_eq!(Gradient::new(Objective::ClassLogit).needs(), Needs::Input(Objective::ClassLogit));
/// assert_eq!(Random::new((4, 4)).needs(), Needs::Nothing);
/// ```
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
///
/// # Examples
/// ```
/// use weakspot::attribution::{Method, ReadAt};
///
/// assert_eq!(Method::GRADIENT.row().read_at, ReadAt::Input);
/// assert_eq!(Method::CAM.row().read_at, ReadAt::Head);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// At the image's pixels, always.
    Input,
    /// At the layer that the head averages, always.
    Head,
    /// At the deepest activation with enough cells.
    Deepest,
    /// As `Deepest`, or at the image's pixels if the model has no such layer.
    DeepestOrInput,
}

/// Makes a method for a model whose layer is chosen.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Explain, Method, NewMethod, choose_layer};
/// use weakspot::classifier::{Classifier, InputSpec};
/// use weakspot::testing::Linear;
///
/// let model = Linear::random(0, 2, (1, 4, 4));
/// let layer = choose_layer(model.signature(), None, Method::RANDOM)?;
/// let new: NewMethod = Method::RANDOM.row().new;
/// assert_eq!(format!("{:?}", new(&model, &layer, Explain::Logit)?), "Random { grid: (4, 4) }");
/// # Ok::<(), weakspot::Error>(())
/// ```
pub type NewMethod = fn(&dyn Classifier, &ChosenLayer, Explain) -> Result<Box<dyn Attribution>>;

/// Everything that is known about a method apart from its equation: parsing, help and tests use these rows.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Method, ReadAt};
///
/// let row = Method::GRAD_CAM.row();
/// assert_eq!((row.name, row.read_at), ("grad-cam", ReadAt::Deepest));
/// ```
#[derive(Debug)]
pub struct MethodRow {
    /// The name on the command line.
    pub name: &'static str,
    /// What the map shows, in a few words.
    pub summary: &'static str,
    /// Who proposed it, and where; `None` for a control of our own.
    pub reference: Option<&'static str>,
    /// Where its maps are read.
    pub read_at: ReadAt,
    /// How it is made.
    pub new: NewMethod,
}

/// A method by its row.
///
/// # Examples
/// ```
/// use weakspot::attribution::Method;
///
/// assert_eq!("grad-cam".parse::<Method>()?, Method::GRAD_CAM);
/// assert_eq!(Method::ALL.map(Method::name), ["grad-cam", "cam", "gradient", "random"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
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

    /// What is known about it.
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

/// Which scalar of the logits is explained (setting `explain`).
///
/// # Examples
/// ```
/// use weakspot::attribution::Explain;
/// use weakspot::objective::Objective;
///
/// let explain: Explain = "margin".parse()?;
/// assert_eq!(explain.objective(), Objective::ClassMargin);
/// # Ok::<(), weakspot::Error>(())
/// ```
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
