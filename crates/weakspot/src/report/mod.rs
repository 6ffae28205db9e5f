//! Record to bytes, one file per format: JSON, CSV, Markdown, figures, HTML; never calls a model.

use crate::study::maps::StudyMaps;
use crate::study::record::{LedgerRow, Record};

/// A study's results.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `results.json`.
    pub record: Record,
    /// `ledger.csv`.
    pub ledger: Vec<LedgerRow>,
    /// `maps.safetensors`.
    pub maps: StudyMaps,
}
