//! Where the IDX files may lie, and the error if they are not there.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;

/// One of the publisher's two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Test,
}

/// The four files of a data set.
#[derive(Debug)]
pub(super) struct Files([PathBuf; 4]);

impl Files {
    /// Images and labels of a part.
    pub(super) fn of(&self, part: Part) -> [&Path; 2] {
        match part {
            Part::Train => [&self.0[0], &self.0[1]],
            Part::Test => [&self.0[2], &self.0[3]],
        }
    }
}

/// The publishers' names, and the other form of each: some archives put a dot before `idx`.
const NAMES: [[&str; 2]; 4] = [
    ["train-images-idx3-ubyte", "train-images.idx3-ubyte"],
    ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"],
    ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"],
];

/// The four files, in `dir` or in `dir/<name>`: the first of the two that has them all.
pub(super) fn find(name: &str, dir: &Path) -> Result<Files> {
    let folders = [dir.to_owned(), dir.join(name)];
    let found = folders.each_ref().map(|folder| NAMES.map(|names| existing(folder, names)));
    for files in &found {
        if let [Some(a), Some(b), Some(c), Some(d)] = files {
            return Ok(Files([a, b, c, d].map(Clone::clone)));
        }
    }
    // The error names the files that are missing in the folder that has the most.
    let present = |files: &[Option<PathBuf>; 4]| files.iter().flatten().count();
    let nearest = usize::from(present(&found[1]) > present(&found[0]));
    let missing: Vec<_> = NAMES
        .iter()
        .zip(&found[nearest])
        .filter(|(_, file)| file.is_none())
        .map(|(names, _)| names[0])
        .collect();
    let source = match name {
        "mnist" => {
            "https://ossci-datasets.s3.amazonaws.com/mnist/ (first published at yann.lecun.com/exdb/mnist)"
        }
        _ => "https://github.com/zalandoresearch/fashion-mnist (its folder data/fashion)",
    };
    Err(Error::new(
        ErrorKind::Io,
        format!(
            "{name}: expected four IDX files, plain or .gz; missing {}; looked in {} and {}",
            missing.join(", "),
            folders[0].display(),
            folders[1].display()
        ),
    )
    .with_hint(
        Hint::new()
            .say(format!(
                "fetch {} from {source} and pass ",
                missing.iter().map(|file| format!("{file}.gz")).collect::<Vec<_>>().join(", ")
            ))
            .set("data-dir", "DIR")
            .say(format!(", or put them in the folder {name} of WEAKSPOT_DATA")),
    ))
}

fn existing(folder: &Path, names: [&str; 2]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

/// The folder that is searched if the user names none: `WEAKSPOT_DATA/<name>`, else `weakspot/<name>` in the
/// platform's cache folder. `None` if the environment names neither.
///
/// The cache folder is `XDG_CACHE_HOME` (if absolute, as its specification asks) or `~/.cache`; on macOS
/// `~/Library/Caches`; on Windows `%LOCALAPPDATA%`. `env` reads one environment variable; an empty one counts as
/// unset.
///
/// # Examples
/// ```
/// use std::path::PathBuf;
/// use weakspot::dataset::idx::default_folder;
///
/// let env = |variable: &str| (variable == "WEAKSPOT_DATA").then(|| "/data".to_owned());
/// assert_eq!(default_folder("mnist", env), Some(PathBuf::from("/data/mnist")));
/// assert_eq!(default_folder("mnist", |_| None), None);
/// ```
pub fn default_folder(name: &str, env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    default_folder_on(std::env::consts::OS, name, env)
}

fn default_folder_on(os: &str, name: &str, env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = |variable: &str| env(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(data) = folder("WEAKSPOT_DATA") {
        return Some(data.join(name));
    }
    let cache = match os {
        "windows" => folder("LOCALAPPDATA"),
        "macos" => folder("HOME").map(|home| home.join("Library").join("Caches")),
        _ => folder("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| folder("HOME").map(|home| home.join(".cache"))),
    };
    Some(cache?.join("weakspot").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(os: &str, variables: &[(&str, &str)]) -> Option<String> {
        default_folder_on(os, "mnist", |asked| {
            variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
        })
        .map(|path| path.display().to_string().replace('\\', "/"))
    }

    #[test]
    fn the_default_folder_is_the_users_own_else_the_platforms_cache() {
        let home = ("HOME", "/home/u");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(folder("linux", &[("WEAKSPOT_DATA", "/d"), home]), some("/d/mnist"));
        assert_eq!(folder("linux", &[home]), some("/home/u/.cache/weakspot/mnist"));
        assert_eq!(folder("linux", &[("XDG_CACHE_HOME", "/c"), home]), some("/c/weakspot/mnist"));
        assert_eq!(folder("linux", &[("XDG_CACHE_HOME", "c"), home]), some("/home/u/.cache/weakspot/mnist"));
        assert_eq!(folder("linux", &[("WEAKSPOT_DATA", ""), home]), some("/home/u/.cache/weakspot/mnist"));
        assert_eq!(folder("macos", &[home]), some("/home/u/Library/Caches/weakspot/mnist"));
        assert_eq!(folder("windows", &[("LOCALAPPDATA", "/l")]), some("/l/weakspot/mnist"));
        assert_eq!(folder("linux", &[]), None);
    }
}
