//! Convolutions of every shape: groups, strides, dilation, any padding.
//!
//! Depthwise convolutions are sums over vectors of channels. All others are products: patches of some output pixels are
//! gathered into a matrix that stays in the cache, and multiplied by packed weights; a 1x1 convolution needs no
//! gathering. The gradient to the input is computed in the same way, from patches of the gradient to the output: for a
//! stride s, the input pixels divide into s times s phases, each reached by some of the kernel's taps, so that no
//! multiplication is wasted and no sum depends on the order of tasks. Narrow groups are multiplied several at a time,
//! as one matrix with zeros between them.

mod depthwise;
mod gathered;
mod shape;

use std::sync::OnceLock;

use rayon::prelude::*;

use crate::gates::Gates;
use crate::product::{Finish, Left, Packed, product_parallel};
use crate::scalar::Scalar;
use crate::shape::{ShapeError, check};
use depthwise::Depthwise;
use gathered::{Gathered, backward, forward};
pub use shape::GeneralShape;

/// A convolution of any shape with its weights, which do not change.
///
/// # Shapes
/// Images lie in memory as `[n, height, width, channels]`.
///
/// # Determinism
/// What is computed for an image is the same bytes whatever else is in the batch and however many threads there are.
///
/// # Examples
/// ```
/// use weakspot_conv::{General, GeneralShape};
///
/// // Two channels, each the sum of its own pixels two columns apart.
/// let shape = GeneralShape { groups: 2, dilation: (1, 2), ..GeneralShape::new(2, 2, (1, 2), (1, 3)) }.checked()?;
/// let sums = General::new(shape, &[1.0_f32; 4], vec![0.0, 0.5])?;
/// let mut output = [0.0; 2];
/// sums.forward(1, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0], false, &mut output)?;
/// assert_eq!(output, [4.0, 40.5]);
/// let mut gradient = [0.0; 6];
/// sums.input_gradient(1, &[1.0, 2.0], &mut gradient)?;
/// assert_eq!(gradient, [1.0, 2.0, 0.0, 0.0, 1.0, 2.0]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Debug)]
pub struct General<T: Scalar> {
    shape: GeneralShape,
    /// `[out, in / groups, kernel height, kernel width]`, as PyTorch has them.
    weights: Vec<T>,
    bias: Vec<T>,
    /// Made when first needed.
    forward: OnceLock<Kernel<T>>,
    backward: OnceLock<Kernel<T>>,
}

/// What computes one direction.
#[derive(Debug)]
enum Kernel<T: Scalar> {
    Pointwise(Packed<T>),
    Depthwise(Depthwise<T>),
    Gathered(Gathered<T>),
}

impl<T: Scalar> General<T> {
    /// From weights `[channels out, channels in / groups, kernel height, kernel width]` (PyTorch's order) and one bias
    /// per output channel.
    ///
    /// # Errors
    /// When a length disagrees with the shape.
    pub fn new(shape: GeneralShape, weights: &[T], bias: Vec<T>) -> Result<Self, ShapeError> {
        let shape = shape.checked()?;
        check("weights", weights.len(), shape.weights_len())?;
        check("bias", bias.len(), shape.channels_out)?;
        let (forward, backward) = (OnceLock::new(), OnceLock::new());
        Ok(Self { shape, weights: weights.to_vec(), bias, forward, backward })
    }

    /// The shape.
    pub fn shape(&self) -> &GeneralShape {
        &self.shape
    }

    fn kernel(&self, back: bool) -> Result<&Kernel<T>, ShapeError> {
        let place = if back { &self.backward } else { &self.forward };
        if let Some(ready) = place.get() {
            return Ok(ready);
        }
        let (shape, weights) = (&self.shape, &self.weights[..]);
        let (ci, co) = (shape.channels_in, shape.channels_out);
        let fresh = if shape.is_depthwise() {
            Kernel::Depthwise(Depthwise::new(shape, weights, back))
        } else if shape.is_pointwise() {
            Kernel::Pointwise(if back {
                Packed::new(co, ci, weights, ci, 1)?
            } else {
                Packed::new(ci, co, weights, 1, ci)?
            })
        } else if back {
            Kernel::Gathered(backward(shape, weights)?)
        } else {
            Kernel::Gathered(forward(shape, weights)?)
        };
        Ok(place.get_or_init(|| fresh))
    }

    /// `output = input * weights + bias` for `n` images, and `max(v, 0)` of it if `relu`.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn forward(&self, n: usize, input: &[T], relu: bool, output: &mut [T]) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("input", input.len(), n.saturating_mul(shape.input_len()))?;
        check("output", output.len(), n.saturating_mul(shape.output_len()))?;
        let finish = Finish { bias: Some(&self.bias), relu };
        match self.kernel(false)? {
            Kernel::Pointwise(packed) => {
                let rows = n * shape.size.0 * shape.size.1;
                let left = Left { data: input, rows, row_stride: shape.channels_in, term_stride: 1 };
                product_parallel(left, packed, finish, output)
            }
            Kernel::Depthwise(depthwise) => {
                depthwise.run(input, Some(&self.bias), relu, output);
                Ok(())
            }
            Kernel::Gathered(gathered) => gathered.run(input, finish, output),
        }
    }

    /// [`General::forward`] with a ReLU, which leaves its gates.
    ///
    /// # Errors
    /// As [`General::forward`].
    pub fn forward_gated(&self, n: usize, input: &[T], output: &mut [T]) -> Result<Gates, ShapeError> {
        self.forward(n, input, false, output)?;
        Gates::relu(output, self.shape.channels_out)
    }

    /// The gradient to the input of `n` images from the gradient to their output.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn input_gradient(&self, n: usize, gradient: &[T], result: &mut [T]) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("output gradient", gradient.len(), n.saturating_mul(shape.output_len()))?;
        check("input gradient", result.len(), n.saturating_mul(shape.input_len()))?;
        match self.kernel(true)? {
            Kernel::Pointwise(packed) => {
                let rows = n * shape.size.0 * shape.size.1;
                let left = Left { data: gradient, rows, row_stride: shape.channels_out, term_stride: 1 };
                product_parallel(left, packed, Finish::default(), result)
            }
            Kernel::Depthwise(depthwise) => {
                depthwise.run(gradient, None, false, result);
                Ok(())
            }
            Kernel::Gathered(gathered) => gathered.run(gradient, Finish::default(), result),
        }
    }
}

/// One image of the result after the other, with its source, in parallel.
fn images<'a, T: Scalar>(
    source: &'a [T],
    each: usize,
    result: &'a mut [T],
    each_result: usize,
) -> impl IndexedParallelIterator<Item = (&'a [T], &'a mut [T])> {
    source.par_chunks(each).zip(result.par_chunks_mut(each_result))
}
