//! Activations of a batch, in the order of the kernels.

use ndarray::parallel::prelude::*;
use ndarray::{Array4, ArrayView4, Axis};
use rayon::prelude::*;
use weakspot_conv::Scalar;

use crate::network::Shape;

/// The activations of a batch, in memory `[batch, height, width, channels]`.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot_nn::executor::Activation;
///
/// // One image of two channels and two pixels: the channels of a pixel are adjacent in memory.
/// let array = Array4::from_shape_vec((1, 2, 1, 2), vec![1.0, 2.0, 3.0, 4.0]).unwrap();
/// let activation: Activation<f32> = Activation::from_nchw(array.view());
/// assert_eq!(activation.data, [1.0, 3.0, 2.0, 4.0]);
/// assert_eq!(activation.to_nchw(), array);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Activation<T> {
    /// Images.
    pub n: usize,
    /// The shape of each image.
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
        let mut activation = Self::zeros(n, Shape { channels, height, width });
        activation.copy_from_nchw(array);
        activation
    }

    /// Overwrites as many images as both have, of the same shape.
    pub(super) fn copy_from_nchw(&mut self, array: ArrayView4<'_, f32>) {
        let channels = self.shape.channels;
        let images = array.axis_iter(Axis(0)).into_par_iter();
        self.images_mut().zip(images).for_each(|((_, to), from)| {
            for (c, plane) in from.outer_iter().enumerate() {
                for (to, &v) in to[c..].iter_mut().step_by(channels).zip(plane) {
                    *to = T::from_f64(v.into());
                }
            }
        });
    }

    /// To an array with axes `batch, channels, height, width`.
    pub fn to_nchw(&self) -> Array4<f32> {
        let Shape { channels, height, width } = self.shape;
        let mut array = Array4::zeros((self.n, channels, height, width));
        let images = array.axis_iter_mut(Axis(0)).into_par_iter();
        images.zip(self.data.par_chunks(self.shape.len())).for_each(|(mut to, from)| {
            for (c, mut plane) in to.outer_iter_mut().enumerate() {
                for (to, v) in plane.iter_mut().zip(from[c..].iter().step_by(channels)) {
                    *to = v.to_f64() as f32;
                }
            }
        });
        array
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
