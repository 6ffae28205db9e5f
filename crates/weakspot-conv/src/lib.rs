//! Convolution kernels for a CPU: forward, gradient to the input, gradient to the weights.
//!
//! The general case, by gathering patches into a matrix (im2col) and the `gemm` crate, which picks AVX-512,
//! AVX2 or NEON at run time. Images lie in memory as `[batch, height, width, channels]`; weights as
//! [`pack`]ed panels. A linear layer is the 1x1 case on a 1x1 grid.
//!
//! # Determinism
//! `gemm` chooses its blocks, and so the order of its sums, by the shape of a product. Therefore every product
//! here has a shape that depends on the layer alone: a *tile* of a fixed number of images (or of rows of one
//! image), the last one filled up with zeros, times a fixed panel of output channels. What is computed for
//! one image is the same bytes whatever else is in the batch and however many threads there are.
//! Gradients to the weights sum the whole batch, in order, and are the same for any number of threads.
//!
//! This is the only crate of the workspace with `unsafe` code, all of it in `product.rs`.
#![deny(missing_docs)]

mod forward;
mod gather;
mod input_gradient;
mod pack;
mod product;
mod scalar;
mod shape;
mod weight_gradient;

pub use forward::forward;
pub use input_gradient::{Transposed, input_gradient};
pub use pack::{pack, unpack};
pub use scalar::Scalar;
pub use shape::{ConvShape, ShapeError};
pub use weight_gradient::{bias_gradient, weight_gradient};
