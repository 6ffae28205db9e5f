//! Numbers that the reference script makes too, and small helpers.

use ndarray::Array4;
use weakspot_nn::executor::Activation;
use weakspot_nn::{Arch, Head, Layer, ModelSpec, NamedLayer, Network, Shape, Tensor, Weights, Width};

/// Numbers in [-1, 1), as `hashed` in `reference/vgg.py`.
pub(crate) fn hashed(len: usize, seed: u32) -> Vec<f32> {
    (0..len as u32)
        .map(|i| {
            let mut x = i.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
            for (shift, factor) in [(16, 0x85EB_CA6B_u32), (13, 0xC2B2_AE35), (16, 1)] {
                x = (x ^ (x >> shift)).wrapping_mul(factor);
            }
            (x >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

pub(crate) fn images(n: usize, [c, h, w]: [usize; 3], seed: u32) -> Array4<f32> {
    let data = hashed(n * c * h * w, seed).into_iter().map(|v| f32::midpoint(v, 1.0)).collect();
    Array4::from_shape_vec((n, c, h, w), data).unwrap()
}

/// The weights `reference/vgg.py` gives a network.
pub(crate) fn made_up_weights(network: &Network) -> Weights {
    let mut parameters = network.parameters();
    parameters.sort_by(|a, b| a.name.cmp(&b.name));
    let tensors = parameters.into_iter().zip(1000..).map(|(p, seed)| {
        let len: usize = p.shape.iter().product();
        let value = |u: f64| match () {
            () if p.shape.len() > 1 => u * (6.0 / (len / p.shape[0]) as f64).sqrt(),
            () if p.name.ends_with("running_var") => 1.0 + 0.5 * u,
            () if p.name.starts_with("features") && p.name.ends_with("weight") => 1.0 + 0.25 * u,
            () => 0.125 * u,
        };
        let data = hashed(len, seed).into_iter().map(|u| value(u.into()) as f32).collect();
        (p.name, Tensor { shape: p.shape, data })
    });
    Weights(tensors.collect())
}

pub(crate) fn spec(arch: Arch, head: Head, image: [usize; 3], n_outputs: usize) -> ModelSpec {
    ModelSpec::new(arch, head, Width::one_in(8).unwrap(), image, n_outputs)
}

/// A network of unnamed layers.
pub(crate) fn chain(input: [usize; 3], layers: Vec<Layer>) -> Network {
    let [channels, height, width] = input;
    let named = |(i, layer): (usize, Layer)| NamedLayer { name: i.to_string(), layer };
    let layers = layers.into_iter().enumerate().map(named).collect();
    Network::new(Shape { channels, height, width }, layers).unwrap()
}

/// Activations of double precision from numbers in the order batch, channels, height, width.
pub(crate) fn activation(n: usize, shape: Shape, nchw: &[f64]) -> Activation<f64> {
    let mut result = Activation::zeros(n, shape);
    let pixels = shape.height * shape.width;
    for (i, v) in result.data.iter_mut().enumerate() {
        let (image, pixel, c) = (i / shape.len(), i % shape.len() / shape.channels, i % shape.channels);
        *v = nchw[(image * shape.channels + c) * pixels + pixel];
    }
    result
}

/// The inverse of [`activation`].
pub(crate) fn nchw(a: &Activation<f64>) -> Vec<f64> {
    let mut result = vec![0.0; a.data.len()];
    let pixels = a.shape.height * a.shape.width;
    for (i, &v) in a.data.iter().enumerate() {
        let (image, pixel, c) =
            (i / a.shape.len(), i % a.shape.len() / a.shape.channels, i % a.shape.channels);
        result[(image * a.shape.channels + c) * pixels + pixel] = v;
    }
    result
}

pub(crate) fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| v.into()).collect()
}

/// The largest difference, as a fraction of the largest number expected.
pub(crate) fn worst(actual: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(0.0, |m: f64, e| m.max(e.abs()));
    let worst = actual.iter().zip(expected).fold(0.0, |m: f64, (a, e)| m.max((a - e).abs()));
    assert!(actual.iter().all(|v| v.is_finite()));
    worst / scale
}

/// A 3x3 convolution with stride 1 and padding 1.
pub(crate) fn conv(channels_in: usize, channels_out: usize) -> Layer {
    Layer::Conv2d { channels_in, channels_out, kernel: (3, 3), stride: (1, 1), padding: [1; 4] }
}
