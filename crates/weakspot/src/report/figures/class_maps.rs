//! Whole classes: the paper's Figure 8 (RoI), Figure 9 (RoA) and Figure 10 (blob).

use ndarray::{ArrayView2, Axis};

use super::palette::{BLUE, Colour, ColourMap, GREEN, VERMILLION};
use super::panel::{captioned, colour_bar, heat, overlay, row, sheet};
use super::{Drawing, area, canvas::Canvas, class_name};
use crate::record::Record;
use crate::record::maps::StudyMaps;
use crate::report::words;

fn theta(record: &Record) -> &str {
    words::setting(record, "theta").unwrap_or("?")
}

/// A set of pixels on white.
pub(in crate::report) fn solid(
    size: (usize, usize),
    colour: Colour,
    inside: impl Fn(usize, usize) -> bool,
) -> (Canvas, usize) {
    let (h, w) = size;
    let n = (0..h * w).filter(|i| inside(i / w, i % w)).count();
    let mut panel = heat(ndarray::Array2::ones(size).view(), ColourMap::Grey);
    overlay(&mut panel, size, colour, inside);
    (panel, n)
}

/// Frequency, union, and the representative at theta, for one class.
fn frequency_row(
    record: &Record,
    class: usize,
    map: ArrayView2<'_, f32>,
    what: &str,
    n: usize,
    colour: Colour,
) -> Canvas {
    let size = map.dim();
    let of = size.0 * size.1;
    // theta goes through f32, as the map did, so that a frequency equal to it stays in.
    let threshold = theta(record).parse::<f32>();
    let (union, in_union) = solid(size, colour, |y, x| map[[y, x]] > 0.0);
    let frequency = heat(map, ColourMap::Cividis);
    let bar = colour_bar(frequency.height(), ColourMap::Cividis, "share of images");
    let mut panels = vec![
        captioned(frequency, &format!("mean of {n} masks")),
        captioned(union, &format!("union: {}", area(in_union, of))),
    ];
    if let Ok(threshold) = threshold {
        let (at, in_at) = solid(size, colour, |y, x| map[[y, x]] >= threshold && map[[y, x]] > 0.0);
        panels.push(captioned(at, &format!("at theta {}: {}", theta(record), area(in_at, of))));
    }
    panels.push(bar);
    row(&format!("class {}, {what} (n = {n})", class_name(record, class)), &panels)
}

/// Figure 8: how often each pixel is RoI.
pub(super) fn roi(record: &Record, maps: &StudyMaps) -> Drawing {
    let rows: Vec<Canvas> = (0..2)
        .map(|class| {
            let n = record.directions.get(class).map_or(0, |d| d.fit.roi_images);
            frequency_row(record, class, maps.roi_frequency.index_axis(Axis(0), class), "RoI", n, BLUE)
        })
        .collect();
    Drawing {
        name: "fig08-class-roi",
        title: "Region of Importance of each class (the paper's Figure 8)",
        caption: format!(
            "Left to right: for each pixel, the share of the class's images whose RoI holds it; the union over all \
             images; the representative at theta {}.",
            theta(record)
        ),
        alt: "For each class: how often each pixel lies in the Region of Importance, the union over images, and the \
              pixels above theta."
            .to_owned(),
        canvas: sheet("Region of Importance, classes", &rows),
    }
}

/// Figure 9: how often each pixel is RoA.
pub(super) fn roa(record: &Record, maps: &StudyMaps) -> Drawing {
    let eps = words::study_epsilon(record);
    let rows: Vec<Canvas> = (0..2)
        .map(|class| {
            let n = record.directions.get(class).map_or(0, |d| d.fit.roa_images);
            let what = format!("RoA at eps {eps}");
            frequency_row(record, class, maps.roa_frequency.index_axis(Axis(0), class), &what, n, VERMILLION)
        })
        .collect();
    Drawing {
        name: "fig09-class-roa",
        title: "Region of Attack of each class (the paper's Figure 9)",
        caption: format!(
            "Left to right: for each pixel, the share of the class's images whose RoA holds it (eps {eps}); the union \
             over all images; the representative at theta {}.",
            theta(record)
        ),
        alt: "For each class: how often each pixel lies in the Region of Attack, the union over images, and the pixels \
              above theta."
            .to_owned(),
        canvas: sheet("Region of Attack, classes", &rows),
    }
}

/// Figure 10: the blob of each class and the mask its images get.
pub(super) fn blob(record: &Record, maps: &StudyMaps) -> Drawing {
    let (h, w) = maps.size();
    let rows: Vec<Canvas> = (0..2)
        .map(|class| {
            let frequency = maps.region_frequency.index_axis(Axis(0), class);
            let frequency = heat(frequency.index_axis(Axis(0), 1), ColourMap::Cividis);
            let bar = colour_bar(frequency.height(), ColourMap::Cividis, "share of images");
            let blob = maps.blob.index_axis(Axis(0), class);
            let (own, n_own) = solid((h, w), VERMILLION, |y, x| blob[[y, x]] > 0);
            let mask = maps.applied_mask.index_axis(Axis(0), class);
            let (applied, n_applied) = solid((h, w), GREEN, |y, x| mask[[y, x]] > 0);
            let direction = record.directions.get(class);
            let parts = direction.map_or(0, |d| d.blob.components.len());
            let n = direction.map_or(0, |d| d.fit.both_images);
            let empty = if n_own == 0 { "empty blob".to_owned() } else { words::count(parts, "part") };
            let panels = [
                captioned(frequency, &format!("U-V+, mean of {n} masks")),
                captioned(own, &format!("blob at theta {}: {}, {empty}", theta(record), area(n_own, h * w))),
                captioned(
                    applied,
                    &format!(
                        "applied mask ({}): {}",
                        words::setting(record, "mask").unwrap_or("?"),
                        area(n_applied, h * w)
                    ),
                ),
                bar,
            ];
            let eps = words::study_epsilon(record);
            row(&format!("class {}, U-V+ at eps {eps} (n = {n})", class_name(record, class)), &panels)
        })
        .collect();
    Drawing {
        name: "fig10-blob",
        title: "The blob of each class (the paper's Figure 10)",
        caption: "How often each pixel is attacked but not looked at (U-V+), the blob made from this, and the mask \
                  that is neutralized."
            .to_owned(),
        alt: "For each class: how often each pixel is in U-V+, the blob, and the mask that is neutralized.".to_owned(),
        canvas: sheet("Neutralizer blob", &rows),
    }
}
