//! The results of the shifted controls.

use crate::metrics::Score;
use crate::record::{Control, Protocol};
use crate::study::findings::Findings;
use crate::study::rows::{Call, ControlRow};
use crate::study::tally::{Calls, accuracy};

/// The results of the controls, by class and protocol.
pub(crate) fn summaries(findings: &Findings<'_>, calls: &[Calls]) -> Vec<Control> {
    let mut summaries = Vec::new();
    for (label, class) in findings.classes.iter().enumerate() {
        let rows = &findings.controls.rows[label];
        for (scored, of) in [
            (Protocol::Mod, (|r| Some(r.modified)) as fn(&ControlRow) -> Option<Call>),
            (Protocol::Adaptive, |r| Some(r.adaptive)),
            (Protocol::AdaptiveWorst, |r| r.worst),
        ] {
            // Without P3 the blob itself has no adaptive score to compare the shifts with.
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
