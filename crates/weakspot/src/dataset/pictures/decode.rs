//! One picture file, from bytes to 8-bit grey or RGB.
//!
//! * The kind is told by the content, whatever the name says.
//! * The orientation tag (Exif, TIFF) is applied: pixels are what a viewer shows.
//! * 16 bits per channel become 8, rounded to the nearest; palettes become their colours; of an animation the first
//!   picture is taken.
//! * Transparent pixels are laid on white, as on a page: `v = a c + (1 - a)`, in whole numbers and rounded once.
//! * A file whose end is missing is not a whole picture, even if the decoder accepts it ([`whole`]).
//! * What a header claims is compared with the file's length, if the kind limits how far it can unpack, and with the
//!   memory for decoding ([`memory`]). Decoders run behind a [`guard`](super::guard).

use std::fs::File;
use std::io::{BufReader, Cursor, Read as _, Seek as _};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Pixel as _, Rgb};

use super::guard::guarded;
use super::kind::{self, START};
use super::need::{self, Claim};
use super::resize::Interleaved;
use super::why::Why;
use super::{jpeg, memory, tiff, whole};
use crate::input::{self, Refused};

/// The longest side of a picture that is read at all, in pixels.
const MAX_SIDE: u32 = 32_768;
/// The most pixels of a picture that is read at all: larger than any camera's.
const MAX_PIXELS: u64 = 1 << 28;
/// The largest picture file that is read at all, in bytes: the decoder of JPEG holds it twice.
const MAX_FILE: u64 = memory::TOTAL / 2;
/// The memory that reading a header may take, in bytes: it has profiles and tags.
const HEADER: u64 = 1 << 26;

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// After turning.
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) grey: bool,
    /// By its content.
    pub(super) kind: ImageFormat,
    /// What decoding takes at most, in bytes.
    pub(super) need: u64,
}

/// Reads the header alone.
pub(super) fn header(path: &Path) -> Result<Header, Why> {
    let (mut file, length) = open(path)?;
    if length > MAX_FILE {
        return Err(format!("a file of {length} bytes; at most {MAX_FILE} are read").into());
    }
    let mut start = Vec::new();
    (&mut file).take(START as u64).read_to_end(&mut start).map_err(|e| unreadable(&e))?;
    let kind = kind::by_content(&start)?;
    file.rewind().map_err(|e| unreadable(&e))?;
    let _share = memory::reserve(if kind == ImageFormat::Jpeg { 2 * length } else { HEADER });
    match kind {
        ImageFormat::Jpeg => {
            let bytes = all(file, length)?;
            let kept = jpeg::kept(&bytes);
            inspect(Cursor::new(bytes), kind, Source { length, start: &start, kept })
        }
        ImageFormat::Tiff => {
            let directory = tiff::Directory::read(&mut file);
            file.rewind().map_err(|e| unreadable(&e))?;
            inspect(BufReader::new(file), kind, Source { length, start: &start, kept: 0 }).map_err(|why| {
                match directory {
                    Some(directory) if why.is_unread() => Why::unread(format!(
                        "{}; grey and RGB ones of 8 or 16 bits are read",
                        directory.called()
                    )),
                    _ => why,
                }
            })
        }
        _ => inspect(BufReader::new(file), kind, Source { length, start: &start, kept: 0 }),
    }
}

/// What is known about a file beside its header.
#[derive(Clone, Copy)]
struct Source<'a> {
    length: u64,
    start: &'a [u8],
    /// Bytes that the decoder keeps for each pixel until the last scan ([`jpeg::kept`]).
    kept: u64,
}

fn inspect<R>(reader: R, kind: ImageFormat, source: Source<'_>) -> Result<Header, Why>
where
    R: std::io::BufRead + std::io::Seek + 'static,
{
    let (claim, grey) = guarded(|| {
        let mut decoder = limited(reader, kind, HEADER)?;
        Ok((claim(&mut decoder, kind, source), !decoder.color_type().has_color()))
    })?;
    let Claim { width, height, .. } = claim;
    if !need::is_plausible(&claim, source.start) {
        return Err(format!(
            "a header that claims {width} x {height} pixels, more than a file of {} bytes can hold",
            source.length
        )
        .into());
    }
    let need = claim.need();
    if need > memory::TOTAL {
        return Err(format!(
            "a header that claims {width} x {height} pixels, which take {} MiB to decode; at most {} are used",
            need >> 20,
            memory::TOTAL >> 20
        )
        .into());
    }
    let (width, height) = if claim.turned { (height, width) } else { (width, height) };
    Ok(Header { width: width as usize, height: height as usize, grey, kind, need })
}

/// Decodes a picture to `channels` channels, 1 (grey) or 3 (RGB), and makes something of it. `need` is the memory that
/// its header calls for: this waits for it, and holds it until that is made.
pub(super) fn decode<T>(
    path: &Path,
    need: u64,
    channels: usize,
    make: impl FnOnce(&Interleaved) -> Result<T, Why>,
) -> Result<T, Why> {
    let (file, length) = open(path)?;
    // A need includes the length.
    if length > need {
        return Err(changed());
    }
    let _share = memory::reserve(need);
    let bytes = all(file, length)?;
    let picture = guarded(|| pixels(bytes, need, channels))?;
    make(&picture)
}

/// A file that is no longer the one whose header was read.
pub(super) fn changed() -> Why {
    "one that changed while it was read".into()
}

fn pixels(bytes: Vec<u8>, need: u64, channels: usize) -> Result<Interleaved, Why> {
    let start = bytes[..bytes.len().min(START)].to_vec();
    let kind = kind::by_content(&start)?;
    if !whole::is_whole(kind, &bytes) {
        return Err("a truncated one".into());
    }
    let kept = if kind == ImageFormat::Jpeg { jpeg::kept(&bytes) } else { 0 };
    let source = Source { length: bytes.len() as u64, start: &start, kept };
    let mut decoder = limited(Cursor::new(bytes), kind, need)?;
    let claim = claim(&mut decoder, kind, source);
    if claim.need() > need {
        return Err(changed());
    }
    let orientation = orientation(&mut decoder);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(claim.beside());
    decoder.set_limits(limits).map_err(|e| damaged(&e))?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
    let mut picture = flat(picture, channels);
    // Only now that the channels are converted, so that the turned copy is no larger than it must be.
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Ok(Interleaved { bytes: picture.into_bytes(), height, width, channels })
}

/// A decoder that has read the header and refuses what no picture needs.
fn limited<R: std::io::BufRead + std::io::Seek + 'static>(
    reader: R,
    kind: ImageFormat,
    memory: u64,
) -> Result<impl ImageDecoder, Why> {
    let mut reader = ImageReader::with_format(reader, kind);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(memory);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| damaged(&e))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(format!(
            "a header that claims {width} x {height} pixels; sides up to {MAX_SIDE} and {MAX_PIXELS} pixels are read"
        )
        .into());
    }
    if pixels == 0 {
        return Err("one without pixels".into());
    }
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        // Floats do not say which value is white.
        return Err(Why::unread("one of 32-bit floats, a kind that is not read"));
    }
    Ok(decoder)
}

fn claim(decoder: &mut impl ImageDecoder, kind: ImageFormat, source: Source<'_>) -> Claim {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let (width, height) = decoder.dimensions();
    let turned = matches!(orientation(decoder), Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
    Claim {
        kind,
        width,
        height,
        pixel: u64::from(decoder.color_type().bytes_per_pixel()),
        rgb: decoder.color_type() == ColorType::Rgb8,
        turned,
        length: source.length,
        kept: source.kept,
        animated: need::is_animated(kind, source.start),
    }
}

/// A broken tag is not a reason to leave out a picture.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// The picture in 8 bits, grey or RGB, without transparency. Never more than two copies exist at a time.
fn flat(picture: DynamicImage, channels: usize) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let laid = match &picture {
        DynamicImage::ImageLumaA8(p) => on_white::<_, 2>(p.as_raw(), channels, |v| u16::from(v) * 257),
        DynamicImage::ImageRgba8(p) => on_white::<_, 4>(p.as_raw(), channels, |v| u16::from(v) * 257),
        DynamicImage::ImageLumaA16(p) => on_white::<_, 2>(p.as_raw(), channels, |v| v),
        DynamicImage::ImageRgba16(p) => on_white::<_, 4>(p.as_raw(), channels, |v| v),
        _ if channels == 1 => return picture.into_luma8().into(),
        _ => return picture.into_rgb8().into(),
    };
    drop(picture);
    // As many bytes as pixels and channels: made so.
    let made = if channels == 1 {
        image::GrayImage::from_raw(width, height, laid).map(DynamicImage::from)
    } else {
        image::RgbImage::from_raw(width, height, laid).map(DynamicImage::from)
    };
    made.unwrap_or_default()
}

/// Lays pixels of `N` samples, the last of them the opacity, on white; `wide` makes 16 bits of a sample.
fn on_white<T: Copy, const N: usize>(samples: &[T], channels: usize, wide: impl Fn(T) -> u16) -> Vec<u8> {
    // White, and whole opacity, in 16 bits.
    const FULL: u64 = 65_535;
    let laid = |value: T, alpha: u64| {
        let sum = u64::from(wide(value)) * alpha + FULL * (FULL - alpha);
        // 257 takes 16 bits to 8.
        ((sum + FULL * 257 / 2) / (FULL * 257)) as u8
    };
    let pixels = samples.as_chunks::<N>().0;
    let mut out = Vec::with_capacity(pixels.len() * channels);
    for pixel in pixels {
        let alpha = u64::from(wide(pixel[N - 1]));
        match (channels, N) {
            (1, 2) => out.push(laid(pixel[0], alpha)),
            (_, 2) => out.extend([laid(pixel[0], alpha); 3]),
            (1, _) => out.extend(Rgb([0, 1, 2].map(|c| laid(pixel[c], alpha))).to_luma().0),
            _ => out.extend([0, 1, 2].map(|c| laid(pixel[c], alpha))),
        }
    }
    out
}

fn open(path: &Path) -> Result<(File, u64), Why> {
    input::open(path).map_err(|refused| match refused {
        Refused::Io(e) => unreadable(&e),
        Refused::NoFile(came) => came.into(),
    })
}

/// The bytes of a file of that length.
fn all(file: File, length: u64) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    Ok(bytes)
}

fn unreadable(error: &std::io::Error) -> Why {
    format!("one that cannot be read ({error})").into()
}

fn damaged(error: &ImageError) -> Why {
    // One line, whatever the decoder's message.
    let said = error.to_string().replace(['\n', '\r'], " ");
    match error {
        ImageError::Limits(_) => format!(
            "a header that claims more than sides of {MAX_SIDE} and {MAX_PIXELS} pixels, or more memory than these take"
        )
        .into(),
        ImageError::Unsupported(_) => Why::unread(format!("one of a kind that is not read ({said})")),
        _ => format!("a damaged one ({said})").into(),
    }
}
