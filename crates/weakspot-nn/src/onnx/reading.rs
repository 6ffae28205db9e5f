//! One node of a file while it is read: its inputs, its attributes, and the graph that it is added to.

use std::collections::HashMap;
use std::sync::Arc;

use weakspot::{Error, ErrorKind, Result};
use weakspot_conv::Method;

use super::file::{File, Node, TensorProto};
use super::tensor::Constant;
use super::value::Value;
use crate::graph::executor::Executor;
use crate::graph::{Graph, Source};
use crate::operators::Operator;
use crate::weights::Tensor;

/// The graph that a file becomes.
#[derive(Debug)]
pub(crate) struct Builder<'c> {
    pub(super) graph: Graph,
    /// Tensors that have been made from constants, for all batches for which the file is read.
    tensors: &'c mut Tensors,
    /// Constants that stand in the graph already.
    constants: HashMap<*const Constant, Source>,
    names: HashMap<String, usize>,
}

/// Tensors by the constant that they are.
#[derive(Debug, Default)]
pub(super) struct Tensors {
    made: HashMap<*const Constant, Arc<Tensor>>,
    /// So that no other constant takes the place of one.
    held: Vec<Arc<Constant>>,
}

impl Tensors {
    fn of(&mut self, constant: &Arc<Constant>) -> Result<Arc<Tensor>> {
        let key = Arc::as_ptr(constant);
        if let Some(ready) = self.made.get(&key) {
            return Ok(Arc::clone(ready));
        }
        let data =
            constant.floats().ok_or_else(|| Error::format("expected floating-point numbers; got others"))?;
        let tensor = Arc::new(Tensor { shape: constant.dims.clone(), data });
        self.held.push(Arc::clone(constant));
        self.made.insert(key, Arc::clone(&tensor));
        Ok(tensor)
    }
}

impl<'c> Builder<'c> {
    pub(super) fn new(graph: Graph, tensors: &'c mut Tensors) -> Self {
        Self { graph, tensors, constants: HashMap::new(), names: HashMap::new() }
    }

    /// A name that no node has yet.
    fn fresh(&mut self, name: &str) -> String {
        let count = self.names.entry(name.to_owned()).or_insert(0);
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name}#{count}") }
    }

    fn source(&mut self, value: &Value) -> Result<Source> {
        match value {
            Value::Data(source, _) => Ok(*source),
            Value::Known(constant, name) => {
                let key = Arc::as_ptr(constant);
                if let Some(&source) = self.constants.get(&key) {
                    return Ok(source);
                }
                let tensor = self.tensors.of(constant)?;
                let name = name.clone().unwrap_or_else(|| format!("constant {}", self.graph.constants.len()));
                let source = self.graph.constant(name, tensor);
                self.constants.insert(key, source);
                Ok(source)
            }
            Value::Absent => Err(Error::format("an input that is needed is left out")),
            Value::IsNan(_) => Err(Error::format("expected numbers; got a test for not-a-number")),
        }
    }
}

/// A node that is being read.
#[derive(Debug)]
pub(crate) struct Reading<'r, 'c, 'f> {
    pub node: &'r Node<'f>,
    pub inputs: Vec<Value>,
    pub opset: i64,
    pub(super) file: &'r File,
    pub(super) builder: &'r mut Builder<'c>,
    /// The node's name, or, if it has none, that of its first output.
    pub(super) name: String,
    pub(super) modules: Vec<String>,
}

impl Reading<'_, '_, '_> {
    /// An input, if it is there.
    pub(crate) fn get(&self, i: usize) -> Option<&Value> {
        self.inputs.get(i).filter(|value| !matches!(value, Value::Absent))
    }

    /// An input that has to be there.
    pub(crate) fn input(&self, i: usize) -> Result<&Value> {
        self.get(i).ok_or_else(|| Error::format(format!("expected an input {i}; got {}", self.inputs.len())))
    }

    /// The shape of an input.
    pub(crate) fn dims(&self, i: usize) -> Result<Vec<usize>> {
        let dims = self.input(i)?.dims().map(<[usize]>::to_vec);
        dims.ok_or_else(|| Error::format(format!("expected numbers as input {i}")))
    }

    /// An input whose numbers must not depend on the image.
    pub(crate) fn known(&self, i: usize) -> Result<Arc<Constant>> {
        match self.input(i)? {
            Value::Known(constant, _) => Ok(Arc::clone(constant)),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                format!("expected an input {i} that does not depend on the image; got one that does"),
            )),
        }
    }

    /// Integers of an input, or of the attribute that older opsets have instead.
    pub(crate) fn integers(&self, i: usize, attribute: &str) -> Result<Option<Vec<i64>>> {
        if self.get(i).is_none() {
            return self.node.ints(attribute);
        }
        let constant = self.known(i)?;
        let integers = constant.as_integers().map(<[i64]>::to_vec);
        integers
            .map(Some)
            .ok_or_else(|| Error::format(format!("expected integers as input {i}; got other numbers")))
    }

    /// One number of an input, or of the attribute that older opsets have instead.
    pub(crate) fn number(&self, i: usize, attribute: &str) -> Result<Option<f64>> {
        if self.get(i).is_none() {
            // An attribute that is missing has no value that a default could stand for.
            let missing = f32::NAN;
            let value = self.node.float(attribute, missing)?;
            return Ok((!value.is_nan()).then_some(f64::from(value)));
        }
        let constant = self.known(i)?;
        match constant.floats().as_deref() {
            Some([value]) => Ok(Some(f64::from(*value))),
            _ => Err(Error::format(format!(
                "expected one number as input {i}; got a shape of {:?}",
                constant.dims
            ))),
        }
    }

    /// An axis, counted from the end if it is negative.
    pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize> {
        let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        from_start
            .and_then(|axis| usize::try_from(axis).ok())
            .filter(|&axis| axis < rank)
            .ok_or_else(|| Error::format(format!("expected an axis of {rank}; got {axis}")))
    }

    /// An attribute that is an axis of input 0.
    pub(crate) fn axis_attribute(&self, name: &str, default: i64) -> Result<usize> {
        Self::axis(self.node.int(name, default)?, self.dims(0)?.len())
    }

    /// The numbers of a tensor in an attribute.
    pub(super) fn decode(&self, tensor: &TensorProto<'_>) -> Result<Constant> {
        self.file.constant(tensor)
    }

    /// The error for something that is understood and not supported.
    pub(crate) fn unsupported(what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unsupported, what)
    }

    /// Adds a node to the graph, or computes it at once if no input depends on the image.
    pub(crate) fn push(&mut self, operator: impl Operator + 'static, inputs: &[Value]) -> Result<Value> {
        let operator: Arc<dyn Operator> = Arc::new(operator);
        if inputs.iter().all(|input| matches!(input, Value::Known(..))) {
            return evaluate(operator, inputs);
        }
        let sources = inputs.iter().map(|input| self.builder.source(input)).collect::<Result<Vec<_>>>()?;
        let name = self.builder.fresh(&self.name);
        let source = self.builder.graph.push(name, self.modules.clone(), operator, sources)?;
        Ok(Value::Data(source, self.builder.graph.dims(source).to_vec()))
    }
}

/// What an operator makes of constants.
fn evaluate(operator: Arc<dyn Operator>, inputs: &[Value]) -> Result<Value> {
    let mut tensors = Tensors::default();
    let mut builder = Builder::new(Graph::new(vec![1; 4], 1), &mut tensors);
    let sources = inputs.iter().map(|input| builder.source(input)).collect::<Result<Vec<_>>>()?;
    let mut graph = builder.graph;
    graph.output = graph.push("constant".to_owned(), Vec::new(), operator, sources)?;
    let dims = graph.dims(graph.output).to_vec();
    // Rounded once.
    let executor = Executor::<f64>::new(Arc::new(graph), Method::Direct)?;
    let (data, _) = executor.forward(1, vec![0.0], &[], &[])?;
    let data = data.into_iter().map(|v| v as f32).collect();
    Ok(Value::known(Constant { dims, data: super::tensor::Data::F32(data) }))
}
