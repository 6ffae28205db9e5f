//! What makes an array images: its axes and its range.

use ndarray::Array4;

use super::raw::{Number, Raw, bytes_of};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Pixels, check_unit_range};

/// How far above 1/255 the largest pixel of images that were divided twice may lie: half precision rounds.
const ROUNDING: f32 = 1.001;

/// Where an array has its channels.
enum Axes {
    /// `[n, channels, height, width]`
    First([usize; 4]),
    /// `[n, height, width, channels]`
    Last([usize; 4]),
}

impl Raw {
    /// The array as images `[n, channels, height, width]`; the notes say what was changed or looks odd.
    pub(super) fn into_pixels(self, n_labels: Option<usize>, notes: &mut Vec<String>) -> Result<Pixels> {
        let axes = axes(&self.shape, n_labels, notes)?;
        if self.shape.contains(&0) {
            return Err(Error::shape(format!(
                "expected at least one image with pixels; got {:?}",
                self.shape
            )));
        }
        match self.number {
            Number::U8 => bytes(self.bytes, axes, notes),
            Number::Bool => {
                notes.push("images of bool were read as black (0) and white (255)".to_owned());
                bytes(self.bytes.iter().map(|&v| if v == 0 { 0 } else { 255 }).collect(), axes, notes)
            }
            Number::F16 | Number::BF16 | Number::F32 | Number::F64 => floats(self, axes, notes),
            number => Err(Error::new(
                ErrorKind::Unsupported,
                format!("expected images of floats in [0, 1] or of u8; got {}", number.name()),
            )
            .with_hint(
                "convert them with images.astype(\"uint8\") or, divided by their largest possible value, \
                 .astype(\"float32\")",
            )),
        }
    }
}

fn bytes(values: Vec<u8>, axes: Axes, notes: &mut Vec<String>) -> Result<Pixels> {
    let largest = values.iter().copied().max().unwrap_or_default();
    if largest <= 1 {
        notes.push(format!(
            "the largest value of these u8 images is {largest} of 255: images in [0, 1] that were saved as u8 look \
             like this"
        ));
    }
    channels_first(values, axes).map(Pixels::U8)
}

fn floats(raw: Raw, axes: Axes, notes: &mut Vec<String>) -> Result<Pixels> {
    // Half precision needs twice the room once it is converted.
    bytes_of(&raw.shape, Number::F32)?;
    if raw.number != Number::F32 {
        notes.push(format!("images of {} were converted to f32", raw.number.name()));
    }
    let (_, values) = raw.into_levels();
    let mut images = channels_first(values, axes)?.into_dyn();
    check_unit_range(&mut images)?;
    let largest = images.iter().copied().fold(0.0, crate::num::max);
    if largest <= ROUNDING / 255.0 {
        notes.push(format!(
            "the largest value of all pixels is {largest}, 1/255 or below: images that were divided by 255 twice look \
             like this; epsilon is in units of [0, 1]"
        ));
    }
    images.into_dimensionality().map(Pixels::F32).map_err(|e| Error::shape(e.to_string()))
}

/// Values whose axes are those of every batch: `[n, channels, height, width]`.
fn channels_first<T: Clone>(values: Vec<T>, axes: Axes) -> Result<Array4<T>> {
    let misfit = |e: ndarray::ShapeError| Error::shape(e.to_string());
    match axes {
        Axes::First(shape) => Array4::from_shape_vec(shape, values).map_err(misfit),
        Axes::Last(shape) => {
            let images = Array4::from_shape_vec(shape, values).map_err(misfit)?;
            Ok(images.permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned())
        }
    }
}

/// Which axis is which. A shape that could be either has its channels first, as the documentation says.
fn axes(shape: &[usize], n_labels: Option<usize>, notes: &mut Vec<String>) -> Result<Axes> {
    let wrong = |hint: &str| {
        let message = format!("expected images of shape [n, channels, height, width]; got {shape:?}");
        Err(Error::shape(message).with_hint(hint))
    };
    match *shape {
        [n, c @ (1 | 3), h, w] => Ok(Axes::First([n, c, h, w])),
        [n, h, w, c @ (1 | 3)] => {
            notes.push(format!(
                "images of shape {shape:?} have their channels last; they were brought to {:?}",
                [n, c, h, w]
            ));
            Ok(Axes::Last([n, h, w, c]))
        }
        [_, _, _, _] => Err(Error::shape(format!(
            "expected 1 or 3 channels on axis 1 or on axis 3; got the shape {shape:?}"
        ))
        .with_hint(
            "grey images have 1 channel, RGB images 3; drop an alpha channel first: images[:, :3] or images[..., :3]",
        )),
        // One image with its channels last, which is more likely than many narrow ones.
        [_, _, 1 | 3] => wrong("a single image needs a first axis of 1: images[None]; grey images: images[:, None]"),
        [3, _, _] if n_labels != Some(3) => {
            wrong("one RGB image is images[None], three grey images are images[:, None]")
        }
        [n, h, w] => {
            notes.push(format!("images of shape {shape:?} were read as grey, {:?}", [n, 1, h, w]));
            Ok(Axes::First([n, 1, h, w]))
        }
        [_, pixels] => {
            let (grey, colour) = (pixels.isqrt(), (pixels / 3).isqrt());
            if grey * grey == pixels {
                wrong(&format!("rows of a table are pixels: images.reshape(-1, 1, {grey}, {grey})"))
            } else if 3 * colour * colour == pixels {
                wrong(&format!(
                    "rows of a table are pixels: images.reshape(-1, 3, {colour}, {colour}), or \
                     (-1, {colour}, {colour}, 3) if each pixel's three values stand together"
                ))
            } else {
                wrong("rows of a table are pixels: images.reshape(-1, channels, height, width)")
            }
        }
        _ => wrong("a single image needs a first axis of 1, grey images a second axis of 1"),
    }
}
