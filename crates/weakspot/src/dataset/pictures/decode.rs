//! One picture file, from bytes to 8-bit grey or RGB.
//!
//! * The kind is told by the content; a name that says another kind is an error.
//! * The orientation tag (Exif, TIFF) is applied: pixels are what a viewer shows.
//! * 16 bits per channel become 8, rounded to the nearest; palettes become their colours; of an animation the first
//!   picture counts.
//! * Transparent pixels are laid on white, as on a page: `v = a c + (1 - a)`, in whole numbers and rounded once.

use std::fs::File;
use std::io::{BufReader, Cursor, Read as _};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, metadata::Orientation};

use super::jpeg;
use super::resize::Interleaved;
use crate::input::{self, Refused};

/// The longest side of a picture that is read at all, in pixels.
const MAX_SIDE: u32 = 32_768;
/// The most pixels of a picture that is read at all: larger than any camera's.
const MAX_PIXELS: u64 = 1 << 28;
/// The largest picture file that is read at all, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// The first bytes, which tell the kind.
const START: usize = 64;

/// The kinds that are read, and the endings of their names.
pub(super) const KINDS: [(&str, ImageFormat); 9] = [
    ("png", ImageFormat::Png),
    ("jpg", ImageFormat::Jpeg),
    ("jpeg", ImageFormat::Jpeg),
    ("webp", ImageFormat::WebP),
    ("bmp", ImageFormat::Bmp),
    ("gif", ImageFormat::Gif),
    ("tif", ImageFormat::Tiff),
    ("tiff", ImageFormat::Tiff),
    ("jpe", ImageFormat::Jpeg),
];

/// The kind that a name's ending promises.
pub(super) fn kind_by_name(path: &Path) -> Option<ImageFormat> {
    let ending = path.extension()?.to_str()?.to_lowercase();
    KINDS.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind)
}

/// What is wrong with a picture, as the end of a sentence: "expected a whole picture; came ..".
pub(super) type Why = String;

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// After turning.
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) grey: bool,
}

/// Reads the header alone.
pub(super) fn header(path: &Path) -> Result<Header, Why> {
    let (mut file, length) = open(path)?;
    if length > MAX_FILE {
        return Err(format!("a file of {length} bytes; at most {MAX_FILE} are read"));
    }
    let mut start = Vec::new();
    (&mut file).take(START as u64).read_to_end(&mut start).map_err(|e| unreadable(&e))?;
    let kind = kind(path, &start)?;
    std::io::Seek::rewind(&mut file).map_err(|e| unreadable(&e))?;
    let mut decoder = limited(BufReader::new(file), kind)?;
    let turned = swaps_sides(orientation(&mut decoder));
    let (width, height) = decoder.dimensions();
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok(Header { width: width as usize, height: height as usize, grey: !decoder.color_type().has_color() })
}

/// Decodes a picture to `channels` channels, 1 (grey) or 3 (RGB).
pub(super) fn decode(path: &Path, channels: usize) -> Result<Interleaved, Why> {
    let (file, _) = open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    let kind = kind(path, &bytes[..bytes.len().min(START)])?;
    if kind == ImageFormat::Jpeg && !jpeg::is_whole(&bytes) {
        return Err("a truncated one".to_owned());
    }
    let mut decoder = limited(Cursor::new(bytes), kind)?;
    let orientation = orientation(&mut decoder);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bytes = if picture.color().has_alpha() {
        on_white(picture, channels)
    } else if channels == 1 {
        picture.into_luma8().into_raw()
    } else {
        picture.into_rgb8().into_raw()
    };
    Ok(Interleaved { bytes, height, width, channels })
}

/// The kind that the content tells, which must be the one that the name promises.
fn kind(path: &Path, start: &[u8]) -> Result<ImageFormat, Why> {
    if start.is_empty() {
        return Err("an empty file".to_owned());
    }
    if start.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err("a Git LFS pointer, which stands for the picture (git lfs pull brings it)".to_owned());
    }
    let content = image::guess_format(start).map_err(|_unknown| "bytes of no kind of picture".to_owned())?;
    let named = kind_by_name(path);
    if !KINDS.iter().any(|(_, kind)| *kind == content) {
        return Err(format!("a picture of a kind that is not read ({content:?})"));
    }
    match named {
        Some(named) if named != content => {
            Err(format!("a misnamed one: {content:?} by its content, {named:?} by its name"))
        }
        _ => Ok(content),
    }
}

/// A decoder that has read the header and refuses what no picture needs.
fn limited<R: std::io::BufRead + std::io::Seek + 'static>(
    reader: R,
    kind: ImageFormat,
) -> Result<impl ImageDecoder, Why> {
    let mut reader = ImageReader::with_format(reader, kind);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| damaged(&e))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(too_large(width, height));
    }
    if pixels == 0 {
        return Err("one without pixels".to_owned());
    }
    Ok(decoder)
}

fn too_large(width: u32, height: u32) -> Why {
    format!(
        "a header that claims {width} x {height} pixels; sides up to {MAX_SIDE} and {MAX_PIXELS} pixels are read"
    )
}

/// A broken tag is no reason to leave out a picture.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// Lays a picture on white.
fn on_white(picture: DynamicImage, channels: usize) -> Vec<u8> {
    // White, and whole opacity, in 16 bits.
    const FULL: u64 = 65_535;
    let laid = |value: u16, alpha: u64| {
        let sum = u64::from(value) * alpha + FULL * (FULL - alpha);
        // 257 takes 16 bits to 8.
        ((sum + FULL * 257 / 2) / (FULL * 257)) as u8
    };
    let rgba = picture.into_rgba16().into_raw();
    let mut out = Vec::with_capacity(rgba.len() / 4 * channels);
    for pixel in rgba.chunks_exact(4) {
        out.extend(pixel[..channels].iter().map(|&value| laid(value, u64::from(pixel[3]))));
    }
    out
}

fn open(path: &Path) -> Result<(File, u64), Why> {
    input::open(path).map_err(|refused| match refused {
        Refused::Io(e) => unreadable(&e),
        Refused::NoFile(came) => came.to_owned(),
    })
}

fn unreadable(error: &std::io::Error) -> Why {
    format!("one that cannot be read ({error})")
}

fn damaged(error: &image::ImageError) -> Why {
    match error {
        image::ImageError::Limits(_) => {
            format!("a header that claims more than sides of {MAX_SIDE} and {MAX_PIXELS} pixels")
        }
        // One line, whatever the decoder says.
        _ => format!("a damaged one ({})", error.to_string().replace(['\n', '\r'], " ")),
    }
}
