//! A finished study: the record, its ledger and its maps.

use super::maps::StudyMaps;
use super::{LedgerRow, Record};

/// Everything a run is made of. Tables, figures and pages follow from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `results.json`.
    pub record: Record,
    /// `ledger.csv`.
    pub ledger: Vec<LedgerRow>,
    /// `maps.safetensors`.
    pub maps: StudyMaps,
}
