//! `weakspot train`.

use std::path::PathBuf;

use clap::Args;

use super::{DataArgs, ModelArgs, RunArgs, TrainingArgs};

/// Train a classifier for one pair of classes and write it as safetensors
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrainArgs {
    /// demo, mnist, fashion-mnist, cifar10, cats-vs-dogs, malaria, or your own images, as for study
    #[arg(value_name = "DATASET", default_value = "demo")]
    pub(crate) dataset: String,

    /// File of the weights, with everything needed to use them in its metadata
    ///
    /// Default: the place in --models where study looks for it; what is there already is not trained again. Example:
    /// --out mine.safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Folder in which trained classifiers are kept for a later study
    #[arg(long, value_name = "DIR", default_value = "runs/models")]
    pub(crate) models: PathBuf,

    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  weakspot train demo --out demo.safetensors
  weakspot train mnist --classes 3,8 --data-dir ../data/mnist --arch vgg16-bn --epochs 5";
