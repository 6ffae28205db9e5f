//! `weakspot maps`.

use std::path::PathBuf;

use clap::Args;

use super::values::ClassOutputs;
use super::{CheckArgs, MethodArgs, ModelArgs, PictureArgs, RunArgs};

/// Map and attack your own images with your own model, and write the arrays
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MapsArgs {
    /// Your images: .safetensors or .npz with images (and labels), .npy, or a folder of pictures
    ///
    /// images: n x channels x height x width, floats from 0 to 1 or bytes, divided by 255. labels: n whole numbers. A
    /// folder has one subfolder per class, or none. Example: --images x.npz
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) images: PathBuf,

    /// Labels beside an .npy file of images; without any, the predicted class is explained and attacked
    ///
    /// Example: --labels labels.npy
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// Your weights: safetensors with torchvision's tensor names; two or more classes, or one logit
    ///
    /// Example: --weights vgg16.safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: PathBuf,

    #[command(flatten)]
    pub(crate) check: CheckArgs,

    /// The pixels that the attack may write: a picture in black and white (white may be written), or an .npy of zeros and ones
    ///
    /// Example: --mask patch.png
    #[arg(long, value_name = "FILE")]
    pub(crate) mask: Option<PathBuf>,

    /// Bring attacked images to 8 bits, as pictures are kept, within --eps, and judge them so; the images must be of 8 bits
    ///
    /// Example: --quantize --png attacked/
    #[arg(long)]
    pub(crate) quantize: bool,

    /// Folder that gets the attacked images as PNG, too; needs --quantize, or they would not be the images that were judged
    ///
    /// Example: --quantize --png attacked/
    #[arg(long, value_name = "DIR")]
    pub(crate) png: Option<PathBuf>,

    /// File to write: logits, input_gradient, adversarial, cam, utility, vulnerability, roi, roa, region, ...
    ///
    /// Example: --out maps.safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Attack towards this class, by its number from 0, instead of away from the label
    ///
    /// Example: --targeted 3
    #[arg(long, value_name = "CLASS")]
    pub(crate) targeted: Option<usize>,

    /// Which output of the weights belongs to which class folder, counted from 0, where the weights do not know their names
    ///
    /// Example: --classes cat=0,dog=1
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
  weakspot maps --images x.npz --weights w.safetensors --eps 8/255 --out maps.safetensors
  weakspot maps --images photos/ --size 224 --weights vgg16.safetensors --arch vgg16 --head linear3 \\
      --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --eps 4/255 --out maps.safetensors";
