//! A plan in, a record out: protocols, splits, sweeps, per-image ledger, provenance.

mod assemble;
mod controls;
mod defend;
mod images;
mod journal;
mod likeness;
mod look;
mod margins;
mod packed;
mod pair_view;
mod pictures;
mod plan;
#[cfg(test)]
mod protocol_tests;
mod regions;
mod rows;
mod run;
mod stage;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
mod truth;
mod tune;
mod untrained;
mod worst;

pub use images::{MapsPlan, MapsSummary, write_maps};
pub use journal::{FileJournal, Journal, NoJournal};
pub use pair_view::PairView;
pub use plan::{Budget, FEW_SUCCESSES, GivenMasks, LEAST_CONTROLS, Plan, Preset, Protocols, RoaFrom};
pub use run::{Subject, fingerprint, run};
pub use tune::{Point, TUNE_IMAGES, TuneFor, Tuning};
