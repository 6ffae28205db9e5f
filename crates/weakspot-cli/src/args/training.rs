//! How a classifier is trained.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use weakspot::{Error, Result};
use weakspot_nn::train::{Freeze, Optimizer};

use super::values::{at_least_one, switch};

/// How a classifier is trained, where none is given.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingArgs {
    /// Begin from the weights of another task (safetensors, torchvision's names), for example ImageNet's
    ///
    /// The trunk (features.*) must be the network's; a classifier of another size is left out, which is said, and begins
    /// at random. Example: --init vgg16-imagenet.safetensors --freeze trunk
    #[arg(long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,

    /// What of --init does not learn: trunk (only the head is trained: a picture passes the trunk once, then epochs take
    /// seconds), or none (everything is fine-tuned)
    ///
    /// Default: none
    #[arg(long, value_name = "PART", value_parser = freeze)]
    pub(crate) freeze: Option<Freeze>,

    /// The trunk's learning rate as a share of the head's, in (0, 1]
    ///
    /// Default: 0.03 with --init, else 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = positive_share)]
    pub(crate) trunk_rate: Option<f64>,

    /// adam (with decoupled weight decay), or sgd (momentum 0.9)
    ///
    /// Default: adam
    #[arg(long, value_name = "NAME", value_parser = optimizer)]
    pub(crate) optimizer: Option<Optimizer>,

    /// Largest learning rate, in (0, 1]
    ///
    /// Default: 0.002 where --schedule is one-cycle and --arch vgg16-bn; else 0.0001 for vgg16 at full width, 0.001 for
    /// the others. Example: --lr 0.0003
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = positive_share)]
    pub(crate) lr: Option<f64>,

    /// How the learning rate goes: constant after its warm-up, or one-cycle (up along a cosine, then down to nothing in
    /// the last epoch)
    ///
    /// Default: one-cycle for cifar10, cats-vs-dogs, malaria and your own colour images; constant for the others and
    /// with --freeze trunk
    #[arg(long, value_name = "NAME", value_parser = cycles)]
    pub(crate) schedule: Option<Cycles>,

    /// Steps over which the learning rate rises, or their share of all steps
    ///
    /// Default: 30% for one-cycle, 20 for constant, 0 with --freeze trunk. Example: --warmup 20%
    #[arg(long, value_name = "N|SHARE%")]
    pub(crate) warmup: Option<Warmup>,

    /// Share by which weights shrink per unit of learning rate, in [0, 1]
    ///
    /// Default: 0.05 for one-cycle, else 0. Example: --weight-decay 0.0005
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = share)]
    pub(crate) weight_decay: Option<f64>,

    /// Share of each label that is spread over all classes, in [0, 1)
    ///
    /// Default: 0.05 for one-cycle, else 0
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = below_one)]
    pub(crate) label_smoothing: Option<f64>,

    /// Images per training step, at least 1; other than --batch-size, it changes the classifier
    ///
    /// Default: 32
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) train_batch: Option<usize>,

    /// At most N times through the training images
    ///
    /// Default: 12 for one-cycle, 30 with --freeze trunk, 5 with --init alone, else 10
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) epochs: Option<usize>,

    /// Stop after N epochs in which the accuracy on the tune part did not rise
    ///
    /// Default: 2; never for one-cycle, which ends with small steps; 5 with --freeze trunk
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) patience: Option<usize>,

    /// Whether training images are mirrored at random
    ///
    /// Default: true for fashion-mnist, cifar10, cats-vs-dogs and malaria, else false; false with --freeze trunk.
    /// Example: --flip false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", value_parser = switch)]
    pub(crate) flip: Option<bool>,

    /// Whether training images are also turned upside down and on their side at random: for what has no upright
    ///
    /// Default: true for malaria, else false; false with --freeze trunk. On their side only where they are square
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", value_parser = switch)]
    pub(crate) turn: Option<bool>,

    /// Largest random shift of training images, in pixels
    ///
    /// Default: 2 for mnist and fashion-mnist; a twelfth of the shorter side for photographs and your own colour images;
    /// 0 for the others and with --freeze trunk
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
            ("--init", self.init.is_some()),
            ("--freeze", self.freeze.is_some()),
            ("--trunk-rate", self.trunk_rate.is_some()),
            ("--optimizer", self.optimizer.is_some()),
            ("--lr", self.lr.is_some()),
            ("--schedule", self.schedule.is_some()),
            ("--warmup", self.warmup.is_some()),
            ("--weight-decay", self.weight_decay.is_some()),
            ("--label-smoothing", self.label_smoothing.is_some()),
            ("--train-batch", self.train_batch.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--patience", self.patience.is_some()),
            ("--flip", self.flip.is_some()),
            ("--turn", self.turn.is_some()),
            ("--shift", self.shift.is_some()),
            ("--train-limit", self.train_limit.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }
}

/// Which schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cycles {
    Constant,
    OneCycle,
}

/// How long the learning rate rises: `20` steps, or `30%` of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Warmup {
    Steps(usize),
    Share(f64),
}

impl FromStr for Warmup {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = match text.strip_suffix('%') {
            Some(percent) => {
                let share = percent.trim().parse().ok().map(|percent: f64| percent / 100.0);
                share.filter(|share| (0.0..1.0).contains(share)).map(Self::Share)
            }
            None => text.parse().ok().map(Self::Steps),
        };
        read.ok_or_else(|| {
            Error::invalid(format!("expected a number of steps, or a share of all below 100 %; got {text:?}"))
                .with_hint("for example --warmup 20, or --warmup 30%")
        })
    }
}

/// A schedule by name.
fn cycles(text: &str) -> Result<Cycles> {
    match text {
        "constant" => Ok(Cycles::Constant),
        "one-cycle" => Ok(Cycles::OneCycle),
        _ => Err(Error::invalid(format!("expected a schedule's name; got {text:?}"))
            .with_hint("one of constant, one-cycle")),
    }
}

/// What is frozen, by name.
fn freeze(text: &str) -> Result<Freeze> {
    match text {
        "trunk" => Ok(Freeze::Trunk),
        "none" => Ok(Freeze::None),
        _ => {
            Err(Error::invalid(format!("expected what is frozen; got {text:?}"))
                .with_hint("one of trunk, none"))
        }
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

/// A number in [0, 1).
fn below_one(text: &str) -> Result<f64> {
    match share(text) {
        Ok(value) if value < 1.0 => Ok(value),
        _ => Err(Error::invalid(format!("expected a number from 0 to below 1; got {text:?}"))
            .with_hint("for example 0.05")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_is_steps_or_a_share_below_the_whole() {
        assert_eq!("20".parse::<Warmup>().unwrap(), Warmup::Steps(20));
        assert_eq!("30%".parse::<Warmup>().unwrap(), Warmup::Share(0.3));
        for bad in ["-1", "0.3", "100%", "-5%", "nan%", "%", ""] {
            assert!(bad.parse::<Warmup>().unwrap_err().hint().is_some(), "{bad}");
        }
    }
}
