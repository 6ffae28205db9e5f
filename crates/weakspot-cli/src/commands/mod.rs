//! One file per verb.

pub(crate) mod fetch;
mod kept;
pub(crate) mod maps;
pub(crate) mod report;
pub(crate) mod reproduce;
mod seeds;
pub(crate) mod study;
pub(crate) mod train;

use weakspot::{Error, Result};

use crate::args::RunArgs;

/// Sets the number of threads for the whole run.
///
/// # Errors
/// `InvalidParameter` where the system refuses so many.
pub(crate) fn set_threads(run: &RunArgs) -> Result<()> {
    let Some(threads) = run.threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(|e| {
        Error::invalid(format!("{threads} threads cannot be started: {e}"))
            .with_hint("leave --threads out: there will be one per core")
    })
}
