//! The record that a fetch leaves beside its files, and whether these are still the same.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weakspot::{Error, ErrorKind, Result, digest, input, output};

use super::check;
use crate::terminal::progress::Progress;

/// Hidden, so that a folder of pictures is a folder of pictures.
const NAME: &str = ".weakspot-fetch.json";

const SCHEMA: &str = "weakspot-fetch/1";

/// A record has a line for each download, of which there are a few.
const LARGEST: u64 = 1 << 20;

/// What was fetched, from where, and what the folder has held since.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    schema: String,
    pub(crate) name: String,
    /// UTC.
    fetched: String,
    version: String,
    licence: String,
    page: String,
    /// What was downloaded, before it was unpacked.
    downloads: Vec<Download>,
    /// Files in the folder, their bytes, and the SHA-256 of their sorted list: `path`, a space, bytes, a space, the
    /// file's own SHA-256 and a line feed each.
    files: usize,
    bytes: u64,
    sha256: String,
}

/// One file that was downloaded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Download {
    pub(crate) file: String,
    pub(crate) from: String,
    /// The SHA-256 that it had to have.
    pub(crate) sha256: String,
    /// `bytes`, or `gunzipped` where the digest is that of the gzip's content.
    pub(crate) of: String,
    /// Whether that digest is the published one, or the user's `--sha256`.
    pub(crate) published: bool,
}

/// What lies in a folder.
#[derive(Debug, PartialEq, Eq)]
struct Tree {
    files: usize,
    bytes: u64,
    sha256: String,
}

impl Record {
    /// Describes a folder and writes the description into it.
    pub(crate) fn write(
        folder: &Path,
        source: &weakspot::dataset::known::Published,
        downloads: Vec<Download>,
        progress: &Progress,
    ) -> Result<()> {
        let tree = tree(folder, progress)?;
        let record = Self {
            schema: SCHEMA.to_owned(),
            name: source.name.to_owned(),
            fetched: crate::system::clock::now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            licence: source.licence.to_owned(),
            page: source.page.to_owned(),
            downloads,
            files: tree.files,
            bytes: tree.bytes,
            sha256: tree.sha256,
        };
        let mut json = serde_json::to_vec_pretty(&record)
            .map_err(|e| Error::new(ErrorKind::Numerical, format!("{NAME} cannot be written: {e}")))?;
        json.push(b'\n');
        output::write_atomic(&folder.join(NAME), &json)
    }

    /// The record in a folder, if a fetch left one.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let bytes = input::read_bounded(&folder.join(NAME), LARGEST).ok()?;
        serde_json::from_slice(&bytes).ok().filter(|record: &Self| record.schema == SCHEMA)
    }

    /// Whether the folder still holds the same files.
    pub(crate) fn holds(&self, folder: &Path, progress: &Progress) -> Result<bool> {
        let expected = Tree { files: self.files, bytes: self.bytes, sha256: self.sha256.clone() };
        Ok(tree(folder, progress)? == expected)
    }
}

/// Every file below a folder but the hidden ones.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        let fail = |e: std::io::Error| Error::io(&next, &e);
        for entry in std::fs::read_dir(&next).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            // Of the entry itself: a link is not followed, and is no file of ours.
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    Ok(found)
}

fn tree(folder: &Path, progress: &Progress) -> Result<Tree> {
    let mut found: Vec<(String, PathBuf)> = files(folder)?
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            (name, path)
        })
        .collect();
    found.sort();
    let mut lengths = Vec::new();
    for (_, path) in &found {
        lengths.push(path.symlink_metadata().map_err(|e| Error::io(path, &e))?.len());
    }
    let bytes = lengths.iter().sum();
    progress.stage_of_bytes("checking the files", bytes);
    let mut list = Sha256::new();
    for ((name, path), length) in found.iter().zip(lengths) {
        let file = File::open(path).map_err(|e| Error::io(path, &e))?;
        list.update(format!("{name} {length} {}\n", check::sha256(file, u64::MAX, progress)?));
    }
    Ok(Tree { files: found.len(), bytes, sha256: digest::hex(&list.finalize()) })
}
