//! Protocols P0 to P4 and P3w on one batch of one class, one fill, one mask (method, section 7).

use ndarray::Array4;

use crate::attack::{AttackJob, Epsilon, Goal, Pgd, ThreatModel, referee};
use crate::error::Result;
use crate::image::Mask;
use crate::region::{ResolvedFill, neutralize};
use crate::study::look::{Lens, calls};
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

/// What is known of the clean images already.
pub(crate) struct Known<'a> {
    /// Gradient of the loss at x.
    pub(crate) gradient: &'a Array4<f32>,
    /// A_M(x).
    pub(crate) adversarial: &'a Array4<f32>,
    /// The calls on A_M(x).
    pub(crate) adv: &'a [Call],
}

impl Lens<'_> {
    /// Every protocol of the plan but P3w, and the sweep where it is asked for.
    ///
    /// For FGSM one pass at N(x) feeds mod, mod_adv, adaptive and remasked.
    pub(crate) fn defend(
        &self,
        batch: &Batch<'_>,
        n: Neutralizer<'_>,
        known: Option<&Known<'_>>,
        sweep: &[Epsilon],
    ) -> Result<Vec<DefendRow>> {
        let plan = self.plan;
        let protocols = plan.protocols;
        let modified = n.apply(&batch.images)?;
        let attacked = protocols.p1 || protocols.p3 || protocols.p4 || !sweep.is_empty();
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
                sweep: Vec::new(),
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
        if protocols.p2 || !sweep.is_empty() {
            let again;
            let known = if let Some(known) = known {
                known
            } else {
                again = self.again(batch)?;
                &Known { gradient: &again.0, adversarial: &again.1, adv: &again.2 }
            };
            if protocols.p2 {
                let oblivious = self.classify(&n.apply(known.adversarial)?, &batch.labels)?;
                set(&mut rows, oblivious, |row, call| row.oblivious = Some(call));
            }
            for &epsilon in sweep {
                let Some(gradient) = &gradient else { continue };
                if epsilon == plan.epsilon && protocols.p3 {
                    // The study's own radius: both calls are known.
                    for (row, &adv) in rows.iter_mut().zip(known.adv) {
                        row.sweep.extend(row.adaptive.map(|adaptive| (adv, adaptive)));
                    }
                    continue;
                }
                let everywhere = ThreatModel::everywhere(epsilon);
                let adv = self.attack(batch, &batch.images, known.gradient, &everywhere, false)?;
                let outside = ThreatModel::outside(epsilon, n.mask);
                let adaptive = self.attack(batch, &modified, gradient, &outside, false)?;
                let pairs =
                    calls(&adv.logits, &batch.labels).into_iter().zip(calls(&adaptive.logits, &batch.labels));
                for (row, pair) in rows.iter_mut().zip(pairs) {
                    row.sweep.push(pair);
                }
            }
        }
        Ok(rows)
    }

    /// The loss gradient at x, A_M(x) and the calls on it, where an earlier stage has not kept them.
    fn again(&self, batch: &Batch<'_>) -> Result<(Array4<f32>, Array4<f32>, Vec<Call>)> {
        let (_, gradient) = self.loss_pass(&batch.images, &batch.labels)?;
        let threat = ThreatModel::everywhere(self.plan.epsilon);
        let outcome = self.attack(batch, &batch.images, &gradient, &threat, false)?;
        let adv = calls(&outcome.logits, &batch.labels);
        Ok((gradient, outcome.adversarial, adv))
    }

    /// P3w's second attack: PGD-Linf through the defended model.
    pub(crate) fn worst(&self, batch: &Batch<'_>, n: Neutralizer<'_>) -> Result<Vec<Call>> {
        let modified = n.apply(&batch.images)?;
        let threat = ThreatModel::outside(self.plan.epsilon, n.mask);
        let job = AttackJob {
            classifier: self.classifier,
            images: modified.view(),
            labels: &batch.labels,
            ids: &batch.ids,
            seed: self.plan.seed,
            threat: &threat,
            goal: &Goal::Untargeted,
            gradient: None,
            features: false,
        };
        let outcome = referee::run(&Pgd::headline(self.plan.epsilon)?, &job)?;
        Ok(calls(&outcome.logits, &batch.labels))
    }

    /// One shifted control: mod and adaptive with the headline fill.
    pub(crate) fn control(&self, batch: &Batch<'_>, n: Neutralizer<'_>) -> Result<Vec<ControlRow>> {
        let threat = ThreatModel::outside(self.plan.epsilon, n.mask);
        let rows = self.neutralized(batch, n, &threat)?.into_iter();
        Ok(rows.map(|[modified, adaptive]| ControlRow { modified, adaptive }).collect())
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
