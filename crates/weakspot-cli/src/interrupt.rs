//! Ctrl-C: the first asks politely, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use weakspot::{Error, ErrorKind, Result};

use crate::exit_code;

/// Whether the user has asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let fail = |e: std::io::Error| Error::new(ErrorKind::Io, format!("cannot listen for Ctrl-C: {e}"));
        for signal in [SIGINT, SIGTERM] {
            // In this order: a second signal finds the flag set and ends the program; everything on disk is whole.
            signal_hook::flag::register_conditional_shutdown(
                signal,
                i32::from(exit_code::INTERRUPTED),
                Arc::clone(&flag),
            )
            .map_err(fail)?;
            signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(fail)?;
        }
        Ok(Self(flag))
    }

    /// Whether it was asked.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
