//! Tables I to III of the paper, for this study's two directions, the paper's figure beside ours.

use super::{Cell, Table};
use crate::record::Record;
use crate::report::compared::{self, Compared, Figure};

const HEADER: [&str; 12] = [
    "source",
    "target",
    "quantity",
    "fill",
    "paper",
    "ours",
    "low",
    "high",
    "k",
    "n",
    "p (Fisher)",
    "verdict",
];

const VERDICTS: &str = "ours: 95 % intervals. If the paper's figure fits k of n = 32, Fisher's exact test decides: \
    differs at p < 0.05; agrees if p is larger and Newcombe's 90 % interval of the difference lies within 10 points of \
    0; cannot tell otherwise. The paper gives no n for its other figures, so we can only say whether they lie in our \
    interval.";

/// Table I: structural similarity of RoI and RoA.
pub(super) fn similarity(record: &Record) -> Table {
    let window = record.directions.first().map_or("?", |d| d.ssim.window.as_str());
    Table {
        name: "table-1-similarity",
        title: format!("Table I: structural similarity of RoI and RoA, {}", record.data.name),
        note: format!(
            "SSIM with the {window} window, data range 1; 1 means identical, about 0 unrelated. The paper does not say \
             whether it compared maps or masks, so its figure is shown beside both; it gives no n for this table. A \
             representative is one value per class and has no interval, so nothing can be told from it alone."
        ),
        header: HEADER.to_vec(),
        rows: compared::similarity(record).iter().map(cells).collect(),
    }
}

/// Table II: accuracy without an attack, before and after neutralization.
pub(super) fn classification(record: &Record) -> Table {
    Table {
        name: "table-2-classification",
        title: format!("Table II: effect of neutralization on classification, {}", record.data.name),
        note: VERDICTS.to_owned(),
        header: HEADER.to_vec(),
        rows: compared::classification(record).iter().map(cells).collect(),
    }
}

/// Table III: accuracy under attack, before and after neutralization.
pub(super) fn attack(record: &Record) -> Table {
    Table {
        name: "table-3-attack",
        title: format!("Table III: effect of neutralization on a further attack, {}", record.data.name),
        note: format!(
            "score_mod-adv is the paper's protocol (P1), in which the attacker may write in the mask; the protocols \
             table has the adaptive ones. {VERDICTS}"
        ),
        header: HEADER.to_vec(),
        rows: compared::attack(record).iter().map(cells).collect(),
    }
}

fn cells(row: &Compared) -> Vec<Cell> {
    // An SSIM is a number, everything else a share of the images.
    let value = |v: f64| if row.table == 1 { Cell::Number(v) } else { Cell::Rate(v) };
    let ours = |part: fn(&Figure) -> Option<f64>| row.ours.as_ref().and_then(part).map_or(Cell::None, value);
    vec![
        Cell::text(&row.source),
        Cell::text(&row.target),
        Cell::text(&row.quantity),
        row.fill.as_ref().map_or(Cell::None, Cell::text),
        row.paper.map_or(Cell::None, |paper| value(paper.value)),
        ours(|ours| Some(ours.value)),
        ours(|ours| ours.low),
        ours(|ours| ours.high),
        Cell::count(row.ours.and_then(|ours| ours.k)),
        Cell::count(row.ours.and_then(|ours| ours.n)),
        row.p.map_or(Cell::None, Cell::P),
        Cell::text(row.word()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn verdicts(table: &Table) -> Vec<String> {
        table.rows.iter().map(|r| r.last().unwrap().readable()).collect()
    }

    #[test]
    fn a_study_of_the_papers_own_pair_has_its_figures_beside_ours() {
        let run = fixture::named("mnist", ["0", "1"]);
        let table = attack(&run.record);
        assert_eq!(table.rows[0][4], Cell::Rate(29.0 / 32.0));
        assert_eq!(table.rows[0][2].readable(), "score_adv");
        assert!(!verdicts(&table).contains(&"not in the paper".to_owned()), "{:?}", verdicts(&table));
        assert_eq!(similarity(&run.record).rows[0][4], Cell::Number(0.2178));
    }

    #[test]
    fn another_pair_is_marked_not_in_the_paper() {
        for table in [similarity, classification, attack] {
            let table = table(&fixture::demo().record);
            assert!(verdicts(&table).iter().all(|v| v.starts_with("not in the paper")), "{}", table.title);
        }
    }

    #[test]
    fn a_protocol_that_was_not_run_is_said_so() {
        let mut run = fixture::named("mnist", ["0", "1"]);
        for d in &mut run.record.directions {
            d.by_fill.iter_mut().for_each(|f| f.scores.mod_adv = None);
        }
        assert!(verdicts(&attack(&run.record)).contains(&"not run".to_owned()));
    }
}
