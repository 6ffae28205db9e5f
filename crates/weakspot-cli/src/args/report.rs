//! `weakspot report`.

use std::path::PathBuf;

use clap::Args;

/// Rebuild every table, figure and page from a run's files, without a model
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: weakspot report runs/demo-disc-cross")]
pub(crate) struct ReportArgs {
    /// A finished run: the folder with its results.json
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
