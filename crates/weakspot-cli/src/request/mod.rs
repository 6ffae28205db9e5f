//! A study that is wanted: data, classifier, plan and destination.
//!
//! What was typed is resolved into a request once. `reproduce` and `--seeds` make requests of their own, without words
//! in between.

pub(crate) mod config;
pub(crate) mod plan;

use std::path::PathBuf;

use weakspot::study::Plan;
use weakspot::{Error, Result};

use crate::args::{self, DataArgs, ModelArgs, StudyArgs, TrainingArgs};

use config::Given;

/// A study that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StudyRequest {
    pub(crate) data: DataRequest,
    pub(crate) classifier: ClassifierRequest,
    /// Every setting that decides a number, but for [`StudyRequest::use_mask`].
    pub(crate) plan: Plan,
    /// A mask that replaces the blob; it is read once the size of the images is known.
    pub(crate) use_mask: Option<String>,
    pub(crate) destination: Destination,
    /// Images per batch; `None` for a number that fits their size.
    pub(crate) batch_size: Option<usize>,
    /// The settings that were given, by name, for the run's own configuration.
    pub(crate) given: Given,
}

/// Which images.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DataRequest {
    /// The name of a data set, or a file or folder.
    pub(crate) dataset: String,
    /// Where they are, which of them, and how they are read.
    pub(crate) images: DataArgs,
    /// The seed that divides them into parts; `None` for the plan's.
    pub(crate) split_seed: Option<u64>,
}

/// Which classifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClassifierRequest {
    pub(crate) network: ModelArgs,
    pub(crate) source: ClassifierSource,
}

/// Where a classifier is from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClassifierSource {
    /// The user's own weights.
    Weights {
        file: PathBuf,
        /// Whether the user states that the weights were not trained on these images.
        held_out: bool,
        /// Images with the logits that the user's own code gives them.
        check: Option<PathBuf>,
    },
    /// Trained here, or kept in a folder by an earlier training.
    Trained { models: PathBuf, training: TrainingArgs },
}

/// Where the results go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Destination {
    /// `None` for a folder called by the data set and its classes.
    pub(crate) out: Option<PathBuf>,
    /// Whether what is there may be replaced.
    pub(crate) force: bool,
}

impl StudyRequest {
    /// What the words of `weakspot study` ask for. With `--seeds`, it is the request of the first seed's study, which
    /// the others vary.
    ///
    /// # Errors
    /// `InvalidParameter` for settings out of range and for settings that contradict each other; as [`plan::study`].
    pub(crate) fn of(args: &StudyArgs) -> Result<Self> {
        Ok(Self {
            data: DataRequest {
                dataset: args.dataset.clone(),
                images: args.data.clone(),
                split_seed: args.seed.split_seed,
            },
            classifier: ClassifierRequest { network: args.model.clone(), source: source(args)? },
            plan: plan::study(args)?,
            use_mask: args.what.use_mask.clone(),
            destination: Destination { out: args.out.clone(), force: args.run.force },
            batch_size: args.run.batch_size,
            given: args.given.clone(),
        })
    }

    /// Images per batch, of images with `dim` (count, channels, height, width).
    pub(crate) fn batch(&self, dim: (usize, usize, usize, usize)) -> usize {
        args::images_per_batch(self.batch_size, dim)
    }
}

/// Where the classifier is from. Flags that would silently do nothing are refused.
fn source(args: &StudyArgs) -> Result<ClassifierSource> {
    match &args.weights {
        Some(file) => {
            if let Some(flag) = args.training.given() {
                return Err(Error::invalid(format!(
                    "{flag} is about training; with --weights, nothing is trained"
                ))
                .with_hint(format!("leave {flag} out, or --weights")));
            }
            Ok(ClassifierSource::Weights {
                file: file.clone(),
                held_out: args.held_out,
                check: args.check.check.clone(),
            })
        }
        None if args.held_out => Err(Error::invalid(
            "--held-out is about --weights; a classifier that is trained here is scored on images it has not seen",
        )
        .with_hint("leave --held-out out")),
        None if args.check.check.is_some() => Err(Error::invalid(
            "--check is about --weights; there is no other code that a classifier trained here could agree with",
        )
        .with_hint("leave --check out")),
        None => Ok(ClassifierSource::Trained {
            models: args.models.clone(),
            training: args.training.clone(),
        }),
    }
}
