//! The same blob at other radii: P0, P3, P0w and P3w with the headline fill, on some eval images of each class.

use crate::attack::ThreatModel;
use crate::error::Result;
use crate::record::{Protocol, SweepPoint};
use crate::study::assemble::Findings;
use crate::study::defend::{Defence, Neutralizer};
use crate::study::look::{Lens, calls};
use crate::study::rows::{Call, SweepRow};
use crate::study::stage::{Batch, Bench};
use crate::study::tally::{self, accuracy, paired_test};

/// The rows of a sweep by class, image and radius; the study's own radius is left out, because its calls are known.
#[derive(Default)]
pub(crate) struct Sweep {
    /// Places in the data set.
    images: [Vec<usize>; 2],
    rows: [Vec<Vec<SweepRow>>; 2],
}

/// Runs every radius but the study's own.
pub(crate) fn stage(lens: &Lens<'_>, bench: &mut Bench<'_>, defence: Defence<'_>) -> Result<Sweep> {
    let plan = lens.plan;
    let mut sweep = Sweep::default();
    let radii = plan.sweep.iter().filter(|e| **e != plan.epsilon).count();
    if plan.sweep.is_empty() {
        return Ok(sweep);
    }
    for label in 0..2 {
        let n = defence.n(label);
        let images = defence.some(lens, bench.data, label, "sweep-images", defence.budget().sweep);
        if radii > 0 {
            let title = format!("other eps, {}", bench.data.class_names[label]);
            sweep.rows[label] =
                bench.rows(&format!("sweep/{label}"), &title, &images, |batch| lens.sweep(batch, n))?;
        } else {
            sweep.rows[label] = vec![Vec::new(); images.len()];
        }
        sweep.images[label] = images;
    }
    Ok(sweep)
}

impl Lens<'_> {
    /// Every radius but the study's own, image by image.
    fn sweep(&self, batch: &Batch<'_>, n: Neutralizer<'_>) -> Result<Vec<Vec<SweepRow>>> {
        let protocols = self.plan.protocols;
        let (clean, gradient) = self.loss_pass(&batch.images, &batch.labels)?;
        let modified = n.apply(&batch.images)?;
        let defended = protocols.p3.then(|| self.loss_pass(&modified, &batch.labels)).transpose()?;
        let mut rows = vec![Vec::new(); batch.ids.len()];
        for &epsilon in self.plan.sweep.iter().filter(|e| **e != self.plan.epsilon) {
            let everywhere = ThreatModel::everywhere(epsilon);
            let adv = self.attack(batch, &batch.images, &gradient, &everywhere, false)?;
            let adv = calls(&adv.logits, &batch.labels);
            let mut adaptive = None;
            let mut worst = None;
            if let Some((neutralized, gradient)) = &defended {
                let outside = ThreatModel::outside(epsilon, n.mask);
                let outcome = self.attack(batch, &modified, gradient, &outside, false)?;
                let found = calls(&outcome.logits, &batch.labels);
                if protocols.p3w {
                    let plain = self.worst(batch, None, epsilon, &[&clean, &adv])?;
                    worst = Some((plain, self.worst(batch, Some(n), epsilon, &[neutralized, &found])?));
                }
                adaptive = Some(found);
            }
            for (i, rows) in rows.iter_mut().enumerate() {
                rows.push(SweepRow {
                    clean: clean[i],
                    adv: adv[i],
                    adaptive: adaptive.as_ref().map(|calls| calls[i]),
                    worst: worst.as_ref().map(|(plain, defended)| [plain[i], defended[i]]),
                });
            }
        }
        Ok(rows)
    }
}

/// Every radius and class, smallest place of the plan first; the comparisons of P3w with P0w are one Holm family.
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

/// What is known of an image at the study's own radius.
fn known(class: &crate::study::assemble::ClassFindings, i: usize) -> SweepRow {
    let worst = class.worst.as_ref().map(|[plain, defended]| [plain[i], defended[i]]);
    SweepRow {
        clean: class.looks[i].clean,
        adv: class.looks[i].adv,
        adaptive: class.defends[i].adaptive,
        worst,
    }
}
