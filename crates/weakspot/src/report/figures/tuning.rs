//! The grid of a search: accuracy neutralized against accuracy under attack, with its Pareto front.

use super::Drawing;
use super::canvas::Canvas;
use super::chart::{self, Mark, Plot};
use super::palette::{BLUE, FAINT, GREEN, GREY, INK, VERMILLION};
use super::panel::sheet;
use super::text::{self, BODY};
use crate::record::{Record, TunedPoint, TuningRecord};
use crate::report::findings;

const WIDTH: usize = 620;
const HEIGHT: usize = 420;

/// The search; `None` if there was none.
pub(super) fn draw(record: &Record) -> Option<Drawing> {
    let tuning = record.tuning.as_ref()?;
    let scored = if tuning.scored == "adaptive" { "P3" } else { "P1" };
    let entries = [
        (Mark::Disc, GREY, "a point of the grid".to_owned()),
        (Mark::Disc, VERMILLION, "on the Pareto front".to_owned()),
        (Mark::Diamond, GREEN, "chosen, 95 % intervals".to_owned()),
        (Mark::Diamond, BLUE, "without a search".to_owned()),
    ];
    let legend = Canvas::stack(&[chart::mark_legend(&entries[..2]), chart::mark_legend(&entries[2..])], 4);
    let dashed =
        "dashed: tune images without attack or mask (vertical), attacked without a mask (horizontal)";
    let plot = scatter(tuning, scored);
    let note = text::paragraph(dashed, plot.width(), BODY, INK);
    let n = tuning.n[0] + tuning.n[1];
    Some(Drawing {
        name: "tuning",
        title: "The search on the tune part",
        caption: format!(
            "Each point of the grid by its accuracy when neutralized and its accuracy under attack ({scored}), both \
             classes, {n} tune images. Points with equal scores coincide. A line joins the points of the Pareto front, \
             where no other point is at least as good in both and better in one."
        ),
        alt: format!(
            "Accuracy under attack against accuracy neutralized. {}",
            findings::tuning(record).join(" ")
        ),
        canvas: sheet("Search on the tune part", &[legend, note, plot]),
    })
}

/// The part of an axis that is shown: whole percents at its quarters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: f64,
    width: f64,
}

impl Range {
    /// Holds all the values.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            values.fold((1.0f64, 0.0f64), |(low, high), v| (low.min(v).max(0.0), high.max(v).min(1.0)));
        // In steps of 4 %, whose quarters are whole.
        let (low, high) = ((low * 25.0).floor() as i64, (high * 25.0).ceil() as i64);
        let (low, high) = (low.min(high), high.max(low));
        let (low, high) = if low < high { (low, high) } else { ((low - 1).max(0), (high + 1).min(25)) };
        Self { low: low as f64 / 25.0, width: (high - low) as f64 / 25.0 }
    }

    /// Where a value lies, 0 to 1.
    fn place(self, v: f64) -> f64 {
        (v - self.low) / self.width
    }

    fn label(self, quarter: usize) -> String {
        format!("{:.0}", 100.0 * (self.low + self.width * quarter as f64 / 4.0))
    }
}

fn scatter(tuning: &TuningRecord, scored: &str) -> Canvas {
    let plot = Plot { left: 84, top: 40, width: WIDTH, height: HEIGHT };
    let mut canvas = Canvas::new(plot.left + WIDTH + 30, plot.top + HEIGHT + 60);
    let chosen = tuning.points.get(tuning.chosen);
    let ends =
        |f: fn(&TunedPoint) -> crate::record::Score| chosen.map(f).into_iter().flat_map(|s| [s.low, s.high]);
    let across = Range::of(
        tuning
            .points
            .iter()
            .map(|p| p.modified.both.rate)
            .chain([tuning.clean.both.rate])
            .chain(ends(|p| p.modified.both)),
    );
    let up = Range::of(
        tuning
            .points
            .iter()
            .map(|p| p.attacked.both.rate)
            .chain([tuning.adv.both.rate])
            .chain(ends(|p| p.attacked.both)),
    );
    let bottom = plot.top + HEIGHT;
    for quarter in 0..=4 {
        let (x, y) = (plot.left + WIDTH * quarter / 4, plot.top + HEIGHT * (4 - quarter) / 4);
        canvas.fill(x, plot.top, 1, HEIGHT, FAINT);
        canvas.fill(plot.left, y, WIDTH, 1, FAINT);
        text::write_centred(&mut canvas, x, bottom + 4, &across.label(quarter), BODY, INK);
        text::write_right(&mut canvas, plot.left - 8, y - BODY.height() / 2, &up.label(quarter), BODY, INK);
    }
    let below = "accuracy neutralized, no attack, in percent";
    text::write_centred(&mut canvas, plot.left + WIDTH / 2, bottom + 30, below, BODY, INK);
    text::write(&mut canvas, 0, 4, &format!("accuracy under attack ({scored}) in percent"), BODY, INK);
    let at = |point: &TunedPoint| {
        (plot.x(across.place(point.modified.both.rate)), plot.y(up.place(point.attacked.both.rate)))
    };
    let (clean, adv) = (plot.x(across.place(tuning.clean.both.rate)), plot.y(up.place(tuning.adv.both.rate)));
    canvas.dashes((clean, plot.top as f32), (clean, bottom as f32), 2.0, GREY);
    canvas.dashes((plot.left as f32, adv), ((plot.left + WIDTH) as f32, adv), 2.0, GREY);
    for point in tuning.points.iter().filter(|p| !p.front) {
        canvas.disc(at(point), 4.0, GREY);
    }
    let mut front: Vec<&TunedPoint> = tuning.points.iter().filter(|p| p.front).collect();
    front.sort_by_key(|p| (p.modified.both.k, p.attacked.both.k));
    for pair in front.windows(2) {
        canvas.stroke(at(pair[0]), at(pair[1]), 2.0, VERMILLION);
    }
    for point in front {
        canvas.disc(at(point), 5.0, VERMILLION);
    }
    if let Some(point) = tuning.untuned.and_then(|i| tuning.points.get(i)) {
        chart::mark(&mut canvas, at(point), Mark::Diamond, 7.0, BLUE);
    }
    if let Some(point) = chosen {
        let (x, y) = at(point);
        let (m, a) = (point.modified.both, point.attacked.both);
        let x_of = |v: f64| plot.x(across.place(v));
        let y_of = |v: f64| plot.y(up.place(v));
        chart::whisker_across(&mut canvas, y, (x_of(m.low), x, x_of(m.high)), Mark::Diamond, GREEN);
        chart::whisker_up(&mut canvas, x, (y_of(a.low), y, y_of(a.high)), Mark::Diamond, GREEN);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_every_value_and_has_whole_percents_at_its_quarters() {
        let range = Range::of([0.91, 0.97].into_iter());
        assert_eq!((range.low, range.width), (0.88, 0.12));
        assert_eq!([0, 1, 2, 3, 4].map(|q| range.label(q)), ["88", "91", "94", "97", "100"]);
        for values in [vec![], vec![0.0], vec![1.0], vec![0.4, 0.4], vec![0.0, 1.0]] {
            let range = Range::of(values.iter().copied());
            assert!(range.width > 0.0 && range.low >= 0.0 && range.low + range.width <= 1.0 + 1e-12);
            assert!(values.iter().all(|&v| (range.place(v) - 0.5).abs() < 0.5 + 1e-9), "{values:?}");
        }
    }
}
