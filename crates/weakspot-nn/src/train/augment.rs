//! Random changes of training images.

use ndarray::{ArrayViewMut3, s};
use weakspot::rng;

use super::recipe::Augmentation;

/// Changes one image, `[channels, height, width]`, as drawn for this epoch and image id.
pub(super) fn augment(
    mut image: ArrayViewMut3<'_, f32>,
    how: Augmentation,
    seed: u64,
    epoch: usize,
    id: &str,
) {
    if how == Augmentation::default() {
        return;
    }
    let mut stream = rng::stream(seed, "augment", &format!("{epoch}/{id}"));
    let (_, height, width) = image.dim();
    let mut draw =
        |side: usize| stream.below(2 * how.shift.min(side) + 1) as isize - how.shift.min(side) as isize;
    let (down, right) = (draw(height), draw(width));
    if how.flip && stream.sign() < 0.0 {
        let flipped = image.slice(s![.., .., ..;-1]).to_owned();
        image.assign(&flipped);
    }
    let still = image.to_owned();
    image.fill(0.0);
    for ((c, y, x), &v) in still.indexed_iter() {
        let (y, x) = (y.wrapping_add_signed(down), x.wrapping_add_signed(right));
        // What leaves the frame at the top or the left has wrapped to a huge number.
        if y < height && x < width {
            image[[c, y, x]] = v;
        }
    }
}
