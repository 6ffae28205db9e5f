//! Which crate may use which, and under which licences the dependencies come.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use weakspot::output::write_atomic;

/// What a crate of ours may depend on, among ours (`ARCHITECTURE.md`).
const ARROWS: [(&str, &[&str]); 4] = [
    ("weakspot", &[]),
    ("weakspot-conv", &[]),
    ("weakspot-nn", &["weakspot", "weakspot-conv"]),
    ("weakspot-cli", &["weakspot", "weakspot-nn"]),
];

/// What the science crate must never need: a machine-learning framework, an argument parser, Python.
const FORBIDDEN_IN_SCIENCE: [&str; 9] =
    ["burn", "candle-core", "tch", "ort", "tract-onnx", "clap", "indicatif", "pyo3", "gemm"];

/// Licences that let anyone use the program as they use our own code.
const LICENCES: [&str; 15] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "MIT-0",
    "CC0-1.0",
    "BSL-1.0",
    "Unicode-3.0",
    "Unlicense",
    // Of data, not of code: Mozilla's list of certificates.
    "CDLA-Permissive-2.0",
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn names(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap();
    dependencies
        .iter()
        .filter(|d| d["kind"].is_null())
        .map(|d| d["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn crates_depend_only_along_the_drawn_arrows() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeMap<&str, BTreeSet<String>> = packages
        .iter()
        .filter(|p| p["source"].is_null())
        .map(|p| (p["name"].as_str().unwrap(), names(p)))
        .collect();
    assert_eq!(ours.keys().copied().collect::<BTreeSet<_>>(), ARROWS.iter().map(|(name, _)| *name).collect());
    for (name, allowed) in ARROWS {
        for dependency in &ours[name] {
            let inside = ours.contains_key(dependency.as_str());
            assert!(
                !inside || allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
    for forbidden in FORBIDDEN_IN_SCIENCE {
        assert!(!ours["weakspot"].contains(forbidden), "the science crate must not depend on {forbidden}");
    }
}

#[test]
fn release_builds_check_for_overflow_outside_the_kernels() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let having = |line: &str| {
        let sections = manifest.split("\n[").filter(|section| section.lines().any(|l| l == line));
        sections.map(|section| section.split(']').next().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(having("overflow-checks = true"), ["profile.release"]);
    let kernels = ["weakspot-conv", "weakspot-nn", "matrixmultiply", "rustfft"];
    assert_eq!(
        having("overflow-checks = false"),
        kernels.map(|name| format!("profile.release.package.{name}"))
    );
}

/// Whether an SPDX expression of `OR`s and `AND`s without nesting beyond one level can be satisfied.
fn satisfiable(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression.split(" AND ").all(|part| {
        part.split(" OR ").any(|licence| {
            LICENCES.contains(&licence.split_whitespace().collect::<Vec<_>>().join(" ").as_str())
        })
    })
}

#[test]
fn every_dependency_has_a_licence_we_listed() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(
            satisfiable(licence),
            "{name} is licensed {licence:?}, which is not in the list of this test"
        );
    }
}

#[test]
fn the_licence_reader_knows_what_to_refuse() {
    assert!(satisfiable("MIT OR Apache-2.0"));
    assert!(satisfiable("Unlicense/MIT"));
    assert!(satisfiable("(MIT OR GPL-3.0-only) AND Unicode-3.0"));
    assert!(!satisfiable("GPL-3.0-only"));
    assert!(!satisfiable("MIT AND GPL-3.0-only"));
    assert!(!satisfiable("none"));
}

/// A file at the repository's root.
fn root(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

#[test]
fn cargo_deny_allows_the_licences_of_this_test() {
    let deny = std::fs::read_to_string(root("deny.toml")).unwrap();
    let list = deny.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
    let allowed: Vec<&str> = list.split(',').map(|l| l.trim().trim_matches('"')).collect();
    assert_eq!(allowed.into_iter().filter(|l| !l.is_empty()).collect::<Vec<_>>(), LICENCES);
}

/// Every crate that is linked into the program on some system, ours left out.
fn linked(metadata: &Value) -> Vec<&Value> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let of = |id: &str| packages.iter().find(|p| p["id"] == id).unwrap();
    let (mut found, mut left) = (BTreeSet::new(), Vec::new());
    left.extend(packages.iter().filter(|p| p["name"] == "weakspot-cli").map(|p| p["id"].as_str().unwrap()));
    while let Some(id) = left.pop() {
        if !found.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                left.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    let mut linked: Vec<&Value> =
        found.into_iter().map(of).filter(|package| !package["source"].is_null()).collect();
    linked.sort_by_key(|p| (p["name"].as_str().unwrap(), p["version"].as_str().unwrap()));
    linked
}

#[test]
fn the_list_of_third_party_licences_is_that_of_the_lock_file() {
    let metadata = metadata();
    let mut text = "\
# Third-party licences

The crates that are linked into the program `weakspot` on some system, as `Cargo.lock` has them, with the licence that
each declares in SPDX's form. Where it leaves a choice, any of them may be chosen. A crate's own text with its copyright
notices is in its archive on crates.io, `https://crates.io/api/v1/crates/NAME/VERSION/download`. `scripts/licences`
writes this file; a test compares it with the lock file.

| crate | version | licence | source |
|---|---|---|---|
"
    .to_owned();
    for package in linked(&metadata) {
        let fields =
            ["name", "version", "license", "repository"].map(|f| package[f].as_str().unwrap_or("none"));
        text += &["| ", &fields.join(" | "), " |\n"].concat();
    }
    let path = root("THIRD-PARTY-LICENCES.md");
    if std::env::var_os("REGENERATE").is_some() {
        write_atomic(&path, text.as_bytes()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "THIRD-PARTY-LICENCES.md is not that of Cargo.lock: run scripts/licences");
}

/// The Rust files in a folder and in those below it, what cargo builds left out.
fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                left.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn every_line_of_code_has_at_most_120_columns() {
    let mut lines = 0;
    for path in
        ["crates", "fuzz", "reference", "bench"].map(root).iter().flat_map(|folder| rust_files(folder))
    {
        for (i, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            assert!(line.chars().count() <= 120, "{}:{}", path.display(), i + 1);
            lines += 1;
        }
    }
    assert!(lines > 50_000, "{lines} lines were found");
}

/// What every room may use.
const EVERYBODY: [&str; 8] = ["digest", "error", "hint", "input", "num", "output", "progress", "rng"];

/// The arrows that ARCHITECTURE draws between the rooms of `crates/weakspot`.
fn drawn() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root("ARCHITECTURE.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once("-> "));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    lines.map(|(room, to)| (room.trim().to_owned(), words(to))).collect()
}

/// A file without its tests and comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The rooms that the rooms use: what stands behind each `crate::`.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let source = root("crates/weakspot/src");
    // Modules that a test alone sees.
    let for_tests = ["tests.rs", "protocol_tests.rs", "fixture.rs", "golden.rs", "real.rs", "lib.rs"];
    let mut used = BTreeMap::new();
    for path in rust_files(&source) {
        if for_tests.contains(&path.file_name().unwrap().to_str().unwrap()) {
            continue;
        }
        let within = path.strip_prefix(&source).unwrap();
        let room = within.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let code = code(&path);
        let words = code.split("crate::").skip(1);
        let to = words.map(|rest| {
            rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default().to_owned()
        });
        let is_room = |to: &String| source.join(to).is_dir() || source.join(format!("{to}.rs")).is_file();
        let out: &mut BTreeSet<String> = used.entry(room.clone()).or_default();
        out.extend(to.filter(|to| is_room(to) && *to != room && !EVERYBODY.contains(&to.as_str())));
    }
    used.retain(|_, to| !to.is_empty());
    used
}

#[test]
fn rooms_use_each_other_as_architecture_draws_it_and_never_in_a_circle() {
    let drawn = drawn();
    assert_eq!(used(), drawn);
    assert!(EVERYBODY.iter().all(|room| !drawn.contains_key(*room)));
    // Taking away, again and again, the rooms that use no other leaves nothing.
    let mut left = drawn;
    while !left.is_empty() {
        let rooms: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, to| to.iter().any(|to| rooms.contains(to)));
        assert!(left.len() < before, "a circle among {rooms:?}");
    }
}
