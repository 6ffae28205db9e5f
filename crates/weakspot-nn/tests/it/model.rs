//! The contract of `Classifier`, kept by `Model`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::ArrayView4;
use ndarray::{Array2, Axis, s};
use weakspot::classifier::{Classifier as _, InputSpec, Place, Trace, TraceRequest, Walk};
use weakspot::objective::Objective;
use weakspot::{ErrorKind, rng};
use weakspot_nn::executor::{Executor, Mode};
use weakspot_nn::{Arch, Head, Layer, Model, ModelSpec, Passes, Tensor, Weights, Width, models};

use crate::support::{activation, chain, images, made_up_weights, spec};

fn model(arch: Arch, head: Head, image: [usize; 3], n_outputs: usize) -> Model {
    let spec = spec(arch, head, image, n_outputs);
    let weights = made_up_weights(&models::network(&spec).unwrap());
    Model::new(spec, &weights).unwrap()
}

/// A layer's output, the class logit's gradient there, the loss's and the class logit's at the input, the features.
fn everything(model: &Model, images: ArrayView4<'_, f32>, labels: &[usize], layer: &str) -> Trace {
    try_everything(model, images, labels, layer).unwrap()
}

fn try_everything(
    model: &Model,
    images: ArrayView4<'_, f32>,
    labels: &[usize],
    layer: &str,
) -> weakspot::Result<Trace> {
    let (logit, loss) = (Objective::ClassLogit.of(labels), Objective::Loss.of(labels));
    let walks = [
        Walk { from: &logit, to: &[Place::Layer(layer)] },
        Walk { from: &loss, to: &[Place::Input] },
        Walk { from: &logit, to: &[Place::Input] },
    ];
    model.trace(images, &TraceRequest { taps: &[layer], walks: &walks, features: true })
}

/// What a trace says of image `i`, as bits.
fn bits(trace: &Trace, i: usize) -> Vec<u32> {
    let mut values: Vec<f32> = trace.logits.row(i).to_vec();
    values.extend(trace.features.as_ref().unwrap().row(i));
    for array in trace.taps.iter().chain(trace.walks.iter().flatten()) {
        values.extend(array.index_axis(Axis(0), i));
    }
    values.into_iter().map(f32::to_bits).collect()
}

#[test]
fn an_image_does_not_see_its_batch() {
    for (arch, head, image) in [
        (Arch::Vgg16, Head::Gap, [1, 28, 28]),
        (Arch::Vgg16, Head::Linear3, [3, 32, 32]),
        (Arch::Vgg16Bn, Head::Gap, [3, 33, 40]),
    ] {
        let model = model(arch, head, image, 3);
        let all = images(9, image, 1);
        let labels: Vec<usize> = (0..9).map(|i| i % 3).collect();
        let run = |from: usize, to: usize, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let layer = "features.18";
            let part = all.slice(s![from..to, .., .., ..]);
            pool.install(|| everything(&model, part, &labels[from..to], layer))
        };
        let together = run(0, 9, 2);
        for (from, to, threads) in [(0, 1, 1), (3, 4, 2), (2, 9, 1), (0, 9, 3), (8, 9, 4)] {
            let part = run(from, to, threads);
            for i in from..to {
                assert_eq!(bits(&part, i - from), bits(&together, i), "{image:?}: image {i} in {from}..{to}");
            }
        }
        // The cheap pass gives the same logits.
        assert_eq!(model.logits(all.view()).unwrap(), together.logits);
    }
}

#[test]
fn one_trace_costs_one_pass_forward_and_one_back_per_walk() {
    let model = model(Arch::Vgg16, Head::Gap, [3, 32, 32], 2);
    let x = images(3, [3, 32, 32], 1);
    everything(&model, x.view(), &[0, 1, 0], "features.29");
    assert_eq!(model.passes(), Passes { forward: 3, backward: 6, to_layer: 3 });
    model.logits(x.view()).unwrap();
    assert_eq!(model.passes(), Passes { forward: 6, backward: 6, to_layer: 3 });
}

/// A walk that stops on its way gives what separate walks would give, in the requested order.
#[test]
fn one_walk_stops_at_several_places() {
    let model = model(Arch::Vgg16Bn, Head::Gap, [1, 28, 28], 3);
    let (x, labels) = (images(2, [1, 28, 28], 1), [0, 2]);
    let loss = Objective::Loss.of(&labels);
    // The last one stands before a pooling, which a convolution would otherwise fuse with it.
    let places =
        [Place::Layer("features.32"), Place::Input, Place::Layer("features.42"), Place::Layer("features.5")];
    let gradients = |walks: &[Walk<'_>]| {
        let request = TraceRequest { walks, ..TraceRequest::default() };
        model.trace(x.view(), &request).unwrap().walks.concat()
    };
    let together = gradients(&[Walk { from: &loss, to: &places }]);
    let passes = model.passes();
    assert_eq!((passes.backward, passes.to_layer), (2, 0));
    let alone: Vec<[Place<'_>; 1]> = places.iter().map(|&place| [place]).collect();
    let alone: Vec<Walk<'_>> = alone.iter().map(|to| Walk { from: &loss, to }).collect();
    assert_eq!(together, gradients(&alone));
    assert_eq!(together.len(), 4);
    assert!(together.iter().all(|gradient| gradient.iter().any(|g| *g != 0.0)));
}

/// Selvaraju et al. 2017, section 3.1: on global average pooling and one linear layer, Grad-CAM's weights are CAM's
/// divided by the number of cells.
#[test]
fn grad_cam_is_cam_over_the_number_of_cells() {
    for arch in [Arch::Vgg16, Arch::Vgg16Bn] {
        let model = model(arch, Head::Gap, [3, 64, 48], 3);
        let head = model.signature().cam_head.clone().unwrap();
        assert_eq!(head.layer, if arch == Arch::Vgg16 { "features.29" } else { "features.42" });
        let labels = [2, 0];
        let trace = everything(&model, images(2, [3, 64, 48], 4).view(), &labels, &head.layer);
        let (activations, gradient) = (&trace.taps[0], &trace.walks[0][0]);
        let cells = 4.0 * 3.0;
        assert_eq!(activations.dim(), (2, 64, 4, 3));
        for ((i, c, y, x), g) in gradient.indexed_iter() {
            let expected = head.weights[[labels[i], c]] / cells;
            assert!((g - expected).abs() <= f32::EPSILON * expected.abs(), "{i} {c} {y} {x}");
        }
        // The features are the averages, and with the weights and the bias they are the logits.
        let features = trace.features.unwrap();
        let average = activations.mean_axis(Axis(3)).unwrap().mean_axis(Axis(2)).unwrap();
        assert!((&features - &average).iter().all(|d| d.abs() < 1e-6));
        let bias = &model.weights().unwrap().0["classifier.bias"].data;
        let logits: Array2<f32> = features.dot(&head.weights.t()) + ndarray::aview1(bias);
        assert!((logits - trace.logits).iter().all(|d| d.abs() < 1e-5));
    }
}

/// A single logit z stands for (-z/2, z/2): a two-class model whose last rows are -w/2 and w/2 is the same function.
#[test]
fn a_single_logit_is_two_halves() {
    let image = [1, 28, 28];
    let one = model(Arch::Vgg16, Head::Gap, image, 1);
    let mut weights = one.weights().unwrap();
    for name in ["classifier.weight", "classifier.bias"] {
        let tensor = weights.0.get_mut(name).unwrap();
        let halves = |sign: f32| tensor.data.iter().map(move |v| sign * v / 2.0);
        tensor.data = halves(-1.0).chain(halves(1.0)).collect::<Vec<f32>>();
        tensor.shape[0] = 2;
    }
    let two = Model::new(spec(Arch::Vgg16, Head::Gap, image, 2), &weights).unwrap();
    assert_eq!(one.n_classes(), 2);
    assert_eq!(one.signature().cam_head, two.signature().cam_head);
    let x = images(2, image, 3);
    let [a, b] = [&one, &two].map(|model| everything(model, x.view(), &[0, 1], "features.29"));
    // Halving is exact, so only the order of two additions differs.
    let close = |a: &[f32], b: &[f32]| {
        let largest = b.iter().fold(0.0f32, |m, v| weakspot::num::max(m, v.abs()));
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * largest)
    };
    assert!(close(a.logits.as_slice().unwrap(), b.logits.as_slice().unwrap()));
    for (a, b) in a.walks.iter().flatten().zip(b.walks.iter().flatten()) {
        assert!(close(a.as_slice().unwrap(), b.as_slice().unwrap()));
    }
}

#[test]
fn a_model_says_what_it_takes_and_what_can_be_traced() {
    let model = model(Arch::Vgg16, Head::Gap, [1, 28, 27], 2);
    let signature = model.signature();
    assert_eq!(signature.input, InputSpec { channels: 1, height: 28, width: 27 });
    assert!(signature.layers.iter().filter(|l| l.name != "normalize").all(|l| l.margins == [2, 2, 2, 3]));
    let relus: Vec<(&str, (usize, usize))> =
        signature.layers.iter().filter(|l| l.is_activation()).map(|l| (l.name.as_str(), l.grid)).collect();
    assert_eq!(relus.len(), 13);
    assert_eq!(relus[0], ("features.1", (32, 32)));
    assert_eq!(relus[9], ("features.22", (4, 4)));
    assert_eq!(relus[12], ("features.29", (2, 2)));
    assert!(signature.layers.iter().all(|l| l.name != "classifier"));
    let big = spec(Arch::Vgg16, Head::Linear3, [3, 32, 32], 2);
    assert!(Model::random(big, 0).unwrap().signature().cam_head.is_none());
}

#[test]
fn bad_questions_are_refused_by_name() {
    let model = model(Arch::Vgg16, Head::Gap, [1, 28, 28], 2);
    let x = images(1, [1, 28, 28], 1);
    let error = model.logits(images(1, [1, 28, 27], 1).view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert!(error.to_string().contains("[n, 1, 28, 28]"), "{error}");
    let error = try_everything(&model, x.view(), &[2], "features.29").unwrap_err();
    assert_eq!(error.to_string(), "labels must be below 2; got 2");
    let error = try_everything(&model, x.view(), &[0, 1], "features.29").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    for layer in ["features.30", "classifier", ""] {
        let error = try_everything(&model, x.view(), &[0], layer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.hint().unwrap().contains("features.29"));
    }
}

#[test]
fn a_logit_that_is_no_number_is_an_error() {
    let spec = spec(Arch::Vgg16, Head::Gap, [1, 28, 28], 2);
    let mut weights = made_up_weights(&models::network(&spec).unwrap());
    weights.0.get_mut("classifier.bias").unwrap().data[1] = f32::INFINITY;
    let error = Model::new(spec, &weights).unwrap().logits(images(1, [1, 28, 28], 1).view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Numerical);
}

#[test]
fn specifications_out_of_range_are_refused() {
    let good = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [3, 32, 32], 2);
    let refused = |change: fn(&mut ModelSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        models::network(&spec).unwrap_err().kind()
    };
    assert_eq!(refused(|s| s.n_outputs = 0), ErrorKind::InvalidParameter);
    assert_eq!(refused(|s| s.height = 0), ErrorKind::InvalidParameter);
    assert_eq!(refused(|s| s.height = usize::MAX), ErrorKind::InvalidParameter);
    assert_eq!(refused(|s| s.mean = vec![0.0]), ErrorKind::InvalidParameter);
    assert_eq!(refused(|s| s.std[1] = 0.0), ErrorKind::InvalidParameter);
    assert_eq!(refused(|s| s.std[1] = f32::NAN), ErrorKind::InvalidParameter);
    for text in ["0", "2", "1/3", "1/128", "1/0", "", "-1", "1/"] {
        assert!(text.parse::<Width>().is_err(), "{text}");
    }
    for text in ["1", "1/1", "1/8", "1/64"] {
        assert!(text.parse::<Width>().is_ok(), "{text}");
    }
    assert_eq!("1/8".parse::<Width>().unwrap().to_string(), "1/8");
    assert!("resnet".parse::<Arch>().unwrap_err().hint().unwrap().contains("vgg16-bn"));
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<ModelSpec>(&text).unwrap(), good);
}

#[test]
fn weights_must_be_all_there() {
    let spec = spec(Arch::Vgg16Bn, Head::Gap, [1, 28, 28], 2);
    let good = made_up_weights(&models::network(&spec).unwrap());
    let refused = |change: &dyn Fn(&mut Weights)| {
        let mut weights = good.clone();
        change(&mut weights);
        Model::new(spec.clone(), &weights).unwrap_err().to_string()
    };
    let missing = refused(&|w| drop(w.0.remove("features.40.weight")));
    assert_eq!(missing, "tensor features.40.weight [64, 64, 3, 3] is missing");
    let extra =
        refused(&|w| drop(w.0.insert("fc.weight".into(), Tensor { shape: vec![1], data: vec![0.0] })));
    assert_eq!(extra, "tensor fc.weight [1] belongs to no layer of this network");
    let misshapen = refused(&|w| w.0.get_mut("classifier.bias").unwrap().shape = vec![2, 1]);
    assert_eq!(misshapen, "tensor classifier.bias should have shape [2]; got [2, 1]");
    let mut counted = good.clone();
    counted.0.insert("features.1.num_batches_tracked".into(), Tensor { shape: vec![], data: vec![3.0] });
    assert!(Model::new(spec, &counted).is_ok());
}

#[test]
fn a_pass_ends_at_its_next_layer_when_it_is_asked_to_stop() {
    let mut model = model(Arch::Vgg16, Head::Gap, [1, 8, 8], 2);
    let (images, flag) = (images(2, [1, 8, 8], 1), Arc::new(AtomicBool::new(false)));
    let before = model.logits(images.view()).unwrap();
    model.stop_on(Some(Arc::clone(&flag)));
    assert_eq!(model.logits(images.view()).unwrap(), before, "nobody has asked yet");
    let random = model.randomised(7).unwrap().unwrap();
    flag.store(true, Ordering::Relaxed);
    assert_eq!(model.logits(images.view()).unwrap_err().kind(), ErrorKind::Interrupted);
    let trace = try_everything(&model, images.view(), &[0, 1], "features.18");
    assert_eq!(trace.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(random.logits(images.view()).unwrap_err().kind(), ErrorKind::Interrupted);
    drop(random);
    model.stop_on(None);
    assert_eq!(model.logits(images.view()).unwrap(), before);
}

#[test]
fn a_pass_that_is_under_way_ends_too() {
    let network = chain([1, 1, 2], vec![Layer::Dropout { p: 0.5 }, Layer::Relu]);
    let flag = Arc::new(AtomicBool::new(false));
    let mut executor = Executor::<f64>::new(network.clone(), &Weights::default()).unwrap();
    executor.stop_on(Some(Arc::clone(&flag)));
    // Asked in the middle: by the layer that draws.
    let draws = |_: &str, i: usize| {
        flag.store(true, Ordering::Relaxed);
        rng::stream(0, "dropout", &i.to_string())
    };
    let ones = activation(1, network.input(), &[1.0, 1.0]);
    let stopped = executor.forward(ones, Mode::Training(&draws), &[]).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Interrupted);
}
