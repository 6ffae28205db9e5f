//! Weights, their description, and the state of a training.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ndarray::Array4;
use safetensors::SafeTensors;
use serde_json::Value;
use weakspot::classifier::Classifier as _;
use weakspot::output::{TensorFile, TensorSpec};
use weakspot_nn::checkpoint::{self, Overrides};
use weakspot_nn::{Start, models};

use crate::small::{KEY, small_training, small_weights, spec, trained};
use crate::{mend, place};

/// The images that a model classifies once it was read.
const SIZE: (usize, usize) = (8, 8);

/// A file of weights, or its header alone: as a model, and as weights to begin training from.
pub(crate) fn weights(data: &[u8]) {
    read(&mend::safetensors(data));
}

/// A network in an ONNX file, as far as its graph: a sound graph may be slow to run.
pub(crate) fn onnx(data: &[u8]) {
    let path = place::file("network.onnx", data);
    if let Ok(nodes) = weakspot_nn::read_graph(&path, SIZE) {
        assert!(nodes < 1_000_000, "{nodes} nodes");
    }
}

fn read(file: &[u8]) {
    let path = place::file("weights.safetensors", file);
    for overrides in [Overrides::default(), Overrides { size: Some(SIZE), ..Overrides::default() }] {
        let Ok(loaded) = checkpoint::load(&path, &overrides) else { continue };
        let input = loaded.model.input();
        // A model for a picture of a million pixels is sound but slow.
        if (input.height, input.width) == SIZE && input.channels <= 16 {
            let image = Array4::from_elem((1, input.channels, input.height, input.width), 0.5);
            if let Ok(logits) = loaded.model.logits(image.view()) {
                assert_eq!(logits.dim(), (1, loaded.model.n_classes()));
            }
        }
    }
    let Ok(start) = Start::open(&path) else { return };
    let _said = (start.arch(), start.width(), start.channels(), start.normalization());
    let network = models::network(&spec()).expect("the smallest network");
    if let Ok(begun) = start.read(&network, 0, true) {
        begun.weights.check(&network).expect("weights that were read are the network's");
    }
}

/// The description in sound weights: JSON.
pub(crate) fn description(data: &[u8]) {
    static BASE: LazyLock<Vec<u8>> = LazyLock::new(small_weights);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let size = BASE.first_chunk().map_or(0, |size| u64::from_le_bytes(*size) as usize);
    let (header, values) = BASE[8..].split_at(size);
    let mut header: Value = serde_json::from_slice(header).expect("our own header");
    header["__metadata__"]["weakspot"] = text.into();
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    read(&[&length[..], header.as_bytes(), values].concat());
}

/// The checksum of a state. Without the right one its content would be refused before it is read.
fn digest(told: &str, tensors: &[(TensorSpec, Vec<u8>)]) -> String {
    let mut all = Vec::new();
    let part = |all: &mut Vec<u8>, bytes: &[u8]| {
        all.extend((bytes.len() as u64).to_le_bytes());
        all.extend(bytes);
    };
    part(&mut all, told.as_bytes());
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    for (spec, values) in sorted {
        part(&mut all, spec.name.as_bytes());
        all.extend(spec.shape.iter().flat_map(|side| (*side as u64).to_le_bytes()));
        part(&mut all, values);
    }
    weakspot::digest::sha256(&all)
}

/// A training's state: a line of JSON, its numbers; then two bytes per edit of its tensors.
pub(crate) fn training(data: &[u8]) {
    static BASE: LazyLock<Vec<u8>> = LazyLock::new(small_training);
    let base = SafeTensors::deserialize(&BASE).expect("our own state");
    let mut tensors: Vec<(TensorSpec, Vec<u8>)> = base
        .iter()
        .map(|(name, view)| {
            let spec = TensorSpec { name: name.to_owned(), dtype: "F32", shape: view.shape().to_vec() };
            (spec, view.data().to_vec())
        })
        .collect();
    tensors.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    for edit in data[end..].get(1..).unwrap_or_default().chunks_exact(2).take(64) {
        let place = usize::from(edit[0]) % tensors.len().max(1);
        let Some((spec, values)) = tensors.get_mut(place) else { break };
        match edit[1] % 8 {
            0 => drop(tensors.remove(place)),
            1 => (spec.shape, *values) = (vec![0], Vec::new()),
            2 => (spec.shape, *values) = (vec![1], vec![0; 4]),
            3 => spec.shape = vec![values.len() / 4],
            4 => spec.dtype = "U8",
            5 => spec.name.push('x'),
            6 => values.fill(0xff),
            _ => values.fill(0),
        }
        if let Some((spec, values)) = tensors.get_mut(place).filter(|(spec, _)| spec.dtype == "U8") {
            spec.shape = vec![values.len()];
        }
    }
    let told = String::from_utf8_lossy(&data[..end]).into_owned();
    let digest = digest(&told, &tensors);
    let metadata = [("key", KEY.to_owned()), ("sha256", digest), ("training", told)];
    let metadata = BTreeMap::from(metadata.map(|(key, value)| (key.to_owned(), value)));
    let path = place::file("state.training", b"");
    let specs: Vec<TensorSpec> = tensors.iter().map(|(spec, _)| spec.clone()).collect();
    let mut file = TensorFile::create(&path, &specs, &metadata).expect("a state's file");
    for (spec, values) in &tensors {
        file.write_rows(&spec.name, 0, values).expect("a state's tensor");
    }
    file.finish().expect("a state's file");
    let _outcome = trained(&path);
}
