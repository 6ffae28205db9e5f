//! Numbers that the other side of the comparison makes too.

use weakspot_nn::{Network, Shape, Tensor, Weights};

/// Numbers in [-1, 1), as `hashed` in `bench/contestants/model.py`.
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

/// Images in [0, 1), or activations, `[batch, channels, height, width]`.
pub(crate) fn images(n: usize, shape: Shape, seed: u32) -> Vec<f32> {
    hashed(n * shape.len(), seed).into_iter().map(|v| f32::midpoint(v, 1.0)).collect()
}

/// Weights of a network of one layer: uniform, of a size that keeps activations near 1.
pub(crate) fn weights(network: &Network) -> Weights {
    let tensor = |(parameter, seed): (weakspot_nn::Parameter, u32)| {
        let len: usize = parameter.shape.iter().product();
        let fan_in = len / parameter.shape[0];
        let scale = if parameter.shape.len() > 1 { (6.0 / fan_in as f64).sqrt() as f32 } else { 0.125 };
        let data = hashed(len, seed).into_iter().map(|v| v * scale).collect();
        (parameter.name, Tensor { shape: parameter.shape, data })
    };
    Weights(network.parameters().into_iter().zip(1000..).map(tensor).collect())
}
