//! One file from one address: resumed where the connection broke, and never longer than allowed.

use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weakspot::progress::Observer as _;
use weakspot::{Error, ErrorKind, Result, input, output};

use super::http::{Client, Event, Failure, Head};
use crate::system::clock::Stopwatch;
use crate::terminal::progress::Progress;

/// Attempts in a row that bring nothing new, and attempts at all, before another address is tried.
const FRUITLESS: u32 = 3;
const ATTEMPTS: u32 = 100;

/// An address and a name that the server gives.
const LONGEST_ORIGIN: u64 = 1 << 16;

/// The first wait after a broken attempt; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A file that is being downloaded: `NAME.part`, and a file beside it that says where it comes from.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
}

/// What a later attempt needs to know.
#[derive(Debug, Serialize, Deserialize)]
struct Origin {
    address: String,
    /// What the server calls this edition.
    validator: Option<String>,
}

/// Why an address gave no file.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It concerns this machine or the user: no other address will help.
    Here(Error),
    /// It concerns the address.
    There(String),
}

/// How one attempt ended.
enum Ended {
    /// The file is here; whether its beginning is from an earlier attempt.
    Whole { resumed: bool },
    /// The connection broke, for this reason and after so many new bytes.
    Broken(String, u64),
}

impl Part {
    /// The part of a file of this name in a folder.
    pub(crate) fn of(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(format!("{name}.part")) }
    }

    fn origin_path(&self) -> PathBuf {
        self.path.with_extension("part.json")
    }

    /// Removes what has been downloaded so far.
    pub(crate) fn remove(&self) -> Result<()> {
        for path in [&self.path, &self.origin_path()] {
            match std::fs::remove_file(path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path, &e)),
                _ => {}
            }
        }
        Ok(())
    }

    /// How much of the file at an address is here, and what the server calls it.
    fn begun(&self, address: &str) -> (u64, Option<String>) {
        let origin = input::read_bounded(&self.origin_path(), LONGEST_ORIGIN).ok();
        let origin: Option<Origin> = origin.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match (origin, self.path.metadata()) {
            (Some(origin), Ok(file)) if origin.address == address => (file.len(), origin.validator),
            _ => (0, None),
        }
    }

    fn remember(&self, address: &str, validator: Option<String>) -> Result<()> {
        let origin = Origin { address: address.to_owned(), validator };
        let json = serde_json::to_vec(&origin)
            .map_err(|e| Error::new(ErrorKind::Numerical, format!("where a part comes from: {e}")))?;
        output::write_atomic(&self.origin_path(), &json)
    }
}

/// Downloads the file at `address` into `part`, in as many attempts as bring something new. Returns whether it was put
/// together from several.
///
/// `size` is what the file is expected to have, `limit` what it may have at most.
pub(crate) fn download(
    client: &Client,
    address: &str,
    part: &Part,
    size: u64,
    limit: u64,
    progress: &Progress,
) -> std::result::Result<bool, Trouble> {
    let name = address.rsplit('/').find(|piece| !piece.is_empty()).unwrap_or(address);
    progress.stage_of_bytes(name, size);
    let (mut fruitless, mut wait) = (0, FIRST_WAIT);
    let mut why = String::new();
    for _ in 0..ATTEMPTS {
        match attempt(client, address, part, limit, progress)? {
            Ended::Whole { resumed } => return Ok(resumed),
            Ended::Broken(reason, new) => {
                why = reason;
                (fruitless, wait) = if new > 0 { (0, FIRST_WAIT) } else { (fruitless + 1, wait) };
                if fruitless == FRUITLESS {
                    break;
                }
            }
        }
        progress.status(&format!("({why}; continuing)"));
        rest(wait, progress).map_err(Trouble::Here)?;
        wait = (wait * 2).min(Duration::from_secs(8));
    }
    Err(Trouble::There(why))
}

fn attempt(
    client: &Client,
    address: &str,
    part: &Part,
    limit: u64,
    progress: &Progress,
) -> std::result::Result<Ended, Trouble> {
    let (begun, validator) = part.begun(address);
    let from = (begun > 0).then_some((begun, validator.as_deref()));
    let answer = client.get(address, from);
    let head = match answer.next(progress) {
        Ok(Event::Head(head)) => head,
        Ok(_) => return Ok(Ended::Broken("an answer without a head".to_owned(), 0)),
        Err(failure) => return ended(failure, 0),
    };
    let first = match first_byte(&head, begun) {
        Ok(first) => first,
        Err(failure) => {
            if head.status == 206 || head.status == 416 {
                part.remove().map_err(Trouble::Here)?;
            }
            return ended(failure, 0);
        }
    };
    let promised = head.length.map(|length| first.saturating_add(length));
    if let Some(promised) = promised.filter(|&promised| promised > limit) {
        return Err(Trouble::There(format!("it offers {promised} bytes, more than the {limit} allowed")));
    }
    let here = |e: std::io::Error| Trouble::Here(Error::io(&part.path, &e).with_hint(DISK));
    if first == 0 {
        part.remove().map_err(Trouble::Here)?;
    }
    part.remember(address, head.validator.or(validator)).map_err(Trouble::Here)?;
    let mut file = File::options().create(true).truncate(false).write(true).open(&part.path).map_err(here)?;
    file.set_len(first).and_then(|()| file.seek(SeekFrom::Start(first))).map_err(here)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    progress.set_done(first);
    let mut length = first;
    let failure = loop {
        match answer.next(progress) {
            Ok(Event::Bytes(bytes)) => {
                length += bytes.len() as u64;
                if length > limit {
                    drop(file);
                    part.remove().map_err(Trouble::Here)?;
                    return Err(Trouble::There(format!("it sends more than the {limit} bytes allowed")));
                }
                file.write_all(&bytes).map_err(here)?;
                progress.advance(bytes.len());
            }
            Ok(Event::Head(_)) => break Failure::Broken("a second head".to_owned()),
            Ok(Event::End) if promised.is_none_or(|promised| promised == length) => {
                file.flush().map_err(here)?;
                return Ok(Ended::Whole { resumed: first > 0 });
            }
            Ok(Event::End) => {
                break Failure::Broken(format!("it ended after {length} of {} bytes", promised.unwrap_or(0)));
            }
            Err(failure) => break failure,
        }
    };
    // The next attempt continues from what has arrived.
    file.flush().map_err(here)?;
    ended(failure, length - first)
}

/// At which byte of the file the body of an answer begins.
fn first_byte(head: &Head, begun: u64) -> std::result::Result<u64, Failure> {
    match (head.status, head.range) {
        (200, _) => Ok(0),
        (206, Some((first, _))) if first == begun && begun > 0 => Ok(first),
        (206, _) => {
            Err(Failure::Broken("it sent a different part from the one that was asked for".to_owned()))
        }
        (416, _) => Err(Failure::Broken("it no longer has the rest of the file".to_owned())),
        (408 | 425 | 429 | 500..=599, _) => Err(Failure::Broken(format!("it answered {}", head.status))),
        (status, _) => Err(Failure::Refused(format!("it answered {status}"))),
    }
}

fn ended(failure: Failure, new: u64) -> std::result::Result<Ended, Trouble> {
    match failure {
        Failure::Interrupted => Err(Trouble::Here(interrupted())),
        Failure::Broken(why) => Ok(Ended::Broken(why, new)),
        Failure::Refused(why) => Err(Trouble::There(why)),
    }
}

/// The hint where the disk refuses.
pub(crate) const DISK: &str =
    "check the free space and the permissions of the folder, or choose another --data-dir";

/// The user's Ctrl-C.
pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped; what has been downloaded so far is kept")
        .with_hint("type the same command again: it continues where it stopped")
}

/// Waits, unless Ctrl-C is pressed.
fn rest(time: Duration, progress: &Progress) -> Result<()> {
    let watch = Stopwatch::start();
    while watch.elapsed() < time {
        if progress.interrupted() {
            return Err(interrupted());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
