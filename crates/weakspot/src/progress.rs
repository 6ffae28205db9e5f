//! How long-running library code tells its caller where it is, without printing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Receives progress. The command line draws bars with it; the default does nothing.
pub trait Observer: Sync {
    /// A stage begins that will take `total` steps.
    fn stage(&self, name: &str, total: usize) {
        let _ = (name, total);
    }

    /// `steps` more steps of the current stage are done.
    fn advance(&self, steps: usize) {
        let _ = steps;
    }

    /// A short text to show beside the current stage: a loss, an accuracy.
    fn status(&self, text: &str) {
        let _ = text;
    }

    /// Something the user should read.
    fn note(&self, text: &str) {
        let _ = text;
    }

    /// Whether the user has asked to stop; long loops ask between batches.
    fn interrupted(&self) -> bool {
        false
    }

    /// What is set when the user asks to stop, for those who cannot ask: a network looks between its layers, as a batch of
    /// photographs can take a quarter of a minute.
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

/// An observer that watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
