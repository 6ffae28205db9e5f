//! Whole studies of models solved on paper.

use std::collections::{BTreeMap, HashMap};

use ndarray::{Array1, Array2, Array4, ArrayView4};

use crate::attack::{AttackKind, AttackSettings, Epsilon};
use crate::classifier::{Classifier, InputSpec, Place, Signature, Trace, TraceRequest, Walk};
use crate::dataset::{Dataset, Origin, Splits};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Mask, Pixels};
use crate::metrics::Score;
use crate::progress::{Observer, Silent};
use crate::record::Run;
use crate::record::{ClassifierRecord, Interval};
use crate::region::MaskPolicy;
use crate::rng;
use crate::study::{GivenMasks, Journal, NoJournal, PairView, Plan, Protocols, Subject, run};
use crate::testing::{ConvGap, Counting};

const SIDE: usize = 8;

pub(super) fn model() -> ConvGap {
    let input = InputSpec { channels: 1, height: SIDE, width: SIDE };
    ConvGap::random(5, 2, 4, 2, input)
}

/// Random images, labelled by the model, so that it is correct on most.
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
        seen: None,
        outputs: None,
        layer: String::new(),
        grid: [0, 0],
    };
    Subject { classifier, data, splits, classifier_record, weights_checksum: "none".to_owned() }
}

pub(super) fn halves(data: &Dataset) -> Splits {
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

/// Stops the study after a number of batches.
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
    let input = InputSpec { channels: 1, height: SIDE, width: SIDE };
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
    assert!(
        flags(1).contains(&"empty-map"),
        "every image is correct and no map has evidence: {:?}",
        flags(1)
    );
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
    let input = InputSpec { channels: 1, height: SIDE, width: SIDE };
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

/// A model with one number added to the second logit.
#[derive(Clone)]
pub(super) struct Shifted {
    inner: ConvGap,
    by: f32,
    /// The number that makes it wrong on a quarter of the first class.
    by_too_much: f32,
    /// Whether its input gradients point the other way, so that attacks mend what they should break.
    misleads: bool,
}

impl Shifted {
    /// The number that makes the model correct on all images of [`data`], half of which are in each class.
    pub(super) fn balanced(n: usize) -> (Self, Dataset) {
        let inner = model();
        let data = data(&inner, n);
        let images = data.pixels.batch(&(0..n).collect::<Vec<_>>()).unwrap();
        let gaps = inner.logits(images.view()).unwrap().map_axis(ndarray::Axis(1), |z| z[1] - z[0]);
        let of =
            |label: usize| gaps.iter().zip(&data.labels).filter(move |(_, l)| **l == label).map(|(g, _)| *g);
        let (highest, lowest) =
            (of(0).fold(f32::MIN, crate::num::max), of(1).fold(f32::MAX, crate::num::min));
        let mut sorted = gaps.to_vec();
        sorted.sort_by(f32::total_cmp);
        let by_too_much = -sorted[3 * n / 8];
        (Self { inner, by: -f32::midpoint(highest, lowest), by_too_much, misleads: false }, data)
    }
}

impl Shifted {
    /// The same model, wrong on some images and with gradients that point the other way.
    pub(super) fn misleading(self) -> Self {
        Self { by: self.by_too_much, misleads: true, ..self }
    }
}

impl Classifier for Shifted {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>> {
        let mut logits = self.inner.logits(images)?;
        logits.column_mut(1).mapv_inplace(|z| z + self.by);
        Ok(logits)
    }

    fn trace(&self, images: ArrayView4<'_, f32>, request: &TraceRequest<'_>) -> Result<Trace> {
        let mut trace = self.inner.trace(images, request)?;
        trace.logits.column_mut(1).mapv_inplace(|z| z + self.by);
        if self.misleads {
            let to_input = |walk: &Walk<'_>| walk.to == [Place::Input];
            for (_, at) in request.walks.iter().zip(&mut trace.walks).filter(|(walk, _)| to_input(walk)) {
                at[0].mapv_inplace(|g| -g);
            }
        }
        Ok(trace)
    }
}

/// A plan whose attacks fool some images and not all.
fn strong() -> Plan {
    let mut plan = Plan::new(Epsilon::new(0.03).unwrap(), 3).unwrap();
    plan.permutations = 19;
    plan
}

/// The study with a mask in place of the blob.
fn with_mask(mask: Mask, plan: Plan) -> Run {
    let (model, data) = Shifted::balanced(160);
    let given = GivenMasks { masks: [mask.clone(), mask], source: "test".to_owned() };
    study(&Plan { given: Some(given), ..plan }, &model, &data, 16)
}

#[test]
fn a_mask_of_no_pixels_changes_no_prediction_under_any_protocol() {
    let pgd = Plan { attack: AttackSettings::new(AttackKind::PGD), ..strong() };
    let oracle = Plan { mask: MaskPolicy::Oracle, ..strong() };
    let (mut fooled, mut held) = (false, false);
    for plan in [strong(), pgd, oracle] {
        let found = with_mask(Mask::empty(SIDE, SIDE), plan);
        for row in &found.ledger {
            assert_eq!(row.mod_margin, row.clean_margin, "{}", row.id);
            for margin in [row.mod_adv_margin, row.oblivious_margin, row.adaptive_margin, row.remasked_margin]
            {
                assert_eq!(margin, row.adv_margin, "{}", row.id);
            }
            assert_eq!(row.adaptive_worst_margin, row.adv_worst_margin, "{}", row.id);
            fooled |= row.adv_worst_prediction != row.clean_prediction;
            held |= row.adv_worst_prediction == row.clean_prediction;
        }
        for t in &found.record.tests {
            assert_eq!((t.first_only, t.second_only), (0, 0), "{} {}", t.source, t.comparison);
        }
        for p in &found.record.sweep {
            assert_eq!((p.adaptive, p.adaptive_worst), (Some(p.adv), p.adv_worst), "eps {}", p.epsilon);
        }
        for d in &found.record.directions {
            assert_eq!(d.by_fill[1].scores.adaptive_worst, d.by_fill[1].scores.adv_worst, "another fill");
        }
        let separation = found.record.separation.unwrap();
        assert_eq!(separation.auc.unwrap().difference, Interval { value: 0.0, low: 0.0, high: 0.0 });
        assert_eq!(separation.placebo.difference.value, 0.0, "the placebo of no mask adds nothing");
    }
    assert!(fooled && held, "the attacks fool some images and not all: {fooled} {held}");
}

#[test]
fn one_corner_pixel_is_never_better_or_worse() {
    let found = with_mask(Mask::from_fn(SIDE, SIDE, |y, x| (y, x) == (0, 0)), strong());
    assert_eq!(found.record.directions[0].applied_mask.area, 1);
    let words = found.record.tests.iter().chain(found.record.sweep.iter().filter_map(|p| p.worst.as_ref()));
    for t in words {
        assert!(!["better", "worse"].contains(&t.word.as_str()), "{} {}: {}", t.source, t.comparison, t.word);
    }
}

#[test]
fn a_mask_of_another_size_is_refused_before_anything_runs() {
    let (model, mask) = (model(), Mask::empty(SIDE, SIDE + 1));
    let data = data(&model, 20);
    let given = GivenMasks { masks: [mask.clone(), mask], source: "mine.png".to_owned() };
    let splits = halves(&data);
    let plan = Plan { given: Some(given), ..plan() };
    let error = run(&plan, &subject(&model, &data, &splits), 4, &mut NoJournal, &Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert!(error.to_string().starts_with("mine.png"), "{error}");
}

#[test]
fn a_number_added_to_a_logit_moves_no_area_and_is_all_that_a_placebo_is() {
    // The same convolutions with another bias: what a mask that only moves the threshold would be.
    let found = with_mask(Mask::from_fn(SIDE, SIDE, |y, _| y < 2), strong());
    let separation = found.record.separation.unwrap();
    let auc = separation.auc.unwrap();
    assert!(auc.adv_worst.low <= auc.adv_worst.value && auc.adv_worst.value <= auc.adv_worst.high);
    // The placebo predicts class 1 as often as the defended model: both have as many correct images of class 1 as
    // wrong ones of class 0, up to that count.
    let ones = |s: &[Score; 2]| s[1].k + s[0].n - s[0].k;
    assert_eq!(ones(&separation.placebo.scores), ones(&separation.placebo.masked_scores));
}
