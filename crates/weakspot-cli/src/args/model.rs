//! Which network.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use weakspot::{Error, Result};
use weakspot_nn::{Arch, ChannelOrder, Convolutions, Head, Width};

use super::values::PerChannel;

/// Which network.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Classifier")]
pub(crate) struct ModelArgs {
    /// Network: vgg16, or vgg16-bn with batch norm [default: that of the weights, or by data set; e.g. vgg16-bn]
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<Arch>,

    /// Head (the last layers): gap, pool-linear or linear3 [default: that of the weights, or gap; e.g. linear3]
    #[arg(long, value_name = "NAME")]
    pub(crate) head: Option<Head>,

    /// Share of the network's channels, from 1 to 1/64 [default: that of the weights, or 1 (demo: 1/8); e.g. 1/4]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) width: Option<Width>,

    /// Mean for normalisation [default: that of the weights, or 0; e.g. 0.5 or 0.485,0.456,0.406]
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) mean: Option<PerChannel>,

    /// Standard deviation for normalisation [default: that of the weights, or 1; e.g. 0.5 or 0.229,0.224,0.225]
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) std: Option<PerChannel>,

    /// Normalisation by name instead of --mean and --std: imagenet or none [default: none; e.g. imagenet]
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub(crate) normalization: Option<Normalization>,

    /// Names of a network's outputs, one per line [default: those of the file, or numbers; e.g. labels.txt]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) labels_file: Option<PathBuf>,

    /// Axes of a network's images: nchw (channels first) or nhwc [default: by their lengths; e.g. nhwc]
    #[arg(long, value_name = "ORDER", hide_short_help = true)]
    pub(crate) layout: Option<ChannelOrder>,

    /// Convolutions: fast (Winograd), or direct (slower, with smaller rounding errors) [e.g. direct]
    ///
    /// This also applies to training, where the different rounding leads to different weights.
    #[arg(
        long,
        value_name = "HOW",
        default_value = "fast",
        value_parser = convolutions,
        hide_short_help = true
    )]
    pub(crate) conv: Convolutions,
}

/// What pixels become, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Normalization {
    /// ImageNet's mean and std, as torchvision's models want them.
    Imagenet,
    /// Pixels as they are.
    None,
}

/// Whether the weights are read as they are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// Check the logits against those of your own code: an .npz with images and logits [e.g. check.npz]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) check: Option<PathBuf>,
}

/// How convolutions are computed, by name.
fn convolutions(text: &str) -> Result<Convolutions> {
    text.parse().map_err(|e: weakspot_nn::ShapeError| {
        Error::invalid(e.to_string()).with_hint("for example --conv direct")
    })
}
