//! Runs from a configuration, and figures beside those that were expected.

use std::path::Path;

use serde_json::json as value;
use weakspot::output::write_atomic;

use crate::program::weakspot;
use crate::study::{assert_same, copy, finished, json, results};

fn put(folder: &Path, name: &str, value: &serde_json::Value) {
    write_atomic(&folder.join(name), value.to_string().as_bytes()).unwrap();
}

#[test]
fn a_run_is_made_again_from_its_own_configuration() {
    let folder = tempfile::tempdir().unwrap();
    copy(&finished().join("models"), &folder.path().join("models"));
    copy(&finished().join("run"), &folder.path().join("first"));
    let config = json(&folder.path().join("first/config.json"));
    assert_eq!(config["schema"], "weakspot-config/1");
    // What was typed, what was filled in, and nothing about where or how.
    for (name, expected) in [("limit", "8"), ("classes", "disc,cross"), ("fill", "0,1"), ("width", "1/16")] {
        assert_eq!(config["settings"][name], expected, "{name} in {config}");
    }
    for absent in ["models", "out", "threads", "layer", "fit"] {
        assert!(config["settings"].get(absent).is_none(), "{absent} in {config}");
    }
    let words = ["study", "--config", "first/config.json", "--models", "models", "--out", "second"];
    let said = weakspot(folder.path(), &words).ok();
    assert!(said.stderr.contains("configuration first/config.json"), "{}", said.stderr);
    assert!(!said.stderr.contains("as typed"), "{}", said.stderr);
    assert_same(&results(&folder.path().join("first")), &results(&folder.path().join("second")));

    // The same figures; then other ones.
    let report = |words: &[&str]| weakspot(folder.path(), &[&["report"], words].concat());
    report(&["first", "--write-expected", "expected.json"]).ok();
    let same = report(&["second", "--expect", "expected.json"]).ok().stdout;
    assert!(same.contains("disc->cross/scores/clean") && same.contains(" 0 differ, 0 missing"), "{same}");
    assert_eq!(
        report(&["first", "--write-expected", "expected.json"]).code,
        Some(2),
        "it is not overwritten"
    );
    let mut other = json(&folder.path().join("expected.json"));
    let clean = &mut other["figures"]["disc->cross/scores/clean"];
    *clean = value!({ "k": 0, "n": 1000, "value": 0.0, "low": 0.0, "high": 0.004 });
    put(folder.path(), "other.json", &other);
    let said = report(&["second", "--expect", "other.json"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stdout.contains("DIFFERS") && said.stdout.contains(" 1 differ, 0 missing"),
        "{}",
        said.stdout
    );
    other["classes"] = value!(["cat", "dog"]);
    put(folder.path(), "other.json", &other);
    let said = report(&["second", "--expect", "other.json"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("demo cat/dog"), "{}", said.stderr);
}

#[test]
fn what_is_typed_goes_before_the_configuration_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = value!({
        "schema": "weakspot-config/1", "dataset": "fashion-mnist",
        "settings": { "seed": 3, "eps": "0.1", "fill": [0, 1], "targeted": true, "classes": "0,1" },
    });
    put(folder.path(), "c.json", &config);
    let words = ["study", "mnist", "--config=c.json", "--seed", "4", "--eps", "0.1", "--data-dir", "nowhere"];
    let said = weakspot(folder.path(), &words);
    assert!(said.stderr.contains("--seed 4, as typed, instead of the configuration's 3"), "{}", said.stderr);
    assert!(
        said.stderr.contains("mnist, as typed, instead of the configuration's fashion-mnist"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("--eps"), "the same is not another: {}", said.stderr);
    assert!(said.stderr.contains("error: mnist: expected four IDX files"), "{}", said.stderr);
}

#[test]
fn a_configuration_that_is_none_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let with = |settings: serde_json::Value| {
        value!({ "schema": "weakspot-config/1", "dataset": "demo", "settings": settings }).to_string()
    };
    let other_schema = with(value!({})).replace("config/1", "config/9");
    for (text, expected) in [
        ("not json".to_owned(), "bad.json"),
        ("{}".to_owned(), "schema"),
        (other_schema, "weakspot-config/9"),
        (with(value!({})).replace("demo", "--force"), "no data set"),
        (with(value!({ "epsilon": "0.1" })), "\"epsilon\""),
        (with(value!({ "out": "elsewhere" })), "\"out\""),
        (with(value!({ "config": "bad.json" })), "\"config\""),
        (with(value!({ "eps": "8" })), "eps"),
        (with(value!({ "eps": null })), "eps"),
        (with(value!({ "fill": [[0]] })), "fill"),
        (with(value!({ "targeted": "perhaps" })), "targeted"),
    ] {
        write_atomic(&folder.path().join("bad.json"), text.as_bytes()).unwrap();
        let said = weakspot(folder.path(), &["study", "--config", "bad.json"]);
        assert_eq!(said.code, Some(2), "{text}: {}", said.stderr);
        let lines: Vec<&str> = said.stderr.lines().collect();
        assert!(lines.len() == 2 && lines[0].contains(expected), "{text}: {}", said.stderr);
        assert!(lines[1].starts_with("hint: "), "{text}: {}", said.stderr);
    }
    let absent = weakspot(folder.path(), &["study", "--config", "absent.json"]);
    assert!(absent.stderr.contains("absent.json"), "{}", absent.stderr);
}

#[test]
fn every_experiment_can_be_started_and_has_figures_to_compare_with() {
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut n = 0;
    for entry in std::fs::read_dir(experiments).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        n += 1;
        let config = json(&folder.join("config.json"));
        let expected = json(&folder.join("expected.json"));
        assert_eq!(config["dataset"], expected["dataset"], "{}", folder.display());
        assert!(expected["figures"].as_object().unwrap().len() > 20, "{}", folder.display());
        let reading = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(reading.contains("--config experiments/"), "{}", folder.display());
        // The settings are taken; that the folder of the results is a file is found after that, and before any work.
        let elsewhere = tempfile::tempdir().unwrap();
        write_atomic(&elsewhere.path().join("out"), b"a file").unwrap();
        let path = folder.join("config.json").display().to_string();
        let mut words = vec!["study", "--config", &path, "--out", "out"];
        if config["dataset"] != "demo" {
            words.extend(["--data-dir", "nowhere"]);
        }
        let said = weakspot(elsewhere.path(), &words);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        let ended = said.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
        let known = [
            "expected a folder for the results",
            "expected four IDX files",
            "expected test_batch.bin",
            "expected a folder with the folders",
        ];
        assert!(known.iter().any(|text| ended.contains(text)), "{}: {ended}", folder.display());
    }
    assert!(n >= 3, "{n} experiments");
}
