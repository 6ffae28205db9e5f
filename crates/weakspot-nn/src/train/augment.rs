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

#[cfg(test)]
mod tests {
    use ndarray::{Array3, arr3};

    use super::*;

    #[test]
    fn an_image_is_flipped_or_not_and_shifted_by_a_few_pixels() {
        let image = arr3(&[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
        let mut seen = std::collections::BTreeSet::new();
        for id in 0..400 {
            let mut changed = image.clone();
            augment(changed.view_mut(), Augmentation { flip: true, shift: 1 }, 0, 0, &id.to_string());
            let mut flips = [image.clone(), image.slice(s![.., .., ..;-1]).to_owned()].into_iter();
            let place = flips.position(|from| {
                [-1isize, 0, 1].iter().any(|dy| {
                    [-1isize, 0, 1].iter().any(|dx| {
                        let at = |y: usize, x: usize| {
                            from.get([0, y.wrapping_add_signed(-dy), x.wrapping_add_signed(-dx)])
                                .copied()
                                .unwrap_or(0.0)
                        };
                        changed == Array3::from_shape_fn((1, 2, 3), |(_, y, x)| at(y, x))
                    })
                })
            });
            assert!(place.is_some(), "{changed}");
            seen.insert(changed.iter().map(|v| *v as u32).collect::<Vec<_>>());
        }
        // Two flips times nine shifts, all different, each with probability 1/18: missing one of 400 has 2e-9.
        assert_eq!(seen.len(), 18);
        let mut still = image.clone();
        augment(still.view_mut(), Augmentation::default(), 0, 0, "x");
        assert_eq!(still, image);
    }
}
