//! Tables I to III of the paper, for this study's two directions, the paper's figure beside ours.

use super::{Cell, Table};
use crate::report::compare::{self, Verdict};
use crate::report::paper::{self, PaperRow, PaperScore};
use crate::study::record::{Direction, Mean, Record, Score, Scores};

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

const VERDICTS: &str = "ours: 95 % intervals. Where the paper's figure fits k of n = 32, Fisher's exact test decides: \
    differs at p < 0.05; agrees where p is larger and Newcombe's 90 % interval puts the difference within 10 points; \
    cannot tell otherwise. Elsewhere the paper gives no n, and only the place of its figure in our interval is said.";

/// Table I: structural similarity of RoI and RoA.
pub(super) fn similarity(record: &Record) -> Table {
    let mut rows = Vec::new();
    for d in &record.directions {
        let paper = row_of(record, d).and_then(|r| r.ssim);
        for (what, pair) in [("maps", &d.ssim.maps), ("masks", &d.ssim.masks)] {
            let samples = format!("SSIM of {what}, mean of samples");
            rows.push(mean_row(d, samples, paper.map(|p| p.0), &pair.mean_of_samples));
            let name = format!("SSIM of {what}, representatives");
            rows.push(value_row(d, name, paper.map(|p| p.1), pair.representatives));
        }
    }
    let window = record.directions.first().map_or("?", |d| d.ssim.window.as_str());
    Table {
        name: "table-1-similarity",
        title: format!("Table I: structural similarity of RoI and RoA, {}", record.data.name),
        note: format!(
            "SSIM with the {window} window, data range 1; 1 is identity, about 0 is unrelated. The paper does not say \
             whether it compared maps or masks, so its figure stands beside both; it gives no n for this table. A \
             representative is one value per class and has no interval, so nothing can be told from it alone."
        ),
        header: HEADER.to_vec(),
        rows,
    }
}

/// Table II: accuracy without an attack, before and after neutralization.
pub(super) fn classification(record: &Record) -> Table {
    Table {
        name: "table-2-classification",
        title: format!("Table II: effect of neutralization on classification, {}", record.data.name),
        note: VERDICTS.to_owned(),
        header: HEADER.to_vec(),
        rows: score_rows(
            record,
            ("score_clean", |s| s.clean, |r| r.clean),
            ("score_mod", |s| s.modified, |r| r.modified),
        ),
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
        rows: score_rows(
            record,
            ("score_adv", |s| s.adv, |r| r.adv),
            ("score_mod-adv", |s| s.mod_adv, |r| r.mod_adv),
        ),
    }
}

fn row_of(record: &Record, d: &Direction) -> Option<PaperRow> {
    paper::find(&record.data.name, &d.source, &d.target)
}

/// A quantity: its name, where ours is, where the paper's is.
type Quantity = (&'static str, fn(&Scores) -> Option<Score>, fn(&PaperRow) -> PaperScore);

/// The quantity without neutralization once per direction, the one with it once per direction and fill.
fn score_rows(record: &Record, before: Quantity, after: Quantity) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for d in &record.directions {
        let paper = row_of(record, d);
        rows.push(score_row(d, before.0, Cell::None, paper.as_ref().map(before.2), before.1(&d.scores)));
        for fill in &d.by_fill {
            let ours = after.1(&fill.scores);
            rows.push(score_row(d, after.0, Cell::text(&fill.fill), paper.as_ref().map(after.2), ours));
        }
        if d.by_fill.is_empty() {
            rows.push(score_row(d, after.0, Cell::None, paper.as_ref().map(after.2), after.1(&d.scores)));
        }
    }
    rows
}

fn score_row(
    d: &Direction,
    quantity: &str,
    fill: Cell,
    paper: Option<PaperScore>,
    ours: Option<Score>,
) -> Vec<Cell> {
    let (verdict, p) = match (paper, ours) {
        (None, _) => (Verdict::NotInPaper, None),
        (_, None) => (Verdict::NotRun, None),
        (Some(PaperScore { counts: Some(theirs), .. }), Some(s)) => {
            let (verdict, p) = compare::counts(theirs, (s.k, s.n));
            (verdict, Some(p))
        }
        (Some(theirs), Some(s)) => (compare::against_interval(theirs.rate, s.low, s.high), None),
    };
    vec![
        Cell::text(&d.source),
        Cell::text(&d.target),
        Cell::text(quantity),
        fill,
        Cell::rate(paper.map(|p| p.rate)),
        Cell::rate(ours.map(|s| s.rate)),
        Cell::rate(ours.map(|s| s.low)),
        Cell::rate(ours.map(|s| s.high)),
        Cell::count(ours.map(|s| s.k)),
        Cell::count(ours.map(|s| s.n)),
        p.map_or(Cell::None, Cell::P),
        Cell::text(verdict.word()),
    ]
}

fn mean_row(d: &Direction, quantity: String, paper: Option<f64>, ours: &Mean) -> Vec<Cell> {
    let run = ours.n > 0;
    let verdict = match paper {
        None => Verdict::NotInPaper,
        Some(_) if !run => Verdict::NotRun,
        Some(p) => compare::against_interval(p, ours.low, ours.high),
    };
    let value = |v: f64| if run { Cell::Number(v) } else { Cell::None };
    vec![
        Cell::text(&d.source),
        Cell::text(&d.target),
        Cell::text(quantity),
        Cell::None,
        paper.map_or(Cell::None, Cell::Number),
        value(ours.mean),
        value(ours.low),
        value(ours.high),
        Cell::None,
        Cell::Count(ours.n),
        Cell::None,
        Cell::text(verdict.word()),
    ]
}

fn value_row(d: &Direction, quantity: String, paper: Option<f64>, ours: Option<f64>) -> Vec<Cell> {
    let verdict = match (paper, ours) {
        (None, _) => Verdict::NotInPaper,
        (_, None) => Verdict::NotRun,
        _ => Verdict::CannotTell,
    };
    let verdict =
        if ours.is_none() { format!("{}; ours is empty", verdict.word()) } else { verdict.word().to_owned() };
    vec![
        Cell::text(&d.source),
        Cell::text(&d.target),
        Cell::text(quantity),
        Cell::None,
        paper.map_or(Cell::None, Cell::Number),
        ours.map_or(Cell::None, Cell::Number),
        Cell::None,
        Cell::None,
        Cell::None,
        Cell::None,
        Cell::None,
        Cell::text(verdict),
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
