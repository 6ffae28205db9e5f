//! The table of all quantities: one line each for people, one line per seed for programs.

use super::Seeds;
use super::findings::{about, seeds_in_words, signed};
use super::quantities::{Group, Quantity};
use super::record::Summary;
use crate::report::summary::bare;
use crate::report::tables::{Cell, Table};
use crate::report::words;

/// A value of a quantity as people read it, without its unit.
pub(super) fn value(group: Group, value: f64) -> String {
    match group {
        Group::Accuracy | Group::BalancedAccuracy if (0.0..=1.0).contains(&value) => bare(value),
        Group::Accuracy | Group::BalancedAccuracy => format!("{:.1}", 100.0 * value),
        Group::Difference | Group::Placebo => signed(value),
        Group::Auc | Group::Truth => words::number(value),
    }
}

/// The interval over networks as people read it; a dash for one network.
pub(super) fn interval(q: &Quantity) -> String {
    match (q.over_networks.low, q.over_networks.high) {
        (Some(low), Some(high)) => format!("[{}, {}]", value(q.group, low), value(q.group, high)),
        _ => "-".to_owned(),
    }
}

/// The standard deviation as people read it, without a sign; a dash for one network.
pub(super) fn deviation(q: &Quantity) -> String {
    q.over_networks.sd.map_or_else(
        || "-".to_owned(),
        |sd| match q.group {
            Group::Auc | Group::Truth => words::number(sd),
            _ => format!("{:.1}", 100.0 * sd),
        },
    )
}

/// The class of a quantity, or both.
pub(super) fn class(q: &Quantity) -> String {
    q.class.as_ref().map_or_else(|| "(both)".to_owned(), |class| words::shorten(class, 40))
}

/// For people.
pub(super) fn shown(all: &Seeds, found: &Summary) -> Table {
    let rows = found.quantities.iter().map(|q| {
        let by_seed = all.studies.iter().map(|study| {
            let of = q.by_seed.iter().find(|v| v.seed == study.seed);
            of.map_or_else(|| "-".to_owned(), |v| value(q.group, v.value))
        });
        let cells = [
            q.label(),
            class(q),
            q.group.unit().to_owned(),
            by_seed.collect::<Vec<_>>().join("; "),
            value(q.group, q.over_networks.mean),
            deviation(q),
            interval(q),
        ];
        cells.map(Cell::text).to_vec()
    });
    Table {
        name: "seeds",
        title: format!("Over {}", seeds_in_words(all)),
        note: format!("by seed: {}, in this order. {}", seeds_in_words(all), about(all)),
        header: vec!["quantity", "class", "unit", "by seed", "mean", "sd", "95 % t interval"],
        rows: rows.collect(),
    }
}

/// For programs: values over all networks are repeated on every line of their quantity.
pub(super) fn exact(all: &Seeds, found: &Summary) -> Table {
    let number = |v: Option<f64>| v.map_or(Cell::None, Cell::Number);
    let mut rows = Vec::new();
    for q in &found.quantities {
        let of = &q.over_networks;
        for v in &q.by_seed {
            rows.push(vec![
                Cell::text(q.group.name()),
                Cell::text(&q.what),
                q.class.as_ref().map_or(Cell::None, Cell::text),
                Cell::text(v.seed.to_string()),
                Cell::Number(v.value),
                number(v.low),
                number(v.high),
                Cell::Count(of.n),
                Cell::Number(of.mean),
                number(of.sd),
                number(of.low),
                number(of.high),
            ]);
        }
    }
    Table {
        name: "seeds",
        title: format!("Over {}", seeds_in_words(all)),
        note: String::new(),
        header: vec![
            "quantity", "what", "class", "seed", "value", "low", "high", "networks", "mean", "sd", "t low",
            "t high",
        ],
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::record::summary;
    use super::*;

    #[test]
    fn every_row_is_as_long_as_its_header() {
        for all in [fixture::changing(), fixture::hostile()] {
            let found = summary(&all);
            for table in [shown(&all, &found), exact(&all, &found)] {
                assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
            }
        }
    }

    #[test]
    fn people_read_one_line_and_programs_one_per_seed() {
        let all = fixture::changing();
        let found = summary(&all);
        let row = |label: &str, class: &str| -> Vec<String> {
            let cells = |row: &Vec<Cell>| row.iter().map(Cell::readable).collect::<Vec<_>>();
            shown(&all, &found).rows.iter().map(cells).find(|r| r[0] == label && r[1] == class).unwrap()
        };
        let line = row("P3w adaptive, worst", "ring");
        assert_eq!(line[2..], ["%", "0.0; 50.0; 100.0", "50.0", "50.0", "[-74.2, 174.2]"]);
        let line = row("adaptive_worst-adv_worst", "ring");
        assert_eq!(line[2..], ["points", "-50.0; +0.0; +50.0", "+0.0", "50.0", "[-124.2, +124.2]"]);
        let exact = exact(&all, &found);
        assert_eq!(exact.rows.len(), 3 * found.quantities.len());
        let of = |seed: &str| {
            let is = |row: &&Vec<Cell>| {
                row[1] == Cell::text("adaptive_worst")
                    && row[2] == Cell::text("ring")
                    && row[3] == Cell::text(seed)
            };
            exact.rows.iter().find(is).unwrap().clone()
        };
        assert_eq!(
            (&of("5")[4], &of("5")[7], &of("0")[8]),
            (&Cell::Number(1.0), &Cell::Count(3), &Cell::Number(0.5))
        );
    }

    #[test]
    fn a_study_without_a_quantity_leaves_its_place_to_a_dash() {
        let mut all = fixture::changing();
        all.studies[1].record.truth.clear();
        let table = shown(&all, &summary(&all));
        let truth = table.rows.iter().find(|row| row[0].readable() == "planted roi").unwrap();
        assert!(truth[3].readable().contains("; -; "), "{truth:?}");
    }
}
