//! 3x3 convolutions with stride 1 and padding 1 by Winograd's minimal filtering, in single precision.

#![expect(
    clippy::needless_range_loop,
    reason = "arrays stay in registers where every index is a loop variable of known bounds"
)]

mod filters;
mod grid;
mod pass;
mod product;
mod strided;
mod tiles;
mod transform;
mod weight_gradient;
mod windows;

pub(crate) use filters::Filters;
pub(crate) use grid::Grid;
pub(crate) use pass::Pass;
pub(crate) use tiles::{Gate, Pixels};
pub(crate) use weight_gradient::weight_gradient;
