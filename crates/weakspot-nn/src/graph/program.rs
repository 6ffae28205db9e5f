//! From a graph to the steps of a pass: where each value lies, what is fused, and when memory is free again.

use std::collections::{BTreeSet, HashMap};

use super::layout::{Layout, Walk};
use super::{Graph, Source};
use crate::operators::Arrangement;

/// How a node's numbers lie, once for all passes.
#[derive(Clone, Debug)]
pub(super) struct Arranged {
    pub inputs: Vec<Layout>,
    pub output: Layout,
    /// Whether the output is its input under other names of the axes.
    pub is_view: bool,
}

/// Arranges all nodes, for images of which the channels of a pixel lie side by side.
pub(super) fn arrange(graph: &Graph, image: &Layout) -> Vec<Arranged> {
    let mut arranged: Vec<Arranged> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let come: Vec<Layout> = node
            .inputs
            .iter()
            .map(|&input| match input {
                Source::Image => image.clone(),
                Source::Node(i) => arranged[i].output.clone(),
                Source::Tensor(i) => Layout::row_major(&graph.constants[i].tensor.shape),
            })
            .collect();
        arranged.push(match node.operator.arrange(&come, &node.dims) {
            Arrangement::View { input, output } => Arranged { inputs: vec![input], output, is_view: true },
            Arrangement::Run { inputs, output } => Arranged { inputs, output, is_view: false },
        });
    }
    arranged
}

/// An input of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A buffer of the pass.
    Buffer(usize),
    /// The constant that input of that node is.
    Constant,
    /// Numbers that the kernel has already.
    Known,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(super) enum Does {
    /// Runs a node's kernel.
    Node(usize),
    /// Runs a node's kernel and the ReLU after it.
    Gated(usize),
    /// Brings numbers into another order: the walk is in the order of the result.
    Reorder(Walk<1>),
}

/// One step of a pass.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub does: Does,
    pub inputs: Vec<Read>,
    pub output: usize,
}

/// The steps of a pass.
#[derive(Debug)]
pub(super) struct Program {
    pub steps: Vec<Step>,
    /// Numbers for one image, per buffer. Buffer 0 is the image.
    pub lens: Vec<usize>,
    /// How many steps read each buffer.
    pub reads: Vec<usize>,
    /// The buffer of each node's output; those of nodes that are fused into others have none.
    pub buffers: Vec<Option<usize>>,
    /// The buffer of the graph's output.
    pub output: usize,
}

/// Buffers while a program is made.
struct Making<'a> {
    graph: &'a Graph,
    arranged: &'a [Arranged],
    program: Program,
    image: &'a Layout,
    /// The same numbers in other orders.
    reordered: HashMap<(Source, Vec<usize>), usize>,
}

impl Making<'_> {
    fn buffer(&mut self, len: usize) -> usize {
        self.program.lens.push(len);
        self.program.reads.push(0);
        self.program.lens.len() - 1
    }

    fn layout(&self, source: Source) -> Layout {
        match source {
            Source::Node(i) => self.arranged[i].output.clone(),
            _ => self.image.clone(),
        }
    }

    /// The buffer that holds a value in the order asked for.
    fn value(&mut self, source: Source, wanted: &Layout) -> usize {
        let primary = match source {
            Source::Node(i) => self.program.buffers[i].unwrap_or(0),
            _ => 0,
        };
        let layout = self.layout(source);
        if layout == *wanted {
            return primary;
        }
        let key = (source, wanted.strides().to_vec());
        if let Some(&ready) = self.reordered.get(&key) {
            return ready;
        }
        let output = self.buffer(wanted.len());
        let does = Does::Reorder(Walk::new(wanted, [&layout]));
        self.push(Step { does, inputs: vec![Read::Buffer(primary)], output });
        self.reordered.insert(key, output);
        output
    }

    fn push(&mut self, step: Step) {
        for input in &step.inputs {
            if let Read::Buffer(buffer) = input {
                self.program.reads[*buffer] += 1;
            }
        }
        self.program.steps.push(step);
    }
}

/// Makes the program of a pass. `wanted` nodes get buffers of their own: nothing is fused over them, and no view shares
/// its gradient with them. `gates(node)` says whether a node's kernel can apply a ReLU.
pub(super) fn program(
    graph: &Graph,
    arranged: &[Arranged],
    image: &Layout,
    wanted: &BTreeSet<usize>,
    gates: impl Fn(usize) -> bool,
) -> Program {
    let program = Program {
        steps: Vec::new(),
        lens: vec![image.len()],
        reads: vec![0],
        buffers: vec![None; graph.nodes.len()],
        output: 0,
    };
    let mut making = Making { graph, arranged, program, image, reordered: HashMap::new() };
    let readers = graph.readers();
    let mut fused = vec![false; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        if fused[i] {
            continue;
        }
        let here = &arranged[i];
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (k, &input) in node.inputs.iter().enumerate() {
            inputs.push(match input {
                _ if !node.operator.reads(k) => Read::Known,
                Source::Tensor(_) => Read::Constant,
                source => Read::Buffer(making.value(source, &here.inputs[k])),
            });
        }
        if here.is_view
            && !wanted.contains(&i)
            && let [Read::Buffer(same)] = inputs[..]
        {
            making.program.buffers[i] = Some(same);
            continue;
        }
        let next = match readers[i][..] {
            [next] if gates(i) && !wanted.contains(&i) && making.graph.output != Source::Node(i) => {
                Some(next)
            }
            _ => None,
        };
        let relu = next.filter(|&next| {
            graph.nodes[next].operator.name() == "Relu" && arranged[next].output == here.output
        });
        let output = making.buffer(here.output.len());
        let does = if let Some(relu) = relu {
            fused[relu] = true;
            making.program.buffers[relu] = Some(output);
            Does::Gated(i)
        } else {
            making.program.buffers[i] = Some(output);
            Does::Node(i)
        };
        making.push(Step { does, inputs, output });
    }
    let output = graph.output;
    let layout = Layout::row_major(graph.dims(output));
    making.program.output = making.value(output, &layout);
    making.program
}
