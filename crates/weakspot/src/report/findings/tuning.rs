//! The search as sentences: what was searched, what was chosen by which rule, and what it is worth on eval.

use crate::metrics::Z_95;
use crate::record::{Record, Score, TunedPoint, TuningRecord};
use crate::report::agreement::newcombe;
use crate::report::words::{count, percent, points, score};

/// The whole account, for the page.
pub(in crate::report) fn tuning(record: &Record) -> Vec<String> {
    let Some(tuning) = &record.tuning else { return Vec::new() };
    let classes = &record.data.classes;
    let Some(chosen) = tuning.points.get(tuning.chosen) else { return Vec::new() };
    let attack = attack(tuning);
    let mut out = vec![
        format!(
            "Searched: {} (delta1, delta2, theta, fill) on {} tune images ({} of {}, {} of {}) under {attack}. Equal \
             masks were scored once, which left {} of mask and fill, counted class by class.",
            count(tuning.points.len(), "point"),
            tuning.n[0] + tuning.n[1],
            tuning.n[0],
            classes[0],
            tuning.n[1],
            classes[1],
            count(tuning.evaluated, "pair"),
        ),
        choice(tuning, chosen),
        format!(
            "On the tune images it scores {} neutralized ({} clean) and {} under {attack} ({} attacked without a \
             mask).",
            score(&chosen.modified.both),
            score(&tuning.clean.both),
            score(&chosen.attacked.both),
            score(&tuning.adv.both)
        ),
        gap(tuning, chosen),
    ];
    out.extend(one_sided(tuning, classes));
    match tuning.untuned.and_then(|i| tuning.points.get(i)) {
        Some(_) if tuning.untuned == Some(tuning.chosen) => {
            out.push("It is the point that the study would have used without a search.".to_owned());
        }
        Some(point) => out.push(format!(
            "Without a search the study would have used {}: on the tune images {} neutralized, {} under {attack}.",
            settings(point),
            score(&point.modified.both),
            score(&point.attacked.both)
        )),
        None => {}
    }
    if tuning.stopped_training {
        out.push(
            "The same tune part also stopped the training: the classifier was kept because it is correct on these \
             images, so their accuracies flatter it and the search."
                .to_owned(),
        );
    }
    out
}

/// How many points of the front make the classifier predict one class for everything: what such a point gains under
/// attack, it gains by looking at nothing.
fn one_sided(tuning: &TuningRecord, classes: &[String; 2]) -> Option<String> {
    let front: Vec<&TunedPoint> = tuning.points.iter().filter(|point| point.front).collect();
    let of = |class: usize| {
        front.iter().filter(|p| p.attacked.k[class] > 0 && p.attacked.k[1 - class] == 0).count()
    };
    let counts = [of(0), of(1)];
    if counts == [0, 0] {
        return None;
    }
    let parts: Vec<String> = counts
        .iter()
        .zip(classes)
        .filter(|(n, _)| **n > 0)
        .map(|(n, class)| {
            format!("at {n} of them, every image that is correct under attack is of class {class}")
        })
        .collect();
    Some(format!(
        "{} on the Pareto front; {}. A mask that makes the classifier predict one class for everything cannot be \
         attacked any further, and defends nothing.",
        if front.len() == 1 { "1 point is".to_owned() } else { format!("{} points are", front.len()) },
        parts.join(", ")
    ))
}

/// One sentence, for a terminal.
pub(in crate::report) fn tuning_in_short(record: &Record) -> Option<String> {
    let tuning = record.tuning.as_ref()?;
    let chosen = tuning.points.get(tuning.chosen)?;
    Some(format!("{} {}", choice(tuning, chosen), gap(tuning, chosen)))
}

fn attack(tuning: &TuningRecord) -> &'static str {
    if tuning.scored == "adaptive" { "the adaptive attack (P3)" } else { "the paper's protocol (P1)" }
}

fn settings(point: &TunedPoint) -> String {
    format!("delta1 {}, delta2 {}, theta {}, fill {}", point.delta1, point.delta2, point.theta, point.fill)
}

fn choice(tuning: &TuningRecord, chosen: &TunedPoint) -> String {
    let within = tuning.points.iter().filter(|point| point.within).count();
    let rule = if chosen.within {
        format!(
            "of the {} that cost at most {} of the tune images, the best under {}",
            count(within, "point"),
            percent(tuning.cost),
            attack(tuning)
        )
    } else {
        format!(
            "every point costs more than {} of the tune images, and this one costs least",
            percent(tuning.cost)
        )
    };
    let gains = if chosen.area == [0, 0] {
        " Its mask is empty: nothing is neutralized."
    } else if chosen.attacked.both.k <= tuning.adv.both.k {
        " It is no better under attack than no mask at all: no point of the grid pays at that cost."
    } else {
        ""
    };
    format!("Chosen: {}; {rule}.{gains}", settings(chosen))
}

/// Tune beside eval: what the choice itself adds, and what another part of the data takes away.
fn gap(tuning: &TuningRecord, chosen: &TunedPoint) -> String {
    let minus = |tune: &Score, eval: &Score| {
        let (low, high) = newcombe((tune.k, tune.n), (eval.k, eval.n), Z_95);
        points(tune.rate - eval.rate, low, high)
    };
    let (modified, attacked) = (&chosen.modified.both, &chosen.attacked.both);
    format!(
        "On eval, which the search never saw, it scores {} neutralized ({} clean) and {} under {} ({} attacked without \
         a mask). Tune minus eval: {} neutralized, {} attacked.",
        score(&tuning.eval.modified),
        score(&tuning.eval.clean),
        score(&tuning.eval.attacked),
        attack(tuning),
        score(&tuning.eval.adv),
        minus(modified, &tuning.eval.modified),
        minus(attacked, &tuning.eval.attacked)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_account_puts_tune_and_eval_side_by_side() {
        let text = tuning(&fixture::tuned().record).join("\n");
        for expected in [
            "Searched: 8 points (delta1, delta2, theta, fill) on 400 tune images (200 of disc, 200 of ring)",
            "Chosen: delta1 top:30%, delta2 top:20%, theta 0.5, fill 0; of the 5 points that cost at most 1.0 %",
            "On eval, which the search never saw, it scores",
            "Tune minus eval: +1.0 points [",
            "Without a search the study would have used delta1 top:30%, delta2 top:30%, theta 0.5, fill 0",
            "stopped the training",
            "on the Pareto front; at 4 of them, every image that is correct under attack is of class disc.",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing from\n{text}");
        }
        assert!(tuning(&fixture::demo().record).is_empty());
    }

    #[test]
    fn a_choice_that_costs_more_than_asked_and_one_that_masks_nothing_say_so() {
        let mut record = fixture::tuned().record;
        let found = record.tuning.as_mut().unwrap();
        for point in &mut found.points {
            point.within = false;
            point.area = [0, 0];
        }
        found.untuned = Some(found.chosen);
        found.stopped_training = false;
        let text = tuning(&record).join("\n");
        for expected in ["every point costs more", "Its mask is empty", "would have used without a search."] {
            assert!(text.contains(expected), "{expected:?} is missing from\n{text}");
        }
        assert!(!text.contains("stopped the training"));
        let found = record.tuning.as_mut().unwrap();
        for point in &mut found.points {
            point.area = [9, 9];
            point.attacked.k = [1, 1];
        }
        found.adv.both = found.points[found.chosen].attacked.both;
        let text = tuning(&record).join("\n");
        assert!(text.contains("no better under attack than no mask at all"), "{text}");
        assert!(!text.contains("on the Pareto front"), "{text}");
        assert!(tuning_in_short(&record).unwrap().starts_with("Chosen: "));
        record.tuning.as_mut().unwrap().points.clear();
        assert!(tuning(&record).is_empty(), "a damaged record is no reason to panic");
    }

    #[test]
    fn the_words_of_the_rule_are_the_rule() {
        let found = fixture::tuned().record.tuning.unwrap();
        let within = found.points.iter().filter(|p| p.within);
        let best = within.map(|p| (p.attacked.both.k, p.modified.both.k)).max().unwrap();
        let chosen = &found.points[found.chosen];
        assert_eq!((chosen.attacked.both.k, chosen.modified.both.k), best);
        assert_eq!(percent(found.cost), "1.0 %");
    }
}
