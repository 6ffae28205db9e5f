//! The four regions of images and classes, and their comparison with the planted truth if there is one.

use ndarray::{Array3, ArrayView2, Axis};

use super::palette::REGION_NAMES;
use super::panel::{captioned, image, region_legend, regions, row, sheet};
use super::{Drawing, area, canvas::Canvas, class_name};
use crate::record::Record;
use crate::record::maps::StudyMaps;
use crate::report::words;

/// Images of a class in the figure.
const PER_CLASS: usize = 2;

fn areas(labels: ArrayView2<'_, u8>) -> String {
    let share = |r: u8| {
        let n = labels.iter().filter(|&&l| l == r).count();
        format!("{} {}", REGION_NAMES[usize::from(r)], words::percent(n as f64 / labels.len().max(1) as f64))
    };
    [2, 3, 1, 0].map(share).join(", ")
}

/// Pictured images with their regions, and the class's partition by its representatives.
pub(super) fn four_regions(record: &Record, maps: &StudyMaps) -> Drawing {
    let mut rows = vec![region_legend()];
    for class in 0..2 {
        let mut panels = Vec::new();
        let of_class = maps.pictured.labels.iter().enumerate().filter(|(_, l)| usize::from(**l) == class);
        for (i, _) in of_class.take(PER_CLASS) {
            let labels = maps.pictured.region.index_axis(Axis(0), i);
            let id = words::shorten(&maps.pictured.ids[i], 26);
            panels.push(captioned(image(maps.pictured.images.index_axis(Axis(0), i)), &id));
            panels.push(captioned(regions(labels), &areas(labels)));
        }
        let partition = maps.class_partition.index_axis(Axis(0), class);
        let theta = words::setting(record, "theta").unwrap_or("?");
        let caption = format!("class, theta {theta}: {}", areas(partition));
        panels.push(captioned(regions(partition), &caption));
        let n = record.directions.get(class).map_or(0, |d| d.fit.both_images);
        let eps = words::study_epsilon(record);
        rows.push(row(
            &format!("class {}, eps {eps}; class map n = {n}", class_name(record, class)),
            &panels,
        ));
    }
    Drawing {
        name: "four-regions",
        title: "The four regions",
        caption: "Looked at (U+) or not (U-), attacked (V+) or not (V-): single images, and the class by its \
                  representatives."
            .to_owned(),
        alt: "For each class: images beside their four regions in four colours, and the regions of the whole class."
            .to_owned(),
        canvas: sheet("The four regions", &rows),
    }
}

/// The planted regions beside the found ones.
pub(super) fn truth(record: &Record, maps: &StudyMaps, truth: &Array3<u8>) -> Drawing {
    let (h, w) = maps.size();
    let mut rows: Vec<Canvas> = vec![region_legend()];
    for class in 0..2 {
        let planted = truth.index_axis(Axis(0), class);
        let found = maps.class_partition.index_axis(Axis(0), class);
        let blob = maps.blob.index_axis(Axis(0), class);
        let count = |labels: ArrayView2<'_, u8>| labels.iter().filter(|&&l| l == 1).count();
        let iou = |region: &str| {
            let name = record.data.classes.get(class);
            let row = record
                .truth
                .iter()
                .find(|t| Some(&t.class) == name && t.region == region && t.by == "method");
            row.map_or_else(String::new, |t| format!(", IoU {:.2}", t.iou))
        };
        let panels = [
            captioned(regions(planted), &format!("planted; blob {}", area(count(planted), h * w))),
            captioned(
                regions(found),
                &format!("found by class{}", {
                    let (roi, roa) = (iou("roi"), iou("roa"));
                    if roi.is_empty() { String::new() } else { format!(": RoI{roi}; RoA{roa}") }
                }),
            ),
            captioned(regions(blob), &format!("blob: {}{}", area(count(blob), h * w), iou("blob"))),
        ];
        let n = record.directions.get(class).map_or(0, |d| d.fit.both_images);
        rows.push(row(&format!("class {} (n = {n})", class_name(record, class)), &panels));
    }
    Drawing {
        name: "truth",
        title: "Planted and found",
        caption: "The demo data set plants what the method should find. Left: the truth; middle: the regions found; \
                  right: the blob found."
            .to_owned(),
        alt: "For each class: the planted regions, the regions found, and the blob found.".to_owned(),
        canvas: sheet("Planted and found", &rows),
    }
}
