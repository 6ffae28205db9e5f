//! The mask's score beside those of random shifts of it.

use super::canvas::Canvas;
use super::chart::{self, Mark, Plot};
use super::palette::{BLACK, GREY, INK, VERMILLION};
use super::panel::sheet;
use super::text::{self, BODY, STRONG};
use super::{Drawing, class_name};
use crate::record::{Control, Record};
use crate::report::words;

const PLOT: usize = 430;
const LEFT: usize = 330;
const RIGHT: usize = 230;
const HEIGHT: usize = 84;

/// The shifted controls.
pub(super) fn draw(record: &Record) -> Drawing {
    let mut rows = Vec::new();
    if !record.controls.is_empty() {
        let plot = Plot { left: LEFT, top: 4, width: PLOT, height: record.controls.len() * HEIGHT };
        let mut canvas = Canvas::new(LEFT + PLOT + RIGHT, plot.height + 60);
        plot.percent_below(&mut canvas, "accuracy in percent");
        for (i, control) in record.controls.iter().enumerate() {
            let class = record.data.classes.iter().position(|name| *name == control.source);
            let name =
                class.map_or_else(|| words::shorten(&control.source, 24), |class| class_name(record, class));
            line(&mut canvas, plot, plot.top + i * HEIGHT, &name, control);
        }
        let legend = [
            (Mark::Diamond, VERMILLION, "the mask, 95 % interval".to_owned()),
            (Mark::Disc, GREY, "the same mask, shifted".to_owned()),
        ];
        rows = vec![chart::mark_legend(&legend), canvas];
    }
    Drawing {
        name: "controls",
        title: "The mask against random shifts of it",
        caption: "Each grey disc is the accuracy with the mask moved elsewhere (same area and shape), on at most 300 \
                  eval images per class (50 under P3w); the diamond is the mask in its own place. Described, not \
                  tested."
            .to_owned(),
        alt: format!("The mask's accuracy beside those of its shifted copies. {}", spoken(record)),
        canvas: sheet("The mask against random shifts of it", &rows),
    }
}

fn line(canvas: &mut Canvas, plot: Plot, top: usize, class: &str, control: &Control) {
    let centre = top as f32 + HEIGHT as f32 / 2.0;
    text::write(canvas, 0, top + 20, &format!("class {class}"), STRONG, BLACK);
    let scored = match control.scored.as_str() {
        "mod" => "neutralized, no attack",
        "adaptive" => "adaptive attack (P3)",
        _ => "worst adaptive attack (P3w)",
    };
    text::write(canvas, 0, top + 42, scored, BODY, INK);
    // Discs that would cover each other are stacked upwards, three heights at most before they wrap.
    let mut rates = control.rates.clone();
    rates.sort_by(f64::total_cmp);
    let mut last = f32::NEG_INFINITY;
    let mut stacked = 0;
    for rate in rates {
        let x = plot.x(rate);
        stacked = if x - last < 8.0 { (stacked + 1) % 5 } else { 0 };
        last = x;
        let y = centre + [0.0, -9.0, 9.0, -18.0, 18.0][stacked];
        canvas.disc((x, y), 4.0, GREY);
    }
    let s = control.blob;
    let ends = (plot.x(s.low), plot.x(s.rate), plot.x(s.high));
    chart::whisker_across(canvas, centre, ends, Mark::Diamond, VERMILLION);
    let label = plot.left + plot.width + 18;
    let shifts = control.rates.len();
    text::write(canvas, label, top + 20, &format!("rank {} of {}", control.rank, shifts + 1), BODY, INK);
    text::write(canvas, label, top + 42, &words::p_value(control.p), BODY, INK);
}

fn spoken(record: &Record) -> String {
    let parts = record
        .controls
        .iter()
        .map(|c| format!("Class {}, {}: rank {} of {}.", c.source, c.scored, c.rank, c.rates.len() + 1));
    parts.collect::<Vec<_>>().join(" ")
}
