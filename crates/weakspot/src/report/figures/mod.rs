//! The run's pictures as PNG: the paper's Figures 6 to 10 for this pair, and what the paper does not draw.

pub(crate) mod canvas;
mod chart;
pub(super) mod class_maps;
mod controls;
pub(super) mod image_maps;
pub(crate) mod palette;
pub(crate) mod panel;
mod protocols;
mod regions;
mod sweep;
mod text;
mod tuning;

pub use canvas::grey_png;

use crate::error::Result;
use crate::report::figures::canvas::Canvas;
use crate::study::maps::StudyMaps;
use crate::study::record::Record;

/// A picture of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The file's stem, `fig06-individual-roi`.
    pub name: &'static str,
    /// One line, as it stands above the picture.
    pub title: &'static str,
    /// What the picture shows, for a reader.
    pub caption: String,
    /// What the picture shows, for someone who cannot see it.
    pub alt: String,
    /// The bytes of the PNG.
    pub png: Vec<u8>,
}

/// A picture before it becomes bytes.
pub(crate) struct Drawing {
    name: &'static str,
    title: &'static str,
    caption: String,
    alt: String,
    canvas: Canvas,
}

/// Every picture of a run, in the order of the report.
///
/// # Errors
/// `Format` when a picture cannot be written as PNG.
pub fn all(record: &Record, maps: &StudyMaps) -> Result<Vec<Figure>> {
    drawings(record, maps)
        .into_iter()
        .map(|d| {
            let png = d.canvas.png().map_err(|e| e.context(d.name))?;
            Ok(Figure { name: d.name, title: d.title, caption: d.caption, alt: d.alt, png })
        })
        .collect()
}

fn drawings(record: &Record, maps: &StudyMaps) -> Vec<Drawing> {
    let mut drawings = vec![
        protocols::draw(record),
        image_maps::strip(record, maps),
        regions::four_regions(record, maps),
        image_maps::roi(record, maps),
        image_maps::roa(record, maps),
        class_maps::roi(record, maps),
        class_maps::roa(record, maps),
        class_maps::blob(record, maps),
        sweep::draw(record),
        controls::draw(record),
    ];
    if let Some(truth) = &maps.truth {
        drawings.insert(3, regions::truth(record, maps, truth));
    }
    drawings.extend(tuning::draw(record));
    drawings
}

/// A class's name, short enough for a caption.
fn class_name(record: &Record, class: usize) -> String {
    super::words::shorten(record.data.classes.get(class).map_or("?", String::as_str), 24)
}

/// `12 px (1.2 %)` of an image of so many pixels.
pub(in crate::report) fn area(pixels: usize, of: usize) -> String {
    format!("{pixels} px ({})", super::words::percent(pixels as f64 / of.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_figure_is_there_and_shows_something() {
        let run = fixture::demo();
        let names: Vec<_> = all(&run.record, &run.maps).unwrap().iter().map(|f| f.name).collect();
        for expected in [
            "fig06-individual-roi",
            "fig07-individual-roa",
            "fig08-class-roi",
            "fig09-class-roa",
            "fig10-blob",
            "four-regions",
            "truth",
            "strip",
            "sweep",
            "protocols",
            "controls",
        ] {
            assert!(names.contains(&expected), "{expected} is missing from {names:?}");
        }
        for d in drawings(&run.record, &run.maps) {
            assert!(!d.canvas.is_blank(), "{} is blank", d.name);
            assert!(!d.alt.is_empty() && !d.caption.is_empty(), "{} is not described", d.name);
            assert!(
                d.canvas.width() > 300 && d.canvas.width() < 1600,
                "{} is {} wide",
                d.name,
                d.canvas.width()
            );
        }
    }

    #[test]
    fn runs_with_next_to_nothing_are_drawn_too() {
        for run in [fixture::bare(), fixture::one_pixel(), fixture::hostile(), fixture::tuned()] {
            for d in drawings(&run.record, &run.maps) {
                assert!(!d.canvas.is_blank(), "{} is blank", d.name);
                assert!(d.canvas.width() < 2000 && d.canvas.height() < 4000, "{} is too large", d.name);
            }
        }
    }
}
