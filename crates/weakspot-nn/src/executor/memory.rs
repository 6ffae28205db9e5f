//! Buffers that are reused from layer to layer and from batch to batch.
//!
//! The activations of a batch are tens of megabytes per layer. Fresh memory of that size comes from the system page by
//! page, each zeroed at first touch; that took a tenth of a forward pass.

use std::sync::{Mutex, PoisonError};

use weakspot_conv::Scalar;
use weakspot_conv::large_pages::resize;

use super::activation::Activation;
use crate::network::Shape;

/// Buffers that are not in use at the moment.
#[derive(Debug, Default)]
pub(crate) struct Memory<T> {
    free: Mutex<Vec<Vec<T>>>,
}

/// How many buffers are kept, the largest ones: more than a training pass has layers.
const MOST: usize = 64;

impl<T: Scalar> Memory<T> {
    /// `len` numbers of arbitrary content, to be overwritten.
    pub(crate) fn buffer(&self, len: usize) -> Vec<T> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |v: &Vec<T>| v.capacity() >= len && v.capacity() / 4 <= len;
        let best = (0..free.len()).filter(|&i| fits(&free[i])).min_by_key(|&i| free[i].capacity());
        let mut data = best.map_or_else(Vec::new, |i| free.swap_remove(i));
        drop(free);
        resize(&mut data, len);
        data
    }

    /// Takes back a buffer.
    pub(crate) fn reuse(&self, buffer: Vec<T>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(buffer);
        if free.len() > MOST
            && let Some(smallest) = (0..free.len()).min_by_key(|&i| free[i].capacity())
        {
            free.swap_remove(smallest);
        }
    }

    /// Activations with arbitrary content, to be overwritten.
    pub(super) fn take(&self, n: usize, shape: Shape) -> Activation<T> {
        Activation { n, shape, data: self.buffer(n * shape.len()) }
    }

    /// Takes back what [`Memory::take`] gave, or anything else of the kind.
    pub(super) fn give(&self, activation: Activation<T>) {
        self.reuse(activation.data);
    }
}
