//! Where a ReLU let numbers pass: one bit each.

use rayon::prelude::*;

use crate::scalar::Scalar;
use crate::shape::{ShapeError, check};
use crate::simd::LANES;

/// Which numbers of some activations a ReLU let pass: those above zero, and NaN. At zero the gate is closed, as
/// PyTorch's is.
///
/// # Examples
/// ```
/// use weakspot_conv::Gates;
///
/// // One pixel of three channels.
/// let mut values = [-1.0, 0.0, 2.0];
/// let gates = Gates::relu(&mut values, 3)?;
/// assert_eq!(values, [0.0, 0.0, 2.0]);
/// let mut gradient = [1.0, 1.0, 1.0];
/// gates.apply(&mut gradient)?;
/// assert_eq!(gradient, [0.0, 0.0, 1.0]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    channels: usize,
    /// Sixteen channels of a pixel each.
    bits: Vec<u16>,
}

/// Pixels per task.
const PIXELS: usize = 256;

impl Gates {
    /// All closed, for `pixels` of `channels` each.
    pub fn closed(pixels: usize, channels: usize) -> Self {
        Self { channels, bits: vec![0; pixels * channels.div_ceil(LANES)] }
    }

    /// Applies a ReLU to `[pixels, channels]`, in place, and remembers which numbers passed.
    ///
    /// # Errors
    /// When `values` are not whole pixels.
    pub fn relu<T: Scalar>(values: &mut [T], channels: usize) -> Result<Self, ShapeError> {
        let pixels = values.len() / channels.max(1);
        check("activations", values.len(), pixels * channels)?;
        let mut gates = Self::closed(pixels, channels);
        let groups = channels.div_ceil(LANES);
        let tasks = values.par_chunks_mut(PIXELS * channels).zip(gates.bits.par_chunks_mut(PIXELS * groups));
        tasks.for_each(|(values, bits)| {
            for (pixel, bits) in values.chunks_exact_mut(channels).zip(bits.chunks_exact_mut(groups)) {
                for (values, bits) in pixel.chunks_mut(LANES).zip(bits) {
                    for (i, v) in values.iter_mut().enumerate() {
                        let closed = *v <= T::ZERO;
                        *bits |= u16::from(!closed) << i;
                        *v = if closed { T::ZERO } else { *v };
                    }
                }
            }
        });
        Ok(gates)
    }

    /// Zeros what did not pass, in place: the gradient of the ReLU.
    ///
    /// # Errors
    /// When `gradient` does not have the length of the activations.
    pub fn apply<T: Scalar>(&self, gradient: &mut [T]) -> Result<(), ShapeError> {
        let (channels, groups) = (self.channels, self.channels.div_ceil(LANES));
        check("gradient", gradient.len(), self.pixels() * channels)?;
        if gradient.is_empty() {
            return Ok(());
        }
        let tasks = gradient.par_chunks_mut(PIXELS * channels).zip(self.bits.par_chunks(PIXELS * groups));
        tasks.for_each(|(gradient, bits)| {
            for (pixel, bits) in gradient.chunks_exact_mut(channels).zip(bits.chunks_exact(groups)) {
                for (values, bits) in pixel.chunks_mut(LANES).zip(bits) {
                    for (i, v) in values.iter_mut().enumerate() {
                        *v = if bits >> i & 1 == 1 { *v } else { T::ZERO };
                    }
                }
            }
        });
        Ok(())
    }

    /// Whether one number passed.
    pub fn is_open(&self, pixel: usize, channel: usize) -> bool {
        let bits = self.bits.get(pixel * self.channels.div_ceil(LANES) + channel / LANES);
        channel < self.channels && bits.is_some_and(|bits| bits >> (channel % LANES) & 1 == 1)
    }

    /// Pixels, of all images together.
    pub fn pixels(&self) -> usize {
        self.bits.len() / self.channels.div_ceil(LANES).max(1)
    }

    /// Channels of each pixel.
    pub fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) fn bits(&self) -> &[u16] {
        &self.bits
    }

    pub(crate) fn bits_mut(&mut self) -> &mut [u16] {
        &mut self.bits
    }
}
