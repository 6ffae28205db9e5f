//! Every layer's walk back against central differences of its forward pass, in double precision.

use weakspot::rng;
use weakspot_nn::executor::{Activation, Gradients, Mode};
use weakspot_nn::{Executor, Layer, Network, init};

use crate::support::{chain, conv, f64s, hashed};

fn draws(layer: &str, image: usize) -> rng::Stream {
    rng::stream(3, layer, &image.to_string())
}

/// An executor whose every tensor is random: batch norms start as the identity otherwise.
fn executor(network: &Network) -> Executor<f64> {
    let mut weights = init::weights(network, 0);
    for (seed, (name, tensor)) in weights.0.iter_mut().enumerate() {
        let offset = if name.ends_with("running_var") { 1.5 } else { 0.0 };
        tensor.data = hashed(tensor.data.len(), 90 + seed as u32).into_iter().map(|v| v + offset).collect();
    }
    Executor::new(network.clone(), &weights).unwrap()
}

fn input(network: &Network, n: usize) -> Activation<f64> {
    let data = f64s(&hashed(n * network.input().len(), 5));
    Activation { n, shape: network.input(), data }
}

/// The scalar whose gradient is taken: a fixed combination of the outputs.
fn combination(output: &Activation<f64>) -> (f64, Activation<f64>) {
    let weights = f64s(&hashed(output.data.len(), 6));
    let value = output.data.iter().zip(&weights).map(|(a, b)| a * b).sum();
    (value, Activation { data: weights, ..*output })
}

/// Step of the differences: the error is about its square plus 1e-16 over it.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-8;

fn check_input(network: &Network, mode: Mode<'_>) {
    let executor = executor(network);
    let x = input(network, 3);
    let value = |x: Activation<f64>| combination(&executor.forward(x, mode, &[]).unwrap().0).0;
    let (output, tape) = executor.forward(x.clone(), mode, &[]).unwrap();
    let gradient = executor.backward(&tape, combination(&output).1, network.layers().len(), 0).unwrap();
    for i in 0..x.data.len() {
        let moved = |by: f64| {
            let mut moved = x.clone();
            moved.data[i] += by;
            value(moved)
        };
        let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let (g, layers) = (gradient.data[i], network.layers());
        assert!((g - difference).abs() < TOLERANCE, "{layers:?} at {i}: {g} instead of {difference}");
    }
}

/// Gradients to the weights, along a random direction per tensor and element by element along the first few.
fn check_weights(network: &Network) {
    let x = input(network, 3);
    let mode = Mode::Training(&draws);
    let reference = executor(network);
    let (output, tape) = reference.forward(x.clone(), mode, &[]).unwrap();
    let mut gradients = Gradients::default();
    reference.weight_gradients(&tape, combination(&output).1, &mut gradients).unwrap();
    let mut tensors = Vec::new();
    let mut updated = executor(network);
    updated
        .update(&tape, &gradients, |number, _, weights, gradient| {
            assert_eq!(number, tensors.len());
            assert_eq!(weights.len(), gradient.len());
            tensors.push(gradient.to_vec());
        })
        .unwrap();
    assert!(!tensors.is_empty());
    for (tensor, gradient) in tensors.iter().enumerate() {
        let unit = |k: usize| (0..gradient.len()).map(|i| f64::from(u8::from(i == k))).collect();
        let mut directions: Vec<Vec<f64>> = (0..gradient.len().min(5)).map(unit).collect();
        directions.push(f64s(&hashed(gradient.len(), 8)));
        for direction in directions {
            let value = |by: f64| {
                let mut moved = executor(network);
                moved
                    .update(&tape, &gradients, |number, _, weights, _| {
                        if number == tensor {
                            weights.iter_mut().zip(&direction).for_each(|(w, d)| *w += by * d);
                        }
                    })
                    .unwrap();
                combination(&moved.forward(x.clone(), mode, &[]).unwrap().0).0
            };
            let difference = (value(STEP) - value(-STEP)) / (2.0 * STEP);
            let along: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            assert!((along - difference).abs() < TOLERANCE * 10.0, "tensor {tensor}: {along} {difference}");
        }
    }
}

#[test]
fn every_layers_gradient_to_its_input_is_the_finite_difference() {
    let strided = Layer::Conv2d {
        channels_in: 2,
        channels_out: 3,
        kernel: (2, 3),
        stride: (2, 1),
        padding: [1, 2, 0, 1],
    };
    let cases = [
        ([2, 3, 4], Layer::Normalize { mean: vec![0.5, 0.25], std: vec![0.25, 0.5] }),
        ([2, 3, 4], Layer::ZeroPad2d { padding: [1, 2, 3, 0] }),
        ([2, 5, 4], conv(2, 3)),
        ([2, 5, 4], strided),
        ([3, 2, 2], Layer::BatchNorm2d { channels: 3, epsilon: 1e-5 }),
        ([2, 3, 4], Layer::Relu),
        ([2, 5, 7], Layer::MaxPool2d { size: 2 }),
        ([2, 7, 6], Layer::MaxPool2d { size: 3 }),
        ([2, 5, 3], Layer::AdaptiveAvgPool2d { size: (7, 2) }),
        ([2, 5, 3], Layer::AdaptiveAvgPool2d { size: (1, 1) }),
        ([2, 3, 2], Layer::Flatten),
        ([5, 1, 1], Layer::Linear { features_in: 5, features_out: 4 }),
        ([2, 3, 4], Layer::Dropout { p: 0.5 }),
    ];
    for (shape, layer) in cases {
        let network = chain(shape, vec![layer]);
        check_input(&network, Mode::Gradient);
        check_input(&network, Mode::Training(&draws));
    }
}

#[test]
fn a_chain_of_all_layers_has_the_finite_differences_gradients() {
    let network = chain(
        [2, 6, 5],
        vec![
            Layer::Normalize { mean: vec![0.5, 0.25], std: vec![0.25, 0.5] },
            Layer::ZeroPad2d { padding: [1, 0, 0, 2] },
            conv(2, 3),
            Layer::BatchNorm2d { channels: 3, epsilon: 1e-5 },
            Layer::Relu,
            Layer::MaxPool2d { size: 2 },
            conv(3, 4),
            Layer::Relu,
            Layer::AdaptiveAvgPool2d { size: (2, 2) },
            Layer::Flatten,
            Layer::Linear { features_in: 16, features_out: 6 },
            Layer::Relu,
            Layer::Dropout { p: 0.25 },
            Layer::Linear { features_in: 6, features_out: 2 },
        ],
    );
    check_input(&network, Mode::Gradient);
    check_input(&network, Mode::Training(&draws));
    check_weights(&network);
}

#[test]
fn nan_passes_relu_and_max_pool_and_a_zero_stops_the_gradient() {
    let network = chain([1, 1, 4], vec![Layer::Relu]);
    let executor = executor(&network);
    let x = Activation { n: 1, shape: network.input(), data: vec![f64::NAN, 0.0, -1.0, 2.0] };
    let (y, tape) = executor.forward(x, Mode::Gradient, &[]).unwrap();
    assert!(y.data[0].is_nan());
    assert_eq!(y.data[1..], [0.0, 0.0, 2.0]);
    let ones = Activation { n: 1, shape: network.input(), data: vec![1.0; 4] };
    // PyTorch: the gradient passes where the output is not at most 0, so at a NaN too.
    assert_eq!(executor.backward(&tape, ones, 1, 0).unwrap().data, [1.0, 0.0, 0.0, 1.0]);

    let network = chain([1, 2, 2], vec![Layer::MaxPool2d { size: 2 }]);
    let executor = Executor::<f64>::new(network.clone(), &init::weights(&network, 0)).unwrap();
    let x = Activation { n: 1, shape: network.input(), data: vec![3.0, f64::NAN, 5.0, 4.0] };
    assert!(executor.forward(x, Mode::Inference, &[]).unwrap().0.data[0].is_nan());
}
