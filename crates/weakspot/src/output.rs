//! Bytes to disk: whole or not at all.

use std::collections::BTreeMap;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;

/// Writes a file under a temporary name beside its place, then renames it, so that no reader and no crash
/// ever sees half of it.
///
/// # Errors
/// `Io`, naming the path, when the folder cannot be written or the disk is full.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = begin(path)?;
    file.write_all(bytes).map_err(|e| refused(path, &e))?;
    finish(file, path, true)
}

/// A folder below another, made if it is missing. A link counts as a folder only if it stays inside: what a run
/// writes, and what the setting `force` clears, lies in the run's own folder.
///
/// # Errors
/// `Io`, naming the path, when it cannot be made or leads out of `folder`.
pub fn subfolder(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    stays_inside(folder, &path)?;
    std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, &e))?;
    Ok(path)
}

/// Checks that no link on the way from a folder to a path below it leads out of the folder.
///
/// # Errors
/// `Io`, naming the link and where it leads.
pub fn stays_inside(folder: &Path, path: &Path) -> Result<()> {
    let mut here = folder.to_owned();
    for part in path.strip_prefix(folder).unwrap_or(path).components() {
        here.push(part);
        leads_inside(folder, &here)?;
    }
    Ok(())
}

fn leads_inside(folder: &Path, path: &Path) -> Result<()> {
    if !path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Ok(());
    }
    let to = path.canonicalize().or_else(|_| path.read_link()).map_err(|e| Error::io(path, &e))?;
    if folder.canonicalize().is_ok_and(|folder| to.starts_with(folder)) {
        return Ok(());
    }
    let message = format!(
        "{}: expected a place inside {}; it is a link to {}",
        path.display(),
        folder.display(),
        to.display()
    );
    Err(Error::new(ErrorKind::Io, message).with_hint("remove the link, or choose another folder"))
}

fn refused(path: &Path, e: &std::io::Error) -> Error {
    let error = Error::io(path, e);
    if error.hint().is_some() {
        return error;
    }
    error.with_hint("check that the folder exists, is writable and has free space")
}

/// How the names of temporary files begin; six letters or digits follow.
const TEMPORARY: &str = ".weakspot-";

/// A file under a temporary name in the folder of `path`, locked for as long as it is written: see [`clear_litter`].
fn begin(path: &Path) -> Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let file =
        tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(|e| refused(path, &e))?;
    // On a file system without locks, only the file's age protects it.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Removes temporary files that a killed run left in a folder: those with our names that were last written before
/// the given time and that no process is writing now. Files that cannot be removed stay.
pub fn clear_litter(folder: &Path, before: SystemTime) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)).is_some_and(is_drawn)
            && is_left(&entry.path(), before)
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether a name ends like a random temporary name: in six letters or digits.
pub fn is_drawn(ending: &str) -> bool {
    ending.len() == 6 && ending.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_left(path: &Path, before: SystemTime) -> bool {
    let Ok(found) = path.symlink_metadata() else { return false };
    found.is_file()
        && found.modified().is_ok_and(|written| written < before)
        && std::fs::File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Gives the temporary file its name; with `replace`, a file that already has that name is replaced.
fn finish(file: tempfile::NamedTempFile, path: &Path, replace: bool) -> Result<()> {
    file.as_file().sync_all().map_err(|e| refused(path, &e))?;
    #[cfg(unix)]
    {
        // A temporary file is private by default; a result should be readable like any other file.
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(permissions).map_err(|e| refused(path, &e))?;
    }
    let named = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    match named {
        Ok(_) => Ok(()),
        Err(e) if !replace && e.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::invalid(format!("expected a new file; {} was written meanwhile", path.display()))
                .with_hint(
                    Hint::new()
                        .say("choose another ")
                        .setting("out")
                        .say(", or add ")
                        .setting("force")
                        .say(" to replace it"),
                ))
        }
        Err(e) => Err(refused(path, &e.error)),
    }
}

/// One tensor of a [`TensorFile`].
#[derive(Clone, Debug)]
pub struct TensorSpec {
    /// Name in the file.
    pub name: String,
    /// `F32` or `U8`.
    pub dtype: &'static str,
    /// Shape; axis 0 is written in pieces.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Bytes of one row along axis 0.
    fn row_bytes(&self) -> usize {
        let width = if self.dtype == "U8" { 1 } else { 4 };
        width * self.shape.iter().skip(1).product::<usize>()
    }
}

/// A safetensors file that is written row by row, so that only one batch (or one tensor) is ever in memory. It
/// appears under its name when it is whole.
#[derive(Debug)]
pub struct TensorFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
    /// Name, place of its first byte, bytes per row.
    tensors: Vec<(String, u64, usize)>,
}

impl TensorFile {
    /// Begins a file with these tensors, in this order, and this metadata.
    ///
    /// # Errors
    /// `Io`, naming the path.
    pub fn create(path: &Path, specs: &[TensorSpec], metadata: &BTreeMap<String, String>) -> Result<Self> {
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
        let mut offset = 0;
        let mut places = Vec::new();
        for spec in specs {
            let end = offset + spec.row_bytes() * spec.shape.first().copied().unwrap_or(0);
            let entry =
                serde_json::json!({"dtype": spec.dtype, "shape": spec.shape, "data_offsets": [offset, end]});
            header.insert(spec.name.clone(), entry);
            places.push((spec.name.clone(), offset as u64, spec.row_bytes()));
            offset = end;
        }
        let mut header = serde_json::Value::Object(header).to_string().into_bytes();
        // The format wants the data at a multiple of 8.
        header.resize(header.len().next_multiple_of(8), b' ');
        let start = 8 + header.len() as u64;
        let mut file = begin(path)?;
        file.write_all(&(header.len() as u64).to_le_bytes())
            .and_then(|()| file.write_all(&header))
            .and_then(|()| file.as_file().set_len(start + offset as u64))
            .map_err(|e| refused(path, &e))?;
        let tensors = places.into_iter().map(|(name, offset, row)| (name, start + offset, row)).collect();
        Ok(Self { file, path: path.to_owned(), tensors })
    }

    /// Writes little-endian rows of one tensor, from row `first` on.
    ///
    /// # Errors
    /// `Io`, naming the path; `InvalidParameter` for a tensor that was not announced.
    pub fn write_rows(&mut self, name: &str, first: usize, bytes: &[u8]) -> Result<()> {
        let Some(&(_, start, row)) = self.tensors.iter().find(|(n, ..)| *n == name) else {
            return Err(Error::invalid(format!(
                "no tensor {name} was announced for {}",
                self.path.display()
            )));
        };
        self.file
            .seek(SeekFrom::Start(start + (first * row) as u64))
            .and_then(|_| self.file.write_all(bytes))
            .map_err(|e| refused(&self.path, &e))
    }

    /// Moves the file to its place and replaces a file that is there.
    ///
    /// # Errors
    /// `Io`, naming the path.
    pub fn finish(self) -> Result<()> {
        finish(self.file, &self.path, true)
    }

    /// Moves the file to its place, which must be empty.
    ///
    /// # Errors
    /// `Io`, naming the path; `InvalidParameter` if another file came first, which stays.
    pub fn finish_new(self) -> Result<()> {
        finish(self.file, &self.path, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn temporary_files_of_killed_runs_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let hour = Duration::from_hours(1);
        let before = SystemTime::UNIX_EPOCH + 1000 * hour;
        let old = |path: &Path| {
            std::fs::File::options().write(true).open(path).unwrap().set_modified(before - hour).unwrap();
        };
        for name in [".weakspot-a1B2c3", ".weakspot-fetch.json", ".weakspot-mine", "weakspot-a1B2c3", "notes"]
        {
            write_atomic(&at(name), b"").unwrap();
            old(&at(name));
        }
        std::fs::create_dir(at(".weakspot-folder")).unwrap();
        write_atomic(&at(".weakspot-young1"), b"").unwrap();
        // One that a slow process is still writing.
        let written = begin(&at("result")).unwrap();
        old(written.path());
        clear_litter(folder.path(), before);
        assert!(!at(".weakspot-a1B2c3").exists());
        for name in [".weakspot-fetch.json", ".weakspot-mine", "weakspot-a1B2c3", "notes", ".weakspot-young1"]
        {
            assert!(at(name).exists(), "{name}");
        }
        assert!(at(".weakspot-folder").exists() && written.path().exists());
        finish(written, &at("result"), true).unwrap();
        clear_litter(&at("absent"), before);
    }

    #[test]
    fn of_two_that_write_one_new_file_the_second_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.safetensors");
        let file = |byte: u8| {
            let spec = TensorSpec { name: "a".to_owned(), dtype: "U8", shape: vec![1] };
            let mut file = TensorFile::create(&path, &[spec], &BTreeMap::new()).unwrap();
            file.write_rows("a", 0, &[byte]).unwrap();
            file
        };
        let last = || std::fs::read(&path).unwrap().pop();
        let (first, second) = (file(1), file(2));
        first.finish_new().unwrap();
        let told = second.finish_new().unwrap_err();
        assert!(told.to_string().contains("written meanwhile") && told.hint().unwrap().contains("add force"));
        assert_eq!(last(), Some(1), "the first one's stays");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left of the second");
        file(3).finish().unwrap();
        assert_eq!(last(), Some(3));
    }

    #[test]
    fn a_file_written_row_by_row_reads_back_as_safetensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.safetensors");
        let specs = [
            TensorSpec { name: "b".to_owned(), dtype: "F32", shape: vec![2, 3] },
            TensorSpec { name: "a".to_owned(), dtype: "U8", shape: vec![2, 2] },
        ];
        let mut file =
            TensorFile::create(&path, &specs, &BTreeMap::from([("k".into(), "v".into())])).unwrap();
        for row in 0..2u8 {
            let floats: Vec<u8> = (0..3u8).flat_map(|i| f32::from(10 * row + i).to_le_bytes()).collect();
            file.write_rows("b", usize::from(row), &floats).unwrap();
            file.write_rows("a", usize::from(row), &[row, 7]).unwrap();
        }
        assert!(!path.exists(), "nothing is visible before it is whole");
        file.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("a").unwrap().data(), [0, 7, 1, 7]);
        assert_eq!(tensors.tensor("b").unwrap().shape(), [2, 3]);
        assert_eq!(tensors.tensor("b").unwrap().data()[12..16], 10f32.to_le_bytes());
    }
}
