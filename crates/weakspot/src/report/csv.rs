//! Tables and the ledger as CSV (RFC 4180, UTF-8, full precision).

use crate::error::{Error, Result};
use crate::report::tables::Table;
use crate::study::record::LedgerRow;

/// A table as CSV: a header, one line per row, numbers with full precision, rates as fractions.
///
/// # Errors
/// `Format` when the writer refuses, which equal row lengths exclude.
pub fn table(table: &Table) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&table.header).map_err(|e| fail(&e))?;
    for row in &table.rows {
        out.write_record(row.iter().map(super::tables::Cell::exact)).map_err(|e| fail(&e))?;
    }
    out.into_inner().map_err(|e| Error::format(e.to_string()))
}

/// `ledger.csv`: one line per eval image.
///
/// # Errors
/// As [`table`].
pub fn ledger(rows: &[LedgerRow]) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    for row in rows {
        out.serialize(row).map_err(|e| fail(&e))?;
    }
    out.into_inner().map_err(|e| Error::format(e.to_string()))
}

/// Reads `ledger.csv`.
///
/// # Errors
/// `Format`, naming the line, for anything [`ledger`] does not write.
pub fn read_ledger(bytes: &[u8]) -> Result<Vec<LedgerRow>> {
    let mut reader = csv::Reader::from_reader(bytes);
    reader.deserialize().map(|row| row.map_err(|e| fail(&e).context("ledger.csv"))).collect()
}

fn fail(error: &csv::Error) -> Error {
    Error::format(error.to_string())
}
