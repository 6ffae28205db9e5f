//! Records as JSON files: what is written can be read again.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::input::read_bounded;

/// A summary has a few hundred rows.
const LARGEST_SUMMARY: u64 = 64 << 20;

/// A record, indented, for a file of this name.
///
/// # Errors
/// `Numerical` for a number that JSON cannot hold: NaN would be written as null, which could not be read again.
pub(super) fn bytes<T: Serialize + DeserializeOwned + PartialEq>(name: &str, record: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(record).map_err(|e| Error::format(format!("{name}: {e}")))?;
    bytes.push(b'\n');
    match serde_json::from_slice::<T>(&bytes) {
        Ok(again) if again == *record => Ok(bytes),
        _ => Err(Error::new(
            ErrorKind::Numerical,
            format!("{name}: expected finite numbers, got NaN or infinity"),
        )),
    }
}

/// The bytes of a summary over several studies.
///
/// # Errors
/// `Io` for a file that cannot be read; `Format` for one that is too large.
pub(super) fn read_summary(path: &Path) -> Result<Vec<u8>> {
    read_bounded(path, LARGEST_SUMMARY)
}
