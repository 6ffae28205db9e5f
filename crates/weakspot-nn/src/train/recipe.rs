//! How a model is trained, in numbers.

use serde::{Deserialize, Serialize};
use weakspot::{Error, Result};
use weakspot_conv::Method as Convolutions;

use crate::models::{Arch, ModelSpec};

/// All settings that, with the data and the first weights, decide the result of training.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Recipe, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16Bn, Head::Gap, Width::FULL, [3, 64, 64], 2);
/// let recipe = Recipe { batch_size: 16, ..Recipe::for_photographs(&spec, 0) };
/// recipe.check()?;
/// assert_eq!((recipe.learning_rate, recipe.max_epochs), (2e-3, 12));
/// assert!(Recipe { learning_rate: 2.0, ..recipe }.check().is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The rule that turns gradients into steps.
    pub optimizer: Optimizer,
    /// The largest learning rate of the schedule, in (0, 1].
    pub learning_rate: f64,
    /// How the learning rate rises to this maximum and falls from it.
    pub schedule: Schedule,
    /// Weights (not biases and not batch norms) also shrink by `learning rate * weight_decay` per step. In `[0, 1]`.
    pub weight_decay: f64,
    /// The share of a training image's probability that is spread evenly over all classes, in `[0, 1)`.
    pub label_smoothing: f64,
    /// Images per step.
    pub batch_size: usize,
    /// At most this many times through the training images.
    pub max_epochs: usize,
    /// Stop after this many epochs in which the tune accuracy did not rise. A one-cycle schedule runs to its end
    /// where this is at least [`Recipe::max_epochs`].
    pub patience: usize,
    /// Random changes of the training images.
    pub augmentation: Augmentation,
    /// Which part of the network learns.
    pub freeze: Freeze,
    /// The trunk's learning rate as a share of the head's, in (0, 1].
    pub trunk_rate: f64,
    /// How convolutions are computed. Training amplifies rounding errors, so another method gives different weights.
    pub convolutions: Convolutions,
    /// The seed of the initial weights, the order of the images, the augmentation and dropout.
    pub seed: u64,
}

/// A rule that turns gradients into steps.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Optimizer, Recipe, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16Bn, Head::Gap, Width::FULL, [3, 64, 64], 2);
/// let recipe = Recipe { optimizer: Optimizer::Sgd, learning_rate: 0.01, ..Recipe::for_model(&spec, 0) };
/// assert_eq!(serde_json::to_value(&recipe).unwrap()["optimizer"], "sgd");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam with beta 0.9 and 0.999, epsilon 1e-8; weight decay apart from the gradient (AdamW).
    Adam,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// How long each step is, as a share of [`Recipe::learning_rate`].
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Recipe, Schedule, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16Bn, Head::Gap, Width::FULL, [3, 64, 64], 2);
/// let schedule = Schedule::OneCycle { warmup_share: 0.3 };
/// assert_eq!(Recipe::for_photographs(&spec, 0).schedule, schedule);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Rises linearly from 0 over some steps and then stays.
    Constant {
        /// The steps it rises over.
        warmup_steps: usize,
    },
    /// Rises from 1/25 along half a cosine, then falls to 1/250,000 along another, over [`Recipe::max_epochs`].
    OneCycle {
        /// The share of all steps it rises over, in `[0, 1)`.
        warmup_share: f64,
    },
}

/// Which part of a network learns.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Freeze, Head, ModelSpec, Recipe, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Linear3, Width::FULL, [3, 224, 224], 2);
/// assert_eq!(Recipe::for_frozen_trunk(&spec, 0).freeze, Freeze::Trunk);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Freeze {
    /// Everything learns.
    None,
    /// Only the layers after the last `features` layer learn. The trunk runs in evaluation mode: its batch norms use
    /// their running statistics.
    Trunk,
}

/// Random changes of the training images, drawn anew in every epoch.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Augmentation, Head, ModelSpec, Recipe, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [3, 32, 32], 2);
/// let augmentation = Augmentation { flip: true, shift: 4, ..Augmentation::default() };
/// let recipe = Recipe { augmentation, ..Recipe::for_model(&spec, 0) };
/// assert!(!recipe.augmentation.turn);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Left and right are exchanged with probability 1/2.
    pub flip: bool,
    /// Top and bottom are exchanged, and rows with columns, each with probability 1/2. With `flip` these are all eight
    /// orientations of a square. Rows and columns are exchanged only in square images.
    pub turn: bool,
    /// Shifts by up to this many pixels in both directions; pixels that become free are zero.
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
            schedule: Schedule::Constant { warmup_steps: 20 },
            weight_decay: 0.0,
            label_smoothing: 0.0,
            batch_size: 32,
            max_epochs: 10,
            patience: 2,
            augmentation: Augmentation::default(),
            freeze: Freeze::None,
            trunk_rate: 1.0,
            convolutions: Convolutions::Fast,
            seed,
        }
    }

    /// A recipe for about a thousand small photographs, from random weights: one cycle of AdamW, smoothed labels.
    ///
    /// Batch norm bears a peak of 2e-3. Without it, the rate of [`Recipe::for_model`].
    pub fn for_photographs(spec: &ModelSpec, seed: u64) -> Self {
        let base = Self::for_model(spec, seed);
        let learning_rate = if spec.arch == Arch::Vgg16Bn { 2e-3 } else { base.learning_rate };
        let max_epochs = 12;
        Self {
            learning_rate,
            schedule: Schedule::OneCycle { warmup_share: 0.3 },
            weight_decay: 0.05,
            label_smoothing: 0.05,
            max_epochs,
            patience: max_epochs,
            ..base
        }
    }

    /// A recipe that trains the head on a trunk that already knows photographs, and leaves the trunk as it is.
    ///
    /// Images are not augmented, so each picture passes the trunk only once.
    pub fn for_frozen_trunk(spec: &ModelSpec, seed: u64) -> Self {
        Self {
            learning_rate: 1e-3,
            schedule: Schedule::Constant { warmup_steps: 0 },
            max_epochs: 30,
            patience: 5,
            freeze: Freeze::Trunk,
            ..Self::for_model(spec, seed)
        }
    }

    /// A recipe that continues from a trunk that already knows photographs, in steps short enough not to forget them.
    pub fn for_fine_tuning(spec: &ModelSpec, seed: u64) -> Self {
        Self {
            learning_rate: 1e-3,
            trunk_rate: 0.03,
            max_epochs: 5,
            patience: 5,
            ..Self::for_photographs(spec, seed)
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
        for (what, rate) in [
            ("the learning rate", self.learning_rate),
            ("the trunk's share of the learning rate", self.trunk_rate),
        ] {
            if !(rate > 0.0 && rate <= 1.0) {
                return refuse(what, "in (0, 1]", rate.to_string());
            }
        }
        if !(0.0..=1.0).contains(&self.weight_decay) {
            return refuse("the weight decay", "in [0, 1]", self.weight_decay.to_string());
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return refuse("the label smoothing", "in [0, 1)", self.label_smoothing.to_string());
        }
        if let Schedule::OneCycle { warmup_share } = self.schedule
            && !(0.0..1.0).contains(&warmup_share)
        {
            return refuse("the share of steps to warm up over", "in [0, 1)", warmup_share.to_string());
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
