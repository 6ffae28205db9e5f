//! CIFAR-10 from the publisher's binary version: its folder, or its archive read without unpacking to disk.
//!
//! # References
//! Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; the record format is the publisher's
//! (<https://www.cs.toronto.edu/~kriz/cifar.html>, "Binary version").

mod archive;
mod places;
mod records;

use std::path::Path;

use ndarray::Array4;

use super::{Dataset, Origin, Provenance};
use crate::error::{Error, Result};
use crate::image::Pixels;
use records::{Batch, SIDE};

/// As the publisher's batches.meta.txt has them, in the order of the labels.
const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The publisher's number of training batches.
const TRAIN_BATCHES: usize = 5;

/// Everything of the data set that was found, in any order.
#[derive(Debug, Default)]
struct Found {
    /// By file name: `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`.
    batches: Vec<(String, Batch)>,
    /// The text of `batches.meta.txt`.
    class_names: Option<Vec<u8>>,
}

/// Loads CIFAR-10: pixels `[n, 3, 32, 32]` of bytes, training batches first, then the test batch.
///
/// `place` is the folder with the batches (or one that holds `cifar-10-batches-bin`, or `cifar10`), or
/// `cifar-10-binary.tar.gz`, or a folder with that archive. Each batch has as many records as its size says. Batches
/// 2 to 5 may be absent, which is noted; batch 1 or another and the test batch must be there. An image's id is its
/// batch and its place there: `data_batch_1/00042`, `test_batch/00042`.
///
/// Class names come from `batches.meta.txt` if that is beside the batches; otherwise they are the publisher's.
///
/// # Errors
/// `Io` where files are missing (naming them, the places and the source) or unreadable; `Format` for a file that is
/// not a whole number of records, a label that is not a class, a damaged archive, a member that occurs twice or
/// claims more than a batch can have.
///
/// # Examples
/// ```
/// use weakspot::dataset::{Origin, cifar};
///
/// let folder = tempfile::tempdir().unwrap();
/// // A batch of one image: its label, then 3x32x32 bytes.
/// for (batch, label) in [("data_batch_1.bin", 3u8), ("test_batch.bin", 5)] {
///     std::fs::write(folder.path().join(batch), [vec![label], vec![0; 3072]].concat()).unwrap();
/// }
/// let data = cifar::load(folder.path())?;
/// assert_eq!((data.class_names[3].as_str(), data.labels), ("cat", vec![3, 5]));
/// assert_eq!(data.origins, [Origin::Train, Origin::Test]);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(place: &Path) -> Result<Dataset> {
    let (found, from) = match places::find(place)? {
        places::Place::Folder(folder) => (places::read_folder(&folder)?, folder),
        places::Place::Archive(file) => (archive::read(&file)?, file),
    };
    assemble(found, &from)
}

fn assemble(found: Found, from: &Path) -> Result<Dataset> {
    let Found { mut batches, class_names } = found;
    let name_of = |i: usize| format!("data_batch_{i}.bin");
    let position = |name: &str| batches.iter().position(|(found, _)| found == name);
    let absent: Vec<String> =
        (1..=TRAIN_BATCHES).map(name_of).filter(|name| position(name).is_none()).collect();
    if absent.len() == TRAIN_BATCHES || position("test_batch.bin").is_none() {
        return Err(places::incomplete(from));
    }
    // The training batches in the order of their numbers, then the test batch: that is how the names sort.
    batches.sort_by(|a, b| a.0.cmp(&b.0));
    let class_names = class_names.map_or_else(
        || Ok(CLASSES.map(str::to_owned).to_vec()),
        |text| records::class_names(&text, &from.join("batches.meta.txt"), CLASSES.len()),
    )?;
    let n: usize = batches.iter().map(|(_, batch)| batch.labels.len()).sum();
    let (mut bytes, mut labels) = (Vec::with_capacity(n * 3 * SIDE * SIDE), Vec::with_capacity(n));
    let (mut ids, mut origins) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for (name, batch) in batches {
        let origin = if name == "test_batch.bin" { Origin::Test } else { Origin::Train };
        let stem = name.trim_end_matches(".bin");
        ids.extend((0..batch.labels.len()).map(|i| format!("{stem}/{i:05}")));
        origins.extend(std::iter::repeat_n(origin, batch.labels.len()));
        labels.extend(batch.labels.into_iter().map(usize::from));
        bytes.extend_from_slice(&batch.pixels);
    }
    let notes = if absent.is_empty() {
        Vec::new()
    } else {
        vec![format!(
            "{} of the publisher's {TRAIN_BATCHES} training batches are absent: {}",
            absent.len(),
            absent.join(", ")
        )]
    };
    let pixels = Array4::from_shape_vec((labels.len(), 3, SIDE, SIDE), bytes)
        .map(Pixels::U8)
        .map_err(|e| Error::shape(format!("cifar10: {e}")))?;
    let data = Dataset {
        name: "cifar10".to_owned(),
        checksum: Dataset::checksum_of(&pixels, Some(&labels), &class_names),
        class_names,
        pixels,
        labels,
        ids,
        origins,
        truth: None,
        provenance: Provenance { notes, ..Provenance::default() },
    };
    data.check()?;
    Ok(data)
}

#[cfg(test)]
mod tests;
