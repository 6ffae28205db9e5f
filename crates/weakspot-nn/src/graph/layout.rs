//! How the numbers of a tensor lie in memory.
//!
//! Axes have the order that the network's author gave them; memory has the order that the kernels like best. A
//! transposition changes the first alone, and so do most reshapings: neither moves a number.

/// The lengths of a tensor's axes, for a batch of one image, and the distance in memory from one index to the next.
///
/// Numbers lie side by side without gaps, in some order of the axes. An axis of length 1 has stride 0, so that two
/// layouts are equal if and only if every number has the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    dims: Vec<usize>,
    strides: Vec<usize>,
}

impl Layout {
    /// The last axis runs fastest.
    pub(crate) fn row_major(dims: &[usize]) -> Self {
        let order: Vec<usize> = (0..dims.len()).collect();
        Self::ordered(dims, &order)
    }

    /// Images `[n, channels, height, width]` with the channels of a pixel side by side. Other ranks are row-major.
    pub(crate) fn channels_last(dims: &[usize]) -> Self {
        match dims.len() {
            4 => Self::ordered(dims, &[0, 2, 3, 1]),
            3 => Self::ordered(dims, &[0, 2, 1]),
            _ => Self::row_major(dims),
        }
    }

    /// `order` lists the axes from the slowest to the fastest.
    pub(crate) fn ordered(dims: &[usize], order: &[usize]) -> Self {
        let mut strides = vec![0; dims.len()];
        let mut next = 1;
        for &axis in order.iter().rev() {
            if dims[axis] > 1 {
                strides[axis] = next;
                next *= dims[axis];
            }
        }
        Self { dims: dims.to_vec(), strides }
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    pub(crate) fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// Numbers for one image.
    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// The axes that have more than one index, from the slowest in memory to the fastest.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut axes: Vec<usize> = (0..self.dims.len()).filter(|&axis| self.dims[axis] > 1).collect();
        axes.sort_by(|&a, &b| self.strides[b].cmp(&self.strides[a]));
        axes
    }

    /// The same order of axes for other lengths.
    pub(crate) fn with_dims(&self, dims: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..dims.len()).collect();
        // Axes of length 1 stay where they are among the others: behind the axis before them.
        let mut keys = vec![(usize::MAX, 0); dims.len()];
        let mut last = usize::MAX;
        for (axis, key) in keys.iter_mut().enumerate() {
            if self.dims.get(axis).is_some_and(|&d| d > 1) {
                last = self.strides[axis];
            }
            *key = (last, axis);
        }
        order.sort_by(|&a, &b| keys[b].0.cmp(&keys[a].0).then(keys[a].1.cmp(&keys[b].1)));
        Self::ordered(dims, &order)
    }

    /// The same order of axes with another length of the last one, which runs fastest.
    pub(crate) fn with_last(&self, length: usize) -> Self {
        let last = self.dims.len() - 1;
        let mut dims = self.dims.clone();
        dims[last] = length;
        let mut order: Vec<usize> = self.order().into_iter().filter(|&axis| axis != last).collect();
        order.push(last);
        Self::ordered(&dims, &order)
    }

    /// Axis `i` of the result is axis `axes[i]` of this; no number moves.
    pub(crate) fn transposed(&self, axes: &[usize]) -> Self {
        let pick = |of: &[usize]| axes.iter().map(|&axis| of[axis]).collect();
        Self { dims: pick(&self.dims), strides: pick(&self.strides) }
    }

    /// Other axes for the same numbers in the same (row-major) order, if no number has to move for that.
    pub(crate) fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let old: Vec<usize> = (0..self.dims.len()).filter(|&axis| self.dims[axis] > 1).collect();
        let new: Vec<usize> = (0..dims.len()).filter(|&axis| dims[axis] > 1).collect();
        let mut strides = vec![0; dims.len()];
        let (mut i, mut j) = (0, 0);
        while i < old.len() && j < new.len() {
            // The fewest axes on both sides that hold equally many numbers.
            let (first, first_new) = (i, j);
            let (mut held, mut wanted) = (self.dims[old[i]], dims[new[j]]);
            (i, j) = (i + 1, j + 1);
            while held != wanted {
                if held < wanted {
                    held = held.checked_mul(self.dims[*old.get(i)?])?;
                    i += 1;
                } else {
                    wanted = wanted.checked_mul(dims[*new.get(j)?])?;
                    j += 1;
                }
            }
            for pair in old[first..i].windows(2) {
                if self.strides[pair[0]] != self.strides[pair[1]] * self.dims[pair[1]] {
                    return None;
                }
            }
            let mut next = self.strides[old[i - 1]];
            for &axis in new[first_new..j].iter().rev() {
                strides[axis] = next;
                next *= dims[axis];
            }
        }
        (i == old.len() && j == new.len()).then(|| Self { dims: dims.to_vec(), strides })
    }

    /// Whether the last `count` axes lie together and run fastest, in their order.
    pub(crate) fn ends_with(&self, count: usize) -> bool {
        let rank = self.dims.len();
        let mut next = 1;
        for axis in (rank - count.min(rank)..rank).rev() {
            if self.dims[axis] > 1 {
                if self.strides[axis] != next {
                    return false;
                }
                next *= self.dims[axis];
            }
        }
        true
    }

    /// The same numbers with the last `count` axes running fastest, in their order, and the others as they were.
    pub(crate) fn ending_with(&self, count: usize) -> Self {
        let rank = self.dims.len();
        let tail = rank - count.min(rank);
        let mut order: Vec<usize> = self.order().into_iter().filter(|&axis| axis < tail).collect();
        order.extend(tail..rank);
        Self::ordered(&self.dims, &order)
    }
}

/// A walk over the numbers of a tensor in the order of some layout, with the places of other tensors' numbers beside
/// it.
///
/// Axes that are neighbours in all of the tensors are joined.
#[derive(Clone, Debug)]
pub(crate) struct Walk<const K: usize> {
    /// Lengths, the slowest first; at least one.
    lengths: Vec<usize>,
    /// The step of each tensor along each axis.
    steps: Vec<[usize; K]>,
}

impl<const K: usize> Walk<K> {
    /// In the order of memory of `lead`; `others` broadcast to its lengths (axes counted from the last, missing ones
    /// and those of length 1 stay in place).
    pub(crate) fn new(lead: &Layout, others: [&Layout; K]) -> Self {
        let rank = lead.dims.len();
        let step = |layout: &Layout, axis: usize| {
            let Some(own) = (axis + layout.dims.len()).checked_sub(rank) else { return 0 };
            layout.strides[own]
        };
        let mut lengths: Vec<usize> = Vec::new();
        let mut steps: Vec<[usize; K]> = Vec::new();
        for axis in lead.order() {
            let (length, here) = (lead.dims[axis], others.map(|other| step(other, axis)));
            if let (Some(last), Some(before)) = (lengths.last_mut(), steps.last_mut())
                && before.iter().zip(&here).all(|(before, here)| *before == here * length)
            {
                *last *= length;
                *before = here;
            } else {
                lengths.push(length);
                steps.push(here);
            }
        }
        if lengths.is_empty() {
            lengths.push(1);
            steps.push([0; K]);
        }
        Self { lengths, steps }
    }

    /// Numbers in a row: the fastest axis.
    pub(crate) fn row(&self) -> usize {
        self.lengths[self.lengths.len() - 1]
    }

    /// The steps within a row.
    pub(crate) fn steps(&self) -> [usize; K] {
        self.steps[self.steps.len() - 1]
    }

    /// Rows of one image.
    pub(crate) fn rows(&self) -> usize {
        self.lengths[..self.lengths.len() - 1].iter().product()
    }

    /// Where a row begins in each of the other tensors.
    pub(crate) fn start(&self, row: usize) -> [usize; K] {
        let (mut rest, mut at) = (row, [0; K]);
        for (length, steps) in self.lengths.iter().zip(&self.steps).rev().skip(1) {
            let index = rest % length;
            rest /= length;
            for (at, step) in at.iter_mut().zip(steps) {
                *at += index * step;
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposition_moves_no_number() {
        let images = Layout::channels_last(&[1, 3, 4, 5]);
        assert_eq!(images.strides(), [0, 1, 15, 3]);
        let tokens = images.transposed(&[0, 2, 3, 1]);
        assert_eq!(tokens, Layout::row_major(&[1, 4, 5, 3]));
        assert_eq!(tokens.transposed(&[0, 3, 1, 2]), images);
    }

    #[test]
    fn reshaping_joins_neighbours_and_nothing_else() {
        let images = Layout::channels_last(&[1, 3, 4, 5]);
        // Rows and columns are neighbours in memory: tokens are a view.
        let tokens = images.reshaped(&[1, 3, 20]).unwrap();
        assert_eq!(tokens.strides(), [0, 1, 3]);
        assert_eq!(tokens.transposed(&[0, 2, 1]), Layout::row_major(&[1, 20, 3]));
        // A vector in the order channels, rows, columns is not.
        assert_eq!(images.reshaped(&[1, 60]), None);
        assert_eq!(Layout::row_major(&[1, 3, 4, 5]).reshaped(&[60, 1]), Some(Layout::row_major(&[60, 1])));
        // Heads split off the last axis.
        let split = Layout::row_major(&[7, 12]).reshaped(&[7, 3, 4]).unwrap();
        assert_eq!(split.strides(), [12, 4, 1]);
        assert_eq!(Layout::row_major(&[2, 3]).reshaped(&[7]), None);
    }

    #[test]
    fn a_walk_joins_what_is_joined_in_all_tensors() {
        let out = Layout::channels_last(&[1, 3, 4, 5]);
        let (whole, scale) = (out.clone(), Layout::row_major(&[1, 3, 1, 1]));
        let walk = Walk::new(&out, [&whole, &scale]);
        assert_eq!((walk.rows(), walk.row(), walk.steps()), (20, 3, [1, 1]));
        assert_eq!((walk.start(0), walk.start(7)), ([0, 0], [21, 0]));
        let alone = Walk::new(&out, [&whole]);
        assert_eq!((alone.rows(), alone.row()), (1, 60));
        // Another order of the same numbers.
        let other = Layout::row_major(&[1, 3, 4, 5]);
        let walk = Walk::new(&out, [&other]);
        assert_eq!((walk.rows(), walk.row(), walk.steps(), walk.start(2)), (20, 3, [20], [2]));
    }

    #[test]
    fn the_last_axes_can_be_brought_together() {
        let images = Layout::channels_last(&[2, 3, 4, 5]);
        assert!(!images.ends_with(1) && !images.ends_with(2));
        assert!(images.transposed(&[0, 2, 3, 1]).ends_with(2));
        let brought = images.ending_with(1);
        assert!(brought.ends_with(1));
        assert_eq!(brought.order(), [0, 2, 1, 3]);
    }

    #[test]
    fn other_lengths_keep_the_order() {
        let images = Layout::channels_last(&[1, 3, 4, 5]);
        assert_eq!(images.with_dims(&[1, 7, 2, 2]), Layout::channels_last(&[1, 7, 2, 2]));
        let pooled = Layout::channels_last(&[1, 3, 1, 1]);
        assert_eq!(pooled.with_dims(&[1, 3, 1, 1]), pooled);
    }
}
