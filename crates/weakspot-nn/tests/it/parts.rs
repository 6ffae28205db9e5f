//! A batch whose first layers are run some images at a time gives the bytes of its images alone.

use weakspot_nn::executor::{Gradients, Mode};
use weakspot_nn::{Layer, Network};

use crate::pooled::{activation, executor};
use crate::support::{chain, conv};

/// Two blocks with large activations, of 2.6 MB an image, and one with small ones.
fn network() -> Network {
    chain(
        [3, 80, 81],
        vec![
            conv(3, 100),
            Layer::BatchNorm2d { channels: 100, epsilon: 1e-5 },
            Layer::Relu,
            conv(100, 80),
            Layer::Relu,
            Layer::MaxPool2d { size: 2 },
            conv(80, 100),
            Layer::Relu,
            Layer::MaxPool2d { size: 4 },
            conv(100, 5),
            Layer::Relu,
        ],
    )
}

/// With so many threads: the parts are of one image with one thread, and of three with two.
fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn parts_change_nothing() {
    let network = network();
    let executor = executor(&network);
    let n = 5;
    let images = activation(n, network.input(), 5);
    let end = network.layers().len();
    // In the first layers, where a batch is cut, and in the last.
    let taps = [2, 5, 8, 10];
    let places = [0, 1, 3, 4, 6, 9, 10];
    let alone = |i: usize| {
        let len = network.input().len();
        let mut image = activation(0, network.input(), 5);
        (image.n, image.data) = (1, images.data[i * len..][..len].to_vec());
        let (output, tape) = executor.forward(image, Mode::Gradient, &taps).unwrap();
        let walks = places.map(|to| {
            executor.backward(&tape, activation(1, output.shape, 50 + i as u32), end, to).unwrap().data
        });
        (output.data, tape.taps.into_iter().map(|tap| tap.data).collect::<Vec<_>>(), walks)
    };
    let alone: Vec<_> = (0..n).map(alone).collect();
    for threads in [1, 2] {
        with_threads(threads, || {
            let (output, tape) = executor.forward(images.clone(), Mode::Gradient, &taps).unwrap();
            let together: Vec<f32> = alone.iter().flat_map(|(output, ..)| output.clone()).collect();
            assert_eq!(output.data, together);
            let (inference, _) = executor.forward(images.clone(), Mode::Inference, &[]).unwrap();
            assert_eq!(inference.data, together);
            for (t, tap) in tape.taps.iter().enumerate() {
                let expected: Vec<f32> = alone.iter().flat_map(|(_, taps, _)| taps[t].clone()).collect();
                assert!(tap.data == expected, "tap {t}");
            }
            let mut gradient = activation(n, output.shape, 0);
            let len = output.shape.len();
            for (i, to) in gradient.data.chunks_exact_mut(len).enumerate() {
                to.copy_from_slice(&activation(1, output.shape, 50 + i as u32).data);
            }
            for (p, &to) in places.iter().enumerate() {
                let back = executor.backward(&tape, gradient.clone(), end, to).unwrap();
                let expected: Vec<f32> = alone.iter().flat_map(|(.., walks)| walks[p].clone()).collect();
                assert!(back.data == expected, "back to {to}, {threads} threads");
            }
            // From a layer that is run in parts.
            let below = executor.backward(&tape, gradient.clone(), end, 3).unwrap();
            let at_once = executor.backward(&tape, gradient.clone(), end, 1).unwrap();
            assert!(executor.backward(&tape, below, 3, 1).unwrap() == at_once);
            let refused = executor.weight_gradients(&tape, gradient, &mut Gradients::default()).unwrap_err();
            assert!(refused.to_string().contains("training"), "{refused}");
        });
    }
}

#[test]
fn a_tap_on_no_layer_is_refused() {
    let network = network();
    let executor = executor(&network);
    let images = activation(1, network.input(), 5);
    assert!(executor.forward(images, Mode::Inference, &[11]).is_err());
}
