//! `weakspot train`.

use std::path::PathBuf;

use clap::Args;

use super::data::sources;
use super::{DataArgs, ModelArgs, RunArgs, TrainingArgs};

/// Train a classifier for two classes and write its weights as safetensors
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrainArgs {
    // Made of the data sets' own rows.
    #[arg(value_name = "DATASET", default_value = "demo", help = sources())]
    pub(crate) dataset: String,

    /// File for the weights [default: a file in --models, where study finds it; e.g. mine.safetensors]
    ///
    /// Without --out, a classifier that is already in --models is not trained again.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Folder that keeps trained classifiers for later studies [e.g. models]
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
  weakspot train mnist --classes 3,8 --arch vgg16-bn --epochs 5
  weakspot train photos/ --classes cat,dog --init vgg16-imagenet.safetensors --freeze trunk";
