//! What a map method sees: a batch of images, the classifier, and what the shared pass computed.

use ndarray::{Array2, ArrayView1, ArrayView3, ArrayView4, Axis};
use rayon::prelude::*;

use crate::classifier::{Classifier, Trace};
use crate::error::{Error, Result};

/// A batch of images and everything known about them after the shared pass.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Explain, Explainer, Method, Scene};
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// let explainer = Explainer::new(&model, Method::GRADIENT, Explain::Logit, None)?;
/// let trace = explainer.trace(&model, images.view(), &[0], &[], false)?;
/// let (images, labels, ids) = (images.view(), &[0][..], &["image/00000"][..]);
/// let scene = Scene { classifier: &model, images, labels, ids, seed: 0, trace: &trace };
/// assert_eq!(scene.image(0).id, "image/00000");
/// // Every image needs one label.
/// assert!(Scene { labels: &[0, 1], ..scene }.check().is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
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

    /// What is known about one image.
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

/// What is known about one image after the shared pass.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Explain, Explainer, Method, Scene};
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// let explainer = Explainer::new(&model, Method::GRAD_CAM, Explain::Logit, None)?;
/// let trace = explainer.trace(&model, images.view(), &[0], &[], false)?;
/// # let (images, labels, ids) = (images.view(), &[0][..], &["image/00000"][..]);
/// # let scene = Scene { classifier: &model, images, labels, ids, seed: 0, trace: &trace };
/// // One pixel of 16 is 1, the convolution copies it, and the logits are the mean and minus the mean.
/// let evidence = scene.image(0);
/// assert_eq!(evidence.logits(), arr1(&[0.0625, -0.0625]));
/// assert_eq!(evidence.activations()?[[0, 1, 2]], 1.0);
/// assert_eq!(evidence.gradient()?[[0, 1, 2]], 0.0625);
/// # Ok::<(), weakspot::Error>(())
/// ```
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
    Error::invalid(format!("the map needs {what}, which the traced pass did not compute"))
        .with_hint("make the pass with Explainer::trace")
}
