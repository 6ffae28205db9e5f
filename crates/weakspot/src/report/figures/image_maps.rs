//! Single images: the paper's Figure 6 (RoI), Figure 7 (RoA), and the strip from clean to neutralized.

use ndarray::Axis;

use super::palette::{BLUE, ColourMap, VERMILLION};
use super::panel::{captioned, colour_bar, heat, image, overlay, row, sheet};
use super::{Drawing, area, canvas::Canvas, class_name};
use crate::record::Record;
use crate::record::maps::{ImageMaps, StudyMaps};
use crate::report::words;

/// The first pictured image of each class.
pub(in crate::report) fn firsts(maps: &ImageMaps) -> Vec<(usize, usize)> {
    (0..2u8).filter_map(|c| maps.labels.iter().position(|&l| l == c).map(|i| (usize::from(c), i))).collect()
}

fn heading(record: &Record, maps: &StudyMaps, class: usize, i: usize) -> String {
    let id = words::shorten(&maps.pictured.ids[i], 40);
    format!("class {}, image {id} (n = 1)", class_name(record, class))
}

/// Which bit of a region label is set, and on how many pixels of image `i`.
pub(in crate::report) fn masked(
    maps: &StudyMaps,
    i: usize,
    bit: u8,
) -> (usize, impl Fn(usize, usize) -> bool) {
    let labels = maps.pictured.region.index_axis(Axis(0), i);
    let pixels = labels.iter().filter(|&&r| r & bit != 0).count();
    (pixels, move |y: usize, x: usize| labels[[y, x]] & bit != 0)
}

/// Figure 6: the RoI of one image per class.
pub(super) fn roi(record: &Record, maps: &StudyMaps) -> Drawing {
    let (h, w) = maps.size();
    let delta = words::setting(record, "delta1").unwrap_or("?");
    let rows: Vec<Canvas> = firsts(&maps.pictured)
        .into_iter()
        .map(|(class, i)| {
            let clean = image(maps.pictured.images.index_axis(Axis(0), i));
            let (pixels, inside) = masked(maps, i, 2);
            let mut over = clean.clone();
            overlay(&mut over, (h, w), BLUE, inside);
            let bar = colour_bar(clean.height(), ColourMap::Viridis, "share of the map's maximum");
            let panels = [
                captioned(clean, "clean image"),
                captioned(
                    heat(maps.pictured.utility.index_axis(Axis(0), i), ColourMap::Viridis),
                    &format!("utility, layer {}", record.classifier.layer),
                ),
                captioned(over, &format!("RoI ({delta}): {}", area(pixels, h * w))),
                bar,
            ];
            row(&heading(record, maps, class, i), &panels)
        })
        .collect();
    Drawing {
        name: "fig06-individual-roi",
        title: "Region of Importance of single images (the paper's Figure 6)",
        caption: format!(
            "Left to right: the image, its utility map ({} at {}), and in blue the pixels that the rule {delta} takes.",
            words::setting(record, "explain").unwrap_or("the map"),
            record.classifier.layer
        ),
        alt: "For one image of each class: the image, its utility map in colours, and the Region of Importance in \
              blue over the image."
            .to_owned(),
        canvas: sheet("Region of Importance, single images", &rows),
    }
}

/// Figure 7: the RoA of one image per class.
pub(super) fn roa(record: &Record, maps: &StudyMaps) -> Drawing {
    let (h, w) = maps.size();
    let delta = words::setting(record, "delta2").unwrap_or("?");
    let eps = words::study_epsilon(record);
    let rows: Vec<Canvas> = firsts(&maps.pictured)
        .into_iter()
        .map(|(class, i)| {
            let clean = image(maps.pictured.images.index_axis(Axis(0), i));
            let (pixels, inside) = masked(maps, i, 1);
            let mut over = clean.clone();
            overlay(&mut over, (h, w), VERMILLION, inside);
            let bar = colour_bar(clean.height(), ColourMap::Viridis, "share of the map's maximum");
            let panels = [
                captioned(
                    image(maps.pictured.adversarial.index_axis(Axis(0), i)),
                    &format!("attacked, L-inf, eps {eps}"),
                ),
                captioned(
                    heat(maps.pictured.vulnerability.index_axis(Axis(0), i), ColourMap::Viridis),
                    &format!("vulnerability ({})", words::setting(record, "roa").unwrap_or("?")),
                ),
                captioned(over, &format!("RoA ({delta}): {}", area(pixels, h * w))),
                bar,
            ];
            row(&heading(record, maps, class, i), &panels)
        })
        .collect();
    Drawing {
        name: "fig07-individual-roa",
        title: "Region of Attack of single images (the paper's Figure 7)",
        caption: format!(
            "Left to right: the attacked image (eps {eps}), its vulnerability map, and in vermillion the pixels that \
             the rule {delta} takes, over the clean image."
        ),
        alt: "For one image of each class: the attacked image, its vulnerability map in colours, and the Region of \
              Attack in vermillion over the clean image."
            .to_owned(),
        canvas: sheet("Region of Attack, single images", &rows),
    }
}

/// Clean, perturbation, attacked, utility, neutralized: one image per class.
pub(super) fn strip(record: &Record, maps: &StudyMaps) -> Drawing {
    let eps = words::study_epsilon(record);
    let fill = words::headline_fill(record);
    let rows: Vec<Canvas> = firsts(&maps.pictured)
        .into_iter()
        .map(|(class, i)| {
            let clean = maps.pictured.images.index_axis(Axis(0), i);
            let attacked = maps.pictured.adversarial.index_axis(Axis(0), i);
            let delta = &attacked - &clean;
            let largest = delta.iter().fold(0.0_f32, |m, v| crate::num::max(m, v.abs()));
            // The largest change fills the scale: zero is mid-grey, +-max is white and black.
            let gain = if largest > 0.0 { 0.5 / largest } else { 1.0 };
            let shown = delta.mapv(|v| 0.5 + gain * v);
            let masked = maps.applied_mask.index_axis(Axis(0), class).iter().filter(|&&m| m > 0).count();
            let (h, w) = maps.size();
            let utility = heat(maps.pictured.utility.index_axis(Axis(0), i), ColourMap::Viridis);
            let bar = colour_bar(utility.height(), ColourMap::Viridis, "utility, share of its maximum");
            let panels = [
                captioned(image(clean), "clean"),
                captioned(utility, "utility"),
                captioned(
                    image(shown.view()),
                    &format!(
                        "0.5 + {gain:.1} x perturbation; largest {}",
                        words::epsilon(f64::from(largest))
                    ),
                ),
                captioned(image(attacked), &format!("attacked, L-inf, eps {eps}")),
                captioned(
                    image(maps.pictured.neutralized.index_axis(Axis(0), i)),
                    &format!("neutralized: {}, fill {fill}", area(masked, h * w)),
                ),
                bar,
            ];
            row(&heading(record, maps, class, i), &panels)
        })
        .collect();
    Drawing {
        name: "strip",
        title: "From clean to neutralized",
        caption: "One image per class: clean, utility, the perturbation (magnified, zero is mid-grey), attacked, and \
                  with the mask neutralized."
            .to_owned(),
        alt: "For one image of each class, side by side: clean, utility map, magnified perturbation, attacked, \
              neutralized."
            .to_owned(),
        canvas: sheet("From clean to neutralized", &rows),
    }
}
