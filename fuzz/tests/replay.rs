//! Every input that is kept, read once.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use weakspot_fuzz::TARGETS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The files of `corpus/` or `findings/`, by target.
fn inputs(folder: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for target in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir())
    {
        let name = target.file_name().into_string().unwrap();
        found.extend(fs::read_dir(target.path()).unwrap().map(|file| (name.clone(), file.unwrap().path())));
    }
    found.sort();
    found
}

/// The findings that are not fixed yet: `findings/open.txt`, a path and a reason per line.
fn open() -> BTreeSet<String> {
    let list = fs::read_to_string(root().join("findings/open.txt")).unwrap();
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Reads every input with its target; the names of those that failed.
fn failing(folder: &str) -> Vec<String> {
    let open = open();
    let mut failed = Vec::new();
    for (name, path) in inputs(folder) {
        let target =
            TARGETS.iter().find(|target| target.name == name).expect("a folder is named after a target");
        let id = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        if open.contains(&id) {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        if panic::catch_unwind(|| (target.run)(&bytes)).is_err() {
            failed.push(id);
        }
    }
    failed
}

#[test]
fn no_input_of_the_corpus_panics_or_breaks_a_promise() {
    assert_eq!(failing("corpus"), [""; 0]);
}

#[test]
fn no_input_that_once_failed_fails_again() {
    assert_eq!(failing("findings"), [""; 0]);
}

#[test]
fn every_target_has_inputs_to_begin_from_and_no_folder_is_nobody_s() {
    let folders: BTreeSet<String> = inputs("corpus").into_iter().map(|(name, _)| name).collect();
    assert_eq!(folders, TARGETS.iter().map(|target| target.name.to_owned()).collect());
    let bytes: u64 = inputs("corpus").iter().map(|(_, path)| path.metadata().unwrap().len()).sum();
    assert!(bytes < 300_000, "the corpus is kept small; it has {bytes} bytes");
}

/// The most memory a process may have used when all inputs are read. An input may need a gigabyte of pixels, but a file
/// of a kilobyte must never claim that much.
#[test]
#[cfg(target_os = "linux")]
fn small_inputs_take_little_memory() {
    assert_eq!(failing("corpus"), [""; 0]);
    assert_eq!(failing("findings"), [""; 0]);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 1 << 20, "the peak was {kilobytes} kB");
}
