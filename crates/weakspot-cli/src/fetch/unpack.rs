//! Zip and gzipped tar, read member by member under the rules of [`archive`](super::archive).

use std::fs::File;
use std::io::{BufReader, Error as IoError, Read, Seek as _, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use weakspot::progress::Observer as _;
use weakspot::{Error, Result};
use zip::ZipArchive;

use super::archive::{RATIO, Unpacker, hostile};
use crate::terminal::progress::Progress;
use weakspot::dataset::known::Unpacked;

/// Unpacks a zip archive. Returns how many files were kept.
///
/// # Errors
/// `Format` for an archive that is broken or hostile; `Io`; `Interrupted`.
pub(crate) fn zip(archive: &Path, into: &Path, what: &Unpacked, progress: &Progress) -> Result<usize> {
    let bad = |e: zip::result::ZipError| Error::format(format!("{}: {e}", archive.display()));
    let open = || File::open(archive).map_err(|e| Error::io(archive, &e));
    let mut zip = ZipArchive::new(BufReader::new(open()?)).map_err(bad)?;
    // The reader keeps one of two members of the same name, and does not say so.
    let entries = directory_entries(open()?, zip.central_directory_start())
        .map_err(|e| Error::format(format!("{}: its directory: {e}", archive.display())))?;
    if entries != zip.len() {
        return Err(Error::format(format!(
            "{}: {entries} members have {} names: two members share one",
            archive.display(),
            zip.len()
        )));
    }
    let mut unpacker = Unpacker::new(into, what)?;
    progress.stage("unpacking", zip.len());
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).map_err(bad)?;
        let name = member.name_raw().to_vec();
        let shown = String::from_utf8_lossy(&name).into_owned();
        // Systems that know no types write 0.
        let kind = member.unix_mode().unwrap_or(0) & 0o170_000;
        if member.encrypted() {
            return Err(hostile(&shown, "it is encrypted"));
        }
        if member.is_symlink() || !matches!(kind, 0 | 0o040_000 | 0o100_000) {
            return Err(hostile(&shown, "it is a link or a device"));
        }
        let place = unpacker.admit(&name)?;
        let (length, packed) = (member.size(), member.compressed_size());
        if member.is_dir() && length > 0 {
            return Err(hostile(&shown, "it is a folder that holds bytes"));
        }
        Unpacker::allow(&name, packed, length)?;
        unpacker.take(&name, &mut member, length, place.as_deref(), progress)?;
        progress.advance(1);
    }
    unpacker.finish()?;
    Ok(unpacker.files)
}

/// Entries of the central directory that begins at `start`, counted by walking along them.
fn directory_entries(file: File, start: u64) -> Result<usize, IoError> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(start))?;
    let mut entries = 0;
    loop {
        let mut signature = [0; 4];
        reader.read_exact(&mut signature)?;
        if &signature != b"PK\x01\x02" {
            return Ok(entries);
        }
        // 42 more bytes; the lengths of name, extra field and comment stand 24 bytes into them.
        let mut fields = [0; 42];
        reader.read_exact(&mut fields)?;
        let length = |at: usize| i64::from(u16::from_le_bytes([fields[at], fields[at + 1]]));
        reader.seek_relative(length(24) + length(26) + length(28))?;
        entries += 1;
    }
}

/// Unpacks a gzipped tar archive. Returns how many files were kept.
///
/// # Errors
/// As [`zip`].
pub(crate) fn tar_gz(archive: &Path, into: &Path, what: &Unpacked, progress: &Progress) -> Result<usize> {
    let bad = |e: IoError| Error::format(format!("{}: {e}", archive.display()));
    let file = File::open(archive).map_err(|e| Error::io(archive, &e))?;
    let packed = file.metadata().map_err(|e| Error::io(archive, &e))?.len();
    // Names and padding count too: nothing beyond this is ever inflated.
    let limit = what.largest.min(packed.saturating_mul(RATIO)).saturating_add(1 << 20);
    let inflated = Bounded { inner: MultiGzDecoder::new(BufReader::new(file)), left: limit };
    let mut tar = tar::Archive::new(inflated);
    let mut unpacker = Unpacker::new(into, what)?;
    progress.stage_of_bytes("unpacking", what.largest.min(packed.saturating_mul(2)));
    // Raw: long names and extended headers would be read into memory before anyone could object.
    for member in tar.entries().map_err(bad)?.raw(true) {
        let member = member.map_err(bad)?;
        let name = member.path_bytes().into_owned();
        let kind = member.header().entry_type();
        if kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        if !kind.is_file() && !kind.is_dir() {
            let shown = String::from_utf8_lossy(&name);
            return Err(hostile(&shown, "it is a link, a device or of an unknown kind"));
        }
        let length = member.size();
        let place = unpacker.admit(&name)?.filter(|_| kind.is_file());
        unpacker.take(&name, member, length, place.as_deref(), progress)?;
        progress.advance(usize::try_from(length).unwrap_or(0));
    }
    // Reads on to the end of the gzip, where its checksum is.
    let mut rest = tar.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(bad)?;
    unpacker.finish()?;
    Ok(unpacker.files)
}

/// A reader that fails where there is more than allowed.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, IoError> {
        let n = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| IoError::other("it unpacks to more than any honest edition"))?;
        Ok(n)
    }
}
