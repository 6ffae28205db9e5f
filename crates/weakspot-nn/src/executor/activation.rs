//! Activations of a batch, as the kernels want them.

use ndarray::{Array4, ArrayView4};
use rayon::prelude::*;
use weakspot_conv::Scalar;

use crate::network::Shape;

/// The activations of a batch, in memory `[batch, height, width, channels]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation<T> {
    /// Images.
    pub n: usize,
    /// Of each image.
    pub shape: Shape,
    /// `n * shape.len()` numbers.
    pub data: Vec<T>,
}

impl<T: Scalar> Activation<T> {
    /// All zeros.
    pub fn zeros(n: usize, shape: Shape) -> Self {
        Self { n, shape, data: vec![T::ZERO; n * shape.len()] }
    }

    /// From an array with axes `batch, channels, height, width`.
    pub fn from_nchw(array: ArrayView4<'_, f32>) -> Self {
        let (n, channels, height, width) = array.dim();
        let data = array.permuted_axes([0, 2, 3, 1]).iter().map(|&v| T::from_f64(v.into())).collect();
        Self { n, shape: Shape { channels, height, width }, data }
    }

    /// To an array with axes `batch, channels, height, width`.
    pub fn to_nchw(&self) -> Array4<f32> {
        let Shape { channels, height, width } = self.shape;
        Array4::from_shape_fn((self.n, channels, height, width), |(i, c, y, x)| {
            self.data[((i * height + y) * width + x) * channels + c].to_f64() as f32
        })
    }

    /// One image after the other, in parallel, with the place of each in the batch.
    pub(super) fn images_mut(&mut self) -> impl IndexedParallelIterator<Item = (usize, &mut [T])> {
        self.data.par_chunks_mut(self.shape.len()).enumerate()
    }

    /// The numbers of one image.
    pub(super) fn image(&self, i: usize) -> &[T] {
        &self.data[i * self.shape.len()..][..self.shape.len()]
    }
}
