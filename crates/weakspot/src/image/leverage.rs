//! Leverage maps: a raw map at its own grid, and its view over the image's pixels.

use ndarray::{Array2, ArrayView3, s};

use super::upsample_bilinear;
use crate::error::{Error, ErrorKind, Result};
use crate::num;

/// What the grid of a raw map covers.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::{Frame, Leverage, RawMap};
///
/// // A network that pads its images by one column on the right: its grid of 1x3 covers that too.
/// let map = RawMap { values: arr2(&[[1.0, 2.0, 4.0]]), frame: Frame::Margins([0, 0, 0, 1]) };
/// assert_eq!(Leverage::new(map, (1, 2))?.view, arr2(&[[0.25, 0.5]]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The image: one cell per pixel.
    Image,
    /// The image and these numbers of rows and columns of pixels around it, `[top, left, bottom, right]`; the view
    /// crops them away.
    Margins([usize; 4]),
}

/// Whether a raw map holds any evidence.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::{Frame, RawMap, Status};
///
/// let status = |values| RawMap { values, frame: Frame::Image }.status();
/// assert_eq!(status(arr2(&[[0.0, 0.5]])), Status::Found);
/// assert_eq!(status(arr2(&[[0.0, 0.0]])), Status::Empty);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// At least one value is positive.
    Found,
    /// No value is positive: there is nothing to divide by and no region to draw. An outcome, not an error.
    Empty,
}

/// A map as its method returned it: on its own grid, in its own units, not divided by anything.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::{Frame, Leverage, RawMap};
///
/// // Maps must not be negative.
/// let map = RawMap { values: arr2(&[[0.0, -1.0]]), frame: Frame::Image };
/// assert!(Leverage::new(map, (1, 2)).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RawMap {
    /// Non-negative, finite, `[grid height, grid width]`.
    pub values: Array2<f32>,
    /// What the grid covers.
    pub frame: Frame,
}

impl RawMap {
    /// Whether the map holds any evidence.
    pub fn status(&self) -> Status {
        if self.values.iter().any(|&v| v > 0.0) { Status::Found } else { Status::Empty }
    }
}

/// How much each pixel matters for something, raw and as a view (METHODS, section 1, "leverage map").
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::{Frame, Leverage, RawMap};
///
/// let map = RawMap { values: arr2(&[[0.0, 8.0]]), frame: Frame::Margins([0; 4]) };
/// let leverage = Leverage::new(map, (1, 4))?;
/// assert_eq!(leverage.view, arr2(&[[0.0, 0.25, 0.75, 1.0]]));
/// assert_eq!(leverage.scale, 8.0);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Leverage {
    /// The raw map at its own grid, `[grid height, grid width]`, non-negative.
    pub raw: Array2<f32>,
    /// The raw map divided by its maximum and brought to the image, `[height, width]`, in `[0, 1]`. All zero
    /// where the map is empty.
    pub view: Array2<f32>,
    /// The raw maximum, in the raw map's units: what the view was divided by. A faint map and a strong one have
    /// equally bright views; this tells them apart.
    pub scale: f32,
    /// Whether the raw map has no positive value.
    pub empty: bool,
    /// Whether the raw map's cells are the image's pixels, so that nothing was resampled.
    pub at_input: bool,
}

impl Leverage {
    /// Makes the view: divide by the maximum, upsample bilinearly with half-pixel centres to the frame the map
    /// covers, crop its margins (METHODS, section 4). `size` is the image's `(height, width)`.
    ///
    /// # Errors
    /// `Numerical` if a value is negative or not finite; `Shape` if a map of the image's pixels has a different size.
    pub fn new(map: RawMap, size: (usize, usize)) -> Result<Self> {
        if let Some((place, v)) = map.values.indexed_iter().find(|(_, v)| !v.is_finite() || **v < 0.0) {
            return Err(Error::new(
                ErrorKind::Numerical,
                format!("a raw map must be finite and not negative; got {v} at {place:?}"),
            ));
        }
        let (height, width) = size;
        let at_input = map.frame == Frame::Image;
        if at_input && map.values.dim() != (height, width) {
            return Err(Error::shape(format!(
                "a map of the image's pixels must be {height}x{width}; got {:?}",
                map.values.dim()
            )));
        }
        let empty = map.status() == Status::Empty;
        let scale = num::max_of(map.values.iter());
        let view = if empty {
            Array2::zeros((height, width))
        } else {
            let divided = map.values.mapv(|v| v / scale);
            match map.frame {
                Frame::Image => divided,
                Frame::Margins([top, left, bottom, right]) => {
                    upsample_bilinear(divided.view(), top + height + bottom, left + width + right)
                        .slice(s![top..top + height, left..left + width])
                        .to_owned()
                }
            }
        };
        Ok(Self { raw: map.values, view, scale, empty, at_input })
    }
}

/// The L2 norm over the channels at each pixel, `[height, width]`, of `[channels, height, width]`.
///
/// Summed in `f64`, where the square of the smallest single-precision number is not yet 0.
///
/// # Examples
/// ```
/// use ndarray::{Array3, arr2};
/// use weakspot::image::l2_over_channels;
///
/// // Two channels of 1x2 pixels.
/// let gradient = Array3::from_shape_vec((2, 1, 2), vec![3.0, 0.0, 4.0, 1.0]).unwrap();
/// assert_eq!(l2_over_channels(gradient.view()), arr2(&[[5.0, 1.0]]));
/// ```
pub fn l2_over_channels(values: ArrayView3<'_, f32>) -> Array2<f32> {
    let (_, height, width) = values.dim();
    let mut squares = Array2::<f64>::zeros((height, width));
    for channel in values.outer_iter() {
        squares.zip_mut_with(&channel, |s, &v| *s += f64::from(v) * f64::from(v));
    }
    squares.mapv(|s| s.sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn a_layer_map_is_upsampled_to_the_padded_frame_and_then_cropped() {
        // 1x2 cells over a frame of 1x4; one pixel of padding on the left, none on the right.
        let map = RawMap { values: arr2(&[[0.0, 8.0]]), frame: Frame::Margins([0, 1, 0, 0]) };
        let leverage = Leverage::new(map, (1, 3)).unwrap();
        assert_eq!(leverage.view, arr2(&[[0.25, 0.75, 1.0]]));
        assert_eq!((leverage.scale, leverage.empty), (8.0, false));
        assert_eq!(leverage.raw, arr2(&[[0.0, 8.0]]), "the raw map is kept as it came");
    }

    #[test]
    fn a_map_without_a_positive_value_is_empty_and_not_an_error() {
        let map = RawMap { values: Array2::zeros((2, 2)), frame: Frame::Margins([0; 4]) };
        assert_eq!(map.status(), Status::Empty);
        let leverage = Leverage::new(map, (4, 4)).unwrap();
        assert!(leverage.empty);
        assert_eq!(leverage.view, Array2::<f32>::zeros((4, 4)));
    }

    #[test]
    fn what_is_not_a_leverage_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let map = RawMap { values: arr2(&[[bad]]), frame: Frame::Image };
            assert_eq!(Leverage::new(map, (1, 1)).unwrap_err().kind(), ErrorKind::Numerical);
        }
        let map = RawMap { values: arr2(&[[1.0]]), frame: Frame::Image };
        assert_eq!(Leverage::new(map, (1, 2)).unwrap_err().kind(), ErrorKind::Shape);
    }

    #[test]
    fn the_smallest_positive_maximum_still_divides_to_one() {
        let map = RawMap { values: arr2(&[[f32::from_bits(1), 0.0]]), frame: Frame::Image };
        assert_eq!(Leverage::new(map, (1, 2)).unwrap().view, arr2(&[[1.0, 0.0]]));
    }
}
