//! A small raster canvas: rectangles, anti-aliased strokes and discs, composition, PNG.

use crate::error::Result;
use crate::image::encode;
use crate::report::figures::palette::Colour;

/// RGB pixels, row by row, three bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A white canvas.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![255; width * height * 3] }
    }

    /// Width in pixels.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// Mixes a colour into one pixel; `alpha` 0 leaves it, 1 replaces it. Outside the canvas nothing happens.
    pub(crate) fn blend(&mut self, x: usize, y: usize, colour: Colour, alpha: f32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        let alpha = alpha.clamp(0.0, 1.0);
        for (below, above) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            *below = (f32::from(*below) * (1.0 - alpha) + f32::from(above) * alpha).round() as u8;
        }
    }

    /// Fills a rectangle.
    pub(crate) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                self.blend(column, row, colour, 1.0);
            }
        }
    }

    /// Draws the border of a rectangle, one pixel wide, inside it.
    pub(crate) fn frame(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        if width == 0 || height == 0 {
            return;
        }
        self.fill(x, y, width, 1, colour);
        self.fill(x, y + height - 1, width, 1, colour);
        self.fill(x, y, 1, height, colour);
        self.fill(x + width - 1, y, 1, height, colour);
    }

    /// An anti-aliased line with round ends; coordinates are pixel centres plus one half.
    pub(crate) fn stroke(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length2 = dx * dx + dy * dy;
        self.shade(from, to, thickness / 2.0, colour, |x, y| {
            let along = ((x - from.0) * dx + (y - from.1) * dy) / length2;
            let t = if length2 > 0.0 { along.clamp(0.0, 1.0) } else { 0.0 };
            (x - from.0 - t * dx).hypot(y - from.1 - t * dy)
        });
    }

    /// A dashed line, dashes and gaps six pixels long.
    pub(crate) fn dashes(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Colour) {
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let n_dashes = (length / 12.0).ceil() as usize;
        let point = |t: f32| (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
        for i in 0..n_dashes {
            let start = i as f32 * 12.0 / length;
            let end = (i as f32 * 12.0 + 6.0) / length;
            self.stroke(point(start), point(end.clamp(0.0, 1.0)), thickness, colour);
        }
    }

    /// An anti-aliased disc.
    pub(crate) fn disc(&mut self, centre: (f32, f32), radius: f32, colour: Colour) {
        self.shade(centre, centre, radius, colour, |x, y| (x - centre.0).hypot(y - centre.1));
    }

    /// An anti-aliased square standing on a corner.
    pub(crate) fn diamond(&mut self, centre: (f32, f32), radius: f32, colour: Colour) {
        self.shade(centre, centre, radius, colour, |x, y| (x - centre.0).abs() + (y - centre.1).abs());
    }

    /// Colours the pixels whose distance to a shape between two points is below `radius`, softly at the border.
    fn shade(
        &mut self,
        a: (f32, f32),
        b: (f32, f32),
        radius: f32,
        colour: Colour,
        distance: impl Fn(f32, f32) -> f32,
    ) {
        let range = |a: f32, b: f32, limit: usize| {
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            let low = (low - radius - 1.0).floor().clamp(0.0, limit as f32);
            let high = (high + radius + 2.0).ceil().clamp(0.0, limit as f32);
            low as usize..high as usize
        };
        for y in range(a.1, b.1, self.height) {
            for x in range(a.0, b.0, self.width) {
                let d = distance(x as f32 + 0.5, y as f32 + 0.5);
                self.blend(x, y, colour, radius + 0.5 - d);
            }
        }
    }

    /// Copies another canvas onto this one; what does not fit is cut off.
    pub(crate) fn paste(&mut self, x: usize, y: usize, other: &Self) {
        let columns = other.width.min(self.width.saturating_sub(x));
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let to = ((y + row) * self.width + x) * 3;
            let from = row * other.width * 3;
            self.pixels[to..to + columns * 3].copy_from_slice(&other.pixels[from..from + columns * 3]);
        }
    }

    /// Canvases below each other, aligned left, `gap` pixels apart.
    pub(crate) fn stack(parts: &[Self], gap: usize) -> Self {
        let width = parts.iter().map(|p| p.width).max().unwrap_or(1);
        let height: usize = parts.iter().map(|p| p.height + gap).sum();
        let mut out = Self::new(width, height.saturating_sub(gap).max(1));
        let mut y = 0;
        for part in parts {
            out.paste(0, y, part);
            y += part.height + gap;
        }
        out
    }

    /// Canvases beside each other, aligned at the top, `gap` pixels apart.
    pub(crate) fn beside(parts: &[Self], gap: usize) -> Self {
        let height = parts.iter().map(|p| p.height).max().unwrap_or(1);
        let width: usize = parts.iter().map(|p| p.width + gap).sum();
        let mut out = Self::new(width.saturating_sub(gap).max(1), height);
        let mut x = 0;
        for part in parts {
            out.paste(x, 0, part);
            x += part.width + gap;
        }
        out
    }

    /// The canvas with a white margin on every side.
    pub(crate) fn margin(&self, margin: usize) -> Self {
        let mut out = Self::new(self.width + 2 * margin, self.height + 2 * margin);
        out.paste(margin, margin, self);
        out
    }

    /// Whether every pixel is white.
    #[cfg(test)]
    pub(crate) fn is_blank(&self) -> bool {
        self.pixels.chunks_exact(3).all(|p| p == [255; 3])
    }

    /// The bytes of an RGB PNG; equal canvases give equal bytes.
    ///
    /// # Errors
    /// `Format` for a canvas beyond what PNG can hold.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        encode(self.width, self.height, png::ColorType::Rgb, &self.pixels)
    }
}

/// A grey PNG of one byte per pixel.
///
/// # Errors
/// `Format` for sides beyond what PNG can hold.
///
/// # Examples
/// ```
/// use weakspot::report::figures::grey_png;
///
/// // Two pixels, black and white.
/// assert!(grey_png(2, 1, &[0, 255])?.starts_with(b"\x89PNG"));
/// assert!(grey_png(2, 2, &[0, 255]).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn grey_png(width: usize, height: usize, pixels: &[u8]) -> Result<Vec<u8>> {
    encode(width, height, png::ColorType::Grayscale, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::palette::BLACK;

    #[test]
    fn a_stroke_covers_its_own_width_and_nothing_outside_the_canvas() {
        let mut c = Canvas::new(20, 11);
        c.stroke((-5.0, 5.5), (40.0, 5.5), 3.0, BLACK);
        let dark = c.pixels.chunks_exact(3).map(|p| (255.0 - f32::from(p[0])) / 255.0).sum::<f32>();
        assert!((dark - 60.0).abs() < 1.0, "20 columns of 3 pixels, got {dark}");
        c.stroke((3.0, 3.0), (3.0, 3.0), 2.0, BLACK);
        c.disc((-100.0, -100.0), 5.0, BLACK);
    }

    #[test]
    fn composition_adds_up() {
        let (a, b) = (Canvas::new(3, 5), Canvas::new(4, 2));
        let stacked = Canvas::stack(&[a.clone(), b.clone()], 2);
        assert_eq!((stacked.width(), stacked.height()), (4, 9));
        let beside = Canvas::beside(&[a, b], 2);
        assert_eq!((beside.width(), beside.height()), (9, 5));
        let none = Canvas::stack(&[], 3);
        assert_eq!((none.width(), none.height()), (1, 1));
        assert!(none.is_blank());
    }
}
