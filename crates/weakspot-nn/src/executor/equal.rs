//! Which pixels are equal by definition, on the way through a network.
//!
//! A max-pooling passes its gradient to the first of equal maxima. Winograd's algorithm makes them equal up to rounding
//! that differs from place to place, so the executor keeps track of which pixels are equal on the way there.

use weakspot::Result;
use weakspot_conv::{ConvShape, Kinds, Scalar, ShapeError};

use super::activation::Activation;
use super::build::shape_error;
use super::forward::Mode;
use super::{Executor, Operation};
use crate::network::Layer;

/// The kinds of a batch's pixels where it is now.
#[derive(Clone, Default)]
pub(super) struct Equal {
    /// `None` if no layer needs them, or if equal pixels are seen from the numbers.
    pub kinds: Option<Kinds>,
    /// The place of the last max-pooling that needs them.
    last: usize,
}

impl Equal {
    /// The batch goes through the convolution at a place.
    pub(super) fn convolved<T: Scalar>(
        &mut self,
        place: usize,
        shape: &ConvShape,
        x: &Activation<T>,
    ) -> Result<()> {
        let before = match self.kinds.take() {
            _ if place >= self.last => return Ok(()),
            Some(kinds) => kinds,
            None => {
                let size = (x.shape.height, x.shape.width);
                Kinds::new(x.n, size, x.shape.channels, &x.data).map_err(shape_error)?
            }
        };
        self.kinds = Some(before.convolved(shape).map_err(shape_error)?);
        Ok(())
    }

    /// Changes the kinds, if they are kept.
    pub(super) fn change(
        &mut self,
        change: impl FnOnce(Kinds) -> std::result::Result<Kinds, ShapeError>,
    ) -> Result<()> {
        self.kinds = self.kinds.take().map(change).transpose().map_err(shape_error)?;
        Ok(())
    }
}

impl<T: Scalar> Executor<T> {
    /// The kinds for a batch of images at the network's input.
    pub(super) fn equal_pixels(&self, mode: Mode<'_>) -> Equal {
        let transformed = |op: &Operation<T>| matches!(op, Operation::Conv(c) if c.own.is_transformed());
        let first = self.operations.iter().position(transformed).unwrap_or(self.operations.len());
        let layers = self.network.layers();
        let pools = |place: &usize| matches!(layers[*place].layer, Layer::MaxPool2d { .. });
        let last = (first..layers.len()).rfind(pools).filter(|_| !matches!(mode, Mode::Inference));
        Equal { kinds: None, last: last.unwrap_or(0) }
    }
}
