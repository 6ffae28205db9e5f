//! Every protocol for each class, both together, and every fill.

use super::{Cell, Table};
use crate::record::Protocol;
use crate::record::{AttackSuccess, Record, Score, Scores, Together};

/// The protocol table.
pub(super) fn protocols(record: &Record) -> Table {
    let mut rows = Vec::new();
    let fills = record.directions.first().map_or(0, |d| d.by_fill.len());
    for protocol in Protocol::all() {
        for fill in 0..fills.max(1) {
            // Without neutralization the fill does not matter: one row is enough.
            if fill > 0 && protocol.is_undefended() {
                continue;
            }
            for d in &record.directions {
                let (name, scores, asr) = match d.by_fill.get(fill) {
                    Some(f) => (f.fill.as_str(), &f.scores, &f.asr),
                    None if fill == 0 => ("?", &d.scores, &d.asr),
                    None => continue,
                };
                rows.push(class_row(protocol, &d.source, name, scores, asr));
            }
            if let (0, Some(together)) = (fill, record.together.iter().find(|t| t.protocol == protocol.key()))
            {
                let name = record.directions.first().and_then(|d| d.by_fill.first()).map_or("?", |f| &f.fill);
                rows.push(both_row(protocol, name, together));
            }
        }
    }
    Table {
        name: "protocols",
        title: "Accuracy under every protocol".to_owned(),
        note: "P0: clean, attacked, neutralized. P0w: the worst of no attack, the attack and PGD. P1: the paper's. P2: \
               the attacker does not know the mask. P3: the attacker knows the mask. P3w: the worst of no attack, P3 \
               and PGD. P4: re-masked. The headline is P3w minus P0w. All are scored on the eval images, fills other \
               than the first on at most 300 of each class, with Wilson's 95 % interval. ASR, attack success rate: of \
               the images that are correct before the attack, the share that is wrong after it. Balanced accuracy and \
               majority rate (the share of predictions in the class that is predicted most often) are for both classes \
               together and the headline fill; they are in the rows of (both), in the CSV those with an empty class."
            .to_owned(),
        header: vec![
            "id",
            "protocol",
            "class",
            "fill",
            "k",
            "n",
            "rate",
            "low",
            "high",
            "ASR k",
            "ASR n",
            "ASR",
            "ASR low",
            "ASR high",
            "balanced",
            "balanced low",
            "balanced high",
            "majority rate",
            "majority low",
            "majority high",
            "majority class",
        ],
        rows,
    }
}

fn class_row(protocol: Protocol, class: &str, fill: &str, scores: &Scores, asr: &AttackSuccess) -> Vec<Cell> {
    let mut row = head(protocol, Cell::text(class), fill);
    row.extend(score_cells(protocol.score(scores)));
    row.extend(score_cells(protocol.asr(asr)));
    row.extend(std::iter::repeat_n(Cell::None, 7));
    row
}

fn both_row(protocol: Protocol, fill: &str, together: &Together) -> Vec<Cell> {
    let mut row = head(protocol, Cell::Both, fill);
    row.extend(score_cells(Some(together.accuracy)));
    row.extend(std::iter::repeat_n(Cell::None, 5));
    row.extend([together.balanced_accuracy, together.balanced_low, together.balanced_high].map(Cell::Rate));
    let majority = together.majority_rate;
    row.extend([majority.rate, majority.low, majority.high].map(Cell::Rate));
    row.push(Cell::text(&together.majority_class));
    row
}

fn head(protocol: Protocol, class: Cell, fill: &str) -> Vec<Cell> {
    let fill = if protocol.is_undefended() { Cell::None } else { Cell::text(fill) };
    vec![Cell::text(protocol.id()), Cell::text(protocol.key()), class, fill]
}

fn score_cells(score: Option<Score>) -> [Cell; 5] {
    [
        Cell::count(score.map(|s| s.k)),
        Cell::count(score.map(|s| s.n)),
        Cell::rate(score.map(|s| s.rate)),
        Cell::rate(score.map(|s| s.low)),
        Cell::rate(score.map(|s| s.high)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{csv, fixture};

    #[test]
    fn a_class_called_both_made_two_rows_both() {
        let mut record = fixture::demo().record;
        record.directions[0].source = "both".to_owned();
        let table = protocols(&record);
        let bytes = csv::table(&table).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("P0,clean,both,") && text.contains("P0,clean,,,"), "{text}");
        let clean = |class: &str| {
            let of = |row: &&Vec<Cell>| row[1].readable() == "clean" && row[2].readable() == class;
            table.rows.iter().filter(of).count()
        };
        assert_eq!((clean("both"), clean("(both)")), (1, 1));
    }
}
