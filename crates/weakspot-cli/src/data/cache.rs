//! Where data sets lie: in the user's own folder, or in the cache that `weakspot fetch` fills.

use std::path::{Path, PathBuf};

use weakspot::dataset::idx;
use weakspot::{Error, Result};

/// The cache: `WEAKSPOT_CACHE`, else the folder `weakspot` in the platform's cache folder.
///
/// # Errors
/// `InvalidParameter` where the environment names neither.
pub(crate) fn root() -> Result<PathBuf> {
    root_by(env).ok_or_else(|| {
        Error::invalid("there is no cache folder: neither WEAKSPOT_CACHE nor HOME is set")
            .with_hint("give a folder with --data-dir DIR, or set WEAKSPOT_CACHE")
    })
}

/// The folder of a data set when the user names none: `WEAKSPOT_DATA/<name>` if it is there, else the cache's if it is
/// there; else where the user would expect it.
///
/// # Errors
/// As [`root`].
pub(crate) fn folder_of(name: &str) -> Result<PathBuf> {
    let own = env("WEAKSPOT_DATA").map(|folder| Path::new(&folder).join(name));
    let cached = root().map(|root| root.join(name));
    match (own, cached) {
        (Some(own), cached) if own.is_dir() || !cached.as_ref().is_ok_and(|cached| cached.is_dir()) => {
            Ok(own)
        }
        (_, cached) => cached,
    }
}

/// The command that fetches a data set to where a study with these settings looks for it.
pub(crate) fn fetch_command(name: &str, data_dir: Option<&Path>) -> String {
    match data_dir {
        Some(folder) => format!("weakspot fetch {name} --data-dir {}", folder.display()),
        None => format!("weakspot fetch {name}"),
    }
}

fn env(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

fn root_by(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(cache) = env("WEAKSPOT_CACHE") {
        return Some(PathBuf::from(cache));
    }
    // The library knows the platforms; the name of a data set is one level below.
    let any = idx::default_folder("any", |variable| match variable {
        "WEAKSPOT_DATA" => None,
        other => env(other),
    })?;
    any.parent().map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(variables: &[(&str, &str)]) -> Option<PathBuf> {
        root_by(|asked| {
            variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_cache_is_the_one_named_else_the_platforms_and_never_the_users_data() {
        let home = [("HOME", "/home/u"), ("WEAKSPOT_DATA", "/data")];
        assert!(root(&home).unwrap().ends_with("weakspot"));
        assert!(root(&home).unwrap().starts_with("/home/u"));
        assert_eq!(root(&[("WEAKSPOT_CACHE", "/c"), home[0]]), Some(PathBuf::from("/c")));
        assert_eq!(root(&[home[1]]), None);
    }
}
