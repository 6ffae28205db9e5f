//! A model of more than two classes, seen through the two logits of a pair.

use ndarray::{Array2, ArrayView4, Axis};

use crate::classifier::{CamHead, Classifier, InputSpec, LayerInfo, Trace, TraceRequest};
use crate::error::{Error, Result};

/// Two of a model's classes: label 0 is the first, label 1 the second (method, section 3).
///
/// The logits of the other classes are not seen: prediction, margin and attack are about the pair.
pub struct PairView<'a> {
    inner: Inner<'a>,
    classes: [usize; 2],
}

/// The model that is seen.
enum Inner<'a> {
    Lent(&'a dyn Classifier),
    /// An untrained one, which nobody else holds.
    Owned(Box<dyn Classifier + 'a>),
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
        Ok(Self { inner: Inner::Lent(inner), classes })
    }

    fn model(&self) -> &dyn Classifier {
        match &self.inner {
            Inner::Lent(model) => *model,
            Inner::Owned(model) => model.as_ref(),
        }
    }

    fn narrow(&self, logits: &Array2<f32>) -> Array2<f32> {
        logits.select(Axis(1), &self.classes)
    }
}

impl Classifier for PairView<'_> {
    fn input(&self) -> InputSpec {
        self.model().input()
    }

    fn n_classes(&self) -> usize {
        2
    }

    fn one_logit(&self) -> bool {
        self.model().one_logit()
    }

    fn layers(&self) -> &[LayerInfo] {
        self.model().layers()
    }

    fn cam_head(&self) -> Option<CamHead> {
        self.model()
            .cam_head()
            .map(|head| CamHead { weights: head.weights.select(Axis(0), &self.classes), ..head })
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        Ok(self.narrow(&self.model().logits(images)?))
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let mut trace = self.model().trace(images, &TraceRequest { pair: Some(self.classes), ..*request })?;
        trace.logits = self.narrow(&trace.logits);
        Ok(trace)
    }

    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let untrained = self.model().randomised(seed)?;
        let pair = |model| PairView { inner: Inner::Owned(model), classes: self.classes };
        Ok(untrained.map(|model| Box::new(pair(model)) as Box<dyn Classifier + '_>))
    }
}
