//! The control: a map that knows nothing.

use ndarray::Array2;

use super::{Attribution, Evidence};
use crate::error::Result;
use crate::image::{Frame, RawMap};
use crate::rng;

/// Uniform noise in `[0, 1)` at the grid the real map would have.
///
/// The grid matters: an upsampled map is smooth whatever it holds, so a control on the pixels would lose against
/// any coarse map for the wrong reason.
///
/// # Determinism
/// Drawn from (seed, `random-map`, image id).
#[derive(Clone, Debug)]
pub struct Random {
    grid: (usize, usize),
    frame: Frame,
}

impl Random {
    /// A random map of `grid` = `(rows, columns)`.
    pub fn new(grid: (usize, usize), frame: Frame) -> Self {
        Self { grid, frame }
    }
}

impl Attribution for Random {
    fn map(&self, evidence: &Evidence<'_>) -> Result<RawMap> {
        let mut draw = rng::stream(evidence.seed, "random-map", evidence.id);
        Ok(RawMap { values: Array2::from_shape_simple_fn(self.grid, || draw.unit()), frame: self.frame })
    }
}
