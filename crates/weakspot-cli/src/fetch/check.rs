//! Digests of files, with a progress bar.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use weakspot::progress::Observer as _;
use weakspot::{Error, ErrorKind, Result, digest};

use super::download::interrupted;
use crate::terminal::progress::Progress;
use weakspot::dataset::known::Sum;

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// Why a file is not the one that was published, or `None` where it is.
///
/// `other`, if given, replaces the published digest of a file's bytes.
///
/// # Errors
/// `Io` where the file cannot be read; `Interrupted`.
pub(crate) fn differs(
    path: &Path,
    published: &Sum,
    other: Option<&str>,
    progress: &Progress,
) -> Result<Option<String>> {
    let length = path.metadata().map_err(|e| Error::io(path, &e))?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    // Content may lie plain or in a gzip; a wrong length is a wrong digest, and is found without reading to the end.
    let (expected, found) = match (published, other) {
        (Sum::Bytes(expected), other) => {
            progress.stage_of_bytes(&format!("checking {name}"), length);
            (other.unwrap_or(expected), sha256(file, u64::MAX, progress))
        }
        (Sum::Gunzipped(expected, length), _) => {
            progress.stage_of_bytes(&format!("checking {name}"), *length);
            let found = if is_gzip(path)? {
                sha256(MultiGzDecoder::new(BufReader::new(file)), *length, progress)
            } else {
                sha256(file, *length, progress)
            };
            (*expected, found)
        }
    };
    match found {
        Ok(found) if found == expected => Ok(None),
        Ok(found) => Ok(Some(format!("its SHA-256 is {found}, the published one {expected}"))),
        Err(e) if e.kind() == ErrorKind::Format => Ok(Some(e.to_string())),
        Err(e) => Err(e),
    }
}

/// Whether a file begins as a gzip does; an IDX file begins with two zeros.
///
/// # Errors
/// `Io` where it cannot be read.
pub(super) fn is_gzip(path: &Path) -> Result<bool> {
    let mut begin = Vec::new();
    File::open(path)
        .and_then(|file| file.take(2).read_to_end(&mut begin))
        .map_err(|e| Error::io(path, &e))?;
    Ok(begin == [0x1f, 0x8b])
}

/// The SHA-256 of what a reader gives, of `limit` bytes at most.
pub(super) fn sha256(mut reader: impl Read, limit: u64, progress: &Progress) -> Result<String> {
    let mut hash = Sha256::new();
    let (mut piece, mut length) = (vec![0; PIECE], 0u64);
    loop {
        if progress.interrupted() {
            return Err(interrupted());
        }
        let n = match reader.read(&mut piece) {
            Ok(0) => return Ok(digest::hex(&hash.finalize())),
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::format(format!("it cannot be read to its end: {e}"))),
        };
        length += n as u64;
        if length > limit {
            return Err(Error::format(format!("it holds more than the {limit} bytes that were published")));
        }
        hash.update(&piece[..n]);
        progress.advance(n);
    }
}
