//! Random draws of images.

use crate::dataset::Dataset;
use crate::rng;

/// At most `n` of some images, drawn by (seed, purpose, id) and given in their own order.
pub(crate) fn draw(seed: u64, purpose: &str, data: &Dataset, from: &[usize], n: usize) -> Vec<usize> {
    let key = |&i: &usize| (rng::stream(seed, purpose, &data.ids[i]).next_u64(), i);
    let mut keyed: Vec<(u64, usize)> = from.iter().map(key).collect();
    keyed.sort_unstable();
    keyed.truncate(n);
    from.iter().copied().filter(|i| keyed.iter().any(|(_, j)| i == j)).collect()
}
