//! What a map method sees: a batch of images, the classifier, and what the shared pass brought.

use ndarray::{Array2, ArrayView1, ArrayView3, ArrayView4, Axis};
use rayon::prelude::*;

use crate::classifier::{Classifier, Trace};
use crate::error::{Error, Result};

/// A batch of images and everything known of them after the shared pass.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The model, for methods that need passes of their own.
    pub classifier: &'a dyn Classifier,
    /// `[batch, channels, height, width]` in `[0, 1]`.
    pub images: ArrayView4<'a, f32>,
    /// The class to explain of each image: its label.
    pub labels: &'a [usize],
    /// Each image's stable id, which keys its draws.
    pub ids: &'a [&'a str],
    /// The one seed of every random stream.
    pub seed: u64,
    /// The pass over the images, made by [`Explainer::trace`](super::Explainer::trace).
    pub trace: &'a Trace,
}

impl<'a> Scene<'a> {
    /// Checks that everything has one entry per image.
    ///
    /// # Errors
    /// `InvalidParameter`, with the counts.
    pub fn check(&self) -> Result<()> {
        let n = self.trace.logits.nrows();
        if [self.images.len_of(Axis(0)), self.labels.len(), self.ids.len()] == [n; 3] {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "expected one image, one label and one id for each of {n} images; got {}, {} and {}",
            self.images.len_of(Axis(0)),
            self.labels.len(),
            self.ids.len()
        )))
    }

    /// What is known of one image.
    pub fn image(&self, image: usize) -> Evidence<'a> {
        Evidence { trace: self.trace, image, label: self.labels[image], id: self.ids[image], seed: self.seed }
    }

    /// One map per image, in parallel.
    ///
    /// # Errors
    /// What `map` reports, naming the image.
    pub fn each(
        &self,
        map: impl Fn(&Evidence<'a>) -> Result<Array2<f32>> + Sync,
    ) -> Result<Vec<Array2<f32>>> {
        (0..self.ids.len())
            .into_par_iter()
            .map(|image| map(&self.image(image)).map_err(|e| e.context(self.ids[image])))
            .collect()
    }
}

/// What is known of one image after the shared pass.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    trace: &'a Trace,
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
        let found = self.trace.taps.first();
        Ok(found.ok_or_else(|| untraced("a layer's output"))?.index_axis(Axis(0), self.image))
    }

    /// The gradient at the layer's output or at the input, of its shape: that of the last walk.
    ///
    /// # Errors
    /// `InvalidParameter` where no gradient was traced.
    pub fn gradient(&self) -> Result<ArrayView3<'a, f32>> {
        let found = self.trace.walks.last().and_then(|places| places.first());
        Ok(found.ok_or_else(|| untraced("a gradient"))?.index_axis(Axis(0), self.image))
    }
}

fn untraced(what: &str) -> Error {
    Error::invalid(format!("the map needs {what}, which the traced pass did not bring"))
        .with_hint("make the pass with Explainer::trace")
}
