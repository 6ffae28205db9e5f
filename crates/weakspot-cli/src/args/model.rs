//! Which network, and how it is trained.

use clap::Args;
use weakspot::{Error, Result};
use weakspot_nn::train::Optimizer;
use weakspot_nn::{Arch, Head, Width};

use super::values::{PerChannel, at_least_one, switch};

/// Which network.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Classifier")]
pub(crate) struct ModelArgs {
    /// vgg16, or vgg16-bn (with batch norm)
    ///
    /// Default: what the weights say, else vgg16
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<Arch>,

    /// gap (global average pooling and one linear layer, so that cam exists), or linear3 (torchvision's)
    ///
    /// Default: what the weights say, else gap
    #[arg(long, value_name = "NAME")]
    pub(crate) head: Option<Head>,

    /// Share of the network's channels: 1, 1/2, 1/4 ... 1/64
    ///
    /// Default: 1; 1/8 for demo. Of given weights it is read from the tensors. Example: --width 1/8
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) width: Option<Width>,

    /// Mean that the network subtracts from pixels in [0, 1]: one number, or one per channel
    ///
    /// Default: what the weights say, else 0 (printed). Example: --mean 0.485,0.456,0.406
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) mean: Option<PerChannel>,

    /// Standard deviation that the network divides by, as --mean; above 0
    ///
    /// Default: what the weights say, else 1 (printed). Example: --std 0.229,0.224,0.225
    #[arg(long, value_name = "LIST", allow_negative_numbers = true)]
    pub(crate) std: Option<PerChannel>,
}

/// How a classifier is trained, where none is given.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingArgs {
    /// adam (with decoupled weight decay), or sgd (momentum 0.9)
    ///
    /// Default: adam
    #[arg(long, value_name = "NAME", value_parser = optimizer)]
    pub(crate) optimizer: Option<Optimizer>,

    /// Learning rate after the warm-up, in (0, 1]
    ///
    /// Default: 0.0001 for vgg16 at full width, else 0.001. Example: --lr 0.0003
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = positive_share)]
    pub(crate) lr: Option<f64>,

    /// Steps over which the learning rate rises from 0
    ///
    /// Default: 20
    #[arg(long, value_name = "N")]
    pub(crate) warmup: Option<usize>,

    /// Share by which weights shrink per unit of learning rate, in [0, 1]
    ///
    /// Default: 0. Example: --weight-decay 0.0005
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = share)]
    pub(crate) weight_decay: Option<f64>,

    /// Images per training step, at least 1; other than --batch-size, it changes the classifier
    ///
    /// Default: 32
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) train_batch: Option<usize>,

    /// At most N times through the training images
    ///
    /// Default: 10
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) epochs: Option<usize>,

    /// Stop after N epochs in which the accuracy on the tune part did not rise
    ///
    /// Default: 2
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) patience: Option<usize>,

    /// Whether training images are mirrored at random
    ///
    /// Default: true for fashion-mnist, cifar10, cats-vs-dogs and malaria, else false. Example: --flip false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", value_parser = switch)]
    pub(crate) flip: Option<bool>,

    /// Largest random shift of training images, in pixels
    ///
    /// Default: 2 for mnist and fashion-mnist, 4 for cifar10, cats-vs-dogs and malaria, else 0
    #[arg(long, value_name = "PIXELS")]
    pub(crate) shift: Option<usize>,

    /// At most N training images per class
    ///
    /// Default: 2000 for mnist and fashion-mnist, else all of the train part. Example: --train-limit 500
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) train_limit: Option<usize>,
}

impl TrainingArgs {
    /// The first of these flags that was given: they mean nothing beside weights that exist already.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            ("--optimizer", self.optimizer.is_some()),
            ("--lr", self.lr.is_some()),
            ("--warmup", self.warmup.is_some()),
            ("--weight-decay", self.weight_decay.is_some()),
            ("--train-batch", self.train_batch.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--patience", self.patience.is_some()),
            ("--flip", self.flip.is_some()),
            ("--shift", self.shift.is_some()),
            ("--train-limit", self.train_limit.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }
}

/// An optimizer by name.
fn optimizer(text: &str) -> Result<Optimizer> {
    match text {
        "adam" => Ok(Optimizer::Adam),
        "sgd" => Ok(Optimizer::Sgd),
        _ => Err(Error::invalid(format!("expected an optimizer's name; got {text:?}"))
            .with_hint("one of adam, sgd")),
    }
}

/// A number in [0, 1].
fn share(text: &str) -> Result<f64> {
    text.parse().ok().filter(|v| (0.0..=1.0).contains(v)).ok_or_else(|| {
        Error::invalid(format!("expected a number in [0, 1]; got {text:?}")).with_hint("for example 0.001")
    })
}

/// A number in (0, 1].
fn positive_share(text: &str) -> Result<f64> {
    match share(text) {
        Ok(value) if value > 0.0 => Ok(value),
        _ => Err(Error::invalid(format!("expected a number above 0 and at most 1; got {text:?}"))
            .with_hint("for example 0.001")),
    }
}
