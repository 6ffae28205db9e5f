//! The real program on folders and lists of pictures, and on CIFAR-10's own files.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use weakspot::output::write_atomic;

use crate::bad_input::refused;
use crate::program::weakspot;
use crate::study::{QUICK, words};

/// A picture as an uncompressed 24-bit BMP: red, green and blue of each pixel, rows from below.
pub(crate) fn bmp(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
    let padding = (4 - width * 3 % 4) % 4;
    let size = (width * 3 + padding) * height;
    let mut bytes = b"BM".to_vec();
    for number in [54 + size, 0, 54, 40, width, height] {
        bytes.extend((number as u32).to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    for number in [0, size, 2_835, 2_835, 0, 0] {
        bytes.extend((number as u32).to_le_bytes());
    }
    for y in (0..height).rev() {
        for x in 0..width {
            let [r, g, b] = pixel(y, x);
            bytes.extend([b, g, r]);
        }
        bytes.extend(std::iter::repeat_n(0, padding));
    }
    bytes
}

/// Pictures of other sizes whose class is which half is bright.
fn pictures(folder: &Path, class: &str, n: usize) {
    std::fs::create_dir_all(folder.join(class)).unwrap();
    let left = class.ends_with("left");
    for i in 0..n {
        let (width, height) = (40 + i % 7, 36 + i % 5);
        let bytes = bmp(width, height, |y, x| {
            let noise = ((x * 7 + y * 13 + i * 31) % 23) as u8;
            if (x < width / 2) == left { [200 + noise, 180, 150 + noise] } else { [noise, 40, 60 + noise] }
        });
        write_atomic(&folder.join(class).join(format!("slide{}_{i:02}.bmp", i % 6)), &bytes).unwrap();
    }
}

fn study<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let few = ["--controls", "none", "--sweep", "none", "--protocols", "p0,p1", "--models", "models"];
    words(&words(&words(first, &QUICK), &few), more)
}

fn results(folder: &Path, run: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(run).join("results.json")).unwrap()).unwrap()
}

#[test]
fn a_folder_of_pictures_is_studied_and_what_is_bad_or_twice_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    pictures(&photos, "left", 40);
    pictures(&photos, "right", 40);
    std::fs::copy(photos.join("left/slide3_03.bmp"), photos.join("right/copy.bmp")).unwrap();
    write_atomic(&photos.join("left/empty.png"), b"").unwrap();
    write_atomic(&photos.join("right/words.jpg"), b"not a picture").unwrap();
    let at = ["study", "photos", "--eps", "8/255", "--size", "32"];
    refused(
        folder.path(),
        &study(&at, &["--out", "run"]),
        "left/empty.png: expected a whole picture; got an empty",
    );
    refused(folder.path(), &["study", "photos", "--eps", "8/255", "--skip-bad"], "a size to bring them to");
    let said = weakspot(folder.path(), &study(&at, &["--out", "run", "--skip-bad"])).ok();
    assert!(said.stderr.contains("note: 2 files could not be read"), "{}", said.stderr);
    assert!(said.stderr.contains("occur in both classes"), "{}", said.stderr);
    let data = &results(folder.path(), "run")["data"];
    assert_eq!(data["image_shape"], serde_json::json!([3, 32, 32]));
    assert_eq!(data["skipped"][0]["file"], "left/empty.png");
    assert_eq!(data["skipped"].as_array().unwrap().len(), 2);
    assert!(data["notes"][0].as_str().unwrap().contains("left/slide3_03.bmp = right/copy.bmp"), "{data}");
    let page = std::fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    for expected in ["right/words.jpg", "Left out: 2 files", "About the data"] {
        assert!(page.contains(expected), "{expected}");
    }
    let stages = std::fs::read_to_string(folder.path().join("run/run.json")).unwrap();
    assert!(stages.contains("decoding pictures"), "{stages}");
    assert!(!folder.path().join("runs").exists(), "no scratch file was needed");
}

#[test]
fn a_list_with_groups_keeps_each_in_one_part() {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("p"), "left", 60);
    pictures(&folder.path().join("p"), "right", 60);
    let mut list = "path,label,split,group\n".to_owned();
    for class in ["left", "right"] {
        for i in 0..60 {
            let part = if i < 40 { "train" } else { "test" };
            writeln!(list, "p/{class}/slide{}_{i:02}.bmp,{class},{part},g{}", i % 6, i % 12).unwrap();
        }
    }
    write_atomic(&folder.path().join("files.csv"), list.as_bytes()).unwrap();
    let at = ["study", "--manifest", "files.csv", "--eps", "8/255", "--size", "32"];
    let said = weakspot(folder.path(), &study(&at, &["--out", "torn"])).ok();
    assert!(said.stderr.contains("12 of the 12 slides in eval also have images"), "{}", said.stderr);
    weakspot(folder.path(), &study(&at, &["--out", "whole", "--split-by", "slide"])).ok();
    let split = results(folder.path(), "whole")["data"]["split"].as_str().unwrap().to_owned();
    assert!(split.contains("12 whole slides"), "{split}");
    assert!(results(folder.path(), "whole")["data"].get("notes").is_none());
    assert_eq!(results(folder.path(), "torn")["directions"][0]["n"]["eval"], 20);
    // Without a list, the name up to the first underscore is the slide.
    let at = ["study", "p", "--eps", "8/255", "--size", "32", "--split-by", "slide"];
    weakspot(folder.path(), &study(&at, &["--out", "named"])).ok();
    assert!(results(folder.path(), "named")["data"]["split"].as_str().unwrap().contains("6 whole slides"));

    refused(folder.path(), &["study", "mnist", "--manifest", "files.csv", "--eps", "0.1"], "got both");
    refused(folder.path(), &["study", "--manifest", "absent.csv", "--eps", "0.1"], "absent.csv");
    refused(folder.path(), &["study", "demo", "--size", "64"], "--size belongs to folders");
    refused(folder.path(), &["study", "demo", "--split-by", "slide"], "--split-by slide belongs");
    refused(folder.path(), &["study", "p", "--eps", "0.1", "--size", "4"], "8 to 1024");
    refused(folder.path(), &["study", "malaria", "--data-dir", "p"], "Parasitized");
    refused(folder.path(), &["study", "p", "--eps", "0.1", "--labels", "files.csv"], "--labels");
}

#[test]
fn cifar10_is_studied_from_its_folder_as_cat_and_dog() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let batch = |n: usize| -> Vec<u8> {
        (0..n)
            .flat_map(|i| {
                let label = if i % 2 == 0 { 3u8 } else { 5 };
                let pixel = move |p: usize| {
                    let bright = (p % 32 < 16) == (label == 3);
                    (p * 7 + i * 3) as u8 % 40 + if bright { 200 } else { 0 }
                };
                std::iter::once(label).chain((0..3072).map(pixel))
            })
            .collect()
    };
    write_atomic(&folder.path().join("data/data_batch_1.bin"), &batch(80)).unwrap();
    write_atomic(&folder.path().join("data/test_batch.bin"), &batch(20)).unwrap();
    let said =
        weakspot(folder.path(), &study(&["study", "cifar10", "--data-dir", "data"], &["--out", "run"])).ok();
    assert!(said.stderr.contains("4 of the publisher's 5 training batches are absent"), "{}", said.stderr);
    let results = results(folder.path(), "run");
    assert_eq!(results["data"]["classes"], serde_json::json!(["cat", "dog"]));
    assert_eq!(results["directions"][0]["n"]["eval"], 10);
    write_atomic(&folder.path().join("data/test_batch.bin"), &batch(20)[..5_000]).unwrap();
    refused(
        folder.path(),
        &["study", "cifar10", "--data-dir", "data"],
        "test_batch.bin: expected a whole number",
    );
}
