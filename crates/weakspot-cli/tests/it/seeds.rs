//! `weakspot study --seeds` on the demo data set: two tiny networks on one split.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use weakspot::output::write_atomic;
use weakspot::report::figures::grey_png;

use crate::program::{Said, start, tree, weakspot};
use crate::study::{assert_same, copy, json, results, tiny, words};

/// Two networks, of seeds 0 and 1; the least that a verdict needs.
fn two<'a>(more: &[&'a str]) -> Vec<&'a str> {
    words(&tiny(&["--protocols", "p0,p3"]), more)
}

/// Finished studies of seeds 0 and 1, made once and only read: the folder that holds `out/` and `models/`, and what was
/// said.
fn finished() -> &'static (tempfile::TempDir, Said) {
    static FINISHED: OnceLock<(tempfile::TempDir, Said)> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let said = weakspot(folder.path(), &two(&["--seeds", "2", "--out", "out"])).ok();
        (folder, said)
    })
}

/// A copy of it to do something to.
fn another() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(finished().0.path(), folder.path());
    folder
}

#[test]
fn every_seed_has_its_network_and_its_study_on_one_split() {
    let (folder, said) = finished();
    let out = folder.path().join("out");
    assert!(
        said.stderr.contains("seed 0 (1 of 2)") && said.stderr.contains("seed 1 (2 of 2)"),
        "{}",
        said.stderr
    );
    assert!(said.stdout.contains("seed 1 ") && said.stdout.contains("mean [t interval]"), "{}", said.stdout);
    assert!(said.stdout.trim_end().ends_with("report.html"), "{}", said.stdout);
    let [first, second] = ["seed-0", "seed-1"].map(|name| json(&out.join(name).join("results.json")));
    assert_eq!(first["data"]["split"], second["data"]["split"]);
    assert!(
        first["data"]["split"].as_str().unwrap().ends_with("drawn with seed 0"),
        "{}",
        first["data"]["split"]
    );
    assert_eq!(first["checksums"]["data"], second["checksums"]["data"]);
    // The words could lie: the scored images are the same ones.
    let ids = |name: &str| -> Vec<String> {
        let ledger = std::fs::read_to_string(out.join(name).join("ledger.csv")).unwrap();
        ledger.lines().map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("seed-0"), ids("seed-1"));
    assert_ne!(first["checksums"]["weights"], second["checksums"]["weights"]);
    assert_eq!((&first["seed"], &second["seed"]), (&0.into(), &1.into()));
    for (seed, results) in [(0, &first), (1, &second)] {
        assert_eq!(results["classifier"]["training_seed"], seed);
        for direction in results["directions"].as_array().unwrap() {
            let flags = direction["flags"].as_array().unwrap();
            assert!(flags.iter().all(|flag| flag["id"] != "one-seed"), "{flags:?}");
        }
    }
    let all = json(&out.join("seeds.json"));
    assert_eq!((&all["schema"], &all["split_seed"]), (&"weakspot-seeds/1".into(), &0.into()));
    assert_eq!(all["verdicts"].as_array().unwrap().len(), 2);
    let clean = all["quantities"].as_array().unwrap().iter().find(|q| q["what"] == "clean").unwrap();
    for (place, results) in [&first, &second].into_iter().enumerate() {
        assert_eq!(clean["by_seed"][place]["value"], results["directions"][0]["scores"]["clean"]["rate"]);
    }
    assert_eq!(clean["over_networks"]["n"], 2);
    for file in ["report.html", "tables/seeds.csv", "tables/seeds.md"] {
        assert!(out.join(file).is_file(), "{file}");
    }
}

#[test]
fn what_is_finished_is_kept_seeds_can_be_added_and_the_page_is_made_again() {
    let folder = another();
    let out = folder.path().join("out");
    let before = tree(folder.path());
    let said = weakspot(folder.path(), &two(&["--seeds", "2", "--out", "out"])).ok();
    assert_eq!(said.stderr.matches("finished before, kept").count(), 2, "{}", said.stderr);
    assert_same(&before, &tree(folder.path()));
    std::fs::remove_dir_all(out.join("tables")).unwrap();
    std::fs::remove_file(out.join("report.html")).unwrap();
    let said = weakspot(folder.path(), &["report", "out"]).ok();
    assert!(said.stdout.contains("out/report.html"), "{}", said.stdout);
    assert_same(&before, &tree(folder.path()));
    let refused = weakspot(folder.path(), &["report", "out", "--write-expected", "x.json"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("several seeds"), "{}", refused.stderr);

    // One more, and none of the old ones is left out.
    let said = weakspot(folder.path(), &two(&["--seeds", "0,7", "--out", "out"])).ok();
    assert!(said.stderr.contains("seed 1 (2 of 3): finished before, kept"), "{}", said.stderr);
    let studies = json(&out.join("seeds.json"))["studies"].clone();
    let seeds: Vec<u64> = studies.as_array().unwrap().iter().map(|s| s["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [0, 1, 7]);
}

#[test]
fn each_study_can_be_run_by_itself_from_its_configuration() {
    let folder = another();
    let words = ["study", "--config", "out/seed-1/config.json", "--models", "models", "--out", "alone"];
    let said = weakspot(folder.path(), &words).ok();
    assert!(said.stderr.contains("reuses models"), "the same split and seed: {}", said.stderr);
    let [alone, among] =
        ["alone", "out/seed-1"].map(|name| json(&folder.path().join(name).join("results.json")));
    assert_eq!(alone["data"], among["data"]);
    assert_eq!(alone["tests"], among["tests"]);
    // By itself it is the study of one seed.
    assert!(alone["directions"][0]["flags"].to_string().contains("one-seed"));
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    copy(&finished().0.path().join("models"), &folder.path().join("models"));
    let mut child = start(folder.path(), &two(&["--seeds", "2", "--out", "out", "--batch-size", "1"]));
    let second = folder.path().join("out/seed-1/journal");
    while !second.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("The study of seed 1 is missing: not finished."));
    assert!(page.contains("href=\"seed-0/report.html\""), "the page is written again after each study");
    let said = weakspot(folder.path(), &two(&["--seeds", "2", "--out", "out"])).ok();
    assert!(said.stderr.contains("seed 0 (1 of 2): finished before, kept"), "{}", said.stderr);
    let lasting = |folder: &Path| {
        let mut files = results(folder);
        files.retain(|path, _| !path.ends_with("run.json"));
        files
    };
    assert_same(&lasting(&finished().0.path().join("out")), &lasting(&folder.path().join("out")));
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_to_type() {
    let folder = another();
    let before = tree(folder.path());
    for (more, expected) in [
        (&["--seeds", "2", "--weights", "w.safetensors"][..], "with --weights, nothing is trained"),
        (&["--seeds", "0,3", "--seed", "1"], "got --seed 1 beside it"),
        (&["--seeds", "1"], "at least two seeds"),
        (&["--seeds", "3,3"], "3 is listed twice"),
        (&["--seeds", "-2"], "from 2 to 100"),
        (&["--seeds", "2", "--out", "models"], "or one of weakspot study --seeds"),
        (&["--seeds", "2", "--out", "out", "--theta", "0.3"], "--theta 0.5, now 0.3"),
        (&["--seeds", "1,0", "--out", "out"], "--split-seed 0, now 1"),
        (&["--seeds", "5,6", "--out", "out"], "with other settings, data or split"),
        (&["--seeds", "2", "--out", "out", "--epochs", "4"], "--epochs 3, now 4"),
    ] {
        // A flag that is given twice is another error.
        let base: Vec<&str> = if more.contains(&"--epochs") {
            let all = two(&[]);
            let at = all.iter().position(|word| *word == "--epochs").unwrap();
            all[..at].iter().chain(&all[at + 2..]).copied().collect()
        } else {
            two(&[])
        };
        let said = weakspot(folder.path(), &words(&base, more));
        assert_eq!(said.code, Some(2), "{more:?}: {}", said.stderr);
        let end: Vec<&str> = said.stderr.lines().rev().take(2).collect();
        assert!(end[1].starts_with("error: ") && end[1].contains(expected), "{more:?}: {}", said.stderr);
        assert!(end[0].starts_with("hint: "), "{more:?}: {}", said.stderr);
        assert_same(&before, &tree(folder.path()));
    }
}

#[test]
fn a_list_goes_before_the_seed_of_a_configuration() {
    let folder = another();
    let from = ["study", "--config", "out/seed-0/config.json", "--models", "models", "--out", "out"];
    // That configuration's seed is 0; its split seed stays.
    let said = weakspot(folder.path(), &words(&from, &["--seeds", "0,1"])).ok();
    assert!(said.stderr.contains("seed 1 (2 of 2)"), "{}", said.stderr);
}

#[test]
#[cfg(unix)]
fn a_study_was_written_through_a_link_out_of_the_folder() {
    let (folder, outside) = (another(), tempfile::tempdir().unwrap());
    let link = folder.path().join("out/seed-2");
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    for more in [&["--seeds", "3", "--out", "out"][..], &["--seeds", "3", "--out", "out", "--force"]] {
        let said = weakspot(folder.path(), &two(more));
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("out/seed-2: expected a place inside out"), "{}", said.stderr);
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

#[test]
fn finished_studies_of_a_given_mask_were_taken_for_others() {
    let folder = another();
    let mask = |columns: usize| {
        let pixels: Vec<u8> = (0..1024).map(|i| if i % 32 < columns { 255 } else { 0 }).collect();
        write_atomic(&folder.path().join("mask.png"), &grey_png(32, 32, &pixels).unwrap()).unwrap();
    };
    mask(4);
    let study = two(&["--seeds", "2", "--use-mask", "mask.png", "--out", "masked"]);
    weakspot(folder.path(), &study).ok();
    let again = weakspot(folder.path(), &study).ok();
    assert_eq!(again.stderr.matches("finished before, kept").count(), 2, "{}", again.stderr);
    // The same words, and another mask behind them.
    mask(5);
    let said = weakspot(folder.path(), &study);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("a mask of SHA-256"), "{}", said.stderr);
}
