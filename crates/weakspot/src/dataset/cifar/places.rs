//! Where CIFAR-10 may lie, and the error if it is not there.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::{Found, TRAIN_BATCHES, records};
use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;
use crate::input::open_regular;

/// The publisher's archive.
const ARCHIVE: &str = "cifar-10-binary.tar.gz";
/// The folder inside it.
const FOLDER: &str = "cifar-10-batches-bin";

/// Where the data set is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Folder(PathBuf),
    Archive(PathBuf),
}

/// The first place below `place` that has a batch, else the first that has the archive.
pub(super) fn find(place: &Path) -> Result<Place> {
    if place.is_file() {
        return Ok(Place::Archive(place.to_owned()));
    }
    let inside = place.join("cifar10");
    let folders = [place.to_owned(), place.join(FOLDER), inside.clone(), inside.join(FOLDER)];
    let has_batch = |folder: &&PathBuf| batch_names().any(|name| folder.join(name).is_file());
    if let Some(folder) = folders.iter().find(has_batch) {
        return Ok(Place::Folder(folder.clone()));
    }
    let archives = [place.join(ARCHIVE), inside.join(ARCHIVE)];
    if let Some(archive) = archives.into_iter().find(|path| path.is_file()) {
        return Ok(Place::Archive(archive));
    }
    let python = ["cifar-10-batches-py", "cifar-10-python.tar.gz"];
    if let Some(name) = python.into_iter().find(|name| place.join(name).exists()) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{}: expected the binary version of CIFAR-10; got the Python version, {name}, whose files run \
                  code when they are read",
                place.display()
            ),
        )
        .with_hint(format!("fetch {ARCHIVE} from the publisher, https://www.cs.toronto.edu/~kriz/cifar.html")));
    }
    Err(incomplete(place))
}

/// The names of the batches.
pub(super) fn batch_names() -> impl Iterator<Item = String> {
    (1..=TRAIN_BATCHES)
        .map(|i| format!("data_batch_{i}.bin"))
        .chain(std::iter::once("test_batch.bin".to_owned()))
}

/// The files of the data set that are in a folder.
pub(super) fn read_folder(folder: &Path) -> Result<Found> {
    let mut found = Found::default();
    for name in batch_names() {
        let path = folder.join(&name);
        if !path.is_file() {
            continue;
        }
        let (mut reader, length) = open(&path)?;
        found.batches.push((name, records::read(&mut reader, length, &path)?));
    }
    let names = folder.join("batches.meta.txt");
    if names.is_file() {
        let mut text = Vec::new();
        let (reader, _) = open(&names)?;
        reader.take(records::MAX_NAMES).read_to_end(&mut text).map_err(|e| records::broken(&names, &e))?;
        found.class_names = Some(text);
    }
    Ok(found)
}

fn open(path: &Path) -> Result<(BufReader<File>, u64)> {
    let (file, length) = open_regular(path)?;
    Ok((BufReader::with_capacity(1 << 16, file), length))
}

/// No test batch, or no training batch at all.
pub(super) fn incomplete(place: &Path) -> Error {
    Error::new(
        ErrorKind::Io,
        format!(
            "cifar10: expected test_batch.bin and at least one of data_batch_1.bin to \
             data_batch_{TRAIN_BATCHES}.bin, or {ARCHIVE}; looked in {} and its folders {FOLDER} and cifar10",
            place.display()
        ),
    )
    .with_hint(
        Hint::new()
            .say(format!(
                "fetch {ARCHIVE} from https://www.cs.toronto.edu/~kriz/cifar.html and pass its folder: "
            ))
            .set("data-dir", "DIR")
            .say(", or put it in the folder cifar10 of WEAKSPOT_DATA"),
    )
}
