//! Files that people have: other numbers, axes, names and packings than those of the documentation.

use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::tests::{bytes, expected, fixture, loaded, npy, npz, refused};
use super::*;
use crate::error::ErrorKind;

/// As [`npy`], in Fortran order.
fn by_columns(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let mut file = npy(descr, shape, values);
    let at = file.windows(5).position(|five| five == b"False").unwrap();
    file[at..at + 5].copy_from_slice(b"True ");
    file
}

/// The values of the first image in the order of its axes, as far as single precision goes.
fn first(arrays: &Arrays) -> Vec<f32> {
    arrays.pixels.batch(&[0]).unwrap().iter().copied().collect()
}

fn labelled(descr: &str, shape: &str, values: &[u8]) -> Result<Arrays> {
    let images = npy("|u1", "(3, 1, 1, 2)", &[9, 8, 7, 6, 5, 4]);
    loaded("a.npz", &npz(&[("images.npy", images), ("labels.npy", npy(descr, shape, values))]))
}

#[test]
fn doubles_columns_and_big_endian_images_were_refused() {
    let double = load(&fixture("double.npy"), None).unwrap();
    assert_eq!(bytes(&double), expected());
    assert_eq!(double.notes, ["images of f64 were converted to f32"]);
    let columns = load(&fixture("columns.npy"), None).unwrap();
    assert_eq!((bytes(&columns), columns.notes.len()), (expected(), 0), "nothing is lost: nothing to say");
    let sum = |name| load(&fixture(name), None).unwrap().checksum;
    assert_eq!(sum("columns.npy"), sum("version2.npy"), "the order in the file is not content");

    let floats = [0.25f32, 0.5, 0.75, 1.0];
    let big: Vec<u8> = floats.iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_eq!(first(&loaded("a.npy", &npy(">f4", "(1, 1, 2, 2)", &big)).unwrap()), floats);
    let turned = loaded("a.npy", &by_columns(">f4", "(1, 1, 2, 2)", &big)).unwrap();
    assert_eq!(first(&turned), [0.25, 0.75, 0.5, 1.0]);
    let halves: Vec<u8> = [0x3400u16, 0x3800].iter().flat_map(|v| v.to_le_bytes()).collect();
    let halves = loaded("a.npy", &npy("<f2", "(1, 1, 1, 2)", &halves)).unwrap();
    assert_eq!(
        (first(&halves), halves.notes.as_slice()),
        (vec![0.25, 0.5], ["images of f16 were converted to f32".to_owned()].as_slice())
    );
    let bits = loaded("a.npy", &npy("|b1", "(1, 1, 1, 2)", &[0, 1])).unwrap();
    assert_eq!(first(&bits), [0.0, 1.0]);
    assert!(bits.notes[0].contains("black (0) and white (255)"));
    let out_of_range = refused("a.npy", &npy("<f8", "(1, 1, 1, 1)", &1.5f64.to_le_bytes()));
    assert!(out_of_range.contains("in [0, 1]; got 1.5"), "{out_of_range}");
}

#[test]
fn tensors_of_other_floats_were_refused() {
    let file = |dtype, data: &[u8]| {
        let view = TensorView::new(dtype, vec![1, 1, 1, 2], data).unwrap();
        safetensors::serialize(BTreeMap::from([("images", view)]), None).unwrap()
    };
    let double = [0.25f64, 0.5].map(f64::to_le_bytes).concat();
    for (dtype, data) in
        [(Dtype::BF16, vec![0x80, 0x3e, 0, 0x3f]), (Dtype::F16, vec![0, 0x34, 0, 0x38]), (Dtype::F64, double)]
    {
        let arrays = loaded("a.safetensors", &file(dtype, &data)).unwrap();
        assert_eq!((first(&arrays), arrays.notes.len()), (vec![0.25, 0.5], 1), "{dtype:?}");
    }
}

#[test]
fn labels_of_other_numbers_and_one_hot_labels_were_refused() {
    let wide = |value: i64, size: usize| value.to_le_bytes()[..size].to_vec();
    for (descr, size) in
        [("|i1", 1), ("|u1", 1), ("<i2", 2), ("<u2", 2), ("<i4", 4), ("<u4", 4), ("<i8", 8), ("<u8", 8)]
    {
        let values = [2, 0, 1].map(|v| wide(v, size)).concat();
        let arrays = labelled(descr, "(3,)", &values).unwrap();
        assert_eq!((arrays.labels.unwrap(), arrays.notes.len()), (vec![2, 0, 1], 0), "{descr}");
    }
    let big = [2i16, 0, 1].map(i16::to_be_bytes).concat();
    assert_eq!(labelled(">i2", "(3,)", &big).unwrap().labels.unwrap(), [2, 0, 1]);
    let floats = [2f64, 0.0, 1.0].map(f64::to_le_bytes).concat();
    let read = |descr, shape, values: &[u8], note: &str| {
        let arrays = labelled(descr, shape, values).unwrap();
        assert!(arrays.notes.len() == 1 && arrays.notes[0].contains(note), "{:?}", arrays.notes);
        arrays.labels.unwrap()
    };
    assert_eq!(read("<f8", "(3,)", &floats, "f64 were read as whole numbers"), [2, 0, 1]);
    assert_eq!(read("|b1", "(3,)", &[1, 0, 1], "0 (false) and 1 (true)"), [1, 0, 1]);
    assert_eq!(read("|u1", "(3, 1)", &[2, 0, 1], "[3, 1] were read as one number per image"), [2, 0, 1]);
    let hot = [0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0];
    assert_eq!(read("|u1", "(3, 4)", &hot, "[3, 4] were read as one-hot"), [2, 0, 1]);
    let floats: Vec<u8> = hot.iter().flat_map(|&v| f32::from(v).to_le_bytes()).collect();
    assert_eq!(read("<f4", "(3, 4)", &floats, "one-hot"), [2, 0, 1]);
    for (row, came) in
        [([1, 0, 1, 0], "two in row 1"), ([0; 4], "none in row 1"), ([0, 2, 0, 0], "2 in row 1")]
    {
        let values = [hot[..4].to_vec(), row.to_vec(), hot[8..].to_vec()].concat();
        let error = labelled("|u1", "(3, 4)", &values).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueRange);
        assert!(error.to_string().contains(came) && error.hint().unwrap().contains("argmax"), "{error}");
    }
}

#[test]
fn types_that_are_no_numbers_are_named() {
    for (descr, came, hint) in [
        ("<U5", "text, NumPy's type <U5", "np.unique"),
        ("|O", "pickled Python objects", "pickles run code"),
        ("<c8", "numbers of NumPy's type <c8", "float32"),
        ("=f4", "whose byte order is unknown", "float32"),
    ] {
        let error = loaded("a.npy", &npy(descr, "(1, 1, 1, 1)", &[0; 32])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(came) && error.hint().unwrap().contains(hint), "{error}");
    }
    let long = refused("a.npy", &npy(&"x".repeat(9_000), "(1, 1, 1, 1)", &[0]));
    assert!(long.chars().count() < 400, "a type of 9,000 letters filled the screen");
}

#[test]
fn channels_that_come_last_were_refused() {
    let values: Vec<u8> = (0..24).map(|v| 10 * v).collect();
    let last = loaded("a.npy", &npy("|u1", "(1, 2, 4, 3)", &values)).unwrap();
    assert_eq!(last.pixels.dim(), (1, 3, 2, 4));
    assert_eq!(
        last.notes,
        ["images of shape [1, 2, 4, 3] have their channels last; they were brought to [1, 3, 2, 4]"]
    );
    let reds: Vec<u8> = first(&last)[..8].iter().map(|v| (v * 255.0).round() as u8).collect();
    assert_eq!(reds, [0, 30, 60, 90, 120, 150, 180, 210], "every third value, row by row");
    let floats: Vec<u8> = values.iter().flat_map(|&v| (f32::from(v) / 255.0).to_le_bytes()).collect();
    let same = loaded("a.npy", &npy("<f4", "(1, 2, 4, 3)", &floats)).unwrap();
    assert_eq!((first(&same), same.notes), (first(&last), last.notes));
    // Where axis 1 could be the channels it is.
    for shape in ["(1, 3, 8, 1)", "(2, 3, 4, 1)", "(8, 1, 3, 1)", "(8, 1, 1, 3)"] {
        let arrays = loaded("a.npy", &npy("|u1", shape, &values)).unwrap();
        assert!(arrays.notes.is_empty(), "{shape}: {:?}", arrays.notes);
    }
}

#[test]
fn grey_images_without_their_axis_were_refused() {
    let values: Vec<u8> = (0..24).collect();
    let grey = loaded("a.npy", &npy("|u1", "(2, 3, 4)", &values)).unwrap();
    assert_eq!(grey.pixels.dim(), (2, 1, 3, 4));
    assert_eq!(grey.notes, ["images of shape [2, 3, 4] were read as grey, [2, 1, 3, 4]"]);
    let hint =
        |shape: &str| loaded("a.npy", &npy("|u1", shape, &values)).unwrap_err().hint().unwrap().to_owned();
    // One image, or three: the labels decide.
    assert!(hint("(3, 2, 4)").contains("one RGB image is images[None]"));
    let three = npz(&[
        ("images.npy", npy("|u1", "(3, 2, 4)", &values)),
        ("labels.npy", npy("|u1", "(3,)", &[0, 1, 0])),
    ]);
    assert_eq!(loaded("a.npz", &three).unwrap().pixels.dim(), (3, 1, 2, 4));
    assert!(hint("(2, 4, 3)").contains("images[None]"));
    assert!(hint("(6, 4)").contains("images.reshape(-1, 1, 2, 2)"));
    assert!(hint("(2, 12)").contains("images.reshape(-1, 3, 2, 2)"));
}

#[test]
fn arrays_by_other_names_are_read_with_a_note() {
    let images = || npy("|u1", "(2, 1, 1, 2)", &[9, 2, 3, 4]);
    let labels = || npy("|u1", "(2,)", &[1, 0]);
    let arrays = loaded("a.npz", &npz(&[("y_test.npy", labels()), ("x_test.npy", images())])).unwrap();
    assert_eq!(arrays.labels.as_deref(), Some([1, 0].as_slice()));
    assert_eq!(arrays.notes, ["images were read from x_test, labels from y_test"]);
    let data = arrays.into_dataset("a").unwrap();
    assert_eq!(data.provenance.notes.len(), 1, "the report says so too");
    let both = npz(&[
        ("x_train.npy", images()),
        ("y_train.npy", labels()),
        ("x_test.npy", images()),
        ("y_test.npy", labels()),
    ]);
    assert!(refused("a.npz", &both).ends_with("got x_test, x_train, y_test, y_train"));
    let x = TensorView::new(Dtype::U8, vec![1, 1, 1, 2], &[9, 9]).unwrap();
    let y = TensorView::new(Dtype::I16, vec![1], &[1, 0]).unwrap();
    let file = safetensors::serialize(BTreeMap::from([("X", x), ("y", y)]), None).unwrap();
    assert_eq!(loaded("a.safetensors", &file).unwrap().labels, Some(vec![1]));
}

#[test]
fn images_in_another_unit_are_noted() {
    let file = |value: f32| npy("<f4", "(1, 1, 1, 2)", &[0.0, value].map(f32::to_le_bytes).concat());
    for (value, noted) in [(1.0 / 255.0, true), (0.0, true), (0.003, true), (0.004, false), (1.0, false)] {
        let notes = loaded("a.npy", &file(value)).unwrap().notes;
        assert_eq!(
            notes.iter().any(|note| note.contains("divided by 255 twice")),
            noted,
            "{value}: {notes:?}"
        );
    }
    let bytes = |value| loaded("a.npy", &npy("|u1", "(1, 1, 1, 2)", &[0, value])).unwrap().notes;
    assert!(bytes(1)[0].contains("1 of 255") && bytes(2).is_empty());
    let bright = loaded("a.npy", &file(255.0)).unwrap_err();
    assert!(bright.hint().unwrap().contains("divide 8-bit images by 255"), "{bright}");
}

#[test]
fn members_packed_by_bzip2_or_lzma_were_called_damaged() {
    let sound = npz(&[("images.npy", npy("|u1", "(1, 1, 1, 1)", &[7]))]);
    for (method, name) in [(12u8, "bzip2"), (14, "LZMA"), (93, "Zstandard"), (1, "a different packing")] {
        let mut other = sound.clone();
        // The method stands in the member's own header and in the archive's directory.
        for (signature, at) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
            let start = other.windows(4).position(|four| four == signature).unwrap();
            other[start + at] = method;
        }
        let error = loaded("a.npz", &other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(name), "{error}");
    }
}
