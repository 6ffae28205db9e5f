//! `.npz`: a zip archive of `.npy` members, as NumPy's `savez` and `savez_compressed` write it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::npy::{self, DEFLATE_MAX_RATIO};
use super::raw::Raw;
use super::{Found, names};
use crate::error::{Error, ErrorKind, Result};
use crate::input::open_regular;

/// Images, and labels if there are any.
pub(super) fn load(path: &Path) -> Result<Found> {
    let (mut archive, length) = open(path)?;
    let mut found: Vec<&str> = archive.file_names().filter_map(|name| name.strip_suffix(".npy")).collect();
    found.sort_unstable();
    let chosen = names::choose(&found, "an array").map_err(|e| e.context(path.display()))?;
    let images = member(&mut archive, path, length, &chosen.images)?;
    let labels = match &chosen.labels {
        None => None,
        Some(name) => Some(member(&mut archive, path, length, name)?),
    };
    Ok(Found { images, labels, notes: chosen.note.into_iter().collect() })
}

/// An archive, and its length in bytes.
fn open(path: &Path) -> Result<(ZipArchive<BufReader<File>>, u64)> {
    let (file, length) = open_regular(path)?;
    Ok((ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(path, &e))?, length))
}

/// One array; `length` is the archive's, in bytes.
fn member(archive: &mut ZipArchive<BufReader<File>>, path: &Path, length: u64, name: &str) -> Result<Raw> {
    let index = archive
        .index_for_name(&format!("{name}.npy"))
        .ok_or_else(|| damaged(path, &ZipError::FileNotFound))?;
    let packing = archive.by_index_raw(index).map_err(|e| damaged(path, &e))?.compression();
    if let Some(other) = packed_by(packing) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{}, {name}: expected an array stored or packed by deflate; got {other}", path.display()),
        )
        .with_hint("np.savez_compressed(FILE, images=images, labels=labels) packs by deflate"));
    }
    let entry = archive.by_index(index).map_err(|e| damaged(path, &e))?;
    // The archive's own unpacked size is a claim as well: compare it with the packed bytes.
    let most = entry.compressed_size().saturating_mul(DEFLATE_MAX_RATIO).min(entry.size());
    let most = most.min(length.saturating_mul(DEFLATE_MAX_RATIO));
    npy::read(entry, most).map_err(|e| e.context(format!("{}, {name}", path.display())))
}

/// How a member is packed, for methods that are not read.
fn packed_by(method: CompressionMethod) -> Option<String> {
    Some(match method {
        CompressionMethod::Stored | CompressionMethod::Deflated => return None,
        CompressionMethod::BZIP2 => "one packed by bzip2".to_owned(),
        CompressionMethod::LZMA => "one packed by LZMA".to_owned(),
        CompressionMethod::XZ => "one packed by xz".to_owned(),
        CompressionMethod::ZSTD => "one packed by Zstandard".to_owned(),
        CompressionMethod::DEFLATE64 => "one packed by Deflate64".to_owned(),
        other => format!("a different packing ({other})"),
    })
}

fn damaged(path: &Path, error: &ZipError) -> Error {
    Error::format(format!("{}: expected an .npz archive; got a damaged one ({error})", path.display()))
        .with_hint("write it again with np.savez(FILE, images=images, labels=labels)")
}

/// Arrays that must all be there.
pub(super) fn members<const N: usize>(path: &Path, names: [&str; N]) -> Result<[Raw; N]> {
    let (mut archive, length) = open(path)?;
    let mut found = Vec::with_capacity(N);
    for name in names {
        if archive.index_for_name(&format!("{name}.npy")).is_some() {
            found.push(member(&mut archive, path, length, name)?);
        }
    }
    found.try_into().map_err(|_missing| {
        Error::format(format!("{}: expected the arrays {}", path.display(), names.join(" and ")))
            .with_hint(format!("np.savez(FILE, {0}={0}, {1}={1}) writes them", names[0], names[N - 1]))
    })
}
