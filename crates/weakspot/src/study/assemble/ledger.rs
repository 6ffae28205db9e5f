//! One row per eval image.

use crate::image::Mask;
use crate::record::{LedgerRow, Protocol};
use crate::region::partition;
use crate::study::findings::Findings;
use crate::study::tally::Calls;

/// The ledger of a study.
pub(crate) fn ledger(findings: &Findings<'_>, calls: &[Calls], names: &[String; 2]) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    for (label, class) in findings.classes.iter().enumerate() {
        let (height, width) = class.mask.dim();
        for (i, (&index, look)) in class.eval.iter().zip(&class.looks).enumerate() {
            let of = |protocol: Protocol| calls[label].get(protocol).map(|c| c[i]);
            let name = |protocol: Protocol| of(protocol).map(|c| names[usize::from(c.predicted)].clone());
            let margin = |protocol: Protocol| of(protocol).map(|c| c.margin);
            let roi = look.roi.as_ref().map_or_else(|| Mask::empty(height, width), |m| m.mask(height, width));
            let roa = look.roa.mask(height, width);
            let areas = crate::region::areas(&partition(&roi, &roa));
            let eval = look.eval.as_ref();
            rows.push(LedgerRow {
                id: findings.subject.data.ids[index].clone(),
                label: names[label].clone(),
                clean_prediction: name(Protocol::Clean),
                clean_margin: margin(Protocol::Clean),
                adv_prediction: name(Protocol::Adv),
                adv_margin: margin(Protocol::Adv),
                adv_worst_prediction: name(Protocol::AdvWorst),
                adv_worst_margin: margin(Protocol::AdvWorst),
                mod_prediction: name(Protocol::Mod),
                mod_margin: margin(Protocol::Mod),
                mod_adv_prediction: name(Protocol::ModAdv),
                mod_adv_margin: margin(Protocol::ModAdv),
                oblivious_prediction: name(Protocol::Oblivious),
                oblivious_margin: margin(Protocol::Oblivious),
                adaptive_prediction: name(Protocol::Adaptive),
                adaptive_margin: margin(Protocol::Adaptive),
                adaptive_worst_prediction: name(Protocol::AdaptiveWorst),
                adaptive_worst_margin: margin(Protocol::AdaptiveWorst),
                remasked_prediction: name(Protocol::Remasked),
                remasked_margin: margin(Protocol::Remasked),
                roi_area: roi.area(),
                roa_area: roa.area(),
                u_minus_v_minus_area: areas[0],
                u_minus_v_plus_area: areas[1],
                u_plus_v_minus_area: areas[2],
                u_plus_v_plus_area: areas[3],
                ssim_maps: eval.and_then(|e| e.ssim_maps),
                ssim_masks: eval.and_then(|e| e.ssim_masks),
                iou: eval.and_then(|e| e.iou),
            });
        }
    }
    rows
}
