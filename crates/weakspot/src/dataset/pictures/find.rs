//! Which files of a folder are pictures, and what their place says about them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::kind;
use crate::error::{Error, ErrorKind, Result};

/// How deep folders inside a class's folder may lie.
const MAX_DEPTH: usize = 32;

/// What file managers and archivers leave behind. The folder holds a shadow of every file, under the same ending.
const LITTER: [&str; 3] = ["thumbs.db", "desktop.ini", "__macosx"];

/// What a folder holds, each sorted by name; hidden files are passed over.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) folders: Vec<(String, PathBuf)>,
    pub(super) pictures: Vec<(String, PathBuf)>,
    /// Files whose names do not end like a picture's.
    pub(super) others: Vec<String>,
    /// Folders that this program wrote; they are not classes.
    pub(super) ours: Vec<String>,
}

/// What a run leaves, finished or not; one of these is enough. Several seeds and a reproduction have their own.
const RUN_FILES: [&str; 3] = ["run.json", "seeds.json", "journal"];

/// The default folder of runs, and that of trained classifiers in it.
const RUNS: &str = "runs";
const MODELS: &str = "models";

/// Whether a folder is a run's, or that of runs.
fn is_ours(name: &str, path: &Path) -> bool {
    let run = |path: &Path| {
        let report = path.join("report.html").is_file() && path.join("results.json").is_file();
        report || RUN_FILES.iter().any(|file| path.join(file).is_file())
    };
    // A class may have these names too, but then it holds neither a run nor classifiers.
    let of_runs = || {
        let mut entries = std::fs::read_dir(path).into_iter().flatten().flatten().peekable();
        entries.peek().is_none() || entries.any(|entry| entry.file_name() == MODELS || run(&entry.path()))
    };
    run(path) || (name == RUNS && of_runs())
}

/// Lists a folder.
///
/// A name that is not UTF-8 is kept with its odd bytes written `\xE9`, so that it can be an id.
pub(super) fn list(folder: &Path) -> Result<Entries> {
    let fail = |e: &std::io::Error| {
        Error::io(folder, e).with_hint("check that the folder exists and that you may read it")
    };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| fail(&e))? {
        let entry = entry.map_err(|e| fail(&e))?;
        all.push((readable(&entry.file_name()), entry.path()));
    }
    all.sort();
    let mut entries = Entries::default();
    for (name, path) in all {
        if name.starts_with('.') || LITTER.contains(&name.to_lowercase().as_str()) {
            continue;
        }
        if path.is_dir() && is_ours(&name, &path) {
            entries.ours.push(name);
        } else if path.is_dir() {
            entries.folders.push((name, path));
        } else if kind::by_name(&path).is_some() {
            entries.pictures.push((name, path));
        } else {
            entries.others.push(name);
        }
    }
    Ok(entries)
}

/// A name as text.
fn readable(name: &OsStr) -> String {
    name.as_encoded_bytes()
        .utf8_chunks()
        .flat_map(|chunk| {
            let odd = chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}"));
            std::iter::once(chunk.valid().to_owned()).chain(odd)
        })
        .collect()
}

/// The pictures of one class.
#[derive(Debug, Default)]
pub(super) struct OfClass {
    /// Path within the class's folder, and where the file is.
    pub(super) pictures: Vec<(String, PathBuf)>,
    /// Files that are not pictures by their names.
    pub(super) others: Vec<String>,
}

/// Every picture in a class's folder and the folders inside it.
pub(super) fn pictures_of_class(folder: &Path) -> Result<OfClass> {
    let mut found = OfClass::default();
    let own = folder.canonicalize().map_err(|e| Error::io(folder, &e))?;
    collect(folder, "", &mut vec![own], &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, above: &mut Vec<PathBuf>, found: &mut OfClass) -> Result<()> {
    let entries = list(folder)?;
    let inside = |name: String| format!("{prefix}{name}");
    found.pictures.extend(entries.pictures.into_iter().map(|(name, path)| (inside(name), path)));
    found.others.extend(entries.others.into_iter().map(inside));
    for (name, path) in entries.folders {
        let real = path.canonicalize().map_err(|e| Error::io(&path, &e))?;
        if above.contains(&real) || above.len() > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::Format,
                format!(
                    "{}: expected folders at most {MAX_DEPTH} deep; got a link that leads back to {}",
                    path.display(),
                    real.display()
                ),
            )
            .with_hint("remove that link"));
        }
        above.push(real);
        collect(&path, &inside(format!("{name}/")), above, found)?;
        above.pop();
    }
    Ok(())
}
