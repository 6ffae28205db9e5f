//! `weakspot maps`: the user's own images and model.

use std::path::Path;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use weakspot::output::write_atomic;

use crate::fixtures::{Array, npz, png, safetensors};
use crate::program::weakspot;

const N: usize = 6;
const SHAPE: [usize; 4] = [N, 3, 32, 32];

/// Bytes that look like nothing, the same every time.
fn pixels() -> Vec<u8> {
    (0..SHAPE.iter().product::<usize>()).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect()
}

fn images() -> Array {
    Array::U8(SHAPE.to_vec(), pixels())
}

fn labels() -> Array {
    Array::I64(vec![N], (0..N as i64).map(|i| i % 2).collect())
}

/// A folder with `w.safetensors`, weights that `weakspot train` wrote, made once.
fn weights() -> &'static Path {
    static WEIGHTS: OnceLock<tempfile::TempDir> = OnceLock::new();
    WEIGHTS
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let words = [
                "train",
                "demo",
                "--train-limit",
                "8",
                "--epochs",
                "1",
                "--width",
                "1/16",
                "--out",
                "w.safetensors",
            ];
            weakspot(folder.path(), &words).ok();
            folder
        })
        .path()
}

/// Runs `maps` on images in a folder; what it wrote.
fn maps(folder: &Path, images: &str, more: &[&str]) -> (Vec<u8>, String) {
    let weights = weights().join("w.safetensors");
    let mut words = vec!["maps", "--images", images, "--weights", weights.to_str().unwrap()];
    words.extend(["--eps", "8/255", "--out", "out.safetensors", "--force"]);
    words.extend(more);
    let said = weakspot(folder, &words).ok();
    assert_eq!(said.stdout, "out.safetensors\n");
    (std::fs::read(folder.join("out.safetensors")).unwrap(), said.stderr)
}

#[test]
fn every_kind_of_file_gives_the_same_maps_and_every_promised_array() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let arrays = [("images", &images()), ("labels", &labels())];
    write_atomic(&at("x.safetensors"), &safetensors(&arrays)).unwrap();
    write_atomic(&at("x.npz"), &npz(&arrays)).unwrap();
    write_atomic(&at("x.npy"), &images().npy()).unwrap();
    write_atomic(&at("y.npy"), &labels().npy()).unwrap();
    let as_floats = Array::F32(SHAPE.to_vec(), pixels().iter().map(|&v| f32::from(v) / 255.0).collect());
    write_atomic(&at("f.npz"), &npz(&[("images", &as_floats), ("labels", &labels())])).unwrap();

    let (first, said) = maps(folder.path(), "x.safetensors", &[]);
    for (name, more) in
        [("x.npz", &[][..]), ("x.npy", &["--labels", "y.npy"][..]), ("f.npz", &["--batch-size", "1"][..])]
    {
        assert!(maps(folder.path(), name, more).0 == first, "{name} gives other maps");
    }
    assert!(said.contains("layer features.") && said.contains("labels"), "{said}");

    let written = SafeTensors::deserialize(&first).unwrap();
    let shape = |name: &str| written.tensor(name).unwrap().shape().to_vec();
    assert_eq!(shape("logits"), [N, 2]);
    assert_eq!(shape("adversarial_logits"), [N, 2]);
    for name in ["input_gradient", "adversarial"] {
        assert_eq!(shape(name), SHAPE, "{name}");
    }
    for name in ["utility", "vulnerability", "roi", "roa", "region"] {
        assert_eq!(shape(name), [N, 32, 32], "{name}");
    }
    assert_eq!(shape("cam")[0], N);
    let bytes = |name: &str| written.tensor(name).unwrap().data().to_vec();
    for ((&region, roi), roa) in bytes("region").iter().zip(bytes("roi")).zip(bytes("roa")) {
        assert_eq!(region, 2 * roi + roa);
    }
    let floats = |name: &str| -> Vec<f32> {
        bytes(name).as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    for (&byte, star) in pixels().iter().zip(floats("adversarial")) {
        let x = f32::from(byte) / 255.0;
        assert!(
            (0.0..=1.0).contains(&star) && (star - x).abs() <= 8.0 / 255.0 + 2f32.powi(-23),
            "{x} {star}"
        );
    }
}

#[test]
fn an_attack_can_be_confined_to_a_mask_and_kept_as_pictures_of_8_bits() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("x.npy"), &images().npy()).unwrap();
    // The upper half may be changed.
    let mask = Array::U8(vec![32, 32], (0..1024).map(|i| u8::from(i < 512)).collect());
    write_atomic(&folder.path().join("mask.npy"), &mask.npy()).unwrap();
    let words =
        ["--mask", "mask.npy", "--quantize", "--png", "pictures", "--attack", "pgd", "--alpha", "2.5/255"];
    let (bytes, _) = maps(folder.path(), "x.npy", &words);
    let written = SafeTensors::deserialize(&bytes).unwrap();
    let adversarial = written.tensor("adversarial").unwrap().data().to_vec();
    let levels: Vec<f32> =
        adversarial.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b) * 255.0).collect();
    let mut moved = 0;
    for (i, (&level, &clean)) in levels.iter().zip(&pixels()).enumerate() {
        assert!((level - level.round()).abs() < 1e-4, "{level} is no level");
        let change = level - f32::from(clean);
        assert!(change.abs() < 8.001, "{change}");
        assert!(i % 1024 < 512 || change.abs() < 1e-4, "a pixel outside the mask was written");
        moved += usize::from(change.abs() > 0.5);
    }
    assert!(moved > 1000, "{moved}");
    // The pictures, read again, are the images that were judged.
    let again = ["maps", "--images", "pictures", "--eps", "0", "--out", "again.safetensors", "--weights"];
    let weights = weights().join("w.safetensors");
    weakspot(folder.path(), &[&again[..], &[weights.to_str().unwrap()]].concat()).ok();
    let again = std::fs::read(folder.path().join("again.safetensors")).unwrap();
    let again = SafeTensors::deserialize(&again).unwrap();
    assert_eq!(again.tensor("logits").unwrap().data(), written.tensor("adversarial_logits").unwrap().data());

    let alone = ["maps", "--images", "x.npy", "--weights", "w", "--eps", "0.1", "--out", "o", "--png", "p"];
    crate::bad_input::refused(folder.path(), &alone, "--png keeps 8 bits");
}

#[test]
fn what_was_converted_or_chosen_in_a_file_of_arrays_was_not_said() {
    let folder = tempfile::tempdir().unwrap();
    let labels = Array::I64(vec![N, 1], (0..N as i64).map(|i| i % 2).collect());
    write_atomic(&folder.path().join("x.npz"), &npz(&[("x_test", &images()), ("y_test", &labels)])).unwrap();
    let (_, said) = maps(folder.path(), "x.npz", &[]);
    assert!(said.contains("note: images were read from x_test, labels from y_test\n"), "{said}");
    assert!(said.contains("note: labels of shape [6, 1] were read as one number per image\n"), "{said}");
}

#[test]
fn without_labels_the_predicted_class_is_explained_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("x.npy"), &images().npy()).unwrap();
    let (_, said) = maps(folder.path(), "x.npy", &[]);
    assert!(said.contains("predicted class"), "{said}");
}

#[test]
fn a_folder_of_pictures_is_read_with_its_subfolders_as_classes() {
    let folder = tempfile::tempdir().unwrap();
    for (class, shade) in [("bright", 200u8), ("dark", 20)] {
        let place = folder.path().join("photos").join(class);
        std::fs::create_dir_all(&place).unwrap();
        for i in 0..2u8 {
            write_atomic(&place.join(format!("{i}.png")), &png(32, shade + i)).unwrap();
        }
    }
    let (bytes, said) = maps(
        folder.path(),
        "photos",
        &["--cam", "gradient", "--attack", "pgd", "--steps", "2", "--classes", "bright=1,dark=0"],
    );
    assert!(said.contains("bright is output 1"), "{said}");
    assert!(said.contains("labels") && said.contains("layer input"), "{said}");
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("logits").unwrap().shape(), [4, 2]);
}

#[test]
fn a_radius_that_was_probably_meant_in_another_unit_is_remarked_on() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("x.npz"), &npz(&[("images", &images()), ("labels", &labels())]))
        .unwrap();
    let weights = weights().join("w.safetensors");
    let weights = weights.to_str().unwrap();
    let remark = |said: &str| said.lines().find(|line| line.starts_with("note: --eps ")).map(str::to_owned);
    for (eps, large) in [("1", true), ("0.5", true), ("0.49", false), ("8/255", false)] {
        let words =
            ["maps", "--images", "x.npz", "--weights", weights, "--force", "--out", "o", "--eps", eps];
        let said = weakspot(folder.path(), &words).ok().stderr;
        match remark(&said) {
            Some(line) => {
                let expected = format!("note: --eps {eps} ");
                assert!(large && line.starts_with(&expected) && line.contains("N/255"), "{line}");
            }
            None => assert!(!large, "--eps {eps}: {said}"),
        }
    }
    // A study says so before it trains.
    let words =
        ["study", "demo", "--eps", "1", "--sweep", "none", "--width", "1/64", "--layer", "features.99"];
    let said = weakspot(folder.path(), &words);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(remark(&said.stderr).is_some(), "{}", said.stderr);
}

#[test]
fn a_size_beside_arrays_is_refused_and_not_ignored() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("x.npz"), &npz(&[("images", &images())])).unwrap();
    for (flag, named) in [(&["--size", "64"][..], "--size"), (&["--skip-bad"], "--skip-bad")] {
        let words = ["maps", "--images", "x.npz", "--weights", "w", "--eps", "0.1", "--out", "o"];
        crate::bad_input::refused(
            folder.path(),
            &[&words[..], flag].concat(),
            &format!("{named} belongs to"),
        );
    }
}

#[test]
fn empty_maps_are_counted_and_said() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("x.npz"), &npz(&[("images", &images()), ("labels", &labels())]))
        .unwrap();
    // Thresholds that no gradient reaches.
    let (_, said) = maps(folder.path(), "x.npz", &["--delta1", "abs:1000000", "--delta2", "abs:1000000"]);
    assert!(said.contains("note: 6 of 6 images have an empty RoI"), "{said}");
    assert!(said.contains("and 6 an empty RoA"), "{said}");
    let (_, said) = maps(folder.path(), "x.npz", &["--delta1", "abs:1000000"]);
    assert!(
        said.contains("6 of 6 images have an empty RoI") && said.contains("and 0 an empty RoA"),
        "{said}"
    );
}
