//! Tables and the ledger as CSV (RFC 4180, UTF-8, full precision).
//!
//! Text that a spreadsheet would take for a formula gets an apostrophe before it, as OWASP's page "CSV Injection"
//! advises, because class names and paths come from strangers' folders and records. Numbers are written as they are.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::record::LedgerRow;
use crate::report::tables::{Cell, Table};

/// A table as CSV: a header, one line per row, numbers with full precision, rates as fractions.
///
/// # Errors
/// `Format` when the writer refuses, which cannot happen if all rows have the same length.
///
/// # Examples
/// ```
/// use weakspot::report::csv;
/// use weakspot::report::tables::{Cell, Table};
///
/// let table = Table {
///     name: "scores",
///     title: "Scores".to_owned(),
///     note: String::new(),
///     header: vec!["class", "accuracy"],
///     rows: vec![vec![Cell::Text("cat".to_owned()), Cell::Rate(0.9375)]],
/// };
/// assert_eq!(csv::table(&table)?, b"class,accuracy\ncat,0.9375\n");
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn table(table: &Table) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&table.header).map_err(|e| fail(&e))?;
    for row in &table.rows {
        out.write_record(row.iter().map(field)).map_err(|e| fail(&e))?;
    }
    out.into_inner().map_err(|e| Error::format(e.to_string()))
}

/// `ledger.csv`: one line per eval image.
///
/// # Errors
/// As [`table`].
///
/// # Examples
/// ```
/// use weakspot::record::LedgerRow;
/// use weakspot::report::csv::ledger;
///
/// let row = LedgerRow { id: "test/00000".to_owned(), label: "cat".to_owned(), ..LedgerRow::default() };
/// let text = String::from_utf8(ledger(&[row])?).unwrap();
/// assert!(text.starts_with("id,label,clean_prediction,"));
/// assert!(text.contains("\ntest/00000,cat,"));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn ledger(rows: &[LedgerRow]) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    for row in rows {
        out.serialize(with_texts(row.clone(), |text| guarded(text).into_owned())).map_err(|e| fail(&e))?;
    }
    out.into_inner().map_err(|e| Error::format(e.to_string()))
}

/// Reads `ledger.csv`; apostrophes that [`ledger`] put before text are removed again.
///
/// # Errors
/// `Format`, naming the line, for anything [`ledger`] does not write.
///
/// # Examples
/// ```
/// use weakspot::record::LedgerRow;
/// use weakspot::report::csv::{ledger, read_ledger};
///
/// // A class's name that a spreadsheet would take for a formula.
/// let rows = [LedgerRow { id: "a".to_owned(), label: "=1+1".to_owned(), ..LedgerRow::default() }];
/// assert_eq!(read_ledger(&ledger(&rows)?)?, rows);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn read_ledger(bytes: &[u8]) -> Result<Vec<LedgerRow>> {
    let mut reader = csv::Reader::from_reader(bytes);
    reader
        .deserialize()
        .map(|row| {
            row.map(|row| with_texts(row, |text| unguarded(text).to_owned()))
                .map_err(|e| fail(&e).context("ledger.csv"))
        })
        .collect()
}

fn field(cell: &Cell) -> String {
    let exact = cell.exact();
    match cell {
        Cell::Text(_) => guarded(&exact).into_owned(),
        _ => exact,
    }
}

/// The row with every text (its id and its classes) changed.
fn with_texts(mut row: LedgerRow, change: impl Fn(&str) -> String) -> LedgerRow {
    let predictions = [
        &mut row.clean_prediction,
        &mut row.adv_prediction,
        &mut row.adv_worst_prediction,
        &mut row.mod_prediction,
        &mut row.mod_adv_prediction,
        &mut row.oblivious_prediction,
        &mut row.adaptive_prediction,
        &mut row.adaptive_worst_prediction,
        &mut row.remasked_prediction,
    ];
    for text in [&mut row.id, &mut row.label].into_iter().chain(predictions.into_iter().flatten()) {
        *text = change(text);
    }
    row
}

/// The text in a form that a spreadsheet shows and does not run.
fn guarded(text: &str) -> Cow<'_, str> {
    if needs_guard(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that [`guarded`] was given. What it did not change is not changed here.
fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| needs_guard(rest)).unwrap_or(text)
}

/// Whether a spreadsheet would take the text for a formula. Apostrophes before a formula belong to it, so that reading
/// can tell ours from the text's own. A class called -1 is a number and runs nothing.
fn needs_guard(text: &str) -> bool {
    let inner = text.trim_start_matches('\'');
    inner.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
        && !inner.parse().is_ok_and(f64::is_finite)
}

fn fail(error: &csv::Error) -> Error {
    Error::format(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    const FORMULAS: [&str; 8] = [
        "=HYPERLINK(\"http://x\",\"cat\")",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "'=1+1",
        "\u{ff1d}1+1",
    ];

    #[test]
    fn class_names_reached_spreadsheets_as_formulas() {
        let row = |text: &str| vec![Cell::text(text), Cell::Number(-0.5), Cell::Rate(-0.25)];
        let table = |text: &str| Table {
            name: "t",
            title: String::new(),
            note: String::new(),
            header: vec!["class", "a", "b"],
            rows: vec![row(text)],
        };
        for formula in FORMULAS {
            let bytes = super::table(&table(formula)).unwrap();
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let read = reader.records().next().unwrap().unwrap();
            assert_eq!(&read[0], format!("'{formula}"), "{formula:?}");
            assert_eq!([&read[1], &read[2]], ["-0.5", "-0.25"], "numbers are numbers");
        }
        for plain in ["cat", "-1", "+2", "'t Zand", "a=b", ""] {
            assert_eq!(guarded(plain), plain);
        }
    }

    #[test]
    fn a_ledger_with_formulas_for_names_is_read_back_as_it_was() {
        let any = fixture::demo().ledger.swap_remove(0);
        let row = |name: &str| LedgerRow {
            id: format!("{name}/1.png"),
            label: name.to_owned(),
            clean_prediction: Some(name.to_owned()),
            remasked_prediction: Some(name.to_owned()),
            ..any.clone()
        };
        let rows: Vec<LedgerRow> = FORMULAS.into_iter().chain(["-1", "'t Zand"]).map(row).collect();
        let bytes = ledger(&rows).unwrap();
        assert_eq!(read_ledger(&bytes).unwrap(), rows);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(",'@SUM(A1),"), "{text}");
        // What an older version wrote, without an apostrophe, still reads.
        let old = text.replace("'@SUM(A1)", "@SUM(A1)");
        assert_eq!(read_ledger(old.as_bytes()).unwrap(), rows);
    }
}
