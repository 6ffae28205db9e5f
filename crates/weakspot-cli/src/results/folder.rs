//! Where results go: a finished run is never overwritten, an unfinished one is continued.

use std::path::{Path, PathBuf};

use weakspot::study::FileJournal;
use weakspot::{Error, ErrorKind, Result, output};

use crate::system::clock;

/// The journal of an unfinished run; a finished one has none.
const JOURNAL: &str = "journal";

/// Names of the files that a run leaves, besides `blob-<class>.png` and those in [`RUN_FOLDERS`].
const RUN_FILES: [&str; 7] = [
    "results.json",
    "run.json",
    crate::request::config::NAME,
    "ledger.csv",
    "maps.safetensors",
    "report.html",
    JOURNAL,
];

/// Folders of a run, and the endings of the files that are ours in them.
const RUN_FOLDERS: [&str; 2] = ["tables", "figures"];
const RUN_ENDINGS: [&str; 3] = ["csv", "md", "png"];

/// The folder of one study.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether an unfinished run of the same study is continued there.
    pub(crate) resumes: bool,
}

impl Folder {
    /// The file of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Makes room: removes what an earlier run left, and nothing else. The journal stays.
    ///
    /// # Errors
    /// `Io`, also where one of the run's folders is a link that leads out of it: what lies there is not ours.
    pub(crate) fn clear(&self) -> Result<()> {
        let mut ours: Vec<PathBuf> =
            RUN_FILES.iter().filter(|name| **name != JOURNAL).map(|name| self.path.join(name)).collect();
        ours.extend(files(&self.path)?.into_iter().filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("blob-") && name.ends_with(".png")
        }));
        for folder in RUN_FOLDERS.map(|name| self.path.join(name)) {
            output::stays_inside(&self.path, &folder)?;
            ours.extend(files(&folder)?.into_iter().filter(|path| {
                path.extension().is_some_and(|ending| RUN_ENDINGS.iter().any(|ours| ending == *ours))
            }));
        }
        for path in ours.iter().filter(|path| path.exists()) {
            std::fs::remove_file(path).map_err(|e| Error::io(path, &e))?;
        }
        Ok(())
    }

    /// Removes the journal of a run that is complete. Returns whether it was still there.
    pub(crate) fn finish(&self) -> Result<bool> {
        remove_if_there(&self.journal())
    }
}

/// Removes a file that may be gone already. Returns whether it was there.
///
/// # Errors
/// `Io`, naming the path.
pub(crate) fn remove_if_there(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::io(path, &e)),
    }
}

/// Removes temporary files that killed runs left in a folder.
pub(crate) fn clear_litter(folder: &Path) {
    output::clear_litter(folder, clock::an_hour_ago());
}

/// Where the user wants results.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// `--out`.
    pub(crate) out: Option<&'a Path>,
    /// `runs/<dataset>-<a>-<b>`, used if `--out` is not given.
    pub(crate) default: PathBuf,
    /// `--force`.
    pub(crate) force: bool,
}

impl Wanted<'_> {
    /// Checks what can be checked before any long work: that the place is a folder or can become one, can be written,
    /// and holds no finished run.
    ///
    /// # Errors
    /// `Io` for a file or a place that cannot be written; `InvalidParameter` for a folder in use.
    pub(crate) fn check(&self) -> Result<()> {
        let path = self.out.unwrap_or(&self.default);
        check_writable(path)?;
        match contents(path)? {
            Contents::Finished if self.out.is_some() && !self.force => {
                Err(in_use(path, "holds a finished run"))
            }
            Contents::Foreign if self.out.is_some() && !self.force => {
                Err(in_use(path, "is not empty and holds no run"))
            }
            _ => Ok(()),
        }
    }

    /// Chooses the folder of a study and creates it.
    ///
    /// # Errors
    /// As [`Wanted::check`]; `InvalidParameter` also where `--out` holds an unfinished run of another study.
    pub(crate) fn settle(&self, fingerprint: &str) -> Result<Folder> {
        let path = match self.out {
            Some(path) => path.to_owned(),
            None => self.first_free(fingerprint)?,
        };
        let resumes = match contents(&path)? {
            Contents::Unfinished(Some(found)) if found == fingerprint => true,
            Contents::Unfinished(_) if !self.force => {
                return Err(in_use(
                    &path,
                    "holds an unfinished run of another study (other settings, data or weights)",
                ));
            }
            Contents::Finished if !self.force => return Err(in_use(&path, "holds a finished run")),
            Contents::Foreign if !self.force => return Err(in_use(&path, "is not empty and holds no run")),
            _ => false,
        };
        std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, &e))?;
        clear_litter(&path);
        for folder in RUN_FOLDERS.map(|name| path.join(name)) {
            // Before the work and not after it.
            output::stays_inside(&path, &folder)?;
            clear_litter(&folder);
        }
        Ok(Folder { path, resumes })
    }

    /// `default`, `default-2`, `default-3`: the first that is empty or holds this very study unfinished.
    fn first_free(&self, fingerprint: &str) -> Result<PathBuf> {
        let mut number = 1;
        loop {
            let path = numbered(&self.default, number);
            match contents(&path)? {
                Contents::Nothing => return Ok(path),
                Contents::Unfinished(Some(found)) if found == fingerprint => return Ok(path),
                _ if self.force => return Ok(path),
                _ => number += 1,
            }
        }
    }
}

/// `path`, `path-2`, `path-3`.
pub(crate) fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    path.with_file_name(name)
}

fn in_use(path: &Path, why: &str) -> Error {
    Error::invalid(format!("expected a new or empty folder for the results; {} {why}", path.display()))
        .with_hint("choose another --out, or add --force to replace what a run left there")
}

/// What a folder holds, as far as a run is concerned.
enum Contents {
    /// It does not exist, or is empty.
    Nothing,
    /// A journal: its fingerprint, if it is readable.
    Unfinished(Option<String>),
    /// `results.json` and no journal.
    Finished,
    /// Something else.
    Foreign,
}

/// Whether a folder holds a finished run.
pub(crate) fn is_finished(path: &Path) -> bool {
    matches!(contents(path), Ok(Contents::Finished))
}

fn contents(path: &Path) -> Result<Contents> {
    if !path.exists() {
        return Ok(Contents::Nothing);
    }
    let journal = path.join(JOURNAL);
    if let Ok(metadata) = journal.metadata() {
        // A run that was killed between creating the file and writing its first line had nothing yet: it starts over.
        if metadata.len() == 0 && !path.join("results.json").exists() {
            return Ok(Contents::Nothing);
        }
        return Ok(Contents::Unfinished(FileJournal::fingerprint(&journal)?));
    }
    if path.join("results.json").exists() {
        return Ok(Contents::Finished);
    }
    let mut entries = std::fs::read_dir(path).map_err(|e| Error::io(path, &e))?;
    Ok(if entries.next().is_none() { Contents::Nothing } else { Contents::Foreign })
}

/// Refuses a path that is a file, or below one, or that may not be written, without leaving anything behind.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let nearest = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    if !nearest.is_dir() {
        return Err(Error::new(
            ErrorKind::Io,
            format!("expected a folder for the results; {} is a file", nearest.display()),
        )
        .with_hint("choose another --out"));
    }
    tempfile::Builder::new().prefix(".weakspot-").tempfile_in(nearest).map(drop).map_err(|e| {
        let message = format!("nothing can be written in {}: {}", nearest.display(), e.kind());
        Error::new(ErrorKind::Io, message).with_hint("choose another --out, or make that folder writable")
    })
}

/// Checks that a file can be written at a path: nothing is there (or `force`), and its folder is writable.
///
/// # Errors
/// `InvalidParameter` where something is there; `Io` where nothing can be written.
pub(crate) fn check_file(path: &Path, force: bool) -> Result<()> {
    if path.is_dir() {
        return Err(Error::new(
            ErrorKind::Io,
            format!("expected a file to write; {} is a folder", path.display()),
        )
        .with_hint(format!("for example --out {}", path.join("out.safetensors").display())));
    }
    if path.exists() && !force {
        return Err(Error::invalid(format!("expected a new file; {} exists", path.display()))
            .with_hint("choose another --out, or add --force to replace it"));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        return Err(Error::new(ErrorKind::Io, format!("the folder {} does not exist", folder.display()))
            .with_hint(format!("mkdir -p {}", folder.display())));
    }
    clear_litter(folder);
    check_writable(folder)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, &e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(folder, &e))?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// A name as part of a file's name: lower case, and a dash for everything that a shell or a file system might mind.
fn slug(name: &str) -> String {
    let dashed: String =
        name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "unnamed".to_owned() } else { words.join("-") }
}

/// The longest name that several slugs make, in bytes. What is added to it (architecture, key, `-seeds-2`, a temporary
/// ending) takes another 60, and most file systems take 255; encrypting ones 143.
const LONGEST: usize = 80;

/// Bytes of a slug that is shortened: its beginning, and a digest of the name.
const SHORT: usize = 26;
const DIGEST: usize = 8;

/// `<dataset>-<a>-<b>`, as part of a file's name. If that is too long, long names keep their beginning and get a digest
/// of the whole, so that two names that begin alike stay distinct.
pub(crate) fn slug_of_pair(dataset: &str, classes: &[String]) -> String {
    let names: Vec<&str> = std::iter::once(dataset).chain(classes.iter().map(String::as_str)).collect();
    let joined =
        |short: fn(&str) -> String| names.iter().map(|name| short(name)).collect::<Vec<_>>().join("-");
    let whole = joined(slug);
    if whole.len() <= LONGEST { whole } else { joined(short_slug) }
}

/// A slug of at most [`SHORT`] bytes.
fn short_slug(name: &str) -> String {
    let whole = slug(name);
    if whole.len() <= SHORT {
        return whole;
    }
    let begin = &whole[..whole.floor_char_boundary(SHORT - DIGEST - 1)];
    let digest = weakspot::digest::sha256(name.as_bytes());
    format!("{}-{}", begin.trim_end_matches('-'), &digest[..DIGEST])
}

#[cfg(test)]
mod tests {
    use super::*;
    use weakspot::output::write_atomic;

    fn wanted(default: &Path) -> Wanted<'static> {
        Wanted { out: None, default: default.to_owned(), force: false }
    }

    #[test]
    fn a_finished_run_is_passed_over_and_an_unfinished_one_of_the_same_study_is_continued() {
        let root = tempfile::tempdir().unwrap();
        let default = root.path().join("demo-a-b");
        let first = wanted(&default).settle("x").unwrap();
        assert_eq!(first, Folder { path: default.clone(), resumes: false });
        write_atomic(&first.path.join("results.json"), b"{}").unwrap();
        let second = wanted(&default).settle("x").unwrap();
        assert_eq!(second.path, root.path().join("demo-a-b-2"));
        drop(FileJournal::open(&second.journal(), "x").unwrap());
        assert!(wanted(&default).settle("x").unwrap().resumes);
        assert_eq!(wanted(&default).settle("other").unwrap().path, root.path().join("demo-a-b-3"));
    }

    #[test]
    fn an_asked_for_folder_in_use_is_refused_unless_forced_and_clearing_takes_only_what_is_ours() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path();
        write_atomic(&out.join("notes.txt"), b"mine").unwrap();
        let wanted = |force| Wanted { out: Some(out), default: PathBuf::new(), force };
        assert!(wanted(false).check().unwrap_err().hint().unwrap().contains("--force"));
        std::fs::create_dir(out.join("figures")).unwrap();
        for ours in ["results.json", "blob-a.png", "figures/x.png"] {
            write_atomic(&out.join(ours), b"").unwrap();
        }
        write_atomic(&out.join("figures/thesis.tex"), b"mine").unwrap();
        assert!(wanted(false).settle("x").unwrap_err().to_string().contains("finished run"));
        let folder = wanted(true).settle("x").unwrap();
        folder.clear().unwrap();
        assert!(out.join("notes.txt").exists() && out.join("figures/thesis.tex").exists());
        assert!(!out.join("results.json").exists() && !out.join("blob-a.png").exists());
        assert!(!out.join("figures/x.png").exists());
    }

    #[test]
    fn a_run_that_was_killed_before_its_first_line_begins_anew() {
        let root = tempfile::tempdir().unwrap();
        write_atomic(&root.path().join(JOURNAL), b"").unwrap();
        let wanted = Wanted { out: Some(root.path()), default: PathBuf::new(), force: false };
        wanted.check().unwrap();
        assert!(!wanted.settle("x").unwrap().resumes);
        write_atomic(&root.path().join(JOURNAL), b"no journal of ours\n").unwrap();
        assert!(wanted.settle("x").is_err(), "what is not ours is not written over");
    }

    #[cfg(unix)]
    #[test]
    fn force_neither_clears_nor_fills_a_folder_that_a_link_leads_to() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_atomic(&root.path().join("results.json"), b"{}").unwrap();
        write_atomic(&outside.path().join("mine.csv"), b"mine").unwrap();
        let wanted = Wanted { out: Some(root.path()), default: PathBuf::new(), force: true };
        let folder = wanted.settle("x").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("tables")).unwrap();
        assert!(folder.clear().unwrap_err().to_string().contains("it is a link to"));
        assert!(wanted.settle("x").is_err(), "before any work");
        assert!(outside.path().join("mine.csv").exists() && root.path().join("results.json").exists());
    }

    #[test]
    fn a_journal_that_vanished_does_not_fail_a_run_that_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let folder = wanted(&root.path().join("run")).settle("x").unwrap();
        drop(FileJournal::open(&folder.journal(), "x").unwrap());
        assert!(folder.finish().unwrap());
        assert!(!folder.finish().unwrap());
    }

    #[test]
    fn long_names_of_classes_are_no_long_names_of_files() {
        let of = |dataset: &str, a: &str, b: &str| slug_of_pair(dataset, &[a.to_owned(), b.to_owned()]);
        assert_eq!(
            of("PlantVillage", "Tomato healthy", "T-shirt/top"),
            "plantvillage-tomato-healthy-t-shirt-top"
        );
        let (letters, signs) = ("x".repeat(110), "猫".repeat(40));
        let long = of(&letters, &format!("{signs}a"), &format!("{signs}b"));
        assert!(long.len() <= LONGEST, "{} bytes: {long}", long.len());
        let parts: Vec<&str> = long.split('-').collect();
        assert_eq!((parts[0], parts[2]), (&letters[..17], "猫猫猫猫猫"));
        assert_ne!(parts[3], parts[5], "two classes that begin alike");
        assert_eq!(long, of(&letters, &format!("{signs}a"), &format!("{signs}b")), "the same every time");
        // What is short beside it stays whole.
        assert!(of("mnist", &letters, &letters).starts_with("mnist-xxx"));
    }

    #[test]
    fn names_become_parts_of_file_names() {
        assert_eq!(slug("T-shirt/top"), "t-shirt-top");
        assert_eq!(slug("Ankle boot"), "ankle-boot");
        assert_eq!(slug("../.."), "unnamed");
    }
}
