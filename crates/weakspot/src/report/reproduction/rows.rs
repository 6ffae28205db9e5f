//! The paper's quantities beside those of both studies of a data set: one row each, matched by name.

use super::{Reproduction, Settings, Studied};
use crate::report::compared::{self, Compared, Figure};

/// One of the paper's quantities, in one direction, with one fill.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row<'a> {
    pub(super) data: &'a str,
    pub(super) table: u8,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) quantity: String,
    pub(super) fill: Option<String>,
    pub(super) paper: Option<Figure>,
    /// In the order of [`Settings::BOTH`]; `None` if the study is missing.
    pub(super) ours: [Option<Compared>; 2],
}

/// Every row of a table (1, 2 or 3), data set by data set.
pub(super) fn of_table(all: &Reproduction, table: u8) -> Vec<Row<'_>> {
    all.subjects.iter().flat_map(of_subject).filter(|row| row.table == table).collect()
}

/// Every row of a data set, in the order of its first study's.
pub(super) fn of_subject(subject: &Studied) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (column, settings) in Settings::BOTH.into_iter().enumerate() {
        let Some(study) = subject.with(settings) else { continue };
        for found in compared::all(&study.run.record) {
            let place = rows.iter().position(|row| is_of(row, &found));
            let at = place.unwrap_or(rows.len());
            if place.is_none() {
                rows.push(Row {
                    data: &subject.name,
                    table: found.table,
                    source: found.source.clone(),
                    target: found.target.clone(),
                    quantity: found.quantity.clone(),
                    fill: found.fill.clone(),
                    paper: found.paper,
                    ours: [None, None],
                });
            }
            rows[at].ours[column] = Some(found);
        }
    }
    rows
}

fn is_of(row: &Row<'_>, found: &Compared) -> bool {
    (row.table, &row.source, &row.target, &row.quantity, &row.fill)
        == (found.table, &found.source, &found.target, &found.quantity, &found.fill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reproduction::fixture;

    #[test]
    fn both_studies_stand_in_one_row_and_a_missing_one_leaves_its_column_empty() {
        let all = fixture::some();
        let rows = of_table(&all, 2);
        // Three data sets, two directions, score_clean once and score_mod once per fill.
        assert_eq!(rows.len(), 3 * 2 * 3);
        for row in &rows {
            assert!(row.ours[0].is_some(), "{row:?}");
            assert_eq!(row.ours[1].is_some(), row.data != "malaria", "{row:?}");
            assert_eq!(row.paper.is_some(), row.data != "cifar10", "{row:?}");
        }
    }

    #[test]
    fn a_study_with_other_fills_has_rows_of_its_own() {
        let mut all = fixture::some();
        let paper = &mut all.subjects[0].studies[1].run.record;
        for d in &mut paper.directions {
            d.by_fill.truncate(1);
            d.by_fill[0].fill = "channel-mean".to_owned();
        }
        let rows = of_subject(&all.subjects[0]);
        let only_paper: Vec<_> = rows.iter().filter(|r| r.ours[0].is_none()).collect();
        assert_eq!(only_paper.len(), 4);
        assert!(only_paper.iter().all(|r| r.fill.as_deref() == Some("channel-mean")));
    }
}
