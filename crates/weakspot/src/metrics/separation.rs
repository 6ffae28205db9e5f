//! How well scores tell two classes apart at any threshold, and what adding one number to all of them does.
//!
//! With m scores x of class 1 and n scores y of class 0, psi(x, y) 1 where x > y, 1/2 where they are equal, else 0:
//!
//! ```text
//! AUC = mean of psi(x_i, y_j) over all pairs,   V1_i = mean over j,   V0_j = mean over i
//! Var(AUC_a - AUC_b) = S1 / m + S0 / n,         S1, S0: sample variances of V1_a - V1_b and of V0_a - V0_b
//! ```
//!
//! A *placebo* adds one number b to every score of the first model, so that it predicts class 1 as often as the
//! second. What it gains, it gains by moving a threshold.
//!
//! # References
//! DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
//! characteristic curves: a nonparametric approach", Biometrics 44 (1988) 837-845.

use super::intervals::Z_95;
use super::paired::Difference;

/// Two scores of the same images: the areas under their curves, and the difference second minus first.
///
/// # Range
/// Areas in `[0, 1]`: 1 if every score of class 1 exceeds every score of class 0, 1/2 for uninformative scores.
///
/// # Examples
/// ```
/// use weakspot::metrics::separation;
///
/// // Scores of the images of class 0, then of class 1, from two models.
/// let found = separation([&[0.0, 1.0], &[2.0, 3.0]], [&[0.0, 3.0], &[1.0, 2.0]]).unwrap();
/// assert_eq!((found.first.value, found.second.value, found.difference.value), (1.0, 0.5, -0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Separation {
    /// Area of the first scores, with DeLong's 95 % interval cut to `[0, 1]`.
    pub first: Difference,
    /// Area of the second scores.
    pub second: Difference,
    /// Second minus first, with DeLong's paired 95 % interval cut to `[-1, 1]`.
    pub difference: Difference,
}

/// Compares two scores of the same images; `None` where a class has fewer than two images, whose spread is unknown.
///
/// # Shapes
/// `first[c]` and `second[c]` hold the scores of the images of class c in one order; larger speaks for class 1.
///
/// # Panics
/// If the two do not hold one score each per image.
///
/// # Examples
/// ```
/// use weakspot::metrics::separation;
///
/// let scores: [&[f64]; 2] = [&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]];
/// let found = separation(scores, scores).unwrap();
/// // Of nine pairs seven are in order and one is a tie.
/// assert!((found.first.value - 7.5 / 9.0).abs() < 1e-12);
/// assert_eq!(found.difference.value, 0.0);
/// // A class with a single image has no spread.
/// assert_eq!(separation([&[0.0], &[1.0, 3.0]], [&[0.0], &[1.0, 3.0]]), None);
/// ```
pub fn separation(first: [&[f64]; 2], second: [&[f64]; 2]) -> Option<Separation> {
    for class in 0..2 {
        assert_eq!(first[class].len(), second[class].len(), "two scores per image");
    }
    if first.iter().any(|scores| scores.len() < 2) {
        return None;
    }
    let (a, b) = (Placements::of(first), Placements::of(second));
    let of = |p: &Placements, other: Option<&Placements>| {
        let value = p.area() - other.map_or(0.0, Placements::area);
        let half = Z_95 * p.variance(other).sqrt();
        let least = if other.is_some() { -1.0 } else { 0.0 };
        Difference { value, low: (value - half).max(least), high: (value + half).min(1.0) }
    };
    Some(Separation { first: of(&a, None), second: of(&b, None), difference: of(&b, Some(&a)) })
}

/// For each image, the share of the other class's images from which it is on the correct side: by class.
struct Placements([Vec<f64>; 2]);

impl Placements {
    fn of(scores: [&[f64]; 2]) -> Self {
        let psi = |one: f64, zero: f64| {
            if one > zero {
                1.0
            } else if one == zero {
                0.5
            } else {
                0.0
            }
        };
        let mean = |sum: f64, n: usize| sum / n as f64;
        let zeros = scores[0]
            .iter()
            .map(|&zero| mean(scores[1].iter().map(|&one| psi(one, zero)).sum(), scores[1].len()));
        let ones = scores[1]
            .iter()
            .map(|&one| mean(scores[0].iter().map(|&zero| psi(one, zero)).sum(), scores[0].len()));
        Self([zeros.collect(), ones.collect()])
    }

    fn area(&self) -> f64 {
        self.0[1].iter().sum::<f64>() / self.0[1].len() as f64
    }

    /// Variance of the area, or of its difference to another's.
    fn variance(&self, other: Option<&Self>) -> f64 {
        let of_class = |class: usize| {
            let own = &self.0[class];
            let values: Vec<f64> = own
                .iter()
                .enumerate()
                .map(|(i, v)| v - other.map_or(0.0, |other| other.0[class][i]))
                .collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0) / n
        };
        of_class(0) + of_class(1)
    }
}

/// Scores with one number added to all of them.
///
/// # Examples
/// ```
/// use weakspot::metrics::placebo;
///
/// // No score is positive, so that class 1 is never predicted. Adding 3 changes one prediction.
/// let found = placebo([&[-4.0], &[-2.0]], 1);
/// assert_eq!((found.shift, found.ones), (3.0, [vec![false], vec![true]]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Placebo {
    /// The number b.
    pub shift: f64,
    /// Whether class 1 is predicted (score + b > 0), by class and image.
    pub ones: [Vec<bool>; 2],
}

/// The placebo that predicts class 1 for `ones` images: b lies half-way between the scores that it parts. If equal
/// scores cannot be parted, the count nearest to `ones` is taken, the smaller of two equally near ones.
///
/// # Panics
/// If `ones` exceeds the number of scores.
///
/// # Examples
/// ```
/// use weakspot::metrics::placebo;
///
/// // Class 1 is to be predicted once: for the highest of three scores.
/// let found = placebo([&[0.0], &[2.0, 4.0]], 1);
/// assert_eq!(found.shift, -3.0);
/// assert_eq!(found.ones, [vec![false], vec![false, true]]);
/// ```
pub fn placebo(scores: [&[f64]; 2], ones: usize) -> Placebo {
    let mut sorted: Vec<f64> = scores.concat();
    assert!(ones <= sorted.len(), "expected at most {} images, got {ones}", sorted.len());
    sorted.sort_by(|a, b| b.total_cmp(a));
    let possible = |&k: &usize| k == 0 || k == sorted.len() || sorted[k - 1] > sorted[k];
    let below = (0..=ones).rev().find(possible).unwrap_or(0);
    let above = (ones..=sorted.len()).find(possible).unwrap_or(sorted.len());
    let k = if ones - below <= above - ones { below } else { above };
    let threshold = match (k.checked_sub(1).map(|i| sorted[i]), sorted.get(k)) {
        (Some(one), Some(zero)) => f64::midpoint(one, *zero),
        (Some(one), None) => one - 1.0,
        (None, Some(zero)) => zero + 1.0,
        (None, None) => 0.0,
    };
    let is_one = |scores: &[f64]| scores.iter().map(|s| *s > threshold).collect();
    Placebo { shift: -threshold, ones: scores.map(is_one) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn areas_on_paper() {
        // Pairs (1 against 0): 3 > 1, 3 > 2, 2 > 1, 2 = 2: three and a half of four.
        let known = separation([&[1.0, 2.0], &[2.0, 3.0]], [&[0.0, 1.0], &[2.0, 3.0]]).unwrap();
        assert_eq!(known.first.value, 0.875);
        assert_eq!((known.second.value, known.second.low, known.second.high), (1.0, 1.0, 1.0));
        assert_eq!(known.difference.value, 0.125);
        // V1_a = (3/4, 1), V0_a = (1, 3/4); V_b = 1. The differences (1/4, 0) have variance 1/32 in both classes.
        let half = Z_95 * (2.0 * (1.0 / 32.0 / 2.0f64)).sqrt();
        assert!((known.difference.high - (0.125 + half)).abs() < 1e-15);
        assert!((known.difference.low - (0.125 - half)).abs() < 1e-15);
        assert_eq!(separation([&[1.0], &[2.0, 3.0]], [&[1.0], &[2.0, 3.0]]), None);
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        labels: Vec<u8>,
        first: Vec<f64>,
        second: Vec<f64>,
        area: [f64; 2],
        variance: f64,
        intervals: [[f64; 2]; 2],
    }

    #[test]
    fn areas_and_variances_are_those_of_mlstatkit() {
        let cases: Vec<Golden> =
            serde_json::from_str(include_str!("../../../../reference/separation.json")).unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let of = |scores: &[f64], class: u8| -> Vec<f64> {
                scores
                    .iter()
                    .zip(&case.labels)
                    .filter(|(_, label)| **label == class)
                    .map(|(s, _)| *s)
                    .collect()
            };
            let [a, b] = [&case.first, &case.second].map(|scores| [of(scores, 0), of(scores, 1)]);
            let found = separation([&a[0], &a[1]], [&b[0], &b[1]]).unwrap();
            // Both sum a few thousand exact quotients: rounding stays far below 1e-12.
            let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} {want}");
            for (found, (area, interval)) in
                [found.first, found.second].iter().zip(case.area.iter().zip(case.intervals))
            {
                close(found.value, *area);
                close(found.low, interval[0]);
                close(found.high, interval[1]);
            }
            let d = found.difference;
            close(d.value, case.area[1] - case.area[0]);
            close(((d.high - d.low) / 2.0 / Z_95).powi(2), case.variance);
        }
    }

    #[test]
    fn a_placebo_predicts_class_one_as_often_as_asked() {
        let scores: [&[f64]; 2] = [&[-4.0, -1.0, 2.0], &[-3.0, 0.0]];
        for ones in 0..=5 {
            let found = placebo(scores, ones);
            assert_eq!(found.ones.iter().flatten().filter(|one| **one).count(), ones, "{found:?}");
            let moved = scores.map(|s| s.iter().map(|v| v + found.shift > 0.0).collect::<Vec<_>>());
            assert_eq!(moved, found.ones, "the shift says what is predicted");
        }
        // Three equal scores: none or all of them, whichever is nearer; the smaller of two equally near ones.
        let equal: [&[f64]; 2] = [&[0.0, 1.0], &[0.0, 0.0]];
        let count = |ones| placebo(equal, ones).ones.iter().flatten().filter(|one| **one).count();
        assert_eq!([0, 1, 2, 3, 4].map(count), [0, 1, 1, 4, 4]);
    }

    proptest! {
        #[test]
        fn an_added_number_moves_no_area_and_a_turned_score_mirrors_it(
            zeros in proptest::collection::vec(-20i32..20, 2..12),
            ones in proptest::collection::vec(-20i32..20, 2..12),
            shift in -50i32..50,
        ) {
            let of = |v: &[i32], f: fn(f64) -> f64| v.iter().map(|&v| f(f64::from(v))).collect::<Vec<_>>();
            let (zero, one) = (of(&zeros, |v| v), of(&ones, |v| v));
            let moved = |v: &[f64]| v.iter().map(|v| v + f64::from(shift)).collect::<Vec<_>>();
            let same = separation([&zero, &one], [&moved(&zero), &moved(&one)]).unwrap();
            prop_assert_eq!((same.difference.low, same.difference.high), (0.0, 0.0));
            let (turned_zero, turned_one) = (of(&zeros, |v| -v), of(&ones, |v| -v));
            let turned = separation([&zero, &one], [&turned_zero, &turned_one]).unwrap();
            prop_assert!((turned.first.value + turned.second.value - 1.0).abs() < 1e-12);
            prop_assert!(turned.first.low <= turned.first.value && turned.first.value <= turned.first.high);
        }
    }
}
