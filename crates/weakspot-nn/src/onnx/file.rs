//! The messages of an ONNX file that a classifier needs, borrowed from its bytes.
//!
//! # References
//! Field numbers are those of `onnx.proto` (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>), IR version 10.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use weakspot::input::read_bounded;
use weakspot::{Error, ErrorKind, Result};

use super::wire::Message;

/// A file in memory, and where it lies: weights may lie in files beside it.
#[derive(Debug)]
pub(crate) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) folder: PathBuf,
}

/// Protocol buffers end at two gibibytes.
const LARGEST: u64 = 1 << 31;

/// Nodes, constants or functions of a file: many times what the largest classifiers have.
const MOST: usize = 100_000;

/// Axes of a tensor.
const MOST_AXES: usize = 8;

#[derive(Clone, Debug, Default)]
pub(crate) struct Model<'a> {
    pub opsets: Vec<(&'a str, i64)>,
    pub graph: Graph<'a>,
    pub metadata: Vec<(&'a str, &'a str)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Graph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub initializers: Vec<TensorProto<'a>>,
    pub inputs: Vec<ValueInfo<'a>>,
    pub outputs: Vec<ValueInfo<'a>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Node<'a> {
    pub op: &'a str,
    pub domain: &'a str,
    pub name: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub metadata: Vec<(&'a str, &'a str)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Attribute<'a> {
    name: &'a str,
    value: Content<'a>,
    /// In the body of a function: the attribute of the call that gives the value.
    refers: &'a str,
}

#[derive(Clone, Debug, Default)]
enum Content<'a> {
    #[default]
    Nothing,
    Float(f32),
    Int(i64),
    Bytes(&'a [u8]),
    Tensor(TensorProto<'a>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    /// A graph, strings, or something else that no operator here reads.
    Other,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TensorProto<'a> {
    pub name: &'a str,
    pub dims: Vec<i64>,
    pub data_type: i64,
    pub raw: Option<&'a [u8]>,
    pub floats: Vec<f32>,
    pub integers: Vec<i64>,
    pub doubles: Vec<f64>,
    /// `location`, `offset`, `length`.
    pub external: Vec<(&'a str, &'a str)>,
    pub is_external: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ValueInfo<'a> {
    pub name: &'a str,
    pub elem: i64,
    /// `None` where a length is open.
    pub shape: Option<Vec<Option<i64>>>,
}

#[derive(Clone, Debug, Default)]
struct Function<'a> {
    name: &'a str,
    domain: &'a str,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    nodes: Vec<Node<'a>>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// `Io`; `Format` for a file that is too large or plainly of another kind, with what can be done about it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = read_bounded(path, LARGEST)?;
        recognise(&bytes).map_err(|e| e.context(path.display()))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { bytes, folder })
    }

    /// Parses the file.
    ///
    /// # Errors
    /// `Format`, saying what is wrong where.
    pub(crate) fn model(&self) -> Result<Model<'_>> {
        recognise(&self.bytes)?;
        let (mut model, mut functions) = (Model::default(), Vec::new());
        let mut message = Message::new(&self.bytes);
        let mut has_graph = false;
        while let Some((number, field)) = message.next()? {
            match number {
                7 => (model.graph, has_graph) = (graph(field.message()?)?, true),
                8 => model.opsets.push(opset(field.message()?)?),
                14 => model.metadata.push(pair(field.message()?)?),
                25 => functions.push(function(field.message()?)?),
                _ => {}
            }
        }
        if !has_graph {
            return Err(Error::format("expected an ONNX model; got a file without a graph"));
        }
        inline(&mut model.graph, &functions)?;
        Ok(model)
    }
}

/// Says what a file is that is no ONNX file, if its first bytes show it.
fn recognise(bytes: &[u8]) -> Result<()> {
    let wrong = |came: &str, hint: &str| {
        Err(Error::format(format!("expected an ONNX file; got {came}")).with_hint(hint))
    };
    match bytes {
        [] => wrong("an empty file", "copy or download the file again"),
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, b'}' | b'c' | b'(' | b'\x8a', ..] => {
            wrong("a checkpoint of PyTorch, or another archive", EXPORT)
        }
        [0x89, b'H', b'D', b'F', ..] => {
            wrong("an HDF5 file, as Keras writes them", "convert it to ONNX with the Python package tf2onnx")
        }
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => {
            wrong("a TensorFlow Lite model", "convert it to ONNX with the Python package tf2onnx")
        }
        [b'<', ..] => wrong("a web page", "download the file itself"),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..] => {
            wrong("a pointer of Git LFS", "fetch the file itself with git lfs pull")
        }
        [_, _, _, _, _, _, 0, 0, b'{', ..] => wrong(
            "a safetensors file, which has weights and no network",
            "export the network with its weights to ONNX",
        ),
        _ => Ok(()),
    }
}

/// Three lines of Python that export a network.
pub(super) const EXPORT: &str = "pickles are not run here; export the network in Python: model.eval(); x = \
                                 torch.zeros(1, 3, 224, 224); torch.onnx.export(model, x, \"model.onnx\", \
                                 input_names=[\"input\"], dynamic_axes={\"input\": {0: \"batch\"}}, dynamo=False)";

/// Adds an element unless there are too many.
fn push<T>(to: &mut Vec<T>, element: T, what: &str) -> Result<()> {
    if to.len() >= MOST {
        return Err(Error::format(format!("expected at most {MOST} {what}; got more")));
    }
    to.push(element);
    Ok(())
}

fn pair(mut message: Message<'_>) -> Result<(&str, &str)> {
    let mut pair = ("", "");
    while let Some((number, field)) = message.next()? {
        match number {
            1 => pair.0 = field.text()?,
            2 => pair.1 = field.text()?,
            _ => {}
        }
    }
    Ok(pair)
}

fn opset(mut message: Message<'_>) -> Result<(&str, i64)> {
    let mut opset = ("", 0);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => opset.0 = field.text()?,
            2 => opset.1 = field.integer()?,
            _ => {}
        }
    }
    Ok(opset)
}

fn tensor(mut message: Message<'_>) -> Result<TensorProto<'_>> {
    let mut tensor = TensorProto::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => field.integers(&mut tensor.dims)?,
            2 => tensor.data_type = field.integer()?,
            4 => field.floats(&mut tensor.floats)?,
            // Whole numbers of 32 and of 64 bits, with and without sign.
            5 | 7 | 11 => field.integers(&mut tensor.integers)?,
            8 => tensor.name = field.text()?,
            9 => tensor.raw = Some(field.bytes()?),
            10 => field.doubles(&mut tensor.doubles)?,
            13 => push(&mut tensor.external, pair(field.message()?)?, "entries")?,
            14 => tensor.is_external = field.integer()? == 1,
            _ => {}
        }
        if tensor.dims.len() > MOST_AXES {
            return Err(Error::format(format!("expected tensors of at most {MOST_AXES} axes; got more")));
        }
    }
    Ok(tensor)
}

fn attribute(mut message: Message<'_>) -> Result<Attribute<'_>> {
    let mut attribute = Attribute::default();
    let (mut floats, mut integers, mut kind) = (Vec::new(), Vec::new(), 0);
    let (mut float, mut integer, mut bytes, mut constant, mut other) = (None, None, None, None, false);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => attribute.name = field.text()?,
            2 => float = Some(field.float()?),
            3 => integer = Some(field.integer()?),
            4 => bytes = Some(field.bytes()?),
            5 => constant = Some(tensor(field.message()?)?),
            7 => field.floats(&mut floats)?,
            8 => field.integers(&mut integers)?,
            20 => kind = field.integer()?,
            21 => attribute.refers = field.text()?,
            6 | 9 | 10 | 11 | 14 | 15 | 22 | 23 => other = true,
            _ => {}
        }
    }
    // Files of old versions leave the kind out.
    attribute.value = match kind {
        1 => Content::Float(float.unwrap_or(0.0)),
        2 => Content::Int(integer.unwrap_or(0)),
        3 => Content::Bytes(bytes.unwrap_or_default()),
        4 => Content::Tensor(constant.unwrap_or_default()),
        6 => Content::Floats(floats),
        7 => Content::Ints(integers),
        0 => match (constant, bytes, float, integer) {
            _ if other => Content::Other,
            (Some(constant), ..) => Content::Tensor(constant),
            (_, Some(bytes), ..) => Content::Bytes(bytes),
            (_, _, Some(float), _) => Content::Float(float),
            (_, _, _, Some(integer)) => Content::Int(integer),
            _ if !floats.is_empty() => Content::Floats(floats),
            _ if !integers.is_empty() => Content::Ints(integers),
            _ => Content::Nothing,
        },
        _ => Content::Other,
    };
    Ok(attribute)
}

fn node(mut message: Message<'_>) -> Result<Node<'_>> {
    let mut node = Node::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => push(&mut node.inputs, field.text()?.to_owned(), "inputs of a node")?,
            2 => push(&mut node.outputs, field.text()?.to_owned(), "outputs of a node")?,
            3 => field.text()?.clone_into(&mut node.name),
            4 => node.op = field.text()?,
            5 => push(&mut node.attributes, attribute(field.message()?)?, "attributes")?,
            7 => node.domain = field.text()?,
            9 => push(&mut node.metadata, pair(field.message()?)?, "entries")?,
            _ => {}
        }
    }
    Ok(node)
}

fn dimension(mut message: Message<'_>) -> Result<Option<i64>> {
    let mut length = None;
    while let Some((number, field)) = message.next()? {
        if number == 1 {
            length = Some(field.integer()?);
        }
    }
    Ok(length)
}

fn shape(mut message: Message<'_>) -> Result<Vec<Option<i64>>> {
    let mut dims = Vec::new();
    while let Some((number, field)) = message.next()? {
        if number == 1 {
            dims.push(dimension(field.message()?)?);
        }
        if dims.len() > MOST_AXES {
            return Err(Error::format(format!("expected tensors of at most {MOST_AXES} axes; got more")));
        }
    }
    Ok(dims)
}

fn value_info(mut message: Message<'_>) -> Result<ValueInfo<'_>> {
    let mut info = ValueInfo::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => info.name = field.text()?,
            2 => value_type(field.message()?, &mut info)?,
            _ => {}
        }
    }
    Ok(info)
}

/// A tensor's type; other kinds of values leave the element type 0.
fn value_type<'a>(mut message: Message<'a>, info: &mut ValueInfo<'a>) -> Result<()> {
    while let Some((number, field)) = message.next()? {
        if number != 1 {
            continue;
        }
        let mut of = field.message()?;
        while let Some((number, field)) = of.next()? {
            match number {
                1 => info.elem = field.integer()?,
                2 => info.shape = Some(shape(field.message()?)?),
                _ => {}
            }
        }
    }
    Ok(())
}

fn graph(mut message: Message<'_>) -> Result<Graph<'_>> {
    let mut graph = Graph::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => push(&mut graph.nodes, node(field.message()?)?, "nodes")?,
            5 => push(&mut graph.initializers, tensor(field.message()?)?, "constants")?,
            11 => push(&mut graph.inputs, value_info(field.message()?)?, "inputs")?,
            12 => push(&mut graph.outputs, value_info(field.message()?)?, "outputs")?,
            15 => {
                return Err(Error::new(ErrorKind::Unsupported, "expected dense constants; got sparse ones"));
            }
            _ => {}
        }
    }
    Ok(graph)
}

fn function(mut message: Message<'_>) -> Result<Function<'_>> {
    let mut function = Function::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => function.name = field.text()?,
            4 => push(&mut function.inputs, field.text()?, "inputs of a function")?,
            5 => push(&mut function.outputs, field.text()?, "outputs of a function")?,
            7 => push(&mut function.nodes, node(field.message()?)?, "nodes")?,
            10 => function.domain = field.text()?,
            _ => {}
        }
    }
    Ok(function)
}

/// Functions that call each other, at most so deep.
const DEEPEST_CALL: usize = 16;

/// Replaces every call of one of the file's own functions by the function's nodes.
fn inline<'a>(graph: &mut Graph<'a>, functions: &[Function<'a>]) -> Result<()> {
    if functions.is_empty() {
        return Ok(());
    }
    let mut calls = 0;
    let nodes = std::mem::take(&mut graph.nodes);
    for node in nodes {
        expand(node, functions, 0, &mut calls, &mut graph.nodes)?;
    }
    Ok(())
}

fn expand<'a>(
    node: Node<'a>,
    functions: &[Function<'a>],
    depth: usize,
    calls: &mut usize,
    to: &mut Vec<Node<'a>>,
) -> Result<()> {
    let Some(function) = functions.iter().find(|f| f.name == node.op && f.domain == node.domain) else {
        return push(to, node, "nodes");
    };
    if depth >= DEEPEST_CALL {
        return Err(Error::format(format!("expected functions that end; {} calls itself", function.name)));
    }
    *calls += 1;
    // Calls of functions without nodes add nothing that another limit would count.
    if *calls > MOST {
        return Err(Error::format(format!("expected at most {MOST} calls of functions; got more")));
    }
    let call = *calls;
    // Names inside belong to this call alone.
    let mut names: HashMap<&str, String> = HashMap::new();
    for (i, &input) in function.inputs.iter().enumerate() {
        names.insert(input, node.inputs.get(i).cloned().unwrap_or_default());
    }
    // An output that the caller leaves out may still be read inside.
    for (&output, outer) in function.outputs.iter().zip(&node.outputs).filter(|(_, outer)| !outer.is_empty())
    {
        names.insert(output, outer.clone());
    }
    for inner in &function.nodes {
        let name = |inside: &String| match names.get(inside.as_str()) {
            Some(outer) => outer.clone(),
            None if inside.is_empty() => String::new(),
            None => format!("{}#{call}/{inside}", function.name),
        };
        let mut copy = Node {
            name: format!("{}/{}", node.name, inner.name),
            inputs: inner.inputs.iter().map(name).collect(),
            outputs: inner.outputs.iter().map(name).collect(),
            metadata: if inner.metadata.is_empty() { node.metadata.clone() } else { inner.metadata.clone() },
            ..inner.clone()
        };
        copy.attributes.retain_mut(|attribute| {
            if attribute.refers.is_empty() {
                return true;
            }
            let given = node.attributes.iter().find(|outer| outer.name == attribute.refers);
            given.map(|given| attribute.value = given.value.clone()).is_some()
        });
        expand(copy, functions, depth + 1, calls, to)?;
    }
    Ok(())
}

impl<'a> Node<'a> {
    /// Whether an attribute is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name)
    }

    fn content(&self, name: &str) -> Option<&Content<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    fn wrong<T>(&self, name: &str, expected: &str) -> Result<T> {
        Err(Error::format(format!(
            "{}: expected {expected} as the attribute {name}; got something else",
            self.op
        )))
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64> {
        match self.content(name) {
            None | Some(Content::Nothing) => Ok(default),
            Some(Content::Int(value)) => Ok(*value),
            Some(_) => self.wrong(name, "a whole number"),
        }
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32> {
        match self.content(name) {
            None | Some(Content::Nothing) => Ok(default),
            Some(Content::Float(value)) => Ok(*value),
            Some(_) => self.wrong(name, "a floating-point number"),
        }
    }

    pub(crate) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        match self.content(name) {
            None => Ok(None),
            // An empty list may be written as nothing.
            Some(Content::Nothing) => Ok(Some(Vec::new())),
            Some(Content::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => self.wrong(name, "whole numbers"),
        }
    }

    pub(crate) fn floats(&self, name: &str) -> Result<Option<Vec<f32>>> {
        match self.content(name) {
            None => Ok(None),
            Some(Content::Nothing) => Ok(Some(Vec::new())),
            Some(Content::Floats(values)) => Ok(Some(values.clone())),
            Some(_) => self.wrong(name, "floating-point numbers"),
        }
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>> {
        match self.content(name) {
            None | Some(Content::Nothing) => Ok(None),
            Some(Content::Bytes(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => self.wrong(name, "text"),
            },
            Some(_) => self.wrong(name, "text"),
        }
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Option<&TensorProto<'a>>> {
        match self.content(name) {
            None => Ok(None),
            Some(Content::Tensor(tensor)) => Ok(Some(tensor)),
            Some(_) => self.wrong(name, "a tensor"),
        }
    }
}
