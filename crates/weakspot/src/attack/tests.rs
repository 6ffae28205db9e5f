//! Theorems about attacks, on models solved on paper, and the conformance table of this room.

use ndarray::{Array2, Array4, ArrayView4, Axis, arr1, arr2, s};
use proptest::prelude::*;

use super::*;
use crate::attribution::{Explain, Explainer, Method};
use crate::classifier::{Classifier, InputSpec};
use crate::error::ErrorKind;
use crate::image::Mask;
use crate::objective::Objective;
use crate::region::{Fill, NamedFill, ResolvedFill, neutralize};
use crate::testing::{ConvGap, Counting, Linear, Neutralized, noise_images};

const SEED: u64 = 11;
const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const INPUT: InputSpec = InputSpec { channels: 2, height: 7, width: 6 };
const MARGINS: [usize; 4] = [1, 0, 0, 2];

fn conv_gap(classes: usize) -> ConvGap {
    ConvGap::random(5, classes, 4, 2, INPUT).with_margins(MARGINS)
}

fn eps(value: f64) -> Epsilon {
    Epsilon::new(value).unwrap()
}

fn pgd(n_restarts: usize, stop_when_fooled: bool) -> Pgd {
    Pgd { step_size: eps(0.02), n_steps: 5, random_start: true, n_restarts, stop_when_fooled }
}

/// Every attack there is, and variants of PGD.
fn table() -> Vec<Box<dyn Attack>> {
    let of_row = |kind| AttackSettings::new(kind).build(eps(0.1)).unwrap();
    let variants = [
        pgd(1, false),
        pgd(3, false),
        pgd(2, true),
        Pgd { random_start: false, ..pgd(1, false) },
        Pgd { random_start: false, ..pgd(1, true) },
    ];
    let variants = variants.into_iter().map(|pgd| Box::new(pgd) as Box<dyn Attack>);
    AttackKind::ALL.into_iter().map(of_row).chain(variants).collect()
}

fn blob() -> Mask {
    Mask::from_fn(INPUT.height, INPUT.width, |y, x| (2..5).contains(&y) && x < 4)
}

struct Batch<'a> {
    classifier: &'a dyn Classifier,
    images: Array4<f32>,
    labels: Vec<usize>,
    threat: ThreatModel,
    goal: Goal,
}

impl Batch<'_> {
    fn job(&self) -> AttackJob<'_> {
        AttackJob {
            classifier: self.classifier,
            images: self.images.view(),
            labels: &self.labels,
            ids: &IDS[..self.labels.len()],
            seed: SEED,
            threat: &self.threat,
            goal: &self.goal,
            gradient: None,
            features: false,
        }
    }

    fn run(&self, attack: &dyn Attack) -> Outcome {
        referee::run(attack, &self.job()).unwrap()
    }
}

/// Noise images with the classes the model gives them, so that there is something to attack.
fn batch(classifier: &dyn Classifier, threat: ThreatModel) -> Batch<'_> {
    let images = noise_images(2, IDS.len(), &classifier.input(), 0.0, 1.0);
    let labels = referee::classify(classifier, images.clone(), &[0; IDS.len()]).unwrap().predicted;
    Batch { classifier, images, labels, threat, goal: Goal::Untargeted }
}

fn largest_change(a: ArrayView4<'_, f32>, b: ArrayView4<'_, f32>) -> f64 {
    let apart = |(x, y): (&f32, &f32)| (f64::from(*x) - f64::from(*y)).abs();
    a.iter().zip(b).map(apart).fold(0.0, |m, d| if d > m { d } else { m })
}

// ---- Conformance: what every attack must keep.

#[test]
fn every_attack_stays_in_ball_box_and_allowed_pixels_before_the_referee_looks() {
    for classes in [2, 3] {
        let model = conv_gap(classes);
        for allowed in [None, Some(blob().complement()), Some(Mask::empty(7, 6))] {
            let mut batch = batch(&model, ThreatModel { epsilon: eps(0.1), allowed });
            for goal in
                [Goal::Untargeted, Goal::Targeted(batch.labels.iter().map(|l| (l + 1) % classes).collect())]
            {
                batch.goal = goal;
                for attack in table() {
                    let images = attack.perturb(&batch.job()).unwrap();
                    let outcome = batch.run(&*attack);
                    assert_eq!(outcome.adversarial, images, "{attack:?}: the referee had to correct it");
                    let moved = largest_change(images.view(), batch.images.view());
                    assert!(
                        moved <= f64::from(0.1f32) + f64::from(f32::EPSILON),
                        "{attack:?}: moved {moved}"
                    );
                    assert!(images.iter().all(|v| (0.0..=1.0).contains(v)), "{attack:?}");
                    for ((i, c, y, x), v) in images.indexed_iter() {
                        let free = batch.threat.allowed.as_ref().is_none_or(|m| m.0[[y, x]]);
                        assert!(
                            free || *v == batch.images[[i, c, y, x]],
                            "{attack:?} wrote where it may not"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_epsilon_of_zero_is_the_identity() {
    let model = conv_gap(2);
    let batch = batch(&model, ThreatModel::everywhere(eps(0.0)));
    for attack in table() {
        assert_eq!(attack.perturb(&batch.job()).unwrap(), batch.images, "{attack:?}");
    }
}

#[test]
fn an_image_s_result_does_not_depend_on_its_batch() {
    let model = conv_gap(3);
    let whole = batch(&model, ThreatModel::outside(eps(0.1), &blob()));
    for attack in table() {
        let together = whole.run(&*attack);
        for order in [vec![0], vec![5, 2], vec![5, 4, 3, 2, 1, 0]] {
            let images = whole.images.select(Axis(0), &order);
            let labels: Vec<usize> = order.iter().map(|&i| whole.labels[i]).collect();
            let ids: Vec<&str> = order.iter().map(|&i| IDS[i]).collect();
            let job = AttackJob { images: images.view(), labels: &labels, ids: &ids, ..whole.job() };
            let alone = referee::run(&*attack, &job).unwrap();
            assert_eq!(
                alone.adversarial,
                together.adversarial.select(Axis(0), &order),
                "{attack:?} {order:?}"
            );
            assert_eq!(alone.logits, together.logits.select(Axis(0), &order), "{attack:?} {order:?}");
        }
    }
}

#[test]
fn a_gradient_that_was_brought_along_changes_nothing_but_the_passes() {
    let model = Counting::new(conv_gap(3));
    let batch = batch(&model, ThreatModel::everywhere(eps(0.1)));
    let gradient = job::loss_gradient(&model, batch.images.view(), &batch.labels).unwrap().0;
    for attack in table() {
        let brought = AttackJob { gradient: Some(gradient.view()), ..batch.job() };
        assert_eq!(attack.perturb(&brought).unwrap(), attack.perturb(&batch.job()).unwrap(), "{attack:?}");
    }
    let passes = |attack: &dyn Attack, gradient| {
        let before = (model.forward(), model.back());
        attack.perturb(&AttackJob { gradient, ..batch.job() }).unwrap();
        ((model.forward() - before.0) / IDS.len(), (model.back() - before.1) / IDS.len())
    };
    assert_eq!(passes(&Fgsm, None), (1, 1));
    assert_eq!(passes(&Fgsm, Some(gradient.view())), (0, 0));
    assert_eq!(passes(&pgd(1, false), Some(gradient.view())), (5, 5));
    assert_eq!(passes(&Pgd { random_start: false, ..pgd(1, false) }, Some(gradient.view())), (4, 4));
    assert_eq!(passes(&pgd(3, false), None), (18, 15), "three restarts are classified to find the worst");
    assert_eq!(passes(&Noise, None), (0, 0));
}

#[test]
fn two_classes_untargeted_is_targeted_on_the_other_bit_for_bit() {
    let (gap, linear) =
        (conv_gap(2), Linear::random(1, 2, (2, 7, 6)).with_normalization(&[0.4, 0.5], &[0.2, 0.3]));
    for model in [&gap as &dyn Classifier, &linear] {
        for threat in [ThreatModel::everywhere(eps(0.1)), ThreatModel::outside(eps(0.1), &blob())] {
            let mut batch = batch(model, threat);
            for attack in table() {
                batch.goal = Goal::Untargeted;
                let untargeted = batch.run(&*attack);
                batch.goal = Goal::Targeted(batch.labels.iter().map(|l| 1 - l).collect());
                assert_eq!(batch.run(&*attack), untargeted, "{attack:?}");
            }
        }
    }
}

#[test]
fn the_adaptive_attack_is_the_attack_outside_the_blob_started_at_the_neutralized_image() {
    let fills = [Fill::Value(0.0), Fill::Value(1.0)].into_iter().chain(NamedFill::ALL.map(Fill::Named));
    for fill in fills.map(|fill| fill.resolve(2, Some(&[0.3, 0.6])).unwrap()) {
        let model = conv_gap(2);
        let through = Neutralized::new(model.clone(), blob(), fill.clone());
        for attack in table() {
            // By the definition: attack M after N from x, then apply N.
            let literal = batch(&through, ThreatModel::everywhere(eps(0.1)));
            let mut images = attack.perturb(&literal.job()).unwrap();
            neutralize(&mut images, &blob(), &fill).unwrap();
            let literal_logits = model.logits(images.view()).unwrap();

            let mut restricted = batch(&model, ThreatModel::outside(eps(0.1), &blob()));
            restricted.labels.clone_from(&literal.labels);
            neutralize(&mut restricted.images, &blob(), &fill).unwrap();
            let outcome = restricted.run(&*attack);
            assert_eq!(outcome.adversarial, images, "{attack:?}");
            assert_eq!(outcome.logits, literal_logits, "{attack:?}");
        }
    }
}

// ---- FGSM and PGD.

#[test]
fn with_fgsm_remasking_is_the_adaptive_attack() {
    let model = conv_gap(2);
    let fill = ResolvedFill { values: vec![0.0, 0.0] };
    let mut batch = batch(&model, ThreatModel::everywhere(eps(0.1)));
    neutralize(&mut batch.images, &blob(), &fill).unwrap();
    let mut remasked = Fgsm.perturb(&batch.job()).unwrap();
    neutralize(&mut remasked, &blob(), &fill).unwrap();
    batch.threat = ThreatModel::outside(eps(0.1), &blob());
    assert_eq!(Fgsm.perturb(&batch.job()).unwrap(), remasked);
}

#[test]
fn fgsm_is_one_full_step_of_pgd() {
    let one =
        Pgd { step_size: eps(0.1), n_steps: 1, random_start: false, n_restarts: 1, stop_when_fooled: false };
    for classes in [2, 3] {
        let model = conv_gap(classes);
        for threat in [ThreatModel::everywhere(eps(0.1)), ThreatModel::outside(eps(0.1), &blob())] {
            let batch = batch(&model, threat);
            assert_eq!(one.perturb(&batch.job()).unwrap(), Fgsm.perturb(&batch.job()).unwrap());
        }
    }
}

proptest! {
    #[test]
    fn the_linear_margin_falls_by_epsilon_times_the_one_norm(
        seed in any::<u64>(),
        epsilon in 0.0f64..0.3,
        std in proptest::collection::vec(0.1f32..2.0, 3),
        label in 0usize..2,
    ) {
        let model = Linear::random(seed, 2, (3, 4, 5)).with_normalization(&[0.5, 0.4, 0.3], &std);
        // The box does not bind: 0.3 away from both of its ends.
        let images = noise_images(seed, 3, &model.input(), 0.3, 0.7);
        let labels = vec![label; 3];
        let clean = referee::classify(&model, images.clone(), &labels).unwrap();
        let batch = Batch {
            classifier: &model, images, labels, threat: ThreatModel::everywhere(eps(epsilon)), goal: Goal::Untargeted,
        };
        let norm: f64 = model.difference(label, 1 - label).iter().map(|w| w.abs()).sum();
        let after_fgsm = batch.run(&Fgsm);
        let after_pgd = batch.run(&Pgd { step_size: eps(epsilon), ..pgd(1, false) });
        for i in 0..3 {
            let expected = f64::from(clean.margin[i]) - epsilon * norm;
            // Each pixel and epsilon are rounded once (2^-25 relative to 1), and each of four logits once.
            let size = 1.0 + norm + f64::from(clean.logits.iter().fold(0.0, |m: f32, z| crate::num::max(m, z.abs())));
            for margin in [after_fgsm.margin[i], after_pgd.margin[i]] {
                prop_assert!((f64::from(margin) - expected).abs() <= 4e-7 * size, "{margin} {expected}");
            }
        }
    }

    #[test]
    fn projection_is_idempotent_and_inside_ball_box_and_allowed_pixels(
        clean in proptest::collection::vec(0.0f32..=1.0, 42), wild in proptest::collection::vec(-2.0f32..3.0, 42),
        epsilon in 0.0f64..=1.0, inside in proptest::collection::vec(any::<bool>(), 21),
    ) {
        let shape = (1, 2, 3, 7);
        let clean = Array4::from_shape_vec(shape, clean).unwrap();
        let allowed = Mask(Array2::from_shape_vec((3, 7), inside).unwrap());
        let threat = ThreatModel { epsilon: eps(epsilon), allowed: Some(allowed.clone()) };
        let mut once = Array4::from_shape_vec(shape, wild).unwrap();
        threat.project(clean.view(), &mut once);
        let mut twice = once.clone();
        threat.project(clean.view(), &mut twice);
        prop_assert_eq!(&twice, &once);
        prop_assert!(largest_change(once.view(), clean.view()) <= epsilon + f64::from(f32::EPSILON));
        for ((_, c, y, x), v) in once.indexed_iter() {
            prop_assert!((0.0..=1.0).contains(v));
            prop_assert!(allowed.0[[y, x]] || *v == clean[[0, c, y, x]]);
        }
    }
}

#[test]
fn a_pixel_without_gradient_is_not_moved() {
    let weights = arr2(&[[1.0, 0.0, -2.0], [0.0, 0.0, 1.0]]);
    let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 1, 3));
    let batch = Batch {
        classifier: &model,
        images: Array4::from_elem((1, 1, 1, 3), 0.5),
        labels: vec![0],
        threat: ThreatModel::everywhere(eps(0.25)),
        goal: Goal::Untargeted,
    };
    // z_0 - z_1 = x_0 - 3 x_2 falls: x_0 down, x_1 stays, x_2 up.
    let outcome = batch.run(&Fgsm);
    assert_eq!(outcome.adversarial.iter().copied().collect::<Vec<_>>(), [0.25, 0.5, 0.75]);
    assert_eq!((outcome.margin[0], outcome.predicted[0]), (-2.0, 1));
}

#[test]
fn stopping_when_fooled_fools_no_fewer_images_and_costs_fewer_passes() {
    // A model that this attack fools on some images and not on all.
    let model = Counting::new(ConvGap::random(6, 2, 4, 2, INPUT));
    let batch = batch(&model, ThreatModel::everywhere(eps(0.3)));
    let fooled = |stop_when_fooled| {
        let before = model.back();
        let attack = Pgd { n_steps: 20, step_size: eps(0.3 / 8.0), stop_when_fooled, ..pgd(1, false) };
        let outcome = batch.run(&attack);
        let wrong: Vec<bool> = outcome.predicted.iter().zip(&batch.labels).map(|(p, l)| p != l).collect();
        (wrong, model.back() - before)
    };
    let ((full, full_cost), (stopped, stopped_cost)) = (fooled(false), fooled(true));
    assert!(full.contains(&true) && full.contains(&false), "or this would mean little");
    assert!(full.iter().zip(&stopped).all(|(f, s)| !f || *s), "{full:?} {stopped:?}");
    assert!(stopped_cost < full_cost, "{stopped_cost} {full_cost}");
}

#[test]
fn more_restarts_leave_no_image_better_off() {
    let model = conv_gap(3);
    let batch = batch(&model, ThreatModel::everywhere(eps(0.1)));
    let (one, four) = (batch.run(&pgd(1, false)), batch.run(&pgd(4, false)));
    assert!(one.margin.iter().zip(&four.margin).all(|(a, b)| b <= a));
    assert_ne!(one.adversarial, four.adversarial, "some restart must have been worse");
}

#[test]
fn random_starts_fill_the_ball_and_differ_by_restart_and_image() {
    let model = conv_gap(2);
    let batch = batch(&model, ThreatModel::everywhere(eps(0.1)));
    let none = Pgd { n_steps: 0, ..pgd(1, false) };
    let start = none.perturb(&batch.job()).unwrap();
    let offset = &start - &batch.images;
    let (low, high) =
        offset.iter().fold((0.0f32, 0.0f32), |(l, h), &d| (crate::num::min(l, d), crate::num::max(h, d)));
    // 504 uniform draws: none below -0.09 or none above 0.09 has probability 0.95^504 < 1e-11 each.
    assert!(low < -0.09 && high > 0.09, "{low} {high}");
    assert_ne!(offset.slice(s![0, .., .., ..]), offset.slice(s![1, .., .., ..]));
    let other_seed = none.perturb(&AttackJob { seed: SEED + 1, ..batch.job() }).unwrap();
    assert_ne!(start, other_seed);
}

// ---- The referee.

#[derive(Debug)]
struct Liar(f32);

impl Attack for Liar {
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>> {
        Ok(Array4::from_elem(job.images.raw_dim(), self.0))
    }
}

#[derive(Debug)]
struct Cropper;

impl Attack for Cropper {
    fn perturb(&self, job: &AttackJob<'_>) -> Result<Array4<f32>> {
        Ok(job.images.slice(s![.., .., 1.., ..]).to_owned())
    }
}

#[test]
fn the_referee_believes_no_attack() {
    let model = conv_gap(2);
    let batch = batch(&model, ThreatModel::outside(eps(0.1), &blob()));
    let outcome = batch.run(&Liar(40.0));
    assert!(largest_change(outcome.adversarial.view(), batch.images.view()) <= 0.1 + f64::from(f32::EPSILON));
    for ((i, c, y, x), v) in outcome.adversarial.indexed_iter() {
        assert!(*v <= 1.0 && (!blob().0[[y, x]] || *v == batch.images[[i, c, y, x]]));
    }
    assert_eq!(outcome.logits, model.logits(outcome.adversarial.view()).unwrap());
    let error = referee::run(&Liar(f32::NAN), &batch.job()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Numerical);
    assert!(error.to_string().starts_with("a: "), "names the image: {error}");
    assert_eq!(referee::run(&Cropper, &batch.job()).unwrap_err().kind(), ErrorKind::Shape);
}

#[test]
fn a_job_that_does_not_fit_is_refused_before_any_pass() {
    let model = Counting::new(conv_gap(2));
    let good = batch(&model, ThreatModel::everywhere(eps(0.1)));
    let before = model.forward();
    let other_size = noise_images(0, IDS.len(), &InputSpec { width: 5, ..INPUT }, 0.0, 1.0);
    let narrow = ThreatModel::outside(eps(0.1), &Mask::empty(7, 5));
    let own = Goal::Targeted(good.labels.clone());
    let beyond = Goal::Targeted(vec![2; IDS.len()]);
    let few = Goal::Targeted(vec![]);
    for bad in [
        AttackJob { images: other_size.view(), ..good.job() },
        AttackJob { labels: &good.labels[1..], ..good.job() },
        AttackJob { labels: &[2; IDS.len()], ..good.job() },
        AttackJob { ids: &IDS[1..], ..good.job() },
        AttackJob { threat: &narrow, ..good.job() },
        AttackJob { goal: &own, ..good.job() },
        AttackJob { goal: &beyond, ..good.job() },
        AttackJob { goal: &few, ..good.job() },
        AttackJob { gradient: Some(other_size.view()), ..good.job() },
    ] {
        assert!(referee::run(&Fgsm, &bad).is_err());
    }
    assert_eq!(model.forward(), before);
    assert!(good.job().check().is_ok());
}

#[test]
fn names_and_settings_are_checked() {
    for kind in AttackKind::ALL {
        assert_eq!(kind.to_string().parse::<AttackKind>().unwrap(), kind);
        assert_eq!(kind.row().single_step, kind != AttackKind::PGD);
    }
    assert!("FGSM".parse::<AttackKind>().unwrap_err().hint().is_some());
    let good = AttackSettings::new(AttackKind::PGD);
    for bad in [
        AttackSettings { n_steps: 0, ..good },
        AttackSettings { n_restarts: 0, ..good },
        AttackSettings { n_restarts: 2, random_start: false, ..good },
        AttackSettings { step_size: Some(eps(0.0)), ..good },
    ] {
        assert!(bad.build(eps(0.1)).unwrap_err().hint().is_some());
    }
    assert!(AttackSettings { step_size: Some(eps(0.0)), ..good }.build(eps(0.0)).is_ok());
    let headline = Pgd::headline(eps(0.4)).unwrap();
    assert_eq!((headline.step_size, headline.n_steps, headline.random_start), (eps(0.05), 20, true));
}

// ---- Vulnerability.

#[test]
fn the_change_of_a_sign_attack_is_one_value_but_for_the_clip() {
    for epsilon in ["1/255", "2/255", "4/255", "8/255", "16/255", "0.1", "0.3"] {
        for channels in [1, 3] {
            let model = Linear::random(3, 2, (channels, 24, 24));
            let epsilon: Epsilon = epsilon.parse().unwrap();
            let mut batch = batch(&model, ThreatModel::everywhere(epsilon));
            for levels in [0.0, 255.0] {
                // No pixel is within 0.3 of the box's ends.
                batch.images = noise_images(7, IDS.len(), &model.input(), 0.31, 0.69);
                if levels > 0.0 {
                    batch.images.mapv_inplace(|v| (v * levels).round() / levels);
                }
                let adversarial = Fgsm.perturb(&batch.job()).unwrap();
                let maps = vulnerability(
                    Measure::Delta,
                    adversarial.view(),
                    batch.images.view(),
                    adversarial.view(),
                )
                .unwrap();
                for map in maps {
                    assert_eq!(map.degeneracy, 1.0);
                    let expected = f64::from(epsilon.get()) * (channels as f64).sqrt();
                    let raw = &map.leverage.raw;
                    assert!(raw.iter().all(|v| *v == raw[[0, 0]]), "{epsilon}, {channels} channels");
                    assert!((f64::from(raw[[0, 0]]) - expected).abs() < 2e-7, "{} {expected}", raw[[0, 0]]);
                }
            }
        }
    }
}

#[test]
fn vulnerability_measures_what_it_says() {
    let gradient = Array4::from_shape_vec((1, 2, 1, 3), vec![3.0, 0.0, 0.0, -4.0, 0.0, 1e-30]).unwrap();
    let clean = Array4::from_shape_vec((1, 2, 1, 3), vec![0.5, 0.0, 1.0, 0.5, 0.5, 0.5]).unwrap();
    let adversarial = Array4::from_shape_vec((1, 2, 1, 3), vec![0.25, 0.0, 1.0, 0.5, 0.25, 0.5]).unwrap();
    let of = |measure| {
        vulnerability(measure, gradient.view(), clean.view(), adversarial.view()).unwrap().remove(0)
    };
    let by_gradient = of(Measure::Gradient);
    assert_eq!(by_gradient.leverage.raw, arr2(&[[5.0, 0.0, 1e-30]]), "no square underflows");
    assert_eq!((by_gradient.leverage.scale, by_gradient.zero_gradient), (5.0, 0.5));
    assert_eq!(by_gradient.degeneracy, 2.0 / 3.0);
    let by_change = of(Measure::Delta);
    assert_eq!(by_change.leverage.raw, arr2(&[[0.25, 0.25, 0.0]]));
    assert_eq!((by_change.leverage.view[[0, 1]], by_change.degeneracy), (1.0, 1.0));
    let none = vulnerability(Measure::Delta, gradient.view(), clean.view(), clean.view()).unwrap();
    assert!(none[0].leverage.empty);
    assert!(
        vulnerability(Measure::Delta, gradient.slice(s![.., .., .., 1..]), clean.view(), clean.view())
            .is_err()
    );
    for measure in [Measure::Gradient, Measure::Delta] {
        assert_eq!(measure.to_string().parse::<Measure>().unwrap(), measure);
    }
    assert!("l2".parse::<Measure>().unwrap_err().hint().is_some());
}

#[test]
fn the_loss_of_two_classes_is_what_the_traced_pass_gives() {
    // The study hands the gradient of one traced pass to map and attack: it must be the one FGSM would take.
    let model = conv_gap(2);
    let images = noise_images(1, 2, &INPUT, 0.0, 1.0);
    let (gradient, _) = job::loss_gradient(&model, images.view(), &[0, 1]).unwrap();
    let explainer = Explainer::new(&model, Method::GRAD_CAM, Explain::Logit, None).unwrap();
    let trace = explainer.trace(&model, images.view(), &[0, 1], &[Objective::Loss], true).unwrap();
    assert_eq!(trace.walks[0], [gradient]);
}
