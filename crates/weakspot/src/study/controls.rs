//! The mask against its own shifts: area and shape kept, place changed.

use crate::error::Result;
use crate::image::Mask;
use crate::rng;
use crate::study::defend::{Defence, Neutralizer};
use crate::study::look::Lens;
use crate::study::rows::{Call, ControlRow};
use crate::study::stage::Bench;

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
        let images = of(budget.controls);
        let attacked: Vec<&str> =
            of(budget.worst_controls).into_iter().map(|i| bench.data.ids[i].as_str()).collect();
        let shifted: Vec<Mask> = controls.shifts.iter().map(|&[dy, dx]| mask.shifted(dy, dx)).collect();
        let title = format!("{} shifted controls, {}", shifted.len(), bench.data.class_names[label]);
        controls.rows[label] = bench.rows(&format!("controls/{label}"), &title, &images, |batch| {
            let chosen: Vec<usize> = if plan.protocols.p3w {
                (0..batch.ids.len()).filter(|&i| attacked.contains(&batch.ids[i])).collect()
            } else {
                Vec::new()
            };
            let some = batch.select(&chosen);
            let mut of_image = vec![Vec::with_capacity(shifted.len()); batch.ids.len()];
            for mask in &shifted {
                let n = Neutralizer { mask, fill };
                let mut rows = lens.control(batch, n)?;
                if !chosen.is_empty() {
                    let known = |f: fn(&ControlRow) -> Call| -> Vec<Call> {
                        chosen.iter().map(|&i| f(&rows[i])).collect()
                    };
                    let known = [known(|r| r.modified), known(|r| r.adaptive)];
                    let worst = lens.worst(&some, Some(n), plan.epsilon, &[&known[0], &known[1]])?;
                    for (&i, call) in chosen.iter().zip(worst) {
                        rows[i].worst = Some(call);
                    }
                }
                for (of_image, row) in of_image.iter_mut().zip(rows) {
                    of_image.push(row);
                }
            }
            Ok(of_image)
        })?;
        controls.images[label] = images;
    }
    Ok(controls)
}
