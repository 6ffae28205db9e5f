//! Networks from files against PyTorch; `reference/onnx_models.py` made the files and the numbers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, ArrayView1, ArrayViewMut1, Axis, s};
use safetensors::{Dtype, SafeTensors};
use weakspot::classifier::{Classifier as _, Place, TraceRequest, Walk};
use weakspot::objective::{Cotangent, Objective};

use crate::graph::executor::{Executor, Stop};
use crate::onnx::{self, Wanted};
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
    numbers: BTreeMap<String, Vec<f64>>,
    layers: HashMap<String, String>,
}

impl Expected {
    fn read() -> Self {
        let bytes = std::fs::read(folder().join("expected.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = tensors.iter().map(|(name, tensor)| {
            let each = tensor.data().as_chunks::<8>().0;
            let values = match tensor.dtype() {
                Dtype::F64 => each.iter().map(|&b| f64::from_le_bytes(b)).collect(),
                Dtype::I64 => each.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
                _ => tensor.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
            };
            (name.to_owned(), values)
        });
        let numbers = numbers.collect();
        let (_, head) = SafeTensors::read_metadata(&bytes).unwrap();
        Self { numbers, layers: head.metadata().clone().unwrap_or_default() }
    }

    fn get(&self, name: &str, what: &str) -> &[f64] {
        &self.numbers[&format!("{name}/{what}")]
    }

    /// The two images that the numbers belong to.
    fn images(&self, name: &str) -> Array4<f32> {
        let shape = self.get(name, "step");
        let [c, h, w] = [1, 2, 3].map(|i| shape[i] as usize);
        let pixel = |v: f32| ((f64::from(v) + 1.0) * 127.5).floor() / 255.0;
        let pixels = hashed((2 * c * h * w) as u32, 3).into_iter().map(|v| pixel(v) as f32).collect();
        Array4::from_shape_vec((2, c, h, w), pixels).unwrap()
    }

    fn cotangent(&self, name: &str) -> Fixed {
        let values: Vec<f32> = self.get(name, "cotangent").iter().map(|&v| v as f32).collect();
        let k = values.len() / 2;
        Fixed(Array2::from_shape_vec((2, k), values).unwrap())
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

fn every(values: Vec<f64>, step: usize) -> Vec<f64> {
    values.into_iter().step_by(step).collect()
}

#[test]
fn small_networks_agree_with_pytorch() {
    let expected = Expected::read();
    assert!(files().len() >= 18, "the table of families");
    for (name, path) in files() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let images = expected.images(&name);
        let deviations = expected.get(&name, "deviations");
        let bound = |i: usize| larger(3.0 * deviations[i], 1e-5);
        let model = OnnxModel::load(&path, &OnnxSettings::default()).unwrap();
        let preferred = model.signature().preferred.clone().unwrap();
        let layer = &expected.layers[&name];
        let place = model.layers().iter().find(|l| l.names.contains(&preferred)).unwrap();
        assert!(layer.is_empty() || place.names.contains(layer), "{file}: {:?} and not {layer}", place.names);
        let (cotangent, logit) = (expected.cotangent(&name), Objective::ClassLogit.of(&[0, 0]));
        let walks = [
            Walk { from: &cotangent, to: &[Place::Input] },
            Walk { from: &logit, to: &[Place::Layer(&preferred)] },
        ];
        let request = TraceRequest { taps: &[&preferred], walks: &walks, features: true };
        let trace = model.trace(images.view(), &request).unwrap();
        let off = worst(&doubles(trace.logits.iter().copied()), expected.get(&name, "logits"));
        assert!(off <= bound(0), "{file}: logits {off:e}, at most {:e}", bound(0));
        let step = expected.get(&name, "step")[0] as usize;
        let gradient = every(doubles(trace.walks[0][0].iter().copied()), step);
        let off = median(&gradient, expected.get(&name, "gradient"));
        assert!(off <= bound(1), "{file}: gradient {off:e}, at most {:e}", bound(1));
        if !layer.is_empty() {
            let (at, slope) = (&trace.taps[0], &trace.walks[1][0]);
            let cells = (at.dim().2 * at.dim().3) as f32;
            let mut map = Vec::new();
            for i in 0..2 {
                let (at, slope) = (at.index_axis(Axis(0), i), slope.index_axis(Axis(0), i));
                let mut sum = Array2::<f32>::zeros((at.shape()[1], at.shape()[2]));
                for (at, slope) in at.outer_iter().zip(slope.outer_iter()) {
                    sum.scaled_add(slope.sum() / cells, &at);
                }
                map.extend(doubles(sum));
            }
            let off = median(&map, expected.get(&name, "map"));
            assert!(off <= bound(2), "{file}: map {off:e}, at most {:e}", bound(2));
        }
    }
}

#[test]
fn in_double_precision_gradients_are_differences_of_logits() {
    let expected = Expected::read();
    for (name, path) in files() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let graph = std::sync::Arc::new(onnx::load(&path, Wanted::default()).unwrap().graph);
        let executor = Executor::<f64>::new(graph, Convolutions::Direct).unwrap();
        let images = expected.images(&name);
        let pixels: Vec<f64> =
            doubles(images.slice(s![..1, .., .., ..]).permuted_axes([0, 2, 3, 1]).iter().copied());
        let cotangent: Vec<f64> = doubles(expected.cotangent(&name).0.row(0).iter().copied());
        let (logits, tape) = executor.forward(1, pixels.clone(), &[], &[Stop::Image]).unwrap();
        // The exporter rounds some constants to single precision, PyTorch's reference does not.
        let off = worst(&logits, &expected.get(&name, "logits")[..logits.len()]);
        assert!(off < 3e-6, "{file}: {off:e}");
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
        let alone = Fixed(cotangent.0.slice(s![1.., ..]).to_owned());
        let model = OnnxModel::load(&path, &OnnxSettings::default()).unwrap();
        let run = |from: &Fixed, images: ndarray::ArrayView4<'_, f32>| {
            let walks = [Walk { from, to: &[Place::Input] }];
            let trace =
                model.trace(images, &TraceRequest { walks: &walks, ..TraceRequest::default() }).unwrap();
            (trace.logits, trace.walks[0][0].clone())
        };
        let both = run(&cotangent, images.view());
        let threads = |count| rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
        let one = threads(1).install(|| run(&alone, images.slice(s![1.., .., .., ..])));
        let three = threads(3).install(|| run(&cotangent, images.view()));
        assert_eq!(both, three, "{}", path.display());
        assert_eq!(one.0.row(0), both.0.row(1), "{}", path.display());
        assert_eq!(one.1.slice(s![0, .., .., ..]), both.1.slice(s![1, .., .., ..]), "{}", path.display());
    }
}

#[test]
fn an_untrained_network_keeps_its_statistics_and_loses_its_decisions() {
    let path = folder().join("resnet.dyn.onnx");
    let model = OnnxModel::load(&path, &OnnxSettings::default()).unwrap();
    let images = Expected::read().images("resnet");
    let logits = model.logits(images.view()).unwrap();
    let permuted = |seed| model.randomised(seed).unwrap().unwrap().logits(images.view()).unwrap();
    assert_eq!(permuted(0), permuted(0));
    assert_ne!(permuted(0), permuted(1));
    assert_ne!(permuted(0), logits);
}

#[test]
fn what_exporters_write_in_several_nodes_is_one() {
    let operators = |file: &str| {
        let graph = onnx::load(&folder().join(file), Wanted::default()).unwrap().graph;
        graph.nodes.iter().map(|node| node.operator.name()).collect::<Vec<_>>()
    };
    let convnext = operators("convnext.ts.onnx");
    assert!(convnext.contains(&"Gelu") && !convnext.contains(&"Erf"), "{convnext:?}");
    let efficient = operators("efficientnet.ts.onnx");
    assert!(efficient.contains(&"Swish"), "{efficient:?}");
}
