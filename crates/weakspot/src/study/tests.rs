//! Whole studies of models solved on paper.

use std::collections::{BTreeMap, HashMap};

use ndarray::{Array1, Array2, Array4};

use crate::attack::Epsilon;
use crate::classifier::{Classifier, InputSpec};
use crate::dataset::{Dataset, Origin, Splits};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Pixels;
use crate::progress::{Observer, Silent};
use crate::report::Run;
use crate::rng;
use crate::study::record::ClassifierRecord;
use crate::study::{Journal, NoJournal, PairView, Plan, Protocols, Subject, run};
use crate::testing::{ConvGap, Counting};

const SIDE: usize = 8;

pub(super) fn model() -> ConvGap {
    let input = InputSpec { channels: 1, height: SIDE, width: SIDE, padding: [0; 4] };
    ConvGap::random(5, 2, 4, 2, input)
}

/// Random images, labelled by what the model makes of them, so that it is right on most.
pub(super) fn data(classifier: &dyn Classifier, n: usize) -> Dataset {
    let mut draw = rng::stream(1, "study-tests", "");
    let pixels = Array4::from_shape_simple_fn((n, 1, SIDE, SIDE), || draw.below(256) as u8);
    let images = pixels.mapv(|v| f32::from(v) / 255.0);
    let logits = classifier.logits(images.view()).unwrap();
    let gaps: Vec<f32> = logits.outer_iter().map(|z| z[1] - z[0]).collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f32::total_cmp);
    let middle = sorted[n / 2];
    let labels: Vec<usize> = gaps.iter().map(|&g| usize::from(g >= middle)).collect();
    let ids = (0..n).map(|i| format!("img/{i:03}")).collect();
    let names = vec!["zero".to_owned(), "one".to_owned()];
    Dataset {
        name: "test".to_owned(),
        checksum: Dataset::checksum_of(&Pixels::U8(pixels.clone()), Some(&labels), &names),
        class_names: names,
        pixels: Pixels::U8(pixels),
        labels,
        ids,
        origins: vec![Origin::Whole; n],
        truth: None,
        provenance: crate::dataset::Provenance::default(),
    }
}

pub(super) fn subject<'a>(
    classifier: &'a dyn Classifier,
    data: &'a Dataset,
    splits: &'a Splits,
) -> Subject<'a> {
    let classifier_record = ClassifierRecord {
        arch: "conv-gap".to_owned(),
        head: "gap".to_owned(),
        width: "1".to_owned(),
        n_classes: classifier.n_classes(),
        origin: "test".to_owned(),
        recipe: String::new(),
        convolutions: "direct".to_owned(),
        tune_accuracy: None,
        training_seed: None,
        layer: String::new(),
        grid: [0, 0],
    };
    Subject { classifier, data, splits, classifier_record, weights_checksum: "none".to_owned() }
}

fn halves(data: &Dataset) -> Splits {
    let (fit, eval) = (0..data.ids.len()).partition(|i| i % 2 == 0);
    Splits { fit, eval, ..Splits::default() }
}

pub(super) fn plan() -> Plan {
    let mut plan = Plan::new(Epsilon::new(0.05).unwrap(), 3).unwrap();
    plan.permutations = 19;
    plan
}

fn study(plan: &Plan, classifier: &dyn Classifier, data: &Dataset, batch_size: usize) -> Run {
    let splits = halves(data);
    run(plan, &subject(classifier, data, &splits), batch_size, &mut NoJournal, &Silent).unwrap()
}

#[test]
fn p0_and_p1_with_one_fill_cost_four_forward_and_two_backward_passes_per_image() {
    let data = data(&model(), 40);
    let counting = Counting::new(model());
    let mut plan = Plan::paper(Epsilon::new(0.05).unwrap(), 3).unwrap();
    plan.permutations = 19;
    plan.fills.truncate(1);
    plan.protocols = Protocols::parse("p0,p1").unwrap();
    plan.controls = 0;
    plan.sweep.clear();
    let found = study(&plan, &counting, &data, 7);
    let eval = found.ledger.len();
    // Beside the protocols: random signs on every image (fewer than 100 per class here), one more traced pass for
    // the pictured ones, and the label-leak check's noise images where both blobs hold a pixel.
    let pictured = found.maps.pictured.ids.len();
    let leaks = if found.record.directions.iter().all(|d| d.blob.area > 0) { 200 } else { 0 };
    assert_eq!(counting.forward(), 4 * eval + eval + 2 * pictured + leaks);
    assert_eq!(counting.back(), 2 * eval + pictured);
}

#[test]
fn batch_size_changes_no_byte() {
    let (model, plan) = (model(), plan());
    let data = data(&model, 60);
    let whole = study(&plan, &model, &data, 60);
    for batch_size in [1, 7] {
        let again = study(&plan, &model, &data, batch_size);
        assert_eq!(again.record, whole.record, "batch size {batch_size}");
        assert_eq!(again.ledger, whole.ledger);
        assert_eq!(again.maps, whole.maps);
    }
}

#[test]
fn the_order_of_the_images_changes_no_score() {
    let (model, plan) = (model(), plan());
    let data = data(&model, 60);
    let n = data.ids.len();
    let backwards: Vec<usize> = (0..n).rev().collect();
    let turned = Dataset {
        pixels: data.pixels.select(&backwards),
        labels: backwards.iter().map(|&i| data.labels[i]).collect(),
        ids: backwards.iter().map(|&i| data.ids[i].clone()).collect(),
        ..data.clone()
    };
    let mut splits = halves(&data);
    for part in [&mut splits.fit, &mut splits.eval] {
        // The same images, in the order of their ids, at their new places.
        for i in part.iter_mut() {
            *i = n - 1 - *i;
        }
    }
    let found = run(&plan, &subject(&model, &turned, &splits), 16, &mut NoJournal, &Silent).unwrap();
    assert_eq!(found.record, study(&plan, &model, &data, 16).record);
}

/// A journal in memory that can be kept when a study stops.
#[derive(Default)]
pub(super) struct Memory(HashMap<String, HashMap<String, String>>);

impl Journal for Memory {
    fn known(&mut self, stage: &str) -> Result<HashMap<String, String>> {
        Ok(self.0.get(stage).cloned().unwrap_or_default())
    }

    fn append(&mut self, stage: &str, rows: &[(String, String)]) -> Result<()> {
        self.0.entry(stage.to_owned()).or_default().extend(rows.iter().cloned());
        Ok(())
    }
}

/// Stops the study after so many batches.
pub(super) struct StopAfter(pub(super) std::sync::atomic::AtomicUsize);

impl Observer for StopAfter {
    fn interrupted(&self) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 0
    }
}

#[test]
fn a_study_that_is_stopped_anywhere_ends_with_the_same_result() {
    let (model, plan) = (model(), plan());
    let data = data(&model, 40);
    let splits = halves(&data);
    let subject = subject(&model, &data, &splits);
    let whole = study(&plan, &model, &data, 4);
    for batches in [0, 1, 5, 12] {
        let mut journal = Memory::default();
        let stopped = run(&plan, &subject, 4, &mut journal, &StopAfter(batches.into()));
        assert_eq!(stopped.map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::Interrupted), "{batches}");
        let resumed = run(&plan, &subject, 4, &mut journal, &Silent).unwrap();
        assert_eq!(resumed.record, whole.record, "after {batches} batches");
        assert_eq!(resumed.ledger, whole.ledger);
    }
}

#[test]
fn aiming_at_the_other_class_changes_no_number() {
    let model = model();
    let data = data(&model, 60);
    let untargeted = study(&plan(), &model, &data, 16);
    let targeted = study(&Plan { targeted: true, ..plan() }, &model, &data, 16);
    assert_eq!(targeted.record.directions, untargeted.record.directions);
    assert_eq!(targeted.ledger, untargeted.ledger);
}

#[test]
fn with_fgsm_remasked_is_adaptive_and_the_worst_is_no_better() {
    let model = model();
    let found = study(&plan(), &model, &data(&model, 80), 16);
    for row in &found.ledger {
        assert_eq!(row.remasked_margin, row.adaptive_margin, "{}", row.id);
        assert!(row.adaptive_worst_margin <= row.adaptive_margin, "{}", row.id);
    }
    for d in &found.record.directions {
        assert!(d.scores.adaptive_worst.unwrap().k <= d.scores.adaptive.unwrap().k);
        assert_eq!(d.scores.clean.unwrap().n, d.n.eval);
    }
    assert_eq!(found.record.tests.len(), 10, "five comparisons, two classes");
    let epsilons: Vec<f64> = found.record.sweep.iter().map(|p| p.epsilon).collect();
    assert_eq!(epsilons.len(), 8, "four radii, two classes: {epsilons:?}");
    let own = found.record.sweep.iter().find(|p| (p.epsilon - 0.05).abs() < 1e-12).unwrap();
    assert_eq!(own.adaptive, found.record.directions[0].scores.adaptive, "the sweep meets the study");
    assert_eq!(Some(own.adv), found.record.directions[0].scores.adv);
}

/// A model whose second logit always wins.
fn constant() -> ConvGap {
    let input = InputSpec { channels: 1, height: SIDE, width: SIDE, padding: [0; 4] };
    let (kernel, head) = (Array4::zeros((2, 1, 3, 3)), Array2::zeros((2, 2)));
    ConvGap::new(kernel, Array1::zeros(2), head, Array1::from_vec(vec![0.0, 1.0]), 2, input)
}

#[test]
fn a_constant_model_is_reported_and_not_an_error() {
    let data = data(&model(), 40);
    let found = study(&plan(), &constant(), &data, 16);
    let flags =
        |i: usize| -> Vec<&str> { found.record.directions[i].flags.iter().map(|f| f.id.as_str()).collect() };
    for id in ["few-successes", "empty-blob", "collapse", "zero-gradient", "weak-attack"] {
        assert!(flags(1).contains(&id), "{id} in {:?}", flags(1));
    }
    assert!(flags(1).contains(&"empty-map"), "every image is right and no map has evidence: {:?}", flags(1));
    assert_eq!(found.record.directions[0].scores.clean.unwrap().k, 0);
    assert!(found.record.controls.is_empty(), "an empty mask has nothing to shift");
}

#[test]
fn the_papers_preset_scores_the_images_it_was_built_from() {
    let model = model();
    let mut plan = Plan::paper(Epsilon::new(0.05).unwrap(), 3).unwrap();
    plan.permutations = 19;
    let found = study(&plan, &model, &data(&model, 80), 16);
    for d in &found.record.directions {
        assert_eq!((d.n.fit, d.fit.roa_from.as_str()), (d.n.eval, "all"));
        let ids: Vec<&str> = d.flags.iter().map(|f| f.id.as_str()).collect();
        assert!(ids.contains(&"same-images") && ids.contains(&"oracle-mask"), "{ids:?}");
    }
}

#[test]
fn a_pair_of_a_larger_model_is_studied_through_its_two_logits() {
    let input = InputSpec { channels: 1, height: SIDE, width: SIDE, padding: [0; 4] };
    let wide = ConvGap::random(5, 5, 4, 2, input);
    let pair = PairView::new(&wide, [3, 1]).unwrap();
    let data = data(&pair, 40);
    let found = study(&plan(), &pair, &data, 16);
    let images = data.pixels.batch(&[1]).unwrap();
    let logits = wide.logits(images.view()).unwrap();
    let label = data.labels[1];
    let margin = if label == 0 { logits[[0, 3]] - logits[[0, 1]] } else { logits[[0, 1]] - logits[[0, 3]] };
    let row = found.ledger.iter().find(|r| r.id == data.ids[1]).unwrap();
    assert_eq!(row.clean_margin, Some(margin));
    assert!(PairView::new(&wide, [2, 2]).is_err() && PairView::new(&wide, [0, 5]).is_err());
}

#[test]
fn images_that_do_not_fit_the_model_are_refused_before_anything_runs() {
    let model = model();
    let mut data = data(&model, 20);
    data.pixels = Pixels::U8(Array4::zeros((20, 3, SIDE, SIDE)));
    let splits = halves(&data);
    let error: Error =
        run(&plan(), &subject(&model, &data, &splits), 4, &mut NoJournal, &Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert!(error.hint().is_some());
}

#[test]
fn the_configuration_names_every_setting_once() {
    let config: BTreeMap<String, String> = plan().config();
    for key in
        ["eps", "attack", "cam", "delta1", "delta2", "theta", "fill", "mask", "protocols", "sweep", "seed"]
    {
        assert!(config.contains_key(key), "{key}");
    }
    assert_eq!(config["fill"], "0,1");
}
