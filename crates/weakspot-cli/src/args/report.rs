//! `weakspot report`.

use std::path::PathBuf;

use clap::Args;

/// Rebuild the tables, figures and report of a finished run, or compare its figures
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Folder of a finished run, of a reproduction, or of a study of several seeds [e.g. runs/demo-disc-cross]
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Compare the run's figures with this file and rebuild nothing [e.g. experiments/demo/expected.json]
    #[arg(long, value_name = "FILE", conflicts_with = "write_expected")]
    pub(crate) expect: Option<PathBuf>,

    /// Write the run's figures to a file for --expect and rebuild nothing [e.g. expected.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) write_expected: Option<PathBuf>,

    /// Let --write-expected replace an existing file
    #[arg(long, requires = "write_expected")]
    pub(crate) force: bool,
}

const EXAMPLES: &str = "\
Examples:
  weakspot report runs/demo-disc-cross
  weakspot report runs/demo-disc-cross --expect experiments/demo/expected.json";
