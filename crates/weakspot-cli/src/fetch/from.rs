//! Where files are looked for: the publishers' addresses, or what `--from` names.

use std::path::{Path, PathBuf};

use weakspot::{Error, Result};

use weakspot::dataset::known::Published;

/// One place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An address to which a file's name is added.
    Base(String),
    /// The address of a file.
    Address(String),
    /// A folder on this machine.
    Folder(PathBuf),
    /// A file on this machine.
    File(PathBuf),
}

/// A file at a place.
#[derive(Debug)]
pub(crate) enum Found {
    Address(String),
    Local(PathBuf),
    /// Why there is none.
    Missing(String),
}

impl Place {
    /// Where a file of this name is, at this place.
    pub(crate) fn of(&self, name: &str) -> Found {
        match self {
            Self::Base(base) => Found::Address(format!("{base}{name}")),
            Self::Address(address) => Found::Address(address.clone()),
            Self::File(path) => Found::Local(path.clone()),
            Self::Folder(folder) => in_folder(folder, name).map_or_else(
                || Found::Missing(format!("{} holds no {name}", folder.display())),
                Found::Local,
            ),
        }
    }
}

/// The file of this name in a folder, or of this name without `.gz`.
pub(crate) fn in_folder(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = name.strip_suffix(".gz").filter(|plain| !plain.contains(".tar"));
    [Some(name), plain].into_iter().flatten().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The places of a source: those the user names, else the publishers'.
///
/// # Errors
/// `InvalidParameter` for what is neither an address nor an existing path, and for one file of a source that has
/// several.
pub(crate) fn places(source: &Published, from: &[String]) -> Result<Vec<Place>> {
    if from.is_empty() {
        return Ok(source.bases.iter().map(|base| Place::Base((*base).to_owned())).collect());
    }
    let places: Vec<Place> = from.iter().map(|text| place(text)).collect::<Result<_>>()?;
    let single = places.iter().zip(from).find(|(p, _)| matches!(p, Place::Address(_) | Place::File(_)));
    if let (Some((_, text)), true) = (single, source.files.len() > 1) {
        return Err(Error::invalid(format!(
            "{} is {} files; {text} is one",
            source.name,
            source.files.len()
        ))
        .with_hint("--from takes a folder that holds them all, or an address that ends in /"));
    }
    Ok(places)
}

fn place(text: &str) -> Result<Place> {
    if let Some((scheme, _)) = text.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" if text.ends_with('/') => Ok(Place::Base(text.to_owned())),
            "http" | "https" => Ok(Place::Address(text.to_owned())),
            _ => Err(Error::invalid(format!("expected an address in http or https; got {text}"))
                .with_hint("for a file on this machine, give its path without file://")),
        };
    }
    let path = PathBuf::from(text);
    if path.is_dir() {
        Ok(Place::Folder(path))
    } else if path.is_file() {
        Ok(Place::File(path))
    } else {
        Err(Error::invalid(format!("expected an address, a file or a folder; {text} does not exist"))
            .with_hint("for example --from https://mirror.example/mnist/ or --from ~/Downloads"))
    }
}
