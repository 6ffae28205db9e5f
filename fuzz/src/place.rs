//! The place of an input while it is read.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Set by `fuzz/run`, which removes the folder afterwards: a process that libFuzzer ends removes nothing.
const FOLDER: &str = "WEAKSPOT_FUZZ_FOLDER";

/// In memory: an input is written a thousand times a second.
const MEMORY: &str = "/dev/shm";

thread_local! {
    static OWN: TempDir = own();
}

fn own() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("weakspot-fuzz-");
    match std::env::var_os(FOLDER).or_else(|| Path::new(MEMORY).is_dir().then(|| MEMORY.into())) {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    }
    .expect("a folder for the inputs")
}

/// This thread's folder of a name. `fill` is called once, when it is made.
pub(crate) fn folder(name: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let path = OWN.with(|own| own.path().join(name));
    if !path.is_dir() {
        std::fs::create_dir_all(&path).expect("a folder for an input");
        fill(&path);
    }
    path
}

/// Writes a file into this thread's folder.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = OWN.with(|own| own.path().join(name));
    write(&path, bytes);
    path
}

/// Writes a file.
#[expect(
    clippy::disallowed_methods,
    reason = "nobody else reads it, and a thousand a second must not be flushed"
)]
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("an input can be written");
}
