//! Tables I to III over all data sets, the paper's figure beside both studies'.

use super::rows::{Row, of_table};
use super::tables::{Sheet, direction};
use super::{Reproduction, Settings};
use crate::report::compared::{Compared, Figure};
use crate::report::tables::{Cell, Table};
use crate::report::words;

/// Tables I to III.
pub(super) fn compared(all: &Reproduction, table: u8) -> Sheet {
    let (name, title, note) = match table {
        1 => (
            "table-1-similarity",
            "Table I: structural similarity of RoI and RoA",
            "1 means identical, about 0 unrelated, but two masks that are both nearly empty are alike, whatever their \
             pixels. The paper does not say whether it compared maps or masks, so its figure is shown beside both. It \
             gives no n, so we can only say whether its figure lies in our 95 % interval. A representative is one \
             value per class without an interval, so nothing can be told from it alone. CIFAR-10 and malaria are not \
             in the paper's table.",
        ),
        2 => ("table-2-classification", "Table II: effect of neutralization on classification", VERDICTS),
        _ => (
            "table-3-attack",
            "Table III: effect of neutralization on a further attack",
            "score_mod-adv is the paper's protocol (P1): neutralized, then attacked by an attacker who may write in \
             the mask, which is not applied again. Verdicts as in Table II.",
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

const VERDICTS: &str = "Shares of the source class's eval images that are classified correctly, [95 % interval], \
    (k/n). If the paper's figure fits k of n = 32, Fisher's exact test decides: differs at p < 0.05; agrees if p is \
    larger and Newcombe's 90 % interval of the difference lies within 10 points of 0; cannot tell otherwise. The \
    p-values are not corrected for their number, and with n = 32 a few images more or less turn one word into another. \
    The paper gives no n for its other figures, so we can only say whether they lie in our interval. CIFAR-10 has no \
    row in the paper.";

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
            Some(found) => {
                let p = found.p.map_or_else(String::new, |p| format!(" ({})", words::p_value(p)));
                (figure(&found.ours), format!("{}{p}", found.word()))
            }
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
