//! Ctrl-C and SIGTERM: the first asks politely, the second ends the program at once.
//!
//! A polite request needs code that looks for it. A read that waits, such as for a network drive that is gone, does not
//! look, and nothing is lost by ending it: while inputs are read, the first signal ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use weakspot::{Error, ErrorKind, Result};

use crate::terminal::exit_code;

/// Whether the user has asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    /// Whether the first signal ends the program.
    at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let it = Self::default();
        let fail = |e: std::io::Error| Error::new(ErrorKind::Io, format!("cannot listen for Ctrl-C: {e}"));
        for signal in [SIGINT, SIGTERM] {
            // In this order: a second signal finds `asked` set and ends the program; everything on disk is whole.
            for condition in [&it.at_once, &it.asked] {
                let status = i32::from(exit_code::INTERRUPTED);
                signal_hook::flag::register_conditional_shutdown(signal, status, Arc::clone(condition))
                    .map_err(fail)?;
            }
            signal_hook::flag::register(signal, Arc::clone(&it.asked)).map_err(fail)?;
        }
        Ok(it)
    }

    /// Whether the user has asked to stop.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The flag that is set once the user asks to stop.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Reads inputs: the first signal ends the program, as nothing has been computed yet.
    pub(crate) fn while_reading<T>(&self, read: impl FnOnce() -> T) -> T {
        self.at_once.store(true, Ordering::SeqCst);
        let read = read();
        self.at_once.store(false, Ordering::SeqCst);
        read
    }
}

/// Makes a file that grows beyond the system's limit (`ulimit -f`) an error to be reported, and not the program's end.
#[cfg(unix)]
pub(crate) fn outlive_file_limits() {
    // Where the signal cannot be taken, it ends the program as it always did.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

#[cfg(not(unix))]
pub(crate) fn outlive_file_limits() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_ends_the_program_while_inputs_are_read_and_not_afterwards() {
        let interrupt = Interrupt::default();
        let at_once = || interrupt.at_once.load(Ordering::SeqCst);
        assert!(!at_once());
        assert!(interrupt.while_reading(at_once));
        assert!(!at_once());
    }
}
