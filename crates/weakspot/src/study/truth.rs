//! The demo data set only: how much of what was planted was found, against random maps of the same areas.

use ndarray::Array2;

use crate::attribution::ChosenLayer;
use crate::dataset::Truth;
use crate::error::Result;
use crate::image::{Frame, Leverage, Mask, RawMap};
use crate::metrics::Overlap;
use crate::record::TruthRow;
use crate::rng;
use crate::study::regions::ClassRegions;

/// Random maps per class: the control's figures are means over them.
const RANDOM_MAPS: usize = 100;

/// The rows of one class: RoI, RoA and blob, each as found and as a random map would find it.
pub(crate) fn rows(
    class: &str,
    found: &ClassRegions,
    truth: &Truth,
    size: (usize, usize),
    layer: &ChosenLayer,
    seed: u64,
) -> Result<Vec<TruthRow>> {
    let planted = [("roi", &truth.utility), ("roa", &truth.vulnerability), ("blob", &truth.blob)];
    let by_method = [&found.roi, &found.roa, &found.blob];
    let mut rows: Vec<TruthRow> = planted
        .iter()
        .zip(by_method)
        .map(|((region, truth), mask)| {
            row(class, region, "method", mask.area() as f64, &Overlap::of(mask, truth), truth)
        })
        .collect();
    let mut sums = [[0.0; 4]; 3];
    for draw in 0..RANDOM_MAPS {
        let item = format!("{class}/{draw}");
        let roi =
            random_mask(layer.grid, layer.frame(), size, found.roi.area(), seed, &format!("roi/{item}"))?;
        let roa = random_mask(size, Frame::Image, size, found.roa.area(), seed, &format!("roa/{item}"))?;
        let blob = roa.intersection(&roi.complement());
        for ((sum, (_, truth)), mask) in sums.iter_mut().zip(planted).zip([&roi, &roa, &blob]) {
            let overlap = Overlap::of(mask, truth);
            for (s, v) in
                sum.iter_mut().zip([overlap.iou, overlap.precision, overlap.recall, mask.area() as f64])
            {
                *s += v / RANDOM_MAPS as f64;
            }
        }
    }
    for (&[iou, precision, recall, area], (region, truth)) in sums.iter().zip(planted) {
        rows.push(row(class, region, "random", area, &Overlap { iou, precision, recall }, truth));
    }
    Ok(rows)
}

fn row(class: &str, region: &str, by: &str, found: f64, overlap: &Overlap, truth: &Mask) -> TruthRow {
    TruthRow {
        class: class.to_owned(),
        region: region.to_owned(),
        by: by.to_owned(),
        iou: overlap.iou,
        precision: overlap.precision,
        recall: overlap.recall,
        found: found.round() as usize,
        planted: truth.area(),
    }
}

/// The `area` largest pixels of a map of independent uniform numbers at a grid.
fn random_mask(
    grid: (usize, usize),
    frame: Frame,
    size: (usize, usize),
    area: usize,
    seed: u64,
    item: &str,
) -> Result<Mask> {
    let mut stream = rng::stream(seed, "truth-control", item);
    let values = Array2::from_shape_simple_fn(grid, || stream.unit());
    let view = Leverage::new(RawMap { values, frame }, size)?.view;
    let (height, width) = view.dim();
    let mut order: Vec<(usize, f32)> = view.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut mask = Mask::empty(height, width);
    for (i, _) in order.into_iter().take(area) {
        mask.0[[i / width, i % width]] = true;
    }
    Ok(mask)
}
