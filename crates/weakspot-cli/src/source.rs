//! Opens a data set by name or file.

use std::path::{Path, PathBuf};

use weakspot::dataset::{Dataset, arrays, cifar, demo, idx};
use weakspot::{Error, Result};

use crate::args::DataArgs;

/// The data sets that are known by name.
const NAMES: &str = "demo, mnist, fashion-mnist, cifar10";

/// Every class of the data set that the user means.
///
/// # Errors
/// What the data set's reader reports; `InvalidParameter` for flags that do not concern this data set.
pub(crate) fn open(name: &str, args: &DataArgs) -> Result<Dataset> {
    let has_files = matches!(name, "mnist" | "fashion-mnist" | "cifar10");
    if args.data_dir.is_some() && !has_files {
        return Err(Error::invalid(format!(
            "--data-dir belongs to mnist, fashion-mnist and cifar10; the data set is {name}"
        ))
        .with_hint("leave --data-dir out, or name the data set first: weakspot study mnist --data-dir DIR"));
    }
    if args.labels.is_some() && (has_files || name == "demo") {
        return Err(Error::invalid(format!(
            "--labels belongs to an .npy file of images; {name} has its own"
        ))
        .with_hint("leave --labels out"));
    }
    match name {
        "demo" => Ok(demo::generate()),
        "mnist" | "fashion-mnist" => idx::load(name, &data_dir(name, args)?),
        "cifar10" => cifar::load(&data_dir(name, args)?),
        _ => {
            let path = Path::new(name);
            if !path.exists() {
                return Err(Error::invalid(format!(
                    "expected a data set's name or an existing file or folder; got {name:?}"
                ))
                .with_hint(format!("the names are {NAMES}")));
            }
            arrays::load(path, args.labels.as_deref())?.into_dataset(&called(path))
        }
    }
}

/// The folder that the user named, else the default one.
fn data_dir(name: &str, args: &DataArgs) -> Result<PathBuf> {
    if let Some(folder) = &args.data_dir {
        return Ok(folder.clone());
    }
    idx::default_folder(name, |variable| std::env::var(variable).ok()).ok_or_else(|| {
        Error::invalid(format!("expected the folder of {name}; this system names no cache folder"))
            .with_hint(format!("weakspot study {name} --data-dir DIR"))
    })
}

/// A file's or folder's name. Never that of a known data set, whose presets are about other images.
fn called(path: &Path) -> String {
    // The full path of `.` or `photos/..` has a name, the path itself has none.
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if full.is_dir() { full.file_name() } else { full.file_stem() };
    let name = name.map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned());
    if NAMES.split(", ").any(|known| known == name) { format!("my-{name}") } else { name }
}
