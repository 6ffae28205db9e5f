//! Accuracy over epsilon for both classes: the worst case without and with the mask, or one attack if no more was run.

use super::canvas::Canvas;
use super::chart::{self, Mark, Plot};
use super::palette::{BLACK, BLUE, Colour, GREY, INK, VERMILLION};
use super::panel::sheet;
use super::text::{self, BODY, STRONG};
use super::{Drawing, class_name};
use crate::record::{Record, Score, SweepPoint};
use crate::report::words;

const WIDTH: usize = 400;
const HEIGHT: usize = 300;

/// Sideways shift in pixels, so that intervals do not cover each other; mark; colour; score.
type Series = (f32, Mark, Colour, fn(&SweepPoint) -> Option<Score>);

/// The sweep.
pub(super) fn draw(record: &Record) -> Drawing {
    let plots: Vec<Canvas> = (0..record.data.classes.len())
        .map(|class| {
            let name = &record.data.classes[class];
            let mut points: Vec<&SweepPoint> = record.sweep.iter().filter(|p| &p.source == name).collect();
            points.sort_by(|a, b| a.epsilon.total_cmp(&b.epsilon));
            one(&class_name(record, class), &points, is_worst(record))
        })
        .collect();
    let mut rows = Vec::new();
    if !record.sweep.is_empty() {
        let [plain, defended] = if is_worst(record) {
            ["worst attack, nothing neutralized (P0w)", "worst attack, neutralized (P3w)"]
        } else {
            ["attacked, nothing neutralized (P0)", "adaptive, neutralized (P3)"]
        };
        let legend = [(Mark::Disc, VERMILLION, plain.to_owned()), (Mark::Diamond, BLUE, defended.to_owned())];
        let plots = Canvas::beside(&plots, 30);
        let dashed = text::paragraph("dashed line: without attack or mask", plots.width(), BODY, INK);
        rows = vec![Canvas::stack(&[chart::mark_legend(&legend), dashed], 4), plots];
    }
    Drawing {
        name: "sweep",
        title: "Accuracy over epsilon",
        caption: "Accuracy under the worst attack with nothing neutralized (P0w) and by an attacker who knows the mask \
                  (P3w), or under the study's own attack (P0, P3) if the worst cases were not run. Blob and thresholds \
                  are the same at every eps. Dashed: without attack or mask. Bars: Wilson's 95 % interval. The tests \
                  are in the table of the sweep."
            .to_owned(),
        alt: format!("Accuracy against epsilon for both classes. {}", spoken(record)),
        canvas: sheet("Accuracy over epsilon, L-inf (same blob and thresholds)", &rows),
    }
}

/// Whether the worst cases were run at every radius.
fn is_worst(record: &Record) -> bool {
    record.sweep.iter().all(|p| p.adv_worst.is_some() && p.adaptive_worst.is_some())
}

fn one(name: &str, points: &[&SweepPoint], worst: bool) -> Canvas {
    let plot = Plot { left: 70, top: 34, width: WIDTH, height: HEIGHT };
    let mut canvas = Canvas::new(plot.left + WIDTH + 30, plot.top + HEIGHT + 76);
    let n = points.first().map_or(0, |p| p.adv.n);
    text::write(&mut canvas, plot.left, 0, &format!("class {name} (n = {n})"), STRONG, BLACK);
    plot.percent_left(&mut canvas);
    let bottom = plot.top + HEIGHT;
    // Radii are spread evenly: they usually double, and 2/255 and 4/255 would collide on a linear axis.
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
    let series: [Series; 2] = if worst {
        [(-6.0, Mark::Disc, VERMILLION, |p| p.adv_worst), (6.0, Mark::Diamond, BLUE, |p| p.adaptive_worst)]
    } else {
        [(-6.0, Mark::Disc, VERMILLION, |p| Some(p.adv)), (6.0, Mark::Diamond, BLUE, |p| p.adaptive)]
    };
    for (shift, shape, colour, score) in series {
        // Without P3 there is one line.
        let Some(scores) = points.iter().map(|p| score(p)).collect::<Option<Vec<Score>>>() else { continue };
        let at = |i: usize| (places[i] + shift, plot.y(scores[i].rate));
        for i in 1..points.len() {
            canvas.stroke(at(i - 1), at(i), 2.0, colour);
        }
        for (i, s) in scores.iter().enumerate() {
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
            "Class {}, eps {}: nothing neutralized {}, neutralized {}.",
            p.source,
            words::epsilon(p.epsilon),
            words::percent(p.adv_worst.unwrap_or(p.adv).rate),
            p.adaptive_worst.or(p.adaptive).map_or_else(|| "not run".to_owned(), |s| words::percent(s.rate))
        )
    });
    parts.collect::<Vec<_>>().join(" ")
}
