//! Where the program meets the system: terminals, signals, threads, limits, names of files.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use weakspot::output::write_atomic;

use crate::fixtures::{Array, npz, safetensors};
use crate::program::{Said, command, ended, pipe, soon, weakspot};

/// Runs the program behind a shell's limit.
fn limited(folder: &Path, limit: &str, words: &[&str]) -> Said {
    let program = command(folder, words);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(program.get_args()).current_dir(folder).stdin(Stdio::null()).output().unwrap().into()
}

#[test]
fn names_that_hold_escape_sequences_are_shown_and_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for class in ["a\u{1b}[31m", "b"] {
        std::fs::create_dir_all(at("pictures").join(class)).unwrap();
        write_atomic(&at("pictures").join(class).join("\u{1b}[2J\u{202e}.png"), b"no picture").unwrap();
    }
    write_atomic(&at("list.csv"), "path,label\nx\u{1b}]0;owned\u{7}.png,a\ny.png,b\n".as_bytes()).unwrap();
    let images = Array::U8(vec![2, 1, 8, 8], vec![9; 128]);
    let labels = Array::U8(vec![2], vec![0, 1]);
    write_atomic(&at("x.npz"), &npz(&[("images", &images), ("labels", &labels)])).unwrap();
    write_atomic(&at("w.safetensors"), &safetensors(&[("\u{9b}31mfeatures\r", &labels)])).unwrap();
    let mut npy = images.npy();
    let kind = npy.windows(3).position(|three| three == b"|u1").unwrap();
    npy[kind] = 0x1b;
    write_atomic(&at("x.npy"), &npy).unwrap();
    let maps = ["maps", "--eps", "0.1", "--out", "o", "--weights", "w.safetensors", "--images"];
    for (words, shown) in [
        (&["study", "pictures", "--eps", "0.1"][..], "\\x1b[2J\\u{202e}.png"),
        (&["study", "list.csv", "--eps", "0.1"], "x\\x1b]0;owned\\x07.png"),
        (&["study", "no\u{1b}[2Jdata", "--eps", "0.1"], "no\\u{1b}[2Jdata"),
        (&["report", "no\u{1b}[2Jrun"], "no\\x1b[2Jrun"),
        (&[&maps[..], &["x.npy"]].concat(), "x.npy"),
        (&["study", "demo", "--init", "w.safetensors"], "w.safetensors"),
    ] {
        let said = weakspot(folder.path(), words);
        assert_eq!(said.code, Some(2), "{words:?}: {}", said.stderr);
        assert!(said.stderr.contains(shown), "{words:?}: {}", said.stderr);
        let sent = said.stderr.chars().find(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}'));
        assert_eq!(sent, None, "{words:?}: {:?}", said.stderr);
    }
}

#[test]
fn a_hundred_thousand_threads_are_a_few_and_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let said =
        weakspot(folder.path(), &["train", "demo", "--threads", "100000", "--out", "absent/w.safetensors"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("note: --threads 100000 is more than 4 for each"), "{}", said.stderr);
}

#[test]
fn a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let images = Array::U8(vec![2, 1, 8, 8], vec![9; 128]);
    write_atomic(&folder.path().join("x.npz"), &npz(&[("images", &images)])).unwrap();
    for name in ["pipe.npz", "pipe.npy", "pipe.safetensors", "pipe.csv", "pipe"] {
        pipe(&folder.path().join(name));
    }
    let maps = ["maps", "--eps", "0.1", "--out", "o"];
    for (words, named) in [
        (&[&maps[..], &["--weights", "w", "--images", "pipe.npz"]].concat()[..], "pipe.npz"),
        (&[&maps[..], &["--weights", "w", "--images", "pipe.npy"]].concat(), "pipe.npy"),
        (&[&maps[..], &["--weights", "w", "--images", "pipe.safetensors"]].concat(), "pipe.safetensors"),
        (&[&maps[..], &["--weights", "pipe", "--images", "x.npz"]].concat(), "pipe"),
        (&["study", "--manifest", "pipe.csv", "--eps", "0.1"], "pipe.csv"),
        (&["train", "demo", "--init", "pipe.safetensors"], "pipe.safetensors"),
        (&["study", "--config", "pipe"], "pipe"),
    ] {
        let said = soon(command(folder.path(), words));
        assert_eq!(said.code, Some(2), "{words:?}: {}", said.stderr);
        let expected = format!("{named}: expected a file; got a named pipe");
        assert!(said.stderr.contains(&expected), "{words:?}: {}", said.stderr);
        assert!(said.stderr.lines().last().unwrap().starts_with("hint: "), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn one_signal_ends_a_training_which_says_what_is_kept() {
    // A training that would last for hours.
    let long = ["train", "demo", "--train-limit", "4", "--width", "1/64", "--schedule", "one-cycle"];
    let words = [&long[..], &["--epochs", "1000000", "--out", "w.safetensors"]].concat();
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(folder.path(), &words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Written after the first epoch: by then it listens, and reads no more inputs.
        while !folder.path().join("w.training").exists() {
            assert!(child.try_wait().unwrap().is_none(), "{signal}: it ended before it could be stopped");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let said = ended(child);
        assert_eq!(said.code, Some(130), "{signal}: {}", said.stderr);
        let lines: Vec<&str> = said.stderr.lines().rev().take(2).collect();
        assert!(lines[1].starts_with("error: stopped") && lines[1].contains("w.training"), "{}", said.stderr);
        assert!(lines[0].starts_with("hint: ") && lines[0].contains(" again"), "{}", said.stderr);
        assert!(!folder.path().join("w.safetensors").exists(), "{signal}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_end_by_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let words =
        ["train", "demo", "--train-limit", "4", "--epochs", "1", "--width", "1/64", "--out", "w.safetensors"];
    let said = limited(folder.path(), "ulimit -f 8", &words);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("hint: the system limits the size of files"), "{}", said.stderr);
}

#[test]
fn a_small_stack_is_no_end_by_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let said = limited(folder.path(), "ulimit -s 64", &["study", "absent.npz", "--eps", "0.1"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("absent.npz"), "{}", said.stderr);
}

#[test]
fn classes_with_long_names_are_trained_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (class, shade) in [("a".repeat(110), 20), ("b".repeat(110), 120)] {
        let place = folder.path().join("data").join(class);
        std::fs::create_dir_all(&place).unwrap();
        for i in 0..20 {
            write_atomic(&place.join(format!("{i}.png")), &crate::fixtures::png(16, shade + i)).unwrap();
        }
    }
    let words = ["train", "data", "--width", "1/64", "--epochs", "1"];
    let said = weakspot(folder.path(), &words).ok();
    let file = Path::new(said.stdout.trim()).file_name().unwrap().to_owned();
    assert!(file.len() < 140, "{file:?}");
    assert!(weakspot(folder.path(), &words).ok().stderr.contains("reuses"), "it is found again");
}
