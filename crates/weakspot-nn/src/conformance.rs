//! Networks from files against PyTorch; `reference/onnx_models.py` made the files and the numbers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, ArrayView1, ArrayViewMut1, Axis, s};
use safetensors::{Dtype, SafeTensors};
use weakspot::classifier::{Classifier as _, Place, TraceRequest, Walk};
use weakspot::objective::{Cotangent, Objective};

use crate::graph::executor::{Executor, Stop};
use crate::onnx::{self, ChannelOrder, Wanted};
use crate::train::hashed;
use crate::{Convolutions, OnnxModel, OnnxSettings};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/onnx")
}

/// The small networks: name, and file.
fn files() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, PathBuf)> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "onnx"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name.split('.').next().unwrap().to_owned(), path)
        })
        .collect();
    files.sort();
    files
}

/// What PyTorch gives, by `<name>/<what>`, and each network's layer.
struct Expected {
    numbers: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    layers: HashMap<String, String>,
}

/// Of the gradient, every so many numbers are kept.
const STEP: usize = 11;

impl Expected {
    fn read() -> Self {
        let bytes = std::fs::read(folder().join("expected.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = tensors.iter().map(|(name, tensor)| {
            let data = tensor.data();
            let values = match tensor.dtype() {
                Dtype::U8 => data.iter().map(|&v| v.into()).collect(),
                _ => data.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
            };
            (name.to_owned(), (tensor.shape().to_vec(), values))
        });
        let numbers = numbers.collect();
        let (_, head) = SafeTensors::read_metadata(&bytes).unwrap();
        Self { numbers, layers: head.metadata().clone().unwrap_or_default() }
    }

    fn get(&self, name: &str, what: &str) -> &[f64] {
        &self.numbers[&format!("{name}/{what}")].1
    }

    /// Whether a file's images have their channels last.
    fn is_last(name: &str) -> bool {
        name.starts_with("keras")
    }

    /// The images, `[n, channels, height, width]`.
    fn images(&self, name: &str) -> Array4<f32> {
        let (shape, values) = &self.numbers[&format!("{name}/images")];
        let pixels = values.iter().map(|v| (v / 255.0) as f32).collect();
        let images = Array4::from_shape_vec([shape[0], shape[1], shape[2], shape[3]], pixels).unwrap();
        if Self::is_last(name) {
            images.permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned()
        } else {
            images
        }
    }

    /// How a file is read whose images may have any size.
    fn settings(&self, name: &str) -> OnnxSettings {
        let (_, _, height, width) = self.images(name).dim();
        OnnxSettings { size: Some((height, width)), ..OnnxSettings::default() }
    }

    /// The gradient at the outputs; one logit z stands for (-z/2, z/2).
    fn cotangent(&self, name: &str) -> Fixed {
        let (shape, values) = &self.numbers[&format!("{name}/cotangent")];
        let of =
            Array2::from_shape_vec([shape[0], shape[1]], values.iter().map(|&v| v as f32).collect()).unwrap();
        Fixed(if shape[1] == 1 { ndarray::concatenate![Axis(1), of.mapv(|v| -v), of] } else { of })
    }

    /// Logits as the model gives them.
    fn logits(&self, name: &str) -> Vec<f64> {
        let (shape, values) = &self.numbers[&format!("{name}/logits")];
        if shape[1] == 1 { values.iter().flat_map(|z| [-z / 2.0, z / 2.0]).collect() } else { values.clone() }
    }
}

/// A gradient at the logits that is given.
struct Fixed(Array2<f32>);

impl Cotangent for Fixed {
    fn write(&self, image: usize, _: ArrayView1<'_, f32>, mut out: ArrayViewMut1<'_, f32>) {
        out.assign(&self.0.row(image));
    }
}

/// The larger of two numbers, a NaN staying a NaN.
fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(1e-30, |most, v| larger(most, v.abs()))
}

fn worst(ours: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(ours.len(), wanted.len());
    ours.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, larger) / largest(wanted)
}

fn median(ours: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(ours.len(), wanted.len());
    let mut off: Vec<f64> = ours.iter().zip(wanted).map(|(a, b)| (a - b).abs()).collect();
    off.sort_by(f64::total_cmp);
    off[off.len() / 2] / largest(wanted)
}

fn doubles(values: impl IntoIterator<Item = f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

#[test]
fn small_networks_agree_with_pytorch() {
    let expected = Expected::read();
    assert!(files().len() >= 40, "the table of families");
    let mut named = 0;
    // Three times PyTorch's own deviation in single precision; Winograd's algorithm rounds more.
    let methods = [(Convolutions::Direct, 3.0, 1e-5), (Convolutions::Fast, 10.0, 3e-5)];
    for ((name, path), (convolutions, times, least)) in
        files().into_iter().flat_map(|file| methods.map(|method| (file.clone(), method)))
    {
        let file = format!("{} {convolutions}", path.file_name().unwrap().to_string_lossy());
        let images = expected.images(&name);
        let deviations = expected.get(&name, "deviations");
        let bound = |i: usize| larger(times * deviations[i], least);
        let settings = OnnxSettings { convolutions, ..expected.settings(&name) };
        let model = OnnxModel::load(&path, &settings).unwrap();
        let preferred = model.signature().preferred.clone().unwrap_or_else(|| panic!("{file}: no layer"));
        let layer = &expected.layers[&format!("{name}/layer")];
        let place = model.layers().iter().find(|l| l.names.contains(&preferred)).unwrap();
        // Names of modules were kept in some files only.
        if model.layers().iter().any(|l| l.names.contains(layer)) {
            assert!(place.names.contains(layer), "{file}: {:?} and not {layer}", place.names);
            named += 1;
        }
        let (cotangent, logit) = (expected.cotangent(&name), Objective::ClassLogit.of(&[0, 0, 0]));
        let walks = [
            Walk { from: &cotangent, to: &[Place::Input] },
            Walk { from: &logit, to: &[Place::Layer(&preferred)] },
        ];
        let request = TraceRequest { taps: &[&preferred], walks: &walks, features: true };
        let trace = model.trace(images.view(), &request).unwrap();
        let off = worst(&doubles(trace.logits.iter().copied()), &expected.logits(&name));
        assert!(off <= bound(0), "{file}: logits {off:e}, at most {:e}", bound(0));
        let own = if Expected::is_last(&name) { [0, 2, 3, 1] } else { [0, 1, 2, 3] };
        let gradient = trace.walks[0][0].view().permuted_axes(own);
        let gradient: Vec<f64> = doubles(gradient.iter().copied()).into_iter().step_by(STEP).collect();
        let off = median(&gradient, expected.get(&name, "gradient"));
        assert!(off <= bound(1), "{file}: gradient {off:e}, at most {:e}", bound(1));
        let (at, slope) = (&trace.taps[0], &trace.walks[1][0]);
        let (wanted, values) = &expected.numbers[&format!("{name}/map")];
        // The place of some maps has another name here, and is another.
        if wanted[1..] == [at.dim().2, at.dim().3] && place.names.contains(layer) && model.n_outputs() > 1 {
            let cells = (at.dim().2 * at.dim().3) as f32;
            let mut map = Vec::new();
            for i in 0..images.dim().0 {
                let (at, slope) = (at.index_axis(Axis(0), i), slope.index_axis(Axis(0), i));
                let mut sum = Array2::<f32>::zeros((at.shape()[1], at.shape()[2]));
                for (at, slope) in at.outer_iter().zip(slope.outer_iter()) {
                    sum.scaled_add(slope.sum() / cells, &at);
                }
                map.extend(doubles(sum));
            }
            let off = median(&map, values);
            assert!(off <= bound(2), "{file}: map {off:e}, at most {:e}", bound(2));
        }
    }
    assert!(named >= 30, "{named} layers were found by their names");
}

#[test]
fn in_double_precision_gradients_are_differences_of_logits() {
    let expected = Expected::read();
    for (name, path) in files() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let size = expected.settings(&name).size;
        let imported = onnx::load(&path, Wanted { size, order: None }).unwrap();
        assert_eq!(imported.input.order == ChannelOrder::Last, Expected::is_last(&name), "{file}");
        let group = imported.group;
        let executor =
            Executor::<f64>::new(std::sync::Arc::new(imported.graph), Convolutions::Direct).unwrap();
        // A group is filled up with copies of one image, and one of its logits is followed.
        let image = expected.images(&name);
        let image = doubles(image.slice(s![..1, .., .., ..]).permuted_axes([0, 2, 3, 1]).iter().copied());
        let pixels: Vec<f64> = (0..group).flat_map(|_| image.iter().copied()).collect();
        let (logits, tape) = executor.forward(1, pixels.clone(), &[], &[Stop::Image]).unwrap();
        let own = logits.len() / group;
        let mut cotangent = vec![0.0; logits.len()];
        cotangent[..own].copy_from_slice(&expected.get(&name, "cotangent")[..own]);
        // The exporter rounds some constants to single precision, PyTorch's reference does not.
        let off = worst(&logits[..own], &expected.get(&name, "logits")[..own]);
        assert!(off < 2e-5, "{file}: {off:e}");
        let gradient = executor.backward(&tape, cotangent.clone(), &[Stop::Image]).unwrap().remove(0);
        // Along a direction of which no pixel is like its neighbour.
        let direction = doubles(hashed(pixels.len() as u32, 11));
        let value = |step: f64| {
            let moved = pixels.iter().zip(&direction).map(|(p, d)| p + step * d).collect();
            let (logits, _) = executor.forward(1, moved, &[], &[]).unwrap();
            logits.iter().zip(&cotangent).map(|(z, c)| z * c).sum::<f64>()
        };
        let slope: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        // A step that is small beside the distance to the nearest corner.
        let step = 1e-7;
        let wanted = (value(step) - value(-step)) / (2.0 * step);
        let scale: f64 = gradient.iter().map(|g| g.abs()).sum::<f64>() / gradient.len() as f64;
        let scale = scale * (gradient.len() as f64).sqrt();
        assert!(
            (slope - wanted).abs() < 1e-5 * larger(scale, wanted.abs()),
            "{file}: {slope} and not {wanted}"
        );
    }
}

#[test]
fn neither_batch_nor_threads_change_a_byte() {
    let expected = Expected::read();
    for (name, path) in files() {
        let images = expected.images(&name);
        let cotangent = expected.cotangent(&name);
        let alone = Fixed(cotangent.0.slice(s![2.., ..]).to_owned());
        let model = OnnxModel::load(&path, &expected.settings(&name)).unwrap();
        let run = |from: &Fixed, images: ndarray::ArrayView4<'_, f32>| {
            let walks = [Walk { from, to: &[Place::Input] }];
            let trace =
                model.trace(images, &TraceRequest { walks: &walks, ..TraceRequest::default() }).unwrap();
            (trace.logits, trace.walks[0][0].clone())
        };
        let both = run(&cotangent, images.view());
        let threads = |count| rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
        let one = threads(1).install(|| run(&alone, images.slice(s![2.., .., .., ..])));
        let three = threads(3).install(|| run(&cotangent, images.view()));
        assert_eq!(both, three, "{}", path.display());
        assert_eq!(one.0.row(0), both.0.row(2), "{}", path.display());
        assert_eq!(one.1.slice(s![0, .., .., ..]), both.1.slice(s![2, .., .., ..]), "{}", path.display());
    }
}

#[test]
fn an_untrained_network_keeps_its_statistics_and_loses_its_decisions() {
    let expected = Expected::read();
    let path = folder().join("resnet.dynamo.onnx");
    let model = OnnxModel::load(&path, &expected.settings("resnet")).unwrap();
    let images = expected.images("resnet");
    let logits = model.logits(images.view()).unwrap();
    let permuted = |seed| model.randomised(seed).unwrap().unwrap().logits(images.view()).unwrap();
    assert_eq!(permuted(0), permuted(0));
    assert_ne!(permuted(0), permuted(1));
    assert_ne!(permuted(0), logits);
}

#[test]
fn what_exporters_write_in_several_nodes_is_one() {
    let operators = |file: &str| {
        let wanted = Wanted { size: Some((32, 32)), order: None };
        let graph = onnx::load(&folder().join(file), wanted).unwrap().graph;
        graph.nodes.iter().map(|node| node.operator.name()).collect::<Vec<_>>()
    };
    let convnext = operators("convnext.torchscript.onnx");
    assert!(convnext.contains(&"Gelu") && !convnext.contains(&"Erf"), "{convnext:?}");
    let efficient = operators("efficientnet.torchscript.onnx");
    assert!(efficient.contains(&"Swish"), "{efficient:?}");
}
