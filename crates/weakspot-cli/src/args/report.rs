//! `weakspot report`.

use std::path::PathBuf;

use clap::Args;

/// Rebuild every table, figure and page from a run's files, without a model
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// A finished run, a reproduction of several, or the studies of several seeds: the folder with results.json or seeds.json
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Compare the run's figures with those of this file, and rebuild nothing
    ///
    /// Each figure is the same, agrees (one of the two lies in the other's 95 % interval) or differs. The exit code is 1
    /// if one differs or is missing. Example: --expect experiments/demo/expected.json
    #[arg(long, value_name = "FILE", conflicts_with = "write_expected")]
    pub(crate) expect: Option<PathBuf>,

    /// Write the run's figures as a file for --expect, and rebuild nothing
    ///
    /// Example: --write-expected expected.json
    #[arg(long, value_name = "FILE")]
    pub(crate) write_expected: Option<PathBuf>,

    /// Replace the file of --write-expected
    #[arg(long, requires = "write_expected")]
    pub(crate) force: bool,
}

const EXAMPLES: &str = "\
Examples:
  weakspot report runs/demo-disc-cross
  weakspot report runs/demo-disc-cross --expect experiments/demo/expected.json";
