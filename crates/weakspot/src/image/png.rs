//! One image as a PNG of 8 bits.

use ndarray::ArrayView3;

use crate::error::{Error, Result};

/// A grey or RGB image `[channels, height, width]`, values in `[0, 1]`, to the nearest of 256 levels.
///
/// # Errors
/// `Shape` for other channels or sides beyond what PNG can hold.
///
/// # Examples
/// ```
/// use ndarray::Array3;
/// use weakspot::image::png;
///
/// let bytes = png(Array3::from_elem((3, 8, 8), 0.5).view())?;
/// assert!(bytes.starts_with(b"\x89PNG"));
/// // One channel or three.
/// assert!(png(Array3::from_elem((2, 8, 8), 0.5).view()).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn png(image: ArrayView3<'_, f32>) -> Result<Vec<u8>> {
    let (channels, height, width) = image.dim();
    let colour = match channels {
        1 => ::png::ColorType::Grayscale,
        3 => ::png::ColorType::Rgb,
        _ => return Err(Error::shape(format!("a PNG has 1 or 3 channels here; got {channels}"))),
    };
    let last = image.permuted_axes([1, 2, 0]);
    let pixels: Vec<u8> = last.iter().map(|v| (v * 255.0).round() as u8).collect();
    encode(width, height, colour, &pixels)
}

/// Pixels of 8 bits, row by row.
pub(crate) fn encode(
    width: usize,
    height: usize,
    colour: ::png::ColorType,
    pixels: &[u8],
) -> Result<Vec<u8>> {
    let fail = |e: ::png::EncodingError| Error::format(format!("PNG of {width}x{height}: {e}"));
    let side = |n: usize| u32::try_from(n).map_err(|e| Error::shape(format!("PNG side {n}: {e}")));
    let mut out = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut out, side(width)?, side(height)?);
    encoder.set_color(colour);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_compression(::png::Compression::Balanced);
    let mut writer = encoder.write_header().map_err(fail)?;
    writer.write_image_data(pixels).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(out)
}
