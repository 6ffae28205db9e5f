//! The general case: patches gathered into a matrix (im2col), and the `matrixmultiply` crate.
//!
//! The crate chooses its blocks, and so the order of its sums, by the shape of a product. For this reason every
//! product here has a shape that depends on the layer alone: a *tile* of a fixed number of images (or of rows of one
//! image), the last one filled up with zeros, times a fixed panel of output channels.

mod forward;
mod gather;
mod input_gradient;
mod product;
mod weight_gradient;

pub(crate) use forward::forward;
pub(crate) use input_gradient::{Transposed, input_gradient};
pub(crate) use product::Product;
pub(crate) use weight_gradient::{bias_gradient, weight_gradient};
