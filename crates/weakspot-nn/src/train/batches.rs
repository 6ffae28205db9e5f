//! A learner's batches: images, changed at random or not, or the features that a frozen trunk computes from them.

use rayon::prelude::*;
use weakspot::progress::Observer;
use weakspot::{Error, ErrorKind, Result};

use super::TrainingData;
use super::augment::augment;
use super::recipe::{Augmentation, Recipe};
use crate::executor::{Activation, Executor, Mode};

/// How many pixels pass a network at once where nothing is learned: five photographs of 224x224. The results do not
/// depend on it.
const PIXELS_AT_ONCE: usize = 1 << 18;

/// Makes a learner's batches.
pub(super) struct Batches<'a> {
    data: &'a TrainingData<'a>,
    augmentation: Augmentation,
    seed: u64,
    trunk: Option<Trunk>,
}

/// The part of a network that does not learn.
struct Trunk {
    executor: Executor<f32>,
    /// Its features of each unchanged image; empty where they are not kept.
    features: Vec<Vec<f32>>,
}

impl<'a> Batches<'a> {
    /// Batches of images, or of the features that `trunk` computes from them. Up to `feature_bytes` of features are
    /// kept.
    pub(super) fn new(
        data: &'a TrainingData<'a>,
        recipe: &Recipe,
        trunk: Option<Executor<f32>>,
        feature_bytes: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let Recipe { augmentation, seed, .. } = *recipe;
        let mut batches = Self { data, augmentation, seed, trunk: None };
        if let Some(executor) = trunk {
            batches.trunk = Some(Trunk { executor, features: vec![Vec::new(); data.ids.len()] });
            batches.keep_features(feature_bytes, observer)?;
        }
        Ok(batches)
    }

    /// Runs the trunk on the images that it will see unchanged in every epoch, as many as `feature_bytes` allow.
    fn keep_features(&mut self, feature_bytes: usize, observer: &dyn Observer) -> Result<()> {
        let Some(trunk) = &mut self.trunk else { return Ok(()) };
        let mut wanted = self.data.tune.to_vec();
        if self.augmentation == Augmentation::default() {
            wanted.extend(self.data.train);
        }
        let (_, _, height, width) = self.data.pixels.dim();
        let per_image = trunk.executor.network().output().len() * size_of::<f32>();
        let n_kept = wanted.len().min(feature_bytes / per_image);
        if n_kept < wanted.len() {
            observer.note(&format!(
                "the frozen trunk's features of {n_kept} of {} images fit in {} MiB and are kept; the others are \
                 computed in every epoch",
                wanted.len(),
                feature_bytes >> 20
            ));
        }
        observer.stage("features of the frozen trunk", n_kept);
        for few in wanted[..n_kept].chunks(at_once(height, width)) {
            if observer.interrupted() {
                return Err(interrupted());
            }
            let images = Activation::from_nchw(self.data.pixels.batch(few)?.view());
            let (features, _) = trunk.executor.forward(images, Mode::Inference, &[])?;
            for (&image, features) in few.iter().zip(features.data.chunks_exact(features.shape.len())) {
                trunk.features[image] = features.to_vec();
            }
            observer.advance(few.len());
        }
        Ok(())
    }

    /// A batch of training images, changed as drawn for the epoch.
    pub(super) fn training(&self, batch: &[usize], epoch: usize) -> Result<Activation<f32>> {
        if self.augmentation == Augmentation::default() {
            return self.still(batch);
        }
        let mut images = self.data.pixels.batch(batch)?;
        images.outer_iter_mut().into_par_iter().zip(batch).for_each(|(image, &i)| {
            augment(image, self.augmentation, self.seed, epoch, &self.data.ids[i]);
        });
        let images = Activation::from_nchw(images.view());
        match &self.trunk {
            None => Ok(images),
            Some(trunk) => in_pieces(&trunk.executor, &images),
        }
    }

    /// A batch of images as they are.
    pub(super) fn still(&self, batch: &[usize]) -> Result<Activation<f32>> {
        let images = |few: &[usize]| -> Result<Activation<f32>> {
            Ok(Activation::from_nchw(self.data.pixels.batch(few)?.view()))
        };
        let Some(Trunk { executor, features }) = &self.trunk else { return images(batch) };
        let missing: Vec<usize> = batch.iter().copied().filter(|&i| features[i].is_empty()).collect();
        let computed = in_pieces(executor, &images(&missing)?)?;
        let shape = computed.shape;
        let mut computed = computed.data.chunks_exact(shape.len());
        let mut data = Vec::with_capacity(batch.len() * shape.len());
        for &i in batch {
            let kept =
                if features[i].is_empty() { computed.next().unwrap_or_default() } else { &features[i] };
            data.extend_from_slice(kept);
        }
        Ok(Activation { n: batch.len(), shape, data })
    }
}

/// How many images of this size pass a network at once.
fn at_once(height: usize, width: usize) -> usize {
    (PIXELS_AT_ONCE / (height * width)).max(1)
}

/// A network's output for a batch, computed a few images at a time so that it needs little memory.
pub(super) fn in_pieces(executor: &Executor<f32>, images: &Activation<f32>) -> Result<Activation<f32>> {
    let shape = images.shape;
    let mut output = Activation { n: images.n, shape: executor.network().output(), data: Vec::new() };
    for few in images.data.chunks(at_once(shape.height, shape.width) * shape.len()) {
        let few = Activation { n: few.len() / shape.len(), shape, data: few.to_vec() };
        output.data.extend(executor.forward(few, Mode::Inference, &[])?.0.data);
    }
    Ok(output)
}

pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped while training; nothing was saved")
}
