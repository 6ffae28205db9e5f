//! A plot area with axes: where a number lies in pixels.

use super::canvas::Canvas;
use super::palette::{Colour, FAINT, INK};
use super::text::{self, BODY};

/// A rectangle of a canvas in which numbers from 0 to 1 are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The marks that tell series apart without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Disc,
    Diamond,
}

impl Plot {
    /// The horizontal place of a fraction.
    pub(super) fn x(&self, v: f64) -> f32 {
        self.left as f32 + v.clamp(0.0, 1.0) as f32 * self.width as f32
    }

    /// The vertical place of a fraction, 0 at the bottom.
    pub(super) fn y(&self, v: f64) -> f32 {
        (self.top + self.height) as f32 - v.clamp(0.0, 1.0) as f32 * self.height as f32
    }

    /// Grid lines at quarters with percent below them, and the axis's name.
    pub(super) fn percent_below(&self, canvas: &mut Canvas, name: &str) {
        let bottom = self.top + self.height;
        for quarter in 0..=4 {
            let x = self.left + self.width * quarter / 4;
            canvas.fill(x, self.top, 1, self.height, FAINT);
            text::write_centred(canvas, x, bottom + 4, &format!("{}", quarter * 25), BODY, INK);
        }
        text::write_centred(canvas, self.left + self.width / 2, bottom + 26, name, BODY, INK);
    }

    /// Grid lines at quarters with percent to their left.
    pub(super) fn percent_left(&self, canvas: &mut Canvas) {
        for quarter in 0..=4 {
            let y = self.top + self.height * (4 - quarter) / 4;
            canvas.fill(self.left, y, self.width, 1, FAINT);
            let label = format!("{} %", quarter * 25);
            text::write_right(canvas, self.left - 8, y - BODY.height() / 2, &label, BODY, INK);
        }
    }
}

/// A mark, `radius` pixels from centre to border.
pub(super) fn mark(canvas: &mut Canvas, at: (f32, f32), mark: Mark, radius: f32, colour: Colour) {
    match mark {
        Mark::Disc => canvas.disc(at, radius, colour),
        Mark::Diamond => canvas.diamond(at, radius * 1.35, colour),
    }
}

/// A horizontal interval with a mark on it.
pub(super) fn whisker_across(
    canvas: &mut Canvas,
    y: f32,
    (low, at, high): (f32, f32, f32),
    shape: Mark,
    colour: Colour,
) {
    canvas.stroke((low, y), (high, y), 2.5, colour);
    canvas.stroke((low, y - 5.0), (low, y + 5.0), 2.0, colour);
    canvas.stroke((high, y - 5.0), (high, y + 5.0), 2.0, colour);
    mark(canvas, (at, y), shape, 6.0, colour);
}

/// A vertical interval with a mark on it.
pub(super) fn whisker_up(
    canvas: &mut Canvas,
    x: f32,
    (low, at, high): (f32, f32, f32),
    shape: Mark,
    colour: Colour,
) {
    canvas.stroke((x, low), (x, high), 2.5, colour);
    canvas.stroke((x - 5.0, low), (x + 5.0, low), 2.0, colour);
    canvas.stroke((x - 5.0, high), (x + 5.0, high), 2.0, colour);
    mark(canvas, (x, at), shape, 6.0, colour);
}

/// Marks with words, in one line.
pub(super) fn mark_legend(entries: &[(Mark, Colour, String)]) -> Canvas {
    let parts: Vec<Canvas> = entries
        .iter()
        .map(|(shape, colour, words)| {
            let mut part = Canvas::new(30 + BODY.width(words), BODY.height());
            canvas_mark(&mut part, *shape, *colour);
            text::write(&mut part, 30, 0, words, BODY, INK);
            part
        })
        .collect();
    Canvas::beside(&parts, 24)
}

fn canvas_mark(part: &mut Canvas, shape: Mark, colour: Colour) {
    part.stroke((1.0, 10.0), (23.0, 10.0), 2.5, colour);
    mark(part, (12.0, 10.0), shape, 6.0, colour);
}
