//! `weakspot train`.

use crate::program::weakspot;
use crate::study::{QUICK, words};

#[test]
fn training_writes_weights_that_say_what_they_are_and_repeat_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = words(&["train", "demo"], &QUICK);
    let more = |out: &'static str, threads: &'static str| {
        weakspot(folder.path(), &words(&tiny, &["--out", out, "--threads", threads])).ok()
    };
    more("a.safetensors", "1");
    more("b.safetensors", "2");
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("a.safetensors"), bytes("b.safetensors"));
    let held = bytes("a.safetensors");
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&held).unwrap();
    let metadata = metadata.metadata().clone().unwrap();
    assert!(!metadata.is_empty(), "{metadata:?}");
    let text = format!("{metadata:?}");
    for expected in ["vgg16", "gap", "1/16"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }

    let said = weakspot(folder.path(), &words(&tiny, &["--out", "a.safetensors"]));
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("hint: ") && said.stderr.contains("--force"), "{}", said.stderr);
    assert_eq!(bytes("a.safetensors"), held);
}

#[test]
fn training_without_a_place_keeps_the_weights_where_a_study_looks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let kept = words(&words(&["train", "demo"], &QUICK), &["--models", "models"]);
    let path = weakspot(folder.path(), &kept).ok().stdout;
    assert!(folder.path().join(path.trim()).is_file(), "{path}");
    let again = weakspot(folder.path(), &kept).ok();
    assert_eq!(again.stdout, path);
    assert!(again.stderr.contains("reuses"), "{}", again.stderr);
    // Another seed is another recipe.
    let other = weakspot(folder.path(), &words(&kept, &["--seed", "1"])).ok().stdout;
    assert_ne!(other, path);
}
