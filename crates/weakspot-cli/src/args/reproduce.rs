//! `weakspot reproduce`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use weakspot_nn::Width;

use super::RunArgs;
use super::values::{at_least_one, picture_size};
use crate::commands::reproduce::data_sets;

/// Set the paper's tables and figures beside ours: every data set that is there, both directions
///
/// Each data set is studied twice with one classifier: with the default settings, and with the paper's literal reading
/// (--preset paper). A page over all of them has Tables I to III with the paper's figure, ours and a verdict, Figures 6 to
/// 10, and every reason to doubt. What is finished is not run again: after an interruption, type the same command. A data
/// set that is not there is named with the command that fetches it, and does not stop the rest. Photographs are brought to
/// 64x64 (cats-vs-dogs) and 48x48 (malaria), at which two cores train VGG16 in minutes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReproduceArgs {
    /// Folder that holds mnist/, fashion-mnist/, cifar-10-batches-bin/, cats-vs-dogs/ and malaria/, or some of them
    ///
    /// Default: where weakspot fetch puts each. Example: --data-dir ~/data
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Only these data sets, of mnist, fashion-mnist, cifar10, cats-vs-dogs and malaria
    ///
    /// Default: all of them. Example: --only mnist,malaria
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = PossibleValuesParser::new(data_sets().map(|set| set.name)))]
    pub(crate) only: Vec<String>,

    /// A first look at everything, in minutes: few images, short training, small photographs, no sweep, no controls
    ///
    /// Every table says that it is one. It takes --limit 100 --train-limit 300 --epochs 6 and photographs at 32x32;
    /// what is typed beside it goes before it.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Folder of the results: one folder for each study, and over them report.html, tables/, figures/, results.json
    ///
    /// Default: runs/reproduce; with --quick runs/reproduce-quick. Example: --out runs/paper
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Folder in which trained classifiers are kept for the next study
    #[arg(long, value_name = "DIR", default_value = "runs/models")]
    pub(crate) models: PathBuf,

    /// At most N eval images per class and data set; the page says that it is reduced
    ///
    /// Default: all of them. Example: --limit 500
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,

    /// At most N training images per class and data set
    ///
    /// Default: 2000. Example: --train-limit 500
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) train_limit: Option<usize>,

    /// At most N times through the training images
    ///
    /// Default: what suits the data set (weakspot train --help). Example: --epochs 4
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) epochs: Option<usize>,

    /// Share of the network's channels: 1, 1/2, 1/4 ... 1/64
    ///
    /// Default: 1. Example: --width 1/8
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) width: Option<Width>,

    /// Bring the photographs of cats-vs-dogs and malaria to N x N pixels
    ///
    /// Default: 64 for cats-vs-dogs, 48 for malaria. Example: --size 224, which takes days on two cores
    #[arg(long, value_name = "N", value_parser = picture_size)]
    pub(crate) size: Option<usize>,

    /// Leave out pictures that cannot be read, and list them in the studies' reports; without it the first is an error
    #[arg(long)]
    pub(crate) skip_bad: bool,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  weakspot fetch mnist fashion-mnist cifar10 cats-vs-dogs malaria
  weakspot reproduce --quick                         a first look
  weakspot reproduce                                 the whole
  weakspot reproduce --data-dir ~/data --only mnist,malaria --out runs/paper
  weakspot report runs/reproduce                     makes the page again, without a model

With --force, finished studies of other settings or data are run again; those that fit are kept.";
