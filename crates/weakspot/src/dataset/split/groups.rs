//! Parts that keep groups whole: all images of a slide, a patient or a scene are in one part.

use std::collections::BTreeMap;

use super::{Limits, SplitRule, Splits, gather, ordered};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::rng;

/// Divides a data set by whole groups ([`Provenance::groups`](crate::dataset::Provenance::groups)), after the shares of
/// [`split`](super::split) for a data set without test files. Training and test files are pooled.
///
/// Groups come in the order of a draw keyed by (seed, `split-group`, group). Each goes to the part that still lacks
/// most of its share: the sum over the group's images of how much of their class's share the part lacks, as a
/// fraction of that share. With many groups the shares are nearly reached; with few they cannot be.
///
/// # Determinism
/// The part of an image depends on the seed and on the ids and groups, not on the order of files.
///
/// # Errors
/// `InvalidParameter` without groups, or when a part of a class is empty.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Limits, split_by_group, torn_groups};
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((80, 1, 2, 2)));
/// let mut data = Dataset::new("mine", pixels, (0..80).map(|i| i % 2).collect(), &["a", "b"])?;
/// // Twenty slides of four images.
/// data.provenance.groups = (0..80).map(|i| format!("slide {}", i / 4)).collect();
/// let parts = split_by_group(&data, false, 0, &Limits::default())?;
/// assert_eq!(parts.tune.len() + parts.fit.len() + parts.eval.len(), 80);
/// assert_eq!(torn_groups(&data, &parts), None);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn split_by_group(data: &Dataset, trains: bool, seed: u64, limits: &Limits) -> Result<Splits> {
    data.check()?;
    if data.provenance.groups.is_empty() {
        return Err(Error::invalid(format!("{}: expected images with a known slide; got none", data.name))
            .with_hint(
                Hint::new()
                    .say("give pictures whose names begin with the slide, or a list with a column group: ")
                    .set("manifest", "files.csv"),
            ));
    }
    let rule = if trains { SplitRule::Divided } else { SplitRule::NothingToTrain };
    let part_of = assign(data, rule, seed);
    let mut per_class = Vec::new();
    for class in 0..data.class_names.len() {
        let mut parts = [const { Vec::new() }; 4];
        for i in ordered(data, class, seed) {
            parts[part_of[data.provenance.groups[i].as_str()]].push(i);
        }
        let [mut train, tune, fit, mut eval] = parts;
        train.truncate(limits.train.unwrap_or(usize::MAX));
        eval.truncate(limits.eval.unwrap_or(usize::MAX));
        per_class.push([("train", train), ("tune", tune), ("fit", fit), ("eval", eval)]);
    }
    let groups = part_of.len();
    gather(data, rule, limits, per_class, &format!("{groups} whole slides, as close as possible to "))
}

/// The part, 0 to 3 for train, tune, fit and eval, of every group.
fn assign(data: &Dataset, rule: SplitRule, seed: u64) -> BTreeMap<&str, usize> {
    let classes = data.class_names.len();
    let [tune, fit, eval] = rule.percentages();
    let train = if rule == SplitRule::NothingToTrain { 0 } else { 100 - tune - fit - eval };
    let mut in_class = vec![0usize; classes];
    // Images per class of every group.
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (group, &label) in data.provenance.groups.iter().zip(&data.labels) {
        in_class[label] += 1;
        groups.entry(group).or_insert_with(|| vec![0; classes])[label] += 1;
    }
    let share =
        |part: usize, class: usize| [train, tune, fit, eval][part] as f64 / 100.0 * in_class[class] as f64;
    let drawn: BTreeMap<(u64, &str), &Vec<usize>> = groups
        .iter()
        .map(|(&group, counts)| ((rng::stream(seed, "split-group", group).next_u64(), group), counts))
        .collect();
    let mut have = vec![vec![0usize; classes]; 4];
    let mut part_of = BTreeMap::new();
    for ((_, group), counts) in drawn {
        let lack = |part: usize| -> f64 {
            (0..classes)
                .filter(|&class| share(part, class) > 0.0)
                .map(|class| counts[class] as f64 * (1.0 - have[part][class] as f64 / share(part, class)))
                .sum()
        };
        let mut best: Option<(usize, f64)> = None;
        // Fit and eval before train: with few groups, what is measured must not stay empty.
        for part in
            [3, 2, 1, 0].into_iter().filter(|&part| (0..classes).any(|class| share(part, class) > 0.0))
        {
            if best.is_none_or(|(_, most)| lack(part) > most) {
                best = Some((part, lack(part)));
            }
        }
        let part = best.map_or(0, |(part, _)| part);
        for (have, count) in have[part].iter_mut().zip(counts) {
            *have += count;
        }
        part_of.insert(group, part);
    }
    part_of
}

/// A sentence for the reader if groups have images both in eval and in the parts that the classifier or the blob
/// are made from.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Splits, torn_groups};
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((4, 1, 2, 2)));
/// let mut data = Dataset::new("mine", pixels, vec![0, 1, 0, 1], &["a", "b"])?;
/// data.provenance.groups = ["s1", "s2", "s1", "s3"].map(str::to_owned).to_vec();
/// // Images of slide s1 are in both parts.
/// let splits = Splits { fit: vec![0, 1], eval: vec![2, 3], ..Splits::default() };
/// assert!(torn_groups(&data, &splits).unwrap().starts_with("1 of the 2 slides in eval"));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn torn_groups(data: &Dataset, splits: &Splits) -> Option<String> {
    let groups = &data.provenance.groups;
    if groups.is_empty() {
        return None;
    }
    let of = |parts: &[&Vec<usize>]| -> std::collections::BTreeSet<&str> {
        parts.iter().flat_map(|part| part.iter()).map(|&i| groups[i].as_str()).collect()
    };
    let scored = of(&[&splits.eval]);
    let made_from = of(&[&splits.train, &splits.tune, &splits.fit]);
    let torn: Vec<&str> = scored.intersection(&made_from).copied().collect();
    let first = torn.first()?;
    let images = splits.eval.iter().filter(|&&i| torn.binary_search(&groups[i].as_str()).is_ok()).count();
    Some(format!(
        "{} of the {} slides in eval also have images in train, tune or fit ({images} of {} eval images, slide {first} \
         among them): scores may be better than on new slides; set split-by to slide to keep each slide in one part",
        torn.len(),
        scored.len(),
        splits.eval.len()
    ))
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::dataset::{Origin, Provenance};
    use crate::image::Pixels;

    /// 40 slides of 1 to 9 images of both classes, in any order.
    fn cells() -> Dataset {
        let mut groups = Vec::new();
        let mut labels = Vec::new();
        for slide in 0..40 {
            for i in 0..=(slide * 7 % 9) {
                groups.push(format!("S{slide:02}"));
                labels.push((slide + i) % 2);
            }
        }
        let n = labels.len();
        Dataset {
            name: "cells".to_owned(),
            class_names: ["a", "b"].map(str::to_owned).to_vec(),
            pixels: Pixels::U8(Array4::zeros((n, 1, 1, 1))),
            ids: (0..n).map(|i| format!("{i:03}")).collect(),
            origins: (0..n).map(|i| if i % 5 == 0 { Origin::Test } else { Origin::Train }).collect(),
            labels,
            checksum: String::new(),
            truth: None,
            provenance: Provenance { groups, ..Provenance::default() },
        }
    }

    #[test]
    fn no_slide_is_torn_and_the_shares_are_nearly_as_asked() {
        let data = cells();
        let n = data.labels.len() as f64;
        let torn = super::super::split(&data, SplitRule::OwnTest, 0, &Limits::default()).unwrap();
        assert!(torn_groups(&data, &torn).unwrap().contains("set split-by to slide"));
        for trains in [true, false] {
            let splits = split_by_group(&data, trains, 0, &Limits::default()).unwrap();
            assert_eq!(torn_groups(&data, &splits), None);
            let parts = [&splits.train, &splits.tune, &splits.fit, &splits.eval];
            assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), data.labels.len());
            let shares = if trains { [0.6, 0.1, 0.15, 0.15] } else { [0.0, 0.1, 0.4, 0.5] };
            for (part, share) in parts.iter().zip(shares) {
                // Within one slide of nine images.
                assert!((part.len() as f64 - share * n).abs() <= 9.0, "{} {}", part.len(), share * n);
            }
            assert!(splits.description.contains("40 whole slides"), "{}", splits.description);
        }
    }

    #[test]
    fn the_order_of_files_does_not_matter_and_the_seed_does() {
        let data = cells();
        let ids = |data: &Dataset, seed| -> Vec<String> {
            let splits = split_by_group(data, true, seed, &Limits::default()).unwrap();
            splits.eval.iter().map(|&i| data.ids[i].clone()).collect()
        };
        let mut backwards = data.clone();
        backwards.ids.reverse();
        backwards.labels.reverse();
        backwards.origins.reverse();
        backwards.provenance.groups.reverse();
        assert_eq!(ids(&data, 0), ids(&backwards, 0));
        assert_ne!(ids(&data, 0), ids(&data, 1));
    }

    #[test]
    fn one_slide_cannot_be_four_parts_and_no_slide_is_none() {
        let mut data = cells();
        data.provenance.groups.fill("only".to_owned());
        let error = split_by_group(&data, true, 0, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("at least one image"), "{error}");
        data.provenance.groups.clear();
        let error = split_by_group(&data, true, 0, &Limits::default()).unwrap_err();
        assert!(error.hint().unwrap().contains("manifest = files.csv"));
    }
}
