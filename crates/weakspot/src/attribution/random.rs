//! The control: a map that knows nothing.

use ndarray::Array2;

use super::{Attribution, MethodRow, ReadAt, Scene};
use crate::error::Result;
use crate::rng;

/// What the command line and the tests know about it.
pub(super) static ROW: MethodRow = MethodRow {
    name: "random",
    summary: "noise on the grid of grad-cam: the control",
    reference: None,
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
///
/// # Examples
/// ```
/// use weakspot::attribution::{Attribution, Random, Scene};
/// # use weakspot::classifier::Trace;
/// # use ndarray::{Array4, arr1, arr2};
/// # use weakspot::{classifier::InputSpec, testing::ConvGap};
/// # let mut kernel = Array4::zeros((1, 1, 3, 3));
/// # kernel[[0, 0, 1, 1]] = 1.0;
/// # let input = InputSpec { channels: 1, height: 4, width: 4 };
/// # let model = ConvGap::new(kernel, arr1(&[0.0]), arr2(&[[1.0], [-1.0]]), arr1(&[0.0, 0.0]), 1, input);
/// # let mut images = Array4::zeros((1, 1, 4, 4));
/// # images[[0, 0, 1, 2]] = 1.0;
/// # let trace = Trace { logits: arr2(&[[0.0, 0.0]]), ..Trace::default() };
/// # let (images, labels) = (images.view(), &[0][..]);
/// let scene = Scene { classifier: &model, images, labels, ids: &["image/00000"], seed: 0, trace: &trace };
/// let control = Random::new((4, 4));
/// let map = &control.maps(&scene)?[0];
/// assert!(map.dim() == (4, 4) && map.iter().all(|v| (0.0..1.0).contains(v)));
/// // Another seed gives the same image a different map.
/// assert_ne!(control.maps(&Scene { seed: 1, ..scene })?[0], map);
/// # Ok::<(), weakspot::Error>(())
/// ```
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
