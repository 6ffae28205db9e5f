//! The headline, P3w minus P0w: one sentence on whether the mask helped, one for each class, one on the margins and one
//! on the sweep. "Helped" is about both classes together and needs everything that [`Helped`] lists.

use super::{HEADLINE, by_word};
use crate::metrics::CANNOT_TELL;
use crate::record::{Direction, Record, SweepPoint};
use crate::report::words::{self, list};

/// Rates of P0w in this range leave room on both sides (METHODS, section 8).
const ROOM: std::ops::RangeInclusive<f64> = 0.1..=0.9;

/// What has to hold before the report says that a mask helped.
#[expect(clippy::struct_excessive_bools, reason = "each is one condition of a list")]
struct Helped {
    /// No image's mask was chosen by its label; otherwise two classifiers are mixed, and nothing is judged.
    one_classifier: bool,
    /// The interval of P3w - P0w, both classes together, lies above 0.
    together: bool,
    /// No class is worse.
    no_class_worse: bool,
    /// The defended model tells the classes apart better, whatever the threshold: the interval of the difference of
    /// AUCs lies above 0.
    separates: bool,
    /// One added number does less: the interval of the balanced accuracy minus the placebo's lies above 0.
    beats_placebo: bool,
}

impl Helped {
    fn of(record: &Record) -> Self {
        let separation = record.separation.as_ref();
        Self {
            one_classifier: words::setting(record, "mask") != Some("oracle"),
            together: both(record).is_some_and(|d| d.low > 0.0),
            no_class_worse: by_word(record, HEADLINE).iter().all(|(word, _)| *word != "worse"),
            separates: separation.and_then(|s| s.auc).is_some_and(|auc| auc.difference.low > 0.0),
            beats_placebo: separation.is_some_and(|s| s.placebo.difference.low > 0.0),
        }
    }

    fn holds(&self) -> bool {
        self.one_classifier && self.together && self.no_class_worse && self.separates && self.beats_placebo
    }

    /// What is lacking if some class gained.
    fn lacking(&self) -> Vec<String> {
        [
            (self.together, "the difference of both classes together is not shown to be above 0"),
            (self.no_class_worse, "the other class is worse"),
            (self.separates, "the AUC of the margins is not shown to rise"),
            (
                self.beats_placebo,
                "the mask is not shown to do more than one number added to the undefended model's logit",
            ),
        ]
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, why)| why.to_owned())
        .collect()
    }
}

/// Whether the mask helped, if that is judged.
pub(super) fn helped(record: &Record) -> Option<bool> {
    let found = Helped::of(record);
    (found.one_classifier && !by_word(record, HEADLINE).is_empty()).then(|| found.holds())
}

/// P3w - P0w, both classes together.
fn both(record: &Record) -> Option<crate::record::Interval> {
    record.differences.iter().find(|d| d.comparison == HEADLINE).map(|d| d.difference)
}

/// Whether the mask helped, in the words of the tests.
pub(super) fn headline(record: &Record) -> String {
    let found = by_word(record, HEADLINE);
    if found.is_empty() {
        return "The headline (P3w minus P0w: the defended and the undefended model under the same attacks) was not \
                measured, so this study says nothing about an attacker who knows the mask."
            .to_owned();
    }
    let has = |word: &str| found.iter().any(|(of, _)| *of == word);
    let only = |word: &str| found.iter().all(|(of, _)| *of == word);
    let helped = Helped::of(record);
    let mask = if record.given_mask.is_some() { "the given mask" } else { "the blob" };
    let judged = if !helped.one_classifier {
        format!(
            "it is not judged whether neutralizing {mask} helps: each image got the mask of its true class, so two \
             classifiers are mixed"
        )
    } else if helped.holds() {
        format!("neutralizing {mask} helped")
    } else if only(CANNOT_TELL) {
        format!("it cannot be told at this eps whether neutralizing {mask} helps")
    } else if has("better") && has("worse") {
        format!(
            "neutralizing {mask} made one class better and the other worse: it moved predictions towards one class"
        )
    } else if has("better") {
        format!(
            "neutralizing {mask} is not shown to help, although a class is better: {}",
            list(&helped.lacking())
        )
    } else if has("worse") {
        format!("neutralizing {mask} did harm")
    } else if only("no effect") {
        format!("neutralizing {mask} had no effect (within 2 points)")
    } else {
        format!("neutralizing {mask} is not shown to help or to harm")
    };
    let words: Vec<String> = found
        .iter()
        .map(|(word, classes)| {
            let names: Vec<String> = classes.iter().map(|c| format!("class {c}")).collect();
            format!("{word} on images of {}", list(&names))
        })
        .collect();
    format!(
        "Against an attacker who knows the mask, {judged}. P3w minus P0w (the same attacks with and without the mask): \
         {}.",
        words.join("; ")
    )
}

/// One class's headline numbers: P3w, P0w, clean, and the test.
pub(super) fn numbers(record: &Record, d: &Direction) -> Option<String> {
    let worst = d.scores.adaptive_worst?;
    let mut parts = vec![format!("Images of class {}: {} correct under P3w", d.source, words::score(&worst))];
    if let Some(plain) = d.scores.adv_worst {
        parts.push(format!("{} under P0w (nothing neutralized)", words::score(&plain)));
    }
    if let Some(clean) = d.scores.clean {
        parts.push(format!("{} clean", words::score(&clean)));
    }
    let scores = parts.join(", ");
    let test = record.tests.iter().find(|t| t.source == d.source && t.comparison == HEADLINE);
    Some(test.map_or_else(
        || format!("{scores}."),
        |t| {
            let difference = words::points(t.difference, t.low, t.high);
            format!("{scores}. P3w minus P0w: {difference}, Holm {}: {}.", words::p_value(t.p_holm), t.word)
        },
    ))
}

/// Both classes together, and whether a moved threshold explains it.
pub(super) fn together(record: &Record) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(d) = both(record) {
        out.push(format!(
            "Both classes together, P3w minus P0w: {} (the mean of the two classes' differences; not tested).",
            words::points(d.value, d.low, d.high)
        ));
    }
    let Some(separation) = &record.separation else { return out };
    let placebo = &separation.placebo;
    let n: usize = placebo.scores.iter().map(|s| s.n).sum();
    let number = |i: &crate::record::Interval| {
        format!("{} [{}, {}]", words::number(i.value), words::number(i.low), words::number(i.high))
    };
    let auc = separation.auc.as_ref().map_or_else(
        || "The AUC is not defined: a class has fewer than two images.".to_owned(),
        |auc| {
            let word = if auc.difference.low > 0.0 {
                "the defended model separates the classes better, whatever the threshold"
            } else if auc.difference.high < 0.0 {
                "the defended model separates the classes worse"
            } else {
                "it is not shown that the defended model separates the classes better"
            };
            format!(
                "AUC {} defended, {} undefended, difference {}: {word}.",
                number(&auc.adaptive_worst),
                number(&auc.adv_worst),
                number(&auc.difference)
            )
        },
    );
    let percent = |i: &crate::record::Interval| {
        format!("{} {}", words::percent(i.value), words::interval(i.low, i.high))
    };
    let d = &placebo.difference;
    out.push(format!(
        "Is it more than a moved threshold? Margins of {n} images under attacks that are run to their end: {auc} The \
         placebo, the undefended model with one number ({:+.3}) added to a logit so that it predicts each class as \
         often as the defended model, has a balanced accuracy of {}; the defended model has {}. Mask minus placebo: \
         {}.",
        placebo.shift,
        percent(&placebo.balanced),
        percent(&placebo.masked_balanced),
        words::points(d.value, d.low, d.high)
    ));
    out
}

/// At which eps of the sweep the mask makes it better or worse, and at which this cannot be told.
pub(super) fn sweep(record: &Record) -> Vec<String> {
    let tested: Vec<&SweepPoint> = record.sweep.iter().filter(|p| p.worst.is_some()).collect();
    if tested.is_empty() {
        return Vec::new();
    }
    let mut by: Vec<(&str, Vec<String>)> = Vec::new();
    for word in ["better", "worse", "no effect", "not shown", CANNOT_TELL] {
        let mut at: Vec<String> = Vec::new();
        for class in &record.data.classes {
            let eps: Vec<String> = tested
                .iter()
                .filter(|p| &p.source == class && p.worst.as_ref().is_some_and(|t| t.word == word))
                .map(|p| words::epsilon(p.epsilon))
                .collect();
            if !eps.is_empty() {
                at.push(format!("{} ({class})", list(&eps)));
            }
        }
        if !at.is_empty() {
            by.push((word, at));
        }
    }
    let parts: Vec<String> = by
        .iter()
        .map(|(word, at)| {
            let word = if *word == CANNOT_TELL { "cannot tell" } else { word };
            format!("{word} at {}", at.join(" and "))
        })
        .collect();
    let n = tested.iter().filter_map(|p| p.adv_worst.map(|s| s.n)).max().unwrap_or(0);
    let mut out = vec![format!(
        "In the sweep over eps, on at most {n} images of each class, P3w minus P0w: {}.",
        parts.join("; ")
    )];
    out.extend(record.directions.iter().filter_map(|d| where_it_can_be_told(record, d, &tested)));
    out
}

/// For a class whose headline cannot be told: the largest eps of the sweep that leaves room, and its word there.
fn where_it_can_be_told(record: &Record, d: &Direction, tested: &[&SweepPoint]) -> Option<String> {
    let headline = record.tests.iter().find(|t| t.source == d.source && t.comparison == HEADLINE)?;
    if headline.word != CANNOT_TELL {
        return None;
    }
    let mut own: Vec<&&SweepPoint> = tested.iter().filter(|p| p.source == d.source).collect();
    own.sort_by(|a, b| a.epsilon.total_cmp(&b.epsilon));
    let rate = |p: &SweepPoint| p.adv_worst.map_or(0.0, |s| s.rate);
    if let Some((p, test)) =
        own.iter().rev().filter(|p| ROOM.contains(&rate(p))).find_map(|p| Some((p, p.worst.as_ref()?)))
    {
        return Some(format!(
            "Images of class {}: the largest eps of the sweep at which P0w leaves between 10 and 90 % correct is {} \
             ({}); the word there is \"{}\" ({}).",
            d.source,
            words::epsilon(p.epsilon),
            words::percent(rate(p)),
            test.word,
            words::points(test.difference, test.low, test.high)
        ));
    }
    let high: Vec<f64> = own.iter().filter(|p| rate(p) > *ROOM.end()).map(|p| p.epsilon).collect();
    let low: Vec<f64> = own.iter().filter(|p| rate(p) < *ROOM.start()).map(|p| p.epsilon).collect();
    let next = match (high.last(), low.first()) {
        (Some(a), Some(b)) => {
            format!("look between {} and {}", words::epsilon(*a), words::epsilon(*b))
        }
        (None, _) => "look at smaller eps (setting sweep)".to_owned(),
        (_, None) => "look at larger eps (setting sweep)".to_owned(),
    };
    Some(format!(
        "Images of class {}: P0w leaves between 10 and 90 % correct at no eps of the sweep; {next}.",
        d.source
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Score;
    use crate::record::Interval;
    use crate::report::fixture;

    /// The fixture with these words for its two classes, and everything else in favour of the mask.
    fn with(words: [&str; 2]) -> Record {
        let mut record = fixture::demo().record;
        for (t, word) in record.tests.iter_mut().filter(|t| t.comparison == HEADLINE).zip(words) {
            t.word = word.to_owned();
        }
        let above = Interval { value: 0.2, low: 0.1, high: 0.3 };
        for d in &mut record.differences {
            d.difference = above;
        }
        let separation = record.separation.as_mut().unwrap();
        separation.auc.as_mut().unwrap().difference = above;
        separation.placebo.difference = above;
        record
    }

    type Change = fn(&mut Record, Interval);

    #[test]
    fn helped_needs_every_condition() {
        let sound = with(["better", "better"]);
        assert!(headline(&sound).contains("the mask, neutralizing the blob helped. P3w minus P0w ("));
        assert!(headline(&with(["better", "not shown"])).contains("neutralizing the blob helped."));
        let below = Interval { value: 0.2, low: -0.1, high: 0.3 };
        let changes: [(Change, &str); 3] = [
            (|r, i| r.differences.iter_mut().for_each(|d| d.difference = i), "both classes together"),
            (|r, i| r.separation.as_mut().unwrap().auc.as_mut().unwrap().difference = i, "the AUC"),
            (|r, i| r.separation.as_mut().unwrap().placebo.difference = i, "one number added"),
        ];
        for (change, why) in changes {
            let mut record = sound.clone();
            change(&mut record, below);
            let text = headline(&record);
            assert!(
                text.contains("is not shown to help, although a class is better") && text.contains(why),
                "{text}"
            );
        }
        let mut oracle = sound.clone();
        oracle.config.insert("mask".to_owned(), "oracle".to_owned());
        assert!(headline(&oracle).contains("it is not judged whether neutralizing the blob helps"));
        let mut without = sound;
        without.separation = None;
        assert!(!headline(&without).contains("blob helped."));
    }

    #[test]
    fn every_other_word_is_said_as_it_is() {
        let said = |words| {
            let mut record = with(words);
            record.differences[0].difference.low = -0.1;
            headline(&record)
        };
        assert!(said(["better", "worse"]).contains("moved predictions towards one class"));
        assert!(said(["worse", "not shown"]).contains("did harm"));
        assert!(said(["no effect", "no effect"]).contains("had no effect (within 2 points)"));
        assert!(said([CANNOT_TELL, CANNOT_TELL]).contains("cannot be told at this eps"));
        let text = said([CANNOT_TELL, "no effect"]);
        assert!(text.contains("is not shown to help or to harm"), "{text}");
        assert!(text.ends_with(
            "cannot tell at this eps on images of class disc; no effect on images of class ring."
        ));
        let mut record = fixture::demo().record;
        record.tests.clear();
        assert!(headline(&record).contains("says nothing about an attacker who knows the mask"));
    }

    #[test]
    fn the_sweep_says_where_it_can_be_told() {
        let mut record = with([CANNOT_TELL, "better"]);
        let text = sweep(&record).join("\n");
        assert!(text.contains("P3w minus P0w: "), "{text}");
        // The fixture's undefended worst case leaves 60 % of class disc correct at 4/255, and 2 % at 8/255.
        assert!(
            text.contains(
                "largest eps of the sweep at which P0w leaves between 10 and 90 % correct is 4/255"
            ),
            "{text}"
        );
        assert!(!text.contains("Images of class ring"), "only where it cannot be told: {text}");
        let mut all = |rates: [usize; 4]| {
            for (p, k) in record.sweep.iter_mut().filter(|p| p.source == "disc").zip(rates) {
                p.adv_worst = Some(Score::of(k, 100));
            }
            sweep(&record).join("\n")
        };
        assert!(all([5, 1, 0, 0]).contains("look at smaller eps"));
        assert!(all([100, 100, 95, 91]).contains("look at larger eps"));
        assert!(all([100, 95, 5, 0]).contains("look between 4/255 and 8/255"));
    }
}
