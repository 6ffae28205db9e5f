//! Bad input: exit code 2, one line, a hint, and nothing written.

use std::path::Path;

use weakspot::output::write_atomic;

use crate::fixtures::{Array, digits, gzip, idx, mnist, npz};
use crate::program::{Said, tree, weakspot};
use crate::study::{QUICK, tiny, words};

/// Runs in a folder that must not change.
#[track_caller]
pub(crate) fn refused(folder: &Path, words: &[&str], expected: &str) -> Said {
    let before = tree(folder);
    let said = weakspot(folder, words);
    assert_eq!(said.code, Some(2), "{words:?}: {}", said.stderr);
    let lines: Vec<&str> = said.stderr.lines().collect();
    let [.., error, hint] = lines[..] else { panic!("{words:?}: {}", said.stderr) };
    assert!(error.starts_with("error: ") && error.contains(expected), "{words:?}: {}", said.stderr);
    assert!(hint.starts_with("hint: ") && hint.len() > "hint: ".len(), "{words:?}: {}", said.stderr);
    assert_eq!(said.stdout, "", "{words:?}");
    assert!(!error.contains("a mistake in weakspot"), "{words:?}: {}", said.stderr);
    assert_eq!(before, tree(folder), "{words:?} wrote something");
    said
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, expected) in [
        (&["--eps", "8"][..], "epsilon"),
        (&["--eps", "-0.1"][..], "epsilon"),
        (&["--eps", "nan"][..], "epsilon"),
        (&["--delta1", "top:130%"][..], "--delta1"),
        (&["--delta1", "top:0"][..], "--delta1"),
        (&["--delta2", "max:2"][..], "--delta2"),
        (&["--delta2", "abs:-1"][..], "--delta2"),
        (&["--delta2", "half"][..], "--delta2"),
        (&["--theta", "0"][..], "theta"),
        (&["--theta", "1.5"][..], "theta"),
        (&["--width", "1/3"][..], "width"),
        (&["--width", "0"][..], "width"),
        (&["--arch", "resnet50"][..], "resnet50"),
        (&["--fill", "2"][..], "--fill"),
        (&["--fill", "mauve"][..], "--fill"),
        (&["--mask", "mine"][..], "--mask"),
        (&["--protocols", "p0,p9"][..], "p9"),
        (&["--controls", "3"][..], "19"),
        (&["--sweep", "4/255,400"][..], "--sweep"),
        (&["--ssim", "square"][..], "--ssim"),
        (&["--cam", "score-cam"][..], "--cam"),
        (&["--attack", "cw"][..], "--attack"),
        (&["--steps", "3"][..], "--steps belongs to pgd"),
        (&["--attack", "pgd", "--restarts", "2", "--random-start", "false"][..], "restarts"),
        (&["--batch-size", "0"][..], "--batch-size"),
        (&["--threads", "0"][..], "--threads"),
        (&["--seed", "minus one"][..], "--seed"),
        (&["--limit", "0"][..], "--limit"),
        (&["--classes", "0"][..], "two classes"),
        (&["--classes", "0,0"][..], "twice"),
        (&["--classes", "0,7"][..], "7"),
        (&["--data-dir", "."][..], "--data-dir"),
        (&["--weights", "absent.safetensors"][..], "absent.safetensors"),
        (&["--lr", "-1"][..], "lr"),
        (&["--epochs", "0"][..], "--epochs"),
        (&["--mean", "0.5,0.5"][..], "--mean"),
        (&["--std", "0"][..], "--std"),
        (&["--layer", "features.99"][..], "features.99"),
        (&["--layer", "features.29"][..], "features.29"),
        (&["--cam", "cam", "--head", "linear3"][..], "CAM"),
        (&["--weights", "w.safetensors", "--epochs", "3"][..], "--epochs is about training"),
    ] {
        refused(folder.path(), &words(&["study", "demo"], flags), expected);
    }
}

#[test]
fn an_epsilon_nobody_gave_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let n = 40;
    let images = Array::U8(vec![n, 1, 8, 8], vec![9; n * 64]);
    let labels = Array::U8(vec![n], (0..n).map(|i| (i % 2) as u8).collect());
    write_atomic(&folder.path().join("x.npz"), &npz(&[("images", &images), ("labels", &labels)])).unwrap();
    refused(folder.path(), &["study", "x.npz"], "--eps is needed");
    refused(folder.path(), &["study", "y.npz", "--eps", "4/255"], "y.npz");
    refused(folder.path(), &["study", "x.npz", "--eps", "4/255", "--classes", "0,2"], "\"2\"");
}

#[test]
fn absent_data_says_where_it_was_looked_for_and_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(folder.path(), &["study", "mnist"], "train-images-idx3-ubyte");
    assert!(
        said.stderr.contains("no-data-here") && said.stderr.contains("weakspot fetch mnist"),
        "{}",
        said.stderr
    );
    refused(folder.path(), &["study", "fashion-mnist", "--data-dir", "."], "t10k-labels-idx1-ubyte");
}

/// A study of the small `mnist` in a folder's `data`.
fn digits_study<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let study = words(&["study", "mnist", "--data-dir", "data", "--models", "models"], &QUICK);
    words(&words(&study, &["--controls", "none", "--sweep", "none"]), more)
}

#[test]
fn whole_idx_files_are_studied_plain_or_zipped() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("data/train-images-idx3-ubyte");
    mnist(&folder.path().join("data"));
    weakspot(folder.path(), &digits_study(&["--classes", "3,8", "--protocols", "p0,p1", "--out", "run"]))
        .ok();
    let read = |run: &str| std::fs::read(folder.path().join(run).join("results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&read("run")).unwrap();
    assert_eq!(results["data"]["classes"], serde_json::json!(["3", "8"]));
    assert_eq!(results["config"]["eps"], "0.3");
    assert_eq!(results["directions"][0]["n"]["eval"], 5, "every test image of the class");

    let bytes = gzip(&std::fs::read(&images).unwrap());
    write_atomic(&images.with_extension("gz"), &bytes).unwrap();
    std::fs::remove_file(&images).unwrap();
    weakspot(folder.path(), &digits_study(&["--classes", "3,8", "--protocols", "p0,p1", "--out", "zipped"]))
        .ok();
    assert!(read("run") == read("zipped"));
}

#[test]
fn damaged_idx_files_are_refused() {
    let (pixels, labels) = digits(20);
    let n = labels.len() as u32;
    let images = idx(&[n, 28, 28], &pixels);
    let zipped = gzip(&images);
    let cut = |bytes: &[u8], end: usize| bytes[..end].to_vec();
    let flipped =
        |at: usize| zipped.iter().enumerate().map(|(i, b)| if i == at { b ^ 0xff } else { *b }).collect();
    let damaged: [(&str, Vec<u8>); 10] = [
        ("truncated", cut(&images, images.len() - 100)),
        ("within the header", cut(&images, 9)),
        ("too long", [images.clone(), vec![0; 9]].concat()),
        ("empty", Vec::new()),
        ("wrong magic", [vec![1], images[1..].to_vec()].concat()),
        ("claims more", [idx(&[u32::MAX, 28, 28], &[]), pixels.clone()].concat()),
        ("claims terabytes", idx(&[u32::MAX, u32::MAX, u32::MAX], &[])),
        ("truncated gzip", cut(&zipped, zipped.len() / 2)),
        ("corrupt gzip", flipped(400)),
        ("fewer than labels", idx(&[n - 1, 28, 28], &pixels[..pixels.len() - 784])),
    ];
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    mnist(&data);
    for (what, bytes) in damaged {
        write_atomic(&data.join("train-images-idx3-ubyte"), &bytes).unwrap();
        let said = refused(folder.path(), &digits_study(&[]), "train-images-idx3-ubyte");
        assert!(!said.stderr.contains("looked in"), "{what}: the file is there: {}", said.stderr);
    }
    mnist(&data);
    write_atomic(&data.join("t10k-labels-idx1-ubyte"), &idx(&[50], &[77; 50])).unwrap();
    refused(folder.path(), &digits_study(&[]), "t10k-labels-idx1-ubyte");
}

#[test]
fn a_class_without_enough_images_to_divide_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let images = Array::U8(vec![6, 1, 8, 8], vec![9; 6 * 64]);
    let labels = Array::U8(vec![6], vec![0, 0, 0, 0, 0, 1]);
    write_atomic(&folder.path().join("x.npz"), &npz(&[("images", &images), ("labels", &labels)])).unwrap();
    refused(folder.path(), &["study", "x.npz", "--eps", "0.1"], "part");
    let one = Array::U8(vec![6], vec![0; 6]);
    write_atomic(&folder.path().join("one.npz"), &npz(&[("images", &images), ("labels", &one)])).unwrap();
    refused(folder.path(), &["study", "one.npz", "--eps", "0.1"], "2 classes");
    write_atomic(&folder.path().join("none.npz"), &npz(&[("images", &images)])).unwrap();
    refused(folder.path(), &["study", "none.npz", "--eps", "0.1"], "labels");
    let five = Array::U8(vec![5], vec![0; 5]);
    write_atomic(&folder.path().join("five.npz"), &npz(&[("images", &images), ("labels", &five)])).unwrap();
    refused(folder.path(), &["study", "five.npz", "--eps", "0.1"], "labels");
}

#[test]
fn images_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let x = |name: &str, value: f32| {
        let images = Array::F32(vec![2, 1, 8, 8], vec![value; 128]);
        write_atomic(&folder.path().join(name), &npz(&[("images", &images)])).unwrap();
    };
    x("bright.npz", 255.0);
    x("nan.npz", f32::NAN);
    x("small.npz", 0.5);
    write_atomic(&folder.path().join("broken.safetensors"), b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").unwrap();
    write_atomic(&folder.path().join("x.tiff"), b"II*").unwrap();
    let maps = |images: &'static str, weights: &'static str| {
        ["maps", "--eps", "8/255", "--out", "out.safetensors", "--images", images, "--weights", weights]
    };
    refused(folder.path(), &maps("bright.npz", "w"), "255");
    refused(folder.path(), &maps("nan.npz", "w"), "NaN");
    refused(folder.path(), &maps("broken.safetensors", "w"), "broken.safetensors");
    refused(folder.path(), &maps("x.tiff", "w"), "x.tiff");
    refused(folder.path(), &maps("absent", "w"), "absent");
    refused(folder.path(), &maps("small.npz", "w"), "w");
    refused(folder.path(), &maps("small.npz", "broken.safetensors"), "broken.safetensors");
    refused(
        folder.path(),
        &["maps", "--images", "small.npz", "--weights", "w", "--out", "o"],
        "--eps is needed",
    );
    refused(
        folder.path(),
        &words(&maps("small.npz", "w"), &["--labels", "nan.npz"]),
        "a file of labels beside an .npy",
    );
    refused(
        folder.path(),
        &words(
            &maps("small.npz", "w")[..3],
            &["--out", "nan.npz", "--images", "small.npz", "--weights", "w"],
        ),
        "nan.npz exists",
    );
}

#[test]
fn weights_that_do_not_fit_are_refused_by_the_tensors_name() {
    let folder = tempfile::tempdir().unwrap();
    let train =
        ["train", "demo", "--train-limit", "4", "--epochs", "1", "--width", "1/64", "--out", "w.safetensors"];
    weakspot(folder.path(), &train).ok();
    let weights = std::fs::read(folder.path().join("w.safetensors")).unwrap();
    let read = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let tensors = |skip: &str, extra: Option<&str>| {
        let mut all: Vec<_> = read.tensors().into_iter().filter(|(name, _)| name != skip).collect();
        let first = all[0].1.clone();
        all.extend(extra.map(|name| (name.to_owned(), first)));
        safetensors::tensor::serialize(all, None).unwrap()
    };
    write_atomic(&folder.path().join("missing.safetensors"), &tensors("features.2.bias", None)).unwrap();
    write_atomic(&folder.path().join("extra.safetensors"), &tensors("", Some("features.99.weight"))).unwrap();
    write_atomic(&folder.path().join("short.safetensors"), &weights[..weights.len() - 10]).unwrap();
    let study = |file: &'static str| ["study", "demo", "--weights", file, "--limit", "4"];
    let gap = ["--head", "gap"];
    refused(folder.path(), &words(&study("missing.safetensors"), &gap), "features.2.bias");
    refused(folder.path(), &words(&study("extra.safetensors"), &gap), "features.99.weight");
    refused(folder.path(), &study("short.safetensors"), "short.safetensors");
    refused(folder.path(), &words(&study("w.safetensors"), &["--width", "1/8"]), "--width 1/8");
    refused(folder.path(), &words(&study("w.safetensors"), &["--head", "linear3"]), "classifier.0.weight");
    refused(folder.path(), &words(&study("w.safetensors"), &["--arch", "vgg16-bn"]), "features.");

    // The right weights, and images of another size.
    let images = Array::U8(vec![40, 1, 32, 32], vec![7; 40 * 1024]);
    let labels = Array::U8(vec![40], (0..40).map(|i| i % 2).collect());
    write_atomic(&folder.path().join("grey.npz"), &npz(&[("images", &images), ("labels", &labels)])).unwrap();
    refused(folder.path(), &["study", "grey.npz", "--eps", "0.1", "--weights", "w.safetensors"], "channels");
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("file"), b"mine").unwrap();
    std::fs::create_dir(folder.path().join("full")).unwrap();
    write_atomic(&folder.path().join("full/notes.txt"), b"mine").unwrap();
    refused(folder.path(), &tiny(&["--out", "file"]), "file");
    refused(folder.path(), &tiny(&["--out", "file/below"]), "file");
    refused(folder.path(), &tiny(&["--out", "full"]), "not empty");
    refused(folder.path(), &["train", "demo", "--out", "file"], "file");
    refused(folder.path(), &["train", "demo", "--out", "full"], "full");
    refused(folder.path(), &["train", "demo", "--out", "absent/w.safetensors"], "absent");
    if cfg!(target_os = "linux") {
        refused(folder.path(), &tiny(&["--out", "/proc/weakspot"]), "/proc");
    }
    refused(folder.path(), &["report", "full"], "results.json");
    refused(folder.path(), &["report", "absent"], "absent");
}
