//! `cifar-10-binary.tar.gz`, streamed: nothing is written to disk, and no name in it is used as a path.
//!
//! The tar format is that of POSIX.1-1988 ("ustar"): blocks of 512 bytes, a header and then the content of each
//! member; two zero blocks at the end.

use std::io::{BufReader, Read};
use std::path::Path;

use super::{Found, places, records};
use crate::dataset::gzip::Members;
use crate::error::{Error, Result};
use crate::input::open_regular;

const BLOCK: usize = 512;
/// The whole archive unpacks to 184 MB; anything larger is a different file or a bomb.
const MAX_TOTAL: u64 = 1 << 30;
/// The publisher's archive has nine members.
const MAX_MEMBERS: usize = 1_000;

/// Reads the batches and class names out of an archive, members in any order and any folder.
pub(super) fn read(path: &Path) -> Result<Found> {
    let (file, _) = open_regular(path)?;
    let unpacked = Members::new(BufReader::new(file));
    let mut stream = Stream { path, reader: unpacked.take(MAX_TOTAL) };
    let mut found = Found::default();
    for _ in 0..MAX_MEMBERS {
        let Some(member) = stream.header()? else {
            return Ok(found);
        };
        let inside = path.join(&member.name);
        let is_batch = places::batch_names().any(|name| name == member.name);
        let consumed = if !member.regular || !(is_batch || member.name == "batches.meta.txt") {
            0
        } else if is_batch {
            if found.batches.iter().any(|(name, _)| *name == member.name) {
                return Err(stream.wrong("each batch once", &format!("{} twice", member.name)));
            }
            let batch = records::read(&mut stream.reader, member.size, &inside)?;
            found.batches.push((member.name, batch));
            member.size
        } else {
            let mut text = Vec::new();
            let size = member.size.min(records::MAX_NAMES);
            (&mut stream.reader)
                .take(size)
                .read_to_end(&mut text)
                .map_err(|e| records::broken(&inside, &e))?;
            let came = text.len() as u64;
            found.class_names = Some(text);
            came
        };
        stream.skip(member.size.div_ceil(BLOCK as u64) * BLOCK as u64 - consumed)?;
    }
    Err(stream.wrong(&format!("at most {MAX_MEMBERS} members"), "more"))
}

struct Stream<'a, R> {
    path: &'a Path,
    reader: R,
}

/// A member's header.
struct Member {
    /// The last part of its path.
    name: String,
    size: u64,
    /// Whether it is a file: no folder, no link, no extension of the format.
    regular: bool,
}

impl<R: Read> Stream<'_, R> {
    /// The next member, or `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Member>> {
        let mut block = [0; BLOCK];
        self.reader.read_exact(&mut block).map_err(|e| records::broken(self.path, &e))?;
        if block.iter().all(|&byte| byte == 0) {
            // The rest is padding; reading it makes the decoder compare gzip's own checksum.
            std::io::copy(&mut self.reader, &mut std::io::sink())
                .map_err(|e| records::broken(self.path, &e))?;
            return Ok(None);
        }
        // The sum of all bytes of the header, those of the sum itself read as spaces.
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(i, &byte)| if (148..156).contains(&i) { 32 } else { u64::from(byte) })
            .sum();
        if octal(&block[148..156]) != Some(sum) {
            return Err(self.wrong("a tar header", "other bytes"));
        }
        let size = octal(&block[124..136])
            .filter(|&size| size <= MAX_TOTAL)
            .ok_or_else(|| self.wrong(&format!("members of at most {MAX_TOTAL} bytes"), "a larger claim"))?;
        let end = block[..100].iter().position(|&byte| byte == 0).unwrap_or(100);
        let full = String::from_utf8_lossy(&block[..end]).into_owned();
        let name = full.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Some(Member { name, size, regular: matches!(block[156], b'0' | 0) }))
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        let skipped = std::io::copy(&mut (&mut self.reader).take(bytes), &mut std::io::sink())
            .map_err(|e| records::broken(self.path, &e))?;
        if skipped == bytes { Ok(()) } else { Err(self.wrong("a whole archive", "a truncated one")) }
    }

    fn wrong(&self, expected: &str, came: &str) -> Error {
        Error::format(format!("{}: expected {expected}; got {came}", self.path.display()))
            .with_hint(records::AGAIN)
    }
}

/// A number in octal digits, padded with spaces and zero bytes.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}
