//! What the user's labels, classes and weights mean: each is understood as meant, or refused.

use std::path::Path;

use ndarray::Array4;
use serde_json::Value;
use weakspot::classifier::Classifier as _;
use weakspot::output::write_atomic;
use weakspot_nn::checkpoint::{self, Description};
use weakspot_nn::{Arch, Head, Model, ModelSpec, Weights, Width};

use crate::fixtures::{Array, npz, png, safetensors};
use crate::pictures::bmp;
use crate::program::weakspot;

const SIDE: usize = 32;

/// A VGG16 of a 64th of the width with random weights.
fn model(outputs: usize) -> Model {
    let width = Width::one_in(64).unwrap();
    Model::random(ModelSpec::new(Arch::Vgg16, Head::Gap, width, [3, SIDE, SIDE], outputs), 3).unwrap()
}

/// The same model with some weights changed.
fn changed(model: &Model, change: impl Fn(&str, &mut Vec<f32>)) -> Model {
    let mut weights = model.weights().unwrap();
    for (name, tensor) in &mut weights.0 {
        change(name, &mut tensor.data);
    }
    Model::new(model.spec().clone(), &weights).unwrap()
}

/// Writes weights as other programs do, without a description.
fn write_foreign(path: &Path, weights: &Weights) {
    let arrays: Vec<(&str, Array)> = weights
        .0
        .iter()
        .map(|(name, tensor)| (name.as_str(), Array::F32(tensor.shape.clone(), tensor.data.clone())))
        .collect();
    let arrays: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    write_atomic(path, &safetensors(&arrays)).unwrap();
}

/// Writes weights that know the names of their outputs.
fn write_named(path: &Path, model: &Model, names: &[&str]) {
    let class_names = names.iter().map(|name| (*name).to_owned()).collect();
    let description = Description { class_names, ..Description::of(model.spec().clone()) };
    checkpoint::save(path, model, &description).unwrap();
}

/// Pictures of noise, `[n, 3, 32, 32]`, different for every seed.
fn noise(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..n * 3 * SIDE * SIDE).map(|_| next()).collect()
}

fn pixels(bytes: &[u8]) -> Array4<f32> {
    let n = bytes.len() / (3 * SIDE * SIDE);
    let values = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();
    Array4::from_shape_vec((n, 3, SIDE, SIDE), values).unwrap()
}

fn write_npz(path: &Path, images: &[u8], labels: Vec<i64>) {
    let images = Array::U8(vec![labels.len(), 3, SIDE, SIDE], images.to_vec());
    let labels = Array::I64(vec![labels.len()], labels);
    write_atomic(path, &npz(&[("images", &images), ("labels", &labels)])).unwrap();
}

/// A folder of one-coloured pictures, some for each class.
fn write_folder(place: &Path, classes: &[&str], per_class: u8) {
    for (c, class) in classes.iter().enumerate() {
        std::fs::create_dir_all(place.join(class)).unwrap();
        for i in 0..per_class {
            let picture = png(SIDE as u32, 100 * c as u8 + i);
            write_atomic(&place.join(class).join(format!("{i:02}.png")), &picture).unwrap();
        }
    }
}

/// A folder with two pictures of noise for each class; their pixels, class by class.
fn write_noise(place: &Path, classes: &[&str], seed: u64) -> Vec<u8> {
    let images = noise(2 * classes.len(), seed);
    for (i, image) in images.chunks(3 * SIDE * SIDE).enumerate() {
        let folder = place.join(classes[i / 2]);
        std::fs::create_dir_all(&folder).unwrap();
        let picture = bmp(SIDE, SIDE, |y, x| [0, 1, 2].map(|c| image[(c * SIDE + y) * SIDE + x]));
        write_atomic(&folder.join(format!("{}.bmp", i % 2)), &picture).unwrap();
    }
    images
}

/// The shortest study there is.
const SHORT: [&str; 11] = [
    "--eps",
    "2/255",
    "--protocols",
    "p0",
    "--controls",
    "none",
    "--sweep",
    "none",
    "--force",
    "--out",
    "run",
];

fn study<'a>(data: &'a str, weights: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["study", data, "--weights", weights], &SHORT[..], more].concat()
}

fn record(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("run/results.json")).unwrap()).unwrap()
}

/// Clean images that are correctly classified, and all of them, both classes together.
fn clean(folder: &Path) -> (u64, u64) {
    let record = record(folder);
    let directions = record["directions"].as_array().unwrap();
    let sum = |key: &str| directions.iter().map(|d| d["scores"]["clean"][key].as_u64().unwrap()).sum();
    (sum("k"), sum("n"))
}

fn flags(folder: &Path) -> Vec<String> {
    let record = record(folder);
    let flags = record["directions"][0]["flags"].as_array().unwrap().clone();
    flags.iter().map(|flag| flag["id"].as_str().unwrap().to_owned()).collect()
}

/// A model whose two outputs are each the larger on half of some noise; the labels that it gives it.
fn divided(outputs: usize, images: &[u8]) -> (Model, Vec<i64>) {
    let base = model(outputs);
    let logits = base.logits(pixels(images).view()).unwrap();
    let mut gaps: Vec<f32> = logits.outer_iter().map(|z| z[1] - z[0]).collect();
    gaps.sort_by(f32::total_cmp);
    let middle = f32::midpoint(gaps[gaps.len() / 2 - 1], gaps[gaps.len() / 2]);
    let model = changed(&base, |name, data| {
        if name == "classifier.bias" {
            data[0] += middle;
            // The others never win.
            data[2..].fill(-1e3);
        }
    });
    let logits = model.logits(pixels(images).view()).unwrap();
    let labels = logits.outer_iter().map(|z| i64::from(z[1] > z[0])).collect();
    (model, labels)
}

#[test]
fn a_pair_in_the_other_order_meets_the_same_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let images = noise(60, 1);
    let (model, labels) = divided(2, &images);
    write_foreign(&folder.path().join("w.safetensors"), &model.weights().unwrap());
    write_npz(&folder.path().join("x.npz"), &images, labels);
    for classes in ["0,1", "1,0"] {
        let words = study("x.npz", "w.safetensors", &["--head", "gap", "--classes", classes]);
        let said = weakspot(folder.path(), &words).ok();
        assert!(said.stderr.contains("(by number)"), "{}", said.stderr);
        let (k, n) = clean(folder.path());
        assert!(k == n && n > 0, "--classes {classes}: {k} of {n}");
    }
    // What is typed counts, even if it is wrong.
    let words = study("x.npz", "w.safetensors", &["--head", "gap", "--classes", "0=1,1=0"]);
    let said = weakspot(folder.path(), &words).ok();
    assert!(said.stderr.contains("0 is output 1; 1 is output 0 (as typed)"), "{}", said.stderr);
    assert_eq!(clean(folder.path()).0, 0);
}

#[test]
fn a_model_of_more_classes_says_what_is_studied_and_what_its_own_decision_is_worth() {
    let folder = tempfile::tempdir().unwrap();
    let images = noise(60, 2);
    let (model, labels) = divided(4, &images);
    write_foreign(&folder.path().join("w.safetensors"), &model.weights().unwrap());
    write_npz(&folder.path().join("x.npz"), &images, labels);
    let said = weakspot(folder.path(), &study("x.npz", "w.safetensors", &["--head", "gap"])).ok();
    let (_, n) = clean(folder.path());
    let expected = format!(
        "the model has 4 classes and is studied through the logits of 0 and 1 alone; among all of them \
                            it classifies {n} of {n} eval images correctly (100.0 %)"
    );
    assert!(said.stderr.contains(&expected), "{}", said.stderr);
}

#[test]
fn weights_that_name_other_classes_are_refused_with_the_line_to_type() {
    let folder = tempfile::tempdir().unwrap();
    write_named(&folder.path().join("w.safetensors"), &model(2), &["cat", "dog"]);
    write_foreign(&folder.path().join("foreign.safetensors"), &model(2).weights().unwrap());
    write_folder(&folder.path().join("ships"), &["horse", "ship"], 10);
    write_folder(&folder.path().join("pets"), &["Cat", "Dog"], 10);
    for (weights, more) in [("w.safetensors", &[][..]), ("foreign.safetensors", &["--head", "gap"][..])] {
        let maps =
            ["maps", "--images", "ships", "--weights", weights, "--eps", "2/255", "--out", "o.safetensors"];
        for words in [study("ships", weights, more), [&maps[..], more].concat()] {
            let said = weakspot(folder.path(), &words);
            assert_eq!(said.code, Some(2), "{}", said.stderr);
            assert!(said.stderr.contains("--classes \"horse=?,ship=?\""), "{}", said.stderr);
        }
    }
    let words = study("ships", "w.safetensors", &["--classes", "ship=0,horse=1"]);
    let said = weakspot(folder.path(), &words).ok();
    assert!(
        said.stderr.contains("ship is output 0, cat; horse is output 1, dog (as typed)"),
        "{}",
        said.stderr
    );
    let said = weakspot(folder.path(), &study("pets", "w.safetensors", &["--classes", "Dog,Cat"])).ok();
    assert!(said.stderr.contains("(by name, capitals ignored)"), "{}", said.stderr);
    assert_eq!(record(folder.path())["classifier"]["outputs"], serde_json::json!([1, 0]));
}

#[test]
fn labels_from_1_are_refused_by_study_as_by_maps() {
    let folder = tempfile::tempdir().unwrap();
    write_foreign(&folder.path().join("w.safetensors"), &model(10).weights().unwrap());
    write_npz(&folder.path().join("x.npz"), &noise(100, 3), (0..100).map(|i| 1 + i % 10).collect());
    let maps = [
        "maps",
        "--images",
        "x.npz",
        "--weights",
        "w.safetensors",
        "--eps",
        "2/255",
        "--out",
        "o",
        "--head",
        "gap",
    ];
    for words in [maps.to_vec(), study("x.npz", "w.safetensors", &["--head", "gap", "--classes", "3,5"])] {
        let said = weakspot(folder.path(), &words);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("do not all count outputs from 0 to 9"), "{}", said.stderr);
    }
}

#[test]
fn maps_find_folders_by_the_names_the_weights_know() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let maps = |images: &str| {
        let to = ["--weights", "w.safetensors", "--eps", "2/255", "--force", "--out", "o.safetensors"];
        let said = weakspot(folder.path(), &[&["maps", "--images", images], &to[..]].concat()).ok();
        (std::fs::read(at("o.safetensors")).unwrap(), said.stderr)
    };
    // The file of the same pixels whose labels are outputs already.
    let labelled = |images: &[u8], outputs: Vec<i64>| {
        write_npz(&at("x.npz"), images, outputs);
        maps("x.npz").0
    };
    write_named(&at("w.safetensors"), &model(2), &["alpha", "beta"]);
    let images = write_noise(&at("named"), &["beta"], 8);
    let (written, said) = maps("named");
    assert!(said.contains("beta is output 1 (by name)"), "{said}");
    assert!(written == labelled(&images, vec![1, 1]), "the first folder is not the first output");
    assert!(written != labelled(&images, vec![0, 0]), "the label decides what is written");
    // Folders called by numbers are those numbers, and not their places.
    write_named(&at("w.safetensors"), &model(11), &[]);
    let images = write_noise(&at("numbered"), &["1", "10", "2"], 9);
    let (written, _) = maps("numbered");
    assert!(
        written == labelled(&images, vec![1, 1, 10, 10, 2, 2]),
        "each folder is the output of its number"
    );
    assert!(written != labelled(&images, vec![0, 0, 1, 1, 2, 2]), "the labels decide what is written");
    let words = study("numbered", "w.safetensors", &["--classes", "0,1"]);
    let said = weakspot(folder.path(), &words);
    assert!(said.stderr.contains("the classes are called 1, 10, 2"), "{}", said.stderr);
}

#[test]
fn weights_are_not_scored_on_the_images_they_were_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    write_npz(&folder.path().join("x.npz"), &noise(60, 4), (0..60).map(|i| i % 2).collect());
    let train =
        ["--width", "1/64", "--arch", "vgg16", "--epochs", "1", "--out", "w.safetensors", "--seed", "5"];
    weakspot(folder.path(), &[&["train", "x.npz"], &train[..]].concat()).ok();
    let trained = checkpoint::description(&folder.path().join("w.safetensors")).unwrap().unwrap();
    assert_eq!(trained.parts.unwrap().seed, 5);

    // A study that trains divides the same way: its eval images were not trained on.
    let own = ["study", "x.npz", "--width", "1/64", "--arch", "vgg16", "--epochs", "1", "--seed", "5"];
    weakspot(folder.path(), &[&own[..], &SHORT[..]].concat()).ok();
    let ids = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("run/ledger.csv")).unwrap();
        let ids: std::collections::BTreeSet<String> =
            text.lines().skip(1).filter_map(|line| Some(line.split(',').next()?.to_owned())).collect();
        ids
    };
    let unseen = ids(folder.path());
    for classes in ["0,1", "1,0"] {
        let words = study("x.npz", "w.safetensors", &["--classes", classes]);
        let said = weakspot(folder.path(), &words).ok();
        assert!(said.stderr.contains("their own parts are used, drawn with seed 5"), "{}", said.stderr);
        assert_eq!(ids(folder.path()), unseen, "--classes {classes}");
        assert!(!flags(folder.path()).contains(&"seen-images".to_owned()));
        assert_eq!(record(folder.path())["classifier"]["seen"], "no");
    }

    // The same pixels among other images are other data, of which nothing is known.
    write_npz(&folder.path().join("y.npz"), &noise(61, 4), (0..61).map(|i| i % 2).collect());
    weakspot(folder.path(), &study("y.npz", "w.safetensors", &[])).ok();
    assert!(flags(folder.path()).contains(&"seen-images".to_owned()), "{:?}", flags(folder.path()));
    weakspot(folder.path(), &study("y.npz", "w.safetensors", &["--held-out"])).ok();
    assert!(!flags(folder.path()).contains(&"seen-images".to_owned()));
    assert_eq!(record(folder.path())["classifier"]["seen"], "held-out");
    let said = weakspot(folder.path(), &["study", "x.npz", "--held-out"]);
    assert!(said.code == Some(2) && said.stderr.contains("--held-out is about --weights"), "{}", said.stderr);
}

#[test]
fn a_sure_model_of_three_classes_is_attacked_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let images = noise(6, 5);
    // Logits of thousands: the cross-entropy's gradient is 0 in single precision.
    let sure = changed(&model(3), |name, data| {
        if name.starts_with("classifier.") {
            for v in data.iter_mut() {
                *v *= 1e6;
            }
        }
    });
    let logits = sure.logits(pixels(&images).view()).unwrap();
    let labels: Vec<i64> = logits.outer_iter().map(|z| weakspot::objective::predicted(z) as i64).collect();
    write_foreign(&folder.path().join("w.safetensors"), &sure.weights().unwrap());
    write_npz(&folder.path().join("x.npz"), &images, labels);
    let words = [
        "maps",
        "--images",
        "x.npz",
        "--weights",
        "w.safetensors",
        "--head",
        "gap",
        "--eps",
        "0.1",
        "--out",
        "o",
    ];
    let said = weakspot(folder.path(), &words).ok();
    assert!(said.stderr.contains("correct before the attack: 6 of 6"), "{}", said.stderr);
    assert!(!said.stderr.contains("gradient of zero"), "{}", said.stderr);
    let bytes = std::fs::read(folder.path().join("o")).unwrap();
    let written = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let adversarial = written.tensor("adversarial").unwrap().data().to_vec();
    let clean: Vec<u8> = pixels(&images).iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_ne!(adversarial, clean, "nothing was moved");
}

#[test]
fn images_that_no_gradient_moves_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    write_named(&folder.path().join("w.safetensors"), &model(2), &[]);
    let said = |images: &[u8]| {
        let n = images.len() / (3 * SIDE * SIDE);
        write_npz(&folder.path().join("x.npz"), images, (0..n as i64).map(|i| i % 2).collect());
        let words =
            ["maps", "--images", "x.npz", "--weights", "w.safetensors", "--eps", "2/255", "--out", "o"];
        weakspot(folder.path(), &[&words[..], &["--force"]].concat()).ok().stderr
    };
    // The biases of an untrained model are 0, so that black images pass no ReLU, and neither do their gradients.
    let told = said(&[noise(1, 10), vec![0; 3 * 3 * SIDE * SIDE]].concat());
    assert!(told.contains("note: 3 of 4 images have a loss gradient of zero everywhere"), "{told}");
    let told = said(&noise(4, 10));
    assert!(!told.contains("gradient of zero"), "{told}");
}

#[test]
fn a_last_layer_for_other_classes_starts_at_random_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    // Numbers that one epoch cannot bring about, or away.
    let large = changed(&model(2), |name, data| {
        if name.starts_with("classifier.") {
            data.fill(1e3);
        }
    });
    let train =
        ["train", "demo", "--init", "w.safetensors", "--train-limit", "4", "--epochs", "1", "--force"];
    for (names, classes, taken) in [
        (["disc", "cross"], "disc,cross", true),
        // The same classes, and each would be the other's output.
        (["disc", "cross"], "cross,disc", false),
        (["cat", "dog"], "disc,cross", false),
    ] {
        write_named(&folder.path().join("w.safetensors"), &large, &names);
        let words = [&train[..], &["--out", "t.safetensors", "--classes", classes]].concat();
        let said = weakspot(folder.path(), &words).ok();
        let (random, unused) = if taken {
            ("none", "none")
        } else {
            ("classifier.bias, classifier.weight", "classifier.bias [2], classifier.weight [2, 8]")
        };
        let expected = format!("started at random: {random}; in the file but not used: {unused};");
        assert!(said.stderr.contains(&expected), "{names:?} {classes}: {}", said.stderr);
        let bytes = std::fs::read(folder.path().join("t.safetensors")).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let weight = read.tensor("classifier.weight").unwrap().data().to_vec();
        let largest = weight
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b).abs())
            .max_by(f32::total_cmp)
            .unwrap();
        assert_eq!(largest > 500.0, taken, "{names:?} {classes}: {largest}");
        assert!(taken || largest < 1.0, "{names:?} {classes}: {largest}");
    }
}

#[test]
fn weights_are_held_against_their_owners_logits() {
    let folder = tempfile::tempdir().unwrap();
    let images = noise(4, 7);
    let model = model(3);
    write_foreign(&folder.path().join("w.safetensors"), &model.weights().unwrap());
    write_npz(&folder.path().join("x.npz"), &images, vec![0, 1, 2, 0]);
    let logits = model.logits(pixels(&images).view()).unwrap();
    let write = |logits: Vec<f32>, outputs: usize| {
        let bytes = Array::U8(vec![4, 3, SIDE, SIDE], images.clone());
        let logits = Array::F32(vec![logits.len() / outputs, outputs], logits);
        write_atomic(&folder.path().join("check.npz"), &npz(&[("images", &bytes), ("logits", &logits)]))
            .unwrap();
    };
    let words = [
        "maps",
        "--images",
        "x.npz",
        "--weights",
        "w.safetensors",
        "--eps",
        "2/255",
        "--force",
        "--out",
        "o",
    ];
    let run =
        |head| weakspot(folder.path(), &[&words[..], &["--head", head, "--check", "check.npz"]].concat());
    write(logits.iter().copied().collect(), 3);
    let said = run("gap").ok();
    assert!(said.stderr.contains("the logits of 4 images agree with those of check.npz"), "{}", said.stderr);
    let largest = logits.iter().fold(0.0_f32, |most, v| if v.abs() > most { v.abs() } else { most });
    let mut off: Vec<f32> = logits.iter().copied().collect();
    off[4] += 2e-3 * largest;
    write(off, 3);
    let said = run("gap");
    assert!(said.code == Some(2) && said.stderr.contains("logit 1 of image 1 differs"), "{}", said.stderr);
    write(vec![0.0; 8], 2);
    assert!(run("gap").stderr.contains("and 3 logits"), "another number of outputs");
}

#[test]
fn numbers_in_the_wrong_unit_are_refused_with_those_that_were_meant() {
    let folder = tempfile::tempdir().unwrap();
    write_foreign(&folder.path().join("w.safetensors"), &model(2).weights().unwrap());
    write_npz(&folder.path().join("x.npz"), &noise(2, 6), vec![0, 1]);
    let words = [
        "maps",
        "--images",
        "x.npz",
        "--weights",
        "w.safetensors",
        "--eps",
        "2/255",
        "--out",
        "o",
        "--head",
        "gap",
    ];
    for (flag, bytes, meant) in [
        ("--mean", "123.675,116.28,103.53", "--mean 0.4850,0.4560,0.4060"),
        ("--std", "58.395,57.12,57.375", "--std 0.2290,0.2240,0.2250"),
        ("--mean", "127.5", "--mean 0.5000"),
    ] {
        let said = weakspot(folder.path(), &[&words[..], &[flag, bytes]].concat());
        assert!(said.code == Some(2) && said.stderr.contains(meant), "{}", said.stderr);
    }
}
