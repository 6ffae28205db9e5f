//! Opens a data set by name, file, folder or list.

use std::path::{Path, PathBuf};

use weakspot::dataset::known::{self, KnownSet, Reader};
use weakspot::dataset::pictures::{Grouping, Listing, Options};
use weakspot::dataset::{Arrays, Dataset, arrays};
use weakspot::progress::Observer;
use weakspot::{Error, Result};

use crate::args::{DataArgs, PictureArgs, SplitBy};
use crate::data::{cache, mistaken};
use crate::fetch;

/// A data set whose classes are known, and whose pictures may not have been opened yet.
#[derive(Debug)]
pub(crate) enum Source {
    /// Everything is in memory.
    Whole(Box<Dataset>),
    /// Files to be opened, and how.
    Pictures(Listing, Options),
}

impl Source {
    /// The data set that the user means.
    ///
    /// # Errors
    /// What the data set's reader reports; `InvalidParameter` for flags that do not concern this data set.
    pub(crate) fn find(name: &str, args: &DataArgs) -> Result<Self> {
        if let Some(list) = &args.manifest {
            // The first word is "demo" where none was typed.
            if name != "demo" {
                return Err(Error::invalid(format!(
                    "expected a data set or --manifest; got both, {name} and a list"
                ))
                .with_hint("leave out the first word: weakspot study --manifest files.csv"));
            }
            no_files_flags(args, "a list of pictures")?;
            return Ok(Self::Pictures(manifest(list)?, options(args, None)));
        }
        let known = known::by_name(name);
        if args.data_dir.is_some() && known.is_none_or(|set| set.published.is_none()) {
            return Err(Error::invalid(format!(
                "--data-dir belongs to {}; the data set is {name}",
                known::ALL
                    .iter()
                    .filter(|set| set.published.is_some())
                    .map(|set| set.name)
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
            .with_hint(
                "leave --data-dir out, or name the data set first: weakspot study mnist --data-dir DIR",
            ));
        }
        if args.labels.is_some() && known.is_some() {
            return Err(Error::invalid(format!(
                "--labels belongs to an .npy file of images; {name} has its own"
            ))
            .with_hint("leave --labels out"));
        }
        if let Some(set) = known {
            return Self::of_known(set, args);
        }
        let path = Path::new(name);
        if path.is_dir() {
            no_files_flags(args, "a folder of pictures")?;
            let listing = Listing::of_folder(path, &called(path), grouping(args))?;
            return Ok(Self::Pictures(listing, options(args, None)));
        }
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) && path.exists() {
            no_files_flags(args, "a list of pictures")?;
            return Ok(Self::Pictures(manifest(path)?, options(args, None)));
        }
        no_picture_flags(name, &args.pictures, args.split_by)?;
        if !path.exists() {
            return Err(Error::invalid(format!(
                "expected a data set's name or an existing file or folder; got {name:?}"
            ))
            .with_hint(format!("the names are {}", known::ALL.map(|set| set.name).join(", "))));
        }
        let data = of_arrays(path, args.labels.as_deref())?.into_dataset(&called(path))?;
        Ok(Self::Whole(Box::new(data)))
    }

    /// A data set that has a name.
    fn of_known(set: &KnownSet, args: &DataArgs) -> Result<Self> {
        let whole = |data| Ok(Self::Whole(Box::new(data)));
        let no_picture_flags = || no_picture_flags(set.name, &args.pictures, args.split_by);
        match set.reader {
            Reader::Generated(generate) => no_picture_flags().and_then(|()| whole(generate())),
            Reader::Files(load) => no_picture_flags().and_then(|()| whole(in_folder(set.name, args, load)?)),
            Reader::Pictures(pictures) => {
                let listing = in_folder(set.name, args, |folder| pictures.find(folder))?;
                Ok(Self::Pictures(listing, options(args, set.size)))
            }
        }
    }

    /// The data set's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Whole(data) => &data.name,
            Self::Pictures(listing, _) => &listing.name,
        }
    }

    /// One name per label; empty for pictures without labels.
    pub(crate) fn class_names(&self) -> &[String] {
        match self {
            Self::Whole(data) => &data.class_names,
            Self::Pictures(listing, _) => &listing.class_names,
        }
    }

    /// Whether the files call classes by numbers from 0, and names only explain them.
    pub(crate) fn is_numbered(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// The images of two classes, relabelled 0 and 1. Only the pictures of these classes are opened.
    ///
    /// # Errors
    /// What the pictures' reader reports; as [`Dataset::pair`].
    pub(crate) fn pair(self, a: usize, b: usize, observer: &dyn Observer) -> Result<Dataset> {
        match self {
            Self::Whole(data) => data.pair(a, b),
            Self::Pictures(listing, options) => listing.pair(a, b)?.load(&options, observer)?.into_dataset(),
        }
    }
}

/// Images in a file of arrays, with labels from a second one where it is named.
///
/// # Errors
/// As [`arrays::load`].
pub(crate) fn of_arrays(path: &Path, labels: Option<&Path>) -> Result<Arrays> {
    let named = |e| mistaken::data(path, e);
    let named = |e| labels.iter().fold(named(e), |e, labels| mistaken::data(labels, e));
    arrays::load(path, labels).map_err(named)
}

fn manifest(list: &Path) -> Result<Listing> {
    Listing::of_manifest(list, &called(list)).map_err(|e| mistaken::data(list, e))
}

/// How pictures are read, as the flags say.
pub(crate) fn options(args: &DataArgs, size: Option<usize>) -> Options {
    Options {
        size: args.pictures.size.or(size),
        skip_bad: args.pictures.skip_bad,
        scratch: args.pictures.scratch.clone(),
        ..Options::default()
    }
}

/// What is read from file names: the slide, with `--split-by slide`.
fn grouping(args: &DataArgs) -> Grouping {
    if args.split_by == SplitBy::Slide { Grouping::FirstPart } else { Grouping::None }
}

/// Refuses flags of arrays, which mean nothing for pictures.
fn no_files_flags(args: &DataArgs, what: &str) -> Result<()> {
    let given = [("--labels", args.labels.is_some()), ("--data-dir", args.data_dir.is_some())];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Error::invalid(format!("{flag} does not belong to {what}"))
            .with_hint(format!("leave {flag} out"))),
    }
}

/// Refuses flags of pictures, which mean nothing for arrays.
///
/// # Errors
/// `InvalidParameter`, naming the flag.
pub(crate) fn no_picture_flags(name: &str, pictures: &PictureArgs, split_by: SplitBy) -> Result<()> {
    let given = [
        ("--size", pictures.size.is_some()),
        ("--skip-bad", pictures.skip_bad),
        ("--split-by slide", split_by == SplitBy::Slide),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => {
            Err(Error::invalid(format!("{flag} belongs to folders and lists of pictures; {name} is neither"))
                .with_hint(format!("leave {flag} out")))
        }
    }
}

/// The folder that the user named, else the default one.
fn data_dir(name: &str, args: &DataArgs) -> Result<PathBuf> {
    if let Some(folder) = &args.data_dir {
        return Ok(folder.clone());
    }
    cache::folder_of(name)
}

/// Reads the folder of a known data set. The reader reports what is missing where; the program adds what to type.
fn in_folder<T>(name: &str, args: &DataArgs, read: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let folder = data_dir(name, args)?;
    read(&folder).map_err(|error| {
        let incomplete = fetch::is_incomplete(name, &folder);
        if folder.is_dir() && !incomplete {
            return mistaken::folder(&folder, error);
        }
        let fetch = cache::fetch_command(name, args.data_dir.as_deref());
        error.with_hint(format!(
            "{fetch} downloads and checks it; if you have the files already, use --data-dir DIR"
        ))
    })
}

/// A file's or folder's name. Never that of a known data set, whose presets are meant for other images.
fn called(path: &Path) -> String {
    // The full path of `.` or `photos/..` has a name, the path itself has none.
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if full.is_dir() { full.file_name() } else { full.file_stem() };
    let name = name.map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned());
    if known::by_name(&name).is_some() { format!("my-{name}") } else { name }
}
