//! The crate from outside: every layer against finite differences and PyTorch, whole networks against torchvision,
//! the promises about bytes, checkpoints, training.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod checkpoints;
mod finite_differences;
mod golden;
mod model;
mod parts;
mod pooled;
mod support;
mod ties;
mod training;
mod transfer;
