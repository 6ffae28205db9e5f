//! Moving maps between grids.

use ndarray::{Array2, ArrayView2};

/// Bilinear upsampling with half-pixel centres and clamped borders, axes `height, width`.
///
/// The sample of output pixel `i` is at `(i + 0.5) * in / out - 0.5`, as in PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)` and OpenCV's `INTER_LINEAR`.
///
/// # Panics
/// If the input has no pixel.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::upsample_bilinear;
///
/// let map = arr2(&[[0.0, 8.0]]);
/// assert_eq!(upsample_bilinear(map.view(), 1, 4), arr2(&[[0.0, 2.0, 6.0, 8.0]]));
/// ```
pub fn upsample_bilinear(map: ArrayView2<'_, f32>, height: usize, width: usize) -> Array2<f32> {
    let (gh, gw) = map.dim();
    assert!(gh > 0 && gw > 0, "a map has at least one cell");
    let rows: Vec<_> = (0..height).map(|y| source(y, height, gh)).collect();
    let columns: Vec<_> = (0..width).map(|x| source(x, width, gw)).collect();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let (y0, y1, ty) = rows[y];
        let (x0, x1, tx) = columns[x];
        let top = map[[y0, x0]] * (1.0 - tx) + map[[y0, x1]] * tx;
        let bottom = map[[y1, x0]] * (1.0 - tx) + map[[y1, x1]] * tx;
        top * (1.0 - ty) + bottom * ty
    })
}

/// The two source cells of an output pixel and the weight of the second.
fn source(i: usize, out: usize, cells: usize) -> (usize, usize, f32) {
    let at = ((i as f32 + 0.5) * (cells as f32 / out as f32) - 0.5).clamp(0.0, (cells - 1) as f32);
    let low = at.floor() as usize;
    (low, (low + 1).min(cells - 1), at - low as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn two_cells_to_four_pixels_is_the_half_pixel_ramp() {
        let up = upsample_bilinear(arr2(&[[0.0, 1.0]]).view(), 1, 4);
        assert_eq!(up, arr2(&[[0.0, 0.25, 0.75, 1.0]]));
    }
}
