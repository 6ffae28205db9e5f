//! Maps, attacks and regions against PyTorch, scikit-image and scipy (`reference/methods.py`).
#![expect(clippy::unwrap_used, reason = "a test that cannot read its golden numbers has failed")]

use ndarray::{Array, Array2, ArrayView, Dimension, IntoDimension};
use serde::Deserialize;
use weakspot::attack::{Attack as _, AttackJob, Epsilon, Fgsm, Goal, Pgd, ThreatModel};
use weakspot::attribution::{Explain, Explainer, Method, Scene};
use weakspot::classifier::{Classifier as _, InputSpec};
use weakspot::image::Mask;
use weakspot::objective::Objective;
use weakspot::region::{Connectivity, Threshold, components};
use weakspot::testing::ConvGap;

#[derive(Deserialize)]
struct Golden {
    shape: [usize; 3],
    padding: [usize; 4],
    stride: usize,
    maps: usize,
    classes: usize,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    head: Vec<f32>,
    head_bias: Vec<f32>,
    images: Vec<f32>,
    labels: Vec<usize>,
    epsilon: f64,
    alpha: f64,
    steps: usize,
    logits: Vec<f64>,
    gradient: Vec<f64>,
    grid: (usize, usize),
    grad_cam: Vec<f64>,
    utility: Vec<f64>,
    fgsm: Vec<f64>,
    pgd: Vec<f64>,
    grey: Vec<u8>,
    otsu: u8,
    mask_width: usize,
    mask: Vec<u8>,
    four: Vec<[usize; 5]>,
    eight: Vec<[usize; 5]>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../reference/methods.json")).unwrap()
}

fn shaped<S: IntoDimension>(shape: S, values: &[f32]) -> Array<f32, S::Dim> {
    Array::from_shape_vec(shape.into_dimension(), values.to_vec()).unwrap()
}

/// Within 2e-6 of the largest expected value: pixels and steps are single precision here and double there, and a
/// number that is rounded once is within 6e-8 of its own size; PGD rounds in each of its steps.
fn assert_close<D: Dimension>(got: ArrayView<'_, f32, D>, expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |m: f64, v| if v.abs() > m { v.abs() } else { m });
    for (place, (&g, &e)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(g) - e).abs() <= 2e-6 * largest, "{what}, value {place}: {g}, expected {e}");
    }
}

#[test]
fn maps_and_attacks_agree_with_pytorch() {
    let g = golden();
    let [channels, height, width] = g.shape;
    let input = InputSpec { channels, height, width };
    let model = ConvGap::new(
        shaped((g.maps, channels, 3, 3), &g.kernel),
        shaped(g.maps, &g.bias),
        shaped((g.classes, g.maps), &g.head),
        shaped(g.classes, &g.head_bias),
        g.stride,
        input,
    )
    .with_margins(g.padding);
    let n = g.labels.len();
    let images = shaped((n, channels, height, width), &g.images);
    let ids = ["a", "b", "c", "d"];
    let explainer = Explainer::new(&model, Method::GRAD_CAM, Explain::Logit, None).unwrap();
    assert_eq!(explainer.layer().grid, g.grid);
    let trace = explainer.trace(&model, images.view(), &g.labels, &[Objective::Loss], false).unwrap();
    assert_close(trace.logits.view(), &g.logits, "logits");
    assert_close(model.logits(images.view()).unwrap().view(), &g.logits, "logits without a trace");
    // Ours is the cross-entropy's over 1 - p_y.
    let mut gradient = trace.walks[0][0].clone();
    for ((mut image, z), &label) in gradient.outer_iter_mut().zip(trace.logits.outer_iter()).zip(&g.labels) {
        let total: f32 = z.iter().map(|z| z.exp()).sum();
        image.mapv_inplace(|v| v * (1.0 - z[label].exp() / total));
    }
    assert_close(gradient.view(), &g.gradient, "gradient of the summed cross-entropy");
    let scene = Scene {
        classifier: &model,
        images: images.view(),
        labels: &g.labels,
        ids: &ids,
        seed: 0,
        trace: &trace,
    };
    let maps = explainer.maps(&scene).unwrap();
    let (cells, pixels) = (g.grid.0 * g.grid.1, height * width);
    for (i, map) in maps.iter().enumerate() {
        assert_close(map.raw.view(), &g.grad_cam[i * cells..(i + 1) * cells], "Grad-CAM");
        assert_close(map.view.view(), &g.utility[i * pixels..(i + 1) * pixels], "utility view");
    }

    let threat = ThreatModel::everywhere(Epsilon::new(g.epsilon).unwrap());
    let job = AttackJob {
        classifier: &model,
        images: images.view(),
        labels: &g.labels,
        ids: &ids,
        seed: 0,
        threat: &threat,
        goal: &Goal::Untargeted,
        gradient: None,
        features: false,
    };
    assert_close(Fgsm.perturb(&job).unwrap().view(), &g.fgsm, "FGSM");
    let pgd = Pgd {
        step_size: Epsilon::new(g.alpha).unwrap(),
        n_steps: g.steps,
        random_start: false,
        n_restarts: 1,
        stop_when_fooled: false,
    };
    assert_close(pgd.perturb(&job).unwrap().view(), &g.pgd, "PGD");
}

#[test]
fn otsu_agrees_with_scikit_image() {
    let g = golden();
    let map = Array2::from_shape_vec((20, 16), g.grey.iter().map(|&v| f32::from(v)).collect()).unwrap();
    let ours = Threshold::Otsu.region_of(map.view());
    assert_eq!(ours, Mask(map.mapv(|v| v > f32::from(g.otsu))));
}

#[test]
fn components_agree_with_scipy() {
    let g = golden();
    let mask =
        Mask::from_fn(g.mask.len() / g.mask_width, g.mask_width, |y, x| g.mask[y * g.mask_width + x] == 1);
    for (connectivity, expected) in [(Connectivity::Four, g.four), (Connectivity::Eight, g.eight)] {
        let found: Vec<_> = components(&mask, connectivity)
            .iter()
            .map(|c| [c.area, c.top, c.left, c.bottom, c.right])
            .collect();
        assert_eq!(found, expected, "{connectivity:?}");
    }
}
