//! The paper's Figures 6 to 10 with every data set: one row each, the default settings beside the paper's.

use ndarray::{Array2, Axis};

use super::{Reproduction, Settings, Studied, Study};
use crate::error::Result;
use crate::report::figures::canvas::Canvas;
use crate::report::figures::class_maps::solid;
use crate::report::figures::image_maps::{firsts, masked};
use crate::report::figures::palette::{BLUE, Colour, ColourMap, VERMILLION};
use crate::report::figures::panel::{captioned, colour_bar, heat, image, overlay, row, sheet};
use crate::report::figures::{Figure, area, called_by_index, drawn_class};
use crate::report::words;

/// The most characters of a class's name.
const CLASS_NAME: usize = 14;

/// A plate: its name, and how the panel of one class in one study is drawn.
struct Plate {
    name: &'static str,
    title: &'static str,
    caption: &'static str,
    panel: fn(&Study, usize) -> Canvas,
    /// Whether colours stand for shares.
    bar: bool,
}

const PLATES: [Plate; 5] = [
    Plate {
        name: "fig06-individual-roi",
        title: "Region of Importance of single images (the paper's Figure 6)",
        caption: "One image of each class; in blue the pixels that the classifier looks at (RoI).",
        panel: |study, class| individual(study, class, 2, BLUE, "RoI", "delta1"),
        bar: false,
    },
    Plate {
        name: "fig07-individual-roa",
        title: "Region of Attack of single images (the paper's Figure 7)",
        caption: "The same images; in vermillion the pixels that the attack strikes (RoA). Except for the clip at 0 \
                  and 1, FGSM changes every pixel by eps; with the paper's settings, which measure the change, the RoA \
                  is the pattern of the clip.",
        panel: |study, class| individual(study, class, 1, VERMILLION, "RoA", "delta2"),
        bar: false,
    },
    Plate {
        name: "fig08-class-roi",
        title: "Region of Importance of each class (the paper's Figure 8)",
        caption: "For each pixel, the share of the class's images whose RoI holds it; n: the fit images that have one.",
        panel: |study, class| {
            let n = study.run.record.directions.get(class).map_or(0, |d| d.fit.roi_images);
            let map = study.run.maps.roi_frequency.index_axis(Axis(0), class);
            captioned(heat(map, ColourMap::Cividis), &of(study, class, &format!("n = {n}")))
        },
        bar: true,
    },
    Plate {
        name: "fig09-class-roa",
        title: "Region of Attack of each class (the paper's Figure 9)",
        caption: "For each pixel, the share of the class's images whose RoA holds it; n: the fit images that count, as \
                  a rule those on which the attack succeeded.",
        panel: |study, class| {
            let n = study.run.record.directions.get(class).map_or(0, |d| d.fit.roa_images);
            let map = study.run.maps.roa_frequency.index_axis(Axis(0), class);
            captioned(heat(map, ColourMap::Cividis), &of(study, class, &format!("n = {n}")))
        },
        bar: true,
    },
    Plate {
        name: "fig10-blob",
        title: "The blob of each class (the paper's Figure 10)",
        caption: "In vermillion the blob of each class: struck but not looked at (U-V+). With the default settings, \
                  the mask of every image is the union of both classes' blobs; with the paper's settings, it is the \
                  blob of its own class.",
        panel: blob,
        bar: false,
    },
];

/// Every plate.
///
/// # Errors
/// `Format` when a picture cannot be written as PNG.
pub(super) fn all(all: &Reproduction) -> Result<Vec<Figure>> {
    PLATES
        .iter()
        .map(|plate| {
            let rows: Vec<Canvas> =
                all.subjects.iter().filter_map(|subject| of_subject(plate, subject)).collect();
            let png = sheet(plate.title, &rows).png().map_err(|e| e.context(plate.name))?;
            let names: Vec<String> = all.subjects.iter().map(|s| s.name.clone()).collect();
            let keys = all.subjects.iter().filter_map(|subject| {
                let classes = &subject.studies.first()?.run.record.data.classes;
                called_by_index(classes, CLASS_NAME).map(|key| format!(" {}: {key}", subject.name))
            });
            Ok(Figure {
                name: plate.name,
                title: plate.title,
                caption: format!(
                    "{} Left to right: both classes with the default settings, both with the paper's.{}",
                    plate.caption,
                    keys.collect::<String>()
                ),
                alt: format!("{} {}: a row for each data set.", plate.caption, words::list(&names)),
                png,
            })
        })
        .collect()
}

/// A data set's row: both classes under the default settings, then under the paper's.
fn of_subject(plate: &Plate, subject: &Studied) -> Option<Canvas> {
    let first = subject.studies.first()?;
    let mut panels = Vec::new();
    for settings in Settings::BOTH {
        for class in 0..2 {
            panels.push(if let Some(study) = subject.with(settings) {
                (plate.panel)(study, class)
            } else {
                // An empty panel of the same size, so that the columns stay aligned.
                let empty = heat(Array2::ones(first.run.maps.size()).view(), ColourMap::Grey);
                captioned(empty, &format!("{}: no study", settings.name()))
            });
        }
    }
    if plate.bar {
        let (h, _) = first.run.maps.size();
        let height = heat(Array2::zeros((h, h)).view(), ColourMap::Grey).height();
        panels.push(colour_bar(height, ColourMap::Cividis, "share of images"));
    }
    let names = &first.run.record.data.classes;
    let classes = [0, 1].map(|class| drawn_class(names, class, CLASS_NAME));
    Some(row(&format!("{}: {} and {}", words::shorten(&subject.name, 30), classes[0], classes[1]), &panels))
}

/// `default, class 0: ...`.
fn of(study: &Study, class: usize, what: &str) -> String {
    let name = drawn_class(&study.run.record.data.classes, class, CLASS_NAME);
    format!("{}, {name}: {what}", study.settings.name())
}

/// The first pictured image of a class with the pixels whose region label has a bit set.
fn individual(study: &Study, class: usize, bit: u8, colour: Colour, what: &str, rule: &str) -> Canvas {
    let maps = &study.run.maps;
    let (h, w) = maps.size();
    let Some((_, i)) = firsts(&maps.pictured).into_iter().find(|(of, _)| *of == class) else {
        let empty = heat(Array2::ones((h, w)).view(), ColourMap::Grey);
        return captioned(empty, &of(study, class, "no image"));
    };
    let mut panel = image(maps.pictured.images.index_axis(Axis(0), i));
    let (pixels, inside) = masked(maps, i, bit);
    overlay(&mut panel, (h, w), colour, inside);
    let rule = words::setting(&study.run.record, rule).unwrap_or("?");
    let share = words::percent(pixels as f64 / (h * w).max(1) as f64);
    captioned(panel, &of(study, class, &format!("{what} ({rule}) {share}")))
}

fn blob(study: &Study, class: usize) -> Canvas {
    let (h, w) = study.run.maps.size();
    let mask = study.run.maps.blob.index_axis(Axis(0), class);
    let (panel, pixels) = solid((h, w), VERMILLION, |y, x| mask[[y, x]] > 0);
    let what = if pixels == 0 { "empty".to_owned() } else { area(pixels, h * w) };
    captioned(panel, &of(study, class, &what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reproduction::fixture;

    #[test]
    fn every_figure_of_the_paper_has_its_plate() {
        for of in [fixture::some(), fixture::hostile()] {
            let plates = all(&of).unwrap();
            let names: Vec<&str> = plates.iter().map(|p| p.name).collect();
            assert_eq!(names.len(), 5);
            for (name, number) in names.iter().zip(["06", "07", "08", "09", "10"]) {
                assert!(name.starts_with(&format!("fig{number}")), "{names:?}");
            }
        }
    }

    #[test]
    fn a_row_has_a_place_for_a_study_that_is_missing() {
        let some = fixture::some();
        let (whole, half) = (&some.subjects[0], &some.subjects[2]);
        let [a, b] = [whole, half].map(|subject| of_subject(&PLATES[4], subject).unwrap());
        assert_eq!(a.width(), b.width());
        let none = Studied { name: "x".to_owned(), studies: Vec::new() };
        assert!(of_subject(&PLATES[0], &none).is_none());
    }
}
