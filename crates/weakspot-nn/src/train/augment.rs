//! Random changes of training images.

use ndarray::{ArrayViewMut3, Axis, s};
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
    let still = image.to_owned();
    let mut turned = still.view();
    if how.flip && stream.sign() < 0.0 {
        turned.invert_axis(Axis(2));
    }
    if how.turn {
        if stream.sign() < 0.0 {
            turned.invert_axis(Axis(1));
        }
        if stream.sign() < 0.0 && height == width {
            turned.swap_axes(1, 2);
        }
    }
    image.fill(0.0);
    let (to_y, from_y) = overlap(height, down);
    let (to_x, from_x) = overlap(width, right);
    image.slice_mut(s![.., to_y, to_x]).assign(&turned.slice(s![.., from_y, from_x]));
}

/// The part of a side that a shift moves to, and the part it moves from.
fn overlap(side: usize, by: isize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let (start, length) = (by.unsigned_abs(), side - by.unsigned_abs());
    if by < 0 { (0..length, start..side) } else { (start..side, 0..length) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::{Array3, arr3};

    use super::*;

    /// How often each outcome is seen among 2,000 ids.
    fn seen(image: &Array3<f32>, how: Augmentation) -> BTreeMap<Vec<u32>, usize> {
        let mut seen = BTreeMap::new();
        for id in 0..2_000 {
            let mut changed = image.clone();
            augment(changed.view_mut(), how, 0, 0, &id.to_string());
            *seen.entry(changed.iter().map(|v| *v as u32).collect()).or_default() += 1;
        }
        seen
    }

    #[test]
    fn an_image_is_flipped_or_not_and_shifted_by_a_few_pixels() {
        let image = arr3(&[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
        let flipped = image.slice(s![.., .., ..;-1]).to_owned();
        let mut expected = Vec::new();
        for from in [&image, &flipped] {
            for (dy, dx) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx))) {
                let at = |y: isize, x: isize| match (usize::try_from(y), usize::try_from(x)) {
                    (Ok(y), Ok(x)) => from.get([0, y, x]).map_or(0, |v| *v as u32),
                    _ => 0,
                };
                expected.push((0..6).map(|i| at(i / 3 - dy, i % 3 - dx)).collect::<Vec<_>>());
            }
        }
        expected.sort();
        // Two flips times nine shifts, all different: missing one of 2,000 has a chance of 18 * (17/18)^2000 < 1e-48.
        let seen = seen(&image, Augmentation { flip: true, turn: false, shift: 1 });
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), expected);
        let mut still = image.clone();
        augment(still.view_mut(), Augmentation::default(), 0, 0, "x");
        assert_eq!(still, image);
    }

    #[test]
    fn a_square_is_laid_down_in_eight_ways_and_what_is_not_square_in_four() {
        let turns = Augmentation { flip: true, turn: true, shift: 0 };
        // The symmetries of a square with corners 1 2 / 3 4: the corner that follows 1 clockwise tells the two kinds.
        let mut eight: Vec<Vec<u32>> = Vec::new();
        for square in [[1, 2, 3, 4], [1, 3, 2, 4]] {
            let [mut a, mut b, mut c, mut d] = square;
            for _ in 0..4 {
                [a, b, c, d] = [c, a, d, b];
                eight.push(vec![a, b, c, d]);
            }
        }
        eight.sort();
        let square = seen(&arr3(&[[[1.0, 2.0], [3.0, 4.0]]]), turns);
        // Binomial(2000, 1/8): six standard deviations are 89.
        assert!(square.values().all(|n| (161..=339).contains(n)), "{square:?}");
        assert_eq!(square.into_keys().collect::<Vec<_>>(), eight);
        let wide = seen(&arr3(&[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), turns);
        let four = [[1, 2, 3, 4, 5, 6], [3, 2, 1, 6, 5, 4], [4, 5, 6, 1, 2, 3], [6, 5, 4, 3, 2, 1]];
        assert_eq!(wide.into_keys().collect::<Vec<_>>(), four);
    }
}
