//! One IDX file: a magic number, big-endian sizes, bytes.
//!
//! The format is the publisher's (LeCun, Cortes and Burges, "The MNIST database"): two zero bytes, the type
//! (0x08: unsigned byte), the number of axes, one 32-bit size per axis, then the values.

use std::io::{BufReader, ErrorKind as IoKind, Read, Seek as _, SeekFrom};
use std::path::Path;

use crate::dataset::MAX_PIXEL_BYTES;
use crate::dataset::gzip::Members;
use crate::error::{Error, Result};
use crate::input::open_regular;

/// No deflate stream grows more than this on unpacking (zlib's technical notes, "Maximum compression factor").
const DEFLATE_MAX_RATIO: u64 = 1032;

/// The number of images and their bytes, `[n, side, side]` in row-major order.
pub(super) fn images(path: &Path, side: usize) -> Result<(usize, Vec<u8>)> {
    let (sizes, bytes) = read(path, "images", &[None, Some(side), Some(side)])?;
    Ok((sizes[0], bytes))
}

/// The labels, each below `classes`.
pub(super) fn labels(path: &Path, classes: usize) -> Result<Vec<u8>> {
    let (_, bytes) = read(path, "labels", &[None])?;
    match bytes.iter().position(|&label| usize::from(label) >= classes) {
        None => Ok(bytes),
        Some(place) => Err(Error::format(format!(
            "{}: expected labels below {classes}; got {} at position {place}",
            path.display(),
            bytes[place]
        ))
        .with_hint(AGAIN)),
    }
}

const AGAIN: &str = "the file is damaged or another data set's: fetch it again";

/// An open file, and the error for a broken one.
struct Source<'a> {
    path: &'a Path,
    reader: Box<dyn Read>,
    packed: bool,
}

/// Sizes and bytes of a file whose axes must be those of `expected` (`None` takes any size).
///
/// Nothing of the size that the header claims is allocated before the claim is compared with the file's length.
fn read(path: &Path, kind: &str, expected: &[Option<usize>]) -> Result<(Vec<usize>, Vec<u8>)> {
    let (mut source, length) = open(path)?;
    let header = source.up_to(4 + 4 * expected.len() as u64)?;
    let magic = [0, 0, 8, expected.len() as u8];
    if header.len() < 4 || header[..4] != magic {
        return Err(source.wrong(
            &format!("an IDX file of {kind} (first bytes {})", hex(&magic)),
            &hex(&header[..header.len().min(4)]),
        ));
    }
    if header.len() < 4 + 4 * expected.len() {
        return Err(source.wrong(
            &format!("a header of {} bytes", 4 + 4 * expected.len()),
            &format!("{} bytes", header.len()),
        ));
    }
    let sizes: Vec<usize> =
        header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    for (axis, (&size, wanted)) in sizes.iter().zip(expected).enumerate() {
        if let Some(wanted) = wanted.filter(|&wanted| wanted != size) {
            return Err(source.wrong(&format!("{kind} with {wanted} along axis {axis}"), &size.to_string()));
        }
    }
    let claimed = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
    let most = if source.packed {
        length.saturating_mul(DEFLATE_MAX_RATIO)
    } else {
        length.saturating_sub(header.len() as u64)
    };
    let Some(claimed) = claimed.filter(|&bytes| bytes <= most.min(MAX_PIXEL_BYTES)) else {
        let claimed = claimed.map_or_else(|| "over 2^64".to_owned(), |bytes| bytes.to_string());
        return Err(source.wrong(
            &format!("at most {} bytes after the header, from the file's length", most.min(MAX_PIXEL_BYTES)),
            &format!("a header that claims {claimed}"),
        ));
    };
    let bytes = source.up_to(claimed)?;
    if bytes.len() as u64 != claimed {
        return Err(source.wrong(&format!("{claimed} bytes after the header"), &format!("{}", bytes.len())));
    }
    // Reading past the end also makes the decoder compare gzip's own checksum and length.
    if !source.up_to(1)?.is_empty() {
        return Err(source.wrong(&format!("{claimed} bytes after the header"), "more"));
    }
    Ok((sizes, bytes))
}

/// Opens a file, unpacking it if its content (not its name) is gzip's; and its length on disk.
fn open(path: &Path) -> Result<(Source<'_>, u64)> {
    let fail =
        |e: &std::io::Error| Error::io(path, e).with_hint("check that the file exists and is readable");
    let (mut file, length) = open_regular(path)?;
    let mut start = Vec::new();
    (&mut file).take(2).read_to_end(&mut start).map_err(|e| fail(&e))?;
    file.seek(SeekFrom::Start(0)).map_err(|e| fail(&e))?;
    let packed = start == [0x1f, 0x8b];
    let file = BufReader::new(file);
    let reader: Box<dyn Read> = if packed { Box::new(Members::new(file)) } else { Box::new(file) };
    Ok((Source { path, reader, packed }, length))
}

impl Source<'_> {
    /// The next `count` bytes, or fewer at the end of the file.
    fn up_to(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match (&mut self.reader).take(count).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(e) if !self.packed || e.kind() == IoKind::OutOfMemory => Err(Error::io(self.path, &e)),
            Err(e) if e.kind() == IoKind::UnexpectedEof => {
                Err(self.wrong("a whole gzip file", "a truncated one"))
            }
            Err(e) => Err(self.wrong("a sound gzip file", &format!("a corrupt one ({e})"))),
        }
    }

    fn wrong(&self, expected: &str, came: &str) -> Error {
        Error::format(format!("{}: expected {expected}; got {came}", self.path.display())).with_hint(AGAIN)
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
