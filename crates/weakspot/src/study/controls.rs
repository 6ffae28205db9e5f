//! Compares the mask with random shifts of it: the same area and shape at another place.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::image::Mask;
use crate::rng;
use crate::study::defend::{Defence, Neutralizer};
use crate::study::look::Lens;
use crate::study::rows::{Call, ControlRow};
use crate::study::stage::{Batch, Bench};

/// The shifts of the controls and what they scored.
pub(crate) struct Controls {
    pub(crate) shifts: Vec<[usize; 2]>,
    /// The images they are scored on, by class.
    pub(crate) images: [Vec<usize>; 2],
    /// By class, by image, by shift.
    pub(crate) rows: [Vec<Vec<ControlRow>>; 2],
}

/// Scores every shift: `mod` and `adaptive` on all its images, `adaptive_worst` on some of them.
pub(crate) fn stage(lens: &Lens<'_>, bench: &mut Bench<'_>, defence: Defence<'_>) -> Result<Controls> {
    let plan = lens.plan;
    let (masks, fill) = (defence.masks, defence.fill);
    let (height, width) = masks[0].dim();
    let mut controls = Controls { shifts: Vec::new(), images: Default::default(), rows: Default::default() };
    if plan.controls == 0 || masks.iter().all(Mask::is_empty) {
        return Ok(controls);
    }
    let mut places: Vec<usize> = (1..height * width).collect();
    rng::stream(plan.seed, "control-shifts", "").shuffle(&mut places);
    let shifts = places.iter().take(plan.controls);
    controls.shifts = shifts.map(|&place| [place / width, place % width]).collect();
    let budget = defence.budget();
    for (label, mask) in masks.iter().enumerate() {
        if mask.is_empty() {
            continue;
        }
        let of = |most: usize| defence.some(lens, bench.data, label, "control-images", most);
        let (images, mut attacked) = (of(budget.controls), of(budget.worst_controls));
        let shifted: Vec<Mask> = controls.shifts.iter().map(|&[dy, dx]| mask.shifted(dy, dx)).collect();
        let name = bench.data.class_names[label].clone();
        let title = format!("{} shifted controls, {name}", shifted.len());
        let mut rows = bench.rows(&format!("controls/{label}"), &title, &images, |batch| {
            each_shift(batch, &shifted, |_, mask| lens.control(batch, Neutralizer { mask, fill }))
        })?;
        if plan.protocols.p3w {
            // A stage of its own, so that the few images that are attacked share a batch.
            let place: BTreeMap<&str, usize> =
                images.iter().enumerate().map(|(row, &i)| (bench.data.ids[i].as_str(), row)).collect();
            // A row of a forged journal may lack shifts.
            attacked.retain(|&i| rows[place[bench.data.ids[i].as_str()]].len() == shifted.len());
            let title = format!("PGD through {} shifted controls, {name}", shifted.len());
            let worst = bench.rows(&format!("controls-worst/{label}"), &title, &attacked, |batch| {
                let rows: Vec<&Vec<ControlRow>> = batch.ids.iter().map(|id| &rows[place[id]]).collect();
                each_shift(batch, &shifted, |shift, mask| {
                    let known = |f: fn(&ControlRow) -> Call| -> Vec<Call> {
                        rows.iter().map(|row| f(&row[shift])).collect()
                    };
                    let known = [known(|row| row.modified), known(|row| row.adaptive)];
                    let n = Neutralizer { mask, fill };
                    lens.worst(batch, Some(n), plan.epsilon, &[&known[0], &known[1]])
                })
            })?;
            for (i, calls) in attacked.iter().zip(worst) {
                for (row, call) in rows[place[bench.data.ids[*i].as_str()]].iter_mut().zip(calls) {
                    row.worst = Some(call);
                }
            }
        }
        controls.rows[label] = rows;
        controls.images[label] = images;
    }
    Ok(controls)
}

/// The results of `score` for a batch under every shift, transposed: by image, by shift.
fn each_shift<T>(
    batch: &Batch<'_>,
    shifted: &[Mask],
    mut score: impl FnMut(usize, &Mask) -> Result<Vec<T>>,
) -> Result<Vec<Vec<T>>> {
    let mut of_image: Vec<Vec<T>> = batch.ids.iter().map(|_| Vec::with_capacity(shifted.len())).collect();
    for (shift, mask) in shifted.iter().enumerate() {
        for (of_image, scored) in of_image.iter_mut().zip(score(shift, mask)?) {
            of_image.push(scored);
        }
    }
    Ok(of_image)
}
