//! `weakspot maps`: the user's own images and model.

use std::path::Path;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use weakspot::output::write_atomic;

use crate::fixtures::{Array, npz, safetensors};
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
    let (bytes, said) =
        maps(folder.path(), "photos", &["--cam", "gradient", "--attack", "pgd", "--steps", "2"]);
    assert!(said.contains("labels") && said.contains("layer input"), "{said}");
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("logits").unwrap().shape(), [4, 2]);
}

/// An RGB PNG of one colour: signature, header, one stream of unfiltered rows, end.
fn png(side: u32, shade: u8) -> Vec<u8> {
    use std::io::Write as _;
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    };
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    chunk(b"IHDR", &header);
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..side {
        rows.write_all(&[0]).unwrap();
        rows.write_all(&vec![shade; side as usize * 3]).unwrap();
    }
    chunk(b"IDAT", &rows.finish().unwrap());
    chunk(b"IEND", &[]);
    bytes
}
