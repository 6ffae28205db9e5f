//! From a model and a choice of method to the maps of a batch.

use ndarray::ArrayView4;
use rayon::prelude::*;

use super::choose_layer;
use super::{
    Attribution, Cam, ChosenLayer, Evidence, Explain, GradCam, Gradient, INPUT_LAYER, Method, Needs, Random,
};
use crate::classifier::{Classifier, InputSpec, Trace, TraceRequest};
use crate::error::{Error, Result};
use crate::image::{Frame, Leverage};
use crate::objective::Objective;

/// A method, ready for a model: the layer is chosen, the head is read.
#[derive(Debug)]
pub struct Explainer {
    method: Box<dyn Attribution>,
    layer: ChosenLayer,
    input: InputSpec,
}

impl Explainer {
    /// Prepares a method for a model; `layer` is what the user asked for, if anything.
    ///
    /// # Errors
    /// As [`choose_layer`].
    pub fn new(
        classifier: &dyn Classifier,
        method: Method,
        explain: Explain,
        layer: Option<&str>,
    ) -> Result<Self> {
        let layer = choose_layer(classifier, layer, method)?;
        let objective = explain.objective();
        let method: Box<dyn Attribution> = match method {
            Method::GradCam => Box::new(GradCam::new(&layer.name, objective)),
            Method::Cam => {
                let head =
                    classifier.cam_head().ok_or_else(|| Error::invalid("the model has no head for CAM"))?;
                Box::new(Cam::new(head, explain))
            }
            Method::Gradient => Box::new(Gradient::new(objective)),
            Method::Random => {
                let frame = if layer.name == INPUT_LAYER { Frame::Image } else { Frame::Padded };
                Box::new(Random::new(layer.grid, frame))
            }
        };
        Ok(Self { method, layer, input: classifier.input() })
    }

    /// The layer the maps are read at.
    pub fn layer(&self) -> &ChosenLayer {
        &self.layer
    }

    /// What the method needs of a traced pass.
    pub fn needs(&self) -> Needs<'_> {
        self.method.needs()
    }

    /// One pass that brings what the maps need, and the gradients in `inputs` for an attack: those come first in
    /// [`Trace::input_gradients`], in their order.
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
        let mut inputs = inputs.to_vec();
        let layer = match self.method.needs() {
            Needs::Nothing => None,
            Needs::Layer(name, objective) => Some((name, objective)),
            Needs::Input(objective) => {
                inputs.push(objective);
                None
            }
        };
        classifier.trace(images, &TraceRequest { labels, layer, inputs: &inputs, features, pair: None })
    }

    /// The maps of a batch, in its order. `labels` are the classes to explain.
    ///
    /// # Errors
    /// `InvalidParameter` where counts disagree or the pass lacks what the method needs; `Numerical` where a map
    /// is not finite. Both name the image.
    pub fn maps(&self, trace: &Trace, labels: &[usize], ids: &[&str], seed: u64) -> Result<Vec<Leverage>> {
        let n = trace.logits.nrows();
        if labels.len() != n || ids.len() != n {
            return Err(Error::invalid(format!(
                "expected one label and one id for each of {n} images; got {} and {}",
                labels.len(),
                ids.len()
            )));
        }
        (0..n)
            .into_par_iter()
            .map(|image| {
                let evidence = Evidence { trace, image, label: labels[image], id: ids[image], seed };
                let raw = self.method.map(&evidence);
                raw.and_then(|raw| Leverage::new(raw, &self.input)).map_err(|e| e.context(ids[image]))
            })
            .collect()
    }
}
