//! 3x3 convolutions with stride 1 and padding 1 of images that have one or three channels, in single precision: a
//! network's first layer.
//!
//! These are sums of products, as in the definition, in vectors of output channels. With so few terms Winograd's
//! transforms cost more than the products they save: 27 products per pixel and output channel, or 6.75 and two
//! transforms of vectors that are mostly empty. A row of a patch lies in memory as one stretch of 3 or 9 numbers, so
//! it does not have to be gathered.

#![expect(
    clippy::needless_range_loop,
    reason = "arrays stay in registers where every index is a loop variable of known bounds"
)]

mod forward;
mod input_gradient;
mod rows;
mod weight_gradient;

pub(crate) use forward::{Forward, filters};
pub(crate) use input_gradient::InputGradient;
pub(crate) use weight_gradient::weight_gradient;

use crate::shape::ConvShape;

/// Whether there are kernels for this many input channels of a 3x3 convolution with stride 1 and padding 1.
pub(crate) fn takes(shape: &ConvShape) -> bool {
    matches!(shape.channels_in, 1 | 3)
}

/// How many pixels a thread takes at a time, at least: enough to be worth it, few enough that its output stays in its
/// cache.
const PIXELS: usize = 512;

/// Whole rows of about [`PIXELS`] pixels.
fn rows_at_once(shape: &ConvShape) -> usize {
    PIXELS.div_ceil(shape.size.1).min(shape.size.0)
}

/// Runs a kernel whose number of input channels the compiler has to know.
macro_rules! with_channels {
    ($channels:expr, $isa:expr, $kernel:ident $fields:tt) => {
        match $channels {
            1 => crate::simd::run($isa, $kernel::<1> $fields),
            _ => crate::simd::run($isa, $kernel::<3> $fields),
        }
    };
}
use with_channels;
