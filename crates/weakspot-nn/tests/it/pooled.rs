//! A convolution fused with ReLU and pooling gives the numbers of the three layers one after the other.

use weakspot_nn::executor::{Activation, Gradients, Mode};
use weakspot_nn::{Executor, Layer, Network, Shape, init};

use crate::support::{chain, conv, hashed};

/// Two convolutions, the first with or without a batch norm, and a pooling after each; odd sides. With three channels
/// the first is not fused with its pooling; with four it is.
fn network(channels: usize, norm: bool) -> Network {
    let mut layers = vec![conv(channels, 20)];
    if norm {
        layers.push(Layer::BatchNorm2d { channels: 20, epsilon: 1e-5 });
    }
    layers.extend([
        Layer::Relu,
        Layer::MaxPool2d { size: 2 },
        conv(20, 7),
        Layer::Relu,
        Layer::MaxPool2d { size: 2 },
    ]);
    chain([channels, 11, 9], layers)
}

pub(crate) fn executor(network: &Network) -> Executor<f32> {
    let mut weights = init::weights(network, 0);
    for (seed, (name, tensor)) in weights.0.iter_mut().enumerate() {
        let offset = if name.ends_with("running_var") { 1.5 } else { 0.0 };
        tensor.data = hashed(tensor.data.len(), 40 + seed as u32).into_iter().map(|v| v + offset).collect();
    }
    Executor::new(network.clone(), &weights).unwrap()
}

pub(crate) fn activation(n: usize, shape: Shape, seed: u32) -> Activation<f32> {
    Activation { n, shape, data: hashed(n * shape.len(), seed) }
}

#[test]
fn taps_change_nothing() {
    for (channels, norm) in [(3, false), (3, true), (4, false), (4, true)] {
        let network = network(channels, norm);
        let executor = executor(&network);
        let images = activation(3, network.input(), 5);
        let end = network.layers().len();
        // A tap on a ReLU keeps its pooling apart.
        let relus: Vec<usize> = (0..end).filter(|&p| network.layers()[p].layer == Layer::Relu).collect();
        let (together, tape) = executor.forward(images.clone(), Mode::Gradient, &[]).unwrap();
        let (apart, tapped) = executor.forward(images, Mode::Gradient, &relus).unwrap();
        assert_eq!(together, apart);
        let gradient = activation(3, together.shape, 6);
        // To the input, below the batch norm, to the second convolution's input, and to the outputs of both
        // convolutions.
        for to in [0, relus[0] - 1, relus[0] + 2, relus[0], relus[1]] {
            let back = executor.backward(&tape, gradient.clone(), end, to).unwrap();
            assert_eq!(back, executor.backward(&tapped, gradient.clone(), end, to).unwrap(), "to {to}");
        }
        let between = relus[1] + 1;
        assert!(executor.backward(&tapped, gradient.clone(), end, between).is_ok());
        let refused = executor.backward(&tape, gradient, end, between).unwrap_err().to_string();
        assert!(refused.contains("tap"), "{refused}");
    }
}

#[test]
fn a_frozen_network_computes_the_same_and_no_longer_learns() {
    for (channels, norm) in [(3, false), (3, true), (4, false), (4, true)] {
        let network = network(channels, norm);
        let (free, mut frozen) = (executor(&network), executor(&network));
        frozen.freeze().unwrap();
        frozen.freeze().unwrap();
        let images = activation(3, network.input(), 5);
        let end = network.layers().len();
        // Also where a tap parts a convolution from its batch norm.
        for taps in [&[][..], &[0, 1, 4]] {
            let (expected, tape) = free.forward(images.clone(), Mode::Gradient, taps).unwrap();
            let (output, frozen_tape) = frozen.forward(images.clone(), Mode::Gradient, taps).unwrap();
            assert_eq!(output, expected);
            assert_eq!(frozen_tape.taps, tape.taps);
            let gradient = activation(3, output.shape, 6);
            let back = frozen.backward(&frozen_tape, gradient.clone(), end, 0).unwrap();
            assert_eq!(back, free.backward(&tape, gradient, end, 0).unwrap());
        }
        assert!(free.weights().is_ok());
        let refused = frozen.weights().unwrap_err().to_string();
        assert!(refused.contains("frozen"), "{refused}");
    }
}

#[test]
fn weights_learn_the_same() {
    let network = network(4, false);
    let executor = executor(&network);
    let images = activation(3, network.input(), 5);
    let draws = |layer: &str, image: usize| weakspot::rng::stream(3, layer, &image.to_string());
    let mode = Mode::Training(&draws);
    let learned = |taps: &[usize]| {
        let (output, tape) = executor.forward(images.clone(), mode, taps).unwrap();
        let mut gradients = Gradients::default();
        let gradient = activation(3, output.shape, 6);
        executor.weight_gradients(&tape, gradient, &mut gradients).unwrap();
        format!("{gradients:?}")
    };
    assert_eq!(learned(&[]), learned(&[1, 4]));
}
