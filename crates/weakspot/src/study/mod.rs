//! A plan in, a record out: protocols, splits, sweeps, per-image ledger, provenance.

mod assemble;
mod controls;
mod defend;
mod draws;
mod fills;
mod findings;
mod journal;
mod leak;
mod likeness;
mod look;
mod looks;
mod margins;
mod noise;
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
mod subject;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
mod truth;
mod tune;
mod untrained;
mod worst;
mod write_maps;

pub use journal::{FileJournal, Journal, NoJournal};
pub use pair_view::PairView;
pub use plan::{Budget, FEW_SUCCESSES, GivenMasks, LEAST_CONTROLS, Plan, Preset, Protocols, RoaFrom};
pub use run::run;
pub use subject::{Subject, fingerprint};
pub use tune::{Point, TUNE_IMAGES, TuneFor, Tuning};
pub use write_maps::{MapsPlan, MapsSummary, write_maps};
