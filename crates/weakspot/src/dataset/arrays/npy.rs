//! `.npy`: NumPy's header of text, then the values.
//!
//! The format is NumPy's own (NEP 1 and `numpy.lib.format`), versions 1.0 to 3.0. The header is the text of a
//! Python dictionary with three keys; this reads that dictionary and no other Python.

use std::io::{BufReader, Read};
use std::path::Path;

use super::raw::{Number, Raw, bytes_of};
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
    let (number, shape) = parse(&header)?;
    let claimed = bytes_of(&shape, number)?;
    let before = (start.len() + size.len() + header_length) as u64;
    if claimed > most.saturating_sub(before) {
        return Err(wrong(
            &format!("at most {} bytes of values, from the file's length", most.saturating_sub(before)),
            &format!("a header that claims {claimed}"),
        ));
    }
    let bytes = up_to(&mut source, claimed)?;
    if bytes.len() as u64 != claimed {
        return Err(wrong(&format!("{claimed} bytes of values"), &bytes.len().to_string()));
    }
    // Reading past the end also has a zip archive's checksum compared.
    if !up_to(&mut source, 1)?.is_empty() {
        return Err(wrong(&format!("{claimed} bytes of values"), "more"));
    }
    Ok(Raw { number, shape, bytes })
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
    Error::format(format!("expected {expected}; came {came}"))
        .with_hint("write the array again with np.save(FILE, np.ascontiguousarray(array))")
}

/// Number and shape from the header's dictionary.
fn parse(header: &[u8]) -> Result<(Number, Vec<usize>)> {
    let broken = || wrong("a header {'descr': .., 'fortran_order': .., 'shape': ..}", "another");
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
        // One axis has no order of columns.
        (Some(number), Some(by_columns), Some(shape)) if !by_columns || shape.len() < 2 => {
            Ok((number, shape))
        }
        (Some(_), Some(_), Some(_)) => Err(unsupported("an array in Fortran order")),
        _ => Err(broken()),
    }
}

/// The text between a pair of quotes at the start, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|&c| c == '\'' || c == '"')?;
    text[1..].split_once(quote)
}

fn number_of(descr: &str) -> Result<Number> {
    match descr {
        "|b1" => Ok(Number::Bool),
        "|u1" | "<u1" | "=u1" | ">u1" => Ok(Number::U8),
        "<f4" => Ok(Number::F32),
        "<i4" => Ok(Number::I32),
        "<i8" => Ok(Number::I64),
        other => Err(unsupported(&format!("numbers of NumPy's type {other}"))),
    }
}

fn unsupported(came: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("expected f32 or u8 images, i64 or u8 labels; came {came}"))
        .with_hint("save np.ascontiguousarray(images, dtype=\"float32\") or labels.astype(\"int64\")")
}
