//! Images with flat areas: equal maxima pass their gradient to the first of them, whatever kernels made them.

use ndarray::Array4;
use weakspot::rng;
use weakspot_conv::{Method, Scalar};
use weakspot_nn::executor::{Activation, Mode};
use weakspot_nn::{Arch, Executor, Head, Layer, Network, models};

use crate::support::{images, made_up_weights, spec};

/// Images of three colours: a ground, and two blocks that begin and end at odd places, or bars down to the bottom.
fn flat_images(n: usize, [channels, side, _]: [usize; 3]) -> Array4<f32> {
    let colours = images(n, [3, channels, 1], 21);
    Array4::from_shape_fn((n, channels, side, side), |(image, c, y, x)| {
        let inside = |from: usize, to: usize| {
            let bottom = if image % 3 == 0 { to } else { side };
            (from + image % 5..bottom).contains(&y) && (from..to).contains(&x)
        };
        let colour = usize::from(inside(3, side - 5)) + usize::from(inside(9, side - 11));
        // One image in two lies on black.
        if colour == 0 && image % 2 == 0 { 0.0 } else { colours[[image, colour, c, 0]] }
    })
}

fn network(arch: Arch, image: [usize; 3]) -> Network {
    models::network(&spec(arch, Head::Gap, image, 2)).unwrap()
}

/// The gradient of the difference of both logits to the input. `taps` on ReLUs keep their poolings apart.
fn gradient<T: Scalar>(
    network: &Network,
    method: Method,
    x: &Array4<f32>,
    mode: Mode<'_>,
    taps: &[usize],
) -> Vec<f64> {
    let weights = made_up_weights(network);
    let executor = Executor::<T>::with_method(network.clone(), &weights, method).unwrap();
    let (mut logits, tape) = executor.forward(Activation::from_nchw(x.view()), mode, taps).unwrap();
    for (i, v) in logits.data.iter_mut().enumerate() {
        *v = if i % 2 == 0 { T::ONE } else { -T::ONE };
    }
    let back = executor.backward(&tape, logits, network.layers().len(), 0).unwrap();
    back.data.iter().map(|v| v.to_f64()).collect()
}

fn sign(v: f64) -> i8 {
    i8::from(v > 0.0) - i8::from(v < 0.0)
}

/// How many of an attack's signs differ from those of direct sums, where direct sums in single and double precision
/// agree.
fn wrong(network: &Network, x: &Array4<f32>, mode: Mode<'_>) -> (usize, usize) {
    let exact = gradient::<f64>(network, Method::Direct, x, mode, &[]);
    let direct = gradient::<f32>(network, Method::Direct, x, mode, &[]);
    let fast = gradient::<f32>(network, Method::Fast, x, mode, &[]);
    let firm: Vec<usize> = (0..exact.len()).filter(|&i| sign(exact[i]) == sign(direct[i])).collect();
    (firm.iter().filter(|&&i| sign(exact[i]) != sign(fast[i])).count(), firm.len())
}

#[test]
fn an_attack_on_flat_ground_does_not_depend_on_the_kernels() {
    for (arch, image) in
        [(Arch::Vgg16, [1, 28, 28]), (Arch::Vgg16, [3, 32, 32]), (Arch::Vgg16Bn, [3, 48, 48])]
    {
        let (network, x) = (network(arch, image), flat_images(40, image));
        let (wrong, firm) = wrong(&network, &x, Mode::Gradient);
        // The stated bound; ties that rounding breaks make it several per cent.
        assert!(firm > x.len() * 999 / 1000, "{arch:?}: {firm} of {}", x.len());
        assert!(wrong <= firm / 2000, "{arch:?} {image:?}: {wrong} of {firm} signs");
    }
}

/// In training too, where batch norms keep poolings apart.
#[test]
fn nor_does_a_gradient_in_training() {
    let draws = |layer: &str, image: usize| rng::stream(3, layer, &image.to_string());
    for arch in [Arch::Vgg16, Arch::Vgg16Bn] {
        let (network, x) = (network(arch, [3, 32, 32]), flat_images(8, [3, 32, 32]));
        let (wrong, firm) = wrong(&network, &x, Mode::Training(&draws));
        assert!(firm > x.len() * 99 / 100, "{arch:?}: {firm} of {}", x.len());
        // A gate that rounding moves is felt in the whole batch here, through its statistics; ties make it a tenth.
        assert!(wrong <= firm / 200, "{arch:?}: {wrong} of {firm} signs");
    }
}

/// Equal pixels are known whether or not a batch is divided into parts, as it is with one thread, and whether or not
/// poolings are fused.
#[test]
fn neither_parts_nor_taps_change_what_is_equal() {
    let image = [3, 64, 64];
    let (network, x) = (network(Arch::Vgg16, image), flat_images(40, image));
    let run = |threads: usize, taps: &[usize]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| gradient::<f32>(&network, Method::Fast, &x, Mode::Gradient, taps))
    };
    let relu = |place: &usize| network.layers()[*place].layer == Layer::Relu;
    let relus: Vec<usize> = (0..network.layers().len()).filter(relu).collect();
    let expected = run(2, &[]);
    assert!(run(1, &[]) == expected);
    assert!(run(1, &relus) == expected);
    assert!(run(2, &relus) == expected);
}
