//! Tests of the house (manifests, licences) and of the real program in fresh folders.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own repository should stop at once")]

mod archives;
mod bad_input;
mod config;
mod fetch;
mod fetch_archives;
mod fixtures;
mod help;
mod house;
mod labels;
mod limits;
mod maps;
mod masks;
mod networks;
mod pictures;
mod program;
mod reproduce;
mod seeds;
mod server;
mod study;
mod surface;
mod train;
mod tune;
