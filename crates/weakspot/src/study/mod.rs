//! A plan in, a record out: protocols, splits, sweeps, per-image ledger, provenance.

pub mod maps;
pub mod record;
