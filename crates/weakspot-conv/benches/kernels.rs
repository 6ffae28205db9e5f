//! Micro-benchmarks of the kernels, at convolutions of VGG16 on images of 32 pixels, fast and direct.
//!
//! Run them with `cargo bench -p weakspot-conv`. `cargo test -p weakspot-conv --bench kernels` runs each once, as a
//! test. For comparisons with PyTorch, see `bench/run.py`.

use divan::{Bencher, black_box};
use weakspot_conv::{Activation, ConvShape, Convolution, Method, ShapeError};

/// Channels in and out, side; the first layer, a wide one, the one with most operations, the smallest grid.
const SHAPES: [(usize, usize, usize); 4] = [(3, 64, 32), (64, 64, 32), (256, 256, 8), (512, 512, 2)];
const METHODS: [Method; 2] = [Method::Fast, Method::Direct];
const BATCH: usize = 8;

/// One convolution with numbers in it.
struct Case {
    conv: Convolution<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

fn case(
    (channels_in, channels_out, side): (usize, usize, usize),
    method: Method,
) -> Result<Case, ShapeError> {
    let shape = ConvShape::new(channels_in, channels_out, (3, 3), (1, 1), [1; 4], (side, side))?;
    // Any numbers will do that are neither zero nor denormal.
    let numbers = |len: usize| (0..len).map(|i| 0.5 + (i % 7) as f32).collect::<Vec<_>>();
    let weights = numbers(channels_in * channels_out * 9);
    Ok(Case {
        conv: Convolution::new(shape, &weights, numbers(channels_out), method)?,
        input: numbers(BATCH * channels_in * side * side),
        output: numbers(BATCH * channels_out * side * side),
    })
}

fn main() {
    divan::main();
}

/// A shape and a method, which print themselves.
struct Named((usize, usize, usize), Method);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self((ci, co, side), method) = self;
        write!(f, "{ci} to {co} at {side}, {method:?}")
    }
}

fn names() -> impl Iterator<Item = Named> {
    METHODS.into_iter().flat_map(|method| SHAPES.into_iter().map(move |shape| Named(shape, method)))
}

#[divan::bench(args = names())]
fn forward(bencher: Bencher<'_, '_>, Named(shape, method): &Named) {
    let Ok(mut case) = case(*shape, *method) else { panic!("a shape of VGG16") };
    bencher
        .bench_local(|| black_box(case.conv.forward(BATCH, &case.input, Activation::Relu, &mut case.output)));
}

#[divan::bench(args = names())]
fn input_gradient(bencher: Bencher<'_, '_>, Named(shape, method): &Named) {
    let Ok(mut case) = case(*shape, *method) else { panic!("a shape of VGG16") };
    bencher.bench_local(|| black_box(case.conv.input_gradient(BATCH, &case.output, None, &mut case.input)));
}

#[divan::bench(args = names())]
fn weight_gradient(bencher: Bencher<'_, '_>, Named(shape, method): &Named) {
    let Ok(case) = case(*shape, *method) else { panic!("a shape of VGG16") };
    let Ok(mut weights) = case.conv.weights() else { panic!("a convolution that is not frozen") };
    let mut bias = case.conv.bias().to_vec();
    bencher.bench_local(|| {
        black_box(case.conv.weight_gradient(BATCH, &case.input, &case.output, &mut weights, &mut bias))
    });
}
