//! Weights to files and back; files from elsewhere; files that lie.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use weakspot::ErrorKind;
use weakspot::classifier::{Classifier as _, TraceRequest, permute};
use weakspot_nn::checkpoint::{Accuracy, Description, Overrides, load, save};
use weakspot_nn::{Arch, Head, Model, Tensor, Weights, Width, models};

use crate::support::{images, made_up_weights, spec};

fn described() -> (Model, Description) {
    let mut spec = spec(Arch::Vgg16Bn, Head::Gap, [1, 28, 28], 2);
    (spec.mean, spec.std) = (vec![0.25], vec![0.5]);
    let weights = made_up_weights(&models::network(&spec).unwrap());
    let description = Description {
        class_names: vec!["zero".into(), "one".into()],
        dataset: Some(("mnist".into(), "abc".into())),
        seed: Some(7),
        accuracy: Some(Accuracy { k: 99, n: 100, low: 0.9, high: 0.999 }),
        ..Description::of(spec.clone())
    };
    (Model::new(spec, &weights).unwrap(), description)
}

/// Writes tensors as PyTorch's safetensors would, without our metadata.
fn write_foreign(path: &Path, tensors: &[(String, Dtype, Vec<usize>, Vec<u8>)]) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    weakspot::output::write_atomic(path, &safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

fn foreign(
    arch: Arch,
    head: Head,
    convert: impl Fn(&Tensor) -> (Dtype, Vec<u8>),
) -> Vec<(String, Dtype, Vec<usize>, Vec<u8>)> {
    let weights = made_up_weights(&models::network(&spec(arch, head, [3, 32, 32], 5)).unwrap());
    let one = |(name, tensor): (&String, &Tensor)| {
        let (dtype, bytes) = convert(tensor);
        (name.clone(), dtype, tensor.shape.clone(), bytes)
    };
    weights.0.iter().map(one).collect()
}

fn single(tensor: &Tensor) -> (Dtype, Vec<u8>) {
    (Dtype::F32, tensor.data.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn sized() -> Overrides {
    Overrides { size: Some((32, 32)), ..Overrides::default() }
}

#[test]
fn a_checkpoint_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (model, description) = described();
    save(&path, &model, &description).unwrap();
    let first = std::fs::read(&path).unwrap();
    let loaded = load(&path, &Overrides::default()).unwrap();
    assert_eq!(loaded.description, description);
    assert_eq!(loaded.model.weights().unwrap(), model.weights().unwrap());
    assert!(loaded.assumed.is_empty(), "{:?}", loaded.assumed);
    assert_eq!(loaded.sha256.len(), 64);
    let x = images(2, [1, 28, 28], 1);
    assert_eq!(loaded.model.logits(x.view()).unwrap(), model.logits(x.view()).unwrap());
    // The same model is the same bytes.
    save(&path, &loaded.model, &loaded.description).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    // The official reader agrees that it is a safetensors file.
    let tensors = safetensors::SafeTensors::deserialize(&first).unwrap();
    assert_eq!(tensors.tensor("features.0.weight").unwrap().shape(), [8, 1, 3, 3]);
}

#[test]
fn a_flipped_bit_in_a_file_of_ours_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (model, description) = described();
    save(&path, &model, &description).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let weights = model.weights().unwrap();
    assert!(load(&path, &Overrides::default()).unwrap().checked);
    // The file's description comes first, then the tensors, of which a few places are enough.
    let text = whole.windows(4).position(|w| w == b"pt\",").unwrap();
    let places = (text..text + 600).step_by(7).chain((text + 600..whole.len()).step_by(whole.len() / 40));
    for place in places {
        for bit in [0, 3, 6] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            weakspot::output::write_atomic(&path, &bytes).unwrap();
            let Ok(loaded) = load(&path, &Overrides::default()) else { continue };
            // Without its name the checksum is not found, and the reader is told.
            let same = loaded.description == description && loaded.model.weights().unwrap() == weights;
            assert!(same || !loaded.checked, "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn an_accuracy_of_more_right_than_images_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (model, mut description) = described();
    description.accuracy = Some(Accuracy { k: 7, n: 6, low: 0.0, high: 1.0 });
    save(&path, &model, &description).unwrap();
    let error = load(&path, &Overrides::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.to_string().contains("expected k to be at most n = 6; got 7"), "{error}");
}

#[test]
fn weights_from_elsewhere_tell_their_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.safetensors");
    for (arch, head) in [(Arch::Vgg16, Head::Linear3), (Arch::Vgg16Bn, Head::Gap)] {
        let mut tensors = foreign(arch, head, single);
        if arch == Arch::Vgg16Bn {
            tensors.push(("features.1.num_batches_tracked".into(), Dtype::I64, vec![], vec![0; 8]));
        }
        write_foreign(&path, &tensors);
        // A single linear layer may stand on the last ReLU or on a max-pool after it.
        let asked = (head == Head::Gap).then_some(head);
        let loaded = load(&path, &Overrides { head: asked, ..sized() }).unwrap();
        let expected = spec(arch, head, [3, 32, 32], 5);
        assert_eq!(loaded.model.spec(), &expected);
        assert_eq!(expected.width, Width::one_in(8).unwrap());
        assert_eq!(loaded.assumed.len(), 3 - usize::from(asked.is_some()), "{:?}", loaded.assumed);
        let flags = Overrides {
            arch: Some(arch),
            head: Some(head),
            mean: Some(vec![0.5]),
            std: Some(vec![0.25]),
            ..sized()
        };
        let loaded = load(&path, &flags).unwrap();
        assert_eq!(loaded.model.spec().mean, [0.5; 3]);
        assert!(loaded.assumed.is_empty());
        let error = load(&path, &Overrides { head: asked, ..Overrides::default() }).unwrap_err();
        assert!(error.to_string().contains("size of the images"), "{error}");
        let two = Overrides { head: asked, mean: Some(vec![0.0; 2]), ..sized() };
        let error = load(&path, &two).unwrap_err();
        assert!(error.to_string().contains("1 or 3 values"), "{error}");
    }
}

#[test]
fn a_pool_that_no_tensor_shows_is_asked_for_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cifar.safetensors");
    write_foreign(&path, &foreign(Arch::Vgg16Bn, Head::Gap, single));
    let error = load(&path, &sized()).unwrap_err();
    assert!(error.to_string().contains("which of two networks"), "{error}");
    assert!(
        error.hint().unwrap().starts_with("head = gap or head = pool-linear; check = FILE.npz"),
        "{error}"
    );

    // 4 x 4 cells before the pool, 2 x 2 after it.
    let of = |head| {
        let overrides = Overrides { head: Some(head), size: Some((64, 64)), ..Overrides::default() };
        load(&path, &overrides).unwrap().model
    };
    let (gap, pooled) = (of(Head::Gap), of(Head::PoolLinear));
    let x = images(2, [3, 64, 64], 5);
    let request = TraceRequest { taps: &["features.42"], ..TraceRequest::default() };
    let cells = gap.trace(x.view(), &request).unwrap().taps.remove(0);
    let weights = gap.weights().unwrap();
    let (weight, bias) = (&weights.0["classifier.weight"].data, &weights.0["classifier.bias"].data);
    let logits = pooled.logits(x.view()).unwrap();
    let (n, channels, height, width) = cells.dim();
    assert_eq!((height, width), (4, 4));
    for i in 0..n {
        for (k, b) in bias.iter().enumerate() {
            let expected: f32 = (0..channels)
                .map(|c| {
                    let cell = |y: usize, x: usize| cells[[i, c, y, x]];
                    let most = |y: usize, x: usize| {
                        [cell(y, x), cell(y, x + 1), cell(y + 1, x), cell(y + 1, x + 1)]
                            .into_iter()
                            .fold(0.0, |most: f32, v| if v > most { v } else { most })
                    };
                    let mean = (most(0, 0) + most(0, 2) + most(2, 0) + most(2, 2)) / 4.0;
                    weight[k * channels + c] * mean
                })
                .sum();
            let got = logits[[i, k]];
            assert!(
                (got - b - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                "{got}, expected {}",
                b + expected
            );
        }
    }
    assert_ne!(logits, gap.logits(x.view()).unwrap());
    assert!(pooled.signature().cam_head.is_none() && gap.signature().cam_head.is_some());
}

#[test]
fn names_of_wrappers_and_small_images_are_understood_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrapped.safetensors");
    let mut tensors = foreign(Arch::Vgg16, Head::Gap, single);
    let gap = Overrides { head: Some(Head::Gap), size: Some((28, 28)), ..Overrides::default() };
    write_foreign(&path, &tensors);
    let plain = load(&path, &gap).unwrap();
    assert!(plain.assumed.iter().any(|what| what.contains("28 x 28")), "{:?}", plain.assumed);
    for tensor in &mut tensors {
        tensor.0 = format!("module.{}", tensor.0.replace("classifier", "fc"));
    }
    write_foreign(&path, &tensors);
    let wrapped = load(&path, &gap).unwrap();
    assert_eq!(wrapped.model.weights().unwrap(), plain.model.weights().unwrap());
    assert!(wrapped.assumed.iter().any(|what| what.contains("\"module.\"")), "{:?}", wrapped.assumed);
    assert!(wrapped.assumed.iter().any(|what| what.starts_with("fc is")), "{:?}", wrapped.assumed);
}

/// A number, and the same as binary16 bits, to the bytes of some format.
type ToBytes = fn(f64, u16) -> Vec<u8>;

#[test]
fn other_precisions_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    // Numbers that every format holds exactly: 1, -0.5, the smallest half, and 0 in turn.
    let exact = [(1.0, 0x3C00_u16), (-0.5, 0xB800), (5.960_464_5e-8, 0x0001), (0.0, 0)];
    let converted: [(Dtype, ToBytes); 3] = [
        (Dtype::F16, |_, half| half.to_le_bytes().to_vec()),
        (Dtype::BF16, |v, _| (((v as f32).to_bits() >> 16) as u16).to_le_bytes().to_vec()),
        (Dtype::F64, |v, _| v.to_le_bytes().to_vec()),
    ];
    for (dtype, bytes) in converted {
        let tensors = foreign(Arch::Vgg16, Head::Gap, |t| {
            let data = exact.iter().cycle().take(t.data.len());
            (dtype, data.flat_map(|&(v, half)| bytes(v, half)).collect())
        });
        write_foreign(&path, &tensors);
        let gap = Overrides { head: Some(Head::Gap), ..sized() };
        let loaded = load(&path, &gap).unwrap();
        assert!(loaded.assumed.iter().any(|what| what.contains(&format!("{dtype:?}"))));
        let weights = loaded.model.weights().unwrap();
        for (got, (expected, _)) in weights.0["features.0.weight"].data.iter().zip(exact.iter().cycle()) {
            assert_eq!(*got, *expected as f32, "{dtype:?}");
        }
    }
    let tensors = foreign(Arch::Vgg16, Head::Gap, |t| (Dtype::I32, vec![0; 4 * t.data.len()]));
    write_foreign(&path, &tensors);
    let gap = Overrides { head: Some(Head::Gap), ..sized() };
    assert!(load(&path, &gap).unwrap_err().to_string().contains("I32"));
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.safetensors");
    let good = foreign(Arch::Vgg16, Head::Linear3, single);
    let refused = |tensors: &[(String, Dtype, Vec<usize>, Vec<u8>)], overrides: &Overrides| {
        write_foreign(&path, tensors);
        let error = load(&path, overrides).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.hint().is_some());
        error.to_string()
    };
    let without: Vec<_> = good.iter().filter(|(name, ..)| name != "features.10.bias").cloned().collect();
    assert!(refused(&without, &sized()).contains("tensor features.10.bias [32] is missing"));
    let mut more = good.clone();
    more.push(("extra".into(), Dtype::F32, vec![1], vec![0; 4]));
    assert!(refused(&more, &sized()).contains("tensor extra [1] belongs to no layer"));
    let mut misshapen = good.clone();
    misshapen.iter_mut().find(|(name, ..)| name == "classifier.3.weight").unwrap().2 = vec![256, 1024];
    assert!(
        refused(&misshapen, &sized())
            .contains("classifier.3.weight should have shape [512, 512]; got [256, 1024]")
    );
    let gap = Overrides { head: Some(Head::Gap), ..sized() };
    assert!(refused(&good, &gap).contains("classifier.weight"));
    let mut poisoned = good.clone();
    poisoned[0].3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refused(&poisoned, &sized()).contains("holds NaN"));
}

#[test]
fn files_that_lie_are_refused_before_anything_is_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lie.safetensors");
    let (model, description) = described();
    save(&path, &model, &description).unwrap();
    let good = std::fs::read(&path).unwrap();
    let header = |size: u64, text: &str| [&size.to_le_bytes(), text.as_bytes()].concat();
    let huge = r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}"#;
    let long = r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#;
    let lies = [
        Vec::new(),
        b"PK\x03\x04".to_vec(),
        header(u64::MAX, "{}"),
        header(1 << 40, "{}"),
        header(2, "{"),
        header(2, "{]"),
        header(huge.len() as u64, huge),
        header(long.len() as u64, long),
        good[..good.len() - 1].to_vec(),
        [good.as_slice(), b"x"].concat(),
        good[..100].to_vec(),
    ];
    for (i, lie) in lies.iter().enumerate() {
        weakspot::output::write_atomic(&path, lie).unwrap();
        let error = load(&path, &sized()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "lie {i}: {error}");
        assert!(error.to_string().contains("lie.safetensors"), "lie {i}: {error}");
        assert!(error.hint().is_some(), "lie {i}: {error}");
    }
    let error = load(&folder.path().join("absent"), &sized()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let error = save(&folder.path().join("no/such/folder/x"), &model, &description).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

/// Trained weights and the same ones with every parameter tensor permuted within itself.
fn permuted(trained: &Weights) -> Weights {
    let sorted = |data: &[f32]| {
        let mut data = data.to_vec();
        data.sort_by(f32::total_cmp);
        data
    };
    let mut weights = trained.clone();
    let mut moved = 0;
    for (name, tensor) in &mut weights.0 {
        if !name.contains("running") {
            permute(&mut tensor.data, name, 3);
            moved += usize::from(tensor.data != trained.0[name].data);
            assert_eq!(sorted(&tensor.data), sorted(&trained.0[name].data), "{name}");
        }
    }
    assert!(moved > 25, "weight and bias of 13 convolutions, and the head: {moved}");
    weights
}

#[test]
fn a_model_is_randomised_tensor_by_tensor_also_when_it_is_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let images = images(3, [1, 28, 28], 5);
    for arch in [Arch::Vgg16Bn, Arch::Vgg16] {
        let spec = spec(arch, Head::Gap, [1, 28, 28], 2);
        let trained = made_up_weights(&models::network(&spec).unwrap());
        let model = Model::new(spec.clone(), &trained).unwrap();
        save(&path, &model, &Description::of(spec.clone())).unwrap();
        let mut frozen = load(&path, &Overrides::default()).unwrap().model;
        frozen.freeze().unwrap();
        let expected = Model::new(spec.clone(), &permuted(&trained)).unwrap();
        let logits = expected.logits(images.view()).unwrap();
        assert_ne!(logits, model.logits(images.view()).unwrap());
        for model in [&model, &frozen] {
            let untrained = model.randomised(3).unwrap().unwrap();
            assert_eq!(untrained.logits(images.view()).unwrap(), logits, "{arch}");
        }
        // Weights before a batch norm stay in a frozen model; the others are only in the file. If that file is replaced
        // or removed, the model cannot give them any more.
        let at_hand = frozen.weights().is_ok();
        assert_eq!(at_hand, arch == Arch::Vgg16Bn);
        save(&path, &expected, &Description::of(spec)).unwrap();
        assert_eq!(frozen.randomised(3).unwrap().is_some(), at_hand);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(frozen.randomised(3).unwrap().is_some(), at_hand);
    }
}

#[test]
fn a_tensor_without_numbers_claims_no_channels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.safetensors");
    let header =
        br#"{"features.0.weight":{"dtype":"F32","shape":[1,1125899906842624,0,3],"data_offsets":[0,0]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    weakspot::output::write_atomic(&path, &bytes).unwrap();
    let begun = weakspot_nn::Start::open(&path).map(drop).unwrap_err();
    let loaded = load(&path, &sized()).map(drop).unwrap_err();
    for error in [begun, loaded] {
        assert!(error.to_string().contains("is empty"), "{error}");
    }
}
