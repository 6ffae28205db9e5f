//! Pixels that know their shape, channel order and value range; masks and maps beside them.

mod leverage;
mod mask;
mod pixels;
mod png;
mod resample;
mod store;

pub use leverage::{Frame, Leverage, RawMap, Status, l2_over_channels};
pub use mask::Mask;
pub use pixels::{Pixels, check_unit_range};
pub(crate) use png::encode;
pub use png::png;
pub use resample::upsample_bilinear;
pub use store::{PixelFile, Store};
