//! `weakspot study --use-mask`: masks of the user's own in place of the blob.

use serde_json::Value;
use weakspot::output::write_atomic;
use weakspot::report::figures::grey_png;

use crate::bad_input::refused;
use crate::fetch::published;
use crate::program::weakspot;
use crate::study::{finished, json, tiny, words};

/// The same demo study as [`finished`], with its classifier reused.
fn with_mask<'a>(models: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words_of: Vec<&str> = tiny(more);
    let place = words_of.iter().position(|word| *word == "models").unwrap();
    words_of[place] = models;
    words_of
}

#[test]
fn an_empty_mask_changes_nothing_and_a_runs_own_blob_changes_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let (run, models) = (finished().join("run"), finished().join("models"));
    let models = models.to_str().unwrap();
    write_atomic(&folder.path().join("none.png"), &grey_png(32, 32, &[0; 1024]).unwrap()).unwrap();
    weakspot(folder.path(), &with_mask(models, &["--use-mask", "none.png", "--out", "none"])).ok();
    let none = json(&folder.path().join("none/results.json"));
    assert_eq!(none["given_mask"]["source"], "none.png");
    for test in none["tests"].as_array().unwrap() {
        assert_eq!((&test["first_only"], &test["second_only"]), (&0.into(), &0.into()), "{test}");
    }

    let source = run.to_str().unwrap();
    let said = weakspot(folder.path(), &with_mask(models, &["--use-mask", source, "--out", "same"])).ok();
    let in_one_line = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(in_one_line.contains("the given mask"), "{}", said.stdout);
    let (own, again) = (json(&run.join("results.json")), json(&folder.path().join("same/results.json")));
    for field in ["tests", "together", "sweep", "controls", "separation"] {
        assert_eq!(own[field], again[field], "{field}");
    }
    assert_eq!(own["given_mask"], Value::Null);
    // The run goes again from its own configuration.
    let config = folder.path().join("none/config.json");
    let config = config.to_str().unwrap();
    weakspot(folder.path(), &["study", "--config", config, "--models", models, "--out", "again"]).ok();
    assert_eq!(none, json(&folder.path().join("again/results.json")));
}

#[test]
fn a_mask_that_is_none_is_refused_before_any_training() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, side: usize, value: u8| {
        let png = grey_png(side, side, &vec![value; side * side]).unwrap();
        write_atomic(&folder.path().join(name), &png).unwrap();
    };
    write("small.png", 28, 255);
    write("grey.png", 32, 100);
    write("good.png", 32, 255);
    for (value, expected) in [
        ("small.png", "expected a mask of [32, 32]"),
        ("grey.png", "got 100"),
        ("missing.png", "missing.png"),
        ("good.png,missing.png", "missing.png"),
        (".", "results.json"),
    ] {
        refused(folder.path(), &words(&tiny(&[]), &["--use-mask", value]), expected);
    }
    refused(folder.path(), &tiny(&["--use-mask", "good.png", "--tune"]), "the mask that is scored is given");
}

/// The paper's data sets with words that make a study of each take seconds.
const REAL: [(&str, &str, &[&str]); 5] = [
    ("mnist", "mnist", &["--classes", "0,1"]),
    ("fashion-mnist", "fashion-mnist", &["--classes", "Trouser,Pullover"]),
    ("cifar10", "cifar-10-batches-bin", &[]),
    ("cats-vs-dogs", "cats-vs-dogs", &["--size", "32"]),
    ("malaria", "malaria", &["--size", "32"]),
];

/// The A/A tests on real images: nothing is neutralized, and then next to nothing.
#[test]
fn on_real_data_no_mask_changes_nothing_and_one_corner_pixel_is_never_better_or_worse() {
    let folder = tempfile::tempdir().unwrap();
    for (name, inside, more) in REAL {
        let Some(own) = published(inside) else { continue };
        let side = if more.contains(&"--size") || name == "cifar10" { 32 } else { 28 };
        let own = own.to_str().unwrap();
        for (mask, corner) in [("none.png", 0), ("corner.png", 255)] {
            let mut pixels = vec![0; side * side];
            pixels[0] = corner;
            let png = grey_png(side, side, &pixels).unwrap();
            write_atomic(&folder.path().join(mask), &png).unwrap();
            let out = format!("{name}-{mask}");
            let few = ["--data-dir", own, "--limit", "30", "--models", "models", "--controls", "none"];
            let small = [
                "--arch",
                "vgg16",
                "--width",
                "1/16",
                "--train-limit",
                "60",
                "--epochs",
                "2",
                "--train-batch",
                "8",
            ];
            let study = words(&words(&["study", name], more), &words(&few, &small));
            weakspot(folder.path(), &words(&study, &["--use-mask", mask, "--out", &out])).ok();
            let found = json(&folder.path().join(out).join("results.json"));
            let swept = found["sweep"].as_array().unwrap().iter().map(|point| &point["worst"]);
            for test in found["tests"].as_array().unwrap().iter().chain(swept) {
                if corner == 0 {
                    assert_eq!(
                        (&test["first_only"], &test["second_only"]),
                        (&0.into(), &0.into()),
                        "{name} {test}"
                    );
                } else {
                    let word = test["word"].as_str().unwrap();
                    assert!(!["better", "worse"].contains(&word), "{name} {test}");
                }
            }
        }
    }
}
