//! Agreement with PyTorch; `reference/vgg.py` made the numbers.

use serde::Deserialize;
use weakspot::classifier::{Classifier as _, Place, TraceRequest, Walk};
use weakspot::objective::Objective;
use weakspot_nn::executor::{Activation, Mode};
use weakspot_nn::{Executor, Layer, Model, Network, Shape, Tensor, Weights, models};

use crate::support::{activation, chain, f64s, hashed, images, made_up_weights, nchw, spec, worst};

#[derive(Deserialize)]
struct Layers {
    layers: Vec<LayerCase>,
    running: Vec<f64>,
}

#[derive(Deserialize)]
struct LayerCase {
    name: String,
    input: [usize; 4],
    seed: u32,
    integers: bool,
    output: Vec<f64>,
    gradient: Vec<f64>,
}

/// The layers of a case, and its tensors in their order.
fn layers_of(name: &str) -> (Vec<Layer>, Vec<Vec<f32>>) {
    let conv =
        |stride| Layer::Conv2d { channels_in: 3, channels_out: 4, kernel: (3, 3), stride, padding: [1; 4] };
    let conv_tensors = || vec![hashed(108, 50), hashed(4, 51)];
    let variance = hashed(3, 57).into_iter().map(|v| v + 1.5).collect();
    let norm_tensors = || vec![hashed(3, 54), hashed(3, 55), hashed(3, 56), variance];
    let norm = Layer::BatchNorm2d { channels: 3, epsilon: 1e-5 };
    match name {
        "relu" => (vec![Layer::Relu], vec![]),
        "max_pool_ties" | "max_pool_odd" => (vec![Layer::MaxPool2d { size: 2 }], vec![]),
        "max_pool_3" => (vec![Layer::MaxPool2d { size: 3 }], vec![]),
        "adaptive_9x8_to_4x3" => (vec![Layer::AdaptiveAvgPool2d { size: (4, 3) }], vec![]),
        "adaptive_5x3_to_7x7" | "adaptive_1x1_to_7x7" => {
            (vec![Layer::AdaptiveAvgPool2d { size: (7, 7) }], vec![])
        }
        "conv" => (vec![conv((1, 1))], conv_tensors()),
        "conv_stride" => (vec![conv((2, 3))], conv_tensors()),
        "linear" => (
            vec![Layer::Flatten, Layer::Linear { features_in: 12, features_out: 5 }],
            vec![hashed(60, 52), hashed(5, 53)],
        ),
        "batch_norm" | "batch_norm_training" => (vec![norm], norm_tensors()),
        other => panic!("the reference has a case this test does not know: {other}"),
    }
}

#[test]
fn layers_agree_with_pytorch() {
    let reference: Layers =
        serde_json::from_str(include_str!("../../../../reference/vgg_layers.json")).unwrap();
    let draws = |_: &str, _: usize| unreachable!("no dropout here");
    for case in &reference.layers {
        let (layers, tensors) = layers_of(&case.name);
        let [n, channels, height, width] = case.input;
        let network = chain([channels, height, width], layers);
        let with_data = network.parameters().into_iter().zip(tensors);
        let weights = Weights(with_data.map(|(p, data)| (p.name, Tensor { shape: p.shape, data })).collect());
        let mut executor = Executor::<f64>::new(network.clone(), &weights).unwrap();
        let mut x = f64s(&hashed(n * network.input().len(), case.seed));
        if case.integers {
            for v in &mut x {
                *v = (*v * 2.0).floor();
            }
        }
        let trains = case.name == "batch_norm_training";
        let mode = if trains { Mode::Training(&draws) } else { Mode::Gradient };
        let (y, tape) = executor.forward(activation(n, network.input(), &x), mode, &[]).unwrap();
        assert!(worst(&nchw(&y), &case.output) < 1e-12, "{}", case.name);
        let cotangent = activation(n, y.shape, &f64s(&hashed(y.data.len(), case.seed + 1)));
        let end = network.layers().len();
        let gradient = executor.backward(&tape, cotangent.clone(), end, 0).unwrap();
        assert!(worst(&nchw(&gradient), &case.gradient) < 1e-12, "{}", case.name);
        if trains {
            let mut gradients = weakspot_nn::executor::Gradients::default();
            executor.weight_gradients(&tape, cotangent, &mut gradients).unwrap();
            executor.update(&tape, &gradients, |_, _, _, _| {}).unwrap();
            let after = executor.weights().unwrap();
            let running = [&after.0["0.running_mean"], &after.0["0.running_var"]];
            let running: Vec<f64> = running.iter().flat_map(|t| f64s(&t.data)).collect();
            // Weights come out in single precision.
            assert!(worst(&running, &reference.running) < 1e-7);
        }
    }
}

#[derive(Deserialize)]
struct NetworkCase {
    arch: String,
    head: String,
    image: [usize; 3],
    outputs: usize,
    tap: String,
    logits: Vec<f64>,
    grad_cam: Vec<f64>,
    input_gradient_norm: f64,
    input_gradient: Vec<f64>,
}

/// `ReLU(sum over channels of (mean gradient) * activation)`, image by image.
fn grad_cam(activations: &[f64], gradient: &[f64], shape: Shape) -> Vec<f64> {
    let pixels = shape.height * shape.width;
    let images = activations.chunks(shape.len()).zip(gradient.chunks(shape.len()));
    images
        .flat_map(|(a, g)| {
            let weights: Vec<f64> = g.chunks(pixels).map(|g| g.iter().sum::<f64>() / pixels as f64).collect();
            (0..pixels).map(move |p| {
                let sum: f64 = weights.iter().enumerate().map(|(c, w)| w * a[c * pixels + p]).sum();
                if sum > 0.0 { sum } else { 0.0 }
            })
        })
        .collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The specification of a case, its labels and its network.
fn specification(case: &NetworkCase) -> (weakspot_nn::ModelSpec, [usize; 2], Network) {
    let mut spec = spec(case.arch.parse().unwrap(), case.head.parse().unwrap(), case.image, case.outputs);
    spec.mean = vec![0.5, 0.25, 0.125][..case.image[0]].to_vec();
    spec.std = vec![0.25, 0.5, 0.375][..case.image[0]].to_vec();
    let network = models::network(&spec).unwrap();
    (spec, [0, case.outputs - 1], network)
}

#[test]
fn networks_agree_with_torchvision_in_double_precision() {
    let cases: Vec<NetworkCase> =
        serde_json::from_str(include_str!("../../../../reference/vgg.json")).unwrap();
    assert_eq!(cases.len(), 6);
    for case in &cases {
        let (_, labels, network) = specification(case);
        let executor = Executor::<f64>::new(network.clone(), &made_up_weights(&network)).unwrap();
        let x = Activation::from_nchw(images(2, case.image, 7).view());
        let tap = network.position(&case.tap).unwrap();
        let (logits, tape) = executor.forward(x, Mode::Gradient, &[tap]).unwrap();
        let what = format!("{} {} {:?}", case.arch, case.head, case.image);
        assert!(worst(&logits.data, &case.logits) < 1e-9, "{what}");
        let k = case.outputs;
        let mut cotangents = [Activation::zeros(2, logits.shape), Activation::zeros(2, logits.shape)];
        for (i, &label) in labels.iter().enumerate() {
            let z = &logits.data[i * k..][..k];
            let total: f64 = z.iter().map(|z| z.exp()).sum();
            for (j, &z) in z.iter().enumerate() {
                let one = f64::from(u8::from(j == label));
                cotangents[0].data[i * k + j] = one;
                cotangents[1].data[i * k + j] = if k == 2 { 1.0 - 2.0 * one } else { z.exp() / total - one };
            }
        }
        let [logit, loss] = cotangents;
        let end = network.layers().len();
        let at_layer = executor.backward(&tape, logit, end, tap + 1).unwrap();
        let cam = grad_cam(&nchw(&tape.taps[0]), &nchw(&at_layer), at_layer.shape);
        assert!(worst(&cam, &case.grad_cam) < 1e-9, "{what}");
        let gradient = nchw(&executor.backward(&tape, loss, end, 0).unwrap());
        assert!((norm(&gradient) / case.input_gradient_norm - 1.0).abs() < 1e-9, "{what}");
        let sample: Vec<f64> = gradient.iter().step_by(41).copied().collect();
        assert!(worst(&sample, &case.input_gradient) < 1e-9, "{what}");
    }
}

#[test]
fn models_agree_with_torchvision_in_single_precision() {
    let cases: Vec<NetworkCase> =
        serde_json::from_str(include_str!("../../../../reference/vgg.json")).unwrap();
    for case in &cases {
        let (spec, labels, network) = specification(case);
        let model = Model::new(spec, &made_up_weights(&network)).unwrap();
        let (logit, loss) = (Objective::ClassLogit.of(&labels), Objective::Loss.of(&labels));
        let to_layer = [Place::Layer(&case.tap)];
        let walks = [Walk { from: &logit, to: &to_layer }, Walk { from: &loss, to: &[Place::Input] }];
        let request = TraceRequest { taps: &[&case.tap], walks: &walks, features: false };
        let trace = model.trace(images(2, case.image, 7).view(), &request).unwrap();
        let what = format!("{} {} {:?}", case.arch, case.head, case.image);
        let flat = |a: ndarray::ArrayD<f32>| f64s(a.as_standard_layout().as_slice().unwrap());
        assert!(worst(&flat(trace.logits.clone().into_dyn()), &case.logits) < 1e-5, "{what}");
        let activations = trace.taps[0].clone();
        let (_, channels, height, width) = activations.dim();
        let shape = Shape { channels, height, width };
        let gradient = flat(trace.walks[0][0].clone().into_dyn());
        let cam = grad_cam(&flat(activations.into_dyn()), &gradient, shape);
        // Rounding may flip a ReLU or a maximum somewhere in the trunk, and with it a few input gradients.
        assert!(worst(&cam, &case.grad_cam) < 1e-3, "{what}");
        let mut gradient = flat(trace.walks[1][0].clone().into_dyn());
        if trace.logits.ncols() > 2 {
            // Ours is the cross-entropy's over 1 - p_y.
            let values = gradient.len() / labels.len();
            for ((image, z), &label) in
                gradient.chunks_exact_mut(values).zip(trace.logits.outer_iter()).zip(&labels)
            {
                let exp: Vec<f64> = z.iter().map(|&z| f64::from(z).exp()).collect();
                let doubt = 1.0 - exp[label] / exp.iter().sum::<f64>();
                for g in image {
                    *g *= doubt;
                }
            }
        }
        assert!((norm(&gradient) / case.input_gradient_norm - 1.0).abs() < 5e-2, "{what}");
        let largest = case.input_gradient.iter().fold(0.0, |m: f64, e| m.max(e.abs()));
        let sample: Vec<f64> = gradient.iter().step_by(41).copied().collect();
        let off = |sample: &[f64]| {
            let pairs = sample.iter().zip(&case.input_gradient);
            pairs.filter(|(got, want)| (*got - *want).abs() > 1e-4 * largest).count()
        };
        // None is off here. One in twenty leaves room for a ReLU that another processor's rounding flips.
        assert!(20 * off(&sample) <= sample.len(), "{what}: {} of {}", off(&sample), sample.len());
        // A sample of which half is wrong must not pass.
        let half: Vec<f64> =
            sample.iter().enumerate().map(|(i, g)| if i % 2 == 0 { *g } else { -g }).collect();
        assert!(20 * off(&half) > half.len(), "{what}: half of the gradient turned round goes unnoticed");
    }
}
