//! Convolutions on a CPU: forward, gradient to the input, gradient to the weights; bias and ReLU included.
//!
//! Start with [`Convolution`]. 3x3 kernels with stride 1 and padding 1 in single precision use Winograd's minimal
//! filtering, F(4x4, 3x3) or F(2x2, 3x3), in vectors of sixteen channels for AVX-512, AVX2 with FMA, or whatever the
//! compiler makes of plain arrays. Everything else, double precision, and [`Method::Direct`] gather patches into a
//! matrix and use the `matrixmultiply` crate. A linear layer is the 1x1 case on a 1x1 grid.
//!
//! Networks that are not trained here need more: [`General`] convolves in groups, with dilation and any padding,
//! [`product()`] multiplies by a matrix that is packed once, [`Windows`] pools over windows that overlap, and
//! [`Function`], [`softmax`] and [`layer_norm`] are what stands between them.
//!
//! # Determinism
//! What is computed for one image is the same bytes whatever else is in the batch and however many threads there are.
//! Gradients to the weights sum the whole batch, in order, and are the same for any number of threads.
//!
//! # Errors
//! Direct sums of n products err by about `n` roundings at worst. Winograd's transforms add and subtract numbers that
//! are a few times larger: `tests/kernels.rs` prints and bounds their errors.
//!
//! This is the only crate of the workspace with `unsafe` code: vector instructions in `simd/`, the call of
//! `matrixmultiply` in `direct/product.rs`, accesses with checked bounds in `winograd/strided.rs` and
//! `product/left.rs`, and calls of the allocator and the system in `large_pages.rs` and `allocator.rs`. Every length is
//! checked in [`Convolution`].
#![deny(missing_docs)]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled with the instructions of its caller only if all of it is inlined there"
)]

mod allocator;
mod convolution;
mod direct;
mod functions;
mod gates;
mod general;
mod kinds;
pub mod large_pages;
mod pack;
mod places;
mod pool;
mod product;
mod rows;
mod scalar;
mod shape;
mod simd;
mod thin;
mod windows;
mod winograd;

pub use allocator::Allocator;
pub use convolution::{Activation, Convolution, Method};
pub use functions::Function;
pub use gates::Gates;
pub use general::{General, GeneralShape};
pub use kinds::Kinds;
pub use places::Places;
pub use pool::MaxPool;
pub use product::{Finish, Left, Packed, product, product_parallel, product_with};
pub use rows::{layer_norm, layer_norm_gradient, softmax, softmax_gradient};
pub use scalar::Scalar;
pub use shape::{ConvShape, ShapeError};
pub use simd::Isa;
pub use windows::Windows;
