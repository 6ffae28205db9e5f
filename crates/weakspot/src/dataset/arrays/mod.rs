//! The user's own images: safetensors, `.npz`, `.npy`, or a folder of pictures.

mod images;
mod labels;
mod names;
mod npy;
mod npz;
mod raw;
mod reference;
mod tensors;

use std::path::Path;

use super::pictures::{Grouping, Listing, Options};
use super::{Dataset, Origin, Provenance};
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::image::Pixels;
use crate::progress::Silent;
use raw::Raw;

pub use reference::Reference;

/// Labels are class indices; a larger one is a mistake, not a model with that many classes.
const MAX_CLASSES: usize = 1 << 16;

/// Images as the user gave them, with labels if there are any.
///
/// # Examples
/// ```
/// # use weakspot::dataset::arrays;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("images.npy");
/// # let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 4, 4), }";
/// # let mut npy = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
/// # npy.extend([255; 32]);
/// # std::fs::write(&path, npy).unwrap();
/// // A file of np.save with two images of 4x4 pixels, and no labels.
/// let mut images = arrays::load(&path, None)?;
/// assert_eq!((images.labels, images.ids[1].as_str()), (None, "image/00001"));
/// images.labels = Some(vec![0, 1]);
/// let data = images.into_dataset("mine")?;
/// assert_eq!(data.class_names, ["0", "1"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Arrays {
    /// `[n, channels, height, width]` with 1 or 3 channels; floats are in `[0, 1]`.
    pub pixels: Pixels,
    /// One label per image.
    pub labels: Option<Vec<usize>>,
    /// One unique id per image: `image/00042`, or the path within the folder, `cat/cat.1.jpg`.
    pub ids: Vec<String>,
    /// The subfolders' names, for a folder that has them.
    pub class_names: Option<Vec<String>>,
    /// SHA-256 over the content, in hexadecimal ([`Dataset::checksum_of`]).
    pub checksum: String,
    /// What was converted, chosen or passed over, and what looks odd: one sentence each, for the user to read.
    pub notes: Vec<String>,
}

/// What a file holds.
struct Found {
    images: Raw,
    labels: Option<Raw>,
    notes: Vec<String>,
}

/// Loads images from a file or folder.
///
/// * `.safetensors`: `images`, floats in `[0, 1]` or u8, `[n, channels, height, width]`; `labels`, whole numbers of any
///   type, `[n]`, may be absent. Other tensors are left alone.
/// * `.npz`: the same two arrays (NumPy's `savez` or `savez_compressed`).
/// * `.npy`: the images; labels in a second `.npy`, named by `labels`, if at all.
/// * a folder of pictures of one size, as [`Listing::of_folder`] finds and [`Listing::load`] reads them with no options
///   set.
///
/// Other forms are read too if they can mean only one thing, and the notes say so: floats other than f32, images of
/// bool, `[n, height, width]` (grey) and `[n, height, width, channels]`, labels `[n, 1]` and one-hot `[n, classes]`,
/// and a single pair of names such as `x_test` and `y_test`. Byte order and Fortran order of `.npy` make no
/// difference. If axis 1 could be the channels, it is.
///
/// Sizes are compared with the file's length and [`MAX_PIXEL_BYTES`](super::MAX_PIXEL_BYTES) before anything of
/// that size is allocated.
///
/// # Errors
/// `Io` for a file that cannot be read, `Unsupported` for another kind of file or of number, `Format` for a damaged
/// file, `Shape` for other axes, channel counts or numbers of labels, `ValueRange` for pixels outside `[0, 1]` and
/// for labels that are not class indices; `InvalidParameter` for `labels` beside a source that holds its own.
///
/// # Examples
/// ```
/// use weakspot::dataset::arrays;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("images.npy");
/// // What np.save writes of two black images, [2, 1, 4, 4].
/// let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 4, 4), }";
/// let mut npy = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
/// npy.extend([0; 32]);
/// std::fs::write(&path, npy).unwrap();
/// assert_eq!(arrays::load(&path, None)?.pixels.dim(), (2, 1, 4, 4));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(path: &Path, labels: Option<&Path>) -> Result<Arrays> {
    let metadata = std::fs::metadata(path).map_err(|e| {
        Error::io(path, &e)
            .with_hint(format!("name an existing file or folder of images ({TAKEN}), or a data set's name"))
    })?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let is_npy = !metadata.is_dir() && extension == "npy";
    if let Some(file) = labels.filter(|_| !is_npy) {
        return Err(Error::invalid(format!(
            "expected a file of labels beside an .npy file only; got {} beside {}",
            file.display(),
            path.display()
        ))
        .with_hint(
            Hint::new()
                .say("leave ")
                .setting("labels")
                .say(" out: this source holds its own labels, or none"),
        ));
    }
    if metadata.is_dir() {
        let listing = Listing::of_folder(path, &path.display().to_string(), Grouping::None)?;
        return Ok(listing.load(&Options::default(), &Silent)?.into_arrays());
    }
    match extension.as_str() {
        "safetensors" => assemble(path, tensors::load(path)?),
        "npz" => assemble(path, npz::load(path)?),
        "npy" => {
            let found = Found {
                images: npy::load(path)?,
                labels: labels.map(npy::load).transpose()?,
                notes: Vec::new(),
            };
            assemble(path, found)
        }
        _ => Err(Error::new(
            crate::ErrorKind::Unsupported,
            format!("{}: expected {TAKEN}; got a file ending in \".{extension}\"", path.display()),
        )
        .with_hint(
            "save the images with NumPy (np.savez) or safetensors, or put them in a folder per class",
        )),
    }
}

/// The shape and the values of one `.npy`, as floats: for masks.
///
/// # Errors
/// As for images.
pub(super) fn load_levels(path: &Path) -> Result<(Vec<usize>, Vec<f32>)> {
    Ok(npy::load(path)?.into_levels())
}

const TAKEN: &str = ".safetensors, .npz, .npy or a folder of pictures";

fn assemble(path: &Path, Found { images, labels, mut notes }: Found) -> Result<Arrays> {
    let n_labels = labels.as_ref().and_then(|labels| labels.shape.first().copied());
    let pixels = images.into_pixels(n_labels, &mut notes).map_err(|e| e.context(path.display()))?;
    let n = pixels.len();
    let labels = labels
        .map(|labels| labels.into_labels(n, &mut notes))
        .transpose()
        .map_err(|e| e.context(path.display()))?;
    Ok(Arrays {
        checksum: Dataset::checksum_of(&pixels, labels.as_deref(), &[]),
        pixels,
        labels,
        ids: (0..n).map(|i| format!("image/{i:05}")).collect(),
        class_names: None,
        notes,
    })
}

impl Arrays {
    /// The images as a data set without test files of its own; classes without names are called by their index.
    ///
    /// # Errors
    /// `InvalidParameter` without labels, or with images of fewer than two classes.
    pub fn into_dataset(self, name: &str) -> Result<Dataset> {
        let Some(labels) = self.labels else {
            return Err(Error::invalid(format!(
                "{name}: expected labelled images for a study; got images without labels"
            ))
            .with_hint(
                Hint::new()
                    .say("add an array `labels` ([n], whole numbers), name one with ")
                    .set("labels", "FILE.npy")
                    .say(", or put the images in one subfolder per class"),
            ));
        };
        let classes = labels.iter().max().map_or(0, |&label| label + 1);
        let class_names = self.class_names.unwrap_or_else(|| (0..classes).map(|i| i.to_string()).collect());
        let data = Dataset {
            name: name.to_owned(),
            checksum: Dataset::checksum_of(&self.pixels, Some(&labels), &class_names),
            class_names,
            origins: vec![Origin::Whole; labels.len()],
            labels,
            pixels: self.pixels,
            ids: self.ids,
            truth: None,
            provenance: Provenance { notes: self.notes, ..Provenance::default() },
        };
        data.check()?;
        Ok(data)
    }
}

#[cfg(test)]
mod forms_tests;
#[cfg(test)]
mod tests;
