//! A run, a journal, weights and a training's state, as small as they can be: what inputs are made from.

use std::path::Path;

use ndarray::Array4;
use weakspot::attack::Epsilon;
use weakspot::classifier::{Classifier, InputSpec};
use weakspot::dataset::{Dataset, Origin, Provenance, Splits};
use weakspot::image::Pixels;
use weakspot::progress::Silent;
use weakspot::record::ClassifierRecord;
use weakspot::record::Run;
use weakspot::rng;
use weakspot::study::{FileJournal, Journal, NoJournal, Plan, Subject, fingerprint, run};
use weakspot::testing::ConvGap;
use weakspot_nn::{
    Arch, Head, Model, ModelSpec, Recipe, Resume, TrainingData, Weights, Width, checkpoint, init, models,
    train,
};

use crate::place;

/// Height and width of the images: small, but with more shifts than a study has controls.
const SIDE: usize = 8;

/// Images: half of them are used for training or viewed, half are scored.
const IMAGES: usize = 12;

fn model() -> ConvGap {
    ConvGap::random(5, 2, 2, 1, InputSpec { channels: 1, height: SIDE, width: SIDE })
}

/// Random images, labelled as the model classifies them.
fn data(model: &ConvGap) -> Dataset {
    let mut draw = rng::stream(1, "fuzz", "");
    let pixels = Array4::from_shape_simple_fn((IMAGES, 1, SIDE, SIDE), || draw.below(256) as u8);
    let logits = model.logits(pixels.mapv(|v| f32::from(v) / 255.0).view()).expect("logits");
    let gaps: Vec<f32> = logits.outer_iter().map(|z| z[1] - z[0]).collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f32::total_cmp);
    let labels: Vec<usize> = gaps.iter().map(|&gap| usize::from(gap >= sorted[IMAGES / 2])).collect();
    let pixels = Pixels::U8(pixels);
    let class_names = vec!["zero".to_owned(), "one".to_owned()];
    Dataset {
        name: "fuzz".to_owned(),
        checksum: Dataset::checksum_of(&pixels, Some(&labels), &class_names),
        class_names,
        pixels,
        labels,
        ids: (0..IMAGES).map(|i| format!("img/{i:02}")).collect(),
        origins: vec![Origin::Whole; IMAGES],
        truth: None,
        provenance: Provenance::default(),
    }
}

/// A study with every protocol, its sweep and its controls, with a journal where one is given.
fn study(journal: Option<&Path>) -> weakspot::Result<Run> {
    let model = model();
    let data = data(&model);
    let (fit, eval) = (0..IMAGES).partition(|i| i % 2 == 0);
    let splits = Splits { fit, eval, ..Splits::default() };
    let classifier_record = ClassifierRecord {
        arch: "conv-gap".to_owned(),
        head: "gap".to_owned(),
        width: "1".to_owned(),
        n_classes: 2,
        origin: "fuzz".to_owned(),
        recipe: String::new(),
        convolutions: "direct".to_owned(),
        tune_accuracy: None,
        training_seed: None,
        seen: None,
        outputs: None,
        layer: String::new(),
        grid: [0, 0],
    };
    let subject = Subject {
        classifier: &model,
        data: &data,
        splits: &splits,
        classifier_record,
        weights_checksum: "none".to_owned(),
    };
    let mut plan = Plan::new(Epsilon::new(0.05)?, 3)?;
    plan.permutations = 19;
    let mut none = NoJournal;
    let mut file;
    let journal: &mut dyn Journal = match journal {
        Some(path) => {
            file = FileJournal::open(path, &fingerprint(&plan, &subject))?;
            &mut file
        }
        None => &mut none,
    };
    run(&plan, &subject, IMAGES, journal, &Silent)
}

/// A finished study.
///
/// # Panics
/// Never, unless studies are broken.
#[must_use]
pub fn small_run() -> Run {
    study(None).expect("a small study")
}

/// The journal of the same study.
///
/// # Panics
/// As [`small_run`].
#[must_use]
pub fn small_journal() -> Vec<u8> {
    let path = place::file("small-journal", b"");
    study(Some(&path)).expect("a small study");
    std::fs::read(path).expect("its journal")
}

/// The same study, with a journal that may hold anything.
pub(crate) fn resumed(journal: &[u8]) -> weakspot::Result<Run> {
    study(Some(&place::file("resumed-journal", journal)))
}

/// The smallest network: VGG16 with a 64th of its channels.
pub(crate) fn spec() -> ModelSpec {
    let width = Width::one_in(64).expect("a known width");
    ModelSpec::new(Arch::Vgg16, Head::Gap, width, [1, 8, 8], 2)
}

/// Weights of the smallest network, as a checkpoint.
///
/// # Panics
/// Never, unless checkpoints are broken.
#[must_use]
pub fn small_weights() -> Vec<u8> {
    let path = place::file("small.safetensors", b"");
    let spec = spec();
    let model = Model::new(spec.clone(), &initial(&spec)).expect("a model");
    checkpoint::save(&path, &model, &checkpoint::Description::of(spec)).expect("a checkpoint");
    std::fs::read(path).expect("its file")
}

fn initial(spec: &ModelSpec) -> Weights {
    init::weights(&models::network(spec).expect("a network"), 0)
}

/// The key of the state that [`trained`] keeps.
pub(crate) const KEY: &str = "fuzz";

/// Trains the smallest network for two epochs, or continues from the state in the file.
pub(crate) fn trained(state: &Path) -> weakspot::Result<()> {
    let pixels = Pixels::U8(Array4::from_shape_fn((4, 1, 8, 8), |(i, _, y, x)| (60 * i + 8 * y + x) as u8));
    let ids = [0, 1, 2, 3].map(|i| i.to_string());
    let data =
        TrainingData { pixels: &pixels, labels: &[0, 1, 0, 1], ids: &ids, train: &[0, 1], tune: &[2, 3] };
    let spec = spec();
    let recipe = Recipe { max_epochs: 2, ..Recipe::for_model(&spec, 0) };
    train(&spec, &data, &recipe, Some(Resume { path: state, key: KEY }), &Silent).map(|_| ())
}

/// The state that this training keeps.
///
/// # Panics
/// Never, unless training is broken.
#[must_use]
pub fn small_training() -> Vec<u8> {
    let path = place::file("small.training", b"");
    trained(&path).expect("two epochs");
    std::fs::read(path).expect("its state")
}
