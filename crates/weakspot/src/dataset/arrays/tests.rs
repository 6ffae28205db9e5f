use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::error::ErrorKind;

/// A file that NumPy or safetensors wrote (`reference/arrays.py`).
pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/arrays").join(name)
}

/// The images of the fixtures, as bytes.
pub(super) fn expected() -> Vec<u8> {
    (0..3).flat_map(|i| (0..2).flat_map(move |y| (0..4).map(move |x| 40 * i + 10 * y + x))).collect()
}

pub(super) fn bytes(arrays: &Arrays) -> Vec<u8> {
    assert_eq!(arrays.pixels.dim(), (3, 1, 2, 4));
    let all = arrays.pixels.batch(&[0, 1, 2]).unwrap();
    all.iter().map(|&v| (v * 255.0).round() as u8).collect()
}

#[test]
fn what_numpy_and_safetensors_write_is_read() {
    for name in ["stored.npz", "packed.npz", "images.safetensors"] {
        let arrays = load(&fixture(name), None).unwrap();
        assert_eq!(bytes(&arrays), expected(), "{name}");
        assert_eq!(arrays.labels, Some(vec![1, 0, 1]), "{name}");
        assert_eq!(arrays.ids, ["image/00000", "image/00001", "image/00002"]);
    }
    let labels = fixture("labels.npy");
    let arrays = load(&fixture("images.npy"), Some(&labels)).unwrap();
    assert_eq!((bytes(&arrays), arrays.labels), (expected(), Some(vec![1, 0, 1])));
    let arrays = load(&fixture("version2.npy"), None).unwrap();
    assert_eq!((bytes(&arrays), arrays.labels), (expected(), None));
}

#[test]
fn the_same_content_has_the_same_checksum_whatever_the_file() {
    let sum = |name| load(&fixture(name), None).unwrap().checksum;
    assert_eq!(sum("stored.npz"), sum("images.safetensors"));
    assert_ne!(sum("stored.npz"), sum("packed.npz"), "floats are other content than bytes");
}

#[test]
fn what_is_not_taken_says_what_is() {
    let error = |name: &str| load(&fixture(name), None).unwrap_err();
    assert!(
        error("../README.md")
            .to_string()
            .contains("expected .safetensors, .npz, .npy or a folder of pictures")
    );
    assert_eq!(error("absent.npz").kind(), ErrorKind::Io);
    let beside = load(&fixture("stored.npz"), Some(&fixture("labels.npy"))).unwrap_err();
    assert_eq!(beside.kind(), ErrorKind::InvalidParameter);
}

#[test]
fn a_study_needs_labels_of_two_classes() {
    let data = load(&fixture("stored.npz"), None).unwrap().into_dataset("stored").unwrap();
    assert_eq!(
        (data.class_names, data.origins),
        (vec!["0".to_owned(), "1".to_owned()], vec![Origin::Whole; 3])
    );
    let unlabelled = load(&fixture("images.npy"), None).unwrap().into_dataset("x").unwrap_err();
    assert!(unlabelled.hint().unwrap().contains("labels = FILE.npy"), "{unlabelled}");
    let mut one = load(&fixture("stored.npz"), None).unwrap();
    one.labels = Some(vec![0, 0, 0]);
    assert!(one.into_dataset("x").unwrap_err().to_string().contains("at least 2 classes; got 1"));
}

pub(super) fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values);
    file
}

pub(super) fn loaded(name: &str, content: &[u8]) -> Result<Arrays> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    crate::output::write_atomic(&path, content).unwrap();
    load(&path, None)
}

/// The message for a file that must be refused: one line, naming the file.
pub(super) fn refused(name: &str, content: &[u8]) -> String {
    let error = loaded(name, content).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(name) && !text.contains('\n'), "{text}");
    text
}

#[test]
fn damaged_npy_files_are_refused() {
    let holds = |content: &[u8], expected: &str| {
        let text = refused("a.npy", content);
        assert!(text.contains(expected), "{text}\nlacks: {expected}");
    };
    let sound = npy("|u1", "(2, 1, 1, 2)", &[1, 2, 3, 4]);
    assert!(loaded("a.npy", &sound).is_ok());
    for cut in [0, 7, 9, 30] {
        holds(&sound[..cut], "got");
    }
    holds(&sound[..sound.len() - 1], "at most 3 bytes of values, from the file's length");
    holds(&[&sound[..], &[0]].concat(), "4 bytes of values; got more");
    holds(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "a header of at most 10000 bytes");
    holds(&npy("|u1", "(99999999999, 1, 1, 99999999999)", &[0]), "expected at most 1073741824 bytes");
    holds(&npy("|u1", "(1000000, 1, 10, 10)", &[0]), "a header that claims 100000000");
    holds(&npy("|u1", "(2, 1, -1, 2)", &[]), "got a different one");
    holds(&npy("|u1", "__import__('os')", &[]), "got a different one");
    holds(&npy("|u1", "(2, 1, 2, 1, 1)", &[0; 4]), "[n, channels, height, width]; got [2, 1, 2, 1, 1]");
    holds(&npy("|u1", "(2, 4, 1, 2)", &[0; 16]), "1 or 3 channels on axis 1");
    holds(&npy("|u1", "(0, 1, 2, 2)", &[]), "at least one image");
    let nan = npy("<f4", "(1, 1, 1, 2)", &[0.5f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat());
    holds(&nan, "pixels must be in [0, 1]; got NaN");
    holds(&npy("<f4", "(1, 1, 1, 1)", &255f32.to_le_bytes()), "got 255");
    holds(&npy("<i8", "(1, 1, 1, 1)", &[0; 8]), "of u8; got i64");
}

#[test]
fn labels_that_are_no_class_indices_are_refused() {
    let labels = |number, shape: Vec<usize>, bytes: Vec<u8>| {
        Raw { number, shape, bytes }.into_labels(2, &mut Vec::new())
    };
    let bytes = |values: [i64; 2]| values.map(i64::to_le_bytes).concat();
    assert_eq!(labels(raw::Number::I64, vec![2], bytes([3, 0])).unwrap(), [3, 0]);
    let negative = labels(raw::Number::I64, vec![2], bytes([0, -1])).unwrap_err();
    assert_eq!(negative.kind(), ErrorKind::ValueRange);
    assert!(negative.to_string().contains("got -1 at position 1"));
    assert!(labels(raw::Number::I64, vec![2], bytes([0, i64::MAX])).is_err(), "not a model of 2^63 classes");
    assert!(labels(raw::Number::I64, vec![1, 2], bytes([0, 1])).unwrap_err().to_string().contains("[1, 2]"));
    assert!(labels(raw::Number::U8, vec![3], vec![0, 1, 0]).unwrap_err().to_string().contains("got [3]"));
    for bad in [0.5f32, f32::NAN, f32::INFINITY, -1.0] {
        let error = labels(raw::Number::F32, vec![2], [0.0, bad].map(f32::to_le_bytes).concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueRange);
        assert!(error.to_string().contains("at position 1"), "{error}");
    }
}

pub(super) fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in members {
        archive.start_file(*name, packed).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn damaged_npz_files_are_refused() {
    let images = || npy("|u1", "(2, 1, 1, 2)", &[1, 2, 3, 4]);
    let sound = npz(&[("images.npy", images())]);
    assert!(loaded("a.npz", &sound).unwrap().labels.is_none());
    assert!(refused("a.npz", &sound[..sound.len() / 2]).contains("a damaged one"));
    assert!(refused("a.npz", b"").contains("a damaged one"));
    assert!(refused("a.npz", &npz(&[("pixels.npy", images())])).contains("an array \"images\"; got pixels"));
    let labels = npy("|u1", "(3,)", &[0, 1, 0]);
    let text = refused("a.npz", &npz(&[("images.npy", images()), ("labels.npy", labels)]));
    assert!(text.contains("labels of shape [2]"), "{text}");
    // One flipped bit of the packed values: the archive's own checksum, or the decoder, notices.
    let at = sound.windows(4).position(|four| four == [1, 2, 3, 4]);
    let mut flipped = sound.clone();
    let at = at.unwrap_or(sound.len() / 3);
    flipped[at] ^= 1;
    assert!(loaded("a.npz", &flipped).is_err());
    // 32 MiB of zeros behind a header of four bytes.
    let mut bomb = images();
    bomb.resize(32 << 20, 0);
    assert!(refused("a.npz", &npz(&[("images.npy", bomb)])).contains("4 bytes of values; got more"));
    // A header that claims what the archive cannot hold.
    let huge = npy("|u1", "(1000, 1, 1000, 1000)", &[0; 4]);
    assert!(refused("a.npz", &npz(&[("images.npy", huge)])).contains("a header that claims 1000000000"));
}

#[test]
fn damaged_safetensors_files_are_refused() {
    let file = |name: &str, dtype, shape: Vec<usize>, data: &[u8]| {
        let view = TensorView::new(dtype, shape, data).unwrap();
        safetensors::serialize(BTreeMap::from([(name, view)]), None).unwrap()
    };
    let sound = file("images", Dtype::U8, vec![1, 1, 2, 2], &[0; 4]);
    assert!(loaded("a.safetensors", &sound).is_ok());
    for cut in [0, 5, 20, sound.len() - 1] {
        assert!(refused("a.safetensors", &sound[..cut]).contains("a damaged one"));
    }
    let other = file("pixels", Dtype::U8, vec![1, 1, 2, 2], &[0; 4]);
    assert!(refused("a.safetensors", &other).contains("a tensor \"images\"; got pixels"));
    let complex = file("images", Dtype::C64, vec![1, 1, 1, 1], &[0; 8]);
    assert!(refused("a.safetensors", &complex).contains("got C64"));
    let mut claim = (u64::MAX).to_le_bytes().to_vec();
    claim.extend(b"{}");
    assert!(refused("a.safetensors", &claim).contains("a damaged one"));
}
