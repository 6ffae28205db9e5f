//! Where the program meets the system: terminals, signals, threads, limits, names of files.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use weakspot::output::write_atomic;

use crate::fixtures::{Array, npz, safetensors};
use crate::program::{Said, command, weakspot};

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
    let output = shell.args(program.get_args()).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
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
fn a_pipe_that_nobody_writes_to_ends_with_the_first_signal() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        assert!(Command::new("mkfifo").arg(folder.path().join("x.npz")).status().unwrap().success());
        let words = ["maps", "--eps", "0.1", "--out", "o", "--weights", "w", "--images", "x.npz"];
        let mut child = command(folder.path(), &words).stderr(Stdio::piped()).spawn().unwrap();
        // Not before it listens; a reader that refuses pipes has ended by then, which is as good.
        std::thread::sleep(Duration::from_secs(1));
        Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        let mut patience = 1000;
        while child.try_wait().unwrap().is_none() && patience > 0 {
            std::thread::sleep(Duration::from_millis(20));
            patience -= 1;
        }
        let ended = patience > 0;
        child.kill().unwrap();
        let code = child.wait().unwrap().code();
        assert!(ended && matches!(code, Some(130 | 2)), "{signal}: {code:?}");
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
