//! Which network.

use std::path::PathBuf;

use clap::Args;
use weakspot::{Error, Result};
use weakspot_nn::{Arch, Convolutions, Head, Width};

use super::values::PerChannel;

/// Which network.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Classifier")]
pub(crate) struct ModelArgs {
    /// vgg16, or vgg16-bn (with batch norm)
    ///
    /// Default: what --weights or --init say; else vgg16-bn for cifar10, cats-vs-dogs, malaria and your own colour
    /// images, vgg16 for the others
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<Arch>,

    /// gap (average of the last ReLU, one linear layer; cam exists), pool-linear (a max-pool before that, as in most VGG16s for
    /// CIFAR), or linear3 (torchvision's)
    ///
    /// Default: gap, or what the weights say; weights that cannot say it are refused without it
    #[arg(long, value_name = "NAME")]
    pub(crate) head: Option<Head>,

    /// Share of the network's channels: 1, 1/2, 1/4 ... 1/64
    ///
    /// Default: 1; 1/8 for demo. Of --weights and --init it is read from the tensors. Example: --width 1/8
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) width: Option<Width>,

    /// Mean that the network subtracts from pixels in [0, 1]: one number, or one per channel
    ///
    /// Default: what the weights say, else 0 (printed); ImageNet's for an --init that says nothing. Example:
    /// --mean 0.485,0.456,0.406
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) mean: Option<PerChannel>,

    /// Standard deviation that the network divides by, as --mean; above 0
    ///
    /// Default: as for --mean, else 1 (printed). Example: --std 0.229,0.224,0.225
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) std: Option<PerChannel>,

    /// fast (3x3 convolutions by Winograd's algorithm), or direct (sums of products, as the definition says: several times
    /// slower, rounding errors a few times smaller)
    ///
    /// Also of training, where another rounding leads to other weights. Example: --conv direct
    #[arg(long, value_name = "HOW", default_value = "fast", value_parser = convolutions)]
    pub(crate) conv: Convolutions,
}

/// Whether the weights are read as they are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// Compare the weights with their owner's own code before anything else: an .npz of images, in [0, 1] before normalisation, and
    /// of the logits it gives them; beyond 1e-3 of the largest is an error
    ///
    /// Python: np.savez("check.npz", images=x.numpy(), logits=model(normalize(x)).numpy()). Example: --check check.npz
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// How convolutions are computed, by name.
fn convolutions(text: &str) -> Result<Convolutions> {
    text.parse().map_err(|e: weakspot_nn::ShapeError| {
        Error::invalid(e.to_string()).with_hint("for example --conv direct")
    })
}
