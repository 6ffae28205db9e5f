//! Searches whose best point is known on paper, and searches against the study itself.

use ndarray::{Array1, Array4, arr2};

use crate::attack::{Epsilon, ThreatModel};
use crate::attribution::{Explainer, Method};
use crate::classifier::{Classifier, InputSpec};
use crate::dataset::{Dataset, Origin, Provenance, Splits};
use crate::error::ErrorKind;
use crate::image::{Mask, Pixels};
use crate::progress::Silent;
use crate::record::Run;
use crate::region::{Fill, Theta, Threshold};
use crate::study::defend::Neutralizer;
use crate::study::look::Lens;
use crate::study::regions::ClassRegions;
use crate::study::stage::Bench;
use crate::study::tests::{Memory, StopAfter, data, plan, subject};
use crate::study::tune::{Found, TuneFor, Tuning, least_right, search};
use crate::study::{NoJournal, Plan, Protocols, run};
use crate::testing::{ConvGap, Linear};

fn shares(of: &[f64]) -> Vec<Threshold> {
    of.iter().map(|&share| Threshold::Top(share)).collect()
}

fn thetas(of: &[f64]) -> Vec<Theta> {
    of.iter().map(|&theta| Theta::new(theta).unwrap()).collect()
}

/// Images of four pixels. The margin of class 0 over class 1 is `w (x - 1/2)`; class 0 has 0.7 and more at the first
/// pixel, class 1 0.3 and less, and the others are 1/2. The last pixel has no signal and the largest weight.
fn on_paper() -> (Linear, Dataset) {
    let w = [4.0f32, 1.0, 0.5, 8.0];
    // What both logits share moves no margin, and puts the pixels in another order for the utility |W_y|.
    let shared = [0.0f32, 10.0, 5.0, 0.0];
    let row = |sign: f32| -> [f32; 4] { std::array::from_fn(|i| sign * w[i] / 2.0 + shared[i]) };
    let centre = w.iter().sum::<f32>() / 4.0;
    let linear = Linear::new(arr2(&[row(1.0), row(-1.0)]), Array1::from(vec![-centre, centre]), (1, 1, 4));
    let n = 80;
    let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
    let pixels = Array4::from_shape_fn((n, 1, 1, 4), |(i, _, _, x)| {
        let signal = 0.2 + 0.01 * (i % 5) as f32;
        if x > 0 {
            0.5
        } else if labels[i] == 0 {
            0.5 + signal
        } else {
            0.5 - signal
        }
    });
    let data = Dataset {
        name: "on paper".to_owned(),
        checksum: "none".to_owned(),
        class_names: vec!["zero".to_owned(), "one".to_owned()],
        pixels: Pixels::F32(pixels),
        labels,
        ids: (0..n).map(|i| format!("{i:03}")).collect(),
        origins: vec![Origin::Whole; n],
        truth: None,
        provenance: Provenance::default(),
    };
    (linear, data)
}

/// A search over the data set on paper, the first half of it fit and the second tune.
fn searched(goal: TuneFor) -> Found {
    let (linear, data) = on_paper();
    let mut base = Plan::new(Epsilon::new(0.1).unwrap(), 0).unwrap();
    base.cam = Method::GRADIENT;
    base.fills = vec![Fill::Value(0.0), Fill::Value(0.5)];
    let tuning = Tuning {
        delta1: shares(&[0.75, 0.25]),
        delta2: shares(&[0.5, 0.25]),
        goal,
        ..Tuning::new(base.fills.clone()).unwrap()
    };
    let explainer = Explainer::new(&linear, base.cam, base.explain, None).unwrap();
    let lens = Lens { classifier: &linear, plan: &base, explainer };
    let mut bench = Bench { data: &data, batch_size: 16, journal: &mut NoJournal, observer: &Silent };
    let part = |range: std::ops::Range<usize>, class: usize| range.filter(|i| i % 2 == class).collect();
    let (fit, tune) = ([part(0..40, 0), part(0..40, 1)], [part(40..80, 0), part(40..80, 1)]);
    let fills = base.fills.iter().map(|fill| fill.resolve(1, None).unwrap()).collect::<Vec<_>>();
    search(&lens, &tuning, &mut bench, &fit, &tune, &fills).unwrap()
}

#[test]
fn the_pixel_without_signal_and_with_the_largest_weight_is_found() {
    // Margins are 0.8 and more. FGSM with eps 0.1 takes 0.1 |w|_1 = 1.35 of them, and 0.55 without the last pixel.
    let found = searched(TuneFor::Adaptive);
    assert_eq!((found.n, found.clean, found.adv), ([20, 20], [20, 20], [0, 0]));
    let of = |delta1: f64, delta2: f64, fill: f32| {
        let all: Vec<_> = found
            .points
            .iter()
            .filter(|p| {
                (p.point.delta1, p.point.delta2) == (Threshold::Top(delta1), Threshold::Top(delta2))
                    && p.point.fill == Fill::Value(fill)
            })
            .collect();
        assert_eq!(all.len(), 3, "one per theta");
        assert!(all.iter().all(|p| (p.modified, p.attacked) == (all[0].modified, all[0].attacked)));
        (all[0].area, all[0].modified, all[0].attacked, all[0].front, all[0].within)
    };
    // RoI: the second pixel. RoA: the last one. The blob is the last one, and 1/2 there changes nothing.
    assert_eq!(of(0.25, 0.25, 0.5), ([1, 1], [20, 20], [20, 20], true, true));
    // 0 there is w / 2 = 4 for class 1, more than any signal.
    assert_eq!(of(0.25, 0.25, 0.0), ([1, 1], [0, 20], [0, 20], false, false));
    // The RoI takes the last pixel from the blob: nothing is left, and nothing is gained.
    assert_eq!(of(0.75, 0.25, 0.5), ([0, 0], [20, 20], [0, 0], false, true));
    assert_eq!(of(0.75, 0.25, 0.0), of(0.75, 0.25, 0.5));
    // The blob takes the pixel with the signal: every image looks the same.
    let (area, modified, _, front, within) = of(0.25, 0.5, 0.5);
    assert_eq!((area, modified.iter().sum::<usize>(), front, within), ([2, 2], 20, false, false));
    let chosen = found.points[found.chosen].point;
    assert_eq!((chosen.delta1, chosen.delta2), (Threshold::Top(0.25), Threshold::Top(0.25)));
    assert_eq!((chosen.fill, chosen.theta.get()), (Fill::Value(0.5), 0.3), "of equals the first");
    // Per class: the empty mask once; the last pixel, the first and the last, the first alone with two fills each.
    assert_eq!(found.evaluated, 2 * (1 + 3 * 2));
}

#[test]
fn under_the_papers_protocol_the_attacker_writes_in_the_mask_and_nothing_is_worth_masking() {
    let found = searched(TuneFor::Paper);
    let best = found.points.iter().filter(|p| p.within).map(|p| p.attacked).max();
    assert_eq!(best, Some([0, 0]), "1.35 of 0.8 is lost again");
    assert_eq!(found.points[found.chosen].area, [0, 0], "of equals the smallest mask");
}

#[test]
fn the_cost_is_counted_in_whole_images_that_may_be_lost() {
    for (clean, n, cost, least) in
        [(398, 400, 0.01, 394), (100, 100, 0.07, 93), (15, 30, 0.01, 15), (3, 10, 0.5, 0), (9, 10, 0.0, 9)]
    {
        assert_eq!(least_right(clean, n, cost), least, "{clean} of {n} at {cost}");
    }
}

/// The first random model that is correct on most of its images, and under attack on some but not most.
fn model() -> ConvGap {
    let input = InputSpec { channels: 1, height: 8, width: 8 };
    let plan = plan();
    let fits = |model: &ConvGap| {
        let data = data(model, 60);
        let lens = Lens {
            classifier: model,
            plan: &plan,
            explainer: Explainer::new(model, plan.cam, plan.explain, None).unwrap(),
        };
        let bench = Bench { data: &data, batch_size: 1, journal: &mut NoJournal, observer: &Silent };
        let batch = bench.batch(&(0..60).collect::<Vec<_>>()).unwrap();
        let fill = Fill::Value(0.0).resolve(1, None).unwrap();
        let n = Neutralizer { mask: &Mask::empty(8, 8), fill: &fill };
        let calls = lens.neutralized(&batch, n, &ThreatModel::everywhere(plan.epsilon)).unwrap();
        let right = [0, 1].map(|which: usize| {
            calls.iter().zip(&batch.labels).filter(|(c, label)| c[which].right(**label)).count()
        });
        right[0] > 48 && (10..40).contains(&right[1])
    };
    (0..1_000).map(|seed| ConvGap::random(seed, 2, 4, 2, input)).find(fits).unwrap()
}

/// A search that is quick.
fn small(plan: &Plan) -> Tuning {
    Tuning {
        delta1: shares(&[0.1, 0.3, 0.5]),
        delta2: shares(&[0.1, 0.3, 0.5]),
        theta: thetas(&[0.3, 0.5, 0.505]),
        cost: 0.05,
        ..Tuning::new(plan.fills.clone()).unwrap()
    }
}

fn tuned_plan() -> Plan {
    let base = Plan { controls: 0, ..plan() };
    Plan { tune: Some(small(&base)), ..base }
}

/// Every third image each.
fn thirds(data: &Dataset) -> Splits {
    let part = |which: usize| (0..data.ids.len()).filter(|i| i % 3 == which).collect();
    Splits { fit: part(0), tune: part(1), eval: part(2), ..Splits::default() }
}

fn study(plan: &Plan, classifier: &dyn Classifier, data: &Dataset, batch_size: usize) -> Run {
    let splits = thirds(data);
    run(plan, &subject(classifier, data, &splits), batch_size, &mut NoJournal, &Silent).unwrap()
}

#[test]
fn every_point_scores_what_the_study_at_that_point_would_score_on_the_tune_images() {
    let model = model();
    // Enough that successes alone make the RoA of one class at least.
    let data = data(&model, 240);
    let tuned = tuned_plan();
    let run = study(&tuned, &model, &data, 16);
    let roa_from: Vec<&str> = run.record.directions.iter().map(|d| d.fit.roa_from.as_str()).collect();
    assert!(roa_from.contains(&"successes"), "{roa_from:?}");
    let found = run.record.tuning.unwrap();
    let splits = thirds(&data);
    let of = |part: &[usize], class: usize| -> Vec<usize> {
        part.iter().copied().filter(|&i| data.labels[i] == class).collect()
    };
    let tuning = tuned.tune.clone().unwrap();
    assert_eq!(found.points.len(), 54);
    let mut seen = 0;
    for (point, scored) in tuning.points().zip(&found.points) {
        let at = tuned.at(&point);
        let explainer = Explainer::new(&model, at.cam, at.explain, None).unwrap();
        let lens = Lens { classifier: &model, plan: &at, explainer };
        let bench = Bench { data: &data, batch_size: 1, journal: &mut NoJournal, observer: &Silent };
        let regions = [0, 1].map(|class| {
            let rows = lens.look(&bench.batch(&of(&splits.fit, class)).unwrap(), None).unwrap().rows;
            ClassRegions::new(&at, class, &rows, (8, 8))
        });
        let fill = point.fill.resolve(1, None).unwrap();
        for class in 0..2 {
            let mask = at.mask.applied([&regions[0].blob, &regions[1].blob], class);
            let batch = bench.batch(&of(&splits.tune, class)).unwrap();
            let threat = ThreatModel::outside(at.epsilon, &mask);
            let n = Neutralizer { mask: &mask, fill: &fill };
            let calls = lens.neutralized(&batch, n, &threat).unwrap();
            let right = [0, 1].map(|which: usize| calls.iter().filter(|c| c[which].right(class)).count());
            assert_eq!([scored.modified.k[class], scored.attacked.k[class]], right, "{point:?}");
            assert_eq!(scored.area[class], mask.area());
            assert_eq!(found.n[class], batch.ids.len());
            seen += usize::from(right[0] < batch.ids.len() && right[1] > 0);
        }
    }
    assert!(seen > 10, "the model is not trivial: {seen}");
    assert!(found.evaluated < 2 * 54, "some points share a mask: {}", found.evaluated);
}

#[test]
fn the_study_goes_on_as_if_the_chosen_point_had_been_asked_for() {
    let model = model();
    let data = data(&model, 90);
    let tuned = tuned_plan();
    let found = study(&tuned, &model, &data, 16);
    let tuning = found.record.tuning.clone().unwrap();
    let point = tuned.tune.as_ref().unwrap().points().nth(tuning.chosen).unwrap();
    let asked = Plan { tune: None, ..tuned.at(&point) };
    let again = study(&asked, &model, &data, 16);
    for (a, b) in found.record.directions.iter().zip(&again.record.directions) {
        let mut a = a.clone();
        let fired = a.flags.iter().any(|flag| flag.id == "few-tune-images");
        assert_eq!(fired, tuning.n[usize::from(a.source == "one")] < 20);
        a.flags.retain(|flag| flag.id != "few-tune-images");
        assert_eq!(a, *b);
    }
    assert_eq!(found.record.together, again.record.together);
    assert_eq!((found.ledger, found.maps), (again.ledger, again.maps));
    let scored = |key: &str| again.record.together.iter().find(|t| t.protocol == key).unwrap().accuracy;
    assert_eq!((tuning.eval.modified, tuning.eval.attacked), (scored("mod"), scored("adaptive")));
    for (key, value) in again.record.config {
        assert_eq!(found.record.config[&key], value, "{key}");
    }
    assert_eq!(found.record.config["tune-fill"], "0,1");
    assert!(tuning.points[tuning.chosen].front);
}

#[test]
fn no_eval_image_moves_the_choice() {
    let model = model();
    let mine = data(&model, 90);
    let tuned = tuned_plan();
    let found = study(&tuned, &model, &mine, 16).record;
    let mut other = mine.clone();
    let Pixels::U8(pixels) = &mut other.pixels else { panic!("bytes") };
    for (i, mut image) in pixels.outer_iter_mut().enumerate().filter(|(i, _)| i % 3 == 2) {
        image.mapv_inplace(|v| v.wrapping_mul(31).wrapping_add(i as u8));
    }
    let perturbed = study(&tuned, &model, &other, 16).record;
    let (a, b) = (found.tuning.unwrap(), perturbed.tuning.unwrap());
    assert_eq!((&a.points, a.chosen, a.clean, a.adv), (&b.points, b.chosen, b.clean, b.adv));
    assert_ne!(a.eval, b.eval, "the eval images differ");
}

#[test]
fn a_search_that_is_stopped_anywhere_and_one_in_other_batches_ends_with_the_same_result() {
    let model = model();
    let tuned = tuned_plan();
    let data = data(&model, 60);
    let splits = thirds(&data);
    let subject = subject(&model, &data, &splits);
    let whole = study(&tuned, &model, &data, 7);
    for batches in [0, 2, 9, 30] {
        let mut journal = Memory::default();
        let stopped = run(&tuned, &subject, 4, &mut journal, &StopAfter(batches.into()));
        assert_eq!(stopped.map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::Interrupted), "{batches}");
        let resumed = run(&tuned, &subject, 4, &mut journal, &Silent).unwrap();
        assert_eq!(resumed.record, whole.record, "after {batches} batches");
        assert_eq!(resumed.ledger, whole.ledger);
    }
}

#[test]
fn what_cannot_be_searched_is_refused_before_anything_runs() {
    let tuned = tuned_plan();
    let radius = Epsilon::new(0.05).unwrap();
    let paper = Plan { tune: tuned.tune.clone(), ..Plan::paper(radius, 0).unwrap() };
    let without = |protocols: &str, goal: TuneFor| Plan {
        protocols: Protocols::parse(protocols).unwrap(),
        tune: tuned.tune.clone().map(|tuning| Tuning { goal, ..tuning }),
        ..tuned.clone()
    };
    let other_fills = Plan { fills: vec![Fill::Value(0.5)], ..tuned.clone() };
    for bad in [paper, without("p0,p1", TuneFor::Adaptive), without("p3", TuneFor::Paper), other_fills] {
        let error = bad.validate().unwrap_err();
        assert!(error.hint().is_some(), "{error}");
    }
    assert!(without("p1", TuneFor::Paper).validate().is_ok());
    let model = model();
    let data = data(&model, 30);
    let splits = Splits { tune: Vec::new(), ..thirds(&data) };
    let error = run(&tuned, &subject(&model, &data, &splits), 8, &mut NoJournal, &Silent).unwrap_err();
    assert!(error.to_string().contains("tune images") && error.hint().is_some(), "{error}");
}
