//! `weakspot train`.

use std::collections::BTreeMap;
use std::path::Path;

use weakspot::output::write_atomic;

use crate::fixtures::{Array, npz};
use crate::program::weakspot;
use crate::study::{QUICK, words};

#[test]
fn training_writes_weights_that_say_what_they_are_and_repeat_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = words(&["train", "demo"], &QUICK);
    let more = |out: &'static str, threads: &'static str| {
        weakspot(folder.path(), &words(&tiny, &["--out", out, "--threads", threads])).ok()
    };
    more("a.safetensors", "1");
    more("b.safetensors", "2");
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("a.safetensors"), bytes("b.safetensors"));
    let held = bytes("a.safetensors");
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&held).unwrap();
    let metadata = metadata.metadata().clone().unwrap();
    assert!(!metadata.is_empty(), "{metadata:?}");
    let text = format!("{metadata:?}");
    for expected in ["vgg16", "gap", "1/16"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }

    let said = weakspot(folder.path(), &words(&tiny, &["--out", "a.safetensors"]));
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("hint: ") && said.stderr.contains("--force"), "{}", said.stderr);
    assert_eq!(bytes("a.safetensors"), held);
}

#[test]
fn training_without_a_place_keeps_the_weights_where_a_study_looks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let kept = words(&words(&["train", "demo"], &QUICK), &["--models", "models"]);
    let path = weakspot(folder.path(), &kept).ok().stdout;
    assert!(folder.path().join(path.trim()).is_file(), "{path}");
    let again = weakspot(folder.path(), &kept).ok();
    assert_eq!(again.stdout, path);
    assert!(again.stderr.contains("reuses"), "{}", again.stderr);
    // Another seed is another recipe.
    let other = weakspot(folder.path(), &words(&kept, &["--seed", "1"])).ok().stdout;
    assert_ne!(other, path);
}

#[test]
fn a_damaged_kept_model_is_named_and_trained_again_and_a_state_left_beside_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = words(&words(&["train", "demo"], &QUICK), &["--models", "models"]);
    let path = folder.path().join(weakspot(folder.path(), &kept).ok().stdout.trim());
    let whole = std::fs::read(&path).unwrap();
    let state = path.with_extension("training");
    write_atomic(&state, b"left by a kill").unwrap();
    assert!(weakspot(folder.path(), &kept).ok().stderr.contains("reuses"));
    assert!(!state.exists());

    let mut bytes = whole.clone();
    let place = bytes.len() - 5;
    bytes[place] ^= 1;
    write_atomic(&path, &bytes).unwrap();
    // A state that is damaged is named as well.
    write_atomic(&state, b"half of a state").unwrap();
    let said = weakspot(folder.path(), &kept).ok().stderr;
    assert!(said.contains("is damaged or was changed; it is trained again"), "{said}");
    assert!(said.contains("the training starts over"), "{said}");
    assert!(std::fs::read(&path).unwrap() == whole, "the same bytes again");
    assert!(!state.exists());
}

/// A file's tensors by name, and its metadata.
fn held(path: &Path) -> (BTreeMap<String, Vec<u8>>, String) {
    let bytes = std::fs::read(path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = read.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    (tensors, format!("{:?}", metadata.metadata()))
}

/// The same tensors as somebody else would write them: without our metadata.
fn stripped(path: &Path, to: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    write_atomic(to, &safetensors::tensor::serialize(read.tensors(), None).unwrap()).unwrap();
}

#[test]
fn a_head_is_trained_on_the_frozen_trunk_of_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let tiny = ["train", "demo", "--train-limit", "12", "--epochs", "1"];
    let train = |more: &[&str]| weakspot(folder.path(), &words(&tiny, more));
    train(&["--width", "1/32", "--head", "linear3", "--out", "first.safetensors"]).ok();
    stripped(&at("first.safetensors"), &at("given.safetensors"));

    let begun = ["--init", "given.safetensors", "--freeze", "trunk"];
    let said = train(&words(&begun, &["--out", "frozen.safetensors"])).ok();
    for expected in [
        "26 tensors taken over",
        "started at random: classifier.bias, classifier.weight;",
        "in the file but not used: classifier.0.bias [128]",
        "0.485",
        "ImageNet's, assumed",
    ] {
        assert!(said.stderr.contains(expected), "{expected} in {}", said.stderr);
    }
    let (first, _) = held(&at("first.safetensors"));
    let (frozen, metadata) = held(&at("frozen.safetensors"));
    for (name, tensor) in frozen.iter().filter(|(name, _)| name.starts_with("features.")) {
        assert!(*tensor == first[name], "{name}");
    }
    for expected in ["1/32", "trunk", "init", "0.229"] {
        assert!(metadata.contains(expected), "{expected} in {metadata}");
    }

    // What the file says, and what the user says, is not assumed.
    let whole = ["--init", "first.safetensors", "--head", "linear3", "--train-batch", "4", "--lr", "0.05"];
    let said = train(&words(&whole, &["--trunk-rate", "1", "--out", "tuned.safetensors"])).ok();
    let taken = "32 tensors taken over; started at random: none; in the file but not used: none;";
    assert!(said.stderr.contains(taken), "{}", said.stderr);
    assert!(!said.stderr.contains("assumed"), "{}", said.stderr);
    let (tuned, _) = held(&at("tuned.safetensors"));
    let learned = ["features.0.weight", "features.28.weight", "classifier.6.weight"];
    assert!(learned.iter().all(|name| tuned[*name] != first[*name]), "trunk and head learn");
    let said = train(&words(&begun, &["--mean", "0.5", "--std", "0.25", "--out", "said.safetensors"])).ok();
    assert!(!said.stderr.contains("assumed"), "{}", said.stderr);

    // Kept weights are those of the same beginning.
    let kept = |init: &str| train(&["--init", init, "--freeze", "trunk", "--models", "models"]).ok();
    let path = kept("given.safetensors").stdout;
    assert!(kept("given.safetensors").stderr.contains("reuses"));
    assert_ne!(kept("frozen.safetensors").stdout, path);
}

#[test]
fn weights_that_cannot_be_begun_from_are_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |more: &[&str], expected: &str| {
        let said = weakspot(folder.path(), &words(&["train", "demo", "--out", "x.safetensors"], more));
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains(expected) && said.stderr.contains("hint: "), "{}", said.stderr);
        assert!(!folder.path().join("x.safetensors").exists());
    };
    refused(&["--freeze", "trunk"], "--init");
    refused(&["--limit", "5"], "--limit is about scored images");
    refused(&["--freeze", "head"], "\"head\"");
    refused(&["--init", "absent.safetensors"], "absent.safetensors");
    refused(&["--schedule", "two-cycles"], "two-cycles");
    refused(&["--warmup", "120%"], "120%");
    refused(&["--label-smoothing", "1"], "below 1");
    refused(&["--trunk-rate", "0"], "above 0");
    write_atomic(&folder.path().join("zip.pth"), b"PK\x03\x04 what torch.save writes").unwrap();
    refused(&["--init", "zip.pth"], "safetensors");
    let narrow = ["train", "demo", "--train-limit", "4", "--epochs", "1", "--width", "1/64"];
    weakspot(folder.path(), &words(&narrow, &["--out", "w.safetensors"])).ok();
    refused(&["--init", "w.safetensors", "--arch", "vgg16-bn"], "features.");
    refused(&["--init", "w.safetensors", "--width", "1/8"], "features.0.");
    let grey = Array::U8(vec![40, 1, 32, 32], vec![7; 40 * 1024]);
    let labels = Array::U8(vec![40], (0..40).map(|i| i % 2).collect());
    write_atomic(&folder.path().join("grey.npz"), &npz(&[("images", &grey), ("labels", &labels)])).unwrap();
    let said = weakspot(folder.path(), &["train", "grey.npz", "--init", "w.safetensors"]);
    assert!(said.code == Some(2) && said.stderr.contains("channels"), "{}", said.stderr);
}

#[test]
fn own_colour_images_get_the_recipe_of_photographs_and_every_flag_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let images = Array::U8(vec![40, 3, 36, 36], (0..40 * 3 * 1296).map(|i| (i * 7 % 251) as u8).collect());
    let labels = Array::U8(vec![40], (0..40).map(|i| i % 2).collect());
    write_atomic(&folder.path().join("own.npz"), &npz(&[("images", &images), ("labels", &labels)])).unwrap();
    let recipe = |more: &[&str]| {
        let tiny =
            ["train", "own.npz", "--width", "1/64", "--epochs", "2", "--out", "w.safetensors", "--force"];
        weakspot(folder.path(), &words(&tiny, more)).ok();
        let bytes = std::fs::read(folder.path().join("w.safetensors")).unwrap();
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let text = metadata.metadata().as_ref().unwrap()["weakspot"].clone();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let default = recipe(&[]);
    assert_eq!(default["model"]["arch"], "vgg16-bn");
    let numbers = &default["recipe"];
    assert_eq!(numbers["schedule"]["one-cycle"]["warmup_share"], 0.3);
    assert_eq!((&numbers["learning_rate"], &numbers["label_smoothing"]), (&0.002.into(), &0.05.into()));
    let expected = serde_json::json!({ "flip": false, "turn": false, "shift": 3 });
    assert_eq!(numbers["augmentation"], expected, "only what keeps any label");
    // 24 training images make 2 epochs of 3 steps.
    let asked = recipe(&[
        "--schedule",
        "one-cycle",
        "--warmup",
        "3",
        "--train-batch",
        "8",
        "--turn",
        "--flip",
        "--shift",
        "0",
        "--label-smoothing",
        "0.1",
        "--arch",
        "vgg16",
    ]);
    assert_eq!(asked["recipe"]["schedule"]["one-cycle"]["warmup_share"], 0.5);
    assert_eq!(
        asked["recipe"]["augmentation"],
        serde_json::json!({ "flip": true, "turn": true, "shift": 0 })
    );
    assert_eq!(asked["recipe"]["label_smoothing"], 0.1);
    let constant = recipe(&["--schedule", "constant", "--warmup", "50%", "--train-batch", "8"]);
    assert_eq!(constant["recipe"]["schedule"]["constant"]["warmup_steps"], 3);
}
