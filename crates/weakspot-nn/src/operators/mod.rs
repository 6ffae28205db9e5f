//! What the nodes of a graph do: one operator per file, with its equation, its forward and its backward pass.
//!
//! An operator is a description: it knows the shape of its output and how it likes its numbers to lie in memory. From
//! these, [`Prepare`] makes a [`Kernel`] that runs, in single or double precision.

pub(crate) mod affine;
pub(crate) mod attention;
pub(crate) mod binary;
pub(crate) mod concat;
pub(crate) mod conv;
pub(crate) mod function;
pub(crate) mod gather;
pub(crate) mod layer_norm;
pub(crate) mod linear;
pub(crate) mod local_response;
pub(crate) mod matmul;
mod normalize;
pub(crate) mod pad;
pub(crate) mod pool;
pub(crate) mod reduce;
pub(crate) mod relu;
pub(crate) mod resize;
pub(crate) mod softmax;
pub(crate) mod view;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use weakspot::classifier::LayerKind;
use weakspot::{Error, Result};
use weakspot_conv::{Gates, Method, Scalar, ShapeError};

pub(crate) use binary::{Binary, Pairwise};
pub(crate) use function::Elementwise;
pub(crate) use gather::Gather;
pub(crate) use linear::Linear;
pub(crate) use matmul::MatMul;
pub(crate) use normalize::Normalize;
pub(crate) use reduce::{Reduce, Reduction};
pub(crate) use softmax::Softmax;
pub(crate) use view::{Reshape, Transpose};

use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::weights::Tensor;

/// What a node does. Shapes are those of a batch of one image.
pub(crate) trait Operator: Any + Debug + Send + Sync + Prepare<f32> + Prepare<f64> {
    /// Its name, as ONNX has it.
    fn name(&self) -> &'static str;

    /// What kind of layer it is, for whoever chooses a place to look at.
    fn kind(&self) -> LayerKind {
        LayerKind::Other
    }

    /// The shape of the output.
    ///
    /// # Errors
    /// `Shape`, where the inputs do not fit the operator.
    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>>;

    /// How the inputs have to lie in memory, and how the output will, for inputs that lie as given.
    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement;

    /// Where one position along an axis of the output depends on several along the same axis of an input, or on others:
    /// such an axis cannot hold the images of a batch. `(input, axis)` pairs.
    fn mixed_axes(&self, inputs: &[&[usize]]) -> Vec<(usize, usize)>;

    /// The longer side of the window of pixels that one position depends on, and the distance between neighbours;
    /// `None` if it depends on all of them.
    fn window(&self, _inputs: &[&[usize]]) -> Option<(usize, usize)> {
        Some((1, 1))
    }

    /// For a transposition: where an axis of the input is in the output.
    fn moved_axis(&self, _axis: usize) -> Option<usize> {
        None
    }

    /// Where the pixels of a grid are in the output, if they are known for the inputs (METHODS calls them places).
    fn follow(&self, spots: &[Option<Spot>], inputs: &[&[usize]], output: &[usize]) -> Option<Spot> {
        // Whatever keeps the shape keeps the places.
        let mut known = spots.iter().zip(inputs).filter(|(spot, dims)| spot.is_some() && **dims == output);
        known.next().and_then(|(spot, _)| *spot)
    }

    /// Whether a kernel reads this input while it runs. One that does not has taken its numbers, which are constant,
    /// when it was made ready.
    fn reads(&self, _input: usize) -> bool {
        true
    }

    /// Whether parameters of the network stand behind its constant inputs, which an untrained network has too: measured
    /// statistics and fixed numbers are none.
    fn learns(&self, _input: usize) -> bool {
        false
    }
}

/// Where an operator's numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrangement {
    /// The output is the input under other names of its axes: no number moves.
    View {
        /// How the input must lie.
        input: Layout,
        /// How the output lies then.
        output: Layout,
    },
    /// The operator has to run.
    Run {
        /// How the inputs must lie.
        inputs: Vec<Layout>,
        /// How the output lies then.
        output: Layout,
    },
}

/// An input of a node, as a kernel is made ready for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'a> {
    /// How it lies.
    pub layout: &'a Layout,
    /// Its numbers, if they are the same for every image; row-major.
    pub constant: Option<&'a Arc<Tensor>>,
}

/// Makes an operator ready to run in one precision.
pub(crate) trait Prepare<T: Scalar> {
    /// A kernel for inputs and an output that lie as given. `method` chooses how 3x3 convolutions are computed.
    ///
    /// # Errors
    /// `Shape`, where the constants do not fit the operator.
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, method: Method) -> Result<Box<dyn Kernel<T>>>;
}

/// A number type that networks run in.
pub(crate) trait Precision: Scalar {
    /// [`Prepare::prepare`] for this type.
    fn prepare(
        operator: &dyn Operator,
        inputs: &[Placed<'_>],
        output: &Layout,
        method: Method,
    ) -> Result<Box<dyn Kernel<Self>>>;
}

impl Precision for f32 {
    fn prepare(
        operator: &dyn Operator,
        inputs: &[Placed<'_>],
        output: &Layout,
        method: Method,
    ) -> Result<Box<dyn Kernel<Self>>> {
        Prepare::<Self>::prepare(operator, inputs, output, method)
    }
}

impl Precision for f64 {
    fn prepare(
        operator: &dyn Operator,
        inputs: &[Placed<'_>],
        output: &Layout,
        method: Method,
    ) -> Result<Box<dyn Kernel<Self>>> {
        Prepare::<Self>::prepare(operator, inputs, output, method)
    }
}

/// The numbers of one input for a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, T> {
    /// One image after the other, or the same numbers for all.
    pub data: &'a [T],
    /// Numbers for one image.
    pub len: usize,
    /// Whether every image has the same.
    pub constant: bool,
}

impl<'a, T> View<'a, T> {
    /// The numbers of an image.
    pub(crate) fn image(&self, i: usize) -> &'a [T] {
        if self.constant { self.data } else { &self.data[i * self.len..][..self.len] }
    }
}

/// What a forward pass keeps for the way back, beside inputs and outputs.
#[derive(Debug)]
pub(crate) enum Saved<T> {
    Nothing,
    /// Where a ReLU let numbers pass.
    Open(Gates),
    /// Which cell of its window each maximum was.
    Places(Vec<u8>),
    /// Means and deviations, or whatever the operator says.
    Numbers(Vec<T>),
}

/// What a way back has to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub inputs: bool,
    pub output: bool,
}

/// What the forward pass left.
#[derive(Debug)]
pub(crate) struct Kept<'a, T> {
    /// Empty where [`Needs`] does not ask for them.
    pub inputs: Vec<View<'a, T>>,
    /// Likewise.
    pub output: &'a [T],
    pub saved: &'a Saved<T>,
}

/// An operator that is ready to run.
///
/// What is computed for an image is the same bytes whatever else is in the batch and however many threads there are.
pub(crate) trait Kernel<T: Scalar>: Debug + Send + Sync {
    /// Overwrites `output`. `keep` asks for what the gradient needs.
    ///
    /// # Errors
    /// What the kernels below report.
    fn forward(&self, batch: usize, inputs: &[View<'_, T>], output: &mut [T], keep: bool)
    -> Result<Saved<T>>;

    /// Overwrites `result` with the gradient to input `to`, from the gradient to the output.
    ///
    /// # Errors
    /// What the kernels below report.
    fn gradient(
        &self,
        batch: usize,
        kept: &Kept<'_, T>,
        gradient: &[T],
        to: usize,
        result: &mut [T],
    ) -> Result<()>;

    /// What [`Kernel::gradient`] reads.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The kernel for one input whose numbers are not needed any more, if it can overwrite them.
    fn in_place(&self) -> Option<&dyn InPlace<T>> {
        None
    }

    /// The kernel with a ReLU behind it, if it can apply one while it writes.
    fn gated(&self) -> Option<&dyn Gated<T>> {
        None
    }
}

/// An operator of one input that can overwrite its numbers, which lie as the output does.
pub(crate) trait InPlace<T: Scalar> {
    /// As [`Kernel::forward`].
    fn apply(&self, batch: usize, values: &mut [T], keep: bool) -> Result<Saved<T>>;

    /// As [`Kernel::gradient`].
    fn back(&self, batch: usize, kept: &Kept<'_, T>, gradient: &mut [T]) -> Result<()>;
}

/// An operator that can apply a ReLU to its output.
pub(crate) trait Gated<T: Scalar> {
    /// As [`Kernel::forward`], followed by a ReLU that leaves its gates if `keep`.
    fn forward_gated(
        &self,
        batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        keep: bool,
    ) -> Result<Option<Gates>>;
}

/// A mismatch that this crate's checks should have caught.
pub(crate) fn shape_error(error: ShapeError) -> Error {
    Error::shape(error.to_string())
}

/// Every input and the output as they come, with the order of the first input.
fn like_the_first(inputs: &[Layout], output: &[usize]) -> Arrangement {
    let output = inputs[0].with_dims(output);
    Arrangement::Run { inputs: inputs.to_vec(), output }
}

/// The one shape of an operator's inputs.
fn one<'a>(name: &str, inputs: &[&'a [usize]]) -> Result<&'a [usize]> {
    match inputs {
        [input, ..] => Ok(input),
        [] => Err(Error::shape(format!("{name} needs an input; got none"))),
    }
}

/// A constant input's numbers.
fn constant<'a>(name: &str, inputs: &[Placed<'a>], input: usize) -> Result<&'a Arc<Tensor>> {
    inputs
        .get(input)
        .and_then(|input| input.constant)
        .ok_or_else(|| Error::shape(format!("{name} needs a constant as its input {input}; got none")))
}

/// Numbers in the precision of a pass.
fn scalars<T: Scalar>(numbers: &[f32]) -> Vec<T> {
    numbers.iter().map(|&v| T::from_f64(v.into())).collect()
}

/// The error for a way back through a pass that kept nothing.
fn not_kept(name: &str) -> Error {
    Error::invalid(format!("a walk back through {name} needs a forward pass that kept its tape"))
}

#[cfg(test)]
mod tests;
