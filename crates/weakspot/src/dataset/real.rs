//! The published files, for tests: they lie beside the project, or nowhere.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A folder of published files; `None` if it is absent. Standard error then says that a test was skipped. It bypasses
/// the test harness, which hides what a passing test prints.
pub(super) fn folder(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("WEAKSPOT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = data.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let said = format!(
        "skipped {test}: there is no {} (WEAKSPOT_TEST_DATA names another place)\n",
        folder.display()
    );
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    None
}
