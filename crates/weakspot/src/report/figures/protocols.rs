//! Every protocol's accuracy with its interval, one mark per class.

use super::canvas::Canvas;
use super::chart::{self, Mark, Plot};
use super::palette::{BLACK, CLASSES, INK};
use super::panel::sheet;
use super::text::{self, BODY, STRONG};
use super::{Drawing, class_name};
use crate::record::Protocol;
use crate::record::Record;
use crate::report::words;

const LEFT: usize = 235;
const PLOT: usize = 430;
const RIGHT: usize = 320;
const LINE: usize = 24;

/// Which mark a class has.
const MARKS: [Mark; 2] = [Mark::Disc, Mark::Diamond];

/// The protocol comparison.
pub(super) fn draw(record: &Record) -> Drawing {
    let legend: Vec<_> = record
        .directions
        .iter()
        .take(2)
        .enumerate()
        .map(|(i, _)| (MARKS[i], CLASSES[i], format!("images of class {}", class_name(record, i))))
        .collect();
    let height = 2 * LINE + 12;
    let plot = Plot { left: LEFT, top: 4, width: PLOT, height: Protocol::all().count() * height };
    let mut canvas = Canvas::new(LEFT + PLOT + RIGHT, plot.height + 60);
    plot.percent_below(&mut canvas, "accuracy in percent, 95 % interval (Wilson)");
    for (line, protocol) in Protocol::all().enumerate() {
        let top = plot.top + line * height;
        let strong = protocol.is_headline();
        let style = if strong { STRONG } else { BODY };
        let name = format!("{} {}", protocol.id(), protocol.name());
        text::write(&mut canvas, 0, top + height / 2 - 10, &name, style, if strong { BLACK } else { INK });
        for (class, d) in record.directions.iter().take(2).enumerate() {
            let y = top + 6 + class * LINE;
            let centre = y as f32 + 11.0;
            let label = LEFT + PLOT + 18;
            if let Some(s) = protocol.score(&d.scores).filter(|s| s.n > 0) {
                let ends = (plot.x(s.low), plot.x(s.rate), plot.x(s.high));
                chart::whisker_across(&mut canvas, centre, ends, MARKS[class], CLASSES[class]);
                let value =
                    format!("{} {} {}/{}", words::percent(s.rate), words::interval(s.low, s.high), s.k, s.n);
                text::write(&mut canvas, label, y + 1, &value, style, CLASSES[class]);
            } else {
                text::write(&mut canvas, label, y + 1, "not run", BODY, CLASSES[class]);
            }
        }
    }
    let fill = words::headline_fill(record);
    let eps = words::study_epsilon(record);
    Drawing {
        name: "protocols",
        title: "Accuracy under every protocol",
        caption: format!(
            "Marks: accuracy on the eval images of each class; bars: Wilson's 95 % interval; on the right: k of n. eps \
             {eps}, L-inf, fill {fill}. The headline is P3w minus P0w."
        ),
        alt: format!("Dot-and-whisker plot of accuracy under each protocol. {}", spoken(record)),
        canvas: sheet(
            &format!("Accuracy under every protocol (eps {eps}, fill {fill})"),
            &[chart::mark_legend(&legend), canvas],
        ),
    }
}

/// The plot's numbers as a sentence.
fn spoken(record: &Record) -> String {
    let mut parts = Vec::new();
    for d in record.directions.iter().take(2) {
        let scores: Vec<String> = Protocol::all()
            .filter_map(|p| p.score(&d.scores).map(|s| format!("{} {}", p.name(), words::percent(s.rate))))
            .collect();
        parts.push(format!("Class {}: {}.", d.source, scores.join("; ")));
    }
    parts.join(" ")
}
