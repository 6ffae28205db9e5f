//! Training that begins from weights of another task, whole or on a frozen trunk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::Ordering;

use ndarray::Array4;
use weakspot::ErrorKind;
use weakspot::image::Pixels;
use weakspot::progress::Silent;
use weakspot_nn::{
    Arch, Augmentation, Begun, Freeze, Head, ModelSpec, Optimizer, Recipe, Resume, Schedule, Start,
    TrainingData, Weights, Width, models, train, train_from,
};

use crate::support::hashed;
use crate::training::{Counter, result, toy};

/// The tensors of torchvision's `vgg16().state_dict()` or `vgg16_bn().state_dict()`, every channel count divided.
fn torchvision(arch: Arch, divisor: usize, channels: usize) -> BTreeMap<String, Vec<usize>> {
    let mut tensors = BTreeMap::new();
    let (mut place, mut inputs) = (0, channels);
    for count in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0] {
        if count == 0 {
            place += 1;
            continue;
        }
        let outputs = count / divisor;
        tensors.insert(format!("features.{place}.weight"), vec![outputs, inputs, 3, 3]);
        tensors.insert(format!("features.{place}.bias"), vec![outputs]);
        if arch == Arch::Vgg16Bn {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensors.insert(format!("features.{}.{part}", place + 1), vec![outputs]);
            }
            tensors.insert(format!("features.{}.num_batches_tracked", place + 1), Vec::new());
        }
        place += if arch == Arch::Vgg16Bn { 3 } else { 2 };
        inputs = outputs;
    }
    let (hidden, pooled) = (4096 / divisor, 512 / divisor * 49);
    for (place, outputs, inputs) in [(0, hidden, pooled), (3, hidden, hidden), (6, 1000, hidden)] {
        tensors.insert(format!("classifier.{place}.weight"), vec![outputs, inputs]);
        tensors.insert(format!("classifier.{place}.bias"), vec![outputs]);
    }
    tensors
}

/// Writes a safetensors file without metadata. Tensors of more than `sparse` numbers are all zero and take no room.
/// Returns what it holds.
fn write(path: &Path, tensors: &BTreeMap<String, Vec<usize>>, sparse: usize) -> BTreeMap<String, Vec<f32>> {
    let counter = |name: &str| name.ends_with("num_batches_tracked");
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, shape) in tensors {
        let (start, kind, size) = if counter(name) { (end, "I64", 8) } else { (end, "F32", 4) };
        end += size * shape.iter().product::<usize>();
        header.insert(
            name.clone(),
            serde_json::json!({ "dtype": kind, "shape": shape, "data_offsets": [start, end] }),
        );
    }
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    let mut held = BTreeMap::new();
    for ((name, shape), seed) in tensors.iter().zip(0..) {
        let len: usize = shape.iter().product();
        if counter(name) || len > sparse {
            file.seek(SeekFrom::Current(if counter(name) { 8 } else { 4 * len as i64 })).unwrap();
            continue;
        }
        // Of He's spread, so that signals neither vanish nor explode; a variance is positive.
        let scale = (6.0 / (len / shape[0].max(1)) as f32).sqrt();
        let number = |v: &f32| if shape.len() > 1 { v * scale } else { 1.0 + v / 2.0 };
        let data: Vec<f32> = hashed(len, seed).iter().map(number).collect();
        let bytes: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        file.write_all(&bytes).unwrap();
        held.insert(name.clone(), data);
    }
    // A file that ends in a hole.
    file.set_len(8 + header.len() as u64 + end as u64).unwrap();
    held
}

fn begin(path: &Path, spec: &ModelSpec) -> Begun {
    Start::open(path).unwrap().read(&models::network(spec).unwrap(), 0, true).unwrap()
}

/// The tensors of a trunk, or all the others.
fn part(weights: &Weights, trunk: bool) -> Weights {
    let tensors = weights.0.iter().filter(|(name, _)| name.starts_with("features.") == trunk);
    Weights(tensors.map(|(name, tensor)| (name.clone(), tensor.clone())).collect())
}

#[test]
fn imagenets_vgg16_is_begun_from_and_its_trunk_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vgg16.safetensors");
    // All 138 million numbers, of which the hidden layers' are zeros in a hole.
    let tensors = torchvision(Arch::Vgg16, 1, 3);
    assert_eq!(tensors.values().map(|shape| shape.iter().product::<usize>()).sum::<usize>(), 138_357_544);
    let held = write(&path, &tensors, 4_000_000);

    let start = Start::open(&path).unwrap();
    assert_eq!((start.arch(), start.width(), start.channels()), (Arch::Vgg16, Width::FULL, 3));
    let normalization = start.normalization().clone();
    assert_eq!((&normalization.mean[..], normalization.known), (&[0.485, 0.456, 0.406][..], false));
    let spec = ModelSpec {
        mean: normalization.mean,
        std: normalization.std,
        ..ModelSpec::new(start.arch(), Head::Gap, start.width(), [3, 32, 32], 2)
    };
    let begun = begin(&path, &spec);
    assert_eq!(begun.fresh, ["classifier.bias", "classifier.weight"]);
    assert_eq!(begun.left_out.len(), 6, "{:?}", begun.left_out);
    assert!(begun.left_out.contains(&"classifier.6.weight [1000, 4096]".to_owned()));
    let trunk = part(&begun.weights, true);
    assert_eq!(trunk.0.len(), 26);
    assert!(trunk.0.iter().all(|(name, tensor)| tensor.data == held[name]));

    let pixels = hashed(6 * 3 * 32 * 32, 9).iter().map(|v| f32::midpoint(*v, 1.0)).collect();
    let pixels = Pixels::F32(Array4::from_shape_vec((6, 3, 32, 32), pixels).unwrap());
    let ids: Vec<String> = (0..6).map(|i| i.to_string()).collect();
    let data = TrainingData {
        pixels: &pixels,
        labels: &[0, 1, 0, 1, 0, 1],
        ids: &ids,
        train: &[0, 1, 2, 3],
        tune: &[4, 5],
    };
    let recipe = Recipe { batch_size: 2, max_epochs: 2, ..Recipe::for_frozen_trunk(&spec, 0) };
    let trained = train_from(&begun.weights, &spec, &data, &recipe, None, &Silent).unwrap();
    let weights = trained.model.weights().unwrap();
    assert!(part(&weights, true) == trunk);
    assert!(part(&weights, false) != part(&begun.weights, false));
}

#[test]
fn a_head_of_the_same_shapes_is_taken_over_and_a_classifier_of_another_size_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for (arch, n_trunk) in [(Arch::Vgg16, 26), (Arch::Vgg16Bn, 78)] {
        let path = folder.path().join(arch.to_string());
        let held = write(&path, &torchvision(arch, 16, 1), usize::MAX);
        let start = Start::open(&path).unwrap();
        assert_eq!((start.arch(), start.width()), (arch, Width::one_in(16).unwrap()));
        assert_eq!(start.normalization().mean, [0.0], "nothing is assumed of grey images");
        let spec = ModelSpec::new(arch, Head::Linear3, start.width(), [1, 8, 8], 2);
        let begun = begin(&path, &spec);
        assert_eq!(begun.fresh, ["classifier.6.bias", "classifier.6.weight"]);
        assert_eq!(begun.left_out, ["classifier.6.bias [1000]", "classifier.6.weight [1000, 256]"]);
        assert_eq!(part(&begun.weights, true).0.len(), n_trunk);
        for (name, tensor) in &begun.weights.0 {
            let taken = !begun.fresh.contains(name);
            assert_eq!(held.get(name).is_some_and(|held| *held == tensor.data), taken, "{name}");
        }
        // What is fresh is what training from nothing begins with.
        let random = weakspot_nn::init::weights(&models::network(&spec).unwrap(), 0);
        assert!(begun.fresh.iter().all(|name| begun.weights.0[name] == random.0[name]));
    }
}

#[test]
fn a_file_of_another_trunk_is_refused_by_the_tensors_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(16).unwrap(), [1, 8, 8], 2);
    let network = models::network(&spec).unwrap();
    let good = torchvision(Arch::Vgg16, 16, 1);
    let refused = |tensors: &BTreeMap<String, Vec<usize>>, expected: &str| {
        write(&path, tensors, usize::MAX);
        let error = Start::open(&path).and_then(|start| start.read(&network, 0, true)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        let said = error.to_string();
        assert!(said.contains(expected) && said.contains("w.safetensors"), "{said}");
        assert!(error.hint().is_some(), "{said}");
    };
    let mut missing = good.clone();
    missing.remove("features.17.bias");
    refused(&missing, "features.17.bias [32] is missing");
    let mut misshapen = good.clone();
    misshapen.insert("features.28.weight".to_owned(), vec![32, 16, 3, 3]);
    refused(&misshapen, "features.28.weight should have shape [32, 32, 3, 3]; got [32, 16, 3, 3]");
    let mut foreign = good.clone();
    foreign.insert("features.30.weight".to_owned(), vec![32]);
    refused(&foreign, "features.30.weight [32] belongs to no layer");
    refused(&torchvision(Arch::Vgg16Bn, 16, 1), "features.");
    refused(&torchvision(Arch::Vgg16, 8, 1), "features.0.");
    refused(&[("conv1.weight".to_owned(), vec![64, 3, 7, 7])].into(), "conv1.weight");
    refused(&[("features.0.weight".to_owned(), vec![7, 3, 3, 3])].into(), "7 output channels");
    refused(&[("features.0.weight".to_owned(), vec![0, 3, 3, 3])].into(), "is empty");
}

fn small(arch: Arch, head: Head) -> ModelSpec {
    ModelSpec::new(arch, head, Width::one_in(16).unwrap(), [1, 8, 8], 2)
}

/// Made-up weights to begin from, whose trunk is no stranger to signals.
fn begun(spec: &ModelSpec) -> Weights {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    write(&path, &torchvision(spec.arch, 16, 1), usize::MAX);
    begin(&path, spec).weights
}

#[test]
fn a_frozen_trunk_stays_bit_for_bit_whatever_learns_on_it() {
    let toy = toy(36);
    for (arch, head) in [(Arch::Vgg16, Head::Gap), (Arch::Vgg16Bn, Head::Linear3), (Arch::Vgg16Bn, Head::Gap)]
    {
        let spec = small(arch, head);
        let start = begun(&spec);
        for shift in [0, 2] {
            let augmentation = Augmentation { flip: false, turn: false, shift };
            let recipe =
                Recipe { augmentation, max_epochs: 3, batch_size: 8, ..Recipe::for_frozen_trunk(&spec, 0) };
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| train_from(&start, &spec, &toy.data(), &recipe, None, &Silent)).unwrap()
            };
            let trained = run(2);
            assert!(result(&run(1)) == result(&trained), "threads change nothing");
            let weights = trained.model.weights().unwrap();
            assert!(part(&weights, true) == part(&start, true), "{arch} {head} {shift}");
            let (after, before) = (part(&weights, false), part(&start, false));
            assert!(after.0.iter().all(|(name, tensor)| tensor.data != before.0[name].data), "{arch} {head}");
        }
    }
}

/// One step of plain descent on all training images at once.
fn one_step(spec: &ModelSpec, n_train: usize) -> Recipe {
    Recipe {
        optimizer: Optimizer::Sgd,
        learning_rate: 1.0,
        schedule: Schedule::Constant { warmup_steps: 0 },
        batch_size: n_train,
        max_epochs: 1,
        patience: 1,
        ..Recipe::for_model(spec, 0)
    }
}

#[test]
fn the_first_step_of_a_head_does_not_depend_on_whether_its_trunk_learns() {
    // Without batch norm and dropout, a trunk makes the same features in training and out of it.
    let toy = toy(30);
    let spec = small(Arch::Vgg16, Head::Gap);
    let start = begun(&spec);
    let run = |recipe: Recipe| {
        let trained = train_from(&start, &spec, &toy.data(), &recipe, None, &Silent).unwrap();
        trained.model.weights().unwrap()
    };
    let recipe = one_step(&spec, toy.data().train.len());
    let whole = run(recipe.clone());
    let frozen = run(Recipe { freeze: Freeze::Trunk, ..recipe.clone() });
    assert!(part(&whole, false) == part(&frozen, false));
    assert!(part(&whole, true) != part(&frozen, true));

    // A trunk at a quarter of the rate goes a quarter of the way.
    let slower = run(Recipe { trunk_rate: 0.25, ..recipe });
    assert!(part(&whole, false) == part(&slower, false));
    for (name, from) in part(&start, true).0 {
        let way = |to: &Weights| -> Vec<f32> {
            to.0[&name].data.iter().zip(&from.data).map(|(to, from)| to - from).collect()
        };
        let (whole, slower) = (way(&whole), way(&slower));
        // Numbers below 4 are rounded to half of 2^-22, twice.
        let near = whole.iter().zip(&slower).all(|(w, s)| (w / 4.0 - s).abs() < 3e-7);
        let moved = whole.iter().any(|w| w.abs() > 3e-6);
        assert!(near && moved, "{name}: {:?} {:?}", &whole[..4], &slower[..4]);
    }
}

#[test]
fn a_training_on_a_frozen_trunk_that_was_cut_short_goes_on_to_the_same_bytes() {
    let toy = toy(30);
    let spec = small(Arch::Vgg16Bn, Head::Gap);
    let start = begun(&spec);
    let folder = tempfile::tempdir().unwrap();
    for (name, schedule) in [
        ("constant", Schedule::Constant { warmup_steps: 2 }),
        ("cycle", Schedule::OneCycle { warmup_share: 0.3 }),
    ] {
        let recipe = Recipe {
            schedule,
            max_epochs: 4,
            patience: 4,
            batch_size: 8,
            ..Recipe::for_frozen_trunk(&spec, 0)
        };
        let whole = train_from(&start, &spec, &toy.data(), &recipe, None, &Silent).unwrap();
        let path = folder.path().join(name);
        let resume = Some(Resume { path: &path, key: "this one" });
        // The features ask once, an epoch four times: this stops in the second one.
        let impatient = Counter { patience: 7, ..Counter::default() };
        train_from(&start, &spec, &toy.data(), &recipe, resume, &impatient).unwrap_err();
        assert!(path.metadata().unwrap().len() < 10_000, "a frozen trunk is not written after every epoch");
        let counter = Counter { patience: usize::MAX, ..Counter::default() };
        let resumed = train_from(&start, &spec, &toy.data(), &recipe, resume, &counter).unwrap();
        assert!(result(&resumed) == result(&whole), "{name}");
        assert_eq!(counter.stages.load(Ordering::Relaxed), 4, "features and three epochs");
    }
}

#[test]
fn one_cycle_runs_to_its_end_and_smoothing_is_part_of_the_loss() {
    let toy = toy(60);
    let spec = small(Arch::Vgg16Bn, Head::Gap);
    let recipe = Recipe { max_epochs: 5, patience: 5, batch_size: 8, ..Recipe::for_photographs(&spec, 0) };
    let trained = train(&spec, &toy.data(), &recipe, None, &Silent).unwrap();
    assert_eq!(trained.epochs.len(), 5, "{:?}", trained.epochs);
    assert!(trained.tune_correct >= 18, "{:?}", trained.epochs);
    // Half of each label is spread: no loss is below the entropy of (3/4, 1/4).
    let smooth = Recipe { label_smoothing: 0.5, ..recipe };
    let trained = train(&spec, &toy.data(), &smooth, None, &Silent).unwrap();
    let entropy = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
    assert!(trained.epochs.iter().all(|epoch| epoch.loss >= entropy - 1e-6), "{:?}", trained.epochs);
}
