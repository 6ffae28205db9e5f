//! Anti-aliased text in a fixed-width face (Noto Sans Mono, SIL Open Font License, rasterised ahead of time).

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use crate::report::figures::canvas::Canvas;
use crate::report::figures::palette::Colour;
use crate::report::words::wrap;

/// A size and weight of the face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    weight: FontWeight,
    size: RasterHeight,
}

/// Captions and axis numbers.
pub(crate) const BODY: Style = Style { weight: FontWeight::Regular, size: RasterHeight::Size20 };
/// What a row is.
pub(crate) const STRONG: Style = Style { weight: FontWeight::Bold, size: RasterHeight::Size20 };
/// What a figure is.
pub(crate) const TITLE: Style = Style { weight: FontWeight::Bold, size: RasterHeight::Size24 };

impl Style {
    /// Height of a line in pixels.
    pub(crate) fn height(self) -> usize {
        self.size.val()
    }

    /// Width of every character in pixels.
    pub(crate) fn advance(self) -> usize {
        get_raster_width(self.weight, self.size)
    }

    /// Width of a text in pixels.
    pub(crate) fn width(self, text: &str) -> usize {
        text.chars().count() * self.advance()
    }

    /// The number of characters that fit a width.
    pub(crate) fn fits(self, width: usize) -> usize {
        width / self.advance()
    }
}

/// Whether the face has every character of a text.
pub(crate) fn has_all(text: &str) -> bool {
    text.chars().all(|c| get_raster(c, BODY.weight, BODY.size).is_some())
}

/// Writes one line, its top left corner at (x, y). Characters that the face lacks (it has ASCII and Latin-1) become a
/// question mark.
pub(crate) fn write(canvas: &mut Canvas, x: usize, y: usize, text: &str, style: Style, colour: Colour) {
    for (i, c) in text.chars().enumerate() {
        let glyph =
            get_raster(c, style.weight, style.size).or_else(|| get_raster('?', style.weight, style.size));
        let Some(glyph) = glyph else { continue };
        for (row, line) in glyph.rows().enumerate() {
            for (column, &ink) in line.iter().enumerate() {
                let at = x + i * style.advance() + column;
                canvas.blend(at, y + row, colour, f32::from(ink) / 255.0);
            }
        }
    }
}

/// Writes one line whose right end is at `x`, cut off at the canvas's left border.
pub(crate) fn write_right(canvas: &mut Canvas, x: usize, y: usize, text: &str, style: Style, colour: Colour) {
    write(canvas, x.saturating_sub(style.width(text)), y, text, style, colour);
}

/// Writes one line around `x`.
pub(crate) fn write_centred(
    canvas: &mut Canvas,
    x: usize,
    y: usize,
    text: &str,
    style: Style,
    colour: Colour,
) {
    write(canvas, x.saturating_sub(style.width(text) / 2), y, text, style, colour);
}

/// Lines of text as a canvas of the given width.
pub(crate) fn paragraph(text: &str, width: usize, style: Style, colour: Colour) -> Canvas {
    let lines = wrap(text, style.fits(width));
    let mut canvas = Canvas::new(width.max(1), (lines.len() * style.height()).max(1));
    for (i, line) in lines.iter().enumerate() {
        write(&mut canvas, 0, i * style.height(), line, style, colour);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::palette::BLACK;

    #[test]
    fn letters_the_face_lacks_still_leave_ink() {
        let mut canvas = Canvas::new(40, 30);
        write(&mut canvas, 0, 0, "猫", BODY, BLACK);
        assert!(!canvas.is_blank());
    }
}
