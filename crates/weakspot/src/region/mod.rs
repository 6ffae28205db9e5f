//! From maps to pixels: thresholds, RoI, RoA, the four regions, representatives, blobs, components, neutralization.

mod blob;
mod components;
mod fill;
mod frequency;
mod labels;
mod neutralize;
mod otsu;
mod thresholds;

pub use blob::{BlobRule, blob, class_partition};
pub use components::{Component, Connectivity, components};
pub use fill::{ChannelMeans, Fill, FillRow, NamedFill, ResolvedFill};
pub use frequency::{MaskCounts, RegionCounts, Theta};
pub use labels::{
    U_MINUS_V_MINUS, U_MINUS_V_PLUS, U_PLUS_V_MINUS, U_PLUS_V_PLUS, areas, partition, region_of, roa_of,
    roi_of,
};
pub use neutralize::{MaskPolicy, neutralize, neutralize_each};
pub use thresholds::Threshold;
