//! A classifier from an ONNX file, in the form that studies use.

use std::any::Any;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ndarray::{Array2, Array4, ArrayView4, Axis};
use rayon::prelude::*;
use weakspot::classifier::{
    CamHead, Classifier, InputSpec, LayerInfo, Place, Signature, Trace, TraceRequest, Walk, permute,
};
use weakspot::objective::cotangents;
use weakspot::{Error, ErrorKind, Result};
use weakspot_conv::Method as Convolutions;

use crate::graph::executor::{Executor, Stop, Tape};
use crate::graph::layout::Layout;
use crate::graph::{Graph, Source, Spot};
use crate::model::Passes;
use crate::onnx::{self, ChannelOrder, Wanted};
use crate::operators::{Linear, Normalize};
use crate::places::{Listed, choose, list};

/// How a file is to be run.
///
/// # Examples
/// ```
/// use weakspot_nn::OnnxSettings;
///
/// // Images of 224 pixels, as PyTorch's ImageNet models want them.
/// let (mean, std) = (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]);
/// let settings =
///     OnnxSettings { size: Some((224, 224)), mean: Some(mean), std: Some(std), ..OnnxSettings::default() };
/// assert_eq!(settings.order, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxSettings {
    /// Height and width of the images, for files that take any.
    pub size: Option<(usize, usize)>,
    /// The order of the axes of its images, where the file does not show it.
    pub order: Option<ChannelOrder>,
    /// This is subtracted from the pixels, one number for all channels or one each; the file's own if it has some,
    /// otherwise 0.
    pub mean: Option<Vec<f32>>,
    /// The pixels are then divided by this, likewise; otherwise 1.
    pub std: Option<Vec<f32>>,
    /// How 3x3 convolutions are computed.
    pub convolutions: Convolutions,
}

/// A classifier that was read from an ONNX file.
#[derive(Debug)]
pub struct OnnxModel {
    executor: Executor<f32>,
    signature: Signature,
    /// By every name they have.
    places: HashMap<String, (usize, Spot)>,
    listed: Vec<Listed>,
    /// Images that are run together.
    group: usize,
    outputs: usize,
    convolutions: Convolutions,
    description: OnnxDescription,
    /// The value that the last linear layer reads.
    features: Option<usize>,
    stop: Option<Arc<AtomicBool>>,
    forward: AtomicU64,
    backward: AtomicU64,
    head: AtomicU64,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxDescription {
    /// SHA-256 of the file, and of those beside it that hold its weights.
    pub sha256: String,
    /// Names of the classes, if the file has them.
    pub class_names: Vec<String>,
    /// What is subtracted from the pixels, per channel.
    pub mean: Vec<f32>,
    /// What they are divided by, per channel.
    pub std: Vec<f32>,
    /// Whether the file fixes the size of the images.
    pub fixed_size: bool,
    /// What the user should know of how the file was read.
    pub said: Vec<String>,
}

/// The images that a file takes, without reading the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Colour channels.
    pub channels: usize,
    /// `(height, width)`, if the file fixes them.
    pub size: Option<(usize, usize)>,
}

/// The images that a file takes. `order` says how their axes are ordered, if that is known.
///
/// # Errors
/// As [`OnnxModel::load`].
pub fn image_shape(path: &Path, order: Option<ChannelOrder>) -> Result<ImageShape> {
    let input = onnx::input(path, order)?;
    let size = input.fixed_size.then_some((input.height, input.width));
    Ok(ImageShape { channels: input.channels, size })
}

/// Reads a file as far as its graph, without running it: for tests with bytes that nobody wrote.
#[doc(hidden)]
pub fn read_graph(path: &Path, size: (usize, usize)) -> Result<usize> {
    onnx::load(path, Wanted { size: Some(size), order: None }).map(|imported| imported.graph.nodes.len())
}

impl OnnxModel {
    /// Reads a file.
    ///
    /// # Errors
    /// `Io`; `Format` for a file that is no sound model; `Unsupported` for one with operators that are not read, naming
    /// them all, for one that mixes the images of a batch, and for quantized ones; `InvalidParameter` where the size of
    /// the images is needed, or mean and std do not fit.
    pub fn load(path: &Path, settings: &OnnxSettings) -> Result<Self> {
        let imported = onnx::load(path, Wanted { size: settings.size, order: settings.order })?;
        Self::from_imported(imported, settings).map_err(|e| e.context(path.display()))
    }

    pub(crate) fn from_imported(imported: onnx::Imported, settings: &OnnxSettings) -> Result<Self> {
        let onnx::Imported { graph, input, group, outputs, sha256, metadata, mut said } = imported;
        let found = onnx::Metadata::of(&metadata);
        let per_channel = |name: &str, given: Option<&Vec<f32>>, own: Option<&Vec<f32>>, default: f32| {
            let values = given.or(own).cloned().unwrap_or_else(|| vec![default]);
            match values.len() {
                1 => Ok(vec![values[0]; input.channels]),
                n if n == input.channels => Ok(values),
                n => Err(Error::invalid(format!("{name} needs 1 or {} values; got {n}", input.channels))),
            }
        };
        let mean = per_channel("mean", settings.mean.as_ref(), found.mean.as_ref(), 0.0)?;
        let std = per_channel("std", settings.std.as_ref(), found.std.as_ref(), 1.0)?;
        if std.iter().any(|s| !(s.is_finite() && *s > 0.0)) || mean.iter().any(|m| !m.is_finite()) {
            return Err(Error::invalid(format!(
                "mean must be finite and std positive; got mean {mean:?}, std {std:?}"
            )));
        }
        if settings.mean.is_none() && settings.std.is_none() && (found.mean.is_some() || found.std.is_some())
        {
            said.push("mean and std are those of the file's metadata".to_owned());
        }
        let axis = graph.channel_axis();
        let plain = mean.iter().all(|&m| m == 0.0) && std.iter().all(|&s| s == 1.0);
        let graph = if plain {
            graph
        } else {
            graph.normalized(Normalize { axis, mean: mean.clone(), std: std.clone() })?
        };
        let description = OnnxDescription {
            sha256,
            class_names: found.class_names.filter(|names| names.len() == outputs).unwrap_or_default(),
            mean,
            std,
            fixed_size: input.fixed_size,
            said,
        };
        let input = InputSpec { channels: input.channels, height: input.height, width: input.width };
        Self::from_graph(Arc::new(graph), input, group, outputs, settings.convolutions, description)
    }

    fn from_graph(
        graph: Arc<Graph>,
        input: InputSpec,
        group: usize,
        outputs: usize,
        convolutions: Convolutions,
        description: OnnxDescription,
    ) -> Result<Self> {
        check_finite(&graph)?;
        let executor = Executor::<f32>::new(Arc::clone(&graph), convolutions)?;
        if group > 1 {
            check_group(&executor, group)?;
        }
        let listed = list(&graph);
        let preferred = choose(&executor, &listed)?;
        let mut places = HashMap::new();
        let mut signature = Signature::new(input, outputs.max(2));
        signature.one_logit = outputs == 1;
        for place in &listed {
            for name in &place.names {
                places.insert(name.clone(), (place.node, place.spot));
                signature.layers.push(LayerInfo {
                    name: name.clone(),
                    kind: place.kind,
                    channels: place.channels,
                    grid: place.grid,
                    margins: [0; 4],
                });
            }
        }
        signature.preferred = preferred.map(|i| listed[i].names[0].clone());
        let last = last_linear(&graph);
        signature.cam_head = last.and_then(|node| cam_head(&graph, node, outputs, &listed));
        let features = last.and_then(|node| match graph.nodes[node].inputs[0] {
            Source::Node(from) => Some(from),
            _ => None,
        });
        let counter = || AtomicU64::new(0);
        Ok(Self {
            executor,
            signature,
            places,
            listed,
            group,
            outputs,
            convolutions,
            description,
            features,
            stop: None,
            forward: counter(),
            backward: counter(),
            head: counter(),
        })
    }

    /// What is known of the file.
    pub fn description(&self) -> &OnnxDescription {
        &self.description
    }

    /// The places whose outputs can be traced, from the image to the logits.
    pub fn layers(&self) -> &[Listed] {
        &self.listed
    }

    /// The numbers that the network puts out for each image: one per class, or one logit.
    pub fn n_outputs(&self) -> usize {
        self.outputs
    }

    /// Stops a pass at its next step once this is set.
    pub fn stop_on(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.stop.clone_from(&flag);
        self.executor.stop_on(flag);
    }

    /// Images run since the model was made.
    pub fn passes(&self) -> Passes {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Passes { forward: read(&self.forward), backward: read(&self.backward), to_layer: read(&self.head) }
    }

    /// Images in the order of the kernels, filled up to whole groups with copies of the last.
    fn images(&self, images: ArrayView4<'_, f32>) -> Result<(Vec<f32>, usize)> {
        self.signature.input.check(images)?;
        let (n, channels, height, width) = images.dim();
        let groups = n.div_ceil(self.group);
        let each = channels * height * width;
        let mut data = self.executor.buffer(groups * self.group * each);
        data.par_chunks_mut(each).enumerate().for_each(|(i, to)| {
            let image = images.index_axis(Axis(0), i.min(n - 1));
            for (c, plane) in image.outer_iter().enumerate() {
                for (to, &v) in to[c..].iter_mut().step_by(channels).zip(plane) {
                    *to = v;
                }
            }
        });
        Ok((data, groups))
    }

    fn run(
        &self,
        images: ArrayView4<'_, f32>,
        taps: &[usize],
        stops: &[Stop],
    ) -> Result<(Array2<f32>, Tape<f32>)> {
        let n = images.dim().0;
        if n == 0 {
            return Err(Error::shape("expected images; got an empty batch"));
        }
        let (data, groups) = self.images(images)?;
        let (output, tape) = self.executor.forward(groups, data, taps, stops)?;
        self.forward.fetch_add(n as u64, Ordering::Relaxed);
        let k = self.outputs;
        let logits = Array2::from_shape_fn((n, self.n_classes()), |(i, j)| match k {
            1 if j == 0 => -output[i] / 2.0,
            1 => output[i] / 2.0,
            _ => output[i * k + j],
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

    fn place_of(&self, name: &str) -> Result<(usize, Spot)> {
        self.places.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = self.listed.iter().map(|l| l.names[0].as_str()).collect();
            let some = if known.len() > 12 { &known[known.len() - 12..] } else { &known[..] };
            Error::invalid(format!("this model has no layer {name:?} with a grid"))
                .with_hint(format!("the last layers with a grid are {}", some.join(", ")))
        })
    }

    fn stop_of(&self, place: Place<'_>) -> Result<Stop> {
        match place {
            Place::Input => Ok(Stop::Image),
            Place::Layer(name) => Ok(Stop::Node(self.place_of(name)?.0)),
        }
    }

    /// The gradients of one walk, in the order of its places.
    fn walk(&self, tape: &Tape<f32>, walk: &Walk<'_>, logits: &Array2<f32>) -> Result<Vec<Array4<f32>>> {
        let (n, k) = (logits.nrows(), self.outputs);
        let stops = walk.to.iter().map(|&place| self.stop_of(place)).collect::<Result<Vec<_>>>()?;
        let mut gradient = vec![0.0; n.div_ceil(self.group) * self.group * k];
        for (i, row) in cotangents(walk.from, logits).outer_iter().enumerate() {
            match k {
                1 => gradient[i] = (row[1] - row[0]) / 2.0,
                _ => gradient[i * k..][..k].iter_mut().zip(&row).for_each(|(g, &r)| *g = r),
            }
        }
        let found = self.executor.backward(tape, gradient, &stops)?;
        let counter = if stops.contains(&Stop::Image) { &self.backward } else { &self.head };
        counter.fetch_add(n as u64, Ordering::Relaxed);
        let mut gradients = Vec::with_capacity(found.len());
        for (&place, data) in walk.to.iter().zip(found) {
            gradients.push(match place {
                Place::Input => {
                    let InputSpec { channels, height, width } = self.signature.input;
                    let order = match self.executor.graph().channel_axis() {
                        1 => Spot::IMAGE,
                        _ => Spot::Pixels { rows: 1, columns: 2, channels: 3 },
                    };
                    debug_assert_eq!(
                        self.executor.image_layout().len(),
                        self.group * channels * height * width
                    );
                    on_grid(self.executor.image_layout(), order, self.group, n, &data)
                }
                Place::Layer(name) => {
                    let (node, spot) = self.place_of(name)?;
                    on_grid(self.executor.layout(node), spot, self.group, n, &data)
                }
            });
            self.executor.reuse(data);
        }
        Ok(gradients)
    }
}

/// Numbers of a value as `[n, channels, rows, columns]`.
fn on_grid(layout: &Layout, spot: Spot, group: usize, n: usize, data: &[f32]) -> Array4<f32> {
    let (dims, strides) = (layout.dims(), layout.strides());
    let (height, width) = spot.grid(dims);
    let channels = dims[spot.channels()];
    let (first, dy, dx) = match spot {
        Spot::Pixels { rows, columns, .. } => (0, strides[rows], strides[columns]),
        Spot::Tokens { tokens, skip, .. } => {
            (skip * strides[tokens], width * strides[tokens], strides[tokens])
        }
    };
    let dc = strides[spot.channels()];
    let mut array = Array4::zeros((n, channels, height, width));
    array.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(i, mut image)| {
        // Images of a group lie along the first axis.
        let start = i / group * layout.len() + i % group * strides[0] + first;
        for ((c, y, x), v) in image.indexed_iter_mut() {
            *v = data[start + c * dc + y * dy + x * dx];
        }
    });
    array
}

/// Refuses a network whose images of a group see each other: the first one's logits must be the same bytes whatever the
/// others are.
fn check_group(executor: &Executor<f32>, group: usize) -> Result<()> {
    let len = executor.image_layout().len();
    let first_logits = |seed: u64| -> Result<Vec<f32>> {
        let mut first = weakspot::rng::stream(0, "probe", "first");
        let mut others = weakspot::rng::stream(seed, "probe", "others");
        let image = (0..len).map(|i| if i < len / group { first.unit() } else { others.unit() }).collect();
        let (mut output, tape) = executor.forward(1, image, &[], &[])?;
        executor.recycle(tape);
        output.truncate(output.len() / group);
        Ok(output)
    };
    if first_logits(1)? == first_logits(2)? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "expected a network that treats each of its {group} images on its own; got one that mixes them"
        ),
    )
    .with_hint("export the model with a dynamic batch, in evaluation mode"))
}

/// Refuses weights that are no numbers.
fn check_finite(graph: &Graph) -> Result<()> {
    for node in &graph.nodes {
        for (i, input) in node.inputs.iter().enumerate() {
            let Source::Tensor(constant) = *input else { continue };
            let constant = &graph.constants[constant];
            if node.operator.learns(i)
                && let Some(v) = constant.tensor.data.iter().find(|v| !v.is_finite())
            {
                return Err(Error::format(format!("tensor {} holds {v}", constant.name))
                    .with_hint("weights must be finite; training may have diverged"));
            }
        }
    }
    Ok(())
}

/// The linear layer that makes the logits.
fn last_linear(graph: &Graph) -> Option<usize> {
    let mut at = graph.output;
    while let Source::Node(i) = at {
        let node = &graph.nodes[i];
        match node.operator.name() {
            "Reshape" => at = node.inputs[0],
            "Gemm" => return Some(i),
            _ => return None,
        }
    }
    None
}

/// The head for which CAM exists: a linear layer on the mean over a grid.
fn cam_head(graph: &Graph, linear: usize, outputs: usize, listed: &[Listed]) -> Option<CamHead> {
    let node = &graph.nodes[linear];
    let operator: &dyn Any = node.operator.as_ref();
    let Linear { transposed } = *operator.downcast_ref::<Linear>()?;
    let mut at = node.inputs[0];
    let mean = loop {
        let Source::Node(i) = at else { return None };
        match graph.nodes[i].operator.name() {
            "Reshape" => at = graph.nodes[i].inputs[0],
            "ReduceMean" => break i,
            _ => return None,
        }
    };
    let Source::Node(from) = graph.nodes[mean].inputs[0] else { return None };
    let place = listed.iter().find(|place| place.node == from)?;
    let whole = graph.nodes[mean].dims.iter().product::<usize>() == place.channels;
    let Source::Tensor(matrix) = node.inputs[1] else { return None };
    let matrix = &graph.constants[matrix].tensor;
    let sides = if transposed { (outputs, place.channels) } else { (place.channels, outputs) };
    let weights = Array2::from_shape_vec(sides, matrix.data.clone()).ok().filter(|_| whole)?;
    let own = if transposed { weights } else { weights.reversed_axes() };
    let weights = match outputs {
        1 => ndarray::concatenate![Axis(0), own.mapv(|w| -w / 2.0), own.mapv(|w| w / 2.0)],
        _ => own.as_standard_layout().into_owned(),
    };
    Some(CamHead { layer: place.names[0].clone(), weights })
}

impl Classifier for OnnxModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        let (logits, tape) = self.run(images, &[], &[])?;
        self.executor.recycle(tape);
        Ok(logits)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let n = images.dim().0;
        for walk in request.walks {
            walk.from.check(n, self.n_classes())?;
        }
        let asked: Vec<(usize, Spot)> =
            request.taps.iter().map(|name| self.place_of(name)).collect::<Result<_>>()?;
        let features = self.features.filter(|_| request.features && self.group == 1);
        let taps: Vec<usize> = asked.iter().map(|&(node, _)| node).chain(features).collect();
        let mut stops = Vec::new();
        for &place in request.walks.iter().flat_map(|walk| walk.to) {
            let stop = self.stop_of(place)?;
            if !stops.contains(&stop) {
                stops.push(stop);
            }
        }
        let (logits, tape) = self.run(images, &taps, &stops)?;
        let mut trace = Trace::default();
        if let Some(node) = features {
            let (layout, data) = (self.executor.layout(node), tape.tapped(node));
            trace.features =
                data.and_then(|data| Array2::from_shape_vec((n, layout.len()), data.to_vec()).ok());
        }
        for (node, spot) in asked {
            let data = tape.tapped(node).unwrap_or_default();
            trace.taps.push(on_grid(self.executor.layout(node), spot, self.group, n, data));
        }
        for walk in request.walks {
            trace.walks.push(self.walk(&tape, walk, &logits)?);
        }
        self.executor.recycle(tape);
        trace.logits = logits;
        Ok(trace)
    }

    /// The randomised model takes as much memory as this one for as long as it exists.
    fn randomised(&self, seed: u64) -> Result<Option<Box<dyn Classifier + '_>>> {
        let graph = self.executor.graph().with_constants(|name, learned, tensor| {
            if learned {
                permute(&mut tensor.data, name, seed);
            }
        });
        let (input, group) = (self.signature.input, self.group);
        let description = self.description.clone();
        let mut model =
            Self::from_graph(Arc::new(graph), input, group, self.outputs, self.convolutions, description)?;
        // Permuted weights may close other gates; the layer stays that of the trained network.
        model.signature.preferred.clone_from(&self.signature.preferred);
        model.stop_on(self.stop.clone());
        Ok(Some(Box::new(model)))
    }
}
