//! Pictures as people keep them: folders of classes, folders of parts and classes, lists of files.
//!
//! Found first ([`Listing`]), then checked by their headers, then decoded on every core, turned as their orientation
//! tag says, made 8-bit grey or RGB, resized, cropped and kept as bytes ([`Listing::load`]): in memory up to
//! [`MAX_PIXEL_BYTES`](super::MAX_PIXEL_BYTES), beyond it in one unnamed scratch file.

mod copies;
mod decode;
mod find;
mod jpeg;
mod listing;
mod load;
mod manifest;
mod resize;

pub use copies::copies;
pub use listing::{Grouping, Known, Listing};
pub use load::{Loaded, Options};

#[cfg(test)]
mod tests;
