//! Pictures as people keep them: folders of classes, folders of parts and classes, lists of files.
//!
//! Found first ([`Listing`]), then checked by their headers, then decoded on every core, turned as their orientation
//! tag says, made 8-bit grey or RGB, resized, cropped and kept as bytes ([`Listing::load`]): in memory up to
//! [`MAX_PIXEL_BYTES`](super::MAX_PIXEL_BYTES), beyond it in one unnamed scratch file. Decoding takes as much again at
//! most, all threads together.
//!
//! Their bytes may come from anyone: only regular files are opened, a claim is compared with what a file can hold and
//! with that memory, a decoder's panic costs one picture, and a file without its end is refused (`whole.rs` lists what
//! is noticed).

mod copies;
mod decode;
mod find;
mod guard;
mod jpeg;
mod kind;
mod listing;
mod load;
mod manifest;
mod memory;
mod need;
mod part_folders;
mod resize;
mod table;
mod tiff;
mod whole;
mod why;

pub use copies::copies;
pub use listing::{Grouping, Listing, PictureSet};
pub use load::{Loaded, Options};

/// The `(height, width)` of a picture and its grey levels, 0 to 255: for masks. A picture that does not have the size
/// `wanted` is not decoded; only its size is returned.
///
/// # Errors
/// `Format`, naming the file.
pub(super) fn grey_levels(
    path: &std::path::Path,
    wanted: (usize, usize),
) -> crate::Result<((usize, usize), Vec<f32>)> {
    let fail = |why: why::Why| {
        crate::Error::format(format!("{}: expected a whole picture; got {why}", path.display()))
            .with_hint("a mask is a black-and-white picture (PNG), or an .npy of zeros and ones")
    };
    let header = decode::header(path).map_err(fail)?;
    if (header.height, header.width) != wanted {
        return Ok(((header.height, header.width), Vec::new()));
    }
    let levels = |picture: &resize::Interleaved| {
        let levels = picture.bytes.iter().copied().map(f32::from).collect();
        Ok(((picture.height, picture.width), levels))
    };
    decode::decode(path, header.need, 1, levels).map_err(fail)
}

#[cfg(test)]
mod tests;
