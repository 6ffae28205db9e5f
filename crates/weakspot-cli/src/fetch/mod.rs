//! Downloads that can be trusted: found, fetched, checked against a published digest, and only then put in place.

mod archive;
mod catalog;
mod check;
mod download;
mod from;
mod http;
mod record;
mod timm;
mod unpack;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::HumanBytes;
use weakspot::dataset::known::{Layout, Published, PublishedFile, Sum};
use weakspot::hint::Setting;
use weakspot::progress::Observer as _;
use weakspot::{Error, ErrorKind, Result, input, output};

use crate::terminal::output::flag;
use crate::terminal::progress::Progress;
use download::{DISK, Part, Trouble, download};
use from::Place;
use http::Client;
use record::{Download, Record};

pub(crate) use catalog::{names, source, sources};

/// Where downloads wait until they are complete and checked: inside the root, so that a renaming puts them in place.
const WAITING: &str = ".fetch";

/// The largest file where the user gives the digest: nothing else says how large it may be.
const LARGEST: u64 = 8 << 30;

/// Whether neither a folder, nor the folder of that name in it, holds every file of a source that is placed as it is.
pub(crate) fn is_incomplete(name: &str, folder: &Path) -> bool {
    let Some(source) = source(name).filter(|source| matches!(source.layout, Layout::AsIs)) else {
        return false;
    };
    let whole = |folder: &Path| source.files.iter().all(|file| from::in_folder(folder, file.name).is_some());
    !whole(folder) && !whole(&folder.join(name))
}

/// How to fetch.
#[derive(Debug)]
pub(crate) struct Fetcher<'a> {
    /// The folder of the data sets.
    pub(crate) root: &'a Path,
    /// `--from`; empty for the publishers.
    pub(crate) from: &'a [String],
    /// `--sha256`.
    pub(crate) sha256: Option<&'a str>,
    /// How long a server may be silent.
    pub(crate) patience: Duration,
    /// `--force`.
    pub(crate) force: bool,
    pub(crate) progress: &'a Progress,
}

/// A file that has been checked, and where it came from.
#[derive(Debug)]
struct Checked {
    path: PathBuf,
    from: String,
}

impl Fetcher<'_> {
    /// Fetches one source and returns its folder.
    ///
    /// # Errors
    /// `Io` where no address gives the file, `Format` where the file is not the published one, `InvalidParameter`
    /// for settings that do not fit, `Interrupted`.
    pub(crate) fn fetch(&self, source: &Published) -> Result<PathBuf> {
        let places = from::places(source, self.from)?;
        if self.sha256.is_some() && source.files.len() > 1 {
            return Err(Error::invalid(format!(
                "--sha256 is the digest of a single file; {} has {}",
                source.name,
                source.files.len()
            ))
            .with_hint("leave --sha256 out"));
        }
        let target = self.root.join(source.name);
        if self.is_here(source, &target)? {
            self.progress.end_stage();
            self.progress.note(&format!("{}: whole and unchanged in {}", source.name, target.display()));
            return Ok(target);
        }
        let bytes: u64 = source.files.iter().map(|file| file.size).sum();
        self.progress.note(&format!("{}: {}, {}", source.name, source.what, HumanBytes(bytes)));
        self.progress.note(&format!("licence: {} ({})", source.licence, source.page));

        let waiting = self.root.join(WAITING);
        let fail = |e: std::io::Error| Error::io(&waiting, &e).with_hint(DISK);
        std::fs::create_dir_all(&waiting).map_err(fail)?;
        let (_lock, alone) = lock(&waiting.join(format!("{}.lock", source.name)))?;
        if alone {
            // Files that a killed fetch was laying out are of no use.
            clear_staging(&waiting, source.name);
        }
        let mut checked = Vec::new();
        for file in source.files {
            checked.push(self.obtain(source, file, &places, &waiting)?);
        }
        let staging = tempfile::Builder::new().prefix(source.name).tempdir_in(&waiting).map_err(fail)?;
        let new = staging.path().join("new");
        std::fs::create_dir(&new).map_err(fail)?;
        let files = self.lay_out(source, &checked, &new)?;
        Record::write(&new, source, self.downloads(source, &checked), self.progress)?;
        self.progress.end_stage();
        place(&new, &target, &staging.path().join("old"))?;
        for file in source.files {
            Part::of(&waiting, &part_name(source, file)).remove()?;
        }
        self.progress.note(&format!("{}: {files} files in {}, checked", source.name, target.display()));
        if let Some(remark) = source.remark {
            self.progress.note(&remark().worded(flag));
        }
        self.progress.note(&format!("next: {}", self.next(source, &target)));
        Ok(target)
    }

    /// What to type next.
    fn next(&self, source: &Published, target: &Path) -> String {
        if let Layout::TimmVgg = source.layout {
            return format!("weakspot train FOLDER --init {}", target.join(timm::FILE).display());
        }
        let mut line = format!("weakspot study {}", source.name);
        for &(name, value) in source.first_study {
            let value = Some(value.to_owned()).filter(|value| !value.is_empty());
            line.extend([" ", &flag(&Setting { name, value })]);
        }
        if !crate::data::cache::root().is_ok_and(|root| root == self.root) {
            line.extend([" --data-dir ", &self.root.display().to_string()]);
        }
        line
    }

    /// Whether an earlier fetch left all of it, unchanged; an error where something else lies there.
    fn is_here(&self, source: &Published, target: &Path) -> Result<bool> {
        let fail = |e: std::io::Error| Error::io(target, &e);
        // Of the place itself: a link is somebody else's, wherever it leads.
        let Ok(found) = target.symlink_metadata() else { return Ok(false) };
        if found.is_dir() && std::fs::read_dir(target).map_err(fail)?.next().is_none() {
            return Ok(false);
        }
        if let Some(record) = found.is_dir().then(|| Record::read(target)).flatten() {
            if self.force {
                return Ok(false);
            }
            if record.holds(target, self.progress)? {
                return Ok(true);
            }
            self.progress
                .note(&format!("{}: changed since it was fetched; it is fetched again", source.name));
            return Ok(false);
        }
        if self.users_own_is_whole(source, target)? {
            return Ok(true);
        }
        Err(Error::invalid(format!(
            "{} holds something that weakspot fetch did not put there; it is left as it is",
            target.display()
        ))
        .with_hint("choose another folder with --data-dir, or move it away"))
    }

    /// Whether a user's own files are those that were published; known of single files only.
    fn users_own_is_whole(&self, source: &Published, target: &Path) -> Result<bool> {
        if !matches!(source.layout, Layout::AsIs) || !target.is_dir() {
            return Ok(false);
        }
        for file in source.files {
            let Some(path) = from::in_folder(target, file.name) else { return Ok(false) };
            if check::differs(&path, &file.sum, None, self.progress)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gets one file from the first place that has it, and checks it.
    fn obtain(
        &self,
        source: &Published,
        file: &PublishedFile,
        places: &[Place],
        waiting: &Path,
    ) -> Result<Checked> {
        let part = Part::of(waiting, &part_name(source, file));
        // A gzip's length is not part of what was published, and an edition of the user's own may have any.
        let limit = if self.sha256.is_some() { LARGEST } else { file.size.saturating_mul(2) + (1 << 20) };
        let mut client = None;
        let mut reasons = Vec::new();
        for place in places {
            let address = match place.of(file.name) {
                from::Found::Local(path) => {
                    match check::differs(&path, &file.sum, self.sha256, self.progress)? {
                        None => return Ok(Checked { from: path.display().to_string(), path }),
                        Some(why) => reasons.push(format!("{}: {why}", path.display())),
                    }
                    continue;
                }
                from::Found::Missing(why) => {
                    reasons.push(why);
                    continue;
                }
                from::Found::Address(address) => address,
            };
            let client: &Client = match &mut client {
                Some(client) => client,
                None => client.insert(self.client()?),
            };
            // A resumed file may have been begun from another edition, in an earlier run or before the connection
            // broke: then it is downloaded once more, from its start.
            let mut again = true;
            // Earlier failures are reported where another address is tried; otherwise the error lists them.
            for reason in &reasons {
                self.progress.note(&format!("{reason}; trying {address}"));
            }
            loop {
                let resumed = match download(client, &address, &part, file.size, limit, self.progress) {
                    Ok(resumed) => resumed,
                    Err(Trouble::Here(error)) => return Err(error),
                    Err(Trouble::There(why)) => {
                        reasons.push(format!("{address}: {why}"));
                        break;
                    }
                };
                match check::differs(&part.path, &file.sum, self.sha256, self.progress)? {
                    None => return Ok(Checked { path: part.path, from: address }),
                    Some(_) if resumed && again => again = false,
                    Some(why) => {
                        reasons.push(format!("{address}: {why}"));
                        part.remove()?;
                        break;
                    }
                }
                part.remove()?;
            }
        }
        Err(Error::new(
            ErrorKind::Io,
            format!("{}: no place had {} as it was published: {}", source.name, file.name, reasons.join("; ")),
        )
        .with_hint(format!(
            "behind a proxy, set HTTPS_PROXY; or download {} yourself and type weakspot fetch {} --from FOLDER",
            file.name, source.name
        )))
    }

    fn client(&self) -> Result<Client> {
        let client = Client::new(self.patience)?;
        if let Some(proxy) = http::proxy_in_words() {
            self.progress.note(&format!("through the proxy {proxy}"));
        }
        Ok(client)
    }

    /// Fills the new folder of a source with its files. Returns how many it holds.
    fn lay_out(&self, source: &Published, checked: &[Checked], new: &Path) -> Result<usize> {
        let Some(first) = checked.first() else { return Ok(0) };
        match &source.layout {
            Layout::AsIs => {
                for (file, checked) in source.files.iter().zip(checked) {
                    let name = if check::is_gzip(&checked.path)? {
                        file.name
                    } else {
                        file.name.trim_end_matches(".gz")
                    };
                    let to = new.join(name);
                    std::fs::copy(&checked.path, &to).map_err(|e| Error::io(&to, &e).with_hint(DISK))?;
                }
                Ok(checked.len())
            }
            Layout::Zip(what) => unpack::zip(&first.path, new, what, self.progress),
            Layout::TarGz(what) => unpack::tar_gz(&first.path, new, what, self.progress),
            Layout::TimmVgg => timm::rename(&first.path, &new.join(timm::FILE), self.progress).map(|()| 1),
        }
    }

    fn downloads(&self, source: &Published, checked: &[Checked]) -> Vec<Download> {
        let downloads = source.files.iter().zip(checked).map(|(file, checked)| {
            let (sha256, of) = match file.sum {
                Sum::Bytes(sha256) => (sha256, "bytes"),
                Sum::Gunzipped(sha256, _) => (sha256, "gunzipped"),
            };
            Download {
                file: file.name.to_owned(),
                from: checked.from.clone(),
                sha256: self.sha256.unwrap_or(sha256).to_owned(),
                of: of.to_owned(),
                published: self.sha256.is_none_or(|own| own == sha256),
            }
        });
        downloads.collect()
    }
}

/// Removes the folders in which earlier fetches of a source were laying out files, by their names: the source's and six
/// letters or digits.
fn clear_staging(waiting: &Path, source: &str) {
    let Ok(entries) = std::fs::read_dir(waiting) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().and_then(|name| name.strip_prefix(source)).is_some_and(output::is_drawn);
        // Of the entry itself: a link is not ours.
        if ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn part_name(source: &Published, file: &PublishedFile) -> String {
    format!("{}-{}", source.name, file.name)
}

/// Keeps a second fetch of the same thing away until this one ends, however it ends. Returns whether it surely does.
fn lock(path: &Path) -> Result<(File, bool)> {
    if path.symlink_metadata().is_ok() {
        // A pipe in its place would be waited for.
        input::open_regular(path)?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| Error::io(path, &e).with_hint(DISK))?;
    match file.try_lock() {
        // Where a file system knows no locks, two fetches at once still end in a digest.
        Ok(()) => Ok((file, true)),
        Err(TryLockError::Error(_)) => Ok((file, false)),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Io,
            format!("another weakspot is fetching this: it holds {}", path.display()),
        )
        .with_hint("wait for it to end, then type the same command again")),
    }
}

/// Puts a new folder in its place, by one renaming if the place was free, and by two if it was not.
fn place(new: &Path, target: &Path, old: &Path) -> Result<()> {
    let fail = |e: std::io::Error| Error::io(target, &e).with_hint(DISK);
    if target.exists() {
        std::fs::rename(target, old).map_err(fail)?;
    }
    std::fs::rename(new, target).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_killed_fetches_are_removed_and_nothing_else() {
        let waiting = tempfile::tempdir().unwrap();
        let names = ["mnista1B2c3", "mnist-a1B2c", "mnist-c.part", "mnist", "cats-vs-dogsa1B2c3"];
        for name in names {
            std::fs::create_dir_all(waiting.path().join(name).join("new")).unwrap();
        }
        output::write_atomic(&waiting.path().join("mnistd4E5f6"), b"a file").unwrap();
        clear_staging(waiting.path(), "mnist");
        assert!(!waiting.path().join("mnista1B2c3").exists());
        assert!(waiting.path().join("mnistd4E5f6").exists());
        assert!(names[1..].iter().all(|name| waiting.path().join(name).exists()));
    }
}
