//! Pictures that were found and not yet opened.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::part_folders::{self, Inside};
use super::{find, kind, manifest, why};
use crate::dataset::Origin;
use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;

/// One picture that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) id: String,
    /// Below the number of classes; `None` in a folder without classes.
    pub(super) class: Option<usize>,
    pub(super) origin: Origin,
    /// The group, which is kept in one part; empty if unknown.
    pub(super) group: String,
}

/// What is read from a file's name.
///
/// # Examples
/// ```
/// use weakspot::dataset::pictures::{Grouping, Listing, Options};
/// use weakspot::progress::Silent;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let picture = weakspot::image::png(ndarray::Array3::zeros((1, 8, 8)).view())?;
/// # for name in ["C1_cell_1.png", "C1_cell_2.png", "C2_cell_1.png"] {
/// #     std::fs::write(folder.path().join(name), &picture).unwrap();
/// # }
/// // C1_cell_1.png, C1_cell_2.png, C2_cell_1.png
/// let listing = Listing::of_folder(folder.path(), "cells", Grouping::FirstPart)?;
/// let loaded = listing.load(&Options::default(), &Silent)?;
/// assert_eq!(loaded.provenance.groups, ["C1", "C1", "C2"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing.
    #[default]
    None,
    /// The part before the first underscore is the group: the slide, in
    /// `C100P61ThinF_IMG_20150918_144104_cell_162.png`.
    FirstPart,
}

/// Where the pictures of a data set that has a name are found, and how they are read.
///
/// # Examples
/// ```
/// use weakspot::dataset::pictures::{Grouping, PictureSet};
///
/// let pets = PictureSet {
///     name: "pets",
///     classes: [("cat", "cat"), ("dog", "dog")],
///     folders: &["PetImages"],
///     grouping: Grouping::None,
///     source: "https://example.org/pets",
/// };
/// # let folder = tempfile::tempdir().unwrap();
/// # let picture = weakspot::image::png(ndarray::Array3::zeros((1, 8, 8)).view())?;
/// # for class in ["Cat", "Dog", "Hamster"] {
/// #     std::fs::create_dir_all(folder.path().join("PetImages").join(class)).unwrap();
/// #     std::fs::write(folder.path().join("PetImages").join(class).join("1.png"), &picture).unwrap();
/// # }
/// // PetImages/Cat/1.png, PetImages/Dog/1.png, PetImages/Hamster/1.png
/// let found = pets.find(folder.path())?;
/// assert_eq!((found.class_names.clone(), found.len()), (vec!["cat".to_owned(), "dog".to_owned()], 2));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureSet {
    /// The data set's name.
    pub name: &'static str,
    /// The two classes, by their folders' names in small letters and as they are shown.
    pub classes: [(&'static str, &'static str); 2],
    /// Other names that the publishers' archives give the folder.
    pub folders: &'static [&'static str],
    /// What is read from file names.
    pub grouping: Grouping,
    /// Where it is published.
    pub source: &'static str,
}

impl PictureSet {
    /// Finds its pictures in a folder, or in the folder of its name inside that one.
    ///
    /// # Errors
    /// `Io` if they are not there, naming the places and the source; what [`Listing::of_folder`] reports.
    pub fn find(&self, place: &Path) -> Result<Listing> {
        let mut places = vec![place.to_owned(), place.join(self.name)];
        for folder in self.folders {
            places.extend([place.join(folder), place.join(self.name).join(folder)]);
        }
        for folder in &places {
            if !folder.is_dir() {
                continue;
            }
            let entries = find::list(folder)?;
            let inside = part_folders::of(&entries.folders)?;
            let holder = inside.as_ref().map_or(folder, |parts| &parts.train);
            let folders = if inside.is_some() { find::list(holder)?.folders } else { entries.folders };
            if self.classes.iter().all(|(class, _)| folders.iter().any(|(name, _)| same(name, class))) {
                return Listing::read(folder, self.name, self.grouping, Some(&self.classes));
            }
        }
        let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        let [a, b] = self.classes.map(|(_, shown)| shown);
        Err(Error::new(
            ErrorKind::Io,
            format!(
                "{}: expected a folder with the folders {a} and {b}, or train and test with these; looked in {}",
                self.name,
                looked.join(", ")
            ),
        )
        .with_hint(
            Hint::new()
                .say(format!("fetch it from {} and pass ", self.source))
                .set("data-dir", "DIR")
                .say(format!(", or put it in the folder {} of WEAKSPOT_DATA", self.name)),
        ))
    }
}

/// Whether a folder's name is a class's: in any case, in the singular or the plural.
fn same(folder: &str, class: &str) -> bool {
    let folder = folder.to_lowercase();
    folder == class || folder.strip_suffix('s') == Some(class)
}

/// Pictures that were found and not yet opened.
///
/// # Examples
/// ```
/// use weakspot::dataset::pictures::{Grouping, Listing, Options};
/// use weakspot::progress::Silent;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let picture = weakspot::image::png(ndarray::Array3::zeros((3, 8, 8)).view())?;
/// # for class in ["cat", "dog", "frog"] {
/// #     std::fs::create_dir(folder.path().join(class)).unwrap();
/// #     std::fs::write(folder.path().join(class).join("1.png"), &picture).unwrap();
/// # }
/// // cat/1.png, dog/1.png, frog/1.png; the frogs are not opened.
/// let listing = Listing::of_folder(folder.path(), "pets", Grouping::None)?.pair(0, 1)?;
/// assert_eq!((listing.class_names.join(" "), listing.len()), ("cat dog".to_owned(), 2));
/// let data = listing.load(&Options::default(), &Silent)?.into_dataset()?;
/// assert_eq!(data.ids, ["cat/1.png", "dog/1.png"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Listing {
    /// The data set's name.
    pub name: String,
    /// One per label; empty if the pictures have no labels.
    pub class_names: Vec<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) notes: Vec<String>,
}

impl Listing {
    /// The pictures of a folder: `FOLDER/<class>/*`, `FOLDER/{train,test}/<class>/*`, or `FOLDER/*` without labels.
    ///
    /// Parts are known by many names (`training_set`, `val`, `dev`, ..), also one inside another of the same name.
    /// Folders that hold folders of the same names but do not have the name of a part are refused, because they could
    /// be parts or classes.
    ///
    /// Classes are in the order of their names. Folders inside a class's folder belong to the class. Files whose names
    /// do not end like a picture's are passed over with a note, hidden files without one.
    ///
    /// # Errors
    /// `Io` for a folder that cannot be read; `Format` for a folder without pictures, for pictures beside class
    /// folders, for folders that look like parts without the name of a part, and for a link that leads back to a
    /// folder above it.
    pub fn of_folder(folder: &Path, name: &str, grouping: Grouping) -> Result<Self> {
        Self::read(folder, name, grouping, None)
    }

    /// The pictures that a list names: CSV with the columns `path`, `label` and, optionally, `split` (`train`, `test`
    /// or `val`, which is treated as the folder of that name) and `group`. Paths are relative to the list's folder.
    ///
    /// # Errors
    /// `Io` for a list that cannot be read; `Format` for other columns, an empty field, a path that occurs twice or an
    /// unknown part; `InvalidParameter` if only some pictures have a part.
    pub fn of_manifest(file: &Path, name: &str) -> Result<Self> {
        let Manifest { class_names, entries, notes } = manifest::read(file)?;
        Ok(Self { name: name.to_owned(), class_names, entries, notes })
    }

    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The pictures of two classes, relabelled: 0 for `a`, 1 for `b`. Only these are opened.
    ///
    /// # Errors
    /// `InvalidParameter` for a class that does not exist.
    pub fn pair(self, a: usize, b: usize) -> Result<Self> {
        let classes = self.class_names.len();
        if a >= classes || b >= classes || a == b {
            return Err(Error::invalid(format!(
                "{}: expected two different classes below {classes}; got {a} and {b}",
                self.name
            )));
        }
        let entries = self
            .entries
            .into_iter()
            .filter_map(|entry| {
                let label = usize::from(entry.class? != a);
                (entry.class == Some(a) || entry.class == Some(b))
                    .then_some(Entry { class: Some(label), ..entry })
            })
            .collect();
        let class_names = vec![self.class_names[a].clone(), self.class_names[b].clone()];
        Ok(Self { class_names, entries, ..self })
    }

    fn read(folder: &Path, name: &str, grouping: Grouping, wanted: Option<&[(&str, &str)]>) -> Result<Self> {
        let top = find::list(folder)?;
        let mut listing =
            Self { name: name.to_owned(), class_names: Vec::new(), entries: Vec::new(), notes: Vec::new() };
        if !top.ours.is_empty() {
            listing.notes.push(format!("written by weakspot and passed over: {}", top.ours.join(", ")));
        }
        let divided = part_folders::of(&top.folders)?.filter(|_| top.pictures.is_empty());
        let roots = match divided {
            Some(parts) => {
                listing.notes.extend(parts.notes);
                vec![(parts.train, "train/", Origin::Train), (parts.test, "test/", Origin::Test)]
            }
            None => vec![(folder.to_owned(), "", Origin::Whole)],
        };
        let mut others = Vec::new();
        let mut classes = Vec::new();
        let mut insides = Vec::new();
        for (root, prefix, origin) in roots {
            let inside = find::list(&root)?;
            others.extend(inside.others.into_iter().map(|other| format!("{prefix}{other}")));
            if let (Some((_, class)), Some((_, picture))) = (inside.folders.first(), inside.pictures.first())
                && wanted.is_none()
            {
                return Err(Error::format(format!(
                    "{}: expected either pictures or one folder per class; got both, {} and {}",
                    root.display(),
                    picture.display(),
                    class.display()
                ))
                .with_hint("move the pictures into the folders of their classes"));
            }
            if inside.folders.is_empty() && !inside.pictures.is_empty() {
                if origin != Origin::Whole {
                    return Err(nothing(&root, "folders of classes", &[]).or_hint(
                        Hint::new()
                            .say("give every part one folder per class, or name the files in a list: ")
                            .set("manifest", "files.csv"),
                    ));
                }
                listing.entries.extend(
                    inside.pictures.into_iter().map(|(id, path)| entry(path, id, None, origin, grouping)),
                );
            }
            for (class, path) in inside.folders {
                let shown = match wanted {
                    None => class.clone(),
                    Some(wanted) => match wanted.iter().find(|(known, _)| same(&class, known)) {
                        Some((_, shown)) => (*shown).to_owned(),
                        None => continue,
                    },
                };
                let found = find::pictures_of_class(&path)?;
                if found.pictures.is_empty() {
                    return Err(nothing(&path, "pictures of a class", &found.others).or_hint(
                        "add pictures (.png, .jpg, .webp, .bmp, .gif, .tif), or remove the folder",
                    ));
                }
                if wanted.is_none() && origin == Origin::Whole {
                    let names = found.pictures.iter().map(|(name, _)| name.as_str());
                    insides.push(Inside::of(&class, names));
                }
                others.extend(found.others.into_iter().map(|other| format!("{prefix}{class}/{other}")));
                for (inner, path) in found.pictures {
                    classes.push(shown.clone());
                    let id = format!("{prefix}{class}/{inner}");
                    listing.entries.push(entry(path, id, None, origin, grouping));
                }
            }
        }
        part_folders::refuse_unnamed(folder, &insides)?;
        if listing.entries.is_empty() {
            return Err(nothing(folder, "pictures", &others).or_hint(
                "give a folder with one folder of pictures per class; for maps alone, a flat folder is enough",
            ));
        }
        if !classes.is_empty() {
            let names: Vec<String> = classes.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
            for (entry, class) in listing.entries.iter_mut().zip(&classes) {
                entry.class = names.iter().position(|name| name == class);
            }
            listing.class_names = names;
        }
        listing.notes.extend(passed_over(&others));
        Ok(listing)
    }
}

fn entry(path: PathBuf, id: String, class: Option<usize>, origin: Origin, grouping: Grouping) -> Entry {
    let group = match grouping {
        Grouping::None => String::new(),
        Grouping::FirstPart => {
            let file = id.rsplit('/').next().unwrap_or(&id);
            file.split('_').next().unwrap_or(file).to_owned()
        }
    };
    Entry { path, id, class, origin, group }
}

/// A folder without what was expected; `others` are its files that are not read.
fn nothing(folder: &Path, what: &str, others: &[String]) -> Nothing {
    let (unread, _) = unread(others);
    let came = if unread.is_empty() {
        "a folder without any".to_owned()
    } else {
        format!("{} of kinds that are not read: {}", unread.len(), some(&unread))
    };
    Nothing {
        error: Error::format(format!("{}: expected {what}; got {came}", folder.display())),
        unread: !unread.is_empty(),
    }
}

/// A folder without pictures, or with pictures of other kinds.
struct Nothing {
    error: Error,
    unread: bool,
}

impl Nothing {
    /// What to do: to convert what there is, else `hint`.
    fn or_hint(self, hint: impl Into<Hint>) -> Error {
        self.error.with_hint(if self.unread { why::convert() } else { hint.into() })
    }
}

/// Names of pictures of kinds that are not read, and of files that are not pictures.
fn unread(others: &[String]) -> (Vec<&str>, Vec<&str>) {
    others.iter().map(String::as_str).partition(|name| kind::unread_by_name(Path::new(name)))
}

/// The first of many names.
fn some(names: &[&str]) -> String {
    let more = if names.len() > 3 { ", .." } else { "" };
    format!("{}{more}", names.iter().take(3).copied().collect::<Vec<_>>().join(", "))
}

/// One sentence about the pictures that are not read, and one about the files that are not pictures by their names.
fn passed_over(others: &[String]) -> Vec<String> {
    let (unread, others) = unread(others);
    let mut notes = Vec::new();
    if !unread.is_empty() {
        notes.push(format!(
            "{} pictures of kinds that are not read were passed over (convert them to PNG to use them): {}",
            unread.len(),
            some(&unread)
        ));
    }
    if !others.is_empty() {
        notes.push(format!(
            "{} files whose names do not end like a picture's were passed over: {}",
            others.len(),
            some(&others)
        ));
    }
    notes
}
