//! `weakspot study` on the demo data set, small enough for a test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::program::{start, tree, weakspot};

/// Training that takes a second and tells most images apart.
pub(crate) const QUICK: [&str; 12] = [
    "--width",
    "1/16",
    "--train-limit",
    "48",
    "--epochs",
    "3",
    "--lr",
    "0.003",
    "--warmup",
    "2",
    "--train-batch",
    "8",
];

/// A study that takes seconds: few images, and nothing left out but some controls.
pub(crate) fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let few = ["--limit", "8", "--sweep", "4/255", "--controls", "19", "--models", "models"];
    words(&words(&words(&["study", "demo"], &QUICK), &few), more)
}

/// Words, and more words.
pub(crate) fn words<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    first.iter().chain(more).copied().collect()
}

/// The files of a run that must be the same bytes however it was run: all but `run.json`.
pub(crate) fn results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = tree(folder);
    files.remove(Path::new("run.json"));
    files
}

#[track_caller]
pub(crate) fn assert_same(a: &BTreeMap<PathBuf, Vec<u8>>, b: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let differing: Vec<_> =
        a.iter().filter(|(path, bytes)| b[*path] != **bytes).map(|(path, _)| path).collect();
    assert!(differing.is_empty(), "these files differ: {differing:?}");
}

/// One finished study, made once and only read by the tests: the folder that holds `run/` and `models/`.
pub(crate) fn finished() -> &'static Path {
    static FINISHED: OnceLock<tempfile::TempDir> = OnceLock::new();
    FINISHED
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let said = weakspot(folder.path(), &tiny(&["--out", "run", "--threads", "2"])).ok();
            assert!(said.stdout.trim_end().ends_with("report.html"), "{}", said.stdout);
            folder
        })
        .path()
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_study_leaves_every_file_that_is_promised() {
    let run = finished().join("run");
    let results = json(&run.join("results.json"));
    assert_eq!(results["schema"], "weakspot-results/2");
    assert_eq!(results["directions"].as_array().unwrap().len(), 2);
    for direction in results["directions"].as_array().unwrap() {
        assert_eq!(direction["n"]["eval"], 8);
        let keys = [
            "clean",
            "adv",
            "adv_worst",
            "mod",
            "mod_adv",
            "oblivious",
            "adaptive",
            "adaptive_worst",
            "remasked",
        ];
        for key in keys {
            let score = &direction["scores"][key];
            assert_eq!(score["n"], 8, "{key}");
            assert!(score["low"].as_f64().unwrap() <= score["rate"].as_f64().unwrap(), "{key}");
        }
    }
    let ledger = std::fs::read_to_string(run.join("ledger.csv")).unwrap();
    assert_eq!(ledger.lines().count(), 1 + 16);
    let maps = std::fs::read(run.join("maps.safetensors")).unwrap();
    assert!(safetensors::SafeTensors::deserialize(&maps).unwrap().names().contains(&"blob"));
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("</html>") && !page.contains("http://") && !page.contains("src=\"http"));
    let files = tree(&run);
    let endings = |folder: &str, ending: &str| {
        files.keys().filter(|p| p.starts_with(folder) && p.extension().is_some_and(|e| e == ending)).count()
    };
    assert!(endings("tables", "csv") >= 3 && endings("tables", "md") >= 3, "{:?}", files.keys());
    assert!(endings("figures", "png") >= 6, "{:?}", files.keys());
    assert_eq!(files.keys().filter(|p| p.to_string_lossy().starts_with("blob-")).count(), 2);
    assert!(!run.join("journal").exists(), "a finished run needs no journal");

    let how = json(&run.join("run.json"));
    assert_eq!(
        (&how["threads"], &how["batch_size"], &how["weights"]),
        (&2.into(), &128.into(), &"trained".into())
    );
    assert!(how["stages"].as_array().unwrap().len() >= 3 && how["seconds"].as_f64().unwrap() > 0.0);
    if cfg!(target_os = "linux") {
        let peak = how["peak_memory_bytes"].as_u64().unwrap();
        assert!((1 << 20..3 << 29).contains(&peak), "a study stays under 1.5 GiB: {peak}");
    }
}

#[test]
fn threads_batch_size_and_reused_weights_change_no_byte() {
    let folder = finished();
    let fresh = tempfile::tempdir().unwrap();
    weakspot(fresh.path(), &tiny(&["--out", "run", "--threads", "1", "--batch-size", "7"])).ok();
    assert_same(&results(&folder.join("run")), &results(&fresh.path().join("run")));

    let said = weakspot(fresh.path(), &tiny(&["--out", "again", "--batch-size", "5"])).ok();
    assert!(said.stderr.contains("reuse"), "{}", said.stderr);
    assert_same(&results(&folder.join("run")), &results(&fresh.path().join("again")));
    assert_eq!(json(&fresh.path().join("again/run.json"))["weights"], "reused");
}

#[test]
fn a_killed_study_goes_on_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    // The classifier is there already, so that the child spends its life in the study.
    copy(&finished().join("models"), &folder.path().join("models"));
    let slow = tiny(&["--out", "run", "--batch-size", "1"]);
    let journal = folder.path().join("run/journal");
    let rows = || std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    // Once while the fit images are looked at, of which there are 400, and once while the eval images are scored.
    for enough in [40, 410] {
        let mut child = start(folder.path(), &slow);
        while rows() < enough {
            assert!(child.try_wait().unwrap().is_none(), "the study ended before it could be killed");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!folder.path().join("run/results.json").exists());
    }

    let said = weakspot(folder.path(), &tiny(&["--out", "run"])).ok();
    assert!(said.stderr.contains("goes on with run"), "{}", said.stderr);
    assert_eq!(json(&folder.path().join("run/run.json"))["resumed"], true);
    assert_same(&results(&finished().join("run")), &results(&folder.path().join("run")));
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_at_the_next_batch_and_says_how_to_go_on() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    copy(&finished().join("models"), &folder.path().join("models"));
    let mut command = crate::program::command(folder.path(), &tiny(&["--out", "run", "--batch-size", "1"]));
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !folder.path().join("run/journal").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    // Between batches the study stops itself, within one the network does.
    let says_how = |how: &str| stderr.contains(&format!("hint: {how}"));
    assert!(says_how("start the same study again") || says_how("type the same command again"), "{stderr}");
    assert!(folder.path().join("run/journal").exists());
}

#[test]
fn a_report_is_rebuilt_from_the_runs_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    copy(&finished().join("run"), &run);
    let before = results(&run);
    for made in ["tables", "figures"] {
        std::fs::remove_dir_all(run.join(made)).unwrap();
    }
    std::fs::remove_file(run.join("report.html")).unwrap();
    let said = weakspot(folder.path(), &["report", "run"]).ok();
    assert!(said.stdout.contains("report.html"), "{}", said.stdout);
    assert_same(&before, &results(&run));
}

#[test]
fn a_finished_run_is_kept_unless_it_is_given_up_by_name() {
    let folder = tempfile::tempdir().unwrap();
    copy(&finished().join("models"), &folder.path().join("models"));
    let short = tiny(&["--protocols", "p0"]);
    weakspot(folder.path(), &short).ok();
    let first = folder.path().join("runs/demo-disc-cross");
    let before = tree(&first);
    weakspot(folder.path(), &short).ok();
    assert_same(&before, &tree(&first));
    let second = PathBuf::from(format!("{}-2", first.display()));
    assert_same(&results(&first), &results(&second));

    let asked = first.to_str().unwrap();
    let said = weakspot(folder.path(), &words(&short, &["--out", asked]));
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("finished run") && said.stderr.contains("--force"), "{}", said.stderr);
    assert_same(&before, &tree(&first));

    // Given up by name: the new run takes its place, and what is not ours stays.
    weakspot::output::write_atomic(&first.join("notes.txt"), b"mine").unwrap();
    weakspot(folder.path(), &tiny(&["--protocols", "p0,p1", "--out", asked, "--force"])).ok();
    assert_eq!(json(&first.join("results.json"))["config"]["protocols"], "p0,p1");
    assert!(first.join("notes.txt").exists());
}

#[test]
fn the_papers_preset_and_single_flags_over_it_are_what_is_run() {
    let folder = tempfile::tempdir().unwrap();
    copy(&finished().join("models"), &folder.path().join("models"));
    let flags =
        ["--out", "run", "--preset", "paper", "--mask", "union", "--protocols", "p0,p1", "--fill", "1"];
    weakspot(folder.path(), &tiny(&flags)).ok();
    let results = json(&folder.path().join("run/results.json"));
    let config = &results["config"];
    assert_eq!(
        (&config["preset"], &config["roa"], &config["blob"]),
        (&"paper".into(), &"delta".into(), &"rep-diff".into())
    );
    assert_eq!(
        (&config["mask"], &config["fill"], &config["fit"]),
        (&"union".into(), &"1".into(), &"eval".into())
    );
    assert!(results["directions"][0]["scores"]["adaptive"].is_null());
    assert!(results["directions"][0]["scores"]["mod_adv"].is_object());
}

/// Copies a folder with everything below it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for (path, bytes) in tree(from) {
        let path = to.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        weakspot::output::write_atomic(&path, &bytes).unwrap();
    }
}
