//! Architectures, one per file: from a specification to a [`Network`](crate::Network).

mod spec;
mod vgg;

pub use spec::{Arch, Head, ModelSpec, Width};
pub use vgg::{SMALLEST_SIDE, network};
