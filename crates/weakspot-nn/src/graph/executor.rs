//! Runs a graph on the CPU, forward and backward, in single or double precision.
//!
//! A forward pass frees each buffer after its last use and keeps what the walks back will need, which is less the later
//! the place where they end. A walk back adds up the gradients of a value that was used more than once, in the order of
//! the nodes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use weakspot::{Error, ErrorKind, Result};
use weakspot_conv::{Method, Scalar};

use super::layout::{Layout, Walk};
use super::program::{Arranged, Does, Program, Read, Step, arrange, program};
use super::{Graph, Source};
use crate::executor::memory::Memory;
use crate::operators::{Kept, Kernel, Needs, Placed, Precision, Saved, View};

/// A graph with its constants laid out for the kernels.
#[derive(Debug)]
pub(crate) struct Executor<T: Scalar> {
    graph: Arc<Graph>,
    image: Layout,
    arranged: Vec<Arranged>,
    kernels: Vec<Box<dyn Kernel<T>>>,
    /// Per node and input: the numbers of a constant that the kernel reads while it runs.
    constants: Vec<Vec<Vec<T>>>,
    memory: Memory<T>,
    /// Set when the user asks to stop.
    stop: Option<Arc<AtomicBool>>,
}

/// What a forward pass left behind.
#[derive(Debug)]
pub(crate) struct Tape<T> {
    batch: usize,
    program: Program,
    buffers: Vec<Option<Vec<T>>>,
    /// Per step.
    saved: Vec<Saved<T>>,
    /// Whether a buffer depends on a place where a walk may end.
    reaches: Vec<bool>,
    kept: bool,
}

impl<T> Tape<T> {
    /// The output of a tapped node, as [`Executor::layout`] says.
    pub(crate) fn tapped(&self, node: usize) -> Option<&[T]> {
        self.buffers[self.program.buffers[node]?].as_deref()
    }
}

/// The numbers that a step reads, if they lie in a buffer.
fn read_from<'a, T>(read: &Read, buffers: &'a [Option<Vec<T>>]) -> &'a [T] {
    match read {
        Read::Buffer(buffer) => buffers[*buffer].as_deref().unwrap_or_default(),
        _ => &[],
    }
}

/// Where a walk back ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Image,
    Node(usize),
}

impl<T: Precision> Executor<T> {
    /// Makes a graph ready to run.
    ///
    /// # Errors
    /// `Shape`, naming the node, where a constant does not fit.
    pub(crate) fn new(graph: Arc<Graph>, method: Method) -> Result<Self> {
        // Images come with the channels of a pixel side by side, whatever the graph calls the axes.
        let image = match graph.channel_axis() {
            1 => Layout::channels_last(graph.image()),
            _ => Layout::row_major(graph.image()),
        };
        let arranged = arrange(&graph, &image);
        let ready = graph.nodes.par_iter().zip(&arranged).map(|(node, here)| {
            let placed: Vec<Placed<'_>> = node
                .inputs
                .iter()
                .enumerate()
                .map(|(k, &input)| Placed {
                    layout: here.inputs.get(k).unwrap_or(&here.output),
                    constant: match input {
                        Source::Tensor(i) => Some(&graph.constants[i].tensor),
                        _ => None,
                    },
                })
                .collect();
            T::prepare(node.operator.as_ref(), &placed, &here.output, method)
                .map_err(|e| e.context(&node.name))
        });
        let kernels = ready.collect::<Result<Vec<_>>>()?;
        let constants = graph.nodes.iter().zip(&arranged).map(|(node, here)| {
            let numbers = |(k, &input): (usize, &Source)| match input {
                Source::Tensor(i) if node.operator.reads(k) => {
                    let tensor = &graph.constants[i].tensor;
                    let row_major: Vec<T> = tensor.data.iter().map(|&v| T::from_f64(v.into())).collect();
                    let mut placed = vec![T::ZERO; row_major.len()];
                    let walk = Walk::new(&here.inputs[k], [&Layout::row_major(&tensor.shape)]);
                    reorder(&walk, row_major.len(), row_major.len(), &row_major, &mut placed);
                    placed
                }
                _ => Vec::new(),
            };
            node.inputs.iter().enumerate().map(numbers).collect()
        });
        let constants = constants.collect();
        Ok(Self { image, arranged, kernels, constants, graph, memory: Memory::default(), stop: None })
    }

    /// The graph that is run.
    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Stops a pass at its next step once this is set, with an error of the kind `Interrupted`.
    pub(crate) fn stop_on(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.stop = flag;
    }

    /// How the images have to lie in memory.
    pub(crate) fn image_layout(&self) -> &Layout {
        &self.image
    }

    /// How the output of a node lies.
    pub(crate) fn layout(&self, node: usize) -> &Layout {
        &self.arranged[node].output
    }

    fn go_on(&self) -> Result<()> {
        match &self.stop {
            Some(flag) if flag.load(Ordering::Relaxed) => {
                Err(Error::new(ErrorKind::Interrupted, "stopped by request"))
            }
            _ => Ok(()),
        }
    }

    /// A buffer that is reused from pass to pass.
    pub(crate) fn buffer(&self, len: usize) -> Vec<T> {
        self.memory.buffer(len)
    }

    /// Runs a batch forward. Returns the output, row-major, and the tape.
    ///
    /// `taps` are nodes whose outputs the tape keeps; `stops` are the places where walks back will end.
    ///
    /// # Errors
    /// `Shape` for images of another length; `Interrupted`; what the kernels report.
    pub(crate) fn forward(
        &self,
        batch: usize,
        images: Vec<T>,
        taps: &[usize],
        stops: &[Stop],
    ) -> Result<(Vec<T>, Tape<T>)> {
        if images.len() != batch * self.image.len() {
            let (expected, got) = (batch * self.image.len(), images.len());
            return Err(Error::shape(format!("{batch} images should hold {expected} numbers; got {got}")));
        }
        let mut wanted: BTreeSet<usize> = taps.iter().copied().collect();
        wanted.extend(stops.iter().filter_map(|stop| match stop {
            Stop::Node(node) => Some(*node),
            Stop::Image => None,
        }));
        let gates = |node: usize| self.kernels[node].gated().is_some();
        let program = program(&self.graph, &self.arranged, &self.image, &wanted, gates);
        let reaches = reaches(&program, stops);
        let pinned = self.pinned(&program, taps, &reaches);
        let mut left = program.reads.clone();
        let mut buffers: Vec<Option<Vec<T>>> = vec![None; program.lens.len()];
        buffers[0] = Some(images);
        let mut saved = Vec::with_capacity(program.steps.len());
        for step in &program.steps {
            self.go_on()?;
            let keep = step.inputs.iter().any(|input| matches!(input, Read::Buffer(b) if reaches[*b]));
            let free = |buffer: usize| left[buffer] == 1 && !pinned[buffer];
            saved.push(self.step(batch, step, &program, &mut buffers, keep, free)?);
            for input in &step.inputs {
                let Read::Buffer(buffer) = *input else { continue };
                left[buffer] -= 1;
                if left[buffer] == 0
                    && !pinned[buffer]
                    && let Some(done) = buffers[buffer].take()
                {
                    self.memory.reuse(done);
                }
            }
        }
        let output = match (pinned[program.output], &mut buffers[program.output]) {
            (false, place) => place.take().unwrap_or_default(),
            (true, place) => place.clone().unwrap_or_default(),
        };
        Ok((output, Tape { batch, program, buffers, saved, reaches, kept: !stops.is_empty() }))
    }

    /// Which buffers outlive their last use: taps, and what the way back reads.
    fn pinned(&self, program: &Program, taps: &[usize], reaches: &[bool]) -> Vec<bool> {
        let mut pinned = vec![false; program.lens.len()];
        for tap in taps {
            if let Some(buffer) = program.buffers[*tap] {
                pinned[buffer] = true;
            }
        }
        for step in &program.steps {
            let needs = match step.does {
                Does::Node(node) | Does::Gated(node) => self.kernels[node].needs(),
                Does::Reorder(_) => Needs::default(),
            };
            let walks = step.inputs.iter().any(|input| matches!(input, Read::Buffer(b) if reaches[*b]));
            if walks && needs.inputs {
                for input in &step.inputs {
                    if let Read::Buffer(buffer) = input {
                        pinned[*buffer] = true;
                    }
                }
            }
            if walks && needs.output {
                pinned[step.output] = true;
            }
        }
        pinned
    }

    fn step(
        &self,
        batch: usize,
        step: &Step,
        program: &Program,
        buffers: &mut [Option<Vec<T>>],
        keep: bool,
        free: impl Fn(usize) -> bool,
    ) -> Result<Saved<T>> {
        if let (Does::Node(node), [Read::Buffer(input), rest @ ..]) = (&step.does, &step.inputs[..])
            && let Some(kernel) = self.kernels[*node].in_place()
            && rest.iter().all(|read| *read == Read::Known)
            && self.arranged[*node].inputs[0] == self.arranged[*node].output
            && free(*input)
            && let Some(mut values) = buffers[*input].take()
        {
            let saved = kernel.apply(batch, &mut values, keep)?;
            buffers[step.output] = Some(values);
            return Ok(saved);
        }
        let mut output = self.memory.buffer(batch * program.lens[step.output]);
        let saved = match &step.does {
            Does::Node(node) => {
                let views = self.views(*node, step, program, buffers);
                self.kernels[*node].forward(batch, &views, &mut output, keep)?
            }
            Does::Gated(node) => {
                let views = self.views(*node, step, program, buffers);
                let gated = self.kernels[*node].gated();
                let gated = gated.ok_or_else(|| Error::invalid("expected a kernel that applies a ReLU"))?;
                gated.forward_gated(batch, &views, &mut output, keep)?.map_or(Saved::Nothing, Saved::Open)
            }
            Does::Reorder(walk) => {
                let input = read_from(&step.inputs[0], buffers);
                let len = program.lens[step.output];
                reorder(walk, len, len, input, &mut output);
                Saved::Nothing
            }
        };
        buffers[step.output] = Some(output);
        Ok(saved)
    }

    fn views<'a>(
        &'a self,
        node: usize,
        step: &Step,
        program: &Program,
        buffers: &'a [Option<Vec<T>>],
    ) -> Vec<View<'a, T>> {
        let view = |(k, read): (usize, &Read)| match read {
            Read::Buffer(buffer) => {
                View { data: read_from(read, buffers), len: program.lens[*buffer], constant: false }
            }
            Read::Constant | Read::Known => {
                let data = self.constants[node].get(k).map_or(&[][..], Vec::as_slice);
                View { data, len: data.len(), constant: true }
            }
        };
        step.inputs.iter().enumerate().map(view).collect()
    }

    /// Walks a gradient at the output, row-major, back to each of the stops, in their order. The results lie as
    /// [`Executor::layout`] and [`Executor::image_layout`] say.
    ///
    /// # Errors
    /// `InvalidParameter` for a stop that the forward pass was not told of; `Interrupted`; what the kernels report.
    pub(crate) fn backward(&self, tape: &Tape<T>, gradient: Vec<T>, stops: &[Stop]) -> Result<Vec<Vec<T>>> {
        let Tape { batch, program, buffers, saved, reaches, kept } = tape;
        let ends: Vec<usize> = stops
            .iter()
            .map(|stop| match stop {
                Stop::Image => Ok(0),
                Stop::Node(node) => {
                    program.buffers[*node].filter(|&buffer| reaches[buffer]).ok_or_else(|| {
                        Error::invalid("a walk ends where the forward pass was not asked to keep its tape")
                    })
                }
            })
            .collect::<Result<_>>()?;
        if !kept || ends.iter().any(|&end| !reaches[end]) {
            return Err(Error::invalid("a walk back needs a forward pass that kept its tape"));
        }
        // Only what depends on one of the ends is walked.
        let walked = self::reaches(program, stops);
        let mut gradients: Vec<Option<Vec<T>>> = vec![None; program.lens.len()];
        gradients[program.output] = Some(gradient);
        let mut found: Vec<Vec<T>> = vec![Vec::new(); ends.len()];
        for (step, saved) in program.steps.iter().zip(saved).rev() {
            let Some(gradient) = gradients[step.output].take() else { continue };
            self.go_on()?;
            for (end, found) in ends.iter().zip(&mut found) {
                if *end == step.output {
                    found.clone_from(&gradient);
                }
            }
            self.step_back(*batch, step, program, buffers, saved, &walked, gradient, &mut gradients)?;
        }
        for (end, found) in ends.iter().zip(&mut found) {
            if *end == 0 {
                *found = gradients[0].clone().unwrap_or_default();
            }
            if found.is_empty() {
                // The output does not depend on it.
                *found = vec![T::ZERO; batch * program.lens[*end]];
            }
        }
        Ok(found)
    }

    #[expect(clippy::too_many_arguments, reason = "a step, what it left, and where gradients go")]
    fn step_back(
        &self,
        batch: usize,
        step: &Step,
        program: &Program,
        buffers: &[Option<Vec<T>>],
        saved: &Saved<T>,
        walked: &[bool],
        mut gradient: Vec<T>,
        gradients: &mut [Option<Vec<T>>],
    ) -> Result<()> {
        let goes = |read: &Read| match *read {
            Read::Buffer(buffer) if walked[buffer] => Some(buffer),
            _ => None,
        };
        let node = match &step.does {
            Does::Reorder(walk) => {
                if let Some(to) = goes(&step.inputs[0]) {
                    let mut result = self.memory.buffer(gradient.len());
                    undo(walk, program.lens[to], &gradient, &mut result);
                    self.add(gradients, to, result);
                }
                self.memory.reuse(gradient);
                return Ok(());
            }
            Does::Node(node) => *node,
            Does::Gated(node) => {
                if let Saved::Open(gates) = saved {
                    gates.apply(&mut gradient).map_err(crate::operators::shape_error)?;
                }
                *node
            }
        };
        let kernel = &self.kernels[node];
        let inputs = self.views(node, step, program, buffers);
        let output = buffers[step.output].as_deref().unwrap_or_default();
        let kept = Kept { inputs, output, saved };
        if let (Some(in_place), Some(to)) = (kernel.in_place(), step.inputs.first().and_then(goes))
            && self.arranged[node].inputs[0] == self.arranged[node].output
        {
            in_place.back(batch, &kept, &mut gradient)?;
            self.add(gradients, to, gradient);
            return Ok(());
        }
        for (k, read) in step.inputs.iter().enumerate() {
            let Some(to) = goes(read) else { continue };
            let mut result = self.memory.buffer(batch * program.lens[to]);
            kernel.gradient(batch, &kept, &gradient, k, &mut result)?;
            self.add(gradients, to, result);
        }
        self.memory.reuse(gradient);
        Ok(())
    }

    /// Adds to what other uses of a value have left.
    fn add(&self, gradients: &mut [Option<Vec<T>>], to: usize, part: Vec<T>) {
        match &mut gradients[to] {
            None => gradients[to] = Some(part),
            Some(sum) => {
                sum.par_chunks_mut(CHUNK).zip(part.par_chunks(CHUNK)).for_each(|(sum, part)| {
                    for (sum, &v) in sum.iter_mut().zip(part) {
                        *sum += v;
                    }
                });
                self.memory.reuse(part);
            }
        }
    }

    /// Takes back the memory of a tape.
    pub(crate) fn recycle(&self, tape: Tape<T>) {
        for buffer in tape.buffers.into_iter().flatten() {
            self.memory.reuse(buffer);
        }
    }

    /// Takes back the memory of an output or a gradient.
    pub(crate) fn reuse(&self, buffer: Vec<T>) {
        self.memory.reuse(buffer);
    }
}

/// Numbers per task.
const CHUNK: usize = 1 << 14;

/// Which buffers depend on a place where a walk ends, or are such a place.
fn reaches(program: &Program, stops: &[Stop]) -> Vec<bool> {
    let mut reaches = vec![false; program.lens.len()];
    for stop in stops {
        match stop {
            Stop::Image => reaches[0] = true,
            Stop::Node(node) => {
                if let Some(buffer) = program.buffers[*node] {
                    reaches[buffer] = true;
                }
            }
        }
    }
    for step in &program.steps {
        if step.inputs.iter().any(|input| matches!(input, Read::Buffer(b) if reaches[*b])) {
            reaches[step.output] = true;
        }
    }
    reaches
}

/// Copies numbers into the order of a walk, `from` numbers per image into `to`.
fn reorder<T: Scalar>(walk: &Walk<1>, from: usize, to: usize, input: &[T], output: &mut [T]) {
    let (length, [step], rows) = (walk.row(), walk.steps(), to / walk.row());
    output.par_chunks_mut(length).with_min_len(CHUNK.div_ceil(length)).enumerate().for_each(|(i, row)| {
        let start = i / rows * from + walk.start(i % rows)[0];
        for (j, v) in row.iter_mut().enumerate() {
            *v = input[start + j * step];
        }
    });
}

/// The inverse of [`reorder`], `len` numbers per image.
fn undo<T: Scalar>(walk: &Walk<1>, len: usize, gradient: &[T], result: &mut [T]) {
    let (length, [step]) = (walk.row(), walk.steps());
    result.par_chunks_mut(len).zip(gradient.par_chunks(len)).for_each(|(result, gradient)| {
        for (i, row) in gradient.chunks_exact(length).enumerate() {
            let [start] = walk.start(i);
            for (j, &v) in row.iter().enumerate() {
                result[start + j * step] = v;
            }
        }
    });
}
