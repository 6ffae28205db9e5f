//! Records of one label byte and 3 x 32 x 32 pixel bytes: red, green, blue, each plane row by row.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Height and width of an image, in pixels.
pub(super) const SIDE: usize = 32;
/// Pixel bytes of a record.
const PIXELS: usize = 3 * SIDE * SIDE;
/// Bytes of a record.
pub(super) const RECORD: usize = 1 + PIXELS;
/// No batch is this long: the publisher's have 10,000 records.
pub(super) const MAX_RECORDS: u64 = 100_000;
/// No list of class names is this long.
pub(super) const MAX_NAMES: u64 = 4_096;

/// The records of one file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each below 10.
    pub(super) labels: Vec<u8>,
    /// `[n, 3, 32, 32]` in row-major order.
    pub(super) pixels: Vec<u8>,
}

/// What to do about a damaged file.
pub(super) const AGAIN: &str =
    "the file is damaged or another data set's: fetch cifar-10-binary.tar.gz again";

/// Reads the `length` bytes of a batch. `path` is for messages.
///
/// The length is only a claim: memory grows with what is really read.
pub(super) fn read(reader: &mut dyn Read, length: u64, path: &Path) -> Result<Batch> {
    if length == 0 || !length.is_multiple_of(RECORD as u64) || length / RECORD as u64 > MAX_RECORDS {
        return Err(Error::format(format!(
            "{}: expected a whole number of records of {RECORD} bytes, 1 to {MAX_RECORDS} of them; got {length} bytes",
            path.display()
        ))
        .with_hint(AGAIN));
    }
    let mut batch = Batch::default();
    let mut record = [0; RECORD];
    for i in 0..length / RECORD as u64 {
        reader.read_exact(&mut record).map_err(|e| broken(path, &e))?;
        if record[0] > 9 {
            return Err(Error::format(format!(
                "{}: expected labels below 10; got {} in record {i}",
                path.display(),
                record[0]
            ))
            .with_hint(AGAIN));
        }
        batch.labels.push(record[0]);
        batch.pixels.extend_from_slice(&record[1..]);
    }
    Ok(batch)
}

/// A read that failed: an early end and a broken stream are the file's fault.
pub(super) fn broken(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof => {
            Error::format(format!("{}: expected a whole file; got a truncated one", path.display()))
                .with_hint(AGAIN)
        }
        InvalidData | InvalidInput => Error::format(format!(
            "{}: expected a sound gzip file; got a corrupt one ({error})",
            path.display()
        ))
        .with_hint(AGAIN),
        _ => Error::io(path, error).with_hint("check that the file is readable"),
    }
}

/// The class names of `batches.meta.txt`: one per line, empty lines at the end.
pub(super) fn class_names(text: &[u8], path: &Path, classes: usize) -> Result<Vec<String>> {
    let text = String::from_utf8_lossy(text);
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.len() == classes {
        Ok(names)
    } else {
        Err(Error::format(format!(
            "{}: expected {classes} class names, one per line; got {}",
            path.display(),
            names.len()
        ))
        .with_hint("remove the file: the publisher's names are built in"))
    }
}
