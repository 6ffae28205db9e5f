//! Images, and the logits that the model owner's own code computes for them.

use std::path::Path;

use ndarray::Array2;

use super::npz;
use crate::error::{Error, Result};
use crate::image::Pixels;

/// Images, and the logits that a model's owner knows it gives for them.
///
/// # Examples
/// ```
/// # use std::io::Write as _;
/// use weakspot::dataset::arrays::Reference;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("check.npz");
/// # let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
/// # for (name, shape, values) in [("images", "1, 1, 2, 2", vec![0.5; 4]), ("logits", "1, 2", vec![2.0, -1.0])] {
/// #     let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
/// #     zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
/// #     zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
/// #     zip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
/// #     zip.write_all(header.as_bytes()).unwrap();
/// #     zip.write_all(&values.iter().flat_map(|v: &f32| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
/// # }
/// # zip.finish().unwrap();
/// // Written by np.savez("check.npz", images=images, logits=model(images)).
/// let reference = Reference::load(&path)?;
/// assert_eq!(reference.images.dim(), (1, 1, 2, 2));
/// assert_eq!(reference.logits, ndarray::arr2(&[[2.0, -1.0]]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reference {
    /// `[n, channels, height, width]`, in `[0, 1]` or bytes, before any normalisation.
    pub images: Pixels,
    /// `[n, outputs]`.
    pub logits: Array2<f32>,
}

impl Reference {
    /// Loads an `.npz` with `images` and `logits`, `[n, outputs]` or, for one output, `[n]`.
    ///
    /// # Errors
    /// As [`super::load`]; `Shape` if there is not one row of logits for each image, `ValueRange` if a logit is not
    /// finite.
    pub fn load(path: &Path) -> Result<Self> {
        let place = |e: Error| e.context(path.display());
        let [images, logits] = npz::members(path, ["images", "logits"])?;
        // The notes are not needed: a wrong conversion shows in the logits.
        let images = images.into_pixels(None, &mut Vec::new()).map_err(place)?;
        let (shape, values) = logits.into_levels();
        let shape = match shape[..] {
            [n] => (n, 1),
            [n, outputs] => (n, outputs),
            _ => (0, 0),
        };
        if shape.0 != images.len() || shape.1 == 0 {
            return Err(place(Error::shape(format!(
                "expected logits [{}, outputs], one row for each image; got {shape:?}",
                images.len()
            ))));
        }
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(place(Error::new(
                crate::ErrorKind::ValueRange,
                format!("expected finite logits; got {bad}"),
            )));
        }
        let logits = Array2::from_shape_vec(shape, values).map_err(|e| place(Error::shape(e.to_string())))?;
        Ok(Self { images, logits })
    }
}
