//! Bytes to disk: whole or not at all.

use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file under a temporary name beside its place, then renames it, so that no reader and no crash
/// ever sees half of it.
///
/// # Errors
/// `Io`, naming the path, when the folder cannot be written or the disk is full.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let fail = |e: &std::io::Error| {
        Error::io(path, e).with_hint("check that the folder exists, is writable and has free space")
    };
    let mut file = tempfile::Builder::new().prefix(".weakspot-").tempfile_in(folder).map_err(|e| fail(&e))?;
    file.write_all(bytes).map_err(|e| fail(&e))?;
    file.as_file().sync_all().map_err(|e| fail(&e))?;
    #[cfg(unix)]
    {
        // A temporary file is private by default; a result should be readable like any other file.
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(|e| fail(&e))?;
    }
    file.persist(path).map_err(|e| fail(&e.error))?;
    Ok(())
}
