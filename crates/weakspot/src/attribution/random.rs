//! The control: a map that knows nothing.

use ndarray::Array2;

use super::{Attribution, MethodRow, ReadAt, Scene};
use crate::error::Result;
use crate::rng;

/// What the command line and the tests know of it.
pub(super) static ROW: MethodRow = MethodRow {
    name: "random",
    summary: "noise on the grid of grad-cam: the control",
    read_at: ReadAt::DeepestOrInput,
    new: |_, layer, _| Ok(Box::new(Random::new(layer.grid))),
};

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
}

impl Random {
    /// A random map of `grid` = `(rows, columns)`.
    pub fn new(grid: (usize, usize)) -> Self {
        Self { grid }
    }
}

impl Attribution for Random {
    fn maps(&self, scene: &Scene<'_>) -> Result<Vec<Array2<f32>>> {
        scene.each(|evidence| {
            let mut draw = rng::stream(evidence.seed, "random-map", evidence.id);
            Ok(Array2::from_shape_simple_fn(self.grid, || draw.unit()))
        })
    }
}
