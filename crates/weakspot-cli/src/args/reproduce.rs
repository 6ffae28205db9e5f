//! `weakspot reproduce`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use weakspot_nn::Width;

use super::RunArgs;
use super::values::{at_least_one, picture_size};
use crate::commands::reproduce::data_sets;

/// Study the paper's data sets and show the paper's tables and figures beside ours
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}{MORE}"))]
pub(crate) struct ReproduceArgs {
    /// Folder with one subfolder per data set [default: where fetch puts each of them; e.g. ~/data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    // Made of the data sets' own rows.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(names()),
        hide_possible_values = true,
        help = only()
    )]
    pub(crate) only: Vec<String>,

    /// Take a first look: few images, short training, small photographs, no sweep, no controls
    ///
    /// It stands for --limit 100 --train-limit 300 --epochs 6 --size 32; your own flags override these.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Folder for the results [default: runs/reproduce, or runs/reproduce-quick with --quick; e.g. runs/paper]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Folder that keeps trained classifiers for later studies [e.g. models]
    #[arg(long, value_name = "DIR", default_value = "runs/models")]
    pub(crate) models: PathBuf,

    /// Score at most N eval images per class and data set [default: all; e.g. 500]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,

    /// Train on at most N images per class and data set [default: 2000; e.g. 500]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) train_limit: Option<usize>,

    /// Train for at most N epochs [default: 10, or 12 for photographs; e.g. 4]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) epochs: Option<usize>,

    /// Share of the network's channels, from 1 to 1/64 [default: 1; e.g. 1/8]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) width: Option<Width>,

    /// Resize photographs to N x N pixels [default: 64 for cats-vs-dogs, 48 for malaria; e.g. 32]
    #[arg(long, value_name = "N", value_parser = picture_size)]
    pub(crate) size: Option<usize>,

    /// Leave out pictures that cannot be read, and list them, instead of stopping with an error
    #[arg(long)]
    pub(crate) skip_bad: bool,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The data sets by name.
fn names() -> impl Iterator<Item = &'static str> {
    data_sets().map(|set| set.name)
}

/// The help of `--only`.
fn only() -> String {
    format!(
        "Study only these of {} [default: all; e.g. mnist,malaria]",
        names().collect::<Vec<_>>().join(", ")
    )
}

const EXAMPLES: &str = "\
Examples:
  weakspot fetch mnist fashion-mnist cifar10 cats-vs-dogs malaria
  weakspot reproduce --quick            a first look
  weakspot reproduce                    everything; after Ctrl-C, the same command continues";

const MORE: &str = "
  weakspot reproduce --data-dir ~/data --only mnist,malaria --out runs/paper
  weakspot report runs/reproduce        rebuild the page, without a model

With --force, finished studies that have other settings or data are run again, and the rest are kept.";
