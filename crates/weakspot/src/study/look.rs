//! The traced pass over clean images: utility map, attack, regions.

use ndarray::{Array4, Axis};
use rayon::prelude::*;

use crate::attack::{Attack, AttackJob, Goal, Outcome, ThreatModel, Vulnerability, referee, vulnerability};
use crate::attribution::{Explainer, Scene};
use crate::classifier::{Classifier, Trace, input_gradient};
use crate::error::Result;
use crate::image::{Leverage, Mask};
use crate::objective::{Objective, margin, predicted};
use crate::study::likeness::{Likeness, Pair};
use crate::study::packed::{PackedFloats, PackedMask};
use crate::study::plan::Plan;
use crate::study::rows::{Call, LookRow};
use crate::study::stage::Batch;

/// The model, the plan and what was prepared from them: what every pass needs.
pub(crate) struct Lens<'a> {
    pub(crate) classifier: &'a dyn Classifier,
    pub(crate) plan: &'a Plan,
    pub(crate) explainer: Explainer,
}

/// A batch seen once: its maps, and what later protocols use again.
pub(crate) struct Seen {
    pub(crate) rows: Vec<LookRow>,
    /// A_M(x).
    pub(crate) adversarial: Array4<f32>,
    pub(crate) maps: Vec<Maps>,
}

/// The views and masks of one image.
pub(crate) struct Maps {
    pub(crate) utility: Leverage,
    pub(crate) vulnerability: Vulnerability,
    pub(crate) roi: Mask,
    pub(crate) roa: Mask,
}

impl Lens<'_> {
    /// The loss gradient's pass at some images: logits and gradient.
    pub(crate) fn loss_pass(
        &self,
        images: &Array4<f32>,
        labels: &[usize],
    ) -> Result<(Vec<Call>, Array4<f32>)> {
        let (logits, gradient) = input_gradient(self.classifier, images.view(), &Objective::Loss.of(labels))?;
        Ok((calls(&logits, labels), gradient))
    }

    /// Plain classification.
    pub(crate) fn classify(&self, images: &Array4<f32>, labels: &[usize]) -> Result<Vec<Call>> {
        Ok(calls(&self.classifier.logits(images.view())?, labels))
    }

    /// The plan's attack at some images, judged by the referee. With `features`, it also returns the last layer's
    /// inputs at x*.
    pub(crate) fn attack(
        &self,
        batch: &Batch<'_>,
        images: &Array4<f32>,
        gradient: &Array4<f32>,
        threat: &ThreatModel,
        features: bool,
    ) -> Result<Outcome> {
        // A targeted attack uses the loss of the other class, whose gradient is exactly the negative.
        let (goal, gradient) = if self.plan.targeted {
            let others = batch.labels.iter().map(|label| 1 - label).collect();
            (Goal::Targeted(others), gradient.mapv(|g| -g))
        } else {
            (Goal::Untargeted, gradient.clone())
        };
        let attack = self.plan.attack.build(threat.epsilon)?;
        let job = AttackJob {
            goal: &goal,
            gradient: Some(gradient.view()),
            features,
            ..self.job(batch, images, threat)
        };
        referee::run(attack.as_ref(), &job)
    }

    /// An attack other than the plan's, away from the label.
    pub(crate) fn untargeted(
        &self,
        attack: &dyn Attack,
        batch: &Batch<'_>,
        images: &Array4<f32>,
        threat: &ThreatModel,
    ) -> Result<Outcome> {
        referee::run(attack, &self.job(batch, images, threat))
    }

    /// An attack away from the label on some images in the place of a batch's own.
    fn job<'b>(
        &'b self,
        batch: &'b Batch<'_>,
        images: &'b Array4<f32>,
        threat: &'b ThreatModel,
    ) -> AttackJob<'b> {
        AttackJob {
            classifier: self.classifier,
            images: images.view(),
            labels: &batch.labels,
            ids: &batch.ids,
            seed: self.plan.seed,
            threat,
            goal: &Goal::Untargeted,
            gradient: None,
            features: false,
        }
    }

    /// A batch and its traced pass, as a map method sees them.
    pub(crate) fn scene<'s>(&'s self, batch: &'s Batch<'_>, trace: &'s Trace) -> Scene<'s> {
        Scene {
            classifier: self.classifier,
            images: batch.images.view(),
            labels: &batch.labels,
            ids: &batch.ids,
            seed: self.plan.seed,
            trace,
        }
    }

    /// One traced pass that feeds map and attack, then one forward pass over A_M(x).
    pub(crate) fn look(&self, batch: &Batch<'_>, likeness: Option<&Likeness<'_>>) -> Result<Seen> {
        let plan = self.plan;
        let mut trace = self.explainer.trace(
            self.classifier,
            batch.images.view(),
            &batch.labels,
            &[Objective::Loss],
            true,
        )?;
        let utility = self.explainer.maps(&self.scene(batch, &trace))?;
        let gradient = trace.take_gradient(0)?;
        let threat = ThreatModel::everywhere(plan.epsilon);
        let outcome = self.attack(batch, &batch.images, &gradient, &threat, likeness.is_some())?;
        let measured =
            vulnerability(plan.roa, gradient.view(), batch.images.view(), outcome.adversarial.view())?;
        let maps: Vec<Maps> = utility
            .into_par_iter()
            .zip(measured)
            .map(|(utility, vulnerability)| {
                let roi = plan.delta1.region(&utility);
                let roa = plan.delta2.region(&vulnerability.leverage);
                Maps { utility, vulnerability, roi, roa }
            })
            .collect();
        let rows = (0..batch.ids.len())
            .into_par_iter()
            .map(|i| row(i, batch, &trace, &outcome, &maps[i], likeness))
            .collect::<Result<_>>()?;
        Ok(Seen { rows, adversarial: outcome.adversarial, maps })
    }
}

fn row(
    i: usize,
    batch: &Batch<'_>,
    trace: &Trace,
    outcome: &Outcome,
    maps: &Maps,
    likeness: Option<&Likeness<'_>>,
) -> Result<LookRow> {
    let features = |of: &Option<ndarray::Array2<f32>>| {
        PackedFloats::new(of.iter().flat_map(|f| f.index_axis(Axis(0), i).to_vec()))
    };
    let eval = likeness
        .map(|likeness| {
            let pair = Pair {
                id: batch.ids[i],
                utility: &maps.utility,
                vulnerability: &maps.vulnerability.leverage,
                roi: &maps.roi,
                roa: &maps.roa,
            };
            likeness.measure(&pair, features(&outcome.features))
        })
        .transpose()?;
    let label = batch.labels[i];
    Ok(LookRow {
        clean: call(trace.logits.row(i), label),
        adv: call(outcome.logits.row(i), label),
        roi: (!maps.utility.empty).then(|| PackedMask::new(&maps.roi)),
        roa: PackedMask::new(&maps.roa),
        two_values: maps.vulnerability.degeneracy,
        zeros: maps.vulnerability.zero_gradient,
        features: features(&trace.features),
        eval,
    })
}

/// The call on one image's logits.
fn call(logits: ndarray::ArrayView1<'_, f32>, label: usize) -> Call {
    Call { predicted: predicted(logits) as u8, margin: margin(logits, label) }
}

/// The calls on a batch's logits `[batch, 2]`.
pub(crate) fn calls(logits: &ndarray::Array2<f32>, labels: &[usize]) -> Vec<Call> {
    logits.rows().into_iter().zip(labels).map(|(row, &label)| call(row, label)).collect()
}
