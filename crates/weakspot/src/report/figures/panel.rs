//! Images and maps as panels of one size, with captions, colour bars and legends.

use ndarray::{ArrayView2, ArrayView3};

use crate::report::figures::canvas::Canvas;
use crate::report::figures::palette::{BLACK, Colour, ColourMap, FAINT, INK, REGION_NAMES, REGIONS};
use crate::report::figures::text::{self, BODY, STRONG, TITLE};

/// The longer side a panel aims at, in pixels.
const SIDE: f32 = 250.0;
/// Space between panels.
pub(crate) const GAP: usize = 22;
/// A figure's margin.
const MARGIN: usize = 24;

/// How a map's pixels become a panel's: nearest neighbour, whole factors for small images, so that a pixel stays a
/// square.
#[derive(Clone, Copy)]
struct Grid {
    rows: usize,
    columns: usize,
    height: usize,
    width: usize,
}

impl Grid {
    fn new((rows, columns): (usize, usize)) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let longer = rows.max(columns) as f32;
        let factor = if longer > 1.25 * SIDE { SIDE / longer } else { (SIDE / longer).round() };
        let side = |n: usize| ((n as f32 * factor) as usize).max(1);
        Self { rows, columns, height: side(rows), width: side(columns) }
    }

    /// Row and column of the map behind a pixel of the panel.
    fn source(self, x: usize, y: usize) -> (usize, usize) {
        (y * self.rows / self.height, x * self.columns / self.width)
    }

    fn draw(self, colour: impl Fn(usize, usize) -> Colour) -> Canvas {
        let mut canvas = Canvas::new(self.width, self.height);
        for y in 0..self.height {
            for x in 0..self.width {
                let (row, column) = self.source(x, y);
                canvas.blend(x, y, colour(row, column), 1.0);
            }
        }
        canvas
    }
}

/// An image `[channels, height, width]` in `[0, 1]`: three channels are RGB, else the first is shown as grey.
pub(crate) fn image(pixels: ArrayView3<'_, f32>) -> Canvas {
    let (channels, h, w) = pixels.dim();
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    Grid::new((h, w)).draw(|row, column| match channels {
        0 => BLACK,
        3 => std::array::from_fn(|c| byte(pixels[[c, row, column]])),
        _ => [byte(pixels[[0, row, column]]); 3],
    })
}

/// A map in `[0, 1]` in colours.
pub(crate) fn heat(map: ArrayView2<'_, f32>, colours: ColourMap) -> Canvas {
    Grid::new(map.dim()).draw(|row, column| colours.colour(map[[row, column]]))
}

/// Region labels 0 to 3 in their colours.
pub(crate) fn regions(labels: ArrayView2<'_, u8>) -> Canvas {
    Grid::new(labels.dim()).draw(|row, column| REGIONS[usize::from(labels[[row, column]] & 3)])
}

/// Lays a set of pixels over a panel: half-transparent inside, a full line at its border.
pub(crate) fn overlay(
    panel: &mut Canvas,
    size: (usize, usize),
    colour: Colour,
    inside: impl Fn(usize, usize) -> bool,
) {
    let grid = Grid::new(size);
    let at = |x: usize, y: usize| {
        let (row, column) = grid.source(x, y);
        inside(row, column)
    };
    for y in 0..grid.height {
        for x in 0..grid.width {
            if !at(x, y) {
                continue;
            }
            let edge = |n: usize, limit: usize| n < 2 || n + 2 >= limit;
            let border = edge(x, grid.width) || edge(y, grid.height) || {
                !(at(x - 2, y) && at(x + 2, y) && at(x, y - 2) && at(x, y + 2))
            };
            panel.blend(x, y, colour, if border { 1.0 } else { 0.5 });
        }
    }
}

/// A framed panel with its caption below, as wide as the panel.
pub(crate) fn captioned(mut panel: Canvas, caption: &str) -> Canvas {
    let (w, h) = (panel.width(), panel.height());
    panel.frame(0, 0, w, h, FAINT);
    // Narrow panels would break every word of their captions.
    let width = w.max(14 * BODY.advance());
    Canvas::stack(&[panel, text::paragraph(caption, width, BODY, INK)], 6)
}

/// A vertical colour bar as high as a panel, with five numbers and what they count.
pub(crate) fn colour_bar(height: usize, colours: ColourMap, unit: &str) -> Canvas {
    let (bar, ticks) = (18, 5);
    let half = BODY.height() / 2;
    // The end numbers stand half a line above and below the bar's ends.
    let height = height.max(8 * BODY.height());
    let length = height - 2 * half;
    let mut canvas = Canvas::new(bar + 8 + BODY.width("0.00"), height);
    for y in 0..length {
        let value = 1.0 - y as f32 / (length - 1) as f32;
        canvas.fill(0, y + half, bar, 1, colours.colour(value));
    }
    canvas.frame(0, half, bar, length, FAINT);
    for i in 0..ticks {
        let value = i as f32 / (ticks - 1) as f32;
        let y = ((1.0 - value) * (length - 1) as f32) as usize;
        canvas.fill(bar, y + half, 4, 1, INK);
        text::write(&mut canvas, bar + 7, y, &format!("{value:.2}"), BODY, INK);
    }
    let label = text::paragraph(unit, 16 * BODY.advance(), BODY, INK);
    Canvas::stack(&[canvas, label], 6)
}

/// What region colours mean.
pub(crate) fn region_legend() -> Canvas {
    let meanings = ["neither", "RoA only (U-V+)", "RoI only", "RoI and RoA"];
    let entries: Vec<_> =
        [2, 3, 1, 0].map(|r: usize| (REGIONS[r], format!("{} {}", REGION_NAMES[r], meanings[r]))).to_vec();
    legend(&entries)
}

/// Coloured squares with words, in one line.
pub(crate) fn legend(entries: &[(Colour, String)]) -> Canvas {
    let parts: Vec<Canvas> = entries
        .iter()
        .map(|(colour, words)| {
            let mut part = Canvas::new(24 + BODY.width(words), BODY.height());
            part.fill(0, 2, 16, 16, *colour);
            part.frame(0, 2, 16, 16, INK);
            text::write(&mut part, 24, 0, words, BODY, INK);
            part
        })
        .collect();
    Canvas::beside(&parts, GAP)
}

/// A row of panels under its own heading.
pub(crate) fn row(heading: &str, panels: &[Canvas]) -> Canvas {
    let panels = Canvas::beside(panels, GAP);
    let heading = text::paragraph(heading, panels.width().max(40 * STRONG.advance()), STRONG, BLACK);
    Canvas::stack(&[heading, panels], 6)
}

/// Rows under a title, with a margin.
pub(crate) fn sheet(title: &str, rows: &[Canvas]) -> Canvas {
    let width = rows.iter().map(Canvas::width).max().unwrap_or(1).max(44 * TITLE.advance());
    let mut parts = vec![text::paragraph(title, width, TITLE, BLACK)];
    if rows.is_empty() {
        parts.push(text::paragraph("Nothing to show: the run has no such map.", width, BODY, INK));
    }
    parts.extend_from_slice(rows);
    Canvas::stack(&parts, GAP).margin(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn small_images_grow_by_whole_factors_and_large_ones_shrink() {
        for (side, panel) in [(1, 250), (28, 252), (32, 256), (224, 224), (1000, 250)] {
            let canvas = heat(Array2::zeros((side, side)).view(), ColourMap::Viridis);
            assert_eq!((canvas.width(), canvas.height()), (panel, panel), "{side}");
        }
        let thin = image(Array3::zeros((1, 1, 500)).view());
        assert_eq!((thin.width(), thin.height()), (250, 1));
    }

    #[test]
    fn every_pixel_of_the_map_is_shown_in_its_place() {
        let mut map = Array2::zeros((28, 28));
        map[[3, 20]] = 1.0;
        let canvas = heat(map.view(), ColourMap::Grey);
        let mut expected = Canvas::new(252, 252);
        expected.fill(0, 0, 252, 252, BLACK);
        expected.fill(180, 27, 9, 9, [255; 3]);
        assert_eq!(canvas, expected);
    }

    #[test]
    fn an_overlay_touches_only_its_mask() {
        let mut panel = image(Array3::zeros((1, 4, 4)).view());
        let before = panel.clone();
        overlay(&mut panel, (4, 4), [255, 0, 0], |_, _| false);
        assert_eq!(panel, before);
        overlay(&mut panel, (1, 1), [255, 0, 0], |_, _| true);
        assert_ne!(panel, before);
    }
}
