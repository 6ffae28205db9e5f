//! From a model and a choice of method to the maps of a batch.

use ndarray::{Array2, ArrayView4};
use rayon::prelude::*;

use super::{Attribution, ChosenLayer, Explain, Method, Needs, Scene, choose_layer};
use crate::classifier::{Classifier, Place, Trace, TraceRequest, Walk};
use crate::error::{Error, Result};
use crate::image::{Leverage, RawMap};
use crate::objective::{Labelled, Objective};

/// A method, ready for a model: the layer is chosen, the head is read.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::attribution::{Explain, Explainer, Method, Scene};
/// use weakspot::classifier::InputSpec;
/// use weakspot::testing::ConvGap;
///
/// // The convolution copies the image; the logits are its mean and minus its mean.
/// let mut kernel = Array4::zeros((1, 1, 3, 3));
/// kernel[[0, 0, 1, 1]] = 1.0;
/// let input = InputSpec { channels: 1, height: 4, width: 4 };
/// let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// let mut images = Array4::zeros((1, 1, 4, 4));
/// images[[0, 0, 1, 2]] = 1.0;
///
/// let explainer = Explainer::new(&model, Method::GRAD_CAM, Explain::Logit, None)?;
/// let trace = explainer.trace(&model, images.view(), &[0], &[], false)?;
/// let (images, labels, ids) = (images.view(), &[0][..], &["image/00000"][..]);
/// let maps = explainer.maps(&Scene { classifier: &model, images, labels, ids, seed: 0, trace: &trace })?;
/// assert_eq!(maps[0].raw[[1, 2]], 1.0 / 16.0);
/// // The view is divided by the map's maximum.
/// assert_eq!((maps[0].view[[1, 2]], maps[0].view.sum()), (1.0, 1.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Explainer {
    method: Box<dyn Attribution>,
    layer: ChosenLayer,
    /// `(height, width)` of the images.
    size: (usize, usize),
}

impl Explainer {
    /// Prepares a method for a model; `layer` is the layer that the user named, if any.
    ///
    /// # Errors
    /// As [`choose_layer`].
    pub fn new(
        classifier: &dyn Classifier,
        method: Method,
        explain: Explain,
        layer: Option<&str>,
    ) -> Result<Self> {
        let layer = choose_layer(classifier.signature(), layer, method)?;
        let input = classifier.input();
        let method = (method.row().new)(classifier, &layer, explain)?;
        Ok(Self { method, layer, size: (input.height, input.width) })
    }

    /// The layer the maps are read at.
    pub fn layer(&self) -> &ChosenLayer {
        &self.layer
    }

    /// What the method needs from the shared pass.
    pub fn needs(&self) -> Needs<'_> {
        self.method.needs()
    }

    /// One pass that computes what the maps need, and the input gradients of `inputs` for an attack, which are its
    /// first walks, in their order.
    ///
    /// # Errors
    /// As [`Classifier::trace`].
    pub fn trace(
        &self,
        classifier: &dyn Classifier,
        images: ArrayView4<'_, f32>,
        labels: &[usize],
        inputs: &[Objective],
        features: bool,
    ) -> Result<Trace> {
        let mut wanted: Vec<(Labelled<'_>, [Place<'_>; 1])> =
            inputs.iter().map(|objective| (objective.of(labels), [Place::Input])).collect();
        let mut taps = Vec::new();
        match self.method.needs() {
            Needs::Nothing => {}
            Needs::Layer(name, objective) => {
                taps.push(name);
                wanted.push((objective.of(labels), [Place::Layer(name)]));
            }
            Needs::Input(objective) => wanted.push((objective.of(labels), [Place::Input])),
        }
        let walks: Vec<Walk<'_>> = wanted.iter().map(|(from, to)| Walk { from, to }).collect();
        classifier.trace(images, &TraceRequest { taps: &taps, walks: &walks, features })
    }

    /// The maps of a scene's images, in its order.
    ///
    /// # Errors
    /// `InvalidParameter` where counts disagree or the pass lacks what the method needs; `Numerical` where a map
    /// is not finite. Both name the image.
    pub fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Leverage>> {
        scene.check()?;
        let raw = self.method.maps(scene)?;
        if raw.len() != scene.ids.len() {
            return Err(Error::invalid(format!(
                "the method made {} maps of {} images",
                raw.len(),
                scene.ids.len()
            )));
        }
        let leverage = |(values, id): (Array2<f32>, &&str)| {
            Leverage::new(RawMap { values, frame: self.layer.frame() }, self.size).map_err(|e| e.context(*id))
        };
        raw.into_par_iter().zip(scene.ids).map(leverage).collect()
    }
}
