//! What the program says to the shell.

use std::process::ExitCode;

use weakspot::{Error, ErrorKind};

/// The exit code after success: what was asked for is done.
///
/// 1 means "ran, but a check failed"; no command checks anything yet, and doubts about a study are results, not
/// failures.
pub(crate) const DONE: u8 = 0;

/// The exit code when the work could not be done: bad input, a refusing file system.
pub(crate) const COULD_NOT_RUN: u8 = 2;

/// The exit code after Ctrl-C, as shells use it: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// The exit code of a finished command.
pub(crate) fn of(outcome: &Result<(), Error>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(()) => DONE,
        Err(error) if error.kind() == ErrorKind::Interrupted => INTERRUPTED,
        Err(_) => COULD_NOT_RUN,
    })
}
