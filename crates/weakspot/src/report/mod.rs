//! Turns a record into files: JSON, CSV, Markdown, figures, HTML. It never calls a model.
//!
//! [`write()`] lays out a run's folder, [`load`] reads its three sources (`results.json`, `ledger.csv`,
//! `maps.safetensors`), and [`rebuild`] makes everything else from them again.

pub mod agreement;
pub mod compared;
pub mod csv;
pub mod figures;
mod findings;
#[cfg(test)]
pub(crate) mod fixture;
mod html;
mod json;
pub mod markdown;
pub mod paper;
pub mod reproduction;
mod run;
pub mod seeds;
mod summary;
pub mod tables;
mod words;

pub use html::page;
pub use run::{load, load_record, rebuild, write};
pub use summary::terminal_summary;
