//! Protocols P0 to P4 on one batch of one class, one fill, one mask (METHODS, section 7). The worst cases are in
//! `worst.rs`.

use ndarray::Array4;

use crate::attack::ThreatModel;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::image::Mask;
use crate::region::{ResolvedFill, neutralize};
use crate::study::draws::draw;
use crate::study::look::{Lens, calls};
use crate::study::plan::{Budget, Plan};
use crate::study::rows::{Call, ControlRow, DefendRow};
use crate::study::stage::Batch;

/// N: a mask and what it is filled with.
#[derive(Clone, Copy)]
pub(crate) struct Neutralizer<'a> {
    pub(crate) mask: &'a Mask,
    pub(crate) fill: &'a ResolvedFill,
}

impl Neutralizer<'_> {
    /// N(x) of every image.
    pub(crate) fn apply(&self, images: &Array4<f32>) -> Result<Array4<f32>> {
        let mut images = images.clone();
        neutralize(&mut images, self.mask, self.fill)?;
        Ok(images)
    }
}

/// What is scored: the eval images of both classes, the masks they get, and one fill.
#[derive(Clone, Copy)]
pub(crate) struct Defence<'a> {
    /// Places in the data set, by class.
    pub(crate) eval: &'a [Vec<usize>; 2],
    pub(crate) masks: &'a [Mask; 2],
    pub(crate) fill: &'a ResolvedFill,
}

impl<'a> Defence<'a> {
    /// N for the images of a class.
    pub(crate) fn n(&self, label: usize) -> Neutralizer<'a> {
        Neutralizer { mask: &self.masks[label], fill: self.fill }
    }

    /// At most `most` eval images of a class, by a draw for this purpose.
    pub(crate) fn some(
        &self,
        lens: &Lens<'_>,
        data: &Dataset,
        label: usize,
        purpose: &str,
        most: usize,
    ) -> Vec<usize> {
        draw(lens.plan.seed, purpose, data, &self.eval[label], most)
    }

    /// How many images each measurement beside the scores uses.
    pub(crate) fn budget(&self) -> Budget {
        Plan::budget(self.masks[0].dim())
    }
}

impl Lens<'_> {
    /// Every protocol of the plan but the worst cases. `known`: A_M(x), if an earlier pass has made it.
    ///
    /// For FGSM one pass at N(x) feeds mod, mod_adv, adaptive and remasked.
    pub(crate) fn defend(
        &self,
        batch: &Batch<'_>,
        n: Neutralizer<'_>,
        known: Option<&Array4<f32>>,
    ) -> Result<Vec<DefendRow>> {
        let plan = self.plan;
        let protocols = plan.protocols;
        let modified = n.apply(&batch.images)?;
        let attacked = protocols.p1 || protocols.p3 || protocols.p4;
        let (mod_calls, gradient) = if attacked {
            let (calls, gradient) = self.loss_pass(&modified, &batch.labels)?;
            (calls, Some(gradient))
        } else {
            (self.classify(&modified, &batch.labels)?, None)
        };
        let mut rows: Vec<DefendRow> = mod_calls
            .into_iter()
            .enumerate()
            .map(|(i, call)| DefendRow {
                changed: batch.images.index_axis(ndarray::Axis(0), i)
                    != modified.index_axis(ndarray::Axis(0), i),
                modified: call,
                mod_adv: None,
                oblivious: None,
                adaptive: None,
                remasked: None,
            })
            .collect();
        let anywhere = ThreatModel::everywhere(plan.epsilon);
        if let Some(gradient) = &gradient {
            if protocols.p1 || protocols.p4 {
                let outcome = self.attack(batch, &modified, gradient, &anywhere, false)?;
                set(&mut rows, calls(&outcome.logits, &batch.labels), |row, call| row.mod_adv = Some(call));
                if protocols.p4 {
                    let remasked = self.classify(&n.apply(&outcome.adversarial)?, &batch.labels)?;
                    set(&mut rows, remasked, |row, call| row.remasked = Some(call));
                }
            }
            if protocols.p3 {
                let threat = ThreatModel::outside(plan.epsilon, n.mask);
                let outcome = self.attack(batch, &modified, gradient, &threat, false)?;
                set(&mut rows, calls(&outcome.logits, &batch.labels), |row, call| row.adaptive = Some(call));
            }
        }
        if protocols.p2 {
            let again;
            let adversarial = if let Some(adversarial) = known {
                adversarial
            } else {
                again = self.again(batch)?;
                &again
            };
            let oblivious = self.classify(&n.apply(adversarial)?, &batch.labels)?;
            set(&mut rows, oblivious, |row, call| row.oblivious = Some(call));
        }
        Ok(rows)
    }

    /// A_M(x), if no earlier stage has kept it.
    fn again(&self, batch: &Batch<'_>) -> Result<Array4<f32>> {
        let (_, gradient) = self.loss_pass(&batch.images, &batch.labels)?;
        let threat = ThreatModel::everywhere(self.plan.epsilon);
        Ok(self.attack(batch, &batch.images, &gradient, &threat, false)?.adversarial)
    }

    /// One shifted control: mod and adaptive with the headline fill.
    pub(crate) fn control(&self, batch: &Batch<'_>, n: Neutralizer<'_>) -> Result<Vec<ControlRow>> {
        let threat = ThreatModel::outside(self.plan.epsilon, n.mask);
        let rows = self.neutralized(batch, n, &threat)?.into_iter();
        Ok(rows.map(|[modified, adaptive]| ControlRow { modified, adaptive, worst: None }).collect())
    }

    /// M(N(x)), and M after the plan's attack on N(x) within a threat model: P3 where only pixels outside the mask may
    /// be written, P1 where all may.
    pub(crate) fn neutralized(
        &self,
        batch: &Batch<'_>,
        n: Neutralizer<'_>,
        threat: &ThreatModel,
    ) -> Result<Vec<[Call; 2]>> {
        let modified = n.apply(&batch.images)?;
        let (mod_calls, gradient) = self.loss_pass(&modified, &batch.labels)?;
        let outcome = self.attack(batch, &modified, &gradient, threat, false)?;
        let attacked = calls(&outcome.logits, &batch.labels);
        Ok(mod_calls.into_iter().zip(attacked).map(<[Call; 2]>::from).collect())
    }
}

fn set(rows: &mut [DefendRow], calls: Vec<Call>, mut put: impl FnMut(&mut DefendRow, Call)) {
    for (row, call) in rows.iter_mut().zip(calls) {
        put(row, call);
    }
}
