//! The reproduction's tables. People get one line per quantity, with both studies beside the paper's figure; programs
//! get one line per quantity and study.

use super::claims::{Claim, is_degenerate, judge};
use super::paper_tables::compared;
use super::small_samples::paper_changes;
use super::{Reproduction, Settings, Studied, Study};
use crate::report::tables::{Cell, Table};
use crate::report::words;

/// A table in its two forms.
pub(super) struct Sheet {
    /// For people: Markdown and the page.
    pub(super) shown: Table,
    /// For programs: CSV.
    pub(super) exact: Table,
    /// The table of the paper that this is.
    pub(super) paper_table: Option<u8>,
}

/// Every table, in the order of the page.
pub(super) fn all(all: &Reproduction) -> Vec<Sheet> {
    let mut sheets = vec![studies(all), settings(all), claims(all), together(all)];
    sheets.extend([1, 2, 3].map(|table| compared(all, table)));
    sheets.push(changes());
    sheets.push(flags(all));
    for sheet in &mut sheets {
        if !all.reduced.is_empty() && sheet.shown.name != "paper-n32" {
            sheet.shown.title.push_str(" (REDUCED: not the reproduction)");
        }
        sheet.exact.title.clone_from(&sheet.shown.title);
    }
    sheets
}

/// A table whose two forms are the same.
fn one(table: Table) -> Sheet {
    Sheet { exact: table.clone(), shown: table, paper_table: None }
}

/// The studies: their data, classifiers and settings.
fn studies(all: &Reproduction) -> Sheet {
    let mut rows = Vec::new();
    for (subject, study) in each(all) {
        let record = &study.run.record;
        let [channels, height, width] = record.data.image_shape;
        let n = |i: usize| record.directions.get(i).map_or(0, |d| d.n.eval);
        let trained = record.directions.iter().map(|d| d.n.train).sum::<usize>();
        let clean = study.together("clean");
        let model = &record.classifier;
        rows.push(vec![
            Cell::text(&subject.name),
            Cell::text(study.settings.name()),
            Cell::text(record.data.classes.join(" / ")),
            Cell::text(format!("{channels}x{height}x{width}")),
            Cell::text(format!("{}, {}, width {}", model.arch, model.head, model.width)),
            Cell::Count(trained),
            Cell::text(format!("{} + {}", n(0), n(1))),
            Cell::text(clean.map_or_else(|| "not run".to_owned(), |t| words::score(&t.accuracy))),
            Cell::text(words::study_epsilon(record)),
            Cell::Count(record.directions.iter().map(|d| d.flags.len()).sum()),
        ]);
    }
    one(Table {
        name: "studies",
        title: "The studies".to_owned(),
        note: "Both studies of a data set have the same classifier and the same eval images. accuracy: on both \
               classes' eval images, without an attack, with its 95 % interval. It is not known whether the paper's \
               networks, splits and eps were the same."
            .to_owned(),
        header: vec![
            "data set", "settings", "classes", "image", "classifier", "train", "eval", "accuracy", "eps", "flags",
        ],
        rows,
    })
}

/// Where the two kinds of settings differ, from the first data set that has both.
fn settings(all: &Reproduction) -> Sheet {
    let configs = all.subjects.iter().find_map(|subject| {
        let [default, paper] = Settings::BOTH.map(|settings| subject.with(settings));
        Some([&default?.run.record.config, &paper?.run.record.config])
    });
    let mut rows = Vec::new();
    if let Some([default, paper]) = configs {
        for (name, value) in default {
            let other = paper.get(name).map_or("-", String::as_str);
            if value != other {
                rows.push([name, value.as_str(), other].map(Cell::text).to_vec());
            }
        }
    }
    one(Table {
        name: "settings",
        title: "Where the settings differ".to_owned(),
        note: "The paper leaves its thresholds open, so its settings are our literal reading; see docs/METHODS.md."
            .to_owned(),
        header: vec!["setting", "default", "paper"],
        rows,
    })
}

/// Both classes together, so that a gain of one class at the other's cost does not count.
fn together(all: &Reproduction) -> Sheet {
    const PROTOCOLS: [&str; 6] = ["clean", "adv", "mod", "mod_adv", "adv_worst", "adaptive_worst"];
    let (mut shown, mut exact) = (Vec::new(), Vec::new());
    for (subject, study) in each(all) {
        let mut row = vec![Cell::text(&subject.name), Cell::text(study.settings.name())];
        for protocol in PROTOCOLS {
            let found = study.together(protocol);
            row.push(Cell::text(found.map_or_else(
                || "not run".to_owned(),
                |t| {
                    let interval = words::interval(t.balanced_low, t.balanced_high);
                    format!("{} {interval}", words::percent(t.balanced_accuracy))
                },
            )));
            exact.extend(found.map(|t| {
                let numbers = [t.balanced_accuracy, t.balanced_low, t.balanced_high, t.majority_rate.rate];
                let mut cells = vec![
                    Cell::text(&subject.name),
                    Cell::text(study.settings.name()),
                    Cell::text(protocol),
                    Cell::Count(t.accuracy.n),
                ];
                cells.extend(numbers.map(Cell::Rate));
                cells.push(Cell::text(&t.majority_class));
                cells
            }));
        }
        let differences = &study.run.record.differences;
        let headline = differences.iter().find(|d| d.comparison == "adaptive_worst-adv_worst");
        row.push(Cell::text(headline.map_or_else(
            || "not run".to_owned(),
            |d| words::points(d.difference.value, d.difference.low, d.difference.high),
        )));
        for protocol in ["mod_adv", "adaptive_worst"] {
            let found = study.together(protocol);
            row.push(Cell::text(found.map_or_else(
                || "-".to_owned(),
                |t| {
                    let class = words::shorten(&t.majority_class, 24);
                    format!("{} {class}", words::percent(t.majority_rate.rate))
                },
            )));
        }
        shown.push(row);
    }
    let title = "Both classes together: balanced accuracy".to_owned();
    let note = "The mean of both classes' accuracies with its 95 % interval, headline fill. A classifier that predicts \
                one class for everything has 50 %; the last columns are the share of predictions in the more common \
                class. P0w and P3w are the worst of no attack, the study's attack and 20 steps of PGD, without and \
                with the mask; their difference is the mean of both classes' paired differences."
        .to_owned();
    let table = |header: Vec<&'static str>, rows| Table {
        name: "together",
        title: title.clone(),
        note: note.clone(),
        header,
        rows,
    };
    Sheet {
        shown: table(
            vec![
                "data set",
                "settings",
                "clean",
                "attacked",
                "neutralized",
                "P1, the paper's",
                "P0w, worst, no mask",
                "P3w, worst, mask known",
                "P3w - P0w",
                "commoner class, P1",
                "commoner class, P3w",
            ],
            shown,
        ),
        exact: table(
            vec![
                "data set",
                "settings",
                "protocol",
                "n",
                "balanced",
                "low",
                "high",
                "majority rate",
                "majority class",
            ],
            exact,
        ),
        paper_table: None,
    }
}

/// The paper's claims, one by one.
fn claims(all: &Reproduction) -> Sheet {
    let mut shown = Vec::new();
    let mut exact = Vec::new();
    for (subject, study) in each(all) {
        let found = judge(&study.run.record);
        for d in &study.run.record.directions {
            let mut row = vec![
                Cell::text(&subject.name),
                Cell::text(direction(&d.source, &d.target)),
                Cell::text(study.settings.name()),
            ];
            for judgement in found.iter().filter(|j| j.source == d.source) {
                if judgement.claim == Claim::SparesAccuracy {
                    row.push(Cell::text(words::percent(d.applied_mask.fraction)));
                }
                let mark = if judgement.claim.is_of_roa() && is_degenerate(d) { " *" } else { "" };
                row.push(Cell::text(format!("{}{mark}", judgement.words())));
                let number = |v: Option<f64>| v.map_or(Cell::None, Cell::Number);
                exact.push(vec![
                    Cell::text(&subject.name),
                    Cell::text(study.settings.name()),
                    Cell::text(&d.source),
                    Cell::text(&d.target),
                    Cell::text(judgement.claim.head()),
                    Cell::text(judgement.judged.word()),
                    number(judgement.value),
                    number(judgement.low),
                    number(judgement.high),
                    Cell::Count(judgement.n),
                ]);
            }
            shown.push(row);
        }
    }
    let mut header = vec!["data set", "direction", "settings"];
    for claim in Claim::ALL {
        if claim == Claim::SparesAccuracy {
            header.push("mask");
        }
        header.push(claim.head());
    }
    let title = "The paper's claims, one by one".to_owned();
    let fills: Vec<String> = all.studies().map(|study| words::headline_fill(&study.run.record)).collect();
    let fill = fills.first().filter(|fill| fills.iter().all(|other| other == *fill));
    let fill = fill.map_or_else(|| "each study's first fill".to_owned(), |fill| format!("fill {fill}"));
    let note = format!(
        "RoI (RoA) lies together: Moran's I of the map minus that of the same network untrained (parameters permuted), \
         paired over at most 200 images; it holds if the interval lies above 0, and fails if it lies below. RoI (RoA) \
         is the class's: an image's overlap (IoU) with its own class's representative minus that with the other's; it \
         holds above 0, however little, fails below, and depends on the size of the representatives. *: the \
         vulnerability map takes almost only two values (flag degenerate-roa), so nothing follows from the place of \
         the RoA. mask: the share of pixels that are neutralized. The last four are paired tests on the same images \
         (exact McNemar, Holm) with {fill}, in points of accuracy: neutralized minus clean; neutralized and then \
         attacked (P1, the paper's) minus attacked; attacked by an attacker who knows the mask (P3) minus attacked; \
         and the worst of no attack, that attack and 20 steps of PGD with the mask minus the same without it (P3w - \
         P0w). They hold if the test says better, and fail if it says worse or no effect (the whole interval within 2 \
         points of 0), except that sparing accuracy also holds with no effect; a gain of one class beside a loss of \
         the other spares nothing. \"not shown\": neither, or both rates are at one end, so that it cannot be told at \
         this eps. The last two claims are ours, not the paper's. With the paper's settings, the regions are built \
         from the scored images and the mask needs the true label, so what holds there need not hold elsewhere."
    );
    Sheet {
        exact: Table {
            name: "claims",
            title: title.clone(),
            note: note.clone(),
            header: vec![
                "data set", "settings", "source", "target", "claim", "judged", "value", "low", "high", "n",
            ],
            rows: exact,
        },
        shown: Table { name: "claims", title, note, header, rows: shown },
        paper_table: None,
    }
}

/// What the paper's own n = 32 rows can show.
fn changes() -> Sheet {
    let rows = paper_changes()
        .into_iter()
        .map(|c| {
            vec![
                Cell::text(c.data),
                Cell::text(direction(c.source, c.target)),
                Cell::text(c.what),
                Cell::text(words::score(&c.before)),
                Cell::text(words::score(&c.after)),
                Cell::P(c.fisher),
                Cell::P(c.least_mcnemar),
            ]
        })
        .collect();
    one(Table {
        name: "paper-n32",
        title: "The paper's own changes, of 32 images each".to_owned(),
        note: "The paper's figures with Wilson's 95 % intervals. Fisher's p treats the two scores as separate samples. \
               They are of the same images, but the paper does not say which images changed, so McNemar's p is the \
               least possible, with every change in the same direction."
            .to_owned(),
        header: vec![
            "data set",
            "direction",
            "change",
            "before",
            "after",
            "p (Fisher)",
            "least p (McNemar)",
        ],
        rows,
    })
}

/// Every flag of every study.
fn flags(all: &Reproduction) -> Sheet {
    let [mut shown, mut exact] = [Vec::new(), Vec::new()];
    for (subject, study) in each(all) {
        for d in &study.run.record.directions {
            for flag in &d.flags {
                let row = |value: Cell| {
                    vec![
                        Cell::text(&subject.name),
                        Cell::text(study.settings.name()),
                        Cell::text(&d.source),
                        Cell::text(&flag.id),
                        value,
                        Cell::text(&flag.advice),
                    ]
                };
                shown.push(row(Cell::text(words::plain(flag.value))));
                exact.push(row(Cell::Number(flag.value)));
            }
        }
    }
    let table = |rows| Table {
        name: "flags",
        title: "Reasons to doubt".to_owned(),
        note: String::new(),
        header: vec!["data set", "settings", "class", "flag", "value", "advice"],
        rows,
    };
    Sheet { shown: table(shown), exact: table(exact), paper_table: None }
}

/// Every study with its data set.
pub(super) fn each(all: &Reproduction) -> impl Iterator<Item = (&Studied, &Study)> {
    all.subjects.iter().flat_map(|subject| subject.studies.iter().map(move |study| (subject, study)))
}

/// `0 to 1`.
pub(super) fn direction(source: &str, target: &str) -> String {
    format!("{} to {}", words::shorten(source, 24), words::shorten(target, 24))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reproduction::fixture;

    fn sheet(of: &Reproduction, name: &str) -> Sheet {
        all(of).into_iter().find(|sheet| sheet.shown.name == name).unwrap()
    }

    #[test]
    fn every_row_is_as_long_as_its_header() {
        for of in [fixture::some(), fixture::hostile()] {
            for sheet in all(&of) {
                for table in [&sheet.shown, &sheet.exact] {
                    assert!(table.rows.iter().all(|row| row.len() == table.header.len()), "{}", table.name);
                }
            }
        }
    }

    #[test]
    fn the_papers_figure_stands_beside_both_studies_with_its_own_interval() {
        let table = sheet(&fixture::some(), "table-2-classification").shown;
        let row: Vec<String> = table.rows[1].iter().map(Cell::readable).collect();
        assert_eq!(row[..5], ["mnist", "0 to 1", "score_mod", "0", "93.8 % [79.9, 98.3] (30/32)"]);
        assert!(row[5].ends_with("/980)") && row[7].ends_with("/980)"), "{row:?}");
        let of = |data: &str| table.rows.iter().find(|r| r[0].readable() == data).unwrap();
        assert_eq!(of("cifar10")[6].readable(), "not in the paper");
        assert_eq!(of("malaria")[4].readable(), "99.79 %");
        assert_eq!(of("malaria")[8].readable(), "no study");
    }

    #[test]
    fn programs_get_one_line_per_quantity_and_study() {
        let sheet = sheet(&fixture::some(), "table-3-attack");
        // Five studies, two directions, three quantities.
        assert_eq!(sheet.exact.rows.len(), 5 * 2 * 3);
        assert_eq!(sheet.exact.rows[0][10], Cell::text("default"));
    }

    #[test]
    fn a_reduced_run_marks_every_table_with_its_own_figures() {
        let mut of = fixture::some();
        of.reduced.push("--quick".to_owned());
        for sheet in all(&of) {
            assert_eq!(sheet.shown.title.contains("REDUCED"), sheet.shown.name != "paper-n32");
        }
    }
}
