//! 3x3 convolutions with stride 1 and padding 1 by Winograd's minimal filtering, in single precision.

mod filters;
mod grid;
mod pass;
mod product;
mod strided;
mod tiles;
mod transform;
mod weight_gradient;

pub(crate) use filters::Filters;
pub(crate) use grid::Grid;
pub(crate) use pass::Pass;
pub(crate) use tiles::Gate;
pub(crate) use weight_gradient::weight_gradient;
