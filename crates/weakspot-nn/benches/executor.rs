//! Micro-benchmarks of whole networks: VGG16 with an eighth of its channels on images of 32 pixels.
//!
//! Run them with `cargo bench -p weakspot-nn`. `cargo test -p weakspot-nn --bench executor` runs each once, as a test.
//! For the full width, and for comparisons with PyTorch, see `bench/run.py`.

use divan::{Bencher, black_box};
use ndarray::Array4;
use weakspot::classifier::{Classifier as _, Place, TraceRequest, Walk};
use weakspot::objective::Objective;
use weakspot::rng;
use weakspot_nn::executor::{Activation, Gradients, Mode};
use weakspot_nn::{Arch, Head, Model, ModelSpec, Width};

const BATCH: usize = 8;

fn model(arch: Arch) -> Model {
    let width = Width::one_in(8).unwrap_or(Width::FULL);
    let spec = ModelSpec::new(arch, Head::Gap, width, [3, 32, 32], 2);
    let Ok(model) = Model::random(spec, 0) else { panic!("a model that can be built") };
    model
}

fn images() -> Array4<f32> {
    let mut stream = rng::stream(0, "bench", "images");
    Array4::from_shape_simple_fn((BATCH, 3, 32, 32), || stream.unit())
}

fn main() {
    divan::main();
}

#[divan::bench(args = [Arch::Vgg16, Arch::Vgg16Bn])]
fn logits(bencher: Bencher<'_, '_>, arch: Arch) {
    let (model, images) = (model(arch), images());
    bencher.bench_local(|| black_box(model.logits(images.view())));
}

/// The pass of a study: logits, the gradient at the maps' layer, the gradient at the input.
#[divan::bench(args = [Arch::Vgg16, Arch::Vgg16Bn])]
fn traced_pass(bencher: Bencher<'_, '_>, arch: Arch) {
    let (model, images) = (model(arch), images());
    let layer = if arch == Arch::Vgg16 { "features.22" } else { "features.32" };
    let labels = [0; BATCH];
    let (logit, loss) = (Objective::ClassLogit.of(&labels), Objective::Loss.of(&labels));
    let to_layer = [Place::Layer(layer)];
    let walks = [Walk { from: &logit, to: &to_layer }, Walk { from: &loss, to: &[Place::Input] }];
    let request = TraceRequest { taps: &[layer], walks: &walks, features: true };
    bencher.bench_local(|| black_box(model.trace(images.view(), &request)));
}

/// Forward, and the gradients to all weights; no step.
#[divan::bench(args = [Arch::Vgg16, Arch::Vgg16Bn])]
fn weight_gradients(bencher: Bencher<'_, '_>, arch: Arch) {
    let (model, images) = (model(arch), images());
    let executor = model.executor();
    let images = Activation::from_nchw(images.view());
    let mut gradients = Gradients::default();
    bencher.bench_local(|| {
        let draws = |layer: &str, i: usize| rng::stream(0, layer, &i.to_string());
        let (output, tape) = executor.forward(images.clone(), Mode::Training(&draws), &[])?;
        executor.weight_gradients(&tape, output, &mut gradients)
    });
}
