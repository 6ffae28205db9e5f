//! Training on toys: that it learns, and what it may depend on.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array4;
use weakspot::ErrorKind;
use weakspot::image::Pixels;
use weakspot::progress::{Observer, Silent};
use weakspot_nn::{
    Arch, Augmentation, Head, ModelSpec, Optimizer, Recipe, Resume, Schedule, Trained, TrainingData, Weights,
    Width, train,
};

use crate::support::hashed;

/// Images whose left or right half is bright, with noise; classes in turn.
pub(crate) struct Toy {
    pixels: Pixels,
    labels: Vec<usize>,
    ids: Vec<String>,
    train: Vec<usize>,
    tune: Vec<usize>,
}

pub(crate) fn toy(n: usize) -> Toy {
    let noise = hashed(n * 64, 1);
    let pixels = Array4::from_shape_fn((n, 1, 8, 8), |(i, _, y, x)| {
        let bright = (x < 4) == (i % 2 == 0);
        let v = if bright { 0.7 } else { 0.3 } + 0.2 * noise[i * 64 + y * 8 + x];
        (v * 255.0) as u8
    });
    let third = n / 3;
    Toy {
        pixels: Pixels::U8(pixels),
        labels: (0..n).map(|i| i % 2).collect(),
        ids: (0..n).map(|i| format!("train/{i:05}")).collect(),
        train: (third..n).collect(),
        tune: (0..third).collect(),
    }
}

impl Toy {
    pub(crate) fn data(&self) -> TrainingData<'_> {
        let Self { pixels, labels, ids, train, tune } = self;
        TrainingData { pixels, labels, ids, train, tune }
    }
}

fn spec(arch: Arch, head: Head, n_outputs: usize) -> ModelSpec {
    let mut spec = ModelSpec::new(arch, head, Width::one_in(16).unwrap(), [1, 8, 8], n_outputs);
    (spec.mean, spec.std) = (vec![0.5], vec![0.25]);
    spec
}

fn short(spec: &ModelSpec) -> Recipe {
    let schedule = Schedule::Constant { warmup_steps: 2 };
    Recipe { max_epochs: 2, batch_size: 8, schedule, ..Recipe::for_model(spec, 0) }
}

pub(crate) fn result(trained: &Trained) -> (Weights, String) {
    (trained.model.weights().unwrap(), format!("{:?}", trained.epochs))
}

#[test]
fn easy_classes_are_learned() {
    let toy = toy(180);
    for (arch, n_outputs, optimizer, learning_rate) in [
        (Arch::Vgg16, 2, Optimizer::Adam, 1e-3),
        (Arch::Vgg16Bn, 2, Optimizer::Adam, 1e-3),
        (Arch::Vgg16Bn, 1, Optimizer::Sgd, 1e-2),
    ] {
        let spec = spec(arch, Head::Gap, n_outputs);
        let recipe = Recipe {
            optimizer,
            learning_rate,
            max_epochs: 12,
            patience: 12,
            batch_size: 8,
            ..Recipe::for_model(&spec, 1)
        };
        let trained = train(&spec, &toy.data(), &recipe, None, &Silent).unwrap();
        assert_eq!(trained.n_tune, 60);
        assert!(trained.tune_correct >= 57, "{arch} {optimizer:?}: {:?}", trained.epochs);
        assert_eq!(trained.tune_correct, trained.epochs[trained.best].tune_correct);
        // The kept epoch is the best. Ties are broken by the lower loss.
        for epoch in &trained.epochs {
            let best = trained.epochs[trained.best];
            assert!((epoch.tune_correct, -epoch.tune_loss) <= (best.tune_correct, -best.tune_loss));
        }
    }
}

#[test]
fn training_depends_on_the_seed_and_not_on_threads_or_the_order_of_images() {
    let toy = toy(40);
    let augmentation = Augmentation { flip: true, turn: true, shift: 2 };
    for (arch, head) in [(Arch::Vgg16Bn, Head::Gap), (Arch::Vgg16, Head::Linear3)] {
        let spec = spec(arch, head, 2);
        let recipe = Recipe { augmentation, ..short(&spec) };
        let run = |toy: &Toy, recipe: &Recipe, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            result(&pool.install(|| train(&spec, &toy.data(), recipe, None, &Silent)).unwrap())
        };
        let expected = run(&toy, &recipe, 1);
        assert!(run(&toy, &recipe, 2) == expected);
        assert!(run(&toy, &Recipe { seed: 1, ..recipe.clone() }, 1) != expected);
        let still = Recipe { augmentation: Augmentation::default(), ..recipe.clone() };
        assert!(run(&toy, &still, 1) != expected);
        // The same images in another order, ids with them.
        let n = toy.labels.len();
        let order: Vec<usize> = (0..n).rev().collect();
        let place = |part: &[usize]| part.iter().map(|i| n - 1 - i).collect();
        let reversed = Toy {
            pixels: toy.pixels.select(&order),
            labels: order.iter().map(|&i| toy.labels[i]).collect(),
            ids: order.iter().map(|&i| toy.ids[i].clone()).collect(),
            train: place(&toy.train),
            tune: place(&toy.tune),
        };
        assert!(run(&reversed, &recipe, 1) == expected);
    }
}

#[test]
fn a_loss_that_is_no_number_stops_training() {
    let toy = toy(60);
    let spec = spec(Arch::Vgg16, Head::Gap, 2);
    let recipe = Recipe {
        optimizer: Optimizer::Sgd,
        learning_rate: 1.0,
        schedule: Schedule::Constant { warmup_steps: 0 },
        max_epochs: 100,
        patience: 100,
        batch_size: 8,
        ..Recipe::for_model(&spec, 0)
    };
    // Weights a million times too large: the first product overflows.
    let mut wild = spec.clone();
    wild.std = vec![1e-38];
    let error = train(&wild, &toy.data(), &recipe, None, &Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Numerical);
    assert!(error.to_string().contains("epoch 1"), "{error}");
    assert!(error.hint().unwrap().contains("learning rate"));
}

/// Counts what it is told, and asks to stop after some questions.
#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) stages: AtomicUsize,
    pub(crate) total: AtomicUsize,
    pub(crate) advanced: AtomicUsize,
    pub(crate) asked: AtomicUsize,
    pub(crate) patience: usize,
}

impl Observer for Counter {
    fn stage(&self, _: &str, total: usize) {
        self.stages.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(total, Ordering::Relaxed);
    }

    fn advance(&self, steps: usize) {
        self.advanced.fetch_add(steps, Ordering::Relaxed);
    }

    fn interrupted(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.patience
    }
}

#[test]
fn the_observer_is_told_and_heard() {
    let toy = toy(40);
    let spec = spec(Arch::Vgg16Bn, Head::Gap, 2);
    let counter = Counter { patience: usize::MAX, ..Counter::default() };
    train(&spec, &toy.data(), &short(&spec), None, &counter).unwrap();
    let read = |c: &AtomicUsize| c.load(Ordering::Relaxed);
    assert_eq!(read(&counter.stages), 2);
    assert_eq!(read(&counter.advanced), read(&counter.total));
    let impatient = Counter { patience: 3, ..Counter::default() };
    let error = train(&spec, &toy.data(), &short(&spec), None, &impatient).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(read(&impatient.asked), 4);
}

#[test]
fn a_training_that_is_cut_short_goes_on_to_the_same_bytes() {
    let toy = toy(40);
    let folder = tempfile::tempdir().unwrap();
    for (arch, optimizer) in [(Arch::Vgg16Bn, Optimizer::Adam), (Arch::Vgg16, Optimizer::Sgd)] {
        let spec = spec(arch, Head::Gap, 2);
        let recipe = Recipe { optimizer, max_epochs: 3, patience: 3, ..short(&spec) };
        let whole = train(&spec, &toy.data(), &recipe, None, &Silent).unwrap();
        let path = folder.path().join(arch.to_string());
        let resume = Some(Resume { path: &path, key: "this one" });
        // An epoch asks at least four times: this stops in the second one.
        let impatient = Counter { patience: 6, ..Counter::default() };
        train(&spec, &toy.data(), &recipe, resume, &impatient).unwrap_err();
        assert!(path.exists(), "the first epoch was kept");
        let counter = Counter { patience: usize::MAX, ..Counter::default() };
        let resumed = train(&spec, &toy.data(), &recipe, resume, &counter).unwrap();
        assert!(result(&resumed) == result(&whole), "{arch}");
        let stages = counter.stages.load(Ordering::Relaxed);
        assert!(stages < whole.epochs.len(), "{stages} epochs were run again");
        // With a state of another training, or half a file, training starts over.
        for (key, bytes) in [("another", None), ("this one", Some(b"half".as_slice()))] {
            if let Some(bytes) = bytes {
                weakspot::output::write_atomic(&path, bytes).unwrap();
            }
            let anew =
                train(&spec, &toy.data(), &recipe, Some(Resume { path: &path, key }), &Silent).unwrap();
            assert!(result(&anew) == result(&whole), "{arch} {key}");
        }
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let toy = toy(12);
    let spec = spec(Arch::Vgg16, Head::Gap, 2);
    let recipe = short(&spec);
    let message = |data: &TrainingData<'_>, spec: &ModelSpec, recipe: &Recipe| {
        train(spec, data, recipe, None, &Silent).unwrap_err().to_string()
    };
    let good = toy.data();
    assert!(message(&TrainingData { tune: &[], ..good }, &spec, &recipe).contains("tune part is empty"));
    assert!(message(&TrainingData { train: &[12], ..good }, &spec, &recipe).contains("image 12 of 12"));
    assert!(
        message(&TrainingData { labels: &toy.labels[1..], ..good }, &spec, &recipe).contains("12 labels")
    );
    assert!(message(&TrainingData { labels: &[3; 12], ..good }, &spec, &recipe).contains("label 3"));
    let wide = ModelSpec { width_px: 9, ..spec.clone() };
    assert!(message(&good, &wide, &recipe).contains("1x8x9"));
    for bad in [
        Recipe { learning_rate: 0.0, ..recipe.clone() },
        Recipe { learning_rate: f64::NAN, ..recipe.clone() },
        Recipe { weight_decay: -1.0, ..recipe.clone() },
        Recipe { label_smoothing: 1.0, ..recipe.clone() },
        Recipe { trunk_rate: 0.0, ..recipe.clone() },
        Recipe { schedule: Schedule::OneCycle { warmup_share: 1.0 }, ..recipe.clone() },
        Recipe { batch_size: 0, ..recipe.clone() },
        Recipe { max_epochs: 0, ..recipe.clone() },
        Recipe { patience: 0, ..recipe },
    ] {
        assert!(message(&good, &spec, &bad).contains("must be"));
    }
}
