//! The rules for every archive, whatever its format: an archive is somebody else's program for writing files.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use weakspot::progress::Observer as _;
use weakspot::{Error, Result};

use super::download::{DISK, interrupted};
use crate::terminal::progress::Progress;
use weakspot::dataset::known::Unpacked;

/// The largest of our archives has 27,562 members.
const MEMBERS: usize = 100_000;

/// The longest name in ours has 81 bytes, the deepest three folders.
const NAME_BYTES: usize = 240;
const NAME_DEPTH: usize = 8;

/// Pictures are compressed already and come out as large as they go in; text and deflate together reach 10 or 20. An
/// archive that swells more was made to fill disks.
pub(crate) const RATIO: u64 = 100;

/// Members shorter than this may swell as they like: it does no harm.
const SMALL: u64 = 1 << 20;

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// Unpacks into one folder, and refuses what no honest archive holds.
#[derive(Debug)]
pub(crate) struct Unpacker<'a> {
    into: &'a Path,
    what: &'a Unpacked,
    /// Names so far, in lower case: some file systems see no difference.
    names: HashSet<String>,
    total: u64,
    kept: Vec<usize>,
    /// Files written.
    pub(crate) files: usize,
}

impl<'a> Unpacker<'a> {
    /// Writes below `into`, which exists and is empty.
    pub(crate) fn new(into: &'a Path, what: &'a Unpacked) -> Result<Self> {
        for (_, folder, _) in what.folders {
            let path = into.join(folder);
            std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, &e).with_hint(DISK))?;
        }
        let kept = vec![0; what.folders.len()];
        Ok(Self { into, what, names: HashSet::new(), total: 0, kept, files: 0 })
    }

    /// Checks a member's name. Returns where the member belongs, if it is kept.
    pub(crate) fn admit(&mut self, raw: &[u8]) -> Result<Option<PathBuf>> {
        let shown = String::from_utf8_lossy(raw).into_owned();
        let name = std::str::from_utf8(raw).map_err(|_e| hostile(&shown, "its name is not UTF-8"))?;
        let trimmed = name.strip_suffix('/').unwrap_or(name);
        let parts: Vec<&str> = trimmed.split('/').collect();
        if trimmed.len() > NAME_BYTES || parts.len() > NAME_DEPTH {
            return Err(hostile(&shown, "its name is too long or too deep"));
        }
        if let Some(why) = parts.iter().find_map(|part| refused(part)) {
            return Err(hostile(&shown, why));
        }
        if self.names.len() >= MEMBERS {
            return Err(Error::format(format!("the archive has more than {MEMBERS} members")));
        }
        if !self.names.insert(trimmed.to_lowercase()) {
            return Err(hostile(&shown, "there are two members of this name"));
        }
        let Some((file, folder)) = parts.split_last().filter(|_| !name.ends_with('/')) else {
            return Ok(None);
        };
        let folder = folder.join("/");
        let place = self.what.folders.iter().position(|(from, _, ending)| {
            *from == folder && file.to_lowercase().ends_with(ending) && !file.starts_with('.')
        });
        Ok(place.map(|place| {
            self.kept[place] += 1;
            self.into.join(self.what.folders[place].1).join(file)
        }))
    }

    /// Refuses a member that claims to swell beyond reason.
    pub(crate) fn allow(name: &[u8], packed: u64, unpacked: u64) -> Result<()> {
        if unpacked > SMALL && unpacked / RATIO > packed {
            let shown = String::from_utf8_lossy(name);
            return Err(hostile(&shown, &format!("{packed} bytes claim to hold {unpacked}")));
        }
        Ok(())
    }

    /// Reads a member of `length` bytes to its end, into its place if it has one.
    pub(crate) fn take(
        &mut self,
        name: &[u8],
        mut member: impl Read,
        length: u64,
        place: Option<&Path>,
        progress: &Progress,
    ) -> Result<()> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let broken = |e: std::io::Error| hostile(&shown, &format!("it cannot be read to its end: {e}"));
        let mut file = match place {
            // Not through a link, and not over anything: the folder is ours and new.
            Some(place) => Some((
                place,
                BufWriter::new(File::create_new(place).map_err(|e| Error::io(place, &e).with_hint(DISK))?),
            )),
            None => None,
        };
        let (mut piece, mut read) = (vec![0; PIECE], 0u64);
        loop {
            if progress.interrupted() {
                return Err(interrupted());
            }
            let n = member.read(&mut piece).map_err(broken)?;
            if n == 0 {
                break;
            }
            read += n as u64;
            self.total += n as u64;
            if read > length {
                return Err(hostile(&shown, &format!("it is longer than the {length} bytes it claims")));
            }
            if self.total > self.what.largest {
                return Err(Error::format(format!(
                    "the archive unpacks to more than {} bytes; no honest edition does",
                    self.what.largest
                )));
            }
            if let Some((place, file)) = &mut file {
                file.write_all(&piece[..n]).map_err(|e| Error::io(place, &e).with_hint(DISK))?;
            }
        }
        if read != length {
            return Err(hostile(&shown, &format!("it ends after {read} of the {length} bytes it claims")));
        }
        if let Some((place, mut file)) = file {
            file.flush().map_err(|e| Error::io(place, &e).with_hint(DISK))?;
            self.files += 1;
        }
        Ok(())
    }

    /// Checks that every expected folder was in the archive.
    pub(crate) fn finish(&self) -> Result<()> {
        let missing = self.kept.iter().position(|&n| n == 0);
        missing.map_or(Ok(()), |place| {
            let (folder, _, ending) = self.what.folders[place];
            let files = if ending.is_empty() { "files".to_owned() } else { format!("{ending} files") };
            Err(Error::format(format!("expected {files} in the archive's folder {folder}; there are none")))
        })
    }
}

/// Why a part of a name is refused.
fn refused(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("its name is absolute or has an empty part"),
        "." | ".." => Some("its name leads out of the folder"),
        _ if part.contains(['\\', ':']) => Some("its name is a path of another system"),
        _ if part.chars().any(char::is_control) => Some("its name has control characters"),
        _ if part.ends_with([' ', '.']) => Some("its name ends in a space or a dot"),
        _ => None,
    }
}

/// A member that no honest archive holds.
pub(crate) fn hostile(name: &str, why: &str) -> Error {
    // The name is shown with escapes: it may hold control sequences of a terminal.
    Error::format(format!("the archive's member {name:?} is refused: {why}"))
        .with_hint("nothing was kept; fetch the publisher's edition, or check the file that --from names")
}
