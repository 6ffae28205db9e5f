//! The user's own images: safetensors, `.npz`, `.npy`, or a folder of pictures.

mod npy;
mod npz;
mod raw;
mod reference;
mod tensors;

use std::path::Path;

use super::pictures::{Grouping, Listing, Options};
use super::{Dataset, Origin};
use crate::error::{Error, Result};
use crate::image::Pixels;
use crate::progress::Silent;
use raw::Raw;

pub use reference::Reference;

/// Labels are class indices; a larger one is a mistake, not a model with that many classes.
const MAX_CLASSES: usize = 1 << 16;

/// Images as the user gave them, with labels where there are any.
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
}

/// Loads images from a file or folder.
///
/// * `.safetensors`: `images`, f32 in `[0, 1]` or u8, `[n, channels, height, width]`; `labels`, i64 or u8, `[n]`,
///   may be absent. Other tensors are left alone.
/// * `.npz`: the same two arrays (NumPy's `savez` or `savez_compressed`).
/// * `.npy`: the images; labels in a second `.npy`, named by `labels`, if at all.
/// * a folder of pictures of one size, as [`Listing::of_folder`] finds and [`Listing::load`] reads them with no options
///   set.
///
/// Sizes are held against the file's length and [`MAX_PIXEL_BYTES`](super::MAX_PIXEL_BYTES) before anything of
/// that size is allocated.
///
/// # Errors
/// `Io` for what cannot be read, `Unsupported` for another kind of file or of number, `Format` for a damaged
/// file, `Shape` for other axes, channel counts or numbers of labels, `ValueRange` for pixels outside `[0, 1]` and
/// for labels that are no class index; `InvalidParameter` for `labels` beside a source that holds its own.
pub fn load(path: &Path, labels: Option<&Path>) -> Result<Arrays> {
    let metadata = std::fs::metadata(path).map_err(|e| {
        Error::io(path, &e)
            .with_hint(format!("name an existing file or folder of images ({TAKEN}), or a data set's name"))
    })?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let is_npy = !metadata.is_dir() && extension == "npy";
    if let Some(file) = labels.filter(|_| !is_npy) {
        return Err(Error::invalid(format!(
            "expected --labels beside an .npy file only; came --labels {} beside {}",
            file.display(),
            path.display()
        ))
        .with_hint("leave --labels out: this source holds its own labels, or none"));
    }
    if metadata.is_dir() {
        let listing = Listing::of_folder(path, &path.display().to_string(), Grouping::None)?;
        return Ok(listing.load(&Options::default(), &Silent)?.into_arrays());
    }
    match extension.as_str() {
        "safetensors" => assemble(path, tensors::load(path)?),
        "npz" => assemble(path, npz::load(path)?),
        "npy" => assemble(path, (npy::load(path)?, labels.map(npy::load).transpose()?)),
        _ => Err(Error::new(
            crate::ErrorKind::Unsupported,
            format!("{}: expected {TAKEN}; came a file ending in \".{extension}\"", path.display()),
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

fn assemble(path: &Path, (images, labels): (Raw, Option<Raw>)) -> Result<Arrays> {
    let pixels = images.into_pixels().map_err(|e| e.context(path.display()))?;
    let n = pixels.len();
    let labels =
        labels.map(|labels| labels.into_labels(n)).transpose().map_err(|e| e.context(path.display()))?;
    Ok(Arrays {
        checksum: Dataset::checksum_of(&pixels, labels.as_deref(), &[]),
        pixels,
        labels,
        ids: (0..n).map(|i| format!("image/{i:05}")).collect(),
        class_names: None,
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
                "{name}: expected labelled images for a study; came no labels"
            ))
            .with_hint(
                "add an array `labels` ([n], i64 or u8), name one with --labels FILE.npy, \
                     or put the images in one subfolder per class",
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
            provenance: super::Provenance::default(),
        };
        data.check()?;
        Ok(data)
    }
}

#[cfg(test)]
mod tests;
