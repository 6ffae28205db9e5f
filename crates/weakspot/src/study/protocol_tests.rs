//! Every protocol of a study, recomputed from its definition on a model solved on paper: M composed with N is a model
//! of its own ([`Neutralized`]), each attack is made image by image by the room of attacks, and nothing of `study/` is
//! used.

use ndarray::Array4;

use crate::attack::{AttackJob, AttackKind, AttackSettings, Epsilon, Goal, Pgd, ThreatModel, referee};
use crate::classifier::Classifier;
use crate::dataset::Dataset;
use crate::image::Mask;
use crate::objective;
use crate::progress::Silent;
use crate::record::LedgerRow;
use crate::record::Run;
use crate::region::{Fill, MaskPolicy, neutralize};
use crate::study::tests::{Shifted, halves, subject};
use crate::study::{GivenMasks, NoJournal, Plan, run};
use crate::testing::Neutralized;

const EPS: f64 = 0.03;
const SEED: u64 = 3;

/// The masks of the two classes: they overlap, and neither holds the other.
fn masks() -> [Mask; 2] {
    [Mask::from_fn(8, 8, |y, x| y < 3 && x < 6), Mask::from_fn(8, 8, |y, x| y > 1 && x > 4)]
}

/// What the definitions speak of: M, M composed with N, x, y.
struct Paper<'a> {
    model: &'a Shifted,
    defended: Neutralized<Shifted>,
    mask: Mask,
    fill: Fill,
    attack: AttackSettings,
    image: Array4<f32>,
    label: usize,
    id: &'a str,
}

impl Paper<'_> {
    fn n(&self, images: &Array4<f32>) -> Array4<f32> {
        let mut images = images.clone();
        neutralize(&mut images, &self.mask, &self.fill.resolve(1, None).unwrap()).unwrap();
        images
    }

    /// A_f(x).
    fn a(&self, f: &dyn Classifier, x: &Array4<f32>) -> Array4<f32> {
        let epsilon = Epsilon::new(EPS).unwrap();
        self.perturbed(f, x, self.attack.build(epsilon).unwrap().as_ref())
    }

    /// PGD's image, stopped once it fools f.
    fn pgd(&self, f: &dyn Classifier, x: &Array4<f32>) -> Array4<f32> {
        self.perturbed(f, x, &Pgd::headline(Epsilon::new(EPS).unwrap()).unwrap())
    }

    fn perturbed(
        &self,
        f: &dyn Classifier,
        x: &Array4<f32>,
        attack: &dyn crate::attack::Attack,
    ) -> Array4<f32> {
        let threat = ThreatModel::everywhere(Epsilon::new(EPS).unwrap());
        let job = AttackJob {
            classifier: f,
            images: x.view(),
            labels: &[self.label],
            ids: &[self.id],
            seed: SEED,
            threat: &threat,
            goal: &Goal::Untargeted,
            gradient: None,
            features: false,
        };
        referee::run(attack, &job).unwrap().adversarial
    }

    /// The margin of f at x; negative where it is wrong.
    fn m(&self, f: &dyn Classifier, x: &Array4<f32>) -> f32 {
        objective::margin(f.logits(x.view()).unwrap().row(0), self.label)
    }

    /// The worst of x itself, A and PGD. PGD counts where nothing before it has won.
    fn worst(&self, f: &dyn Classifier) -> f32 {
        let x = &self.image;
        let known = crate::num::min(self.m(f, x), self.m(f, &self.a(f, x)));
        if known < 0.0 { known } else { crate::num::min(known, self.m(f, &self.pgd(f, x))) }
    }

    /// Every margin of the ledger, by the definitions of METHODS, section 7.
    fn margins(&self) -> [(&'static str, f32); 9] {
        let (m, x) = (self.model, &self.image);
        let nx = self.n(x);
        let paper = self.a(m, &nx);
        [
            ("clean", self.m(m, x)),
            ("adv", self.m(m, &self.a(m, x))),
            ("adv_worst", self.worst(m)),
            ("mod", self.m(m, &nx)),
            ("mod_adv", self.m(m, &paper)),
            ("oblivious", self.m(m, &self.n(&self.a(m, x)))),
            ("adaptive", self.m(&self.defended, &self.a(&self.defended, x))),
            ("adaptive_worst", self.worst(&self.defended)),
            ("remasked", self.m(m, &self.n(&paper))),
        ]
    }
}

fn margin(row: &LedgerRow, key: &str) -> Option<f32> {
    match key {
        "clean" => row.clean_margin,
        "adv" => row.adv_margin,
        "adv_worst" => row.adv_worst_margin,
        "mod" => row.mod_margin,
        "mod_adv" => row.mod_adv_margin,
        "oblivious" => row.oblivious_margin,
        "adaptive" => row.adaptive_margin,
        "adaptive_worst" => row.adaptive_worst_margin,
        "remasked" => row.remasked_margin,
        other => panic!("{other}"),
    }
}

/// Checks a study with these settings against the definitions, and returns how many margins of each protocol differ
/// from those of the one before it.
fn holds(
    (model, data): &(Shifted, Dataset),
    attack: AttackSettings,
    policy: MaskPolicy,
    fill: Fill,
) -> (Run, Vec<usize>) {
    let mut plan = Plan::new(Epsilon::new(EPS).unwrap(), SEED).unwrap();
    (plan.attack, plan.mask, plan.fills, plan.permutations) = (attack, policy, vec![fill], 19);
    plan.controls = 0;
    plan.given = Some(GivenMasks { masks: masks(), source: "test".to_owned() });
    let splits = halves(data);
    let found = run(&plan, &subject(model, data, &splits), 16, &mut NoJournal, &Silent).unwrap();
    let mut changed = vec![0; 8];
    for &i in &splits.eval {
        let row = found.ledger.iter().find(|row| row.id == data.ids[i]).unwrap();
        let [first, second] = masks();
        let mask = policy.applied([&first, &second], data.labels[i]);
        let paper = Paper {
            model,
            defended: Neutralized::new(model.clone(), mask.clone(), fill.resolve(1, None).unwrap()),
            mask,
            fill,
            attack,
            image: data.pixels.batch(&[i]).unwrap(),
            label: data.labels[i],
            id: &data.ids[i],
        };
        let margins = paper.margins();
        for (key, expected) in margins {
            assert_eq!(margin(row, key), Some(expected), "{key} of {}, {attack:?} {policy} {fill}", row.id);
        }
        for (count, pair) in changed.iter_mut().zip(margins.windows(2)) {
            *count += usize::from(pair[0].1 != pair[1].1);
        }
    }
    (found, changed)
}

#[test]
fn every_protocol_is_its_definition() {
    let subject = Shifted::balanced(80);
    for kind in [AttackKind::FGSM, AttackKind::PGD] {
        for (policy, fill) in [
            (MaskPolicy::Union, Fill::Value(0.0)),
            (MaskPolicy::Oracle, Fill::Value(1.0)),
            (MaskPolicy::Oracle, Fill::Value(0.0)),
        ] {
            let (_, changed) = holds(&subject, AttackSettings::new(kind), policy, fill);
            // Under one step each protocol has a different number than its neighbour in the table, or the test would
            // not notice if they were swapped. (Under PGD the worst case often is A.)
            assert!(
                kind == AttackKind::PGD || changed.iter().all(|n| *n > 0),
                "{kind} {policy} {fill}: {changed:?}"
            );
        }
    }
}

/// If attacks mend images instead of breaking them, the image without an attack is the worst case.
#[test]
fn the_worst_case_includes_the_image_that_nobody_attacked() {
    let (model, data) = Shifted::balanced(80);
    let subject = (model.misleading(), data);
    let attack = AttackSettings::new(AttackKind::FGSM);
    let (found, _) = holds(&subject, attack, MaskPolicy::Oracle, Fill::Value(0.5));
    let mended = |before: Option<f32>, after: Option<f32>| before < Some(0.0) && after > Some(0.0);
    let plain = found.ledger.iter().filter(|row| mended(row.clean_margin, row.adv_margin)).count();
    let defended = found.ledger.iter().filter(|row| mended(row.mod_margin, row.adaptive_margin)).count();
    assert!(plain > 0 && defended > 0, "{plain} and {defended}: without such images this would mean nothing");
}
