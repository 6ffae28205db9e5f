//! Writes the inputs to begin from: `cargo run --manifest-path fuzz/Cargo.toml --bin seeds`.
//!
//! One file per kind and variant, `corpus/<target>/seed-<variant>`, as small as possible. Inputs that fuzzing added lie
//! beside them and are left alone.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use weakspot::output::write_atomic;
use weakspot::report::csv;
use weakspot::report::reproduction::{self, Reproduction, Settings, Studied, Study};
use weakspot::report::seeds::{self, SeedStudy, Seeds};
use weakspot_fuzz::{small_journal, small_run, small_training, small_weights, tar};

type Failure = Box<dyn std::error::Error>;

/// Bytes of an image and its label in CIFAR-10's binary version.
const RECORD: usize = 1 + 3 * 32 * 32;

fn main() -> Result<(), Failure> {
    images()?;
    pictures()?;
    results()?;
    networks()?;
    words()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn seed(target: &str, variant: &str, bytes: &[u8]) -> Result<(), Failure> {
    let folder = root().join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    Ok(write_atomic(&folder.join(format!("seed-{variant}")), bytes)?)
}

/// A file of `testdata/`.
fn kept(path: &str) -> Result<Vec<u8>, Failure> {
    Ok(fs::read(root().join("../testdata").join(path))?)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    Ok(packer.finish()?)
}

fn images() -> Result<(), Failure> {
    let two = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..], &[200; 2 * 28 * 28]].concat();
    seed("idx-images", "two", &two)?;
    seed("idx-images", "two-packed", &gzip(&two)?)?;
    let labels = [0, 0, 8, 1, 0, 0, 0, 2, 3, 9];
    seed("idx-labels", "two", &labels)?;
    seed("idx-labels", "two-packed", &gzip(&labels)?)?;
    seed("idx-labels", "two-in-two-members", &[gzip(&labels[..4])?, gzip(&labels[4..])?].concat())?;

    let names = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    let member = |name: &str, content: &[u8]| {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = b'0';
        block.extend(content);
        block.resize(block.len().next_multiple_of(512), 0);
        block
    };
    let archive = [
        member("cifar-10-batches-bin/batches.meta.txt", names),
        member("cifar-10-batches-bin/data_batch_1.bin", &[3; RECORD]),
        member("cifar-10-batches-bin/test_batch.bin", &[5; RECORD]),
    ]
    .concat();
    seed("cifar-archive", "three-members", &archive)?;
    seed("cifar-archive", "three-members-packed", &gzip(&tar(&archive))?)?;
    seed("cifar-folder", "one-record-and-names", &[&[7; RECORD][..], names].concat())?;
    seed("cifar-folder", "names", names)?;

    for name in ["images.npy", "labels.npy", "columns.npy", "double.npy", "version2.npy"] {
        seed("npy", name, &kept(&format!("arrays/{name}"))?)?;
    }
    for name in ["packed.npz", "stored.npz"] {
        seed("npz", name, &kept(&format!("arrays/{name}"))?)?;
    }
    let tensors = kept("arrays/images.safetensors")?;
    seed("tensors", "whole", &tensors)?;
    seed("tensors", "header", header_of(&tensors))?;
    for (name, descr, shape, bytes) in [
        ("bool", "|b1", "(2, 3)", &[1, 0, 0, 0, 0, 1][..]),
        ("two", "|u1", "(2, 2, 3)", &[255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0][..]),
        ("float", "<f4", "(2, 3)", &[0; 24][..]),
    ] {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        seed("mask", name, &[b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat())?;
    }
    Ok(())
}

/// The header's text of a safetensors file.
fn header_of(file: &[u8]) -> &[u8] {
    let size = file.first_chunk().map_or(0, |size| u64::from_le_bytes(*size) as usize);
    file[8..8 + size].trim_ascii_end()
}

fn pictures() -> Result<(), Failure> {
    let rgb = RgbImage::from_fn(8, 4, |x, y| Rgb([(40 * x) as u8, (80 * y) as u8, 128]));
    let rgb = DynamicImage::ImageRgb8(rgb);
    let variants = [
        ("rgb", rgb.clone()),
        ("grey", DynamicImage::ImageLuma8(rgb.to_luma8())),
        ("rgba", DynamicImage::ImageRgba8(rgb.to_rgba8())),
        ("grey-alpha", DynamicImage::ImageLumaA8(rgb.to_luma_alpha8())),
        ("rgb16", DynamicImage::ImageRgb16(rgb.to_rgb16())),
    ];
    for (target, kind) in [
        ("png", ImageFormat::Png),
        ("jpeg", ImageFormat::Jpeg),
        ("webp", ImageFormat::WebP),
        ("bmp", ImageFormat::Bmp),
        ("gif", ImageFormat::Gif),
        ("tiff", ImageFormat::Tiff),
    ] {
        for (variant, picture) in &variants {
            let mut bytes = Vec::new();
            // Not every kind keeps every variant.
            if picture.write_to(&mut Cursor::new(&mut bytes), kind).is_ok() {
                seed(target, variant, &bytes)?;
            }
        }
    }
    seed("png", "palette", &kept("pictures/palette.png")?)?;
    seed("jpeg", "turned", &kept("pictures/orientation-6.jpg")?)?;
    seed("tiff", "turned", &kept("pictures/orientation-6.tif")?)?;
    for (name, text) in [
        ("labels", "path,label\na.png,0\nb.png,1\n"),
        ("parts", "path,label,split\na.png,cat,train\nb.png,dog,test\n"),
        ("groups", "\u{feff}Path,Label,Split,Group\r\n\"a.png\",cat,,1\r\n\"b.png\",\"d,o\"\"g\",,2\r\n"),
    ] {
        seed("manifest", name, text.as_bytes())?;
    }
    Ok(())
}

/// JSON on one line.
fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(value)?)
}

fn results() -> Result<(), Failure> {
    let run = small_run();
    seed("record", "small", json(&run.record)?.as_bytes())?;
    seed("ledger", "small", &csv::ledger(&run.ledger)?)?;
    let maps = run.maps.to_safetensors()?;
    seed("maps", "whole", &maps)?;
    seed("maps", "header", header_of(&maps))?;
    // No edit, one, and some at places that are far apart.
    let edits: Vec<u8> =
        (0..40).flat_map(|i: u8| [i.wrapping_mul(53), i % 4, i, i.wrapping_mul(31)]).collect();
    for target in ["record-edits", "report-edits", "journal-edits"] {
        seed(target, "none", b"")?;
        seed(target, "one", &edits[28..32])?;
        seed(target, "some", &edits)?;
    }
    // A stage has one row per image: the first rows of three stages show the form of a row.
    let journal = String::from_utf8(small_journal())?;
    let mut lines = vec!["weakspot-journal/2 fuzz".to_owned()];
    for stage in ["\tfit\t", "\teval\t", "\tsweep"] {
        lines.extend(journal.lines().find(|line| line.contains(stage)).map(str::to_owned));
    }
    seed("journal", "rows", (lines.join("\n") + "\n").as_bytes())?;
    seed("journal", "cut", lines.join("\n").as_bytes())?;
    seed("journal", "another", b"weakspot-journal/1 fuzz\neval\t1\t{}\n")?;
    let folder = seeds::folder_of(run.record.seed);
    let study = SeedStudy { seed: run.record.seed, folder: folder.clone(), record: run.record.clone() };
    let all = Seeds { shared: String::new(), split_seed: 0, studies: vec![study], missing: Vec::new() };
    seed("summaries", "seeds", json(&seeds::summary(&all))?.as_bytes())?;
    let study = Study { settings: Settings::Default, folder, run };
    let subjects = vec![Studied { name: "fuzz".to_owned(), studies: vec![study] }];
    let all = Reproduction { reduced: Vec::new(), subjects, missing: Vec::new() };
    seed("summaries", "reproduction", json(&reproduction::summary(&all))?.as_bytes())
}

fn networks() -> Result<(), Failure> {
    seed("onnx", "shapes", &kept("onnx/shapes.onnx")?)?;
    seed("onnx", "elements", &kept("onnx/elements.onnx")?)?;
    let weights = small_weights();
    seed("weights", "whole", &weights)?;
    seed("weights", "header", header_of(&weights))?;
    let header: serde_json::Value = serde_json::from_slice(header_of(&weights))?;
    let described = header["__metadata__"]["weakspot"].as_str().unwrap_or_default();
    seed("description", "small", described.as_bytes())?;
    let state = small_training();
    let header: serde_json::Value = serde_json::from_slice(header_of(&state))?;
    let told = header["__metadata__"]["training"].as_str().unwrap_or_default();
    seed("training", "two-epochs", told.as_bytes())?;
    seed("training", "other-tensors", &[told.as_bytes(), b"\n\x03\x02\x10\x00\x20\x06"].concat())?;
    seed("training", "none", br#"{"epochs":[],"best":0,"last_rise":0,"steps":0}"#)
}

fn words() -> Result<(), Failure> {
    for (name, text) in [
        ("epsilon", "8/255"),
        ("decimal", "0.0314"),
        ("top", "top:30%"),
        ("max", "max:0.5"),
        ("abs", "abs:0.1"),
        ("otsu", "otsu"),
        ("fill", "channel-mean"),
        ("width", "1/64"),
        ("protocols", "p0,p1,p2,p3,p4"),
        ("method", "grad-cam"),
        ("class", " dog "),
    ] {
        seed("words", name, text.as_bytes())?;
    }
    Ok(())
}
