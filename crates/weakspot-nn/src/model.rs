//! A model: a network with weights, in the form that studies use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ndarray::{Array2, Array4, ArrayView4, Axis};
use weakspot::classifier::{
    CamHead, Classifier, InputSpec, LayerInfo, LayerKind, Place, Signature, Trace, TraceRequest, Walk,
    permute,
};
use weakspot::objective::cotangents;
use weakspot::{Error, ErrorKind, Result};
use weakspot_conv::Method as Convolutions;

use crate::checkpoint::Source;
use crate::executor::{Activation, Executor, Mode, Tape};
use crate::init;
use crate::models::{self, Head, ModelSpec};
use crate::network::{Layer, Network, Shape};
use crate::weights::Weights;

/// A specification, the network built from it, and its weights. It always runs in evaluation mode.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::classifier::Classifier;
/// use weakspot_nn::{Arch, Head, Model, ModelSpec, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// let model = Model::random(spec, 0)?;
/// let images = Array4::zeros((3, 1, 32, 32));
/// assert_eq!(model.logits(images.view())?.dim(), (3, 2));
/// assert_eq!(model.signature().cam_head.as_ref().unwrap().layer, "features.29");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Model {
    spec: ModelSpec,
    executor: Executor<f32>,
    signature: Signature,
    source: Option<Source>,
    /// Set when the user asks to stop; a randomised model stops on it too.
    stop: Option<Arc<AtomicBool>>,
    forward: AtomicU64,
    backward: AtomicU64,
    head: AtomicU64,
}

/// How many images a [`Model`] has been run on, by direction.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::classifier::{Classifier, input_gradient};
/// use weakspot::objective::Objective;
/// use weakspot_nn::Passes;
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// let images = Array4::zeros((3, 1, 32, 32));
/// model.logits(images.view())?;
/// input_gradient(&model, images.view(), &Objective::ClassLogit.of(&[0, 1, 0]))?;
/// assert_eq!(model.passes(), Passes { forward: 6, backward: 3, to_layer: 0 });
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// Forward, through the whole network.
    pub forward: u64,
    /// Back to the input.
    pub backward: u64,
    /// Back to a layer only.
    pub to_layer: u64,
}

impl Model {
    /// A model of a specification with the weights given.
    ///
    /// # Errors
    /// As [`models::network`] and [`Weights::check`].
    pub fn new(spec: ModelSpec, weights: &Weights) -> Result<Self> {
        Self::with_convolutions(spec, weights, Convolutions::default())
    }

    /// As [`Model::new`], with the convolution method of your choice.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn with_convolutions(spec: ModelSpec, weights: &Weights, how: Convolutions) -> Result<Self> {
        let executor = Executor::with_method(models::network(&spec)?, weights, how)?;
        Ok(Self::from_executor(spec, executor))
    }

    /// A model with random weights, the same for the same seed.
    ///
    /// # Errors
    /// As [`models::network`].
    pub fn random(spec: ModelSpec, seed: u64) -> Result<Self> {
        let network = models::network(&spec)?;
        let weights = init::weights(&network, seed);
        Ok(Self::from_executor(spec, Executor::new(network, &weights)?))
    }

    pub(crate) fn from_executor(spec: ModelSpec, executor: Executor<f32>) -> Self {
        let signature = signature(&spec, &executor);
        let counter = || AtomicU64::new(0);
        Self {
            spec,
            executor,
            signature,
            source: None,
            stop: None,
            forward: counter(),
            backward: counter(),
            head: counter(),
        }
    }

    /// Remembers the file that the weights were read from, so that a [frozen](Model::freeze) model can still be
    /// [randomised](Classifier::randomised).
    pub(crate) fn with_source(self, source: Source) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The weights, read from their file again if the model is frozen; `None` if that file is gone or has changed.
    fn weights_again(&self) -> Option<Weights> {
        self.weights().ok().or_else(|| self.source.as_ref()?.read())
    }

    /// What the model was built from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// The network and its weights, for walks that the [`Classifier`] contract does not cover.
    pub fn executor(&self) -> &Executor<f32> {
        &self.executor
    }

    /// Frees the memory that only training and [`Model::weights`] need, about a ninth of what a model holds.
    ///
    /// # Errors
    /// As [`Executor::freeze`].
    pub fn freeze(&mut self) -> Result<()> {
        self.executor.freeze()
    }

    /// Stops a pass at its next layer once this is set: [`Executor::stop_on`].
    pub fn stop_on(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.stop.clone_from(&flag);
        self.executor.stop_on(flag);
    }

    /// The weights by name.
    ///
    /// # Errors
    /// As [`Executor::weights`].
    pub fn weights(&self) -> Result<Weights> {
        self.executor.weights()
    }

    /// Images run since the model was made.
    pub fn passes(&self) -> Passes {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Passes { forward: read(&self.forward), backward: read(&self.backward), to_layer: read(&self.head) }
    }

    fn run(
        &self,
        images: ArrayView4<'_, f32>,
        mode: Mode<'_>,
        taps: &[usize],
    ) -> Result<(Array2<f32>, Tape<f32>)> {
        let (n, channels, height, width) = images.dim();
        let expected = self.executor.network().input();
        if (Shape { channels, height, width }) != expected {
            return Err(Error::shape(format!(
                "images should be [n, {}, {}, {}]; got [{n}, {channels}, {height}, {width}]",
                expected.channels, expected.height, expected.width
            ))
            .with_hint("resize the images, or use a model made for images of this size"));
        }
        let (output, tape) = self.executor.forward(self.executor.images(images), mode, taps)?;
        self.forward.fetch_add(n as u64, Ordering::Relaxed);
        let k = self.spec.n_outputs;
        let logits = Array2::from_shape_fn((n, self.n_classes()), |(i, j)| match k {
            1 if j == 0 => -output.data[i] / 2.0,
            1 => output.data[i] / 2.0,
            _ => output.data[i * k + j],
        });
        self.executor.reuse(output);
        if let Some(((i, j), z)) = logits.indexed_iter().find(|(_, z)| !z.is_finite()) {
            return Err(Error::new(
                ErrorKind::Numerical,
                format!("logit {j} of image {i} of the batch is {z}: the weights or the images hold unusable numbers"),
            )
            .with_hint("check that the weights are those of a trained model and the pixels lie in [0, 1]"));
        }
        Ok((logits, tape))
    }

    /// Where a walk begins: its gradient at the network's own output.
    fn begin(&self, walk: &Walk<'_>, logits: &Array2<f32>) -> Activation<f32> {
        let k = self.spec.n_outputs;
        let mut gradient = Activation::zeros(logits.nrows(), self.executor.network().output());
        for (i, row) in cotangents(walk.from, logits).outer_iter().enumerate() {
            match k {
                1 => gradient.data[i] = (row[1] - row[0]) / 2.0,
                _ => gradient.data[i * k..][..k].iter_mut().zip(&row).for_each(|(g, &r)| *g = r),
            }
        }
        gradient
    }

    /// A layer's place among the network's.
    fn place_of(&self, name: &str) -> Result<usize> {
        let known = self.signature.layer(name).is_some();
        self.executor.network().position(name).filter(|_| known).ok_or_else(|| {
            let layers = &self.signature.layers;
            let activations: Vec<&str> =
                layers.iter().filter(|l| l.is_activation()).map(|l| l.name.as_str()).collect();
            Error::invalid(format!("this model has no layer {name:?} with a grid"))
                .with_hint(format!("the ReLU layers are {}", activations.join(", ")))
        })
    }

    /// The gradients of one walk, in the order of its places.
    fn walk(&self, tape: &Tape<f32>, walk: &Walk<'_>, logits: &Array2<f32>) -> Result<Vec<Array4<f32>>> {
        let mut stops = Vec::with_capacity(walk.to.len());
        for (i, &to) in walk.to.iter().enumerate() {
            let layers_before = match to {
                Place::Input => 0,
                Place::Layer(name) => self.place_of(name)? + 1,
            };
            stops.push((layers_before, i));
        }
        // The walk meets the last layer first.
        stops.sort_unstable_by(|a, b| b.cmp(a));
        let n = logits.nrows() as u64;
        let counter =
            if stops.last().is_some_and(|&(first, _)| first == 0) { &self.backward } else { &self.head };
        let mut found = vec![Array4::default((0, 0, 0, 0)); stops.len()];
        let (mut gradient, mut at) = (self.begin(walk, logits), self.executor.network().layers().len());
        for (to, i) in stops {
            gradient = self.executor.backward(tape, gradient, at, to)?;
            at = to;
            found[i] = gradient.to_nchw();
        }
        self.executor.reuse(gradient);
        counter.fetch_add(n, Ordering::Relaxed);
        Ok(found)
    }

    /// The place of the last linear layer, whose inputs are the features.
    fn last_linear(&self) -> Option<usize> {
        self.executor.network().layers().iter().rposition(|l| matches!(l.layer, Layer::Linear { .. }))
    }
}

/// The model's signature.
fn signature(spec: &ModelSpec, executor: &Executor<f32>) -> Signature {
    let network = executor.network();
    let Shape { channels, height, width } = network.input();
    let n_classes = spec.n_outputs.max(2);
    let mut signature = Signature::new(InputSpec { channels, height, width }, n_classes);
    signature.one_logit = spec.n_outputs == 1;
    signature.layers = layer_infos(network);
    signature.cam_head = cam_head(spec, executor, &signature.layers);
    signature
}

/// The layers with a grid, up to the pooling that ends the trunk.
fn layer_infos(network: &Network) -> Vec<LayerInfo> {
    let layers = network.layers();
    let end = layers.iter().position(|l| l.layer == Layer::Flatten).unwrap_or(layers.len());
    let mut margins = [0; 4];
    let info = |place: usize| {
        let shape = network.outputs()[place];
        let kind = match layers[place].layer {
            Layer::Conv2d { .. } => LayerKind::Convolution,
            Layer::BatchNorm2d { .. } => LayerKind::Normalization,
            // In the trunk, every ReLU follows a convolution (or its batch norm).
            Layer::Relu => LayerKind::Activation,
            Layer::MaxPool2d { .. } | Layer::AdaptiveAvgPool2d { .. } => LayerKind::Pooling,
            _ => LayerKind::Other,
        };
        if let Layer::ZeroPad2d { padding } = layers[place].layer {
            margins = padding;
        }
        let (name, grid) = (layers[place].name.clone(), (shape.height, shape.width));
        LayerInfo { name, kind, channels: shape.channels, grid, margins }
    };
    (0..end).map(info).collect()
}

fn cam_head(spec: &ModelSpec, executor: &Executor<f32>, layers: &[LayerInfo]) -> Option<CamHead> {
    if spec.head != Head::Gap {
        return None;
    }
    let layer = layers.iter().rfind(|layer| layer.is_activation())?;
    let weights = executor.weights_of("classifier.weight")?;
    let own = Array2::from_shape_vec((spec.n_outputs, layer.channels), weights).ok()?;
    let weights = match spec.n_outputs {
        1 => ndarray::concatenate![Axis(0), own.mapv(|w| -w / 2.0), own.mapv(|w| w / 2.0)],
        _ => own,
    };
    Some(CamHead { layer: layer.name.clone(), weights })
}

impl Classifier for Model {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        Ok(self.run(images, Mode::Inference, &[])?.0)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let n = images.dim().0;
        for walk in request.walks {
            walk.from.check(n, self.n_classes())?;
        }
        let asked: Vec<usize> = request.taps.iter().map(|name| self.place_of(name)).collect::<Result<_>>()?;
        let features = self.last_linear().filter(|_| request.features);
        // A linear layer stands after the flattening, never first.
        let mut taps: Vec<usize> = asked.iter().copied().chain(features.map(|place| place - 1)).collect();
        for to in request.walks.iter().flat_map(|walk| walk.to) {
            // Fused operations must not skip a layer where a walk stops.
            if let Place::Layer(name) = to {
                taps.push(self.place_of(name)?);
            }
        }
        taps.sort_unstable();
        taps.dedup();
        let walks = request.walks.iter().any(|walk| !walk.to.is_empty());
        let mode = if walks { Mode::Gradient } else { Mode::Inference };
        let (logits, mut tape) = self.run(images, mode, &taps)?;
        let mut trace = Trace::default();
        let mut outputs = std::mem::take(&mut tape.taps);
        if features.is_some() {
            let features = outputs.pop();
            trace.features = features.and_then(|f| Array2::from_shape_vec((n, f.shape.len()), f.data).ok());
        }
        for place in asked {
            let tapped = taps.binary_search(&place).ok().and_then(|tap| outputs.get(tap));
            trace.taps.extend(tapped.map(Activation::to_nchw));
        }
        for output in outputs {
            self.executor.reuse(output);
        }
        for walk in request.walks {
            trace.walks.push(self.walk(&tape, walk, &logits)?);
        }
        trace.logits = logits;
        Ok(trace)
    }

    /// A frozen model no longer holds all its weights and reads them from its file again. The randomised model takes as
    /// much memory as this one for as long as it exists.
    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let Some(mut weights) = self.weights_again() else { return Ok(None) };
        for (name, tensor) in &mut weights.0 {
            // A batch norm's statistics are measured, not learned.
            if !name.ends_with(".running_mean") && !name.ends_with(".running_var") {
                permute(&mut tensor.data, name, seed);
            }
        }
        let mut model = Self::with_convolutions(self.spec.clone(), &weights, self.executor.method())?;
        // Filters take several times as much memory as the weights, which are not needed beside them.
        drop(weights);
        model.freeze()?;
        model.stop_on(self.stop.clone());
        Ok(Some(Box::new(model)))
    }
}
