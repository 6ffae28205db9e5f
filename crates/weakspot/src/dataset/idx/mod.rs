//! MNIST and Fashion-MNIST from their publishers' IDX files, plain or gzipped.

mod file;
mod places;

pub use places::default_folder;

use std::path::Path;

use ndarray::Array4;

use super::{Dataset, Origin};
use crate::error::{Error, Result};
use crate::image::Pixels;
use places::Part;

/// Height and width of an image of either data set, in pixels.
const SIDE: usize = 28;

/// Loads all of a data set in MNIST's four files: pixels `[n, 1, 28, 28]` of bytes, training files first. `classes`
/// are the names in the order of their labels.
///
/// `dir` is the folder that holds the four files or its parent (`dir/mnist`); a file may be gzipped or not,
/// whatever its name says, and `train-images.idx3-ubyte` is taken for `train-images-idx3-ubyte`. An image's id is
/// its file and its place there: `train/00042`, `test/00042`.
///
/// # Errors
/// `Io` when files are missing (naming them, the places and the source) or unreadable; `Format` for a corrupt or
/// truncated file, a header that claims more or less than the file holds, counts that disagree or a label that is
/// not a class.
///
/// # Examples
/// ```
/// use weakspot::dataset::idx;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # for part in ["train", "t10k"] {
/// #     let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..], &[0; 2 * 28 * 28]].concat();
/// #     std::fs::write(folder.path().join(format!("{part}-images-idx3-ubyte")), images).unwrap();
/// #     let labels = [0, 0, 8, 1, 0, 0, 0, 2, 4, 7];
/// #     std::fs::write(folder.path().join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
/// # }
/// // The publisher's four files, here of two images each.
/// let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
/// let data = idx::load("mnist", &digits, folder.path())?;
/// assert_eq!(data.labels, [4, 7, 4, 7]);
/// assert_eq!(data.ids[2], "test/00000");
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(name: &str, classes: &[&str; 10], dir: &Path) -> Result<Dataset> {
    let files = places::find(name, dir)?;
    let mut bytes = Vec::new();
    let mut labels = Vec::new();
    let mut ids = Vec::new();
    let mut origins = Vec::new();
    for part in [Part::Train, Part::Test] {
        let [image_path, label_path] = files.of(part);
        let (n, mut pixels) = file::images(image_path, SIDE)?;
        let part_labels = file::labels(label_path, classes.len())?;
        if part_labels.len() != n {
            return Err(Error::format(format!(
                "expected as many images as labels; got {n} in {} and {} in {}",
                image_path.display(),
                part_labels.len(),
                label_path.display()
            ))
            .with_hint("the two files are not of one set: fetch both again"));
        }
        bytes.append(&mut pixels);
        labels.extend(part_labels.into_iter().map(usize::from));
        ids.extend((0..n).map(|i| format!("{}/{i:05}", part.id_prefix())));
        origins.extend(std::iter::repeat_n(part.origin(), n));
    }
    let pixels = Array4::from_shape_vec((labels.len(), 1, SIDE, SIDE), bytes)
        .map(Pixels::U8)
        .map_err(|e| Error::shape(format!("{name}: {e}")))?;
    let class_names = classes.map(str::to_owned).to_vec();
    let data = Dataset {
        name: name.to_owned(),
        checksum: Dataset::checksum_of(&pixels, Some(&labels), &class_names),
        class_names,
        pixels,
        labels,
        ids,
        origins,
        truth: None,
        provenance: super::Provenance::default(),
    };
    data.check()?;
    Ok(data)
}

impl Part {
    fn origin(self) -> Origin {
        match self {
            Self::Train => Origin::Train,
            Self::Test => Origin::Test,
        }
    }

    fn id_prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

#[cfg(test)]
mod tests;
