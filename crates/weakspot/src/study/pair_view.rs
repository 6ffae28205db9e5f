//! A model of more than two classes, seen through the two logits of a pair.

use ndarray::{Array1, Array2, ArrayView1, ArrayView4, ArrayViewMut1, Axis, arr1};

use crate::classifier::{CamHead, Classifier, Signature, Trace, TraceRequest, Walk};
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::objective::Cotangent;

/// Two of a model's classes: label 0 is the first, label 1 the second (METHODS, section 3).
///
/// The logits of the other classes are ignored: prediction, margin and attack are about the pair.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::classifier::Classifier;
/// use weakspot::study::PairView;
/// use weakspot::testing::Linear;
///
/// let model = Linear::new(arr2(&[[1.0], [2.0], [3.0]]), arr1(&[0.0, 0.0, 0.0]), (1, 1, 1));
/// let pair = PairView::new(&model, [2, 0])?;
/// assert_eq!(pair.logits(Array4::ones((1, 1, 1, 1)).view())?, arr2(&[[3.0, 1.0]]));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub struct PairView<'a> {
    inner: Inner<'a>,
    classes: [usize; 2],
    signature: Signature,
}

/// The caller's model.
enum Inner<'a> {
    Lent(&'a dyn Classifier),
    /// An untrained model, which belongs to this view.
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
            .with_hint(
                Hint::new().say("name them with ").set("classes", "A,B").say(", as the model counts them"),
            ));
        }
        let signature = narrowed(inner.signature(), classes);
        Ok(Self { inner: Inner::Lent(inner), classes, signature })
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

/// The same model with two classes.
fn narrowed(signature: &Signature, classes: [usize; 2]) -> Signature {
    let cam_head = signature
        .cam_head
        .as_ref()
        .map(|head| CamHead { layer: head.layer.clone(), weights: head.weights.select(Axis(0), &classes) });
    Signature { n_classes: 2, cam_head, ..signature.clone() }
}

/// A gradient at the pair's logits, as one at all of the model's: the other classes have 0.
struct OfPair<'a> {
    inner: &'a dyn Cotangent,
    classes: [usize; 2],
}

impl Cotangent for OfPair<'_> {
    fn check(&self, n: usize, _classes: usize) -> Result<()> {
        self.inner.check(n, 2)
    }

    fn write(&self, image: usize, logits: ArrayView1<'_, f32>, mut out: ArrayViewMut1<'_, f32>) {
        let seen = arr1(&self.classes.map(|class| logits[class]));
        let mut of_pair = Array1::zeros(2);
        self.inner.write(image, seen.view(), of_pair.view_mut());
        out.fill(0.0);
        for (&class, &value) in self.classes.iter().zip(&of_pair) {
            out[class] = value;
        }
    }
}

impl Classifier for PairView<'_> {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        Ok(self.narrow(&self.model().logits(images)?))
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let of_pair: Vec<OfPair<'_>> =
            request.walks.iter().map(|walk| OfPair { inner: walk.from, classes: self.classes }).collect();
        let walks: Vec<Walk<'_>> =
            request.walks.iter().zip(&of_pair).map(|(walk, from)| Walk { from, to: walk.to }).collect();
        let mut trace = self.model().trace(images, &TraceRequest { walks: &walks, ..*request })?;
        trace.logits = self.narrow(&trace.logits);
        Ok(trace)
    }

    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let Some(model) = self.model().randomised(seed)? else { return Ok(None) };
        let signature = narrowed(model.signature(), self.classes);
        Ok(Some(Box::new(PairView { inner: Inner::Owned(model), classes: self.classes, signature })))
    }
}
