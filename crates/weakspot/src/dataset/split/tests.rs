use std::collections::BTreeSet;

use ndarray::Array4;
use proptest::prelude::*;

use super::*;
use crate::image::Pixels;

/// A data set of one-pixel images: `(label, origin)` per image, ids by origin and place.
fn data(images: &[(usize, Origin)]) -> Dataset {
    let pixels = Pixels::U8(Array4::zeros((images.len(), 1, 1, 1)));
    let class_names = vec!["left".to_owned(), "right".to_owned()];
    let labels: Vec<usize> = images.iter().map(|(label, _)| *label).collect();
    Dataset {
        name: "one-pixel".to_owned(),
        checksum: String::new(),
        class_names,
        pixels,
        labels,
        ids: images.iter().enumerate().map(|(i, (_, origin))| format!("{origin:?}/{i:05}")).collect(),
        origins: images.iter().map(|(_, origin)| *origin).collect(),
        truth: None,
        provenance: crate::dataset::Provenance::default(),
    }
}

fn of(counts: &[(usize, Origin, usize)]) -> Dataset {
    data(&counts.iter().flat_map(|&(label, origin, n)| vec![(label, origin); n]).collect::<Vec<_>>())
}

/// Counts of a class in train, tune, fit, eval.
fn counts(data: &Dataset, splits: &Splits, class: usize) -> [usize; 4] {
    [&splits.train, &splits.tune, &splits.fit, &splits.eval]
        .map(|part| part.iter().filter(|&&i| data.labels[i] == class).count())
}

#[test]
fn the_shares_are_those_of_the_method() {
    use Origin::{Test, Train, Whole};
    let none = Limits::default();
    let own = of(&[(0, Train, 6_000), (1, Train, 12_000), (0, Test, 7), (1, Test, 900)]);
    let rule = SplitRule::for_dataset(&own, true);
    assert_eq!(rule, SplitRule::for_dataset(&own, false));
    let splits = split(&own, rule, 0, &none).unwrap();
    assert_eq!(counts(&own, &splits, 0), [4_800, 500, 600, 7], "tune is capped at 500, train stays 80 %");
    assert_eq!(counts(&own, &splits, 1), [9_600, 500, 1_000, 900], "fit is capped at 1,000");

    let whole = of(&[(0, Whole, 200), (1, Whole, 20)]);
    let splits = split(&whole, SplitRule::for_dataset(&whole, true), 0, &none).unwrap();
    assert_eq!(counts(&whole, &splits, 0), [120, 20, 30, 30]);
    assert_eq!(counts(&whole, &splits, 1), [12, 2, 3, 3]);
    let splits = split(&whole, SplitRule::for_dataset(&whole, false), 0, &none).unwrap();
    assert_eq!(counts(&whole, &splits, 0), [0, 20, 80, 100]);
}

#[test]
fn images_unlike_the_test_images_are_never_fitted_on() {
    use Origin::{Test, Train, TrainOnly};
    let data = of(&[
        (0, TrainOnly, 60),
        (0, Train, 140),
        (1, TrainOnly, 195),
        (1, Train, 5),
        (0, Test, 3),
        (1, Test, 3),
    ]);
    let splits = split(&data, SplitRule::OwnTest, 0, &Limits::default()).unwrap();
    assert!(splits.fit.iter().all(|&i| data.origins[i] == Train));
    assert_eq!(counts(&data, &splits, 0), [160, 20, 20, 3]);
    assert_eq!(counts(&data, &splits, 1), [175, 20, 5, 3], "no more than there are");
    assert!(splits.tune.iter().any(|&i| data.origins[i] == TrainOnly));
}

#[test]
fn an_empty_part_names_class_part_and_what_to_do() {
    use Origin::{Test, Train, Whole};
    let message = |data: &Dataset, rule, limits: Limits| {
        let error = split(data, rule, 0, &limits).unwrap_err();
        (error.to_string(), error.hint().unwrap().to_owned())
    };
    let few = of(&[(0, Whole, 50), (1, Whole, 4)]);
    let (text, hint) = message(&few, SplitRule::Divided, Limits::default());
    assert!(text.contains("class right in the tune part"), "{text}");
    assert!(hint.contains("add images of class right"), "{hint}");
    let untested = of(&[(0, Train, 50), (1, Train, 50), (0, Test, 5)]);
    let (text, _) = message(&untested, SplitRule::OwnTest, Limits::default());
    assert!(text.contains("class right in the eval part"), "{text}");
    let (text, hint) = message(&few, SplitRule::Divided, Limits { train: None, eval: Some(0) });
    assert!(text.contains("class left in the eval part") && hint.contains("limit of 0"), "{text} {hint}");
}

#[test]
fn the_description_says_rule_limits_and_counts() {
    let data = of(&[(0, Origin::Whole, 20), (1, Origin::Whole, 20)]);
    let limits = Limits { train: Some(5), eval: Some(2) };
    let words = split(&data, SplitRule::Divided, 0, &limits).unwrap().description;
    assert_eq!(
        words,
        "by class, keyed by the seed: 60/10/15/15 into train, tune, fit and eval; at most 5 training images per \
         class; at most 2 eval images per class (left: train 5, tune 2, fit 3, eval 2; right: train 5, tune 2, \
         fit 3, eval 2)"
    );
}

#[test]
fn a_limit_keeps_a_part_of_the_same_part() {
    let data = of(&[(0, Origin::Whole, 100), (1, Origin::Whole, 100)]);
    let all = split(&data, SplitRule::Divided, 3, &Limits::default()).unwrap();
    let limits = Limits { train: Some(10), eval: Some(4) };
    let some = split(&data, SplitRule::Divided, 3, &limits).unwrap();
    assert!(some.eval.iter().all(|i| all.eval.contains(i)) && some.eval.len() == 8);
    assert!(some.train.iter().all(|i| all.train.contains(i)) && some.train.len() == 20);
    assert_eq!((some.tune, some.fit), (all.tune, all.fit));
    let other = split(&data, SplitRule::Divided, 4, &Limits::default()).unwrap();
    assert_ne!(other.eval, all.eval, "another seed is another split");
}

fn origin(own_test: bool) -> impl Strategy<Value = Origin> {
    if own_test {
        prop_oneof![Just(Origin::Train), Just(Origin::TrainOnly), Just(Origin::Test)].boxed()
    } else {
        Just(Origin::Whole).boxed()
    }
}

fn images() -> impl Strategy<Value = Vec<(usize, Origin)>> {
    any::<bool>().prop_flat_map(|own_test| prop::collection::vec((0usize..2, origin(own_test)), 60..160))
}

proptest! {
    #[test]
    fn parts_are_disjoint_sorted_and_cover(images in images(), seed in any::<u64>(), trains in any::<bool>()) {
        let data = data(&images);
        let rule = SplitRule::for_dataset(&data, trains);
        let splits = split(&data, rule, seed, &Limits::default());
        prop_assume!(splits.is_ok());
        let splits = splits.unwrap();
        let parts = [&splits.train, &splits.tune, &splits.fit, &splits.eval];
        let together: BTreeSet<usize> = parts.iter().copied().flatten().copied().collect();
        prop_assert_eq!(together.len(), parts.iter().map(|part| part.len()).sum::<usize>(), "disjoint");
        prop_assert_eq!(together.len(), images.len(), "below the caps, nothing is left over");
        for part in parts {
            prop_assert!(part.is_sorted_by(|&a, &b| data.ids[a] < data.ids[b]));
        }
        if rule == SplitRule::OwnTest {
            let tests: BTreeSet<usize> =
                (0..images.len()).filter(|&i| data.origins[i] == Origin::Test).collect();
            prop_assert_eq!(splits.eval.iter().copied().collect::<BTreeSet<_>>(), tests);
        }
    }

    #[test]
    fn the_order_of_the_images_does_not_matter(images in images(), seed in any::<u64>(), trains in any::<bool>()) {
        let one = data(&images);
        let mut order: Vec<usize> = (0..images.len()).collect();
        rng::stream(seed, "test-order", "").shuffle(&mut order);
        let mut other = one.clone();
        for (to, &from) in order.iter().enumerate() {
            other.ids[to].clone_from(&one.ids[from]);
            other.labels[to] = one.labels[from];
            other.origins[to] = one.origins[from];
        }
        let rule = SplitRule::for_dataset(&one, trains);
        prop_assert_eq!(rule, SplitRule::for_dataset(&other, trains));
        let limits = Limits { train: Some(9), eval: Some(3) };
        let by_id = |data: &Dataset| split(data, rule, seed, &limits).map(|s| {
            [s.train, s.tune, s.fit, s.eval].map(|part| part.iter().map(|&i| data.ids[i].clone()).collect::<Vec<_>>())
        });
        match (by_id(&one), by_id(&other)) {
            (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
            (a, b) => prop_assert_eq!(a.is_err(), b.is_err()),
        }
    }
}
