//! Theorems about maps, the choice of layers, and the conformance table of this room.

use ndarray::{Array1, Array2, Array4, ArrayView4, Axis};

use super::grad_cam::weighted_sum;
use super::*;
use crate::attack::{AttackJob, Epsilon, Fgsm, Goal, ThreatModel, referee};
use crate::classifier::{
    CamHead, Classifier, InputSpec, LayerInfo, LayerKind, Signature, Trace, TraceRequest, input_gradient,
};
use crate::error::ErrorKind;
use crate::image::{Leverage, Mask};
use crate::region::{Fill, neutralize};
use crate::testing::{ConvGap, Counting, Linear, noise_images};

/// A grid of 4x4 over a frame of 8x8, of which 7x6 is the image: 16 cells, so that dividing by them is exact.
const INPUT: InputSpec = InputSpec { channels: 2, height: 7, width: 6 };
const MARGINS: [usize; 4] = [1, 0, 0, 2];
const IDS: [&str; 4] = ["a", "b", "c", "d"];
const LABELS: [usize; 4] = [0, 1, 2, 1];

fn maps_of(model: &dyn Classifier, method: Method, explain: Explain, order: &[usize]) -> Vec<Leverage> {
    let images = noise_images(4, IDS.len(), &model.input(), 0.0, 1.0).select(Axis(0), order);
    let labels: Vec<usize> = order.iter().map(|&i| LABELS[i]).collect();
    let ids: Vec<&str> = order.iter().map(|&i| IDS[i]).collect();
    let explainer = Explainer::new(model, method, explain, None).unwrap();
    let trace = explainer.trace(model, images.view(), &labels, &[Objective::Loss], false).unwrap();
    let scene = Scene {
        classifier: model,
        images: images.view(),
        labels: &labels,
        ids: &ids,
        seed: 9,
        trace: &trace,
    };
    explainer.maps(&scene).unwrap()
}

/// Images named in their order, under seed 0.
fn scene<'a>(
    classifier: &'a dyn Classifier,
    images: &'a Array4<f32>,
    labels: &'a [usize],
    trace: &'a Trace,
) -> Scene<'a> {
    Scene { classifier, images: images.view(), labels, ids: &IDS[..labels.len()], seed: 0, trace }
}

#[test]
fn every_map_is_a_leverage_and_does_not_depend_on_its_batch() {
    let model = ConvGap::random(6, 3, 5, 2, INPUT).with_margins(MARGINS);
    for method in Method::ALL {
        for explain in [Explain::Logit, Explain::Margin] {
            let all = maps_of(&model, method, explain, &[0, 1, 2, 3]);
            assert_eq!(all, maps_of(&model, method, explain, &[0, 1, 2, 3]), "{method}: repeats itself");
            for map in &all {
                assert_eq!(map.view.dim(), (7, 6), "{method}");
                assert_eq!(
                    map.raw.dim(),
                    if method.row().read_at == ReadAt::Input { (7, 6) } else { (4, 4) },
                    "{method}"
                );
                assert!(map.raw.iter().all(|v| v.is_finite() && *v >= 0.0), "{method}");
                assert!(map.view.iter().all(|v| (0.0..=1.0).contains(v)), "{method}");
                assert_eq!(map.scale, crate::num::max_of(map.raw.iter()), "{method}");
            }
            assert!(
                all.iter().any(|m| !m.empty),
                "{method}: some map must hold something for this to mean anything"
            );
            for order in [vec![2], vec![3, 2, 1, 0]] {
                let expected: Vec<_> = order.iter().map(|&i| all[i].clone()).collect();
                assert_eq!(maps_of(&model, method, explain, &order), expected, "{method} {order:?}");
            }
        }
    }
}

#[test]
fn on_a_gap_head_grad_cam_is_cam_over_the_cells_before_the_relu() {
    let model = ConvGap::random(6, 3, 5, 2, INPUT).with_margins(MARGINS);
    let images = noise_images(4, 4, &INPUT, 0.0, 1.0);
    for explain in [Explain::Logit, Explain::Margin] {
        let explainer = Explainer::new(&model, Method::GRAD_CAM, explain, Some("features.1")).unwrap();
        let trace = explainer.trace(&model, images.view(), &LABELS, &[], false).unwrap();
        let scene = scene(&model, &images, &LABELS, &trace);
        let cut = GradCam::new("features.1", explain.objective()).maps(&scene).unwrap();
        let cam = Cam::new(model.signature().cam_head.clone().unwrap(), explain);
        for (image, cut) in cut.iter().enumerate() {
            let evidence = scene.image(image);
            let activations = evidence.activations().unwrap();
            let mean = |g: ndarray::ArrayView2<'_, f32>| g.iter().map(|&v| f64::from(v)).sum::<f64>() / 16.0;
            let weights: Vec<f64> = evidence.gradient().unwrap().outer_iter().map(mean).collect();
            let grad_cam = weighted_sum(&weights, activations);
            let by_cam = weighted_sum(&cam.class_weights(&evidence), activations).mapv(|v| v / 16.0);
            let largest = by_cam.iter().fold(0.0, |m: f64, v| if v.abs() > m { v.abs() } else { m });
            assert!(largest > 0.0);
            // A margin's weights are rounded once on their way through the trace.
            let error =
                (&grad_cam - &by_cam).iter().fold(0.0, |m: f64, v| if v.abs() > m { v.abs() } else { m });
            assert!(error <= largest * f64::from(f32::EPSILON), "{error} of {largest}");

            let positive = grad_cam.mapv(|v| if v > 0.0 { v as f32 } else { 0.0 });
            assert_eq!(cut, &positive, "the map is the sum's positive part");
        }
    }
}

#[test]
fn a_map_whose_evidence_is_all_negative_is_empty() {
    let kernel = Array4::from_elem((1, 2, 3, 3), 1.0);
    let head = Array2::from_shape_vec((2, 1), vec![-1.0, 1.0]).unwrap();
    let model =
        ConvGap::new(kernel, Array1::zeros(1), head, Array1::zeros(2), 2, INPUT).with_margins(MARGINS);
    for method in [Method::GRAD_CAM, Method::CAM] {
        let maps = maps_of_labels(&model, method, &[0, 1]);
        assert_eq!((maps[0].empty, maps[1].empty), (true, false), "{method}");
        assert!(maps[0].view.iter().all(|&v| v == 0.0));
    }
}

fn maps_of_labels(model: &dyn Classifier, method: Method, labels: &[usize]) -> Vec<Leverage> {
    let images = noise_images(4, labels.len(), &model.input(), 0.1, 1.0);
    let explainer = Explainer::new(model, method, Explain::Logit, None).unwrap();
    let trace = explainer.trace(model, images.view(), labels, &[], false).unwrap();
    explainer.maps(&scene(model, &images, labels, &trace)).unwrap()
}

#[test]
fn the_gradient_of_a_linear_model_is_its_weights_in_pixel_units() {
    let weights = ndarray::arr2(&[[3.0, 0.0, -8.0, 1.0], [1.0, 0.0, 0.0, 0.0]]);
    let model =
        Linear::new(weights, Array1::zeros(2), (2, 1, 2)).with_normalization(&[0.5, 0.5], &[1.0, 2.0]);
    let maps = maps_of_labels(&model, Method::GRADIENT, &[0, 1]);
    assert_eq!(maps[0].raw, ndarray::arr2(&[[5.0, 0.5]]), "sqrt(3^2 + (8/2)^2), sqrt(0 + (1/2)^2)");
    assert_eq!(maps[1].view, ndarray::arr2(&[[1.0, 0.0]]));
    assert!(maps[0].at_input);
}

#[test]
fn the_map_s_own_gradient_is_the_last_and_the_attack_s_the_first() {
    let model = ConvGap::random(6, 2, 5, 2, INPUT).with_margins(MARGINS);
    let images = noise_images(4, 2, &INPUT, 0.0, 1.0);
    let explainer = Explainer::new(&model, Method::GRADIENT, Explain::Margin, None).unwrap();
    assert_eq!(explainer.needs(), Needs::Input(Objective::ClassMargin));
    let trace = explainer.trace(&model, images.view(), &[0, 1], &[Objective::Loss], false).unwrap();
    let (_, alone) = input_gradient(&model, images.view(), &Objective::Loss.of(&[0, 1])).unwrap();
    assert_eq!(trace.walks[0][0], alone, "a swap passes the symmetric check below");
    assert_eq!(trace.walks[0][0], trace.walks[1][0].mapv(|g| -g), "two classes: loss = -margin");
}

#[test]
fn random_maps_differ_by_image_and_seed() {
    let model = ConvGap::random(6, 2, 5, 2, INPUT).with_margins(MARGINS);
    let maps = maps_of_labels(&model, Method::RANDOM, &[0, 0]);
    assert_ne!(maps[0].raw, maps[1].raw);
    assert_eq!(maps[0], maps_of_labels(&model, Method::RANDOM, &[1])[0], "it knows nothing of the label");
}

#[test]
fn a_pass_that_lacks_what_the_map_needs_is_an_error_that_names_it() {
    let model = ConvGap::random(6, 2, 5, 2, INPUT).with_margins(MARGINS);
    let images = noise_images(4, 1, &INPUT, 0.0, 1.0);
    let trace = model.trace(images.view(), &TraceRequest::default()).unwrap();
    for method in [Method::GRAD_CAM, Method::CAM, Method::GRADIENT] {
        let explainer = Explainer::new(&model, method, Explain::Logit, None).unwrap();
        let asked = scene(&model, &images, &[0], &trace);
        let error = explainer.maps(&asked).unwrap_err();
        assert!(error.to_string().starts_with("a: "), "{error}");
        assert!(explainer.maps(&Scene { labels: &[0, 1], ..asked }).is_err());
    }
}

#[test]
fn protocols_p0_and_p1_cost_four_forward_passes_and_two_back() {
    let model = Counting::new(ConvGap::random(6, 2, 5, 2, INPUT).with_margins(MARGINS));
    let n = 4;
    let images = noise_images(4, n, &INPUT, 0.0, 1.0);
    let labels = [0, 1, 0, 1];
    let threat = ThreatModel::everywhere(Epsilon::new(0.1).unwrap());
    let attack = |images: ArrayView4<'_, f32>, gradient: &Array4<f32>| {
        let job = AttackJob {
            classifier: &model,
            images,
            labels: &labels,
            ids: &IDS,
            seed: 0,
            threat: &threat,
            goal: &Goal::Untargeted,
            gradient: Some(gradient.view()),
            features: false,
        };
        referee::run(&Fgsm, &job).unwrap()
    };
    // clean and adv, with the maps of both: one traced pass, one forward.
    let explainer = Explainer::new(&model, Method::GRAD_CAM, Explain::Logit, None).unwrap();
    let trace = explainer.trace(&model, images.view(), &labels, &[Objective::Loss], true).unwrap();
    explainer.maps(&scene(&model, &images, &labels, &trace)).unwrap();
    attack(images.view(), &trace.walks[0][0]);
    // mod and mod_adv: one traced pass, one forward.
    let mut modified = images.clone();
    let mask = Mask::from_fn(7, 6, |y, _| y < 2);
    neutralize(&mut modified, &mask, &Fill::Value(0.0).resolve(2, None).unwrap()).unwrap();
    let (_, gradient) = input_gradient(&model, modified.view(), &Objective::Loss.of(&labels)).unwrap();
    attack(modified.view(), &gradient);
    assert_eq!((model.forward() / n, model.back() / n, model.head() / n), (4, 2, 1));
}

// ---- The choice of layers.

/// The images of a network with nothing but a signature.
const COLOUR: InputSpec = InputSpec { channels: 3, height: 32, width: 32 };

/// Layers before each ReLU: the convolution, and with batch norm that.
const PLAIN: usize = 1;
const NORMED: usize = 2;

/// VGG16's layers as torchvision names them, for square images of a side.
fn vgg16(side: usize, before_relu: usize, gap: bool) -> Signature {
    let (mut layers, mut at) = (Vec::new(), side);
    let info = |name: String, kind, channels, at| LayerInfo {
        name,
        kind,
        channels,
        grid: (at, at),
        margins: [0; 4],
    };
    let mut add = |kind, channels, at| {
        layers.push(info(format!("features.{}", layers.len()), kind, channels, at));
    };
    for (block, &(channels, n)) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)].iter().enumerate() {
        for _ in 0..n {
            for _ in 0..before_relu {
                add(LayerKind::Convolution, channels, at);
            }
            add(LayerKind::Activation, channels, at);
        }
        if !(gap && block == 4) {
            at /= 2;
            add(LayerKind::Pooling, channels, at);
        }
    }
    let last_relu = layers.iter().rev().find(|l| l.is_activation()).unwrap().name.clone();
    if !gap {
        layers.push(info("avgpool".to_owned(), LayerKind::Pooling, 512, 7));
    }
    let cam_head = gap.then(|| CamHead { layer: last_relu, weights: Array2::zeros((2, 512)) });
    Signature { layers, cam_head, ..Signature::new(COLOUR, 2) }
}

fn chosen(model: &Signature, requested: Option<&str>, method: Method) -> String {
    choose_layer(model, requested, method).unwrap().to_string()
}

#[test]
fn the_automatic_layer_is_the_last_relu_or_the_deepest_wide_enough() {
    assert_eq!(chosen(&vgg16(224, PLAIN, false), None, Method::GRAD_CAM), "features.29 (14x14)");
    assert_eq!(chosen(&vgg16(224, NORMED, false), None, Method::GRAD_CAM), "features.42 (14x14)");
    assert_eq!(chosen(&vgg16(64, PLAIN, true), None, Method::CAM), "features.29 (4x4)");
    let small = "features.22 (4x4), since features.29 has only 2x2";
    assert_eq!(chosen(&vgg16(32, PLAIN, false), None, Method::GRAD_CAM), small);
    assert_eq!(chosen(&vgg16(32, PLAIN, true), None, Method::RANDOM), small);
    let found = choose_layer(&vgg16(32, NORMED, true), None, Method::GRAD_CAM).unwrap();
    assert_eq!((found.name.as_str(), found.grid, found.automatic), ("features.32", (4, 4), true));
    assert_eq!(chosen(&vgg16(32, PLAIN, false), None, Method::GRADIENT), "input (32x32)");
}

#[test]
fn a_layer_can_be_asked_for_by_the_names_the_field_uses() {
    let plain = vgg16(224, PLAIN, false);
    for (name, expected) in [
        ("features.29", "features.29 (14x14)"),
        ("conv5_3", "features.29 (14x14)"),
        ("block5_conv3", "features.29 (14x14)"),
        ("conv1_1", "features.1 (224x224)"),
        ("block4_conv3", "features.22 (28x28)"),
        ("features.30", "features.30 (7x7)"),
        ("features.23", "features.23 (14x14)"),
        ("avgpool", "avgpool (7x7)"),
    ] {
        assert_eq!(chosen(&plain, Some(name), Method::GRAD_CAM), expected, "{name}");
    }
    assert_eq!(chosen(&vgg16(224, NORMED, false), Some("conv5_3"), Method::GRAD_CAM), "features.42 (14x14)");
    assert_eq!(chosen(&vgg16(224, PLAIN, true), Some("conv5_3"), Method::CAM), "features.29 (14x14)");
    assert!(!choose_layer(&plain, Some("conv5_3"), Method::GRAD_CAM).unwrap().automatic);
}

#[test]
fn a_convolution_before_its_relu_is_refused_with_the_relu_as_the_hint() {
    let (plain, normed) = (vgg16(224, PLAIN, false), vgg16(224, NORMED, false));
    let cases = [(&plain, "features.28", "features.29"), (&plain, "features.24", "features.25")];
    let normed_cases = [(&normed, "features.40", "features.42"), (&normed, "features.41", "features.42")];
    for (model, asked, relu) in cases.into_iter().chain(normed_cases) {
        let error = choose_layer(model, Some(asked), Method::GRAD_CAM).unwrap_err();
        assert_eq!(error.hint(), Some(format!("layer = {relu}").as_str()), "{asked}: {error}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_what_to_type() {
    let small = vgg16(32, PLAIN, true);
    let no_head = vgg16(32, PLAIN, false);
    let bare = Signature::new(COLOUR, 2);
    for (model, requested, method, says) in [
        (&small, Some("features.29"), Method::GRAD_CAM, "features.29 has 2x2 places"),
        (&no_head, Some("avgpool"), Method::GRAD_CAM, "avgpool has 1x1 places"),
        (&no_head, Some("features.30"), Method::GRAD_CAM, "features.30 has 1x1 places"),
        (&small, None, Method::CAM, "features.29 has 2x2 places"),
        (&small, Some("features.22"), Method::CAM, "CAM reads features.29"),
        (&no_head, None, Method::CAM, "CAM needs a head of global average pooling"),
        (&no_head, Some("layer4"), Method::GRAD_CAM, "no layer \"layer4\""),
        (&no_head, Some("conv6_1"), Method::GRAD_CAM, "no layer \"conv6_1\""),
        (&no_head, Some("conv1_3"), Method::GRAD_CAM, "no layer \"conv1_3\""),
        (&no_head, Some("conv0_0"), Method::GRAD_CAM, "no layer \"conv0_0\""),
        (&no_head, Some("features.22"), Method::GRADIENT, "reads the input"),
        (&bare, None, Method::GRAD_CAM, "no ReLU after a convolution"),
        (&bare, Some("conv5_3"), Method::GRAD_CAM, "no layer"),
    ] {
        let error = choose_layer(model, requested, method).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    assert_eq!(choose_layer(&no_head, None, Method::CAM).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(chosen(&bare, None, Method::RANDOM), "input (32x32)", "the control exists for every model");
}

#[test]
fn names_are_read_as_they_are_printed() {
    for method in Method::ALL {
        assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
    }
    for explain in [Explain::Logit, Explain::Margin] {
        assert_eq!(explain.to_string().parse::<Explain>().unwrap(), explain);
    }
    assert!("gradcam".parse::<Method>().unwrap_err().hint().is_some());
    assert!("loss".parse::<Explain>().unwrap_err().hint().is_some());
}
