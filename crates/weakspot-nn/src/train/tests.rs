//! What only the inside can show: that keeping a trunk's features changes nothing.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use ndarray::Array4;
use weakspot::image::Pixels;
use weakspot::progress::Observer;

use super::*;
use crate::models::{Arch, Head, Width};

/// Remembers how many features each bound allowed, and what was said of it.
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
