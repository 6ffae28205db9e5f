//! Otsu's threshold.

/// The smallest value of the upper of the two classes into which the values are split so that the variance between
/// the classes is largest: a pixel belongs to the upper class if its value is *at least* this. `None` where all
/// values are equal, so that there is nothing to split.
///
/// Exact: every distinct value is a level, so that there are no bins to choose and the split does not move when
/// the map is multiplied by a power of two. The lowest of equal splits is taken.
///
/// # References
/// Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Transactions on Systems, Man, and
/// Cybernetics 9(1), 1979, equation 18.
///
/// # Where we differ
/// The paper uses a histogram of grey levels. So do OpenCV and scikit-image, whose threshold is the largest value
/// of the lower class, which the upper class exceeds.
pub(super) fn otsu(values: impl Iterator<Item = f32>) -> Option<f32> {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().map(|&v| f64::from(v)).sum();
    let (mut below, mut best, mut threshold) = (0.0, f64::NEG_INFINITY, None);
    for (i, pair) in sorted.windows(2).enumerate() {
        below += f64::from(pair[0]);
        if pair[0] < pair[1] {
            let lower = (i + 1) as f64;
            let gap = (total - below) / (n - lower) - below / lower;
            let between = lower * (n - lower) * gap * gap;
            if between > best {
                (best, threshold) = (between, Some(pair[1]));
            }
        }
    }
    threshold
}
