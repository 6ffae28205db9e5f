//! The same blob at other radii: P0, P3, P0w and P3w with the headline fill, on some eval images of each class.

use crate::attack::ThreatModel;
use crate::error::Result;
use crate::study::defend::{Defence, Neutralizer};
use crate::study::look::{Lens, calls};
use crate::study::rows::SweepRow;
use crate::study::stage::{Batch, Bench};

/// The rows of a sweep by class, image and radius; the study's own radius is left out, because its calls are known.
#[derive(Default)]
pub(crate) struct Sweep {
    /// Places in the data set.
    pub(crate) images: [Vec<usize>; 2],
    pub(crate) rows: [Vec<Vec<SweepRow>>; 2],
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
