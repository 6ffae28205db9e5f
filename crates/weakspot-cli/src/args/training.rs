//! How a classifier is trained.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use weakspot::{Error, Result};
use weakspot_nn::train::{Freeze, Optimizer};

use super::values::{at_least_one, switch};

/// How a classifier is trained, where none is given.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingArgs {
    /// Start from weights of another task, such as ImageNet [default: at random; e.g. vgg16-imagenet.safetensors]
    #[arg(long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,

    /// Part of --init that is not trained: trunk (all convolutions), or none [default: none; e.g. trunk]
    #[arg(long, value_name = "PART", value_parser = freeze)]
    pub(crate) freeze: Option<Freeze>,

    /// Learning rate of the trunk as a share of the head's [default: 0.03 with --init, otherwise 1; e.g. 0.1]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        value_parser = positive_share,
        hide_short_help = true
    )]
    pub(crate) trunk_rate: Option<f64>,

    /// Optimizer: adam (decoupled weight decay) or sgd (momentum 0.9) [default: adam; e.g. sgd]
    #[arg(long, value_name = "NAME", value_parser = optimizer, hide_short_help = true)]
    pub(crate) optimizer: Option<Optimizer>,

    /// Largest learning rate [default: 0.0001 to 0.002, by recipe; e.g. 0.0003]
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        value_parser = positive_share,
        hide_short_help = true
    )]
    pub(crate) lr: Option<f64>,

    /// Learning rate over time: constant (after a warm-up) or one-cycle [default: by recipe; e.g. one-cycle]
    #[arg(long, value_name = "NAME", value_parser = cycles, hide_short_help = true)]
    pub(crate) schedule: Option<Cycles>,

    /// Steps over which the learning rate rises, or their share of all steps [default: by schedule; e.g. 20%]
    ///
    /// The default is 30% for one-cycle, 20 for constant, and 0 with --freeze trunk.
    #[arg(long, value_name = "N|SHARE%", hide_short_help = true)]
    pub(crate) warmup: Option<Warmup>,

    /// Share by which weights shrink per unit of learning rate [default: 0 or 0.05, by recipe; e.g. 0.0005]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        value_parser = share,
        hide_short_help = true
    )]
    pub(crate) weight_decay: Option<f64>,

    /// Share of each label that is spread over all classes [default: 0 or 0.05, by recipe; e.g. 0.1]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        value_parser = below_one,
        hide_short_help = true
    )]
    pub(crate) label_smoothing: Option<f64>,

    /// Images per training step; unlike --batch-size, it changes the classifier [default: 32; e.g. 64]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) train_batch: Option<usize>,

    /// Train for at most N epochs [default: 5 to 30, by recipe; e.g. 24]
    ///
    /// docs/METHODS.md, section 3, describes the recipes.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) epochs: Option<usize>,

    /// Stop after N epochs without a rise in accuracy on the tune part [default: by recipe; e.g. 3]
    #[arg(long, value_name = "N", value_parser = at_least_one, hide_short_help = true)]
    pub(crate) patience: Option<usize>,

    /// Mirror training images at random [default: by data set, false for your own; e.g. true]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        value_parser = switch,
        hide_short_help = true
    )]
    pub(crate) flip: Option<bool>,

    /// Turn training images upside down or on their side at random [default: true for malaria only; e.g. true]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        value_parser = switch,
        hide_short_help = true
    )]
    pub(crate) turn: Option<bool>,

    /// Largest random shift of training images, in pixels [default: by data set; e.g. 4]
    #[arg(long, value_name = "PIXELS", hide_short_help = true)]
    pub(crate) shift: Option<usize>,

    /// Train on at most N images per class [default: 2000 for mnist and fashion-mnist, otherwise all; e.g. 500]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) train_limit: Option<usize>,
}

impl TrainingArgs {
    /// The first of these flags that was given: they mean nothing for weights that exist already.
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
        _ => Err(Error::invalid(format!("expected the part to freeze; got {text:?}"))
            .with_hint("one of trunk, none")),
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
