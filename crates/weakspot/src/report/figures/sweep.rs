//! Accuracy over epsilon, attacked and adaptive, for both classes.

use super::canvas::Canvas;
use super::chart::{self, Mark, Plot};
use super::palette::{BLACK, BLUE, GREY, INK, VERMILLION};
use super::panel::sheet;
use super::text::{self, BODY, STRONG};
use super::{Drawing, class_name};
use crate::report::words;
use crate::study::record::{Record, Score, SweepPoint};

const WIDTH: usize = 400;
const HEIGHT: usize = 300;

/// The sweep.
pub(super) fn draw(record: &Record) -> Drawing {
    let plots: Vec<Canvas> = (0..record.data.classes.len())
        .map(|class| {
            let name = &record.data.classes[class];
            let mut points: Vec<&SweepPoint> = record.sweep.iter().filter(|p| &p.source == name).collect();
            points.sort_by(|a, b| a.epsilon.total_cmp(&b.epsilon));
            one(&class_name(record, class), &points)
        })
        .collect();
    let mut rows = Vec::new();
    if !record.sweep.is_empty() {
        let legend = [
            (Mark::Disc, VERMILLION, "attacked, nothing neutralized (P0)".to_owned()),
            (Mark::Diamond, BLUE, "adaptive, neutralized (P3)".to_owned()),
        ];
        rows = vec![chart::mark_legend(&legend), Canvas::beside(&plots, 30)];
    }
    Drawing {
        name: "sweep",
        title: "Accuracy over epsilon",
        caption: "Accuracy under attack with nothing neutralized (P0) and under the adaptive attack with the mask (P3), \
                  blob and thresholds kept; dashed: without attack. Bars: Wilson's 95 % interval. Described, not tested."
            .to_owned(),
        alt: format!("Accuracy against epsilon for both classes. {}", spoken(record)),
        canvas: sheet("Accuracy over epsilon, L-inf (blob and thresholds kept)", &rows),
    }
}

fn one(name: &str, points: &[&SweepPoint]) -> Canvas {
    let plot = Plot { left: 70, top: 34, width: WIDTH, height: HEIGHT };
    let mut canvas = Canvas::new(plot.left + WIDTH + 30, plot.top + HEIGHT + 76);
    let n = points.first().map_or(0, |p| p.adv.n);
    text::write(&mut canvas, plot.left, 0, &format!("class {name} (n = {n})"), STRONG, BLACK);
    plot.percent_left(&mut canvas);
    let bottom = plot.top + HEIGHT;
    // Settings are spread evenly: they usually double, and 2/255 and 4/255 would collide on a linear axis.
    let places: Vec<f32> = (0..points.len())
        .map(|i| plot.left as f32 + (i as f32 + 0.5) / points.len() as f32 * WIDTH as f32)
        .collect();
    // Labels of a long sweep are thinned until they no longer touch.
    let widest = points.iter().map(|p| BODY.width(&words::epsilon(p.epsilon)) + 10).max().unwrap_or(1);
    let every = (widest * points.len()).div_ceil(WIDTH).max(1);
    for (i, (point, x)) in points.iter().zip(&places).enumerate() {
        canvas.fill(*x as usize, bottom, 1, 5, INK);
        if i % every == 0 {
            text::write_centred(
                &mut canvas,
                *x as usize,
                bottom + 8,
                &words::epsilon(point.epsilon),
                BODY,
                INK,
            );
        }
    }
    let axis = "eps in pixel units, not to scale";
    text::write_centred(&mut canvas, plot.left + WIDTH / 2, bottom + 34, axis, BODY, INK);
    if let Some(point) = points.first() {
        let y = plot.y(point.clean.rate);
        canvas.dashes((plot.left as f32, y), ((plot.left + WIDTH) as f32, y), 2.0, GREY);
    }
    let series: [(f32, Mark, super::palette::Colour, fn(&SweepPoint) -> Score); 2] =
        [(-6.0, Mark::Disc, VERMILLION, |p| p.adv), (6.0, Mark::Diamond, BLUE, |p| p.adaptive)];
    for (shift, shape, colour, score) in series {
        let at = |i: usize| (places[i] + shift, plot.y(score(points[i]).rate));
        for i in 1..points.len() {
            canvas.stroke(at(i - 1), at(i), 2.0, colour);
        }
        for (i, point) in points.iter().enumerate() {
            let s = score(point);
            chart::whisker_up(
                &mut canvas,
                at(i).0,
                (plot.y(s.low), plot.y(s.rate), plot.y(s.high)),
                shape,
                colour,
            );
        }
    }
    canvas
}

fn spoken(record: &Record) -> String {
    let parts = record.sweep.iter().map(|p| {
        format!(
            "Class {}, eps {}: attacked {}, adaptive {}.",
            p.source,
            words::epsilon(p.epsilon),
            words::percent(p.adv.rate),
            words::percent(p.adaptive.rate)
        )
    });
    parts.collect::<Vec<_>>().join(" ")
}
