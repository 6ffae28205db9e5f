//! Which kind of picture a file is: by its first bytes, whatever its name says.

use std::path::Path;

use image::ImageFormat;

use super::why::Why;

/// The first bytes, which tell the kind.
pub(super) const START: usize = 64;

/// The kinds that are read, and the endings of their names.
const KINDS: [(&str, ImageFormat); 9] = [
    ("png", ImageFormat::Png),
    ("jpg", ImageFormat::Jpeg),
    ("jpeg", ImageFormat::Jpeg),
    ("webp", ImageFormat::WebP),
    ("bmp", ImageFormat::Bmp),
    ("gif", ImageFormat::Gif),
    ("tif", ImageFormat::Tiff),
    ("tiff", ImageFormat::Tiff),
    ("jpe", ImageFormat::Jpeg),
];

/// Endings of pictures of kinds that are not read.
const UNREAD: [&str; 11] = ["heic", "heif", "hif", "avif", "jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jxl"];

fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_lowercase())
}

/// The kind that a name's ending promises.
pub(super) fn by_name(path: &Path) -> Option<ImageFormat> {
    let ending = ending(path)?;
    KINDS.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind)
}

/// Whether a name's ending promises a picture of a kind that is not read.
pub(super) fn unread_by_name(path: &Path) -> bool {
    ending(path).is_some_and(|ending| UNREAD.contains(&ending.as_str()))
}

/// What a kind is called.
pub(super) fn called(kind: ImageFormat) -> &'static str {
    match kind {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        _ => "another",
    }
}

/// The kind that the content tells.
pub(super) fn by_content(start: &[u8]) -> Result<ImageFormat, Why> {
    if start.is_empty() {
        return Err("an empty file".into());
    }
    if start.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err("a Git LFS pointer, which stands for the picture (git lfs pull fetches it)".into());
    }
    if let Some(name) = unread(start) {
        return Err(Why::unread(format!("{name} picture, a kind that is not read")));
    }
    // BigTIFF, which the decoder of TIFF reads.
    if start.starts_with(b"II\x2b\0") || start.starts_with(b"MM\0\x2b") {
        return Ok(ImageFormat::Tiff);
    }
    let kind = image::guess_format(start).map_err(|_unknown| "bytes that are not a picture")?;
    if KINDS.iter().any(|(_, known)| *known == kind) {
        Ok(kind)
    } else {
        Err(Why::unread(format!("a picture of a kind that is not read ({kind:?})")))
    }
}

/// Kinds that cameras and scanners write and that are not read, with their article.
///
/// JPEG 2000: ITU-T T.800, annexes A and I. HEIF and AVIF: ISO/IEC 23008-12 and AV1 Image File Format, whose first box
/// lists brands. JPEG XL: ISO/IEC 18181-2.
fn unread(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(b"\0\0\0\x0cjP  \r\n\x87\n") || start.starts_with(b"\xff\x4f\xff\x51") {
        return Some("a JPEG 2000");
    }
    if start.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") || start.starts_with(b"\xff\x0a") {
        return Some("a JPEG XL");
    }
    if start.get(4..8)? != b"ftyp" {
        return None;
    }
    let length = u32::from_be_bytes([start[0], start[1], start[2], start[3]]) as usize;
    let brands = start.get(8..start.len().min(length))?;
    let has = |names: &[&[u8; 4]]| {
        // The second word is the version of the first and not a brand.
        brands.as_chunks().0.iter().enumerate().any(|(i, brand)| i != 1 && names.contains(&brand))
    };
    if has(&[b"avif", b"avis"]) {
        return Some("an AVIF");
    }
    let heif: [&[u8; 4]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];
    has(&heif).then_some("a HEIF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_are_not_read_are_called_by_their_names() {
        let came = |start: &[u8]| by_content(start).unwrap_err();
        for (start, name) in [
            (&b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 "[..], "a JPEG 2000 picture"),
            (b"\xff\x4f\xff\x51\0\x2f", "a JPEG 2000 picture"),
            (b"\xff\x0a\xfa\x1f", "a JPEG XL picture"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIF picture"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf", "an AVIF picture"),
            (b"\0\0\x01\0\x01\0\x10\x10", "a kind that is not read (Ico)"),
        ] {
            let why = came(start);
            assert!(why.came.contains(name) && why.hint().as_str().contains("PNG"), "{why:?}");
        }
        // A film is not a picture, and a version is not a brand.
        for start in
            [&b"\0\0\0\x18ftypisom\0\0\0\0isommp41"[..], b"\0\0\0\x10ftypisomheic", b"\0\0\0\x08ftyp"]
        {
            assert_eq!(came(start).came, "bytes that are not a picture");
        }
    }
}
