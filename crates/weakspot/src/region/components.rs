//! Connected components of a mask.

use ndarray::Array2;

use crate::image::Mask;

/// Which pixels touch.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::Mask;
/// use weakspot::region::{Connectivity, components};
///
/// let corner = Mask(arr2(&[[true, false], [false, true]]));
/// assert_eq!(components(&corner, Connectivity::Four).len(), 2);
/// assert_eq!(components(&corner, Connectivity::Eight).len(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share an edge.
    Four,
    /// Those that share an edge or a corner: what reports use.
    Eight,
}

/// One connected component: its area and the box around it.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::{Component, Connectivity, components};
///
/// let mask = Mask::from_fn(4, 8, |y, x| y < 2 && x > 4);
/// let found = components(&mask, Connectivity::Eight);
/// assert_eq!(found, [Component { area: 6, top: 0, left: 5, bottom: 2, right: 8 }]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// Pixels.
    pub area: usize,
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Last row plus one.
    pub bottom: usize,
    /// Last column plus one.
    pub right: usize,
}

/// The connected components of a mask, largest first; of equal ones, the one whose first pixel in reading order
/// comes first.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::Mask;
/// use weakspot::region::{Connectivity, components};
///
/// let mask = Mask(arr2(&[[true, false, true], [false, false, true]]));
/// let areas: Vec<usize> = components(&mask, Connectivity::Eight).iter().map(|c| c.area).collect();
/// assert_eq!(areas, [2, 1]);
/// ```
pub fn components(mask: &Mask, connectivity: Connectivity) -> Vec<Component> {
    let (height, width) = mask.dim();
    let mut seen = Array2::from_elem((height, width), false);
    let mut found = Vec::new();
    for ((y, x), &inside) in mask.0.indexed_iter() {
        if inside && !seen[[y, x]] {
            found.push(flood(mask, &mut seen, (y, x), connectivity));
        }
    }
    // Stable: equal areas keep the reading order.
    found.sort_by_key(|c| std::cmp::Reverse(c.area));
    found
}

/// Marks everything connected to a pixel.
fn flood(
    mask: &Mask,
    seen: &mut Array2<bool>,
    start: (usize, usize),
    connectivity: Connectivity,
) -> Component {
    let (height, width) = mask.dim();
    let (y, x) = start;
    let mut component = Component { area: 0, top: y, left: x, bottom: y + 1, right: x + 1 };
    seen[[y, x]] = true;
    let mut waiting = vec![start];
    while let Some((y, x)) = waiting.pop() {
        component.area += 1;
        component.top = component.top.min(y);
        component.left = component.left.min(x);
        component.bottom = component.bottom.max(y + 1);
        component.right = component.right.max(x + 1);
        for ny in y.saturating_sub(1)..(y + 2).min(height) {
            for nx in x.saturating_sub(1)..(x + 2).min(width) {
                let touches = connectivity == Connectivity::Eight || ny == y || nx == x;
                if touches && mask.0[[ny, nx]] && !seen[[ny, nx]] {
                    seen[[ny, nx]] = true;
                    waiting.push((ny, nx));
                }
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_drawn_mask_has_the_components_one_sees() {
        let drawing = ["#..##", ".#..#", ".....", "#...."];
        let mask = Mask::from_fn(4, 5, |y, x| drawing[y].as_bytes()[x] == b'#');
        let boxes = |connectivity| -> Vec<_> {
            let all = components(&mask, connectivity);
            all.iter().map(|c| (c.area, c.top, c.left, c.bottom, c.right)).collect()
        };
        assert_eq!(boxes(Connectivity::Eight), [(3, 0, 3, 2, 5), (2, 0, 0, 2, 2), (1, 3, 0, 4, 1)]);
        assert_eq!(
            boxes(Connectivity::Four),
            [(3, 0, 3, 2, 5), (1, 0, 0, 1, 1), (1, 1, 1, 2, 2), (1, 3, 0, 4, 1)],
            "equal areas stand in reading order"
        );
        assert!(components(&Mask::empty(3, 3), Connectivity::Eight).is_empty());
        assert!(components(&Mask::empty(0, 0), Connectivity::Eight).is_empty());
    }

    proptest! {
        #[test]
        fn corners_only_join(pixels in proptest::collection::vec(any::<bool>(), 63)) {
            let mask = Mask::from_fn(7, 9, |y, x| pixels[y * 9 + x]);
            let (four, eight) = (components(&mask, Connectivity::Four), components(&mask, Connectivity::Eight));
            prop_assert!(eight.len() <= four.len());
            for all in [four, eight] {
                prop_assert_eq!(all.iter().map(|c| c.area).sum::<usize>(), mask.area());
                prop_assert!(all.is_sorted_by_key(|c| std::cmp::Reverse(c.area)));
            }
        }
    }
}
