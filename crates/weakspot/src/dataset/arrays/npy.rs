//! `.npy`: NumPy's header of text, then the values.
//!
//! The format is NumPy's own (NEP 1 and `numpy.lib.format`), versions 1.0 to 3.0. The header is the text of a
//! Python dictionary with three keys; this reads that dictionary and no other Python. Big-endian values and columns
//! that come first (Fortran order) are put in our order.

use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder as _};

use super::raw::{Number, Raw, bytes_of};
use crate::dataset::brief::brief;
use crate::error::{Error, ErrorKind, Result};
use crate::input::open_regular;

/// No deflate stream grows more than this on unpacking (zlib's technical notes, "Maximum compression factor").
pub(super) const DEFLATE_MAX_RATIO: u64 = 1032;

/// NumPy's own limit is 10,000 characters; a header of one plain array has under 200.
const MAX_HEADER: usize = 10_000;

pub(super) fn load(path: &Path) -> Result<Raw> {
    let (file, length) = open_regular(path)?;
    read(BufReader::new(file), length).map_err(|e| e.context(path.display()))
}

/// One array; `most` is the number of bytes, header included, that the source can hold at all.
pub(super) fn read(mut source: impl Read, most: u64) -> Result<Raw> {
    let start = up_to(&mut source, 8)?;
    if start.len() < 8 || start[..6] != *b"\x93NUMPY" || !(1..=3).contains(&start[6]) {
        return Err(wrong("an .npy array of version 1 to 3", "other first bytes"));
    }
    let size = up_to(&mut source, if start[6] == 1 { 2 } else { 4 })?;
    let header_length = size.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    if header_length > MAX_HEADER {
        return Err(wrong(&format!("a header of at most {MAX_HEADER} bytes"), &header_length.to_string()));
    }
    let header = up_to(&mut source, header_length as u64)?;
    if header.len() < header_length {
        return Err(wrong(&format!("a header of {header_length} bytes"), &header.len().to_string()));
    }
    let Header { number, big_endian, by_columns, shape } = parse(&header)?;
    let claimed = bytes_of(&shape, number)?;
    let before = (start.len() + size.len() + header_length) as u64;
    if claimed > most.saturating_sub(before) {
        return Err(wrong(
            &format!("at most {} bytes of values, from the file's length", most.saturating_sub(before)),
            &format!("a header that claims {claimed}"),
        ));
    }
    let mut bytes = up_to(&mut source, claimed)?;
    if bytes.len() as u64 != claimed {
        return Err(wrong(&format!("{claimed} bytes of values"), &bytes.len().to_string()));
    }
    // Reading past the end also makes the archive reader compare a zip member's checksum.
    if !up_to(&mut source, 1)?.is_empty() {
        return Err(wrong(&format!("{claimed} bytes of values"), "more"));
    }
    if big_endian {
        bytes.chunks_exact_mut(number.bytes()).for_each(<[u8]>::reverse);
    }
    if by_columns {
        bytes = match number.bytes() {
            1 => by_rows::<1>(&bytes, &shape),
            2 => by_rows::<2>(&bytes, &shape),
            4 => by_rows::<4>(&bytes, &shape),
            _ => by_rows::<8>(&bytes, &shape),
        }?;
    }
    Ok(Raw { number, shape, bytes })
}

/// Values of `N` bytes in row-major order that came in column-major order.
fn by_rows<const N: usize>(bytes: &[u8], shape: &[usize]) -> Result<Vec<u8>> {
    let columns = ArrayD::from_shape_vec(IxDyn(shape).f(), bytes.as_chunks::<N>().0.to_vec())
        .map_err(|e| Error::shape(e.to_string()))?;
    Ok(columns.iter().flatten().copied().collect())
}

/// The next `count` bytes, or fewer at the end.
fn up_to(source: &mut impl Read, count: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(count)
        .read_to_end(&mut bytes)
        .map_err(|e| wrong("a sound file", &format!("a damaged one ({e})")))?;
    Ok(bytes)
}

fn wrong(expected: &str, came: &str) -> Error {
    Error::format(format!("expected {expected}; got {came}"))
        .with_hint("write the array again with np.save(FILE, np.ascontiguousarray(array))")
}

/// What a header says.
struct Header {
    number: Number,
    big_endian: bool,
    /// Whether the first axis is the one whose neighbours lie together (Fortran order).
    by_columns: bool,
    shape: Vec<usize>,
}

/// What the header's dictionary says.
fn parse(header: &[u8]) -> Result<Header> {
    let broken = || wrong("a header {'descr': .., 'fortran_order': .., 'shape': ..}", "a different one");
    let text = std::str::from_utf8(header).map_err(|_not_text| broken())?;
    let mut rest = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(broken)?.trim();
    let (mut number, mut by_columns, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(broken)?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(broken)?.trim_start();
        let after = match key {
            "descr" => {
                let (descr, after) = quoted(value).ok_or_else(|| unsupported("a structured array"))?;
                number = Some(number_of(descr)?);
                after
            }
            "fortran_order" => {
                by_columns = Some(value.starts_with("True"));
                value.strip_prefix("True").or_else(|| value.strip_prefix("False")).ok_or_else(broken)?
            }
            "shape" => {
                let (inside, after) =
                    value.strip_prefix('(').and_then(|v| v.split_once(')')).ok_or_else(broken)?;
                let sides = inside.split(',').map(str::trim).filter(|side| !side.is_empty());
                shape =
                    Some(sides.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_no| broken())?);
                after
            }
            _ => return Err(broken()),
        }
        .trim_start();
        rest = after
            .strip_prefix(',')
            .or_else(|| after.is_empty().then_some(after))
            .ok_or_else(broken)?
            .trim_start();
    }
    match (number, by_columns, shape) {
        (Some((number, big_endian)), Some(by_columns), Some(shape)) => {
            // One axis has no order of columns.
            Ok(Header { number, big_endian, by_columns: by_columns && shape.len() > 1, shape })
        }
        _ => Err(broken()),
    }
}

/// The text between a pair of quotes at the start, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|&c| c == '\'' || c == '"')?;
    text[1..].split_once(quote)
}

/// The kind of number, and whether its first byte is the largest.
fn number_of(descr: &str) -> Result<(Number, bool)> {
    let (big_endian, kind) = match descr.as_bytes().first() {
        Some(b'>') => (true, &descr[1..]),
        Some(b'<' | b'|' | b'=') => (false, &descr[1..]),
        _ => (false, descr),
    };
    let number = match kind {
        "b1" => Number::Bool,
        "u1" => Number::U8,
        "u2" => Number::U16,
        "u4" => Number::U32,
        "u8" => Number::U64,
        "i1" => Number::I8,
        "i2" => Number::I16,
        "i4" => Number::I32,
        "i8" => Number::I64,
        "f2" => Number::F16,
        "f4" => Number::F32,
        "f8" => Number::F64,
        _ => return Err(no_number(descr, kind)),
    };
    // `=` is the order of the machine that wrote the file, which the file does not say.
    if descr.starts_with('=') && number.bytes() > 1 {
        return Err(unsupported(&format!("numbers of NumPy's type {descr}, whose byte order is unknown")));
    }
    Ok((number, big_endian))
}

/// What a type is that we do not read, in words if they are known.
fn no_number(descr: &str, kind: &str) -> Error {
    let shown = brief(descr);
    match kind.chars().next() {
        Some('U' | 'S' | 'a') => unsupported(&format!("text, NumPy's type {shown}"))
            .with_hint("np.unique(labels, return_inverse=True)[1] makes class indices of names"),
        Some('O') => unsupported(&format!("pickled Python objects, NumPy's type {shown}")).with_hint(
            "pickles run code and are not read: save np.stack(images).astype(\"float32\") or labels.astype(\"int64\")",
        ),
        _ => unsupported(&format!("numbers of NumPy's type {shown}")),
    }
}

fn unsupported(came: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("expected images of floats or u8, labels of whole numbers; got {came}"),
    )
    .with_hint("save images.astype(\"float32\") or labels.astype(\"int64\")")
}
