//! Random weights to start training from.
//!
//! As torchvision's VGG: convolutions normal with variance 2 / fan-out (He et al. 2015, "Delving Deep into
//! Rectifiers", arXiv:1502.01852, equation 14) and bias 0; batch norm scale 1, shift 0; linear layers normal with
//! standard deviation 0.01 and bias 0. Every tensor has a random stream of its own, keyed by its name.

use std::collections::BTreeMap;

use weakspot::rng;

use crate::network::Network;
use crate::weights::{Tensor, Weights};

/// Fresh weights for a network; the same for the same seed.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Width, init, models};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// let network = models::network(&spec)?;
/// let weights = init::weights(&network, 0);
/// assert_eq!(weights.0["features.0.weight"].shape, [1, 1, 3, 3]);
/// assert_eq!(weights.0["classifier.bias"].data, [0.0, 0.0]);
/// assert_ne!(init::weights(&network, 1), weights);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn weights(network: &Network, seed: u64) -> Weights {
    some(network, seed, |_| true)
}

/// Those of [`weights`] whose names are wanted. Each is the same whichever others are wanted.
pub(crate) fn some(network: &Network, seed: u64, wanted: impl Fn(&str) -> bool) -> Weights {
    let tensor = |name: &str, shape: &[usize]| {
        let len = shape.iter().product();
        let constant = |value: f32| vec![value; len];
        let normal = |deviation: f32| {
            let mut stream = rng::stream(seed, "init", name);
            (0..len).map(|_| stream.normal() * deviation).collect()
        };
        match shape {
            [out, _, height, width] => normal((2.0 / (out * height * width) as f32).sqrt()),
            [_, _] => normal(0.01),
            _ if name.ends_with(".running_var") => constant(1.0),
            // Among the vectors, only batch norms have a "weight".
            _ if name.ends_with(".weight") => constant(1.0),
            _ => constant(0.0),
        }
    };
    let tensors: BTreeMap<String, Tensor> = network
        .parameters()
        .into_iter()
        .filter(|p| wanted(&p.name))
        .map(|p| {
            let data = tensor(&p.name, &p.shape);
            (p.name, Tensor { shape: p.shape, data })
        })
        .collect();
    Weights(tensors)
}
