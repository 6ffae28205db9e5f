//! `weakspot reproduce` on small files of two data sets, three others being absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use weakspot::output::write_atomic;

use crate::fixtures::mnist;
use crate::pictures::bmp;
use crate::program::{Said, start, tree, weakspot};
use crate::study::{assert_same, copy, json, words};

/// Cells: the bright half is the class.
fn malaria(folder: &Path) {
    for (part, n) in [("train", 20), ("test", 5)] {
        for (class, left) in [("Parasitized", true), ("Uninfected", false)] {
            let place = folder.join(part).join(class);
            std::fs::create_dir_all(&place).unwrap();
            for i in 0..n {
                let bytes = bmp(34, 33, |y, x| {
                    let noise = ((x * 7 + y * 13 + i * 31 + n) % 23) as u8;
                    if (x < 17) == left { [200 + noise, 180, 150 + noise] } else { [noise, 40, 60 + noise] }
                });
                write_atomic(&place.join(format!("C{i}P1_{part}.bmp")), &bytes).unwrap();
            }
        }
    }
}

/// The words of a reproduction that takes seconds.
fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let few =
        ["--width", "1/16", "--epochs", "1", "--limit", "4", "--models", "models", "--data-dir", "data"];
    words(&words(&["reproduce", "--quick", "--out", "out"], &few), more)
}

/// A folder with the data sets in `data/`.
fn with_data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    mnist(&folder.path().join("data/mnist"));
    malaria(&folder.path().join("data/malaria"));
    folder
}

/// A finished reproduction, made once and only read: its folder, and what was said.
fn finished() -> &'static (tempfile::TempDir, Said) {
    static FINISHED: OnceLock<(tempfile::TempDir, Said)> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let folder = with_data();
        let said = weakspot(folder.path(), &quick(&[])).ok();
        (folder, said)
    })
}

/// A copy of it to do something to.
fn another() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(finished().0.path(), folder.path());
    folder
}

/// Every file but the `run.json`s, which say when.
fn lasting(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    tree(folder).into_iter().filter(|(path, _)| !path.ends_with("run.json")).collect()
}

fn page(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("out/report.html")).unwrap()
}

#[test]
fn what_is_there_is_studied_twice_and_what_is_not_is_named_with_its_command() {
    let (folder, said) = finished();
    for k in 1..=4 {
        assert!(said.stderr.contains(&format!("study {k} of 4: ")), "{}", said.stderr);
    }
    for absent in ["fashion-mnist", "cifar10", "cats-vs-dogs"] {
        let command = format!("weakspot fetch {absent} --data-dir data");
        assert!(said.stderr.contains(&command), "{command} in {}", said.stderr);
        assert!(page(folder.path()).contains(&command), "{command}");
    }
    assert!(said.stdout.contains("REDUCED") && said.stdout.trim_end().ends_with("report.html"));
    assert_eq!(said.stderr.matches("reuses models/").count(), 2, "one classifier for both: {}", said.stderr);
    let out = folder.path().join("out");
    let results = json(&out.join("results.json"));
    assert_eq!(results["schema"], "weakspot-reproduction/1");
    let studies: Vec<&str> =
        results["studies"].as_array().unwrap().iter().map(|s| s["folder"].as_str().unwrap()).collect();
    assert_eq!(studies, ["mnist/default", "mnist/paper", "malaria/default", "malaria/paper"]);
    for study in studies {
        for file in ["report.html", "config.json", "results.json"] {
            assert!(out.join(study).join(file).is_file(), "{study}/{file}");
        }
        assert!(page(folder.path()).contains(&format!("href=\"{study}/report.html\"")));
    }
    assert_eq!(json(&out.join("mnist/paper/results.json"))["config"]["mask"], "oracle");
    assert_eq!(results["missing"].as_array().unwrap().len(), 3);
    let scored = |row: &&Value| row["dataset"] == "malaria" && row["quantity"] == "score_clean";
    let row = results["rows"].as_array().unwrap().iter().find(scored).unwrap();
    assert_eq!(row["default"]["ours"]["n"], 4);
    assert!(row["default"]["verdict"].as_str().unwrap().ends_with("our interval"), "{row}");
    for name in ["table-1-similarity.csv", "table-2-classification.md", "table-3-attack.csv", "claims.md"] {
        assert!(out.join("tables").join(name).is_file(), "{name}");
    }
    assert_eq!(std::fs::read_dir(out.join("figures")).unwrap().count(), 5);
}

#[test]
fn what_is_finished_is_kept_and_the_page_is_made_again_with_the_same_bytes() {
    let folder = another();
    let before = tree(folder.path());
    let said = weakspot(folder.path(), &quick(&[])).ok();
    assert_eq!(said.stderr.matches("finished before, kept").count(), 4, "{}", said.stderr);
    assert_same(&before, &tree(folder.path()));
    // Without the data what is finished is still shown, and other data sets may be asked for beside it.
    std::fs::remove_dir_all(folder.path().join("data/mnist")).unwrap();
    weakspot(folder.path(), &quick(&["--only", "mnist"])).ok();
    let studies = json(&folder.path().join("out/results.json"))["studies"].as_array().unwrap().len();
    assert_eq!(studies, 4);
    for made in ["tables", "figures", "report.html"] {
        let path = folder.path().join("out").join(made);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
    }
    let said = weakspot(folder.path(), &["report", "out"]).ok();
    assert!(said.stdout.contains("out/report.html"), "{}", said.stdout);
    let of = |tree: &BTreeMap<PathBuf, Vec<u8>>, name: &str| tree[Path::new(name)].clone();
    for name in ["out/tables/claims.csv", "out/figures/fig10-blob.png"] {
        assert_eq!(of(&before, name), of(&tree(folder.path()), name), "{name}");
    }
    let refused = weakspot(folder.path(), &["report", "out", "--write-expected", "x.json"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("of one study"), "{}", refused.stderr);
}

#[test]
fn a_killed_run_keeps_what_is_finished_and_goes_on_with_the_rest() {
    let folder = with_data();
    copy(&finished().0.path().join("models"), &folder.path().join("models"));
    let mut child = start(folder.path(), &quick(&["--batch-size", "1"]));
    let second = folder.path().join("out/mnist/paper/journal");
    while !second.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let first = folder.path().join("out/mnist/default/run.json");
    let run = std::fs::read(&first).unwrap();
    assert!(page(folder.path()).contains("not finished"));

    let said = weakspot(folder.path(), &quick(&[])).ok();
    assert!(
        said.stderr.contains("study 1 of 4: mnist, default settings: finished before"),
        "{}",
        said.stderr
    );
    assert_eq!(std::fs::read(&first).unwrap(), run);
    assert_same(&lasting(&finished().0.path().join("out")), &lasting(&folder.path().join("out")));
}

#[test]
fn a_finished_study_of_other_settings_or_data_is_an_error_that_names_the_difference() {
    let folder = another();
    let before = tree(folder.path());
    for (flags, expected) in [
        (&["--limit", "3"][..], "--limit 4, now 3"),
        (&["--seed", "1"][..], "--seed 0, now 1"),
        (&["--width", "1/8"][..], "--width 1/16, now 1/8"),
    ] {
        // A flag may be typed once.
        let mut typed = quick(&[]);
        match typed.iter().position(|word| *word == flags[0]) {
            Some(at) => typed[at + 1] = flags[1],
            None => typed.extend(flags),
        }
        let said = weakspot(folder.path(), &typed);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains(expected) && said.stderr.contains("--force"), "{}", said.stderr);
        assert!(!said.stderr.contains("study 1 of"), "before any work: {}", said.stderr);
    }
    assert_same(&before, &tree(folder.path()));

    // Other pictures of the same names: found when they are opened. The other data set is not held up.
    let picture = folder.path().join("data/malaria/test/Parasitized/C1P1_test.bmp");
    write_atomic(&picture, &bmp(34, 33, |_, _| [9, 9, 9])).unwrap();
    let said = weakspot(folder.path(), &quick(&[]));
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("data of SHA-256") && said.stderr.contains("--force"), "{}", said.stderr);
    assert!(said.stderr.contains("mnist, paper settings: finished before, kept"), "{}", said.stderr);
    assert!(
        page(folder.path()).contains("malaria, default settings"),
        "the page names what was not finished"
    );
    assert_eq!(
        before[Path::new("out/malaria/default/results.json")],
        std::fs::read(folder.path().join("out/malaria/default/results.json")).unwrap()
    );
    let said = weakspot(folder.path(), &quick(&["--force", "--only", "malaria"])).ok();
    assert!(!said.stderr.contains("kept"), "{}", said.stderr);
    let now = json(&folder.path().join("out/results.json"));
    assert_eq!(now["studies"].as_array().unwrap().len(), 4, "the digits are still shown");
}

#[test]
fn a_study_that_cannot_be_run_does_not_stop_the_others() {
    let folder = with_data();
    copy(&finished().0.path().join("models"), &folder.path().join("models"));
    write_atomic(&folder.path().join("data/malaria/train/Uninfected/C0P1_train.bmp"), b"no picture").unwrap();
    let said = weakspot(folder.path(), &quick(&[]));
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let last: Vec<&str> = said.stderr.lines().rev().take(2).collect();
    assert!(last[1].starts_with("error: malaria") && last[1].contains("C0P1_train.bmp"), "{}", said.stderr);
    assert!(last[0].starts_with("hint: ") && last[0].contains("--skip-bad"), "{}", said.stderr);
    let results = json(&folder.path().join("out/results.json"));
    assert_eq!(results["studies"].as_array().unwrap().len(), 2);
    assert!(page(folder.path()).contains("C0P1_train.bmp"));
}

#[test]
fn nothing_to_do_and_foreign_folders_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let said = weakspot(folder.path(), &["reproduce"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("hint: weakspot fetch mnist fashion-mnist"), "{}", said.stderr);
    assert!(!folder.path().join("runs/reproduce").exists(), "nothing is left behind");
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    write_atomic(&folder.path().join("mine/notes.txt"), b"mine").unwrap();
    let said = weakspot(folder.path(), &["reproduce", "--out", "mine"]);
    assert!(said.code == Some(2) && said.stderr.contains("neither"), "{}", said.stderr);
    let said = weakspot(folder.path(), &["reproduce", "--only", "imagenet"]);
    assert!(said.code == Some(2) && said.stderr.contains("imagenet"), "{}", said.stderr);
}

#[test]
fn each_study_can_be_run_by_itself_from_its_configuration() {
    let folder = another();
    let config = "out/malaria/paper/config.json";
    weakspot(folder.path(), &["study", "--config", config, "--models", "models", "--out", "again"]).ok();
    let of = |run: &str| lasting(&folder.path().join(run));
    assert_same(&of("out/malaria/paper"), &of("again"));
}

#[test]
#[cfg(unix)]
fn a_data_set_s_studies_were_written_through_a_link_out_of_the_folder() {
    let (folder, outside) = (with_data(), tempfile::tempdir().unwrap());
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out/malaria")).unwrap();
    let said = weakspot(folder.path(), &quick(&["--force"]));
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("out/malaria: expected a place inside out"), "{}", said.stderr);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
