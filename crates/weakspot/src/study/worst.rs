//! P0w and P3w: the worst of everything that was tried, on the image itself and under every attack.
//!
//! One function makes both, whichever model is attacked, so that the defended and the undefended model meet the same
//! attacks on the same images, with the same budget and the same draws.

use std::collections::BTreeMap;

use crate::attack::{AttackSettings, Epsilon, Pgd, ThreatModel};
use crate::error::Result;
use crate::record::Protocol;
use crate::study::defend::{Defence, Neutralizer};
use crate::study::look::{Lens, calls};
use crate::study::looks::{Defended, Looks};
use crate::study::plan::Plan;
use crate::study::rows::{Call, DefendRow, LookRow};
use crate::study::stage::{Batch, Bench};

/// The protocols that are the worst of several.
const WORST: [Protocol; 2] = [Protocol::AdvWorst, Protocol::AdaptiveWorst];

/// What each of them is the worst of, in the order tried: the same list for both.
pub(crate) fn tried(plan: &Plan) -> BTreeMap<String, Vec<String>> {
    if !plan.protocols.p3w {
        return BTreeMap::new();
    }
    let AttackSettings { kind, n_steps, n_restarts, .. } = plan.attack;
    let attack = if kind.row().single_step {
        kind.to_string()
    } else {
        format!("{kind} ({n_steps} steps, {n_restarts} restarts)")
    };
    let list = vec!["no attack".to_owned(), attack, "pgd (20 steps of eps/8, 1 random start)".to_owned()];
    WORST.map(|protocol| (protocol.key().to_owned(), list.clone())).into()
}

impl Lens<'_> {
    /// The worst case of a batch: `known` holds the calls of what was already tried, image by image; PGD is run on the
    /// images that are still correct.
    pub(crate) fn worst(
        &self,
        batch: &Batch<'_>,
        n: Option<Neutralizer<'_>>,
        epsilon: Epsilon,
        known: &[&[Call]],
    ) -> Result<Vec<Call>> {
        worst_case(known, &batch.labels, |left| {
            if left.is_empty() {
                return Ok(Vec::new());
            }
            self.iterated(&batch.select(left), n, epsilon, true)
        })
    }

    /// PGD-Linf through `n`, or on the undefended model: 20 steps, or only until the image is fooled.
    pub(crate) fn iterated(
        &self,
        batch: &Batch<'_>,
        n: Option<Neutralizer<'_>>,
        epsilon: Epsilon,
        stop_when_fooled: bool,
    ) -> Result<Vec<Call>> {
        let modified;
        let (images, threat) = match n {
            None => (&batch.images, ThreatModel::everywhere(epsilon)),
            Some(n) => {
                modified = n.apply(&batch.images)?;
                (&modified, ThreatModel::outside(epsilon, n.mask))
            }
        };
        let pgd = Pgd { stop_when_fooled, ..Pgd::headline(epsilon)? };
        Ok(calls(&self.untargeted(&pgd, batch, images, &threat)?.logits, &batch.labels))
    }
}

/// The worst of what is `known`, image by image, and of what `attack` finds for the images that are still correct.
fn worst_case(
    known: &[&[Call]],
    labels: &[usize],
    attack: impl FnOnce(&[usize]) -> Result<Vec<Call>>,
) -> Result<Vec<Call>> {
    let of_image = |(i, &label): (usize, &usize)| {
        known.iter().map(|calls| calls[i]).reduce(|worst, call| worst.worse(call, label))
    };
    let mut worst: Vec<Call> = labels.iter().enumerate().filter_map(of_image).collect();
    let left: Vec<usize> = (0..worst.len()).filter(|&i| worst[i].right(labels[i])).collect();
    for (&i, call) in left.iter().zip(attack(&left)?) {
        worst[i] = worst[i].worse(call, labels[i]);
    }
    Ok(worst)
}

/// The worst case of every image of a stage. Images that are already wrong are not attacked again, and the images
/// that are left are gathered into full batches.
pub(crate) fn stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    (stage, title): (&str, &str),
    (images, label): (&[usize], usize),
    n: Option<Neutralizer<'_>>,
    known: [&[Call]; 2],
) -> Result<Vec<Call>> {
    worst_case(&known, &vec![label; images.len()], |left| {
        let indices: Vec<usize> = left.iter().map(|&i| images[i]).collect();
        bench.rows(stage, title, &indices, |batch| lens.iterated(batch, n, lens.plan.epsilon, true))
    })
}

/// P0w and P3w with the headline fill, in this order. `None` if the plan does not have P3.
pub(crate) fn headline(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    defence: Defence<'_>,
    looks: &Looks,
    defends: &Defended,
) -> Result<[Option<[Vec<Call>; 2]>; 2]> {
    let mut worst = [None, None];
    if !lens.plan.protocols.p3w {
        return Ok(worst);
    }
    for (label, out) in worst.iter_mut().enumerate() {
        let images = (defence.eval[label].as_slice(), label);
        let name = bench.data.class_names[label].clone();
        let known = |f: fn(&LookRow) -> Call| looks[label].iter().map(f).collect::<Vec<_>>();
        let known = [known(|look| look.clean), known(|look| look.adv)];
        let named = (&*format!("worst-undefended/{label}"), &*format!("PGD, nothing neutralized, {name}"));
        let plain = stage(lens, bench, named, images, None, known.each_ref().map(Vec::as_slice))?;
        let named = (&*format!("worst/{label}"), &*format!("PGD through the defence, {name}"));
        let known = defended(&defends[label]);
        let known = known.each_ref().map(Vec::as_slice);
        *out = Some([plain, stage(lens, bench, named, images, Some(defence.n(label)), known)?]);
    }
    Ok(worst)
}

/// The calls on N(x) and after A through the defence: what P3w is known to be at least as bad as.
pub(crate) fn defended(rows: &[DefendRow]) -> [Vec<Call>; 2] {
    // A row of a forged journal may lack what the plan needs: every image has a call all the same.
    let adaptive = |row: &DefendRow| row.adaptive.unwrap_or(row.modified);
    [rows.iter().map(|row| row.modified).collect(), rows.iter().map(adaptive).collect()]
}
