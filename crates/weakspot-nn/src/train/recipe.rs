//! How a model is trained, in numbers.

use serde::{Deserialize, Serialize};
use weakspot::{Error, Result};

use crate::models::{Arch, ModelSpec};

/// Everything that decides what training makes of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The rule that turns gradients into steps.
    pub optimizer: Optimizer,
    /// The length of a step after the warm-up, positive.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises linearly from 0.
    pub warmup_steps: usize,
    /// Weights (not biases and not batch norms) also shrink by `learning_rate * weight_decay` a step. At least 0.
    pub weight_decay: f64,
    /// Images per step.
    pub batch_size: usize,
    /// At most this many times through the training images.
    pub max_epochs: usize,
    /// Stop after this many epochs in which the tune accuracy did not rise.
    pub patience: usize,
    /// Random changes of the training images.
    pub augmentation: Augmentation,
    /// Of the initial weights, the order of the images, the augmentation and dropout.
    pub seed: u64,
}

/// A rule that turns gradients into steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam with beta 0.9 and 0.999, epsilon 1e-8; weight decay apart from the gradient (AdamW).
    Adam,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// Random changes of the training images, drawn anew in every epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Left and right exchanged in every second image.
    pub flip: bool,
    /// Shifts by up to this many pixels in both directions, with zeros where nothing is shifted to.
    pub shift: usize,
}

impl Recipe {
    /// A recipe that trains a model of this specification on two or more easy classes.
    ///
    /// Adam throughout. Without batch norm a deep network at full width only learns from small steps; narrow networks
    /// and batch norm bear larger ones.
    pub fn for_model(spec: &ModelSpec, seed: u64) -> Self {
        let learning_rate = match spec.arch {
            Arch::Vgg16 if spec.width.of(64) > 16 => 1e-4,
            Arch::Vgg16 | Arch::Vgg16Bn => 1e-3,
        };
        Self {
            optimizer: Optimizer::Adam,
            learning_rate,
            warmup_steps: 20,
            weight_decay: 0.0,
            batch_size: 32,
            max_epochs: 10,
            patience: 2,
            augmentation: Augmentation::default(),
            seed,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// `InvalidParameter`, naming the number, its range and its value.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str, range: &str, got: String| {
            Err(Error::invalid(format!("{what} must be {range}; got {got}")))
        };
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return refuse("the learning rate", "in (0, 1]", self.learning_rate.to_string());
        }
        if !(0.0..=1.0).contains(&self.weight_decay) {
            return refuse("the weight decay", "in [0, 1]", self.weight_decay.to_string());
        }
        for (what, count) in [
            ("the batch size", self.batch_size),
            ("the number of epochs", self.max_epochs),
            ("the patience", self.patience),
        ] {
            if count == 0 {
                return refuse(what, "at least 1", count.to_string());
            }
        }
        Ok(())
    }
}
