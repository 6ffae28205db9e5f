//! What was found, as sentences that follow from the record: each word of judgement is a test's word.

use crate::report::words::{self, list, number, percent};
use crate::study::record::{Control, Direction, Mean, PairedTest, Record, RegionRecord, TruthRow};

/// The comparison the headline rests on.
const HEADLINE: &str = "adaptive_worst-adv";

/// The first screen: did it help, by how much, does the paper's claim hold, and what stands against believing it.
pub(super) fn verdict(record: &Record) -> Vec<String> {
    let mut out = vec![headline(record)];
    out.extend(record.directions.iter().filter_map(|d| headline_numbers(record, d)));
    out.push(papers_claim(record));
    out.extend(record.directions.iter().filter_map(|d| empty_blob(record, d)));
    out.push(doubts(record));
    out
}

/// The headline: what the paired tests of P3w against the plain attack say.
fn headline(record: &Record) -> String {
    let found = by_word(record, HEADLINE);
    if found.is_empty() {
        return "The headline protocol, P3w, was not compared with the plain attack, so this study says nothing about an \
                attacker who knows the mask."
            .to_owned();
    }
    let clauses: Vec<String> = found
        .iter()
        .map(|(word, classes)| {
            let images = format!("on images of {}", list(classes));
            match *word {
                "better" => format!("helped {images}"),
                "worse" => format!("made the classifier more vulnerable {images}"),
                "no effect" => format!("had no effect {images} (within 2 points)"),
                "not shown" => format!("is not shown to help or to harm {images}"),
                other => format!("has the test word \"{other}\" {images}"),
            }
        })
        .collect();
    format!(
        "Against an attacker who knows the mask (P3w, the headline), neutralizing the blob {}.",
        clauses.join("; it ")
    )
}

/// One class's headline numbers: P3w, attacked, clean, and the test.
fn headline_numbers(record: &Record, d: &Direction) -> Option<String> {
    let worst = d.scores.adaptive_worst?;
    let mut text = format!("Images of {}: {} right under P3w", d.source, words::score(&worst));
    if let Some(adv) = d.scores.adv {
        text += &format!(", {} attacked with nothing neutralized", words::score(&adv));
    }
    if let Some(clean) = d.scores.clean {
        text += &format!(", {} clean", words::score(&clean));
    }
    if let Some(t) = record.tests.iter().find(|t| t.source == d.source && t.comparison == HEADLINE) {
        let difference = words::points(t.difference, t.low, t.high);
        text += &format!(". P3w minus attacked: {difference}, Holm {}: {}", words::p_value(t.p_holm), t.word);
    }
    Some(text + ".")
}

/// Whether the paper's claim holds here, by its own protocol and by the headline's.
///
/// The claim (its section IV-B): neutralization does not affect classification much (mod-clean), and reduces further
/// vulnerability (mod_adv-adv). It reproduces where, in both directions, the first is "no effect" or "better" and
/// the second "better"; it does not where a test says otherwise; else it is not shown.
fn papers_claim(record: &Record) -> String {
    let claim = "The paper's claim (neutralizing the blob spares classification and reduces vulnerability)";
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
        "accuracy after neutralization against before: {}; accuracy under the paper's attack against the plain one: {}",
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
        "Against an attacker who knows the mask (P3w) the reduction holds in both directions.".to_owned()
    } else if headline.iter().any(|w| matches!(*w, "worse" | "no effect")) {
        format!(
            "Against an attacker who knows the mask (P3w) the reduction does not hold throughout: {words}."
        )
    } else {
        format!(
            "Against an attacker who knows the mask (P3w) the reduction is not shown throughout: {words}."
        )
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
    Some(format!("The blob of {} is empty at theta {theta}: {applied}.", d.source))
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

/// A paired test as a sentence.
pub(super) fn test(t: &PairedTest) -> String {
    let (first, second) = match t.comparison.as_str() {
        "mod-clean" => ("neutralized", "clean"),
        "mod_adv-adv" => ("the paper's protocol (P1)", "attacked"),
        "oblivious-adv" => ("the oblivious attack (P2)", "attacked"),
        "adaptive-adv" => ("the adaptive attack (P3)", "attacked"),
        HEADLINE => ("the worst adaptive attack (P3w)", "attacked"),
        other => other.split_once('-').unwrap_or((other, "?")),
    };
    let word = match t.word.as_str() {
        "better" => "better",
        "worse" => "worse",
        "no effect" => "no effect, the interval lies within 2 points of 0",
        "not shown" => "a difference is not shown",
        other => other,
    };
    format!(
        "Images of {}, {first} minus {second}: {}; {} right only in the first, {} only in the second, n = {}; Holm {}: \
         {word}.",
        t.source,
        words::points(t.difference, t.low, t.high),
        t.first_only,
        t.second_only,
        t.n,
        words::p_value(t.p_holm)
    )
}

/// A control as a sentence.
pub(super) fn control(c: &Control) -> String {
    let scored = if c.scored == "mod" { "without an attack" } else { "under the adaptive attack" };
    let shifts = c.rates.len();
    if shifts == 0 {
        return format!("Images of {}, {scored}: no shifted control was run.", c.source);
    }
    let beaten = match c.rank.saturating_sub(1) {
        0 => "no shift scores at least as well".to_owned(),
        1 => "1 shift scores at least as well".to_owned(),
        n => format!("{n} shifts score at least as well"),
    };
    format!(
        "Images of {}, {scored}: the mask scores {}, rank {} among itself and {} of it; {beaten} ({}).",
        c.source,
        words::score(&c.blob),
        c.rank,
        words::count(shifts, "random shift"),
        words::p_value(c.p)
    )
}

/// Where the regions lie and how they relate, one list per class.
pub(super) fn regions(d: &Direction) -> Vec<String> {
    let mut out = Vec::new();
    let fit = &d.fit;
    out.push(format!(
        "RoI from {}, RoA from {} ({}); of {} in the fit part {} were classified rightly and {} then fell to the attack.",
        words::count(fit.roi_images, "image"),
        words::count(fit.roa_images, "image"),
        fit.roa_from,
        words::count(fit.images, "image"),
        fit.correct,
        fit.successes
    ));
    out.push(format!("The blob {}; the applied mask {}.", region(&d.blob), region(&d.applied_mask)));
    let representatives = d.iou.representatives.map_or_else(
        || "one of the representatives is empty".to_owned(),
        |v| format!("{} for the representatives", number(v)),
    );
    out.push(format!(
        "RoI and RoA overlap (IoU) by {} per image; {representatives}.",
        words::mean(&d.iou.mean_of_samples)
    ));
    if let Some(s) = d.iou.shifts {
        out.push(format!(
            "Among all {} toroidal shifts of one against the other, at least this overlap has {}, at most this overlap \
             {}. Two centred objects overlap more than their shifts do, whatever they are.",
            s.shifts,
            words::p_value(s.upper_p),
            words::p_value(s.lower_p)
        ));
    }
    for (view, c) in [("utility", &d.colocation.utility), ("vulnerability", &d.colocation.vulnerability)] {
        if c.moran.n > 0 {
            out.push(format!(
                "Moran's I of the {view} map on its own {}x{} grid: {}; p < 0.05 in {}.",
                c.grid[0],
                c.grid[1],
                words::mean(&c.moran),
                words::score(&c.moran_significant)
            ));
        }
    }
    for (name, a) in [("RoI", &d.across.roi), ("RoA", &d.across.roa)] {
        if a.difference.n > 0 {
            out.push(format!(
                "An image's {name} overlaps its own class's representative {} the other class's: difference in IoU {}.",
                compared(&a.difference),
                words::mean(&a.difference)
            ));
        }
    }
    for (name, f) in
        [("input values", &d.features.pixels), ("channels of the last layer", &d.features.channels)]
    {
        if f.features > 0 {
            out.push(format!(
                "Of {} {name}, {} are useful and {} of those are not robust (n = {}).",
                f.features, f.useful, f.useful_not_robust, f.n
            ));
        }
    }
    out
}

/// The word for a mean difference: its 95 % interval above, below or around 0.
fn compared(difference: &Mean) -> &'static str {
    if difference.low > 0.0 {
        "more than"
    } else if difference.high < 0.0 {
        "less than"
    } else {
        "neither more nor less, as far as is shown, than"
    }
}

fn region(r: &RegionRecord) -> String {
    if r.area == 0 {
        return "is empty".to_owned();
    }
    format!(
        "has {} ({} of the image) in {}",
        words::count(r.area, "pixel"),
        percent(r.fraction),
        words::count(r.components.len(), "part")
    )
}

/// One planted region as a sentence, the random map beside the method.
pub(super) fn truth(record: &Record) -> Vec<String> {
    let random = |t: &TruthRow| {
        record.truth.iter().find(|r| r.class == t.class && r.region == t.region && r.by == "random")
    };
    let named = |region: &str| match region {
        "roi" => "RoI",
        "roa" => "RoA",
        _ => "blob",
    };
    let rows = record.truth.iter().filter(|t| t.by == "method");
    rows.map(|t| {
        let control = random(t).map_or_else(String::new, |r| format!("; from a random map IoU {}", number(r.iou)));
        format!(
            "Class {}, {}: found against planted IoU {}, precision {}, recall {} ({} found, {} planted){control}.",
            t.class,
            named(&t.region),
            number(t.iou),
            number(t.precision),
            number(t.recall),
            words::count(t.found, "pixel"),
            t.planted
        )
    })
    .collect()
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
    fn the_headline_says_the_tests_word_for_each_class() {
        let of = |words| headline(&with_words(HEADLINE, words));
        assert_eq!(
            of(["better", "better"]),
            "Against an attacker who knows the mask (P3w, the headline), neutralizing the blob helped on images of disc \
             and ring."
        );
        assert!(of(["worse", "not shown"]).contains(
            "made the classifier more vulnerable on images of disc; it is not \
                                                     shown to help or to harm on images of ring."
        ));
        assert!(
            of(["no effect", "no effect"])
                .contains("had no effect on images of disc and ring (within 2 points).")
        );
        let mut record = fixture::demo().record;
        record.tests.clear();
        assert!(headline(&record).contains("says nothing about an attacker who knows the mask"));
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
        assert!(text.contains("(P3w) the reduction holds in both directions"), "{text}");
        let text = judge(all("no effect"), all("better"), ["better", "worse"]);
        assert!(
            text.contains("reproduces here")
                && text.contains("does not hold throughout: better (disc), worse (ring)"),
            "{text}"
        );
        let text = judge(["worse", "no effect"], all("better"), all("not shown"));
        assert!(
            text.contains("does not reproduce here") && text.contains("worse (disc), no effect (ring)"),
            "{text}"
        );
        assert!(text.contains("the reduction is not shown"), "{text}");
        let text = judge(all("no effect"), ["better", "no effect"], all("better"));
        assert!(text.contains("does not reproduce here"), "{text}");
        let text = judge(all("not shown"), all("better"), all("better"));
        assert!(text.contains("is not shown here under its own protocol"), "{text}");
    }

    #[test]
    fn each_word_has_its_sentence() {
        let mut t = fixture::demo().record.tests[0].clone();
        for (word, ending) in [
            ("better", ": better."),
            ("worse", ": worse."),
            ("no effect", ": no effect, the interval lies within 2 points of 0."),
            ("not shown", ": a difference is not shown."),
        ] {
            word.clone_into(&mut t.word);
            assert!(test(&t).ends_with(ending), "{}", test(&t));
        }
    }

    #[test]
    fn an_empty_blob_and_every_flag_are_on_the_first_screen() {
        let text = verdict(&fixture::demo().record).join("\n");
        assert!(
            text.contains("The blob of ring is empty at theta 0.5: its images still get the mask of"),
            "{text}"
        );
        assert!(text.contains("reason to doubt this: few-successes, collapse and empty-blob."), "{text}");
        assert!(verdict(&fixture::bare().record).join("\n").contains("None of the checks fired."));
    }

    #[test]
    fn a_control_that_is_beaten_is_said_to_be() {
        let mut c = fixture::demo().record.controls[0].clone();
        c.rank = 3;
        assert!(control(&c).contains("2 shifts score at least as well"), "{}", control(&c));
        c.rank = 1;
        assert!(control(&c).contains("no shift scores at least as well"), "{}", control(&c));
    }
}
