//! Is the mask more than a moved threshold? Margins under attacks that are run to their end, their AUC, and a placebo.
//!
//! An attack that stops once it has won leaves margins that move with the threshold and therefore tell nothing. Here
//! every attack takes all its steps.

use crate::error::Result;
use crate::study::defend::Defence;
use crate::study::look::Lens;
use crate::study::rows::MarginRow;
use crate::study::stage::Bench;

/// The images whose margins were measured, and the margins PGD reached.
#[derive(Default)]
pub(crate) struct Margins {
    pub(crate) images: [Vec<usize>; 2],
    pub(crate) rows: [Vec<MarginRow>; 2],
}

/// PGD to its end through both models.
pub(crate) fn stage(lens: &Lens<'_>, bench: &mut Bench<'_>, defence: Defence<'_>) -> Result<Margins> {
    let plan = lens.plan;
    let mut margins = Margins::default();
    if !plan.protocols.p3w {
        return Ok(margins);
    }
    for label in 0..2 {
        let n = defence.n(label);
        let images = defence.some(lens, bench.data, label, "margin-images", defence.budget().margins);
        let title = format!("margins under PGD run to its end, {}", bench.data.class_names[label]);
        margins.rows[label] = bench.rows(&format!("margins/{label}"), &title, &images, |batch| {
            let plain = lens.iterated(batch, None, plan.epsilon, false)?;
            let defended = lens.iterated(batch, Some(n), plan.epsilon, false)?;
            Ok(plain.into_iter().zip(defended).map(|(a, b)| MarginRow([a.margin, b.margin])).collect())
        })?;
        margins.images[label] = images;
    }
    Ok(margins)
}
