//! What decides the flags.

use crate::attribution::Explain;
use crate::checks::Evidence;
use crate::record::{Control, Protocol, Seen};
use crate::study::findings::Findings;
use crate::study::rows::{Call, LookRow};
use crate::study::tally::{Calls, accuracy};

/// The evidence of one class.
pub(crate) fn evidence(
    findings: &Findings<'_>,
    label: usize,
    calls: &Calls,
    together: &[crate::record::Together],
    control: Option<&Control>,
) -> Evidence {
    let class = &findings.classes[label];
    let plan = findings.plan;
    let subject_seed = findings.subject.classifier_record.training_seed;
    let right: Vec<&LookRow> = class.looks.iter().filter(|l| l.clean.right(label)).collect();
    let headline = &class.defends;
    let n = class.looks.len().max(1) as f64;
    let changed_predictions =
        headline.iter().zip(&class.looks).filter(|(d, l)| d.modified.predicted != l.clean.predicted).count();
    // Every eval part has both classes, so it is a collapse if one class takes all predictions under an attack or a
    // mask; on clean images the accuracies show it.
    let majority = together
        .iter()
        .filter(|t| t.protocol != Protocol::Clean.key())
        .map(|t| (t.protocol.clone(), t.majority_rate.rate))
        .reduce(|a, b| if b.1 > a.1 { b } else { a });
    let noise = (!class.noise.calls.is_empty()).then(|| {
        let adv: Vec<Call> = class
            .eval
            .iter()
            .zip(&class.looks)
            .filter(|(i, _)| class.noise.images.contains(i))
            .map(|(_, look)| look.adv)
            .collect();
        (accuracy(&class.noise.calls, label), accuracy(&adv, label))
    });
    Evidence {
        two_value_share: class.looks.iter().map(|l| l.two_values).sum::<f64>() / n,
        successes: class.regions.fit.successes,
        few_successes: class.regions.few_successes,
        empty_maps: (right.iter().filter(|l| l.roi.is_none()).count(), right.len()),
        // For one logit z, read as (-z/2, z/2), the margin is twice the class's logit.
        margin_differs: plan.explain != Explain::Margin && !findings.subject.classifier.signature().one_logit,
        blob_area: class.regions.blob.area(),
        given_mask: plan.given.is_some(),
        multi_step: class.worst.is_some(),
        clean_balanced_low: together
            .iter()
            .find(|t| t.protocol == Protocol::Clean.key())
            .map(|t| t.balanced_low),
        worst: Some([Protocol::AdvWorst, Protocol::AdaptiveWorst].map(|protocol| calls.get(protocol)))
            .and_then(|[plain, defended]| Some([accuracy(plain?, label), accuracy(defended?, label)])),
        may_be_seen: findings.subject.classifier_record.seen == Some(Seen::Unknown),
        training_seed: subject_seed.filter(|_| !plan.one_of_several_seeds),
        headline_fill: plan.fills.first().map_or_else(String::new, ToString::to_string),
        same_images: plan.fit_is_eval,
        oracle: plan.mask == crate::region::MaskPolicy::Oracle,
        mask_area: class.mask.area(),
        changed_images: headline.iter().filter(|d| d.changed).count(),
        changed_predictions,
        majority,
        controls: control.map(|c| (c.scored.clone(), c.rank - 1, c.rates.len())),
        zero_share: class.looks.iter().map(|l| l.zeros).sum::<f64>() / n,
        noise,
        leak: findings.leak,
        tune_images: findings.tuned.as_ref().map(|found| found.n[label]),
    }
}
