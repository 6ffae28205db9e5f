//! Batches in parts: the first layers of a network, some images at a time.
//!
//! Their activations are by far the largest: for 128 images of 32 px, the output of VGG16's first convolution takes
//! 34 MB. Layer by layer, the whole batch passes through memory again and again; a few images at a time, it stays in
//! the cache. Deeper layers have small activations and large filters, and take the batch at once. Results for an image
//! do not depend on its batch, so they do not depend on this either.

use weakspot::Result;
use weakspot_conv::Scalar;

use super::Executor;
use super::activation::Activation;
use super::forward::{Mode, Saved};
use crate::network::Layer;

/// Bytes of the largest activations of a part, for each thread.
const PART: usize = 4 << 20;

/// Layers that go through a batch in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// The layers below this place; 0 if the batch is not divided.
    pub end: usize,
    /// Images in a part.
    pub images: usize,
}

/// What some consecutive layers left on the tape.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'t, T: Scalar> {
    /// The place of the first.
    pub first: usize,
    pub saved: &'t [Saved<T>],
}

impl<'t, T: Scalar> Stretch<'t, T> {
    pub(super) fn get(&self, place: usize) -> Option<&'t Saved<T>> {
        self.saved.get(place.checked_sub(self.first)?)
    }

    pub(super) fn is_folded(&self, place: usize) -> bool {
        matches!(self.get(place), Some(Saved::Folded))
    }
}

impl<T: Scalar> Executor<T> {
    /// How a batch of `n` images is divided: up to the last max-pooling before which a part's activations are still
    /// large.
    pub(super) fn parts(&self, n: usize, mode: Mode<'_>) -> Parts {
        if matches!(mode, Mode::Training(_)) {
            // Batch norms and gradients to weights need all images.
            return Parts::default();
        }
        let budget = PART * rayon::current_num_threads();
        let bytes = |place: usize| self.network.outputs()[place].len() * size_of::<T>();
        let largest = (0..self.operations.len()).map(bytes).max().unwrap_or(0);
        let images = (budget / largest.max(1)).max(1);
        if images >= n {
            return Parts::default();
        }
        let layers = self.network.layers();
        let pools = |place: &usize| matches!(layers[*place].layer, Layer::MaxPool2d { .. });
        let large = |place: &usize| *place > 0 && images * bytes(place - 1) >= budget / 3;
        let last = (0..layers.len()).filter(pools).rfind(large);
        last.map_or(Parts::default(), |last| Parts { end: last + 1, images })
    }

    /// Some images of a batch.
    pub(super) fn part(&self, whole: &Activation<T>, first: usize, images: usize) -> Activation<T> {
        let n = images.min(whole.n - first);
        let mut part = self.memory.take(n, whole.shape);
        let len = whole.shape.len();
        part.data.copy_from_slice(&whole.data[first * len..][..n * len]);
        part
    }

    /// Puts some images into a batch.
    pub(super) fn join(&self, whole: &mut Activation<T>, first: usize, part: Activation<T>) {
        whole.data[first * part.shape.len()..][..part.data.len()].copy_from_slice(&part.data);
        self.memory.give(part);
    }

    /// Runs `work` on every part of a batch, and joins the results, activations of layer `layer - 1`.
    pub(super) fn in_parts(
        &self,
        whole: Activation<T>,
        images: usize,
        layer: usize,
        mut work: impl FnMut(usize, Activation<T>) -> Result<Activation<T>>,
    ) -> Result<Activation<T>> {
        let shape = layer.checked_sub(1).map_or(self.network.input(), |place| self.network.outputs()[place]);
        let mut joined = self.memory.take(whole.n, shape);
        for (i, first) in (0..whole.n).step_by(images).enumerate() {
            let part = work(i, self.part(&whole, first, images))?;
            self.join(&mut joined, first, part);
        }
        self.memory.give(whole);
        Ok(joined)
    }
}
