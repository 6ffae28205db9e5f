//! `.npz`: a zip archive of `.npy` members, as NumPy's `savez` and `savez_compressed` write it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::npy::{self, DEFLATE_MAX_RATIO};
use super::raw::Raw;
use crate::error::{Error, Result};
use crate::input::open_regular;

/// `images` and, if it is there, `labels`.
pub(super) fn load(path: &Path) -> Result<(Raw, Option<Raw>)> {
    let (file, length) = open_regular(path)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(path, &e))?;
    let Some(images) = member(&mut archive, path, length, "images")? else {
        let mut names: Vec<&str> = archive.file_names().map(|name| name.trim_end_matches(".npy")).collect();
        names.sort_unstable();
        return Err(Error::format(format!(
            "{}: expected an array \"images\"; came {}",
            path.display(),
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        ))
        .with_hint("np.savez(FILE, images=images, labels=labels) writes what is read here"));
    };
    let labels = member(&mut archive, path, length, "labels")?;
    Ok((images, labels))
}

/// One array; `length` is the archive's, in bytes.
fn member(
    archive: &mut ZipArchive<BufReader<File>>,
    path: &Path,
    length: u64,
    name: &str,
) -> Result<Option<Raw>> {
    let entry = match archive.by_name(&format!("{name}.npy")) {
        Ok(entry) => entry,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(e) => return Err(damaged(path, &e)),
    };
    // What the archive says of the unpacked size is a claim as well: hold it against the packed bytes.
    let most = entry.compressed_size().saturating_mul(DEFLATE_MAX_RATIO).min(entry.size());
    let most = most.min(length.saturating_mul(DEFLATE_MAX_RATIO));
    npy::read(entry, most).map(Some).map_err(|e| e.context(format!("{}, {name}", path.display())))
}

fn damaged(path: &Path, error: &ZipError) -> Error {
    Error::format(format!("{}: expected an .npz archive; came a damaged one ({error})", path.display()))
        .with_hint("write it again with np.savez(FILE, images=images, labels=labels)")
}

/// Arrays that must all be there.
pub(super) fn members<const N: usize>(path: &Path, names: [&str; N]) -> Result<[Raw; N]> {
    let (file, length) = open_regular(path)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(path, &e))?;
    let mut found = Vec::with_capacity(N);
    for name in names {
        found.extend(member(&mut archive, path, length, name)?);
    }
    found.try_into().map_err(|_missing| {
        Error::format(format!("{}: expected the arrays {}", path.display(), names.join(" and ")))
            .with_hint(format!("np.savez(FILE, {0}={0}, {1}={1}) writes them", names[0], names[N - 1]))
    })
}
