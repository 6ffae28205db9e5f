//! What the user sees: printing, progress and exit codes.

pub(crate) mod exit_code;
pub(crate) mod output;
pub(crate) mod progress;
