//! What a picture needs: whether its file can hold what the header claims, and the memory that decoding takes.

use image::ImageFormat;

/// No deflate stream grows more than this on unpacking (zlib's technical notes, "Maximum compression factor").
const DEFLATE_MAX_RATIO: u64 = 1032;
/// Pixels of a JPEG's byte at most: a block of 64 takes one bit at least.
const JPEG_MAX_PIXELS: u64 = 64 * 8;
/// What decoders take whatever the picture's size, in bytes: tables, windows, rows.
const ROOM: u64 = 1 << 22;

/// What a header claims, and what is known about its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) kind: ImageFormat,
    /// As stored.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes of a pixel as the decoder gives it.
    pub(super) pixel: u64,
    /// Whether the decoder gives 8-bit RGB, which is kept as it is.
    pub(super) rgb: bool,
    /// Whether its sides are swapped.
    pub(super) turned: bool,
    /// Of the file, in bytes.
    pub(super) length: u64,
    /// Bytes of a pixel that a JPEG's decoder keeps until the last scan.
    pub(super) kept: u64,
    /// Whether a WebP is an animation.
    pub(super) animated: bool,
}

impl Claim {
    /// What decoding takes at most, in bytes: the file and the decoder's own beside its pixels; then those and the
    /// same in 8-bit RGB; then that, turned.
    pub(super) fn need(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let own = pixels * self.pixel;
        let file = if self.kind == ImageFormat::Jpeg { 2 * self.length } else { self.length };
        let rgb = 3 * pixels;
        let copied = if self.rgb { 0 } else { rgb };
        let turned = if self.turned { rgb } else { 0 };
        ROOM + (file + self.beside() + own).max(own + copied).max(rgb + turned)
    }

    /// What the decoder itself takes beside the file and the pixels that it gives, in bytes.
    pub(super) fn beside(&self) -> u64 {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let pixels = width * height;
        match self.kind {
            // Coefficients, in whole blocks of up to 32 x 32 pixels.
            ImageFormat::Jpeg => width.next_multiple_of(32) * height.next_multiple_of(32) * self.kept,
            // The pixels with opacity, and what predicts them; a canvas more for an animation.
            ImageFormat::WebP => pixels * if self.animated { 9 } else { 5 },
            // The picture within the canvas, and the file's metadata.
            ImageFormat::Gif => pixels * 4 + self.length,
            // The pixels as stored, of inks four where three are given, and a packed strip.
            ImageFormat::Tiff => {
                let inks = if self.pixel.is_multiple_of(3) { self.pixel / 3 } else { 0 };
                pixels * (self.pixel + inks) + self.length + ROOM
            }
            // Rows.
            _ => self.length + ROOM,
        }
    }
}

/// Whether a file of this length can hold what its header claims, if the kind limits how far it can unpack.
///
/// Other kinds have no limit: a WebP of one colour takes 34 bytes in any size.
pub(super) fn is_plausible(claim: &Claim, start: &[u8]) -> bool {
    let (width, height) = (u64::from(claim.width), u64::from(claim.height));
    match claim.kind {
        ImageFormat::Png => {
            // Bits of a sample, and the kind of pixel.
            let &[bits, pixel] = start.get(24..26).unwrap_or(&[1, 0]) else { return true };
            let samples = match pixel {
                2 => 3,
                4 => 2,
                6 => 4,
                _ => 1,
            };
            // Each row begins with its filter.
            let rows = height * ((width * samples * u64::from(bits)).div_ceil(8) + 1);
            rows <= claim.length.saturating_mul(DEFLATE_MAX_RATIO)
        }
        ImageFormat::Jpeg => width * height <= claim.length.saturating_mul(JPEG_MAX_PIXELS),
        _ => true,
    }
}

/// Whether a WebP says that it is an animation: flag 2 of its extended header (RFC 9649, section 2.7).
pub(super) fn is_animated(kind: ImageFormat, start: &[u8]) -> bool {
    kind == ImageFormat::WebP
        && start.get(12..16) == Some(b"VP8X")
        && start.get(20).is_some_and(|flags| flags & 2 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::pictures::memory::TOTAL;

    #[test]
    fn a_large_photograph_has_its_memory_and_a_bomb_has_not() {
        let photo = Claim {
            kind: ImageFormat::Jpeg,
            width: 16_320,
            height: 12_240,
            pixel: 3,
            rgb: true,
            turned: false,
            length: 60_000_000,
            kept: 0,
            animated: false,
        };
        assert!(photo.need() < TOTAL, "200 megapixels of a telephone: {}", photo.need());
        let small = Claim { width: 4_000, height: 3_000, length: 6_000_000, ..photo };
        assert!(small.need() < TOTAL / 16, "every core of a large machine at once: {}", small.need());
        let bomb = Claim { kind: ImageFormat::WebP, width: 16_383, height: 16_384, length: 34, ..photo };
        assert!(bomb.need() > TOTAL);
        // Of the same pixels more where more copies are made.
        let clear = Claim { pixel: 4, rgb: false, ..small };
        let [kept, turned] = [Claim { kept: 6, ..small }, Claim { turned: true, ..clear }];
        assert!(kept.need() > small.need() && clear.need() > small.need());
        assert!(turned.need() >= clear.need());
    }
}
