//! The results at the other radii.

use crate::record::{Protocol, SweepPoint};
use crate::study::findings::{ClassFindings, Findings};
use crate::study::rows::{Call, SweepRow};
use crate::study::tally::{self, accuracy, paired_test};

/// Every radius and class, in the order of the plan; the comparisons of P3w with P0w are one Holm family.
pub(crate) fn points(findings: &Findings<'_>) -> Vec<SweepPoint> {
    let plan = findings.plan;
    let mut points = Vec::new();
    let mut run = 0;
    for &epsilon in &plan.sweep {
        let own = epsilon == plan.epsilon;
        for (label, class) in findings.classes.iter().enumerate() {
            let images = &findings.sweep.images[label];
            let rows: Vec<SweepRow> = if own {
                (0..class.eval.len())
                    .filter(|&i| images.contains(&class.eval[i]))
                    .map(|i| known(class, i))
                    .collect()
            } else {
                findings.sweep.rows[label].iter().filter_map(|row| row.get(run).copied()).collect()
            };
            if rows.is_empty() {
                continue;
            }
            let source = &findings.subject.data.class_names[label];
            let of = |f: fn(&SweepRow) -> Option<Call>| -> Option<Vec<Call>> { rows.iter().map(f).collect() };
            let score = |calls: Option<Vec<Call>>| calls.map(|calls| accuracy(&calls, label));
            let [plain, defended] = [of(|r| Some(r.worst?[0])), of(|r| Some(r.worst?[1]))];
            let worst = plain.as_ref().zip(defended.as_ref()).map(|(plain, defended)| {
                paired_test(source, (Protocol::AdaptiveWorst, Protocol::AdvWorst), defended, plain, label)
            });
            points.push(SweepPoint {
                epsilon: epsilon.value(),
                source: source.clone(),
                clean: accuracy(&of(|r| Some(r.clean)).unwrap_or_default(), label),
                adv: accuracy(&of(|r| Some(r.adv)).unwrap_or_default(), label),
                adaptive: score(of(|r| r.adaptive)),
                adv_worst: score(plain),
                adaptive_worst: score(defended),
                worst,
            });
        }
        run += usize::from(!own);
    }
    tally::correct(points.iter_mut().filter_map(|point| point.worst.as_mut()));
    points
}

/// What is known about an image at the study's own radius.
fn known(class: &ClassFindings, i: usize) -> SweepRow {
    let worst = class.worst.as_ref().map(|[plain, defended]| [plain[i], defended[i]]);
    SweepRow {
        clean: class.looks[i].clean,
        adv: class.looks[i].adv,
        adaptive: class.defends[i].adaptive,
        worst,
    }
}
