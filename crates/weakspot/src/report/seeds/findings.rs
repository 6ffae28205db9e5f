//! What several seeds show, in sentences that follow from the networks' words and from the quantities.

use super::Seeds;
use super::quantities::{Group, Quantity};
use super::record::Summary;
use super::verdicts::ClassVerdict;
use crate::report::findings::HEADLINE;
use crate::report::words::{self, list};

/// The answer first: whether the verdict changes with the seed, the difference over networks, what moves most.
pub(super) fn findings(all: &Seeds, found: &Summary) -> Vec<String> {
    let mut out = vec![headline(all, found)];
    out.extend(helped(found));
    out.extend(found.quantities.iter().filter(|q| is_headline(q)).filter_map(over_networks));
    out.extend(moves_most(found));
    out.extend(missing(all));
    out
}

/// P3w minus P0w, of a class or of both together.
pub(super) fn is_headline(quantity: &Quantity) -> bool {
    quantity.group == Group::Difference && quantity.what == HEADLINE
}

/// Whether all networks agree.
fn headline(all: &Seeds, found: &Summary) -> String {
    let n = all.studies.len();
    let planned = n + all.missing.len();
    if n == 0 {
        return "No study is finished, so nothing is known about any seed.".to_owned();
    }
    if n == 1 {
        return format!(
            "Only 1 of {planned} studies is finished, so nothing is known about the effect of the seed."
        );
    }
    if found.verdicts.is_empty() {
        return "The headline (P3w minus P0w) was not measured, so no verdict can change with the seed."
            .to_owned();
    }
    let by_class: Vec<String> = found.verdicts.iter().map(of_class).collect();
    let by_class = by_class.join("; ");
    if found.changes == Some(true) {
        let turning: Vec<String> =
            found.verdicts.iter().filter(|v| v.turns()).map(|v| format!("class {}", v.class)).collect();
        let direction = if turning.is_empty() {
            String::new()
        } else {
            format!(", and on images of {} even its direction does", list(&turning))
        };
        format!("The result changes with the seed{direction}. P3w minus P0w: {by_class}.")
    } else {
        let networks = if n == 2 { "Both networks".to_owned() } else { format!("All {n} networks") };
        format!("{networks} agree. P3w minus P0w: {by_class}.")
    }
}

/// `better in 3 of 5 networks, not shown in 2 on images of class disc`.
fn of_class(verdict: &ClassVerdict) -> String {
    let n = verdict.by_seed.len();
    let counts: Vec<String> = verdict
        .counts()
        .into_iter()
        .enumerate()
        .map(|(i, (word, k))| match i {
            0 if k == n => word.to_owned(),
            0 => format!("{word} in {k} of {n} networks"),
            _ => format!("{word} in {k}"),
        })
        .collect();
    format!("{} on images of class {}", counts.join(", "), verdict.class)
}

/// In how many networks the mask helped.
fn helped(found: &Summary) -> Option<String> {
    let judged: Vec<bool> = found.studies.iter().filter_map(|study| study.helped).collect();
    if judged.len() < 2 {
        return None;
    }
    let k = judged.iter().filter(|&&helped| helped).count();
    let of = match (k, judged.len()) {
        (0, 2) => "neither network".to_owned(),
        (0, n) => format!("none of the {n} networks"),
        (2, 2) => "both networks".to_owned(),
        (k, n) => format!("{k} of the {n} networks"),
    };
    Some(format!(
        "Neutralizing the blob helped in {of}. \"Helped\" means that both classes together gain, no class is worse, \
         the AUC rises, and a moved threshold does less."
    ))
}

/// The mean difference with Student's interval, and its range.
fn over_networks(q: &Quantity) -> Option<String> {
    let of = &q.over_networks;
    let (Some(low), Some(high), Some(sd)) = (of.low, of.high, of.sd) else { return None };
    let class = q.class.as_ref();
    let whose = class.map_or_else(|| "both classes together".to_owned(), |c| format!("images of class {c}"));
    let [least, largest] = q.ends()?;
    if least.value == largest.value {
        let all = words::count(of.n, "network");
        return Some(format!("P3w minus P0w, {whose}: {} points in each of {all}.", signed(least.value)));
    }
    Some(format!(
        "P3w minus P0w, {whose}: {} on average over {} (95 % t interval; standard deviation {}), from {} (seed {}) to \
         {} (seed {}).",
        words::points(of.mean, low, high),
        words::count(of.n, "network"),
        tenth(100.0 * sd),
        signed(least.value),
        least.seed,
        signed(largest.value),
        largest.seed
    ))
}

/// The accuracy whose networks lie farthest apart.
fn moves_most(found: &Summary) -> Option<String> {
    let mut most: Option<&Quantity> = None;
    for q in found.quantities.iter().filter(|q| q.group == Group::Accuracy && q.by_seed.len() > 1) {
        let range = |q: &Quantity| q.over_networks.max - q.over_networks.min;
        if most.is_none_or(|most| range(q) > range(most)) {
            most = Some(q);
        }
    }
    let q = most?;
    let [least, largest] = q.ends()?;
    if least.value == largest.value {
        return Some("Every accuracy is the same in all networks.".to_owned());
    }
    let class = q.class.as_ref().map_or_else(String::new, |class| format!(" on images of class {class}"));
    Some(format!(
        "Of all accuracies, {}{class} varies most: from {} (seed {}) to {} (seed {}).",
        q.label(),
        words::percent(least.value),
        least.seed,
        words::percent(largest.value),
        largest.seed
    ))
}

fn missing(all: &Seeds) -> Vec<String> {
    all.missing.iter().map(|m| format!("The study of seed {} is missing: {}.", m.seed, m.why)).collect()
}

/// What a reader has to know about the numbers.
pub(super) fn about(all: &Seeds) -> String {
    format!(
        "Every network is trained separately on the same split, that of seed {}; its own seed decides its \
         training, its draws and its maps. Means are over networks, with Student's 95 % interval (n - 1 degrees of \
         freedom), which is not cut at 0 and 100 %. It is an interval for the mean of such networks, not for the next \
         network. Intervals over images belong to one network each and are in its own report.",
        all.split_seed
    )
}

/// `seeds 0 to 4`, `seeds 0, 3 and 7`.
pub(super) fn seeds_in_words(all: &Seeds) -> String {
    let seeds: Vec<u64> = all.studies.iter().map(|study| study.seed).collect();
    match seeds[..] {
        [] => "no seed".to_owned(),
        [one] => format!("seed {one}"),
        [first, .., last] if seeds.len() > 2 && last - first == seeds.len() as u64 - 1 => {
            format!("seeds {first} to {last}")
        }
        _ => format!("seeds {}", list(&seeds.iter().map(u64::to_string).collect::<Vec<_>>())),
    }
}

/// A difference of rates in points, with its sign.
pub(super) fn signed(difference: f64) -> String {
    format!("{:+.1}", tenths(100.0 * difference))
}

/// One digit after the point.
fn tenth(v: f64) -> String {
    format!("{:.1}", tenths(v))
}

/// Rounded to tenths, without a negative zero.
fn tenths(v: f64) -> f64 {
    (10.0 * v).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, HEADLINE};
    use super::super::record::summary;
    use super::*;

    fn said(all: &Seeds) -> Vec<String> {
        findings(all, &summary(all))
    }

    #[test]
    fn a_verdict_that_changes_is_said_first_with_its_counts() {
        let said = said(&fixture::changing());
        assert_eq!(
            said[0],
            "The result changes with the seed, and on images of class ring even its direction does. P3w minus P0w: no \
             effect on images of class disc; better in 1 of 3 networks, worse in 1, not shown in 1 on images of class \
             ring."
        );
        assert!(
            said[1].starts_with("Neutralizing the blob helped in 2 of the 3 networks. \"Helped\" means"),
            "{}",
            said[1]
        );
        // -50, 0 and 50 points: sd 50, and 4.302653 * 50 / sqrt(3) = 124.2.
        let ring = said.iter().find(|s| s.starts_with("P3w minus P0w, images of class ring")).unwrap();
        assert_eq!(
            ring,
            "P3w minus P0w, images of class ring: +0.0 points [-124.2, +124.2] on average over 3 networks (95 % t \
             interval; standard deviation 50.0), from -50.0 (seed 0) to +50.0 (seed 5)."
        );
        let both = said.iter().find(|s| s.starts_with("P3w minus P0w, both classes together")).unwrap();
        assert_eq!(both, "P3w minus P0w, both classes together: +8.0 points in each of 3 networks.");
        let most = said.last().unwrap();
        assert_eq!(
            most,
            "Of all accuracies, P3w adaptive, worst on images of class ring varies most: from 0.0 % (seed 0) to 100.0 \
             % (seed 5)."
        );
    }

    #[test]
    fn networks_that_agree_are_said_to() {
        let word_of = |words: [&'static str; 2]| {
            fixture::of(&crate::report::fixture::demo(), &[3, 4], |_, record| {
                let first = record.data.classes[0].clone();
                for t in record.tests.iter_mut().filter(|t| t.comparison == HEADLINE) {
                    words[usize::from(t.source != first)].clone_into(&mut t.word);
                }
            })
        };
        let text = said(&word_of(["worse", "cannot tell at this eps"]));
        assert_eq!(
            text[0],
            "Both networks agree. P3w minus P0w: worse on images of class disc; cannot tell at this eps on images of \
             class ring."
        );
        assert!(text[1].starts_with("Neutralizing the blob helped in neither network"), "{}", text[1]);
        assert_eq!(text.last().unwrap(), "Every accuracy is the same in all networks.");
    }

    #[test]
    fn too_few_networks_say_nothing_and_what_is_missing_is_named() {
        let mut all = fixture::changing();
        all.studies.truncate(1);
        all.missing.push(super::super::MissingSeed { seed: 1, why: "not finished".to_owned() });
        let text = said(&all);
        assert!(text[0].starts_with("Only 1 of 2 studies is finished"), "{text:?}");
        assert!(!text.iter().any(|s| s.contains("t interval")), "{text:?}");
        assert_eq!(text.last().unwrap(), "The study of seed 1 is missing: not finished.");
        all.studies.clear();
        assert!(said(&all)[0].starts_with("No study is finished"));
    }

    #[test]
    fn seeds_are_listed_as_people_write_them() {
        let of =
            |seeds: &[u64]| seeds_in_words(&fixture::of(&crate::report::fixture::bare(), seeds, |_, _| {}));
        assert_eq!(of(&[0, 1, 2]), "seeds 0 to 2");
        assert_eq!(of(&[0, 1]), "seeds 0 and 1");
        assert_eq!(of(&[0, 1, 5]), "seeds 0, 1 and 5");
        assert_eq!(of(&[4]), "seed 4");
    }
}
