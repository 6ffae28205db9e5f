//! Convolution kernels for a CPU: forward, gradient to the input, gradient to the weights.
#![deny(missing_docs)]
