//! Tests that need the crate's inside, such as that keeping a trunk's features changes nothing.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use ndarray::Array4;
use weakspot::image::Pixels;
use weakspot::progress::Observer;

use super::*;
use crate::models::{Arch, Head, Width};

/// Remembers how many features each bound allowed, and the notes about it.
#[derive(Default)]
struct Listener {
    kept: Mutex<usize>,
    notes: Mutex<Vec<String>>,
    stop: Option<Arc<AtomicBool>>,
}

impl Observer for Listener {
    fn stage(&self, name: &str, total: usize) {
        if name.starts_with("features") {
            *self.kept.lock().unwrap() = total;
        }
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }

    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        self.stop.clone()
    }
}

#[test]
fn features_that_are_kept_train_the_same_model_as_features_computed_in_every_epoch() {
    let pixels = hashed(20 * 64, 3).iter().map(|v| f32::midpoint(*v, 1.0)).collect();
    let pixels = Pixels::F32(Array4::from_shape_vec((20, 1, 8, 8), pixels).unwrap());
    let labels: Vec<usize> = (0..20).map(|i| i % 2).collect();
    let ids: Vec<String> = (0..20).map(|i| format!("{i:02}")).collect();
    let (train, tune) = ((6..20).collect::<Vec<_>>(), (0..6).collect::<Vec<_>>());
    let data = TrainingData { pixels: &pixels, labels: &labels, ids: &ids, train: &train, tune: &tune };
    for head in [Head::Gap, Head::Linear3] {
        let spec = ModelSpec::new(Arch::Vgg16, head, Width::one_in(16).unwrap(), [1, 8, 8], 2);
        let start = init::weights(&models::network(&spec).unwrap(), 5);
        let recipe = Recipe { max_epochs: 3, batch_size: 4, ..Recipe::for_frozen_trunk(&spec, 0) };
        // 512 / 16 channels, of one pixel once pooled: 128 bytes an image.
        let run = |bytes: usize, expected: usize| {
            let listener = Listener::default();
            let trained = train_within(bytes, &start, &spec, &data, &recipe, None, &listener).unwrap();
            assert_eq!(*listener.kept.lock().unwrap(), expected, "{head}, {bytes} bytes");
            let said = listener.notes.lock().unwrap().concat();
            assert_eq!(said.contains("fit in"), expected < 20, "{said}");
            (trained.model.weights().unwrap(), format!("{:?}", trained.epochs))
        };
        let kept = run(FEATURE_BYTES, 20);
        // Of nine images, in the middle of the training part; and of none.
        assert!(run(9 * 128 + 127, 9) == kept, "{head}");
        assert!(run(0, 0) == kept, "{head}");
        // Only the tune images are seen unchanged here.
        let augmentation = Augmentation { shift: 1, ..Augmentation::default() };
        let shifted = Recipe { augmentation, ..recipe };
        let listener = Listener::default();
        train_within(FEATURE_BYTES, &start, &spec, &data, &shifted, None, &listener).unwrap();
        assert_eq!(*listener.kept.lock().unwrap(), 6);
    }
}

#[test]
fn a_network_is_cut_where_the_fewest_numbers_pass() {
    // At 224 pixels and more, torchvision's pooling shrinks or keeps the last grid; below, it blows it up.
    for (head, side, expected) in [
        (Head::Gap, 64, "avgpool"),
        (Head::Linear3, 64, "features.30"),
        (Head::Linear3, 224, "features.30"),
        (Head::Linear3, 480, "avgpool"),
    ] {
        let spec = ModelSpec::new(Arch::Vgg16, head, Width::FULL, [3, side, side], 2);
        let network = models::network(&spec).unwrap();
        let (trunk, above) = cut(&network).unwrap();
        assert_eq!(trunk.layers().last().unwrap().name, expected, "{head} {side}");
        assert_eq!([trunk.layers(), above.layers()].concat(), network.layers());
        assert_eq!((trunk.input(), trunk.output()), (network.input(), above.input()));
        assert!(above.parameters().iter().all(|p| !is_trunk(&p.name)));
    }
}

#[test]
fn training_stops_after_its_patience_and_a_cycle_does_not_stop_for_being_right() {
    let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [1, 8, 8], 2);
    let constant = Recipe { patience: 3, ..Recipe::for_model(&spec, 0) };
    let cycle = Recipe { schedule: Schedule::OneCycle { warmup_share: 0.3 }, ..constant.clone() };
    for (recipe, all_right, expected) in
        [(&constant, false, 3), (&constant, true, 1), (&cycle, false, 3), (&cycle, true, 3)]
    {
        let first = (0..5).find(|&waited| enough(recipe, waited, all_right));
        assert_eq!(first, Some(expected), "{:?}, all right: {all_right}", recipe.schedule);
    }
}

#[test]
fn a_training_stops_within_a_batch_and_not_only_between_two() {
    let pixels = Pixels::F32(Array4::zeros((4, 1, 8, 8)));
    let (labels, ids) = ([0, 1, 0, 1], ["a", "b", "c", "d"].map(str::to_owned));
    let data = TrainingData { pixels: &pixels, labels: &labels, ids: &ids, train: &[0, 1], tune: &[2, 3] };
    let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64).unwrap(), [1, 8, 8], 2);
    // It never says so itself: the networks have to look.
    let listener = Listener { stop: Some(Arc::new(AtomicBool::new(true))), ..Listener::default() };
    let frozen = Recipe { max_epochs: 1, ..Recipe::for_frozen_trunk(&spec, 0) };
    for recipe in [Recipe { max_epochs: 1, ..Recipe::for_model(&spec, 0) }, frozen] {
        let stopped = train(&spec, &data, &recipe, None, &listener).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Interrupted);
    }
}

/// A spec, images, labels and ids that are trained in no time.
fn tiny() -> (ModelSpec, Pixels, Vec<usize>, Vec<String>) {
    let pixels = hashed(12 * 64, 3).iter().map(|v| f32::midpoint(*v, 1.0)).collect();
    let pixels = Pixels::F32(Array4::from_shape_vec((12, 1, 8, 8), pixels).unwrap());
    let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(32).unwrap(), [1, 8, 8], 2);
    (spec, pixels, (0..12).map(|i| i % 2).collect(), (0..12).map(|i| format!("{i:02}")).collect())
}

#[test]
fn a_state_that_was_changed_by_hand_is_told_and_never_believed() {
    let (spec, pixels, labels, ids) = tiny();
    let (train_part, tune) = ((4..12).collect::<Vec<_>>(), (0..4).collect::<Vec<_>>());
    let data = TrainingData { pixels: &pixels, labels: &labels, ids: &ids, train: &train_part, tune: &tune };
    let recipe = Recipe { max_epochs: 2, batch_size: 4, ..Recipe::for_model(&spec, 0) };
    let folder = tempfile::tempdir().unwrap();
    let resume = Resume { path: &folder.path().join("x.training"), key: "this one" };
    let weights = init::weights(&models::network(&spec).unwrap(), 0);
    let epoch = Epoch { loss: 0.5, accuracy: 0.5, tune_loss: 0.5, tune_correct: 4 };
    let good = Told { epochs: vec![epoch], best: 0, last_rise: 0, steps: 2 };
    let notes = |told: &Told, weights: &Weights| {
        resume.save(told, weights, weights, &[]).unwrap();
        let listener = Listener::default();
        let trained = train(&spec, &data, &recipe, Some(resume), &listener).unwrap();
        (listener.notes.into_inner().unwrap().concat(), trained.epochs[0])
    };
    let (said, first) = notes(&good, &weights);
    assert_eq!((said.as_str(), first), ("", epoch), "training continues from a good state");
    let told = |change: &dyn Fn(&mut Told)| {
        let mut told = good.clone();
        change(&mut told);
        told
    };
    let mut infinite = weights.clone();
    infinite.0.get_mut("classifier.bias").unwrap().data[0] = f32::INFINITY;
    for (told, weights, expected) in [
        (told(&|t| t.best = 99), &weights, "best to be one of 1 epochs"),
        (told(&|t| t.last_rise = 1), &weights, "last_rise to be one of 1 epochs"),
        (told(&|t| t.steps = 3), &weights, "1 epochs of 2 steps; got 3"),
        (told(&|t| t.epochs[0].tune_correct = 1 << 63), &weights, "tune_correct of at most 4"),
        (told(&|t| t.epochs.clear()), &weights, "1 to 2 epochs; got 0"),
        (told(&|t| t.epochs = vec![epoch; 3]), &weights, "1 to 2 epochs; got 3"),
        (good.clone(), &infinite, "finite numbers"),
        (good.clone(), &Weights::default(), "is missing"),
    ] {
        let (said, first) = notes(&told, weights);
        assert!(said.contains(expected) && said.contains("starts over"), "{expected}: {said}");
        assert_ne!(first, epoch, "{expected}");
    }
}

#[test]
fn a_flipped_bit_in_a_kept_state_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.training");
    let resume = Resume { path: &path, key: "this one" };
    let tensor = crate::Tensor { shape: vec![2], data: vec![0.5, -1.25] };
    let weights = Weights([("a".to_owned(), tensor)].into());
    let epoch = Epoch { loss: 0.5, accuracy: 0.5, tune_loss: 0.5, tune_correct: 4 };
    let told = Told { epochs: vec![epoch], best: 0, last_rise: 0, steps: 2 };
    assert!(resume.load().unwrap().is_none(), "nothing is there yet");
    resume.save(&told, &weights, &weights, &[[vec![0.25], vec![]]]).unwrap();
    let kept = resume.load().unwrap().unwrap();
    assert_eq!((&kept.told, &kept.weights, &kept.best_weights), (&told, &weights, &weights));
    assert_eq!(kept.moments, [[vec![0.25], vec![]]]);
    let whole = std::fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        weakspot::output::write_atomic(&path, &bytes).unwrap();
        // Another key means another training; everything else is damage.
        assert!(!matches!(resume.load(), Ok(Some(_))), "bit {bit}");
    }
}

/// Stops when the second epoch begins.
#[derive(Default)]
struct Hasty(Mutex<bool>);

impl Observer for Hasty {
    fn stage(&self, name: &str, _: usize) {
        *self.0.lock().unwrap() |= name.contains("epoch 2 ");
    }

    fn interrupted(&self) -> bool {
        *self.0.lock().unwrap()
    }
}

#[test]
fn a_training_that_is_stopped_says_what_it_has_kept() {
    let (spec, pixels, labels, ids) = tiny();
    let (train_part, tune) = ((4..12).collect::<Vec<_>>(), (0..4).collect::<Vec<_>>());
    let data = TrainingData { pixels: &pixels, labels: &labels, ids: &ids, train: &train_part, tune: &tune };
    let recipe = Recipe { max_epochs: 3, patience: 3, batch_size: 4, ..Recipe::for_model(&spec, 0) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.training");
    let stopped = |resume| train(&spec, &data, &recipe, resume, &Hasty::default()).unwrap_err();
    let error = stopped(Some(Resume { path: &path, key: "k" }));
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.to_string().contains("1 epoch is kept in"), "{error}");
    assert!(error.hint().unwrap().contains("continue from there") && path.exists());
    assert!(stopped(None).to_string().contains("nothing was saved"));
}
