//! The exit codes of the program.

use std::any::Any;
use std::process::ExitCode;

use weakspot::{Error, ErrorKind};

/// How a command that could run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command did what was asked.
    Done,
    /// The figures that were compared do not agree. Doubts about a study are results, not failures.
    CheckFailed,
}

/// The exit code after success.
pub(crate) const DONE: u8 = 0;

/// The exit code of a command that ran and whose check failed: `weakspot report --expect`.
pub(crate) const CHECK_FAILED: u8 = 1;

/// The exit code when the work could not be done: bad input, or a file system that refuses.
pub(crate) const COULD_NOT_RUN: u8 = 2;

/// The exit code after Ctrl-C, as shells use it: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// The exit code after a bug in this program, as in other Rust programs.
pub(crate) const MISTAKE: u8 = 101;

/// How the messages begin of panics that are not bugs: the system refuses memory, or a size exceeds any memory.
const NO_MEMORY: [&str; 2] = ["out of memory", "capacity overflow"];

/// Whether a panic with this message says that memory is short.
pub(crate) fn is_out_of_memory(message: &str) -> bool {
    NO_MEMORY.iter().any(|begin| message.starts_with(begin))
}

/// The exit code of a command that panicked.
pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> ExitCode {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    ExitCode::from(if is_out_of_memory(text) { COULD_NOT_RUN } else { MISTAKE })
}

/// The exit code of a finished command.
pub(crate) fn of(outcome: &Result<Outcome, Error>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Outcome::Done) => DONE,
        Ok(Outcome::CheckFailed) => CHECK_FAILED,
        Err(error) if error.kind() == ErrorKind::Interrupted => INTERRUPTED,
        Err(_) => COULD_NOT_RUN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_short_is_no_mistake_of_ours() {
        let code = |panic: &(dyn Any + Send)| of_panic(panic) == ExitCode::from(COULD_NOT_RUN);
        assert!(code(&"capacity overflow"));
        assert!(code(&"out of memory: the network needs 9 bytes at once".to_owned()));
        assert!(!code(&"index out of bounds"));
        assert!(!code(&7));
    }
}
