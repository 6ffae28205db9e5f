//! How to run: nothing here but the seed moves a number.

use clap::Args;

use super::values::at_least_one;

/// How to run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Images per batch, at least 1; costs memory, never changes a result
    #[arg(long, value_name = "N", default_value = "32", value_parser = at_least_one)]
    pub(crate) batch_size: usize,

    /// Threads, at least 1; never changes a result
    ///
    /// Default: one per core. Example: --threads 4
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) threads: Option<usize>,

    /// The one seed of every random draw: splits, weights, random starts, permutations
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Replace what an earlier run left at the place of the output
    #[arg(long)]
    pub(crate) force: bool,
}
