//! Is the mask more than a moved threshold? AUC and placebo, from the margins.

use crate::metrics::{self, Score};
use crate::record::{AucRecord, Interval, PlaceboRecord, SeparationRecord};
use crate::study::findings::{ClassFindings, Findings};
use crate::study::rows::MarginRow;
use crate::study::tally::{paired, rate};

/// AUC and placebo; `None` where the worst cases were not run.
pub(crate) fn record(findings: &Findings<'_>) -> Option<SeparationRecord> {
    let lowest: Vec<Vec<[f64; 2]>> =
        findings.classes.iter().enumerate().map(|(label, class)| lowest(findings, class, label)).collect();
    if lowest.iter().any(Vec::is_empty) {
        return None;
    }
    // The score speaks for class 1: the margin of its images, and the negative margin of the other class's.
    let scores = |model: usize| -> [Vec<f64>; 2] {
        [0, 1].map(|label| {
            let sign = if label == 1 { 1.0 } else { -1.0 };
            lowest[label].iter().map(|margins| sign * margins[model]).collect()
        })
    };
    let (plain, masked) = (scores(0), scores(1));
    let separated =
        metrics::separation([&plain[0], &plain[1]], [&masked[0], &masked[1]]).map(|s| AucRecord {
            adv_worst: s.first.into(),
            adaptive_worst: s.second.into(),
            difference: s.difference.into(),
        });
    let ones: [Vec<bool>; 2] = masked.each_ref().map(|scores| scores.iter().map(|s| *s > 0.0).collect());
    let count = ones.iter().flatten().filter(|one| **one).count();
    let placebo = metrics::placebo([&plain[0], &plain[1]], count);
    let right = |ones: &[Vec<bool>; 2], label: usize| -> Vec<bool> {
        ones[label].iter().map(|one| *one == (label == 1)).collect()
    };
    let differences = [0, 1].map(|label| paired(&right(&ones, label), &right(&placebo.ones, label)));
    let scored = |ones: &[Vec<bool>; 2]| [0, 1].map(|label| rate(&right(ones, label)));
    let (of_mask, of_placebo) = (scored(&ones), scored(&placebo.ones));
    let balanced =
        |s: &[Score; 2]| Interval::from(metrics::balanced_accuracy(s[0].k, s[0].n, s[1].k, s[1].n));
    Some(SeparationRecord {
        auc: separated,
        placebo: PlaceboRecord {
            shift: placebo.shift,
            balanced: balanced(&of_placebo),
            masked_balanced: balanced(&of_mask),
            scores: of_placebo,
            masked_scores: of_mask,
            difference: metrics::mean_difference(differences).into(),
        },
    })
}

/// The lowest margins of a class's images, undefended and defended: of the image itself, A, and PGD run to its end.
fn lowest(findings: &Findings<'_>, class: &ClassFindings, label: usize) -> Vec<[f64; 2]> {
    let margins = &findings.margins;
    let place = |index: &usize| class.eval.iter().position(|i| i == index);
    let of_image = |(index, row): (&usize, &MarginRow)| {
        let i = place(index)?;
        let defend = &class.defends[i];
        let plain = [class.looks[i].clean.margin, class.looks[i].adv.margin];
        let defended = [defend.modified.margin, defend.adaptive?.margin];
        let least = |of: [f32; 2], end: f32| f64::from(crate::num::min(crate::num::min(of[0], of[1]), end));
        Some([least(plain, row.0[0]), least(defended, row.0[1])])
    };
    margins.images[label].iter().zip(&margins.rows[label]).filter_map(of_image).collect()
}
