//! Files that others made: opened only if they are regular files, read only up to a length.
//!
//! Opening a named pipe waits until somebody writes to it, and a device may never end. What a path leads to is
//! therefore checked before it is opened, and again afterwards, because the name may lead elsewhere by then.

use std::fs::{File, FileType, Metadata};
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Why a path was not opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The file system refused.
    Io(std::io::Error),
    /// It is not a file but this, with its article: "a named pipe".
    NoFile(&'static str),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens a file and tells its length in bytes. Links are followed.
///
/// # Errors
/// `Io`, naming the path: for what does not exist or cannot be read, and for folders, pipes, sockets and devices, which
/// are not opened.
pub fn open_regular(path: &Path) -> Result<(File, u64)> {
    open(path).map_err(|refused| match refused {
        Refused::Io(e) => Error::io(path, &e).with_hint("check that the file exists and is readable"),
        Refused::NoFile(came) => {
            Error::new(ErrorKind::Io, format!("{}: expected a file; got {came}", path.display()))
                .with_hint("name a file; save the output of a pipe to a file first")
        }
    })
}

/// Reads a whole file of at most `most` bytes.
///
/// The length is compared with `most` before anything is allocated, and a file that grows meanwhile is read no further.
///
/// # Errors
/// `Io` as [`open_regular`]; `Format` for a longer file.
pub fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    let (file, length) = open_regular(path)?;
    let mut bytes = Vec::new();
    if length <= most {
        // One byte more, to notice a file that is longer than it said.
        file.take(most.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io(path, &e).with_hint("check that the file is readable, and try again"))?;
    }
    let came = length.max(bytes.len() as u64);
    if came > most {
        return Err(Error::format(format!(
            "{}: expected a file of at most {most} bytes; got {came}",
            path.display()
        ))
        .with_hint("name another file: this one is too large to be the right one"));
    }
    Ok(bytes)
}

/// As [`open_regular`], for callers that word the error themselves.
pub(crate) fn open(path: &Path) -> Result<(File, u64), Refused> {
    check(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata.len()))
}

fn check(metadata: &Metadata) -> Result<(), Refused> {
    if metadata.is_file() { Ok(()) } else { Err(Refused::NoFile(named(metadata.file_type()))) }
}

/// What it is instead of a file, with its article.
fn named(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "something that is not a file"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::write_atomic;

    #[test]
    fn a_file_is_read_up_to_a_length_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomic(&path, b"12345").unwrap();
        assert_eq!(open_regular(&path).unwrap().1, 5);
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        let error = read_bounded(&path, 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().contains("at most 4 bytes; got 5"), "{error}");
        for path in [folder.path(), &folder.path().join("absent")] {
            let error = read_bounded(path, 9).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.hint().is_some());
        }
    }

    #[cfg(unix)]
    #[test]
    fn pipes_sockets_and_devices_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, socket] = ["pipe", "socket"].map(|name| folder.path().join(name));
        // Without a writer, opening it would wait for ever.
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, came) in
            [(&*pipe, "a named pipe"), (&*socket, "a socket"), (Path::new("/dev/zero"), "a device")]
        {
            let error = open_regular(path).unwrap_err();
            assert!(error.to_string().contains(&format!("expected a file; got {came}")), "{error}");
            assert_eq!(error.kind(), ErrorKind::Io);
        }
    }
}
