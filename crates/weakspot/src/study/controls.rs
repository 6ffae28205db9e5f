//! The mask against its own shifts: area and shape kept, place changed.

use crate::error::Result;
use crate::image::Mask;
use crate::metrics::Score;
use crate::record::{Control, Protocol};
use crate::rng;
use crate::study::assemble::Findings;
use crate::study::defend::{Defence, Neutralizer};
use crate::study::look::Lens;
use crate::study::rows::{Call, ControlRow};
use crate::study::stage::Bench;
use crate::study::tally::{Calls, accuracy};

/// The shifts of the controls and what they scored.
pub(crate) struct Controls {
    pub(crate) shifts: Vec<[usize; 2]>,
    /// The images they are scored on, by class.
    images: [Vec<usize>; 2],
    /// By class, by image, by shift.
    rows: [Vec<Vec<ControlRow>>; 2],
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

/// What the controls say, by class and protocol.
pub(crate) fn summaries(findings: &Findings<'_>, calls: &[Calls]) -> Vec<Control> {
    let mut summaries = Vec::new();
    for (label, class) in findings.classes.iter().enumerate() {
        let rows = &findings.controls.rows[label];
        for (scored, of) in [
            (Protocol::Mod, (|r| Some(r.modified)) as fn(&ControlRow) -> Option<Call>),
            (Protocol::Adaptive, |r| Some(r.adaptive)),
            (Protocol::AdaptiveWorst, |r| r.worst),
        ] {
            // Without P3 the blob itself has no adaptive score to set the shifts against.
            let Some(own) = calls[label].get(scored) else { continue };
            // The images on which every shift has a call.
            let scored_images: Vec<(usize, &Vec<ControlRow>)> = findings.controls.images[label]
                .iter()
                .copied()
                .zip(rows)
                .filter(|(_, rows)| rows.iter().all(|row| of(row).is_some()))
                .collect();
            if scored_images.is_empty() {
                continue;
            }
            let is_scored = |i: &usize| scored_images.iter().any(|(scored, _)| scored == i);
            let own: Vec<Call> =
                class.eval.iter().zip(own).filter(|(i, _)| is_scored(i)).map(|(_, c)| *c).collect();
            let blob = accuracy(&own, label);
            let rates: Vec<Score> = (0..findings.controls.shifts.len())
                .map(|shift| {
                    let calls = scored_images.iter().filter_map(|(_, rows)| of(rows.get(shift)?));
                    accuracy(&calls.collect::<Vec<_>>(), label)
                })
                .collect();
            let as_good = rates.iter().filter(|s| s.k >= blob.k).count();
            summaries.push(Control {
                source: findings.subject.data.class_names[label].clone(),
                scored: scored.key().to_owned(),
                blob,
                shifts: findings.controls.shifts.clone(),
                rates: rates.iter().map(|s| s.rate).collect(),
                rank: as_good + 1,
                p: (as_good + 1) as f64 / (rates.len() + 1) as f64,
            });
        }
    }
    summaries
}
