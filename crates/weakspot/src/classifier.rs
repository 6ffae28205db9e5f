//! The contract with a model: logits; one traced pass.
//!
//! The science knows no network and a network no science: they meet here (`docs/DESIGN.md`, invariant 3).

use ndarray::{Array2, Array4, ArrayView4};

use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::rng;

/// What a model takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Colour channels: 1 for grey, 3 for RGB.
    pub channels: usize,
    /// Height of an image in pixels.
    pub height: usize,
    /// Width of an image in pixels.
    pub width: usize,
    /// Rows and columns of zeros that the network itself adds first: `[top, left, bottom, right]`. A map at a
    /// layer's grid covers the padded frame and is cropped back to the image.
    pub padding: [usize; 4],
}

impl InputSpec {
    /// Checks that a batch has images of this shape.
    ///
    /// # Errors
    /// `Shape`, with the shape expected and the shape that came.
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

    /// `(height, width)` of the frame the network sees: the image and the zeros it adds around it.
    pub fn frame(&self) -> (usize, usize) {
        let [top, left, bottom, right] = self.padding;
        (top + self.height + bottom, left + self.width + right)
    }
}

/// A layer whose output can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// The name as torchvision gives it, `features.29`.
    pub name: String,
    /// Whether the layer is a ReLU after a convolution: the places where class activation maps are read.
    pub is_relu: bool,
    /// Channels of the output.
    pub channels: usize,
    /// `(height, width)` of the output.
    pub grid: (usize, usize),
}

/// Global average pooling followed by one linear layer: the head for which CAM exists.
#[derive(Clone, Debug, PartialEq)]
pub struct CamHead {
    /// The layer whose average is taken, `features.29`.
    pub layer: String,
    /// Weights of the linear layer, `[classes, channels]`.
    pub weights: Array2<f32>,
}

/// What one traced pass should bring back.
#[derive(Clone, Copy, Debug)]
pub struct TraceRequest<'a> {
    /// The label of each image; what an [`Objective`] is about.
    pub labels: &'a [usize],
    /// A layer, and the scalar whose gradient at that layer's output is wanted.
    pub layer: Option<(&'a str, Objective)>,
    /// The scalars whose gradients at the input are wanted. Each costs one walk back through the trunk.
    pub inputs: &'a [Objective],
    /// Whether the inputs of the last linear layer are wanted.
    pub features: bool,
    /// Two of the model's classes that labels and objectives are about: label 0 is the first, label 1 the second.
    /// `None`: labels count the model's own classes.
    pub pair: Option<[usize; 2]>,
}

impl TraceRequest<'_> {
    /// The gradient of an objective with respect to the model's logits `[batch, classes]`, of their shape.
    ///
    /// # Panics
    /// If there are fewer labels than logits, or a label or a class of the pair is out of range.
    pub fn cotangents(&self, objective: Objective, logits: &Array2<f32>) -> Array2<f32> {
        let mut out = Array2::zeros(logits.dim());
        for ((row, mut cotangent), &label) in logits.rows().into_iter().zip(out.rows_mut()).zip(self.labels) {
            match self.pair {
                None => objective.cotangent(row, label, cotangent),
                Some(pair) => {
                    let seen = ndarray::arr1(&pair.map(|class| row[class]));
                    let mut of_pair = ndarray::Array1::zeros(2);
                    objective.cotangent(seen.view(), label, of_pair.view_mut());
                    for (&class, &value) in pair.iter().zip(&of_pair) {
                        cotangent[class] = value;
                    }
                }
            }
        }
        out
    }
}

/// What one traced pass brought back.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// `[batch, classes]`.
    pub logits: Array2<f32>,
    /// The asked layer's output, `[batch, channels, height, width]`.
    pub activations: Option<Array4<f32>>,
    /// The gradient at the asked layer's output, of its shape.
    pub layer_gradient: Option<Array4<f32>>,
    /// One `[batch, channels, height, width]` per asked objective, in pixel units.
    pub input_gradients: Vec<Array4<f32>>,
    /// Inputs of the last linear layer, `[batch, features]`.
    pub features: Option<Array2<f32>>,
}

/// A differentiable image classifier over pixels in `[0, 1]`; mean and std are inside it.
///
/// Every result for one image is the same bytes whatever else is in the batch (`docs/DESIGN.md`, invariant 11).
pub trait Classifier: Sync {
    /// What the model takes in.
    fn input(&self) -> InputSpec;

    /// The number of classes, at least 2. A model with one logit z is read as (-z/2, z/2).
    fn n_classes(&self) -> usize;

    /// Whether the model has one logit z, read as (-z/2, z/2): a class's logit then says what the margin says.
    fn one_logit(&self) -> bool {
        false
    }

    /// The layers that can be traced, from the input to the output.
    fn layers(&self) -> &[LayerInfo];

    /// The head for which CAM exists, if the model has one.
    fn cam_head(&self) -> Option<CamHead>;

    /// Logits, `[batch, classes]`, of images `[batch, channels, height, width]` in `[0, 1]`.
    ///
    /// # Errors
    /// `Shape` if the images are not of [`Classifier::input`]'s shape; `Numerical` if a logit is not finite.
    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>>;

    /// Logits and everything asked for, from one forward pass and one walk back per input objective.
    ///
    /// # Errors
    /// As [`Classifier::logits`]; `InvalidParameter` for a layer that does not exist or a label out of range.
    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace>;

    /// The same network untrained: every parameter tensor permuted within itself by [`permute`], the statistics of
    /// batch norms kept. The control for what a trained network's maps show. `None` where a model cannot tell its
    /// parameters; whoever asks then reports "not run".
    ///
    /// # Errors
    /// What building the model reports.
    ///
    /// # Determinism
    /// The same model for the same seed.
    fn randomised(&self, _seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        Ok(None)
    }
}

/// Permutes a parameter tensor within itself, as [`Classifier::randomised`] does: the draw is keyed by the seed and the
/// tensor's name.
pub fn permute(tensor: &mut [f32], name: &str, seed: u64) {
    rng::stream(seed, &format!("randomised/{name}"), "").shuffle(tensor);
}
