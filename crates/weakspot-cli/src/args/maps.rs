//! `weakspot maps`.

use std::path::PathBuf;

use clap::Args;

use super::values::ClassOutputs;
use super::{CheckArgs, MethodArgs, ModelArgs, PictureArgs, RunArgs};

/// Map and attack your own images with your own weights, and write the arrays
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MapsArgs {
    /// Your images: an .npz, .safetensors or .npy file, or a folder of pictures [e.g. x.npz]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) images: PathBuf,

    /// Labels of the images in an .npy file [default: the predicted classes; e.g. labels.npy]
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// Your classifier: .onnx, or a VGG16's .safetensors with torchvision's tensor names [e.g. resnet50.onnx]
    #[arg(long, visible_alias = "model", value_name = "FILE")]
    pub(crate) weights: PathBuf,

    #[command(flatten)]
    pub(crate) check: CheckArgs,

    /// Pixels that the attack may change: white in a picture, or 1 in an .npy [default: all; e.g. patch.png]
    #[arg(long, value_name = "FILE")]
    pub(crate) mask: Option<PathBuf>,

    /// Round the attacked images to 8 bits, within --eps, before they are classified; needs 8-bit images
    #[arg(long)]
    pub(crate) quantize: bool,

    /// Folder for the attacked images as PNG files; needs --quantize [default: none; e.g. attacked/]
    #[arg(long, value_name = "DIR")]
    pub(crate) png: Option<PathBuf>,

    /// File for the logits, gradients, attacked images, maps and regions [e.g. maps.safetensors]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Attack towards this class, numbered from 0 [default: away from the label; e.g. 3]
    #[arg(long, value_name = "CLASS")]
    pub(crate) targeted: Option<usize>,

    /// Output of the weights for each class, numbered from 0 [default: matched by name; e.g. cat=0,dog=1]
    #[arg(long, value_name = "LIST")]
    pub(crate) classes: Option<ClassOutputs>,

    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  weakspot maps --images x.npz --weights mine.safetensors --eps 8/255 --out maps.safetensors
  weakspot maps --images photos/ --size 224 --weights vgg16.safetensors --mean 0.485,0.456,0.406 \\
      --std 0.229,0.224,0.225 --eps 4/255 --out maps.safetensors";
