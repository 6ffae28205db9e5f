//! Models solved on paper: classifiers whose logits and gradients can be written down, for theorem tests here
//! and in the crates above.
//!
//! Each one sums in `f64` in a fixed order, image by image, so that its results are the exact ones rounded once
//! and never depend on what else is in the batch.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array1, Array2, Array3, Array4, ArrayView3, ArrayView4, Axis};

use crate::classifier::{
    CamHead, Classifier, InputSpec, LayerInfo, LayerKind, Place, Signature, Trace, TraceRequest, Walk,
    permute,
};
use crate::error::{Error, Result};
use crate::image::Mask;
use crate::objective::cotangents;
use crate::region::{ResolvedFill, neutralize};
use crate::rng;

/// A linear classifier, `z = W (x - mean) / std + b`.
///
/// Its gradient is the same everywhere, so that the worst perturbation within any L∞ ball is known.
///
/// # Examples
/// ```
/// use ndarray::{Array4, arr1, arr2};
/// use weakspot::classifier::Classifier;
/// use weakspot::testing::Linear;
///
/// // Two classes, one pixel.
/// let model = Linear::new(arr2(&[[2.0], [-1.0]]), arr1(&[0.5, 0.0]), (1, 1, 1));
/// let images = Array4::from_elem((1, 1, 1, 1), 0.25);
/// assert_eq!(model.logits(images.view())?, arr2(&[[1.0, -0.25]]));
/// assert_eq!(model.difference(0, 1), [3.0]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linear {
    weights: Array2<f32>,
    bias: Array1<f32>,
    mean: Vec<f32>,
    std: Vec<f32>,
    signature: Signature,
}

impl Linear {
    /// Weights `[classes, channels * height * width]`, one bias per class, `shape` = `(channels, height, width)`;
    /// mean 0 and std 1.
    ///
    /// # Panics
    /// If the shapes disagree or there are fewer than two classes.
    pub fn new(weights: Array2<f32>, bias: Array1<f32>, shape: (usize, usize, usize)) -> Self {
        let (channels, height, width) = shape;
        assert_eq!(weights.ncols(), channels * height * width, "one weight per pixel value");
        assert_eq!(weights.nrows(), bias.len(), "one bias per class");
        assert!(bias.len() >= 2, "at least two classes");
        let signature = Signature::new(InputSpec { channels, height, width }, bias.len());
        Self { weights, bias, mean: vec![0.0; channels], std: vec![1.0; channels], signature }
    }

    /// Weights and biases drawn from the standard normal distribution.
    pub fn random(seed: u64, classes: usize, shape: (usize, usize, usize)) -> Self {
        let mut draw = rng::stream(seed, "testing/linear", "");
        let weights = Array2::from_shape_simple_fn((classes, shape.0 * shape.1 * shape.2), || draw.normal());
        let bias = Array1::from_shape_simple_fn(classes, || draw.normal());
        Self::new(weights, bias, shape)
    }

    /// The same model with a mean and a std per channel inside it.
    ///
    /// # Panics
    /// If there is not one of each per channel.
    #[must_use]
    pub fn with_normalization(mut self, mean: &[f32], std: &[f32]) -> Self {
        let channels = self.input().channels;
        assert_eq!((mean.len(), std.len()), (channels, channels), "one per channel");
        (self.mean, self.std) = (mean.to_vec(), std.to_vec());
        self
    }

    /// The difference of two weight rows in pixel units: the gradient of `z_a - z_b` at every image.
    pub fn difference(&self, a: usize, b: usize) -> Vec<f64> {
        let area = self.area();
        let (a, b) = (self.weights.row(a), self.weights.row(b));
        (0..a.len()).map(|i| (f64::from(a[i]) - f64::from(b[i])) / f64::from(self.std[i / area])).collect()
    }

    /// Pixels of an image.
    fn area(&self) -> usize {
        self.input().height * self.input().width
    }

    /// The normalised pixels of one image, in the order of a weight row.
    fn features(&self, image: ArrayView3<'_, f32>) -> Vec<f64> {
        let normalised = |((c, _, _), &v): ((usize, usize, usize), &f32)| {
            (f64::from(v) - f64::from(self.mean[c])) / f64::from(self.std[c])
        };
        image.indexed_iter().map(normalised).collect()
    }
}

impl Classifier for Linear {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        self.input().check(images)?;
        let mut logits = Array2::zeros((images.len_of(Axis(0)), self.n_classes()));
        for (image, mut row) in images.outer_iter().zip(logits.outer_iter_mut()) {
            let features = self.features(image);
            for (k, z) in row.iter_mut().enumerate() {
                let sum: f64 =
                    self.weights.row(k).iter().zip(&features).map(|(&w, f)| f64::from(w) * f).sum();
                *z = (sum + f64::from(self.bias[k])) as f32;
            }
        }
        Ok(logits)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let logits = self.logits(images)?;
        if let Some(name) = request.taps.first() {
            return Err(no_layer(name));
        }
        let area = self.area();
        let gradient = |along: &Array2<f64>| {
            let mut gradient = Array4::zeros(images.raw_dim());
            for (mut image, along) in gradient.outer_iter_mut().zip(along.outer_iter()) {
                for (j, g) in image.iter_mut().enumerate() {
                    let sum: f64 =
                        along.iter().enumerate().map(|(k, t)| t * f64::from(self.weights[[k, j]])).sum();
                    *g = (sum / f64::from(self.std[j / area])) as f32;
                }
            }
            gradient
        };
        let walks = walks(request, &logits, |place, along| match place {
            Place::Input => Ok(gradient(along)),
            Place::Layer(name) => Err(no_layer(name)),
        })?;
        let features = request.features.then(|| {
            let mut all = Array2::zeros((images.len_of(Axis(0)), self.weights.ncols()));
            for (image, mut row) in images.outer_iter().zip(all.outer_iter_mut()) {
                row.assign(&Array1::from(self.features(image)).mapv(|v| v as f32));
            }
            all
        });
        Ok(Trace { logits, walks, features, taps: Vec::new() })
    }

    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let mut model = self.clone();
        permute_all(model.weights.iter_mut(), "weight", seed);
        permute_all(model.bias.iter_mut(), "bias", seed);
        Ok(Some(Box::new(model)))
    }
}

/// One 3x3 convolution (`features.0`), a ReLU (`features.1`), global average pooling and a linear layer: the
/// smallest model that has class activation maps.
///
/// The convolution is zero-padded by one pixel and has a stride, so that its grid can be coarser than the image;
/// the network may first pad the image itself ([`ConvGap::with_margins`]).
///
/// # Examples
/// ```
/// use weakspot::classifier::{Classifier, InputSpec};
/// use weakspot::testing::ConvGap;
///
/// // Two classes, four maps, every second pixel.
/// let model = ConvGap::random(0, 2, 4, 2, InputSpec { channels: 3, height: 16, width: 16 });
/// let relu = model.signature().layer("features.1").unwrap();
/// assert_eq!((relu.channels, relu.grid), (4, (8, 8)));
/// assert!(model.signature().cam_head.is_some());
/// ```
#[derive(Clone, Debug)]
pub struct ConvGap {
    kernel: Array4<f32>,
    bias: Array1<f32>,
    head: Array2<f32>,
    head_bias: Array1<f32>,
    stride: usize,
    signature: Signature,
}

/// The state of one image inside a [`ConvGap`].
struct Inside {
    /// Before the ReLU, `[maps, grid height, grid width]`.
    before: Array3<f64>,
    /// Mean of the ReLU over the grid, one per map.
    pooled: Vec<f64>,
}

impl ConvGap {
    /// `kernel` is `[maps, channels, 3, 3]`, `head` `[classes, maps]`; both biases one per output.
    ///
    /// # Panics
    /// If the shapes disagree, the stride is 0 or there are fewer than two classes.
    pub fn new(
        kernel: Array4<f32>,
        bias: Array1<f32>,
        head: Array2<f32>,
        head_bias: Array1<f32>,
        stride: usize,
        input: InputSpec,
    ) -> Self {
        let (maps, channels, kh, kw) = kernel.dim();
        assert_eq!((channels, kh, kw), (input.channels, 3, 3), "a 3x3 kernel per channel");
        assert_eq!((bias.len(), head.ncols()), (maps, maps), "one bias and one head column per map");
        assert_eq!(head.nrows(), head_bias.len(), "one head bias per class");
        assert!(stride > 0 && head.nrows() >= 2, "a positive stride and at least two classes");
        let cam_head = CamHead { layer: "features.1".to_owned(), weights: head.clone() };
        let signature = Signature { cam_head: Some(cam_head), ..Signature::new(input, head_bias.len()) };
        Self { kernel, bias, head, head_bias, stride, signature }.with_margins([0; 4])
    }

    /// The same model, which pads its images first: `[top, left, bottom, right]` rows and columns of zeros.
    #[must_use]
    pub fn with_margins(mut self, margins: [usize; 4]) -> Self {
        let InputSpec { height, width, .. } = self.input();
        let [top, left, bottom, right] = margins;
        let cells = |side: usize| (side - 1) / self.stride + 1;
        let (grid, channels) = ((cells(top + height + bottom), cells(left + width + right)), self.bias.len());
        let layer = |name: &str, kind| LayerInfo { name: name.to_owned(), kind, channels, grid, margins };
        self.signature.layers =
            vec![layer("features.0", LayerKind::Convolution), layer("features.1", LayerKind::Activation)];
        self
    }

    /// Every weight and bias drawn from the standard normal distribution.
    pub fn random(seed: u64, classes: usize, maps: usize, stride: usize, input: InputSpec) -> Self {
        let mut draw = rng::stream(seed, "testing/conv-gap", "");
        let kernel = Array4::from_shape_simple_fn((maps, input.channels, 3, 3), || draw.normal());
        let bias = Array1::from_shape_simple_fn(maps, || draw.normal());
        let head = Array2::from_shape_simple_fn((classes, maps), || draw.normal());
        let head_bias = Array1::from_shape_simple_fn(classes, || draw.normal());
        Self::new(kernel, bias, head, head_bias, stride, input)
    }

    /// `(rows, columns)` of the layer's grid.
    fn grid(&self) -> (usize, usize) {
        self.signature.layers[0].grid
    }

    /// The image row (column) under kernel row (column) `k` of grid row (column) `cell`, if it is not padding.
    fn source(&self, cell: usize, k: usize, before: usize, side: usize) -> Option<usize> {
        (cell * self.stride + k).checked_sub(1 + before).filter(|&at| at < side)
    }

    /// Every (map, row, column, channel, image row, image column, weight) of the convolution, in a fixed order.
    fn taps(&self, mut visit: impl FnMut([usize; 3], [usize; 3], f64)) {
        let (rows, columns) = self.grid();
        let [top, left, ..] = self.signature.layers[0].margins;
        let InputSpec { height, width, .. } = self.input();
        for ((m, c, ky, kx), &w) in self.kernel.indexed_iter() {
            for row in 0..rows {
                let Some(y) = self.source(row, ky, top, height) else { continue };
                for column in 0..columns {
                    let Some(x) = self.source(column, kx, left, width) else { continue };
                    visit([m, row, column], [c, y, x], f64::from(w));
                }
            }
        }
    }

    fn inside(&self, image: ArrayView3<'_, f32>) -> Inside {
        let (rows, columns) = self.grid();
        let maps = self.bias.len();
        let mut before = Array3::from_shape_fn((maps, rows, columns), |(m, _, _)| f64::from(self.bias[m]));
        self.taps(|cell, pixel, w| before[cell] += w * f64::from(image[pixel]));
        let cells = (rows * columns) as f64;
        let pooled = before.outer_iter().map(|m| m.iter().map(|&v| relu(v)).sum::<f64>() / cells).collect();
        Inside { before, pooled }
    }

    fn logits_of(&self, inside: &Inside) -> Array1<f32> {
        Array1::from_shape_fn(self.head.nrows(), |k| {
            let sum: f64 = self.head.row(k).iter().zip(&inside.pooled).map(|(&w, p)| f64::from(w) * p).sum();
            (sum + f64::from(self.head_bias[k])) as f32
        })
    }

    /// The gradient at the ReLU's output: the same in every cell of a map.
    fn at_relu(&self, along: &[f64]) -> Vec<f64> {
        let (rows, columns) = self.grid();
        let through =
            |m| along.iter().enumerate().map(|(k, t)| t * f64::from(self.head[[k, m]])).sum::<f64>();
        (0..self.bias.len()).map(|m| through(m) / (rows * columns) as f64).collect()
    }

    /// The gradient at the convolution's output.
    fn at_convolution(&self, inside: &Inside, along: &[f64]) -> Array3<f64> {
        let each = self.at_relu(along);
        Array3::from_shape_fn(inside.before.raw_dim(), |(m, y, x)| {
            if inside.before[[m, y, x]] > 0.0 { each[m] } else { 0.0 }
        })
    }

    fn at_input(&self, inside: &Inside, along: &[f64]) -> Array3<f32> {
        let at_convolution = self.at_convolution(inside, along);
        let InputSpec { channels, height, width } = self.input();
        let mut gradient = Array3::<f64>::zeros((channels, height, width));
        self.taps(|cell, pixel, w| gradient[pixel] += w * at_convolution[cell]);
        gradient.mapv(|v| v as f32)
    }
}

impl Classifier for ConvGap {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        self.input().check(images)?;
        let mut logits = Array2::zeros((images.len_of(Axis(0)), self.n_classes()));
        for (image, mut row) in images.outer_iter().zip(logits.outer_iter_mut()) {
            row.assign(&self.logits_of(&self.inside(image)));
        }
        Ok(logits)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        self.input().check(images)?;
        let n = images.len_of(Axis(0));
        let insides: Vec<Inside> = images.outer_iter().map(|image| self.inside(image)).collect();
        let mut logits = Array2::zeros((n, self.n_classes()));
        for (inside, mut row) in insides.iter().zip(logits.outer_iter_mut()) {
            row.assign(&self.logits_of(inside));
        }
        let mut trace = Trace::default();
        for name in request.taps {
            let layer = self.signature.layer(name).ok_or_else(|| no_layer(name))?;
            trace.taps.push(stacked(insides.iter().map(|inside| {
                let output = &inside.before;
                if layer.is_activation() {
                    output.mapv(|v| relu(v) as f32)
                } else {
                    output.mapv(|v| v as f32)
                }
            })));
        }
        trace.walks = walks(request, &logits, |place, along| {
            let layer = match place {
                Place::Input => None,
                Place::Layer(name) => Some(self.signature.layer(name).ok_or_else(|| no_layer(name))?),
            };
            Ok(stacked(insides.iter().zip(along.outer_iter()).map(|(inside, along)| {
                let along = along.to_vec();
                match layer {
                    None => self.at_input(inside, &along),
                    Some(layer) if layer.is_activation() => {
                        let each = self.at_relu(&along);
                        Array3::from_shape_fn(inside.before.raw_dim(), |(m, _, _)| each[m] as f32)
                    }
                    Some(_) => self.at_convolution(inside, &along).mapv(|v| v as f32),
                }
            })))
        })?;
        trace.features = request
            .features
            .then(|| Array2::from_shape_fn((n, self.bias.len()), |(i, m)| insides[i].pooled[m] as f32));
        trace.logits = logits;
        Ok(trace)
    }

    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let mut model = self.clone();
        permute_all(model.kernel.iter_mut(), "features.0.weight", seed);
        permute_all(model.bias.iter_mut(), "features.0.bias", seed);
        permute_all(model.head.iter_mut(), "classifier.weight", seed);
        permute_all(model.head_bias.iter_mut(), "classifier.bias", seed);
        Ok(Some(Box::new(model)))
    }
}

/// A classifier that counts the images it sends forward and walks back.
#[derive(Debug, Default)]
pub struct Counting<C> {
    inner: C,
    forward: AtomicUsize,
    back: AtomicUsize,
    head: AtomicUsize,
}

impl<C: Classifier> Counting<C> {
    /// Counts from zero.
    pub fn new(inner: C) -> Self {
        Self { inner, forward: AtomicUsize::new(0), back: AtomicUsize::new(0), head: AtomicUsize::new(0) }
    }

    /// Images sent forward.
    pub fn forward(&self) -> usize {
        self.forward.load(Ordering::Relaxed)
    }

    /// Images walked back to the input, once per walk.
    pub fn back(&self) -> usize {
        self.back.load(Ordering::Relaxed)
    }

    /// Images walked back through the head only, to a layer.
    pub fn head(&self) -> usize {
        self.head.load(Ordering::Relaxed)
    }
}

impl<C: Classifier> Classifier for Counting<C> {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        self.forward.fetch_add(images.len_of(Axis(0)), Ordering::Relaxed);
        self.inner.logits(images)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let n = images.len_of(Axis(0));
        self.forward.fetch_add(n, Ordering::Relaxed);
        let to_input = request.walks.iter().filter(|walk| walk.to.contains(&Place::Input)).count();
        self.back.fetch_add(n * to_input, Ordering::Relaxed);
        self.head.fetch_add(n * (request.walks.len() - to_input), Ordering::Relaxed);
        self.inner.trace(images, request)
    }

    /// Not counted: it is another model.
    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        self.inner.randomised(seed)
    }
}

/// The classifier `M∘N`: neutralizes, then classifies. The gradient goes through `N`, so it is zero on the mask.
///
/// An attack on it is the literal definition of protocol P3 (METHODS, section 7). The study attacks `M` outside the
/// mask from `N(x)` instead, and a theorem test shows that both give the same bytes.
#[derive(Clone, Debug)]
pub struct Neutralized<C> {
    inner: C,
    mask: Mask,
    fill: ResolvedFill,
}

impl<C: Classifier> Neutralized<C> {
    /// Every image that comes in gets the fill on the mask.
    pub fn new(inner: C, mask: Mask, fill: ResolvedFill) -> Self {
        Self { inner, mask, fill }
    }

    fn neutralized(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let mut images = images.to_owned();
        neutralize(&mut images, &self.mask, &self.fill)?;
        Ok(images)
    }
}

impl<C: Classifier> Classifier for Neutralized<C> {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        self.inner.logits(self.neutralized(images)?.view())
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let mut trace = self.inner.trace(self.neutralized(images)?.view(), request)?;
        for (walk, gradients) in request.walks.iter().zip(&mut trace.walks) {
            for (_, gradient) in walk.to.iter().zip(gradients).filter(|(to, _)| **to == Place::Input) {
                for ((_, _, y, x), g) in gradient.indexed_iter_mut() {
                    if self.mask.0[[y, x]] {
                        *g = 0.0;
                    }
                }
            }
        }
        Ok(trace)
    }
}

/// Images of uniform noise in `[low, high)`, `[n, channels, height, width]`; image `i` depends on the seed and on
/// `i` alone.
pub fn noise_images(seed: u64, n: usize, input: &InputSpec, low: f32, high: f32) -> Array4<f32> {
    let mut images = Array4::zeros((n, input.channels, input.height, input.width));
    for (i, mut image) in images.outer_iter_mut().enumerate() {
        let mut draw = rng::stream(seed, "testing/image", &i.to_string());
        image.mapv_inplace(|_| low + (high - low) * draw.unit());
    }
    images
}

fn permute_all<'a>(tensor: impl Iterator<Item = &'a mut f32>, name: &str, seed: u64) {
    let places: Vec<&mut f32> = tensor.collect();
    let mut values: Vec<f32> = places.iter().map(|v| **v).collect();
    permute(&mut values, name, seed);
    places.into_iter().zip(values).for_each(|(place, value)| *place = value);
}

fn relu(v: f64) -> f64 {
    if v > 0.0 { v } else { 0.0 }
}

/// The gradients of every walk of a request. `at` gives the gradient at a place from those at the logits,
/// `[batch, classes]`.
fn walks<'r>(
    request: &TraceRequest<'r>,
    logits: &Array2<f32>,
    mut at: impl FnMut(Place<'r>, &Array2<f64>) -> Result<Array4<f32>>,
) -> Result<Vec<Vec<Array4<f32>>>> {
    let walk = |walk: &Walk<'r>| {
        walk.from.check(logits.nrows(), logits.ncols())?;
        let along = cotangents(walk.from, logits).mapv(f64::from);
        walk.to.iter().map(|&place| at(place, &along)).collect()
    };
    request.walks.iter().map(walk).collect()
}

/// Images, one after the other, as a batch.
fn stacked(images: impl ExactSizeIterator<Item = Array3<f32>>) -> Array4<f32> {
    let n = images.len();
    let mut batch = Array4::zeros((0, 0, 0, 0));
    for (i, image) in images.enumerate() {
        if i == 0 {
            let (channels, height, width) = image.dim();
            batch = Array4::zeros((n, channels, height, width));
        }
        batch.index_axis_mut(Axis(0), i).assign(&image);
    }
    batch
}

fn no_layer(name: &str) -> Error {
    Error::invalid(format!("the model has no layer {name:?}"))
}
