//! The contract with a model: what it is, its logits, and one traced pass.
//!
//! The methods know nothing about networks, and networks nothing about the methods: they meet here
//! (`docs/DESIGN.md`, invariant 3).

use ndarray::{Array2, Array4, ArrayView4};

use crate::error::{Error, Result};
use crate::objective::Cotangent;
use crate::rng;

/// The size of the images that a model takes.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::classifier::InputSpec;
///
/// let input = InputSpec { channels: 3, height: 32, width: 32 };
/// assert!(input.check(Array4::zeros((10, 3, 32, 32)).view()).is_ok());
/// assert!(input.check(Array4::zeros((10, 32, 32, 3)).view()).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Colour channels: 1 for grey, 3 for RGB.
    pub channels: usize,
    /// Height of an image in pixels.
    pub height: usize,
    /// Width of an image in pixels.
    pub width: usize,
}

impl InputSpec {
    /// Checks that a batch has images of this shape.
    ///
    /// # Errors
    /// `Shape`, with the expected shape and the actual one.
    pub fn check(&self, images: ArrayView4<'_, f32>) -> Result<()> {
        let (_, c, h, w) = images.dim();
        if (c, h, w) == (self.channels, self.height, self.width) {
            return Ok(());
        }
        Err(Error::shape(format!(
            "the model takes images of {}x{}x{} (channels, height, width); got {c}x{h}x{w}",
            self.channels, self.height, self.width
        )))
    }
}

/// What kind of layer stands at a place in a network.
///
/// # Examples
/// ```
/// use weakspot::classifier::{Classifier, InputSpec, LayerKind};
/// use weakspot::testing::ConvGap;
///
/// let model = ConvGap::random(0, 2, 4, 1, InputSpec { channels: 1, height: 8, width: 8 });
/// let kinds: Vec<LayerKind> = model.signature().layers.iter().map(|layer| layer.kind).collect();
/// assert_eq!(kinds, [LayerKind::Convolution, LayerKind::Activation]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution.
    Convolution,
    /// A normalisation of a convolution's output.
    Normalization,
    /// A nonlinearity after a convolution: the places where class activation maps are read.
    Activation,
    /// A pooling.
    Pooling,
    /// Anything else.
    Other,
}

/// A layer whose output can be traced.
///
/// # Examples
/// ```
/// use weakspot::classifier::{LayerInfo, LayerKind};
///
/// // How your own network describes its last ReLU.
/// let name = "features.29".to_owned();
/// let kind = LayerKind::Activation;
/// let relu = LayerInfo { name, kind, channels: 512, grid: (14, 14), margins: [0; 4] };
/// assert!(relu.is_activation());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// The layer's name, for example `features.29`.
    pub name: String,
    /// What kind of layer it is.
    pub kind: LayerKind,
    /// Channels of the output.
    pub channels: usize,
    /// `(height, width)` of the output.
    pub grid: (usize, usize),
    /// Rows and columns of pixels around the image that the grid covers too, because the network pads its images
    /// first: `[top, left, bottom, right]`. A map on the grid is cropped back to the image.
    pub margins: [usize; 4],
}

impl LayerInfo {
    /// Whether class activation maps are read here.
    pub fn is_activation(&self) -> bool {
        self.kind == LayerKind::Activation
    }
}

/// Global average pooling followed by one linear layer: the head for which CAM exists.
///
/// # Examples
/// ```
/// use weakspot::classifier::{CamHead, InputSpec, Signature};
///
/// // Two classes on three averaged channels.
/// let weights = ndarray::arr2(&[[1.0, 0.0, 2.0], [0.0, 1.0, -2.0]]);
/// let cam_head = Some(CamHead { layer: "relu".to_owned(), weights });
/// let input = InputSpec { channels: 1, height: 8, width: 8 };
/// let signature = Signature { cam_head, ..Signature::new(input, 2) };
/// assert_eq!(signature.cam_head.unwrap().weights.dim(), (2, 3));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CamHead {
    /// The layer whose average is taken, `features.29`.
    pub layer: String,
    /// Weights of the linear layer, `[classes, channels]`.
    pub weights: Array2<f32>,
}

/// What the methods need to know about a model.
///
/// # Examples
/// ```
/// use weakspot::classifier::{InputSpec, LayerInfo, LayerKind, Signature};
///
/// let input = InputSpec { channels: 1, height: 28, width: 28 };
/// let mut signature = Signature::new(input, 10);
/// let (name, kind) = ("relu".to_owned(), LayerKind::Activation);
/// signature.layers.push(LayerInfo { name, kind, channels: 8, grid: (14, 14), margins: [0; 4] });
/// assert_eq!(signature.layer("relu").map(|layer| layer.grid), Some((14, 14)));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The images it takes.
    pub input: InputSpec,
    /// The number of classes, at least 2. A model with one logit z is read as (-z/2, z/2).
    pub n_classes: usize,
    /// Whether the model has one logit: a class's logit then says the same as the margin.
    pub one_logit: bool,
    /// The layers that can be traced, from the input to the output.
    pub layers: Vec<LayerInfo>,
    /// The head for which CAM exists, if the model has one.
    pub cam_head: Option<CamHead>,
    /// The layer where a map should be read if the user names none. A model that does not say leaves the choice to
    /// [`choose_layer`](crate::attribution::choose_layer).
    pub preferred: Option<String>,
}

impl Signature {
    /// A model without layers that can be traced.
    pub fn new(input: InputSpec, n_classes: usize) -> Self {
        Self { input, n_classes, one_logit: false, layers: Vec::new(), cam_head: None, preferred: None }
    }

    /// A layer by its name.
    pub fn layer(&self, name: &str) -> Option<&LayerInfo> {
        self.layers.iter().find(|layer| layer.name == name)
    }
}

/// Where a gradient is wanted.
///
/// # Examples
/// ```
/// use weakspot::classifier::{Classifier, Place, TraceRequest, Walk};
/// use weakspot::objective::Objective;
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// // The first logit is the mean of 16 activations, of which the ReLU passes one.
/// let from = &Objective::ClassLogit.of(&[0]);
/// let walks = [Walk { from, to: &[Place::Layer("features.1"), Place::Input] }];
/// let request = TraceRequest { walks: &walks, ..TraceRequest::default() };
/// let gradients = &model.trace(images.view(), &request)?.walks[0];
/// assert_eq!((gradients[0].sum(), gradients[1].sum()), (1.0, 0.0625));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// At the image, in pixel units.
    Input,
    /// At a layer's output.
    Layer(&'a str),
}

/// A walk back: from a gradient at the logits to the gradients at one place or more.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::classifier::{Classifier, Place, TraceRequest, Walk};
/// use weakspot::objective::Objective;
/// use weakspot::testing::Linear;
///
/// let model = Linear::new(arr2(&[[2.0], [5.0]]), arr1(&[0.0, 0.0]), (1, 1, 1));
/// let (logit, margin) = (Objective::ClassLogit.of(&[0]), Objective::ClassMargin.of(&[0]));
/// // Two walks back cost one pass forward.
/// let walks = [Walk { from: &logit, to: &[Place::Input] }, Walk { from: &margin, to: &[Place::Input] }];
/// let request = TraceRequest { walks: &walks, ..TraceRequest::default() };
/// let trace = model.trace(Array4::ones((1, 1, 1, 1)).view(), &request)?;
/// assert_eq!((trace.walks[0][0].sum(), trace.walks[1][0].sum()), (2.0, -3.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Walk<'a> {
    /// Where it begins.
    pub from: &'a dyn Cotangent,
    /// Where gradients are wanted, in any order.
    pub to: &'a [Place<'a>],
}

/// What one traced pass should return; by default the logits alone.
///
/// # Examples
/// ```
/// use weakspot::classifier::{Classifier, TraceRequest};
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// let request = TraceRequest { taps: &["features.1"], features: true, ..TraceRequest::default() };
/// let trace = model.trace(images.view(), &request)?;
/// assert_eq!(trace.taps[0].dim(), (1, 1, 4, 4));
/// assert!(trace.features.is_some() && trace.walks.is_empty());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct TraceRequest<'a> {
    /// The layers whose outputs are wanted.
    pub taps: &'a [&'a str],
    /// The walks back. Each costs a pass through all layers after its earliest place.
    pub walks: &'a [Walk<'a>],
    /// Whether the inputs of the last linear layer are wanted.
    pub features: bool,
}

/// What one traced pass returned, in the order of the request.
///
/// # Examples
/// ```
/// use weakspot::classifier::{Classifier, TraceRequest};
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// // One pixel of 16 is 1, the convolution copies it, and the logits are the mean and minus the mean.
/// let request = TraceRequest { taps: &["features.1"], ..TraceRequest::default() };
/// let trace = model.trace(images.view(), &request)?;
/// assert_eq!(trace.logits, arr2(&[[0.0625, -0.0625]]));
/// assert_eq!(trace.taps[0][[0, 0, 1, 2]], 1.0);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// `[batch, classes]`.
    pub logits: Array2<f32>,
    /// The outputs of the requested layers, each `[batch, channels, height, width]`.
    pub taps: Vec<Array4<f32>>,
    /// For each walk, the gradient at each of its places, in the shape of the output or of the images.
    pub walks: Vec<Vec<Array4<f32>>>,
    /// Inputs of the last linear layer, `[batch, features]`.
    pub features: Option<Array2<f32>>,
}

impl Trace {
    /// Takes out the gradient of a walk at its first place.
    ///
    /// # Errors
    /// `InvalidParameter` if the pass did not compute it.
    pub fn take_gradient(&mut self, walk: usize) -> Result<Array4<f32>> {
        let found = self.walks.get_mut(walk).and_then(|places| places.first_mut());
        found.map(std::mem::take).ok_or_else(|| Error::invalid("the classifier returned no gradient"))
    }
}

/// A differentiable image classifier over pixels in `[0, 1]`; mean and std are inside it.
///
/// Every result for one image is the same bytes whatever else is in the batch (`docs/DESIGN.md`, invariant 11).
///
/// # Examples
/// The [front page](crate#a-study-of-your-own-classifier) has an implementation. What every classifier can do:
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::classifier::Classifier;
/// use weakspot::testing::Linear;
///
/// let model: &dyn Classifier = &Linear::new(arr2(&[[2.0], [5.0]]), arr1(&[1.0, 0.0]), (1, 1, 1));
/// assert_eq!(model.logits(Array4::ones((1, 1, 1, 1)).view())?, arr2(&[[3.0, 5.0]]));
/// assert_eq!((model.n_classes(), model.input().channels), (2, 1));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub trait Classifier: Sync {
    /// What the model is.
    fn signature(&self) -> &Signature;

    /// Logits, `[batch, classes]`, of images `[batch, channels, height, width]` in `[0, 1]`.
    ///
    /// # Errors
    /// `Shape` if the images are not of [`Classifier::input`]'s shape; `Numerical` if a logit is not finite.
    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>>;

    /// Logits and everything requested, from one forward pass and one pass back per walk.
    ///
    /// # Errors
    /// As [`Classifier::logits`]; `InvalidParameter` for a layer that does not exist; what [`Cotangent::check`]
    /// reports.
    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace>;

    /// The same network untrained: every parameter tensor permuted within itself by [`permute`], the statistics of
    /// batch norms kept. The control for what a trained network's maps show. `None` if a model does not give its
    /// parameters; the caller then reports "not run".
    ///
    /// # Errors
    /// What building the model reports.
    ///
    /// # Determinism
    /// The same model for the same seed.
    fn randomised(&self, _seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        Ok(None)
    }

    /// The images it takes.
    fn input(&self) -> InputSpec {
        self.signature().input
    }

    /// The number of classes.
    fn n_classes(&self) -> usize {
        self.signature().n_classes
    }
}

/// Logits of images, and the gradient of one scalar at their pixels: one pass.
///
/// # Errors
/// As [`Classifier::trace`].
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::classifier::input_gradient;
/// use weakspot::objective::Objective;
/// use weakspot::testing::Linear;
///
/// let model = Linear::new(arr2(&[[2.0], [5.0]]), arr1(&[1.0, 0.0]), (1, 1, 1));
/// let images = Array4::ones((1, 1, 1, 1));
/// let (logits, gradient) = input_gradient(&model, images.view(), &Objective::ClassLogit.of(&[1]))?;
/// assert_eq!((logits[[0, 1]], gradient[[0, 0, 0, 0]]), (5.0, 5.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn input_gradient(
    classifier: &dyn Classifier,
    images: ArrayView4<'_, f32>,
    of: &dyn Cotangent,
) -> Result<(Array2<f32>, Array4<f32>)> {
    let walks = [Walk { from: of, to: &[Place::Input] }];
    let mut trace = classifier.trace(images, &TraceRequest { walks: &walks, ..TraceRequest::default() })?;
    let gradient = trace.take_gradient(0)?;
    Ok((trace.logits, gradient))
}

/// Permutes a parameter tensor within itself, as [`Classifier::randomised`] does: the draw is keyed by the seed and the
/// tensor's name.
///
/// # Examples
/// ```
/// use weakspot::classifier::permute;
///
/// let mut tensor = [1.0, 2.0, 3.0, 4.0];
/// permute(&mut tensor, "features.0.weight", 7);
/// let mut again = [1.0, 2.0, 3.0, 4.0];
/// permute(&mut again, "features.0.weight", 7);
/// assert_eq!(tensor, again);
/// assert_eq!(tensor.iter().sum::<f32>(), 10.0);
/// ```
pub fn permute(tensor: &mut [f32], name: &str, seed: u64) {
    rng::stream(seed, &format!("randomised/{name}"), "").shuffle(tensor);
}
