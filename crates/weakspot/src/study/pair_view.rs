//! A model of more than two classes, seen through the two logits of a pair.

use ndarray::{Array2, ArrayView4, Axis};

use crate::classifier::{CamHead, Classifier, InputSpec, LayerInfo, Trace, TraceRequest};
use crate::error::{Error, Result};

/// Two of a model's classes: label 0 is the first, label 1 the second (method, section 3).
///
/// The logits of the other classes are not seen: prediction, margin and attack are about the pair.
pub struct PairView<'a> {
    inner: &'a dyn Classifier,
    classes: [usize; 2],
}

impl<'a> PairView<'a> {
    /// The pair's view of a model.
    ///
    /// # Errors
    /// `InvalidParameter` if the model has no such classes or they are the same.
    pub fn new(inner: &'a dyn Classifier, classes: [usize; 2]) -> Result<Self> {
        let k = inner.n_classes();
        if classes[0] == classes[1] || classes.iter().any(|&c| c >= k) {
            return Err(Error::invalid(format!(
                "a study needs two different classes of the model's {k}, counted from 0; got {} and {}",
                classes[0], classes[1]
            ))
            .with_hint("name them with --classes A,B, as the model counts them"));
        }
        Ok(Self { inner, classes })
    }

    fn narrow(&self, logits: &Array2<f32>) -> Array2<f32> {
        logits.select(Axis(1), &self.classes)
    }
}

impl Classifier for PairView<'_> {
    fn input(&self) -> InputSpec {
        self.inner.input()
    }

    fn n_classes(&self) -> usize {
        2
    }

    fn layers(&self) -> &[LayerInfo] {
        self.inner.layers()
    }

    fn cam_head(&self) -> Option<CamHead> {
        self.inner
            .cam_head()
            .map(|head| CamHead { weights: head.weights.select(Axis(0), &self.classes), ..head })
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        Ok(self.narrow(&self.inner.logits(images)?))
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let mut trace = self.inner.trace(images, &TraceRequest { pair: Some(self.classes), ..*request })?;
        trace.logits = self.narrow(&trace.logits);
        Ok(trace)
    }

    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let untrained = self.inner.randomised(seed)?;
        Ok(untrained
            .map(|inner| Box::new(OwnedPair { inner, classes: self.classes }) as Box<dyn Classifier + '_>))
    }
}

/// A pair's view of a model that it owns.
struct OwnedPair<'a> {
    inner: Box<dyn Classifier + 'a>,
    classes: [usize; 2],
}

impl OwnedPair<'_> {
    fn view(&self) -> PairView<'_> {
        PairView { inner: self.inner.as_ref(), classes: self.classes }
    }
}

impl Classifier for OwnedPair<'_> {
    fn input(&self) -> InputSpec {
        self.inner.input()
    }

    fn n_classes(&self) -> usize {
        2
    }

    fn layers(&self) -> &[LayerInfo] {
        self.inner.layers()
    }

    fn cam_head(&self) -> Option<CamHead> {
        self.view().cam_head()
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        self.view().logits(images)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        self.view().trace(images, request)
    }
}
