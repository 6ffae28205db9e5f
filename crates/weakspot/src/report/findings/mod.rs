//! What was found, as sentences made from the record: only the words of the tests judge.

mod details;
mod headline;
mod tuning;

pub(super) use details::{control, regions, test, truth};
pub(super) use tuning::{tuning, tuning_in_short};

use crate::record::{Direction, Record};
use crate::report::words::{self, list};

/// The comparison the headline rests on.
pub(super) const HEADLINE: &str = "adaptive_worst-adv_worst";

/// The first screen: whether it helped, by how much, whether the paper's claim holds, and the reasons to doubt this.
pub(super) fn verdict(record: &Record) -> Vec<String> {
    let mut out = vec![headline::headline(record)];
    out.extend(record.directions.iter().filter_map(|d| headline::numbers(record, d)));
    out.extend(headline::together(record));
    out.extend(headline::sweep(record));
    out.push(papers_claim(record));
    out.extend(record.directions.iter().filter_map(|d| empty_blob(record, d)));
    out.push(doubts(record));
    out
}

/// What the terminal prints of it: whether the mask helped, what a moved threshold explains, and the sweep.
pub(super) fn in_short(record: &Record) -> Vec<String> {
    let mut out = vec![headline::headline(record)];
    out.extend(headline::together(record));
    out.extend(headline::sweep(record));
    out
}

/// Whether the mask helped; `None` if that is not judged, because the headline was not measured or each image got the
/// mask of its true class.
pub(super) fn helped(record: &Record) -> Option<bool> {
    headline::helped(record)
}

/// Whether the paper's claim holds here, by its own protocol and by the headline's.
///
/// The claim (its section IV-B): neutralization does not affect classification much (mod-clean), and reduces further
/// vulnerability (mod_adv-adv). It reproduces if, in both directions, the first is "no effect" or "better" and the
/// second "better"; it does not if a test shows the opposite; otherwise it is not shown.
fn papers_claim(record: &Record) -> String {
    let claim = "The paper's claim (neutralizing the blob spares classification and reduces vulnerability)";
    if record.given_mask.is_some() {
        return format!("{claim} was not tested: a mask was given in place of the blob.");
    }
    let words = |comparison: &str| -> Vec<&str> {
        record.tests.iter().filter(|t| t.comparison == comparison).map(|t| t.word.as_str()).collect()
    };
    let (spares, reduces, headline) = (words("mod-clean"), words("mod_adv-adv"), words(HEADLINE));
    let needed = record.directions.len().max(1);
    if spares.len() < needed || reduces.len() < needed {
        return format!("{claim} was not tested under its own protocol (P1) in both directions.");
    }
    let holds =
        spares.iter().all(|w| matches!(*w, "no effect" | "better")) && reduces.iter().all(|w| *w == "better");
    let fails = spares.contains(&"worse") || reduces.iter().any(|w| matches!(*w, "worse" | "no effect"));
    let reasons = format!(
        "accuracy after neutralization compared with before: {}; accuracy under the paper's protocol compared with no \
         mask: {}",
        per_class(record, "mod-clean"),
        per_class(record, "mod_adv-adv")
    );
    let own = if holds {
        format!("{claim} reproduces here under its own protocol (P1): {reasons}.")
    } else if fails {
        format!("{claim} does not reproduce here under its own protocol (P1): {reasons}.")
    } else {
        format!("{claim} is not shown here under its own protocol (P1): {reasons}.")
    };
    let words = per_class(record, HEADLINE);
    let adaptive = if headline.len() < needed {
        "The adaptive headline (P3w) was not tested in both directions.".to_owned()
    } else if headline.iter().all(|w| *w == "better") {
        "Against an attacker who knows the mask (P3w) it holds for both classes.".to_owned()
    } else if headline.iter().any(|w| matches!(*w, "worse" | "no effect")) {
        format!("Against an attacker who knows the mask (P3w) it does not hold for both classes: {words}.")
    } else {
        format!("Against an attacker who knows the mask (P3w) it is not shown for both classes: {words}.")
    };
    format!("{own} {adaptive}")
}

/// `worse (cat), not shown (dog)`.
fn per_class(record: &Record, comparison: &str) -> String {
    let found = by_word(record, comparison);
    found
        .iter()
        .map(|(word, classes)| format!("{word} ({})", classes.join(", ")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The classes of a comparison by their test's word, in the record's order.
fn by_word<'a>(record: &'a Record, comparison: &str) -> Vec<(&'a str, Vec<String>)> {
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    for t in record.tests.iter().filter(|t| t.comparison == comparison) {
        match found.iter_mut().find(|(word, _)| *word == t.word) {
            Some((_, classes)) => classes.push(t.source.clone()),
            None => found.push((&t.word, vec![t.source.clone()])),
        }
    }
    found
}

fn empty_blob(record: &Record, d: &Direction) -> Option<String> {
    if d.blob.area > 0 {
        return None;
    }
    let theta = words::setting(record, "theta").unwrap_or("?");
    let applied = if d.applied_mask.area > 0 {
        format!("its images still get the mask of {}", words::count(d.applied_mask.area, "pixel"))
    } else {
        "nothing was neutralized in its images".to_owned()
    };
    Some(format!("The blob of class {} is empty at theta {theta}: {applied}.", d.source))
}

fn doubts(record: &Record) -> String {
    let mut ids: Vec<String> = Vec::new();
    for flag in record.directions.iter().flat_map(|d| &d.flags) {
        if !ids.contains(&flag.id) {
            ids.push(flag.id.clone());
        }
    }
    match ids.len() {
        0 => "None of the checks fired.".to_owned(),
        1 => format!("One check gives reason to doubt this: {}.", ids[0]),
        n => format!("{n} checks give reason to doubt this: {}.", list(&ids)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn with_words(comparison: &str, words: [&str; 2]) -> Record {
        let mut record = fixture::demo().record;
        let (first, second) = (record.data.classes[0].clone(), record.data.classes[1].clone());
        for t in record.tests.iter_mut().filter(|t| t.comparison == comparison) {
            let word = if t.source == first { words[0] } else { words[1] };
            assert!(t.source == first || t.source == second);
            t.word = word.to_owned();
        }
        record
    }

    #[test]
    fn the_papers_claim_is_judged_by_the_words_and_by_nothing_else() {
        let judge = |spares: [&str; 2], reduces: [&str; 2], adaptive: [&str; 2]| {
            let mut record = with_words("mod-clean", spares);
            for (comparison, words) in [("mod_adv-adv", reduces), (HEADLINE, adaptive)] {
                let other = with_words(comparison, words);
                for (t, o) in record.tests.iter_mut().zip(other.tests) {
                    if t.comparison == comparison {
                        t.word = o.word;
                    }
                }
            }
            papers_claim(&record)
        };
        let all = |w| [w, w];
        let text = judge(all("no effect"), all("better"), all("better"));
        assert!(text.contains("reproduces here under its own protocol"), "{text}");
        assert!(text.contains("(P3w) it holds for both classes"), "{text}");
        let text = judge(all("no effect"), all("better"), ["better", "worse"]);
        assert!(
            text.contains("reproduces here")
                && text.contains("does not hold for both classes: better (disc), worse (ring)"),
            "{text}"
        );
        let text = judge(["worse", "no effect"], all("better"), all("not shown"));
        assert!(
            text.contains("does not reproduce here") && text.contains("worse (disc), no effect (ring)"),
            "{text}"
        );
        assert!(text.contains("it is not shown for both"), "{text}");
        let text = judge(all("no effect"), ["better", "no effect"], all("better"));
        assert!(text.contains("does not reproduce here"), "{text}");
        let text = judge(all("not shown"), all("better"), all("better"));
        assert!(text.contains("is not shown here under its own protocol"), "{text}");
    }

    #[test]
    fn an_empty_blob_and_every_flag_are_on_the_first_screen() {
        let text = verdict(&fixture::demo().record).join("\n");
        assert!(
            text.contains("The blob of class ring is empty at theta 0.5: its images still get the mask of"),
            "{text}"
        );
        assert!(text.contains("reason to doubt this: few-successes, collapse and empty-blob."), "{text}");
        assert!(verdict(&fixture::bare().record).join("\n").contains("None of the checks fired."));
    }
}
