//! The real program, run in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What one run of the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Said {
    /// The run itself, if it ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// The program with some words, in a folder, away from the user's own data.
pub(crate) fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weakspot"));
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    command
        .env_remove("SSL_CERT_FILE")
        .args(words)
        .current_dir(folder)
        .env("WEAKSPOT_DATA", folder.join("no-data-here"))
        .env("WEAKSPOT_CACHE", folder.join("cache"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn weakspot(folder: &Path, words: &[&str]) -> Said {
    command(folder, words).output().unwrap().into()
}

/// Runs a program that must end by itself, within a minute.
#[cfg(unix)]
#[track_caller]
pub(crate) fn soon(mut command: Command) -> Said {
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits a minute at most for the end of a program, and stops it if it goes on; its output must be piped, and short.
#[cfg(unix)]
#[track_caller]
pub(crate) fn ended(mut child: Child) -> Said {
    for _ in 0..3000 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap().into();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    let said = Said::from(child.wait_with_output().unwrap());
    panic!("it still ran after a minute: {}", said.stderr);
}

/// Makes a named pipe that nobody writes to. Whoever opens it waits for ever.
#[cfg(unix)]
pub(crate) fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Starts the program and lets it run.
pub(crate) fn start(folder: &Path, words: &[&str]) -> Child {
    command(folder, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Every file below a folder with its bytes, by its path within.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}
