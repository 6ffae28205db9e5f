//! The reproduction's tables: for people one line per quantity with both studies beside the paper's figure, for programs
//! one line per quantity and study.

use super::claims::{Claim, judge};
use super::rows::{Row, of_table};
use super::small_samples::paper_changes;
use super::{Reproduction, Settings, Study, Subject};
use crate::report::compared::{Compared, Figure};
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
    let mut sheets = vec![studies(all), claims(all)];
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

/// The studies: what was looked at, with what.
fn studies(all: &Reproduction) -> Sheet {
    let mut rows = Vec::new();
    for (subject, study) in each(all) {
        let record = &study.run.record;
        let [channels, height, width] = record.data.image_shape;
        let n = |i: usize| record.directions.get(i).map_or(0, |d| d.n.eval);
        let trained = record.directions.iter().map(|d| d.n.train).sum::<usize>();
        let clean = record.together.iter().find(|t| t.protocol == "clean");
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
        note: "Both studies of a data set are of the same classifier and the same eval images. accuracy: of both \
               classes' eval images, without an attack, with its 95 % interval. The paper's networks, splits and eps \
               are not known to be these."
            .to_owned(),
        header: vec![
            "data set", "settings", "classes", "image", "classifier", "train", "eval", "accuracy", "eps", "flags",
        ],
        rows,
    })
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
                row.push(Cell::text(judgement.words()));
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
    header.extend(Claim::ALL.map(Claim::head));
    let title = "The paper's claims, one by one".to_owned();
    let note = "RoI (RoA) lies together: the share of images whose Moran's I is significant at 0.05; holds where its \
                interval lies above one half. RoI (RoA) is the class's: an image's overlap (IoU) with its own class's \
                representative minus that with the other's; holds above 0. The last three are paired tests over the \
                same images (exact McNemar, Holm), in points of accuracy: neutralized minus clean; neutralized and \
                attacked (P1, the paper's) minus attacked; the worst an attacker who knows the mask can do (P3w) minus \
                attacked. The last column is ours, the paper did not ask. \"not shown\" is neither. With the paper's \
                settings the regions are built from the scored images and the mask needs the true label: what holds \
                there need not hold elsewhere."
        .to_owned();
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

/// Tables I to III.
fn compared(all: &Reproduction, table: u8) -> Sheet {
    let (name, title, note) = match table {
        1 => (
            "table-1-similarity",
            "Table I: structural similarity of RoI and RoA",
            "1 is identity, about 0 is unrelated. The paper does not say whether it compared maps or masks, so its \
             figure stands beside both; it gives no n, so only the place of its figure in our 95 % interval is said. A \
             representative is one value per class without an interval: nothing can be told from it alone. CIFAR-10 and \
             malaria are not in the paper's table.",
        ),
        2 => ("table-2-classification", "Table II: effect of neutralization on classification", VERDICTS),
        _ => (
            "table-3-attack",
            "Table III: effect of neutralization on a further attack",
            "score_mod-adv is the paper's protocol (P1): neutralized, then attacked, by someone who may write in the mask, \
             which is not applied again. Verdicts as in Table II.",
        ),
    };
    let rows = of_table(all, table);
    let mut exact = Vec::new();
    for row in &rows {
        for (settings, found) in Settings::BOTH.into_iter().zip(&row.ours) {
            exact.extend(found.as_ref().map(|found| exact_cells(row, settings, found)));
        }
    }
    Sheet {
        shown: Table {
            name,
            title: title.to_owned(),
            note: note.to_owned(),
            header: vec![
                "data set",
                "direction",
                "quantity",
                "fill",
                "paper",
                "ours, default settings",
                "verdict",
                "ours, paper's settings",
                "verdict",
            ],
            rows: rows.iter().map(shown_cells).collect(),
        },
        exact: Table {
            name,
            title: title.to_owned(),
            note: String::new(),
            header: vec![
                "data set",
                "source",
                "target",
                "quantity",
                "fill",
                "paper",
                "paper k",
                "paper n",
                "paper low",
                "paper high",
                "settings",
                "ours",
                "low",
                "high",
                "k",
                "n",
                "p (Fisher)",
                "verdict",
            ],
            rows: exact,
        },
        paper_table: Some(table),
    }
}

const VERDICTS: &str = "Shares of the source class's eval images that are classified rightly, [95 % interval], (k/n). Where \
    the paper's figure fits k of n = 32, Fisher's exact test decides: differs at p < 0.05; agrees where p is larger and \
    Newcombe's 90 % interval puts the difference within 10 points; cannot tell otherwise. Elsewhere the paper gives no n, \
    and only the place of its figure in our interval is said. CIFAR-10 has no row in the paper.";

fn shown_cells(row: &Row<'_>) -> Vec<Cell> {
    let ssim = row.table == 1;
    let figure =
        |figure: &Option<Figure>| figure.as_ref().map_or_else(|| "-".to_owned(), |f| in_words(f, ssim));
    let mut cells = vec![
        Cell::text(row.data),
        Cell::text(direction(&row.source, &row.target)),
        Cell::text(&row.quantity),
        row.fill.as_ref().map_or(Cell::None, Cell::text),
        Cell::text(row.paper.as_ref().map_or_else(|| "-".to_owned(), |f| in_words(f, ssim))),
    ];
    for found in &row.ours {
        let (ours, verdict) = match found {
            Some(found) => (figure(&found.ours), found.word()),
            None => ("-".to_owned(), "no study".to_owned()),
        };
        cells.extend([Cell::text(ours), Cell::text(verdict)]);
    }
    cells
}

/// `93.8 % [79.9, 98.3] (30/32)`, `0.218 [0.210, 0.226] (n = 980)`, or the number alone.
fn in_words(f: &Figure, ssim: bool) -> String {
    match (f.k, f.n, f.low, f.high) {
        (Some(k), Some(n), Some(low), Some(high)) => {
            format!("{} {} ({k}/{n})", words::percent(f.value), words::interval(low, high))
        }
        (None, Some(n), Some(low), Some(high)) => {
            format!("{} [{}, {}] (n = {n})", words::number(f.value), words::number(low), words::number(high))
        }
        _ if ssim => Cell::Number(f.value).readable(),
        // As the paper prints it.
        _ => format!("{:.2} %", 100.0 * f.value),
    }
}

fn exact_cells(row: &Row<'_>, settings: Settings, found: &Compared) -> Vec<Cell> {
    let value = |v: Option<f64>| v.map_or(Cell::None, Cell::Number);
    let of = |figure: &Option<Figure>| {
        let f = figure.as_ref();
        [
            value(f.map(|f| f.value)),
            Cell::count(f.and_then(|f| f.k)),
            Cell::count(f.and_then(|f| f.n)),
            value(f.and_then(|f| f.low)),
            value(f.and_then(|f| f.high)),
        ]
    };
    let mut cells = vec![
        Cell::text(row.data),
        Cell::text(&row.source),
        Cell::text(&row.target),
        Cell::text(&row.quantity),
        row.fill.as_ref().map_or(Cell::None, Cell::text),
    ];
    cells.extend(of(&row.paper));
    cells.push(Cell::text(settings.name()));
    let [ours, k, n, low, high] = of(&found.ours);
    cells.extend([ours, low, high, k, n]);
    cells.push(found.p.map_or(Cell::None, Cell::P));
    cells.push(Cell::text(found.word()));
    cells
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
        note: "The paper's figures with Wilson's 95 % intervals. Fisher's p takes the two scores for separate samples. They \
               are of the same images, but the paper does not say which image changed: McNemar's p is the least it can be, \
               every change going one way."
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
    let mut rows = Vec::new();
    for (subject, study) in each(all) {
        for d in &study.run.record.directions {
            for flag in &d.flags {
                rows.push(vec![
                    Cell::text(&subject.name),
                    Cell::text(study.settings.name()),
                    Cell::text(&d.source),
                    Cell::text(&flag.id),
                    Cell::Number(flag.value),
                    Cell::text(&flag.advice),
                ]);
            }
        }
    }
    one(Table {
        name: "flags",
        title: "Reasons to doubt".to_owned(),
        note: String::new(),
        header: vec!["data set", "settings", "class", "flag", "value", "advice"],
        rows,
    })
}

/// Every study with its data set.
pub(super) fn each(all: &Reproduction) -> impl Iterator<Item = (&Subject, &Study)> {
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
