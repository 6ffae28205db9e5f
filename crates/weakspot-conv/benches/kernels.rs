//! Micro-benchmarks of the kernels, at convolutions of VGG16 on images of 32 pixels.
//!
//! `cargo bench -p weakspot-conv`; as tests, each once: `cargo test -p weakspot-conv --bench kernels`. For comparisons with
//! others see `bench/run.py`.

use divan::{Bencher, black_box};
use weakspot_conv::{ConvShape, ShapeError, Transposed, forward, input_gradient, pack, weight_gradient};

/// Channels in and out, side; the first layer, a wide one, the one with most operations, the smallest grid.
const SHAPES: [(usize, usize, usize); 4] = [(3, 64, 32), (64, 64, 32), (256, 256, 8), (512, 512, 2)];
const BATCH: usize = 8;

/// One convolution with numbers in it.
struct Case {
    shape: ConvShape,
    weights: Vec<f32>,
    bias: Vec<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

fn case((channels_in, channels_out, side): (usize, usize, usize)) -> Result<Case, ShapeError> {
    let shape = ConvShape::new(channels_in, channels_out, (3, 3), (1, 1), [1; 4], (side, side))?;
    // Any numbers will do that are neither zero nor denormal.
    let numbers = |len: usize| (0..len).map(|i| 0.5 + (i % 7) as f32).collect::<Vec<_>>();
    Ok(Case {
        weights: pack(&shape, &numbers(channels_in * channels_out * 9))?,
        bias: numbers(channels_out),
        input: numbers(BATCH * channels_in * side * side),
        output: numbers(BATCH * channels_out * side * side),
        shape,
    })
}

fn main() {
    divan::main();
}

#[divan::bench(args = SHAPES)]
fn forwards(bencher: Bencher<'_, '_>, shape: (usize, usize, usize)) {
    let Ok(mut case) = case(shape) else { panic!("a shape of VGG16") };
    bencher.bench_local(|| {
        let bias = Some(case.bias.as_slice());
        black_box(forward(&case.shape, BATCH, &case.input, &case.weights, bias, &mut case.output))
    });
}

#[divan::bench(args = SHAPES)]
fn input_gradients(bencher: Bencher<'_, '_>, shape: (usize, usize, usize)) {
    let Ok(mut case) = case(shape) else { panic!("a shape of VGG16") };
    let Ok(transposed) = Transposed::new(&case.shape, &case.weights) else { panic!("weights of the shape") };
    bencher.bench_local(|| {
        let Case { shape, weights, input, output, .. } = &mut case;
        black_box(input_gradient(shape, BATCH, output, weights, &transposed, input))
    });
}

#[divan::bench(args = SHAPES)]
fn weight_gradients(bencher: Bencher<'_, '_>, shape: (usize, usize, usize)) {
    let Ok(mut case) = case(shape) else { panic!("a shape of VGG16") };
    bencher.bench_local(|| {
        let Case { shape, weights, input, output, .. } = &mut case;
        black_box(weight_gradient(shape, BATCH, input, output, weights))
    });
}
