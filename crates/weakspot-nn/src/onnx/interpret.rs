//! Walks the nodes of a file for a batch of some size.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use weakspot::{Error, ErrorKind, Result};

use super::file::{File, Model, Node, TensorProto};
use super::places::modules;
use super::reading::{Builder, Reading, Tensors};
use super::rows;
use super::tensor::Constant;
use super::value::Value;
use super::{ChannelOrder, Input};
use crate::graph::{Graph, Source};

/// What a walk made.
#[derive(Debug)]
pub(super) struct Taken {
    pub graph: Graph,
    pub outputs: usize,
    /// What stood between the logits and the output.
    pub removed: Option<&'static str>,
}

/// A file's nodes and constants.
#[derive(Debug)]
pub(super) struct Interpreter<'m, 'f> {
    file: &'f File,
    model: &'m Model<'f>,
    opset: i64,
    /// The nodes that reach the output, in the file's order.
    nodes: Vec<&'m Node<'f>>,
    initializers: HashMap<&'f str, &'m TensorProto<'f>>,
    decoded: HashMap<&'f str, Arc<Constant>>,
    tensors: Tensors,
}

/// The name of a node's first output.
fn first_output<'n>(node: &'n Node<'_>) -> &'n str {
    node.outputs.first().map_or("", String::as_str)
}

/// Whether a node's operator is one of ONNX itself.
fn is_standard(node: &Node<'_>) -> bool {
    matches!(node.domain, "" | "ai.onnx")
}

/// Refuses a model with operators that are not read, naming all of them.
pub(super) fn check_operators(model: &Model<'_>) -> Result<()> {
    let mut unknown: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    for node in &model.graph.nodes {
        if is_standard(node) && rows::find(node.op).is_some() {
            continue;
        }
        let name =
            if is_standard(node) { node.op.to_owned() } else { format!("{}.{}", node.domain, node.op) };
        let first = if node.name.is_empty() { first_output(node) } else { &node.name };
        unknown.entry(name).or_insert((first, 0)).1 += 1;
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let has = |name: &str| unknown.contains_key(name);
    let unsupported = |message: &str| Error::new(ErrorKind::Unsupported, message);
    if has("QuantizeLinear") || has("DequantizeLinear") || has("DynamicQuantizeLinear") || has("QLinearConv")
    {
        return Err(unsupported(
            "expected a model in floating point; got a quantized one, whose rounding has no gradient",
        )
        .with_hint("export the model before it is quantized"));
    }
    let random = [
        "RandomUniformLike",
        "RandomNormalLike",
        "RandomUniform",
        "RandomNormal",
        "Bernoulli",
        "Multinomial",
    ];
    if let Some(name) = random.into_iter().find(|name| has(name)) {
        return Err(unsupported(&format!(
            "expected a network in evaluation mode; got one that draws random numbers ({name})"
        ))
        .with_hint("call model.eval() before the export"));
    }
    let listed: Vec<String> =
        unknown.iter().map(|(name, (first, count))| format!("{name} ({count}, first at {first})")).collect();
    Err(unsupported(&format!("expected operators that are read; got also {}", listed.join(", ")))
        .with_hint("export with another opset or exporter, or report the operator: one file adds it"))
}

impl<'m, 'f> Interpreter<'m, 'f> {
    pub(super) fn new(file: &'f File, model: &'m Model<'f>) -> Result<Self> {
        let opset =
            model.opsets.iter().find(|(domain, _)| matches!(*domain, "" | "ai.onnx")).map_or(1, |o| o.1);
        if opset < OLDEST {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("expected opset {OLDEST} or later; got opset {opset}"),
            )
            .with_hint("export the model again with a newer opset"));
        }
        let output =
            model.graph.outputs.first().ok_or_else(|| Error::format("expected an output; got none"))?;
        let mut wanted: HashSet<&str> = HashSet::from([output.name]);
        let mut nodes = Vec::new();
        for node in model.graph.nodes.iter().rev() {
            if node.outputs.iter().any(|name| wanted.contains(name.as_str())) {
                wanted.extend(node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
                nodes.push(node);
            }
        }
        nodes.reverse();
        let initializers = model.graph.initializers.iter().map(|tensor| (tensor.name, tensor)).collect();
        let (decoded, tensors) = (HashMap::new(), Tensors::default());
        Ok(Self { file, model, opset, nodes, initializers, decoded, tensors })
    }

    /// Walks the nodes for `batch` images.
    ///
    /// # Errors
    /// What the operators report, with the node's name.
    pub(super) fn run(&mut self, input: &Input, batch: usize) -> Result<Taken> {
        let Input { channels, height, width, order, .. } = *input;
        let (dims, axis) = match order {
            ChannelOrder::First => (vec![batch, channels, height, width], 1),
            ChannelOrder::Last => (vec![batch, height, width, channels], 3),
        };
        let given = |name: &str| self.initializers.contains_key(name);
        let image = self.model.graph.inputs.iter().find(|input| !given(input.name)).map(|input| input.name);
        let mut values: HashMap<&str, Value> = HashMap::new();
        values.extend(image.map(|name| (name, Value::Data(Source::Image, dims.clone()))));
        let mut builder = Builder::new(Graph::new(dims, axis), &mut self.tensors);
        for node in &self.nodes {
            let name = if node.name.is_empty() { first_output(node) } else { &node.name };
            let place = |e: Error| e.context(format!("node {name} ({})", node.op));
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                let input = input.as_str();
                if !input.is_empty()
                    && !values.contains_key(input)
                    && let Some(tensor) = self.initializers.get(input)
                {
                    let constant = match self.decoded.get(input) {
                        Some(ready) => Arc::clone(ready),
                        None => Arc::new(self.file.constant(tensor).map_err(place)?),
                    };
                    self.decoded.insert(tensor.name, Arc::clone(&constant));
                    values.insert(tensor.name, Value::Known(constant, Some(tensor.name.to_owned())));
                }
                inputs.push(match values.get(input) {
                    Some(value) => value.clone(),
                    None if input.is_empty() => Value::Absent,
                    None => {
                        return Err(place(Error::format(format!(
                            "expected nodes in an order in which each comes after its inputs; got {input:?} too late, \
                             or never"
                        ))));
                    }
                });
            }
            let row = rows::find(node.op).ok_or_else(|| {
                place(Error::new(ErrorKind::Unsupported, "expected an operator that is read"))
            })?;
            let modules = modules(node);
            let (opset, name) = (self.opset, name.to_owned());
            let mut reading =
                Reading { node, inputs, opset, file: self.file, builder: &mut builder, name, modules };
            let outputs = (row.read)(&mut reading).map_err(place)?;
            // An output that no value stands for is missed by whoever reads it.
            for (output, value) in node.outputs.iter().zip(outputs) {
                values.insert(output, value);
            }
        }
        let output = self.model.graph.outputs.first().map_or("", |output| output.name);
        match values.get(output) {
            Some(Value::Data(source, _)) => builder.graph.output = *source,
            _ => return Err(Error::format("expected an output that depends on the image; got another")),
        }
        logits(builder.graph, batch)
    }
}

/// The oldest opset that is read.
const OLDEST: i64 = 7;

/// Takes off what turns logits into probabilities, and brings them to `[batch, classes]`.
fn logits(mut graph: Graph, batch: usize) -> Result<Taken> {
    let mut removed = None;
    // Reshapings may stand between.
    let mut at = graph.output;
    while let Source::Node(i) = at {
        let node = &graph.nodes[i];
        let dims = &node.dims;
        let classes = dims.last().copied() == Some(dims.iter().product::<usize>() / batch);
        match (node.operator.name(), removed) {
            ("Reshape", _) => at = node.inputs[0],
            ("Log", None) if before(&graph, i) == Some("Softmax") => at = node.inputs[0],
            ("Softmax", _) if classes => {
                removed = Some(if at == graph.output { "Softmax" } else { "the final softmax" });
                graph.output = node.inputs[0];
                break;
            }
            ("Sigmoid", None) => {
                removed = Some("Sigmoid");
                graph.output = node.inputs[0];
                break;
            }
            _ => break,
        }
    }
    let dims = graph.dims(graph.output).to_vec();
    let outputs = dims.iter().product::<usize>() / batch;
    if dims.iter().filter(|&&d| d != 1).count() > 2 || outputs == 0 || outputs > MOST_CLASSES {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("expected a classifier, whose output has a number per class; got a shape of {dims:?}"),
        ));
    }
    Ok(Taken { graph, outputs, removed })
}

/// The operator whose output a node reads first.
fn before(graph: &Graph, node: usize) -> Option<&'static str> {
    match graph.nodes[node].inputs.first() {
        Some(Source::Node(i)) => Some(graph.nodes[*i].operator.name()),
        _ => None,
    }
}

/// Far above what classifiers have.
const MOST_CLASSES: usize = 1 << 20;
