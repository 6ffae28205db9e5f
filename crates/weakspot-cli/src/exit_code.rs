//! What the program says to the shell.

use std::process::ExitCode;

use weakspot::{Error, ErrorKind};

/// How a command that could run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for is done.
    Done,
    /// What was asked to agree does not. Doubts about a study are results, and no failures.
    CheckFailed,
}

/// The exit code after success.
pub(crate) const DONE: u8 = 0;

/// The exit code of a command that ran and whose check failed: `weakspot report --expect`.
pub(crate) const CHECK_FAILED: u8 = 1;

/// The exit code when the work could not be done: bad input, a refusing file system.
pub(crate) const COULD_NOT_RUN: u8 = 2;

/// The exit code after Ctrl-C, as shells use it: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// The exit code of a finished command.
pub(crate) fn of(outcome: &Result<Outcome, Error>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Outcome::Done) => DONE,
        Ok(Outcome::CheckFailed) => CHECK_FAILED,
        Err(error) if error.kind() == ErrorKind::Interrupted => INTERRUPTED,
        Err(_) => COULD_NOT_RUN,
    })
}
