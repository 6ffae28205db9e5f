//! Which points of a grid are not beaten, and which one is chosen.
//!
//! ```text
//! front   the points for which no other has mod >= and attacked >= and one of them >
//! chosen  among those with mod >= clean - cost: the largest attacked; of equals the largest mod, then the smallest
//!         mask, then the first in the grid. Where no point qualifies: the largest mod, then the largest attacked.
//! ```
//!
//! The chosen point is on the front: a point that beat it would cost no more and would be chosen instead.

use std::cmp::Reverse;

/// What a point of the grid is judged by: the correct images of both classes together, and the size of its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// After N.
    pub(crate) modified: usize,
    /// After N and the attack.
    pub(crate) attacked: usize,
    /// Pixels of both classes' masks.
    pub(crate) area: usize,
}

/// For each point whether it is on the Pareto front; points that score the same are on it together.
pub(crate) fn front(points: &[Candidate]) -> Vec<bool> {
    let beats = |a: &Candidate, b: &Candidate| {
        a.modified >= b.modified
            && a.attacked >= b.attacked
            && (a.modified, a.attacked) != (b.modified, b.attacked)
    };
    points.iter().map(|point| !points.iter().any(|other| beats(other, point))).collect()
}

/// The index of the chosen point; `None` if there are no points. `least`: correct images after N that a point must
/// keep.
pub(crate) fn choose(points: &[Candidate], least: usize) -> Option<usize> {
    let best = |key: fn(&Candidate) -> (usize, usize), least: usize| {
        (0..points.len())
            .filter(|&i| points[i].modified >= least)
            .max_by_key(|&i| (key(&points[i]), Reverse(points[i].area), Reverse(i)))
    };
    best(|p| (p.attacked, p.modified), least).or_else(|| best(|p| (p.modified, p.attacked), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(of: &[(usize, usize, usize)]) -> Vec<Candidate> {
        of.iter().map(|&(modified, attacked, area)| Candidate { modified, attacked, area }).collect()
    }

    #[test]
    fn the_front_of_points_drawn_by_hand() {
        // (10, 1), (8, 5) twice and (3, 9) are beaten by none; (8, 4) by (8, 5), (2, 9) by (3, 9), (3, 3) by most.
        let all = points(&[(10, 1, 0), (8, 5, 0), (8, 4, 0), (3, 9, 0), (2, 9, 0), (3, 3, 0), (8, 5, 7)]);
        assert_eq!(front(&all), [true, true, false, true, false, false, true]);
        assert_eq!(front(&points(&[(0, 0, 0)])), [true]);
        assert!(front(&[]).is_empty());
    }

    #[test]
    fn the_best_under_attack_is_taken_among_those_that_cost_little() {
        let all = points(&[(100, 1, 0), (99, 5, 8), (98, 9, 8), (99, 5, 4), (99, 5, 4), (99, 4, 0)]);
        assert_eq!(choose(&all, 99), Some(3), "of (99, 5) the smaller mask, of equals the first");
        assert_eq!(choose(&all, 98), Some(2));
        assert_eq!(choose(&all, 100), Some(0));
        assert_eq!(
            choose(&points(&[(9, 5, 1), (10, 5, 2)]), 9),
            Some(1),
            "as good under attack, better without"
        );
        assert_eq!(choose(&all, 101), Some(0), "none costs little: the one that costs least");
        assert_eq!(choose(&points(&[(9, 4, 1), (9, 5, 2), (3, 9, 0)]), 10), Some(1));
        assert_eq!(choose(&[], 0), None);
    }

    proptest! {
        #[test]
        fn no_other_point_is_as_good_in_both_and_better_in_one(
            of in proptest::collection::vec((0usize..12, 0usize..12, 0usize..5), 1..40), least in 0usize..14,
        ) {
            let all = points(&of);
            let on_front = front(&all);
            let chosen = choose(&all, least).unwrap();
            prop_assert!(on_front[chosen], "the chosen point is on the front");
            prop_assert!(on_front.contains(&true));
            for (i, p) in all.iter().enumerate() {
                let beaten = all.iter().any(|q| {
                    q.modified >= p.modified && q.attacked >= p.attacked
                        && (q.modified > p.modified || q.attacked > p.attacked)
                });
                prop_assert_eq!(on_front[i], !beaten);
                if p.modified >= least {
                    prop_assert!(all[chosen].modified >= least && all[chosen].attacked >= p.attacked);
                }
            }
        }
    }
}
