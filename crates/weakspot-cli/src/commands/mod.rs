//! One file per verb.

pub(crate) mod completions;
pub(crate) mod fetch;
mod kept;
pub(crate) mod layers;
pub(crate) mod maps;
pub(crate) mod report;
pub(crate) mod reproduce;
mod seeds;
pub(crate) mod study;
pub(crate) mod train;
