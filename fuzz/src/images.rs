//! Files that hold many images, or labels, or masks.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use weakspot::dataset::{self, Arrays, Dataset, arrays, cifar, idx};
use weakspot::image::Pixels;

use crate::{mend, place};

/// `train-images-idx3-ubyte` beside three sound files; plain or gzipped, as the first bytes say.
pub(crate) fn idx_images(data: &[u8]) {
    idx_file("idx-images", "train-images-idx3-ubyte", data);
}

/// `train-labels-idx1-ubyte`, likewise.
pub(crate) fn idx_labels(data: &[u8]) {
    idx_file("idx-labels", "train-labels-idx1-ubyte", data);
}

fn idx_file(folder: &str, name: &str, data: &[u8]) {
    let folder = place::folder(folder, |folder| {
        for part in ["train", "t10k"] {
            let images =
                [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..], &[7; 2 * 28 * 28]].concat();
            place::write(&folder.join(format!("{part}-images-idx3-ubyte")), &images);
            let labels = [0, 0, 8, 1, 0, 0, 0, 2, 0, 1];
            place::write(&folder.join(format!("{part}-labels-idx1-ubyte")), &labels);
        }
    });
    place::write(&folder.join(name), data);
    if let Ok(data) = idx::load("mnist", &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], &folder) {
        sound(&data);
    }
}

/// `cifar-10-binary.tar.gz`: gzip's bytes unchanged, or a tar archive that is corrected and packed.
pub(crate) fn cifar_archive(data: &[u8]) {
    let packed = if data.starts_with(&[0x1f, 0x8b]) {
        data.to_vec()
    } else {
        let mut packer = GzEncoder::new(Vec::new(), Compression::none());
        packer.write_all(&mend::tar(data)).expect("memory takes everything");
        packer.finish().expect("memory takes everything")
    };
    if let Ok(data) = cifar::load(&place::file("cifar-10-binary.tar.gz", &packed)) {
        sound(&data);
    }
}

/// Whole records are `data_batch_1.bin`; the bytes left over are `batches.meta.txt`.
pub(crate) fn cifar_folder(data: &[u8]) {
    const RECORD: usize = 1 + 3 * 32 * 32;
    let folder = place::folder("cifar-folder", |folder| {
        place::write(&folder.join("test_batch.bin"), &[1; RECORD]);
    });
    let (records, names) = data.split_at(data.len() / RECORD * RECORD);
    place::write(&folder.join("data_batch_1.bin"), if records.is_empty() { &[2; RECORD] } else { records });
    place::write(&folder.join("batches.meta.txt"), names);
    if let Ok(data) = cifar::load(&folder) {
        sound(&data);
    }
}

/// An `.npy`, as images and as the labels of two images.
pub(crate) fn npy(data: &[u8]) {
    let images = place::file("two.npy", &two_images());
    let file = place::file("images.npy", data);
    sound_arrays(arrays::load(&file, None));
    sound_arrays(arrays::load(&images, Some(&file)));
}

fn two_images() -> Vec<u8> {
    let header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1, 1), }\n";
    [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header, &[3, 4]].concat()
}

/// An `.npz`.
pub(crate) fn npz(data: &[u8]) {
    sound_arrays(arrays::load(&place::file("images.npz", data), None));
}

/// Images in safetensors: a file, or its header alone.
pub(crate) fn tensors(data: &[u8]) {
    sound_arrays(arrays::load(&place::file("images.safetensors", &mend::safetensors(data)), None));
}

/// An `.npy` as masks of 2 x 3 pixels.
pub(crate) fn mask(data: &[u8]) {
    if let Ok(masks) = dataset::load_masks(&place::file("mask.npy", data), (2, 3)) {
        assert!(matches!(masks.len(), 1 | 2), "{} masks", masks.len());
        assert!(masks.iter().all(|mask| mask.dim() == (2, 3)));
    }
}

fn sound_arrays(found: weakspot::Result<Arrays>) {
    let Ok(found) = found else { return };
    assert!(found.labels.as_ref().is_none_or(|labels| labels.len() == found.pixels.len()));
    assert_eq!(found.ids.len(), found.pixels.len());
    in_range(&found.pixels);
    if let Ok(data) = found.into_dataset("fuzz") {
        sound(&data);
    }
}

/// Checks what every data set promises.
pub(crate) fn sound(data: &Dataset) {
    data.check().expect("a data set that was read fits together");
    in_range(&data.pixels);
    if let Ok(pair) = data.pair(0, 1) {
        pair.check().expect("a pair fits together");
        assert!(pair.labels.iter().all(|&label| label < 2));
    }
}

/// Checks that pixels are numbers in `[0, 1]`, at least those of the first and the last image.
pub(crate) fn in_range(pixels: &Pixels) {
    let batch = pixels.batch(&[0, pixels.len() - 1]).expect("images that were read");
    assert!(batch.iter().all(|v| (0.0..=1.0).contains(v)), "pixels outside [0, 1]");
}
