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

/// Images and, if they are there, labels.
pub(super) fn load(path: &Path) -> Result<Found> {
    let file = File::open(path)
        .map_err(|e| Error::io(path, &e).with_hint("check that the file exists and is readable"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(path, &e))?;
    let mut found: Vec<&str> = archive.file_names().filter_map(|name| name.strip_suffix(".npy")).collect();
    found.sort_unstable();
    let chosen = names::choose(&found, "an array").map_err(|e| e.context(path.display()))?;
    let images = member(&mut archive, path, &chosen.images)?;
    let labels = match &chosen.labels {
        None => None,
        Some(name) => Some(member(&mut archive, path, name)?),
    };
    Ok(Found { images, labels, notes: chosen.note.into_iter().collect() })
}

fn member(archive: &mut ZipArchive<BufReader<File>>, path: &Path, name: &str) -> Result<Raw> {
    let index = archive
        .index_for_name(&format!("{name}.npy"))
        .ok_or_else(|| damaged(path, &ZipError::FileNotFound))?;
    let packing = archive.by_index_raw(index).map_err(|e| damaged(path, &e))?.compression();
    if let Some(other) = packed_by(packing) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{}, {name}: expected an array stored or packed by deflate; came {other}",
                path.display()
            ),
        )
        .with_hint("np.savez_compressed(FILE, images=images, labels=labels) packs by deflate"));
    }
    let entry = archive.by_index(index).map_err(|e| damaged(path, &e))?;
    // What the archive says of the unpacked size is a claim as well: hold it against the packed bytes.
    let most = entry.compressed_size().saturating_mul(DEFLATE_MAX_RATIO).min(entry.size());
    let length = std::fs::metadata(path).map_or(u64::MAX, |m| m.len()).saturating_mul(DEFLATE_MAX_RATIO);
    npy::read(entry, most.min(length)).map_err(|e| e.context(format!("{}, {name}", path.display())))
}

/// What a member is packed by where that is not read.
fn packed_by(method: CompressionMethod) -> Option<String> {
    Some(match method {
        CompressionMethod::Stored | CompressionMethod::Deflated => return None,
        CompressionMethod::BZIP2 => "one packed by bzip2".to_owned(),
        CompressionMethod::LZMA => "one packed by LZMA".to_owned(),
        CompressionMethod::XZ => "one packed by xz".to_owned(),
        CompressionMethod::ZSTD => "one packed by Zstandard".to_owned(),
        CompressionMethod::DEFLATE64 => "one packed by Deflate64".to_owned(),
        other => format!("another packing ({other})"),
    })
}

fn damaged(path: &Path, error: &ZipError) -> Error {
    Error::format(format!("{}: expected an .npz archive; came a damaged one ({error})", path.display()))
        .with_hint("write it again with np.savez(FILE, images=images, labels=labels)")
}
