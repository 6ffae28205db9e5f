//! Single tests, controls, regions and planted truth as sentences.

use crate::record::{Control, Direction, Mean, MoranControl, PairedTest, Record, RegionRecord, TruthRow};
use crate::report::words::{self, number, percent};

/// A paired test as a sentence.
pub(in crate::report) fn test(t: &PairedTest) -> String {
    let (first, second) = match t.comparison.as_str() {
        "mod-clean" => ("neutralized", "clean"),
        "mod_adv-adv" => ("the paper's protocol (P1)", "attacked"),
        "oblivious-adv" => ("the oblivious attack (P2)", "attacked"),
        "adaptive-adv" => ("the adaptive attack (P3)", "attacked"),
        super::HEADLINE => ("the worst case with the mask (P3w)", "the worst case without it (P0w)"),
        other => other.split_once('-').unwrap_or((other, "?")),
    };
    let word = match t.word.as_str() {
        "no effect" => "no effect, the interval lies within 2 points of 0",
        "not shown" => "a difference is not shown",
        other => other,
    };
    format!(
        "Images of class {}, {first} minus {second}: {}; {} correct only under the first, {} only under the second, n \
         = {}; Holm {}: {word}.",
        t.source,
        words::points(t.difference, t.low, t.high),
        t.first_only,
        t.second_only,
        t.n,
        words::p_value(t.p_holm)
    )
}

/// A control as a sentence.
pub(in crate::report) fn control(c: &Control) -> String {
    let scored = match c.scored.as_str() {
        "mod" => "without an attack",
        "adaptive" => "under the adaptive attack (P3)",
        _ => "under the worst adaptive attack (P3w)",
    };
    let shifts = c.rates.len();
    if shifts == 0 {
        return format!("Images of class {}, {scored}: shifted controls were not run.", c.source);
    }
    let beaten = match c.rank.saturating_sub(1) {
        0 => "no shift scores at least as well".to_owned(),
        1 => "1 shift scores at least as well".to_owned(),
        n => format!("{n} shifts score at least as well"),
    };
    format!(
        "Images of class {}, {scored}: the mask scores {} and ranks {} of {} (the mask and {} of it); {beaten} ({}).",
        c.source,
        words::score(&c.blob),
        c.rank,
        shifts + 1,
        words::count(shifts, "random shift"),
        words::p_value(c.p)
    )
}

/// Where the regions lie and how they relate, one list per class.
pub(in crate::report) fn regions(d: &Direction) -> Vec<String> {
    let mut out = Vec::new();
    let fit = &d.fit;
    out.push(format!(
        "The RoI comes from {}, the RoA from {} ({}); of {} in the fit part, {} were classified correctly, and the \
         attack succeeded on {} of them.",
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
            "Compared with all {} toroidal shifts of one against the other, an overlap at least as large has {}, one \
             at most as large {}. Two centred objects overlap more than their shifts do, whatever they are.",
            s.shifts,
            words::p_value(s.upper_p),
            words::p_value(s.lower_p)
        ));
    }
    for (view, c) in [("utility", &d.colocation.utility), ("vulnerability", &d.colocation.vulnerability)] {
        if c.moran.n > 0 {
            out.push(format!(
                "Moran's I of the {view} map on its own {}x{} grid: {}; p < 0.05 in {}, which says nothing about \
                 training. {}",
                c.grid[0],
                c.grid[1],
                words::mean(&c.moran),
                words::score(&c.moran_significant),
                untrained(view, c.control.as_ref())
            ));
        }
    }
    for (name, a) in [("RoI", &d.across.roi), ("RoA", &d.across.roa)] {
        if a.difference.n > 0 {
            let (overlaps, than) = compared(&a.difference);
            out.push(format!(
                "An image's {name} {overlaps} its own class's representative {than} the other class's: difference in \
                 IoU {}.",
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

/// Moran's I compared with that of the untrained network.
fn untrained(view: &str, control: Option<&MoranControl>) -> String {
    let Some(c) = control else {
        return "Nothing follows from I without the untrained network, which was not run.".to_owned();
    };
    let verdict = match c.difference.n {
        0 => "no image has a map that varies in both networks",
        1 => "a single image shows nothing",
        _ if c.difference.low > 0.0 => "large values lie together more than without training",
        _ if c.difference.high < 0.0 => "large values lie together less than without training",
        _ => "a difference is not shown",
    };
    let noise = if c.noise.n > 0 && c.noise_untrained.n > 0 {
        let (trained, untrained) = (words::mean(&c.noise), words::mean(&c.noise_untrained));
        format!(" The {view} map of white noise: {trained} trained, {untrained} untrained.")
    } else {
        String::new()
    };
    let (mean, difference) = (words::mean(&c.untrained), words::mean(&c.difference));
    format!("The same network untrained: {mean}; paired difference {difference}: {verdict}.{noise}")
}

/// The words for a mean difference: its 95 % interval lies above, below or around 0.
fn compared(difference: &Mean) -> (&'static str, &'static str) {
    if difference.low > 0.0 {
        ("overlaps", "more than")
    } else if difference.high < 0.0 {
        ("overlaps", "less than")
    } else {
        ("is not shown to overlap", "more or less than")
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

/// Each planted region as a sentence, with the value of a random map beside it.
pub(in crate::report) fn truth(record: &Record) -> Vec<String> {
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
        let control = random(t).map_or_else(String::new, |r| format!("; IoU from a random map {}", number(r.iou)));
        format!(
            "Class {}, {}: IoU of found and planted {}, precision {}, recall {} ({} found, {} planted){control}.",
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
    fn a_control_that_is_beaten_is_said_to_be() {
        let mut c = fixture::demo().record.controls[0].clone();
        c.rank = 3;
        assert!(control(&c).contains("2 shifts score at least as well"), "{}", control(&c));
        c.rank = 1;
        assert!(control(&c).contains("no shift scores at least as well"), "{}", control(&c));
    }

    #[test]
    fn co_location_is_concluded_from_the_untrained_network_and_never_from_shares() {
        let mut d = fixture::demo().record.directions[0].clone();
        let sentence = |d: &Direction| {
            regions(d).into_iter().find(|s| s.starts_with("Moran's I of the utility map")).unwrap()
        };
        for (low, high, ending) in [
            (0.01, 0.21, "large values lie together more than without training"),
            (-0.01, 0.23, "a difference is not shown"),
            (-0.21, -0.01, "large values lie together less than without training"),
        ] {
            let control = d.colocation.utility.control.as_mut().unwrap();
            (control.difference.low, control.difference.high) = (low, high);
            assert!(sentence(&d).contains(ending), "{}", sentence(&d));
        }
        d.colocation.utility.control.as_mut().unwrap().difference = Mean::of(&[]);
        assert!(sentence(&d).contains("no image has a map"), "{}", sentence(&d));
        d.colocation.utility.control = None;
        assert!(sentence(&d).ends_with("was not run."), "{}", sentence(&d));
    }
}
