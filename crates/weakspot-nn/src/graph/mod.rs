//! A network as a graph: nodes that each apply an operator to the outputs of others, to the image, or to constants.
//!
//! Every shape is that of a batch of one image, and a graph says what happens to one image: a batch is many images,
//! each on its own. [`executor`] runs a graph forward and backward.

pub(crate) mod executor;
pub(crate) mod layout;
mod places;
mod program;
mod simplify;

use std::collections::HashMap;
use std::sync::Arc;

use weakspot::{Error, Result};

pub(crate) use places::{Spot, places};

use crate::operators::{Normalize, Operator};
use crate::weights::Tensor;

/// Where a node's input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// The image.
    Image,
    /// The output of a node.
    Node(usize),
    /// A constant.
    Tensor(usize),
}

/// One step of a network.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Unique in its graph.
    pub name: String,
    /// The modules it lies in, as its author named them, the outermost first.
    pub modules: Vec<String>,
    pub operator: Arc<dyn Operator>,
    pub inputs: Vec<Source>,
    /// The shape of its output.
    pub dims: Vec<usize>,
}

/// A constant.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub name: String,
    pub tensor: Arc<Tensor>,
}

/// Nodes in an order in which each comes after its inputs.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    image: Vec<usize>,
    /// Which axis of the image has its channels: 1, or 3 where they come last.
    channel_axis: usize,
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) output: Source,
}

impl Graph {
    /// A graph without nodes for images of a shape, `[1, channels, height, width]` or `[1, height, width, channels]`.
    pub(crate) fn new(image: Vec<usize>, channel_axis: usize) -> Self {
        Self { image, channel_axis, nodes: Vec::new(), constants: Vec::new(), output: Source::Image }
    }

    /// The shape of a batch of one image.
    pub(crate) fn image(&self) -> &[usize] {
        &self.image
    }

    /// Which axis of an image has its channels.
    pub(crate) fn channel_axis(&self) -> usize {
        self.channel_axis
    }

    /// The shape of a value.
    pub(crate) fn dims(&self, source: Source) -> &[usize] {
        match source {
            Source::Image => &self.image,
            Source::Node(i) => &self.nodes[i].dims,
            Source::Tensor(i) => &self.constants[i].tensor.shape,
        }
    }

    /// Adds a constant.
    pub(crate) fn constant(&mut self, name: String, tensor: Arc<Tensor>) -> Source {
        self.constants.push(Constant { name, tensor });
        Source::Tensor(self.constants.len() - 1)
    }

    /// Adds a node.
    ///
    /// # Errors
    /// `Shape`, naming the node, where its inputs do not fit, or nothing is left of an image.
    pub(crate) fn push(
        &mut self,
        name: String,
        modules: Vec<String>,
        operator: Arc<dyn Operator>,
        inputs: Vec<Source>,
    ) -> Result<Source> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&input| self.dims(input)).collect();
        let dims = operator.output(&shapes).map_err(|e| e.context(&name))?;
        let len = dims.iter().try_fold(1_usize, |len, &d| len.checked_mul(d));
        if len.is_none_or(|len| len == 0 || len > LARGEST) {
            return Err(Error::shape(format!(
                "{name}: expected between 1 and {LARGEST} numbers for an image; got a shape of {dims:?}"
            )));
        }
        self.nodes.push(Node { name, modules, operator, inputs, dims });
        Ok(Source::Node(self.nodes.len() - 1))
    }

    /// The same network for pixels that are normalised first.
    ///
    /// # Errors
    /// `Shape`, where there is not one mean and one std per channel.
    pub(crate) fn normalized(self, normalize: Normalize) -> Result<Self> {
        let mut graph = Self { constants: self.constants, ..Self::new(self.image, self.channel_axis) };
        let image =
            graph.push("normalize".to_owned(), Vec::new(), Arc::new(normalize), vec![Source::Image])?;
        let moved = |source: Source| match source {
            Source::Image => image,
            Source::Node(i) => Source::Node(i + 1),
            Source::Tensor(i) => Source::Tensor(i),
        };
        for node in self.nodes {
            let inputs = node.inputs.iter().map(|&source| moved(source)).collect();
            graph.nodes.push(Node { inputs, ..node });
        }
        graph.output = moved(self.output);
        Ok(graph)
    }

    /// Which nodes read each node's output, by their places; one that reads it twice stands there twice.
    pub(crate) fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                if let Source::Node(from) = input {
                    readers[*from].push(i);
                }
            }
        }
        readers
    }

    /// The same network with other constants: `change(name, is it learned, tensor)`.
    pub(crate) fn with_constants(&self, mut change: impl FnMut(&str, bool, &mut Tensor)) -> Self {
        let mut learned = vec![false; self.constants.len()];
        for node in &self.nodes {
            for (i, input) in node.inputs.iter().enumerate() {
                if let Source::Tensor(constant) = input {
                    learned[*constant] |= node.operator.learns(i);
                }
            }
        }
        let mut changed = self.clone();
        for (constant, learned) in changed.constants.iter_mut().zip(learned) {
            change(&constant.name, learned, Arc::make_mut(&mut constant.tensor));
        }
        changed
    }

    /// Removes the nodes and constants that do not reach the output.
    pub(crate) fn pruned(self) -> Self {
        let mut wanted = vec![false; self.nodes.len()];
        let mut stack = vec![self.output];
        while let Some(source) = stack.pop() {
            if let Source::Node(i) = source
                && !std::mem::replace(&mut wanted[i], true)
            {
                stack.extend(&self.nodes[i].inputs);
            }
        }
        let mut pruned = Self::new(self.image.clone(), self.channel_axis);
        let mut moved: HashMap<Source, Source> = HashMap::new();
        for (i, node) in self.nodes.into_iter().enumerate() {
            if !wanted[i] {
                continue;
            }
            let inputs = node.inputs.iter().map(|&input| match input {
                Source::Image => Source::Image,
                Source::Node(_) => moved.get(&input).copied().unwrap_or(input),
                Source::Tensor(k) => *moved.entry(input).or_insert_with(|| {
                    pruned.constants.push(self.constants[k].clone());
                    Source::Tensor(pruned.constants.len() - 1)
                }),
            });
            let inputs = inputs.collect();
            pruned.nodes.push(Node { inputs, ..node });
            moved.insert(Source::Node(i), Source::Node(pruned.nodes.len() - 1));
        }
        pruned.output = moved.get(&self.output).copied().unwrap_or(self.output);
        pruned
    }
}

/// Numbers of one tensor for one image: far above what a classifier has, and low enough that no product overflows.
const LARGEST: usize = 1 << 27;
