//! Cuts a network in two: the trunk and the head.

use weakspot::{Error, Result};

use crate::network::{Layer, Network};
use crate::weights::Weights;

/// Whether a layer or a tensor belongs to the trunk.
pub(crate) fn is_trunk(name: &str) -> bool {
    name.starts_with("features.")
}

/// The trunk and the head, cut where the fewest numbers pass between the last `features` layer and the first linear
/// layer, so that an image's features are small.
pub(super) fn cut(network: &Network) -> Result<(Network, Network)> {
    let layers = network.layers();
    let trunk_end = layers.iter().rposition(|l| is_trunk(&l.name));
    let linear = layers.iter().position(|l| matches!(l.layer, Layer::Linear { .. }));
    let place = match (trunk_end, linear) {
        (Some(end), Some(linear)) => (end..linear).min_by_key(|&place| network.outputs()[place].len()),
        _ => None,
    };
    let place =
        place.ok_or_else(|| Error::invalid("a network without a trunk and a head cannot be cut in two"))?;
    Ok((
        Network::new(network.input(), layers[..=place].to_vec())?,
        Network::new(network.outputs()[place], layers[place + 1..].to_vec())?,
    ))
}

/// The tensors of a part of a network.
pub(super) fn of_part(weights: &Weights, part: &Network) -> Weights {
    let take = |name: String| weights.0.get(&name).map(|tensor| (name, tensor.clone()));
    Weights(part.parameters().into_iter().filter_map(|p| take(p.name)).collect())
}
