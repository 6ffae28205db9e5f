//! Images with the logits that the owner's own code gives them.

use std::path::Path;

use ndarray::Array2;

use super::npz;
use crate::error::{Error, Result};
use crate::image::Pixels;

/// Images, and what a model's owner knows that it says of them.
#[derive(Clone, Debug)]
pub struct Reference {
    /// `[n, channels, height, width]`, in `[0, 1]` or bytes, before any normalisation.
    pub images: Pixels,
    /// `[n, outputs]`.
    pub logits: Array2<f32>,
}

impl Reference {
    /// Loads an `.npz` with `images` and `logits`, `[n, outputs]` or, of one output, `[n]`.
    ///
    /// # Errors
    /// As [`super::load`]; `Shape` where there is not one row of logits for each image, `ValueRange` where one is not finite.
    pub fn load(path: &Path) -> Result<Self> {
        let place = |e: Error| e.context(path.display());
        let [images, logits] = npz::members(path, ["images", "logits"])?;
        // What is converted on the way shows in the logits.
        let images = images.into_pixels(None, &mut Vec::new()).map_err(place)?;
        let (shape, values) = logits.into_levels();
        let shape = match shape[..] {
            [n] => (n, 1),
            [n, outputs] => (n, outputs),
            _ => (0, 0),
        };
        if shape.0 != images.len() || shape.1 == 0 {
            return Err(place(Error::shape(format!(
                "expected logits [{}, outputs], one row for each image; came {shape:?}",
                images.len()
            ))));
        }
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(place(Error::new(
                crate::ErrorKind::ValueRange,
                format!("expected finite logits; came {bad}"),
            )));
        }
        let logits = Array2::from_shape_vec(shape, values).map_err(|e| place(Error::shape(e.to_string())))?;
        Ok(Self { images, logits })
    }
}
