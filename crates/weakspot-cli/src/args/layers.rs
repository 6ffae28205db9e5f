//! `weakspot layers`.

use std::path::PathBuf;

use clap::Args;

use super::ModelArgs;
use super::values::picture_size;

/// List the places of a network where maps can be read
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LayersArgs {
    /// The network: an ONNX file, or a VGG16's weights in a safetensors file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Size of the images in pixels, for a network that takes any [default: 224; e.g. 64]
    #[arg(long, value_name = "N", value_parser = picture_size)]
    pub(crate) size: Option<usize>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

const EXAMPLES: &str = "\
Examples:
  weakspot layers resnet50.onnx
  weakspot layers vgg16.safetensors --size 32";
