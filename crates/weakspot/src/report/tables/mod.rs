//! The run's tables, format-free: a title, a header, typed cells. `csv.rs`, `markdown.rs` and `html/` write them.

mod lists;
mod paper_tables;
mod protocols;
mod tuning;

use crate::record::Record;
use crate::report::words;

pub(in crate::report) use tuning::worth_a_look as tuning_worth_a_look;

/// One cell. CSV gets full precision, people get rounded text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing was run or nothing is defined.
    None,
    /// Words.
    Text(String),
    /// Both classes together, where other rows name a class: a class may itself be called "both".
    Both,
    /// A count.
    Count(usize),
    /// A fraction, shown as percent.
    Rate(f64),
    /// A plain number.
    Number(f64),
    /// A probability.
    P(f64),
}

impl Cell {
    /// Full precision for a machine; empty for [`Cell::None`] and [`Cell::Both`].
    pub fn exact(&self) -> String {
        match self {
            Self::None | Self::Both => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(n) => n.to_string(),
            Self::Rate(v) | Self::Number(v) | Self::P(v) => v.to_string(),
        }
    }

    /// Rounded for a person; a dash for [`Cell::None`].
    pub fn readable(&self) -> String {
        match self {
            Self::None => "-".to_owned(),
            Self::Both => "(both)".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Count(n) => n.to_string(),
            Self::Rate(v) => words::percent(*v),
            Self::Number(v) => format!("{:.4}", if v.abs() < 5e-5 { 0.0 } else { *v }),
            Self::P(p) if *p < 0.001 => "< 0.001".to_owned(),
            Self::P(p) => format!("{p:.3}"),
        }
    }

    /// Whether a column of such cells is aligned to the right.
    pub fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Both)
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn rate(v: Option<f64>) -> Self {
        v.map_or(Self::None, Self::Rate)
    }

    pub(crate) fn count(v: Option<usize>) -> Self {
        v.map_or(Self::None, Self::Count)
    }
}

/// A table of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The file's stem, `table-1-similarity`.
    pub name: &'static str,
    /// One line above the table.
    pub title: String,
    /// What a reader needs to know to read it; empty if nothing.
    pub note: String,
    /// One name per column.
    pub header: Vec<&'static str>,
    /// Rows of as many cells as the header has names.
    pub rows: Vec<Vec<Cell>>,
}

/// Every table of a run, the paper's three first; the search only where there was one.
pub fn all(record: &Record) -> Vec<Table> {
    let mut tables = vec![
        paper_tables::similarity(record),
        paper_tables::classification(record),
        paper_tables::attack(record),
        protocols::protocols(record),
        lists::tests(record),
        lists::separation(record),
        lists::flags(record),
        lists::sweep(record),
        lists::controls(record),
        lists::regions(record),
        lists::truth(record),
    ];
    tables.extend(tuning::grid(record));
    tables
}
