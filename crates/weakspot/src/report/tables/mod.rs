//! The run's tables, independent of a file format: a title, a header, typed cells. `csv.rs`, `markdown.rs` and `html/`
//! write them.

mod lists;
mod paper_tables;
mod protocols;
mod tuning;

use crate::record::Record;
use crate::report::words;

pub(in crate::report) use tuning::worth_a_look as tuning_worth_a_look;

/// One cell. CSV gets full precision, people get rounded text.
///
/// # Examples
/// ```
/// use weakspot::report::tables::Cell;
///
/// let rate = Cell::Rate(0.9375);
/// assert_eq!((rate.exact(), rate.readable()), ("0.9375".to_owned(), "93.8 %".to_owned()));
/// assert_eq!((Cell::None.exact(), Cell::None.readable()), (String::new(), "-".to_owned()));
/// ```
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
///
/// # Examples
/// ```
/// use weakspot::report::tables;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let protocols = tables::all(&run.record).into_iter().find(|table| table.name == "protocols").unwrap();
/// assert!(protocols.rows.iter().all(|row| row.len() == protocols.header.len()));
/// # Ok::<(), weakspot::Error>(())
/// ```
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

/// Every table of a run, the paper's three first; the search only if there was one.
///
/// # Examples
/// ```
/// use weakspot::report::tables;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let tables = tables::all(&run.record);
/// assert_eq!(tables[0].name, "table-1-similarity");
/// // The paper's first table: maps and masks, in samples and representatives, of two classes.
/// assert_eq!(tables[0].rows.len(), 8);
/// # Ok::<(), weakspot::Error>(())
/// ```
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
