//! The parts that publishers divide a data set into, by the names of their folders.
//!
//! If parts were taken for classes, the study would compare one part with the other, and its scores would look like any
//! others. The usual names are therefore known, and folders that hold the same folders under other names are refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::find;
use crate::error::{Error, Result};
use crate::hint::Hint;

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Train,
    Test,
    /// For choosing settings; scored if there is no test part.
    Validation,
}

/// Names of parts without their spaces, dashes and underscores.
const NAMES: [(Role, &[&str]); 3] = [
    (Role::Train, &["train", "training"]),
    (Role::Test, &["test", "testing"]),
    (
        Role::Validation,
        &["val", "valid", "validation", "dev", "development", "eval", "evaluation", "holdout", "heldout"],
    ),
];

/// What may follow such a name.
const ENDINGS: [&str; 4] = ["", "set", "data", "images"];

/// Folders that are found in every class's folder and are not classes.
const NO_CLASSES: [&str; 8] = ["images", "image", "img", "imgs", "masks", "mask", "labels", "annotations"];

/// The part that a folder's name stands for.
fn role(name: &str) -> Option<Role> {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect();
    let says = |names: &[&str]| {
        names.iter().any(|known| ENDINGS.iter().any(|ending| plain.strip_suffix(ending) == Some(*known)))
    };
    NAMES.iter().find(|(_, names)| says(names)).map(|(role, _)| *role)
}

/// The two parts of a folder that is divided by its publisher: training and test.
#[derive(Debug)]
pub(super) struct PartFolders {
    pub(super) train: PathBuf,
    pub(super) test: PathBuf,
    /// Which folders were taken for what, if that is not obvious, and which are not used.
    pub(super) notes: Vec<String>,
}

/// The parts, if a folder holds a training part and a test part (or a validation part instead) and nothing but
/// parts.
pub(super) fn of(folders: &[(String, PathBuf)]) -> Result<Option<PartFolders>> {
    let Some(roles) = folders.iter().map(|(name, _)| role(name)).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let all = |wanted: Role| -> Vec<&(String, PathBuf)> {
        folders.iter().zip(&roles).filter(|(_, role)| **role == wanted).map(|(folder, _)| folder).collect()
    };
    let (train, test, validation) = (all(Role::Train), all(Role::Test), all(Role::Validation));
    let (scored, unused) = match (train.len(), &*test, &*validation) {
        (1, [test], unused) => (*test, unused),
        (1, [], [scored]) => (*scored, &[][..]),
        // If two folders serve one purpose, it is not clear which is meant.
        _ => return Ok(None),
    };
    let train = train[0];
    let mut notes = Vec::new();
    if test.is_empty() {
        notes.push(format!("the folder {} is scored as the test part", scored.0));
    }
    let names: Vec<&str> = unused.iter().map(|(name, _)| name.as_str()).collect();
    match *names {
        [] => {}
        [name] => notes.push(format!("the folder {name} is not used: train is divided and test is scored")),
        _ => notes.push(format!(
            "the folders {} are not used: train is divided and test is scored",
            names.join(", ")
        )),
    }
    let plain = |name: &str| NAMES.iter().any(|(_, names)| names.contains(&&*name.to_lowercase()));
    if !plain(&train.0) || !plain(&scored.0) {
        notes.push(format!(
            "the folders {} and {} are read as the parts train and test, not as classes",
            train.0, scored.0
        ));
    }
    Ok(Some(PartFolders { train: inner(train)?, test: inner(scored)?, notes }))
}

/// A part's folder, or the only folder inside it if that has the same name, as some archives unpack.
fn inner((name, path): &(String, PathBuf)) -> Result<PathBuf> {
    let inside = find::list(path)?;
    Ok(match &*inside.folders {
        [(within, deeper)] if inside.pictures.is_empty() && role(within) == role(name) => deeper.clone(),
        _ => path.clone(),
    })
}

/// What a class's folder holds, to tell whether it is a part.
#[derive(Debug)]
pub(super) struct Inside {
    class: String,
    pictures: usize,
    /// Folders that may be classes; none if pictures lie beside them.
    folders: BTreeSet<String>,
}

impl Inside {
    /// `pictures` are their paths within the class's folder.
    pub(super) fn of<'a>(class: &str, pictures: impl Iterator<Item = &'a str>) -> Self {
        let mut inside = Self { class: class.to_owned(), pictures: 0, folders: BTreeSet::new() };
        let mut beside = false;
        for path in pictures {
            inside.pictures += 1;
            // An archive that was unpacked into a folder of its own name.
            let path = path.strip_prefix(class).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
            match path.split_once('/') {
                None => beside = true,
                Some((folder, _)) if inside.folders.contains(folder) => {}
                Some((folder, _)) => {
                    inside.folders.insert(folder.to_owned());
                }
            }
        }
        inside
            .folders
            .retain(|name| role(name).is_none() && !NO_CLASSES.contains(&name.to_lowercase().as_str()));
        if beside {
            inside.folders.clear();
        }
        inside
    }

    /// Whether one holds the other's folders, at least two.
    fn is_like(&self, other: &Self) -> bool {
        let fewer = self.folders.len().min(other.folders.len());
        fewer >= 2 && self.folders.intersection(&other.folders).count() == fewer
    }
}

/// Refuses folders that look like parts without the name of a part.
///
/// # Errors
/// `Format`, naming two of them.
pub(super) fn refuse_unnamed(folder: &Path, classes: &[Inside]) -> Result<()> {
    let pair = classes.iter().enumerate().find_map(|(i, one)| {
        classes[i + 1..].iter().find(|other| one.is_like(other)).map(|other| (one, other))
    });
    let Some((one, other)) = pair else { return Ok(()) };
    let shared: Vec<&str> = one.folders.intersection(&other.folders).take(3).map(String::as_str).collect();
    let more = if one.folders.len().min(other.folders.len()) > 3 { ", .." } else { "" };
    // The training part is taken to be the one with more pictures.
    let (train, test) = if one.pictures < other.pictures { (other, one) } else { (one, other) };
    let place = |name: &str| folder.join(name).display().to_string();
    Err(Error::format(format!(
        "{}: expected one folder per class, or the parts train and test; got folders that look like parts: {} and {} \
         both hold {}{more}",
        folder.display(),
        one.class,
        other.class,
        shared.join(", ")
    ))
    .with_hint(
        Hint::new()
            .say(format!(
                "if they are parts, rename them: mv \"{}\" \"{}\" && mv \"{}\" \"{}\"; if they are classes, name \
                 the files in a list: ",
                place(&train.class),
                place("train"),
                place(&test.class),
                place("test")
            ))
            .set("manifest", "files.csv"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_usual_names_and_classes_are_not() {
        for (name, expected) in [
            ("train", Some(Role::Train)),
            ("Training_Set", Some(Role::Train)),
            ("trainset", Some(Role::Train)),
            ("train-images", Some(Role::Train)),
            ("test set", Some(Role::Test)),
            ("TESTING", Some(Role::Test)),
            ("dev", Some(Role::Validation)),
            ("hold-out", Some(Role::Validation)),
            ("eval_set", Some(Role::Validation)),
            ("cats", None),
            ("trains", None),
            ("set", None),
            ("", None),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }

    #[test]
    fn folders_that_hold_the_same_folders_look_like_parts() {
        let inside = |class: &str, pictures: &[&str]| Inside::of(class, pictures.iter().copied());
        let like = |a: &[&str], b: &[&str]| inside("a", a).is_like(&inside("b", b));
        assert!(like(&["cat/1.png", "dog/1.png"], &["cat/2.png", "dog/2.png", "owl/2.png"]));
        assert!(like(&["a/cat/1.png", "a/dog/1.png"], &["b/cat/2.png", "b/dog/2.png"]), "unpacked twice");
        assert!(!like(&["cat/1.png", "dog/1.png"], &["cat/2.png", "owl/2.png"]), "different folders");
        assert!(!like(&["cat/1.png"], &["cat/2.png"]), "one folder");
        assert!(!like(&["cat/1.png", "dog/1.png", "0.png"], &["cat/2.png", "dog/2.png"]), "pictures beside");
        assert!(!like(&["train/1.png", "test/1.png"], &["train/2.png", "test/2.png"]), "parts of classes");
        assert!(!like(&["images/1.png", "masks/1.png"], &["images/2.png", "masks/2.png"]), "no classes");
    }
}
