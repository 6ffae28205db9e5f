//! The stages that every image goes through: maps and attack, and the protocols.

use crate::error::Result;
use crate::study::defend::Defence;
use crate::study::likeness::Likeness;
use crate::study::look::Lens;
use crate::study::rows::{DefendRow, EvalRow, LookRow};
use crate::study::stage::Bench;

/// The rows of every class, image by image.
pub(crate) type Looks = [Vec<LookRow>; 2];

/// Maps and attack of every class's images.
pub(crate) fn look_stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    stage: &str,
    parts: &[Vec<usize>; 2],
    likeness: Option<&Likeness<'_>>,
) -> Result<Looks> {
    let mut looks = [Vec::new(), Vec::new()];
    for (label, rows) in looks.iter_mut().enumerate() {
        let title = format!("maps and attack, {}", bench.data.class_names[label]);
        *rows = bench.rows(&format!("{stage}/{label}"), &title, &parts[label], |batch| {
            Ok(lens.look(batch, likeness)?.rows)
        })?;
    }
    Ok(looks)
}

/// The rows of every class, image by image, with one fill.
pub(crate) type Defended = [Vec<DefendRow>; 2];

/// The protocols on the eval images.
pub(crate) fn defend_stage(lens: &Lens<'_>, bench: &mut Bench<'_>, defence: Defence<'_>) -> Result<Defended> {
    let mut defends = [Vec::new(), Vec::new()];
    for (label, rows) in defends.iter_mut().enumerate() {
        let title = format!("protocols, {}", bench.data.class_names[label]);
        let n = defence.n(label);
        *rows = bench.rows(&format!("defend/{label}"), &title, &defence.eval[label], |batch| {
            lens.defend(batch, n, None)
        })?;
    }
    Ok(defends)
}

/// Look and protocols in one go: the attack on the clean image is made once.
pub(crate) fn eval_stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    defence: Defence<'_>,
    likeness: &Likeness<'_>,
) -> Result<(Looks, Defended)> {
    let mut looks = [Vec::new(), Vec::new()];
    let mut defends = [Vec::new(), Vec::new()];
    for label in 0..2 {
        let title = format!("protocols, {}", bench.data.class_names[label]);
        let n = defence.n(label);
        let rows = bench.rows(&format!("eval/{label}"), &title, &defence.eval[label], |batch| {
            let seen = lens.look(batch, Some(likeness))?;
            let defended = lens.defend(batch, n, Some(&seen.adversarial))?;
            Ok(seen.rows.into_iter().zip(defended).map(|(look, defend)| EvalRow { look, defend }).collect())
        })?;
        (looks[label], defends[label]) = rows.into_iter().map(|row| (row.look, row.defend)).unzip();
    }
    Ok((looks, defends))
}
