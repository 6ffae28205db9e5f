//! The tensors of a network by name, as PyTorch stores them.

use std::collections::BTreeMap;

use weakspot::hint::Hint;
use weakspot::{Error, ErrorKind, Result};

use crate::network::Network;

/// A dense array of single-precision numbers, the last axis running fastest.
///
/// # Examples
/// ```
/// use weakspot_nn::Tensor;
///
/// let tensor = Tensor { shape: vec![2, 3], data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
/// // Row 1, column 0.
/// assert_eq!(tensor.data[3], 4.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
}

/// The tensors of a network, by name: `features.0.weight`.
///
/// # Examples
/// ```
/// use weakspot_nn::{Layer, NamedLayer, Network, Shape, Tensor, Weights};
///
/// let layer = NamedLayer { name: "classifier".to_owned(), layer: Layer::Linear { features_in: 2, features_out: 2 } };
/// let network = Network::new(Shape { channels: 2, height: 1, width: 1 }, vec![layer])?;
/// let mut weights = Weights::default();
/// let weight = Tensor { shape: vec![2, 2], data: vec![1.0, 0.0, 0.0, 1.0] };
/// weights.0.insert("classifier.weight".to_owned(), weight);
/// assert_eq!(weights.check(&network).unwrap_err().to_string(), "tensor classifier.bias [2] is missing");
/// weights.0.insert("classifier.bias".to_owned(), Tensor { shape: vec![2], data: vec![0.0, 0.0] });
/// weights.check(&network)?;
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, Tensor>);

impl Weights {
    /// Checks that these are exactly the tensors a network needs, with the right shapes.
    ///
    /// `num_batches_tracked`, which PyTorch saves with every batch norm and which nothing reads, is ignored.
    ///
    /// # Errors
    /// `Format`, naming the first tensor that is missing, extra or misshapen, and the expected shape.
    pub fn check(&self, network: &Network) -> Result<()> {
        let shapes = self.0.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice()));
        check_shapes(network, &shapes.collect())?;
        for (name, tensor) in &self.0 {
            if tensor.data.len() != tensor.shape.iter().product::<usize>() {
                return Err(Error::shape(format!(
                    "tensor {name} of shape {:?} holds {} numbers",
                    tensor.shape,
                    tensor.data.len()
                )));
            }
        }
        Ok(())
    }
}

/// Whether a tensor is one that PyTorch writes and that our networks do not read.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.ends_with(".num_batches_tracked")
}

/// [`Weights::check`] on names and shapes alone, before anything is allocated.
pub(crate) fn check_shapes(network: &Network, shapes: &BTreeMap<&str, &[usize]>) -> Result<()> {
    let format = |message: String| {
        Error::new(ErrorKind::Format, message).with_hint(
            Hint::new()
                .say("check ")
                .setting("arch")
                .say(", ")
                .setting("head")
                .say(" and ")
                .setting("width")
                .say(" against the network the weights were trained as; names and shapes are torchvision's"),
        )
    };
    let parameters = network.parameters();
    for parameter in &parameters {
        match shapes.get(parameter.name.as_str()) {
            None => {
                let (name, shape) = (&parameter.name, &parameter.shape);
                return Err(format(format!("tensor {name} {shape:?} is missing")));
            }
            Some(shape) if *shape != parameter.shape.as_slice() => {
                let (name, expected) = (&parameter.name, &parameter.shape);
                return Err(format(format!("tensor {name} should have shape {expected:?}; got {shape:?}")));
            }
            Some(_) => {}
        }
    }
    for (name, shape) in shapes {
        if !is_ignored(name) && !parameters.iter().any(|p| p.name == *name) {
            return Err(format(format!("tensor {name} {shape:?} belongs to no layer of this network")));
        }
    }
    Ok(())
}
