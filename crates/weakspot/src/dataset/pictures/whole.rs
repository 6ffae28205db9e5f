//! Whether a file is whole: decoders stop at the last pixel, and some silently fill what is missing.
//!
//! | kind | what must be there |
//! |---|---|
//! | PNG | every chunk up to the end chunk, IEND |
//! | JPEG | the end marker, EOI, after the picture's data ([`jpeg`](super::jpeg)) |
//! | GIF | every block up to the trailer, of all pictures of an animation |
//! | WebP | as many bytes as the RIFF header says |
//! | BMP | the rows that the header promises; the end marker of a run-length encoded one |
//! | TIFF | every strip or tile of the first picture ([`tiff`](super::tiff)) |
//!
//! What follows the end does not matter.

use std::io::Cursor;

use image::ImageFormat;

use super::{jpeg, tiff};

pub(super) fn is_whole(kind: ImageFormat, bytes: &[u8]) -> bool {
    match kind {
        ImageFormat::Png => png(bytes).is_some(),
        ImageFormat::Jpeg => jpeg::is_whole(bytes),
        ImageFormat::Gif => gif(bytes).is_some(),
        ImageFormat::WebP => riff(bytes).is_some(),
        ImageFormat::Bmp => bmp(bytes).is_some(),
        // The decoder refuses a directory that cannot be read.
        ImageFormat::Tiff => {
            tiff::Directory::read(&mut Cursor::new(bytes)).is_none_or(|d| d.end <= bytes.len() as u64)
        }
        _ => true,
    }
}

/// Walks the chunks: length, name, data, checksum (PNG specification, section 5.3).
fn png(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (head, _) = rest.split_first_chunk::<8>()?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        rest = rest.get(length.checked_add(12)?..)?;
        if &head[4..] == b"IEND" {
            return Some(());
        }
    }
}

/// Walks the blocks (GIF89a specification).
fn gif(bytes: &[u8]) -> Option<()> {
    // The flags of a header say how long a table of colours follows.
    let colours = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + colours(*bytes.get(10)?)..)?;
    loop {
        let (&block, after) = rest.split_first()?;
        rest = match block {
            // An extension: its label.
            0x21 => after.get(1..)?,
            // A picture: place, size and flags; colours; the length of its codes.
            0x2c => after.get(10 + colours(*after.get(8)?)..)?,
            // The trailer (0x3b), or something that no cut produces and that the decoder has to refuse.
            _ => return Some(()),
        };
        // Its data: pieces with their length before them, and one of length 0.
        loop {
            let (&length, after) = rest.split_first()?;
            rest = after.get(usize::from(length)..)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// The RIFF header counts the bytes after it.
fn riff(bytes: &[u8]) -> Option<()> {
    let length = u32_at(bytes, 4)? as usize;
    bytes.get(..length.checked_add(8)?).map(|_| ())
}

fn bmp(bytes: &[u8]) -> Option<()> {
    let data = bytes.get(u32_at(bytes, 10)? as usize..)?;
    let (width, height, bits, packing) = if u32_at(bytes, 14)? == 12 {
        let [width, height, bits] = [18, 20, 24].map(|at| u16_at(bytes, at));
        (u64::from(width?), u64::from(height?), u64::from(bits?), 0)
    } else {
        // Rows from above have a negative height.
        let [width, height] = [18, 22].map(|at| u32_at(bytes, at).map(|side| (side as i32).unsigned_abs()));
        (u64::from(width?), u64::from(height?), u64::from(u16_at(bytes, 28)?), u32_at(bytes, 30)?)
    };
    match packing {
        // Plain, also with masks for the channels: rows of whole words.
        0 | 3 | 6 => ((width * bits).div_ceil(32) * 4 * height <= data.len() as u64).then_some(()),
        1 | 2 => run_lengths(data, packing == 2),
        _ => Some(()),
    }
}

/// Walks the runs up to the end marker, a zero and a one; `half` where a pixel is half a byte.
fn run_lengths(data: &[u8], half: bool) -> Option<()> {
    let mut rest = data;
    loop {
        let (&[run, second], after) = rest.split_first_chunk()?;
        rest = match (run, second) {
            (0, 1) => return Some(()),
            // A step aside.
            (0, 2) => after.get(2..)?,
            // Pixels as they are, in whole words of two bytes.
            (0, 3..) => {
                let bytes = if half { usize::from(second).div_ceil(2) } else { usize::from(second) };
                after.get(bytes.next_multiple_of(2)..)?
            }
            _ => after,
        };
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageBuffer, Rgb};

    use super::*;

    fn encoded(kind: ImageFormat) -> Vec<u8> {
        let picture: DynamicImage =
            ImageBuffer::from_fn(7, 5, |x, y| Rgb([x as u8 * 30, y as u8 * 40, 7])).into();
        // GIF takes no RGB.
        let picture = if kind == ImageFormat::Gif { picture.into_rgba8().into() } else { picture };
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, kind).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_picture_without_its_last_bytes_is_not_whole() {
        for kind in
            [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp]
        {
            let bytes = encoded(kind);
            assert!(is_whole(kind, &bytes), "{kind:?}");
            assert!(is_whole(kind, &[&bytes[..], b"appended"].concat()), "{kind:?}");
            for cut in 0..bytes.len() {
                assert!(!is_whole(kind, &bytes[..cut]), "{kind:?} of {cut} bytes");
            }
        }
        // A TIFF's directory may stand at its end, and then the decoder misses it.
        let bytes = encoded(ImageFormat::Tiff);
        assert!(is_whole(ImageFormat::Tiff, &bytes));
    }

    #[test]
    fn run_lengths_end_with_their_marker() {
        // A run, an end of line, three pixels as they are (padded), a step, the end.
        let data = [5, 1, 0, 0, 0, 3, 1, 2, 3, 0, 0, 2, 1, 1, 0, 1];
        assert!(run_lengths(&data, false).is_some());
        for cut in 0..data.len() {
            assert!(run_lengths(&data[..cut], false).is_none(), "{cut}");
        }
        assert!(run_lengths(&[0, 3, 0x12, 0x30, 0, 1], true).is_some(), "three halves are two bytes");
    }
}
