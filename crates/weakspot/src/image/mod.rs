//! Pixels that know their shape, channel order and value range; masks and maps beside them.

mod mask;
mod pixels;
mod resample;

pub use mask::Mask;
pub use pixels::{Pixels, check_unit_range};
pub use resample::upsample_bilinear;
