//! Opens a data set by name or file.

use std::path::Path;

use weakspot::dataset::{Dataset, arrays, demo, idx};
use weakspot::{Error, Result};

use crate::args::DataArgs;
use crate::{cache, fetch};

/// The data sets that are known by name.
const NAMES: &str = "demo, mnist, fashion-mnist";

/// Every class of the data set that the user means.
///
/// # Errors
/// What the data set's reader reports; `InvalidParameter` for flags that do not concern this data set.
pub(crate) fn open(name: &str, args: &DataArgs) -> Result<Dataset> {
    let is_idx = matches!(name, "mnist" | "fashion-mnist");
    if args.data_dir.is_some() && !is_idx {
        return Err(Error::invalid(format!(
            "--data-dir belongs to mnist and fashion-mnist; the data set is {name}"
        ))
        .with_hint("leave --data-dir out, or name the data set first: weakspot study mnist --data-dir DIR"));
    }
    if args.labels.is_some() && (is_idx || name == "demo") {
        return Err(Error::invalid(format!(
            "--labels belongs to an .npy file of images; {name} has its own"
        ))
        .with_hint("leave --labels out"));
    }
    match name {
        "demo" => Ok(demo::generate()),
        "mnist" | "fashion-mnist" => {
            let folder = match &args.data_dir {
                Some(folder) => folder.clone(),
                None => cache::folder_of(name)?,
            };
            if !fetch::has_files(name, &folder) {
                // The reader says what is missing where; what to type is the program's to say.
                return idx::load(name, &folder).map_err(|missing| {
                    missing.with_hint(format!(
                        "{} downloads and checks them; files of your own: --data-dir DIR",
                        cache::fetch_command(name, args.data_dir.as_deref())
                    ))
                });
            }
            idx::load(name, &folder)
        }
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

/// A file's or folder's name. Never that of a known data set, whose presets are about other images.
fn called(path: &Path) -> String {
    // The full path of `.` or `photos/..` has a name, the path itself has none.
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if full.is_dir() { full.file_name() } else { full.file_stem() };
    let name = name.map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned());
    if NAMES.split(", ").any(|known| known == name) { format!("my-{name}") } else { name }
}
