//! Tests, flags, sweep, controls, regions and planted truth, one row per entry of the record.

use super::{Cell, Table};
use crate::record::{Interval, Mean, Record, RegionRecord, Score};
use crate::report::words;

/// The paired comparisons.
pub(super) fn tests(record: &Record) -> Table {
    let row = |t: &crate::record::PairedTest| {
        vec![
            Cell::text(&t.source),
            Cell::text(&t.comparison),
            Cell::Count(t.n),
            Cell::Count(t.first_only),
            Cell::Count(t.second_only),
            Cell::Rate(t.difference),
            Cell::Rate(t.low),
            Cell::Rate(t.high),
            Cell::P(t.p),
            Cell::P(t.p_holm),
            Cell::text(&t.word),
        ]
    };
    Table {
        name: "tests",
        title: "Paired comparisons on the same images".to_owned(),
        note: "Exact McNemar tests, two-sided, corrected by Holm's method over all rows of this table. The difference \
               is the first protocol's accuracy minus the second's, with its 95 % interval. The word is the first of \
               these that applies: cannot tell at this eps (under attack, both rates are at most 2 % or both at least \
               98 %); better or worse (Holm p < 0.05); no effect (the interval lies within 2 points of 0); not shown \
               (otherwise). Rows of (both), in the CSV with an empty class, have the mean of the two classes' \
               differences, which is not tested."
            .to_owned(),
        header: vec![
            "class",
            "comparison",
            "n",
            "right in first only",
            "right in second only",
            "difference",
            "low",
            "high",
            "p",
            "p (Holm)",
            "word",
        ],
        rows: record.tests.iter().map(row).chain(record.differences.iter().map(both)).collect(),
    }
}

/// A comparison of both classes together.
fn both(d: &crate::record::BothDifference) -> Vec<Cell> {
    let mut row = vec![Cell::Both, Cell::text(&d.comparison), Cell::None, Cell::None, Cell::None];
    row.extend([d.difference.value, d.difference.low, d.difference.high].map(Cell::Rate));
    row.extend([Cell::None, Cell::None, Cell::None]);
    row
}

/// AUC and placebo: what a moved threshold explains.
pub(super) fn separation(record: &Record) -> Table {
    let mut rows = Vec::new();
    if let Some(s) = &record.separation {
        let number = |quantity: &str, i: &Interval| {
            let mut row = vec![Cell::text(quantity), Cell::None, Cell::None];
            row.extend([i.value, i.low, i.high].map(Cell::Number));
            row
        };
        let rate = |quantity: String, n: Option<&Score>, i: Interval| {
            let mut row =
                vec![Cell::text(quantity), Cell::count(n.map(|s| s.k)), Cell::count(n.map(|s| s.n))];
            row.extend([i.value, i.low, i.high].map(Cell::Rate));
            row
        };
        if let Some(auc) = &s.auc {
            rows.push(number("AUC of the margins, nothing neutralized (P0w)", &auc.adv_worst));
            rows.push(number("AUC of the margins, neutralized (P3w)", &auc.adaptive_worst));
            rows.push(number("difference of the AUCs", &auc.difference));
        }
        let shift = s.placebo.shift;
        rows.push(vec![
            Cell::text("placebo: the number added to class 1's logit"),
            Cell::None,
            Cell::None,
            Cell::Number(shift),
            Cell::None,
            Cell::None,
        ]);
        for (what, scores, balanced) in [
            ("neutralized (P3w)", &s.placebo.masked_scores, s.placebo.masked_balanced),
            ("placebo", &s.placebo.scores, s.placebo.balanced),
        ] {
            for (class, score) in record.data.classes.iter().zip(scores) {
                let interval = Interval { value: score.rate, low: score.low, high: score.high };
                rows.push(rate(format!("accuracy, {what}, class {class}"), Some(score), interval));
            }
            rows.push(rate(format!("balanced accuracy, {what}"), None, balanced));
        }
        rows.push(rate(
            "balanced accuracy, neutralized minus placebo".to_owned(),
            None,
            s.placebo.difference,
        ));
    }
    Table {
        name: "separation",
        title: "Is it more than a moved threshold?".to_owned(),
        note: "Each image's lowest margin under no attack, the attack and 20 steps of PGD, all run to their end, on at \
               most 300 eval images of each class. AUC: the chance that an image of the second class has the larger \
               score, whatever the threshold (DeLong's interval). Placebo: the undefended model with one number added, \
               so that it predicts each class as often as the defended one. A mask that does no more than the placebo \
               has only moved a threshold."
            .to_owned(),
        header: vec!["quantity", "k", "n", "value", "low", "high"],
        rows,
    }
}

/// The reasons to doubt.
pub(super) fn flags(record: &Record) -> Table {
    let rows = record.directions.iter().flat_map(|d| {
        d.flags.iter().map(|f| {
            vec![Cell::text(&d.source), Cell::text(&f.id), Cell::Number(f.value), Cell::text(&f.advice)]
        })
    });
    Table {
        name: "flags",
        title: "Reasons to doubt".to_owned(),
        note: String::new(),
        header: vec!["class", "flag", "value", "advice"],
        rows: rows.collect(),
    }
}

/// Scores over epsilon.
pub(super) fn sweep(record: &Record) -> Table {
    let mut rows = Vec::new();
    for point in &record.sweep {
        for (name, score) in [
            ("clean", Some(point.clean)),
            ("adv", Some(point.adv)),
            ("adaptive", point.adaptive),
            ("adv_worst", point.adv_worst),
            ("adaptive_worst", point.adaptive_worst),
        ] {
            let Some(score) = score else { continue };
            let mut row = vec![
                Cell::text(&point.source),
                Cell::text(words::epsilon(point.epsilon)),
                Cell::Number(point.epsilon),
                Cell::text(name),
            ];
            row.extend(score_cells(&score));
            row.extend([Cell::None, Cell::None]);
            rows.push(row);
        }
        if let Some(t) = &point.worst {
            rows.push(vec![
                Cell::text(&point.source),
                Cell::text(words::epsilon(point.epsilon)),
                Cell::Number(point.epsilon),
                Cell::text(&t.comparison),
                Cell::None,
                Cell::Count(t.n),
                Cell::Rate(t.difference),
                Cell::Rate(t.low),
                Cell::Rate(t.high),
                Cell::P(t.p_holm),
                Cell::text(&t.word),
            ]);
        }
    }
    Table {
        name: "sweep",
        title: "Accuracy over epsilon, with the same blob and thresholds".to_owned(),
        note: "On at most 100 eval images of each class. adaptive_worst-adv_worst is P3w minus P0w, with exact McNemar \
               tests, corrected by Holm's method over all radii and classes of this table. The words are those of the \
               paired comparisons."
            .to_owned(),
        header: vec![
            "class",
            "eps",
            "eps (decimal)",
            "protocol",
            "k",
            "n",
            "rate",
            "low",
            "high",
            "p (Holm)",
            "word",
        ],
        rows,
    }
}

/// The mask compared with random shifts of it.
pub(super) fn controls(record: &Record) -> Table {
    let mut rows = Vec::new();
    for c in &record.controls {
        let ends = c.rates.iter().copied().fold(None, |ends: Option<(f64, f64)>, r| {
            Some(ends.map_or((r, r), |(low, high)| (low.min(r), high.max(r))))
        });
        let mut row = vec![Cell::text(&c.source), Cell::text(&c.scored)];
        row.extend(score_cells(&c.blob));
        row.extend([
            Cell::Count(c.rates.len()),
            Cell::rate(ends.map(|e| e.0)),
            Cell::rate(ends.map(|e| e.1)),
            Cell::Count(c.rank),
            Cell::P(c.p),
        ]);
        rows.push(row);
    }
    Table {
        name: "controls",
        title: "The mask against random shifts of it".to_owned(),
        note: "Toroidal shifts keep area and shape. Rank 1: no shift scores at least as well. p = (r + 1) / (D + 1) if \
               r of D shifts score at least as well. Controls are described, not tested."
            .to_owned(),
        header: vec![
            "class",
            "scored",
            "k",
            "n",
            "rate",
            "low",
            "high",
            "shifts",
            "lowest shift",
            "highest shift",
            "rank",
            "p",
        ],
        rows,
    }
}

/// Sizes of the regions, their overlap and their co-location.
pub(super) fn regions(record: &Record) -> Table {
    let mut rows = Vec::new();
    for d in &record.directions {
        let mut push = |quantity: &str, value: Cell, low: Cell, high: Cell, n: Cell| {
            rows.push(vec![Cell::text(&d.source), Cell::text(quantity), value, low, high, n]);
        };
        let mut mean = |quantity: &str, m: &Mean| {
            let cell = |v: f64| if m.n == 0 { Cell::None } else { Cell::Number(v) };
            push(quantity, cell(m.mean), cell(m.low), cell(m.high), Cell::Count(m.n));
        };
        mean("RoI, share of the image", &d.fit.roi_fraction);
        mean("RoA, share of the image", &d.fit.roa_fraction);
        mean("IoU of RoI and RoA, mean of samples", &d.iou.mean_of_samples);
        for (view, c) in [("utility", &d.colocation.utility), ("vulnerability", &d.colocation.vulnerability)]
        {
            let grid = format!("at {}x{}", c.grid[0], c.grid[1]);
            mean(&format!("Moran's I of the {view} map {grid}"), &c.moran);
            if let Some(control) = &c.control {
                mean(&format!("the same, untrained network ({view} map)"), &control.untrained);
                mean(&format!("trained minus untrained, paired ({view} map)"), &control.difference);
                mean(&format!("Moran's I of the {view} map on white noise"), &control.noise);
                mean(&format!("the same, untrained network ({view} map, noise)"), &control.noise_untrained);
            }
            mean(&format!("joins of the {view} mask over chance {grid}"), &c.joins);
        }
        for (name, a) in [("RoI", &d.across.roi), ("RoA", &d.across.roa)] {
            mean(&format!("IoU of {name} with the own class's representative"), &a.own);
            mean(&format!("IoU of {name} with the other class's representative"), &a.other);
            mean(&format!("difference of the two for {name}"), &a.difference);
        }
        let mut share = |quantity: String, s: &Score| {
            let cell = |v: f64| if s.n == 0 { Cell::None } else { Cell::Rate(v) };
            push(&quantity, cell(s.rate), cell(s.low), cell(s.high), Cell::Count(s.n));
        };
        share(
            "images whose IoU is larger than that of its shifts (p < 0.05)".to_owned(),
            &d.iou.share_significant,
        );
        for (view, c) in [("utility", &d.colocation.utility), ("vulnerability", &d.colocation.vulnerability)]
        {
            share(format!("images with Moran's I of the {view} map, p < 0.05"), &c.moran_significant);
            share(format!("images with joins of the {view} mask, p < 0.05"), &c.joins_significant);
        }
        let representatives = d.iou.representatives.map_or(Cell::None, Cell::Number);
        push("IoU of RoI and RoA, representatives", representatives, Cell::None, Cell::None, Cell::None);
        let mut area = |name: &str, r: &RegionRecord| {
            push(&format!("{name}, pixels"), Cell::Count(r.area), Cell::None, Cell::None, Cell::None);
            push(
                &format!("{name}, share of the image"),
                Cell::Rate(r.fraction),
                Cell::None,
                Cell::None,
                Cell::None,
            );
            push(
                &format!("{name}, components"),
                Cell::Count(r.components.len()),
                Cell::None,
                Cell::None,
                Cell::None,
            );
        };
        area("blob", &d.blob);
        area("applied mask", &d.applied_mask);
    }
    Table {
        name: "regions",
        title: "Regions: size, overlap, co-location".to_owned(),
        note: "Means over images with their 95 % interval. Co-location is measured at each map's own grid. The input \
               gradient of an untrained network has a significant Moran's I in almost every image too, so the shares \
               with p < 0.05 say nothing about what was learned; the paired difference from the untrained network \
               does. Two centred objects overlap more than their shifts do, whatever they are, so an overlap of RoI \
               and RoA with a small p shows a shared place, not a shared cause."
            .to_owned(),
        header: vec!["class", "quantity", "value", "low", "high", "n"],
        rows,
    }
}

/// How much of the planted truth was found.
pub(super) fn truth(record: &Record) -> Table {
    let row = |t: &crate::record::TruthRow| {
        vec![
            Cell::text(&t.class),
            Cell::text(&t.region),
            Cell::text(&t.by),
            Cell::Number(t.iou),
            Cell::Number(t.precision),
            Cell::Number(t.recall),
            Cell::Count(t.found),
            Cell::Count(t.planted),
        ]
    };
    Table {
        name: "truth",
        title: "How much of the planted truth was found".to_owned(),
        note: "Only the generated demo data set has a planted truth. random: the same rule on a random map."
            .to_owned(),
        header: vec!["class", "region", "by", "IoU", "precision", "recall", "pixels found", "pixels planted"],
        rows: record.truth.iter().map(row).collect(),
    }
}

fn score_cells(s: &Score) -> [Cell; 5] {
    [Cell::Count(s.k), Cell::Count(s.n), Cell::Rate(s.rate), Cell::Rate(s.low), Cell::Rate(s.high)]
}
