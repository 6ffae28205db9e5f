//! The program under limits of the system: memory, and two of it at once.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Said, command, start, weakspot};
use crate::study::{QUICK, assert_same, results, tiny, words};

/// Runs the program with at most so many megabytes of address space.
fn within(megabytes: u32, folder: &Path, words: &[&str]) -> Said {
    let bare = command(folder, words);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -v {}; exec \"$0\" \"$@\"", 1024 * megabytes)])
        .arg(bare.get_program())
        .args(bare.get_args())
        .current_dir(folder)
        .stdin(Stdio::null());
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = limited.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Small pieces and large ones, in one thread and in others: wherever the limit strikes.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_ran_out_ended_the_program_by_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let study = words(&tiny(&[]), &["--out", "out", "--threads", "2"]);
    let mut refused = 0;
    for megabytes in (40..400).step_by(12) {
        let said = within(megabytes, folder.path(), &study);
        if said.code == Some(0) {
            break;
        }
        // Below some limit the system's loader cannot start it.
        if said.stderr.contains("shared librar") {
            continue;
        }
        assert_eq!(said.code, Some(2), "{megabytes} MB: {}", said.stderr);
        let lines: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(lines.iter().any(|line| line.contains("out of memory")), "{megabytes} MB: {}", said.stderr);
        assert!(said.stderr.contains("hint: take fewer images at once"), "{megabytes} MB: {}", said.stderr);
        refused += 1;
    }
    assert!(refused > 2, "the limits were no limits");
    // The run continues from what was finished, and its results are those of a run that was never stopped.
    let whole = words(&tiny(&[]), &["--out", "whole"]);
    weakspot(folder.path(), &whole).ok();
    if !folder.path().join("out/report.html").exists() {
        weakspot(folder.path(), &study).ok();
    }
    let of = |run: &str| results(&folder.path().join(run));
    assert_same(&of("out"), &of("whole"));
}

#[test]
fn of_two_trainings_into_one_file_the_slower_failed_although_its_work_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let train = words(&words(&["train", "demo"], &QUICK), &["--models", "models"]);
    let both = [start(folder.path(), &train), start(folder.path(), &train)];
    for mut one in both {
        assert!(one.wait().unwrap().success());
    }
    let kept = weakspot(folder.path(), &train).ok();
    assert!(kept.stderr.contains("reuses"), "{}", kept.stderr);
    let files = std::fs::read_dir(folder.path().join("models")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 1, "weights, and nothing left beside them: {names:?}");
}
