//! A convolution with its weights: the checked entry to all kernels.

use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::direct::{self, Transposed};
use crate::gates::Gates;
use crate::kinds::Kinds;
use crate::pack::{pack, position, unpack};
use crate::scalar::Scalar;
use crate::shape::{ConvShape, ShapeError, check};
use crate::simd::{Isa, LANES, Lanes};
use crate::thin;
use crate::winograd::{self, Filters, Gate, Grid, Pass, Pixels};

/// How 3x3 convolutions are computed.
///
/// # Examples
/// ```
/// use weakspot_conv::Method;
///
/// assert_eq!("direct".parse::<Method>()?, Method::Direct);
/// assert_eq!(Method::default().to_string(), "fast");
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Winograd's minimal filtering where the layer allows it (3x3, stride 1, padding 1, single precision): fewer
    /// multiplications, and rounding errors a few times larger.
    #[default]
    Fast,
    /// Sums of products, as the definition says.
    Direct,
}

impl std::str::FromStr for Method {
    type Err = ShapeError;

    fn from_str(name: &str) -> Result<Self, ShapeError> {
        match name {
            "fast" => Ok(Self::Fast),
            "direct" => Ok(Self::Direct),
            _ => Err(ShapeError(format!("expected fast or direct; got {name:?}"))),
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Direct => "direct",
        })
    }
}

/// What happens to the numbers of a convolution's output before they are written.
///
/// # Examples
/// ```
/// use weakspot_conv::{Activation, ConvShape, Convolution, Gates, Method};
///
/// // A linear layer: 2 x and -x.
/// let layer = Convolution::new(ConvShape::linear(1, 2)?, &[2.0, -1.0], vec![0.0, 0.0], Method::Fast)?;
/// let (mut output, mut gates) = ([0.0; 2], Gates::closed(1, 2));
/// layer.forward(1, &[3.0_f32], Activation::Gated(&mut gates), &mut output)?;
/// assert_eq!(output, [6.0, 0.0]);
/// assert!(gates.is_open(0, 0) && !gates.is_open(0, 1));
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Debug)]
pub enum Activation<'a> {
    /// Nothing.
    Linear,
    /// `max(v, 0)`, a NaN staying a NaN.
    Relu,
    /// The same, and remember which passed: the gates must have the output's pixels and channels.
    Gated(&'a mut Gates),
}

/// A two-dimensional convolution (or a linear layer, its 1x1 case) with weights, bias and what the kernels derive from
/// them.
///
/// # Shapes
/// Images lie in memory as `[n, height, width, channels]`.
///
/// # Determinism
/// What is computed for an image is the same bytes whatever else is in the batch and however many threads there are;
/// gradients to weights are summed over the batch in order. Another [`Isa`] or [`Method`] rounds differently.
///
/// # Examples
/// ```
/// use weakspot_conv::{Activation, ConvShape, Convolution, Method};
///
/// // Sums over 3x3 pixels, with zeros around an image of 2x2.
/// let shape = ConvShape::new(1, 1, (3, 3), (1, 1), [1; 4], (2, 2))?;
/// let sums = Convolution::new(shape, &[1.0_f32; 9], vec![0.5], Method::Fast)?;
/// let mut output = [0.0; 4];
/// sums.forward(1, &[1.0, 2.0, 3.0, 4.0], Activation::Linear, &mut output)?;
/// assert_eq!(output, [10.5; 4]);
/// // Every pixel is in four sums.
/// let mut gradient = [0.0; 4];
/// sums.input_gradient(1, &[1.0; 4], None, &mut gradient)?;
/// assert_eq!(gradient, [4.0; 4]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Debug)]
pub struct Convolution<T: Scalar> {
    shape: ConvShape,
    isa: Isa,
    /// What computes it; `None` for patches gathered into a matrix.
    kernel: Option<Kernel>,
    /// Empty once frozen.
    weights: Vec<T>,
    bias: Vec<T>,
    /// Made when first needed, dropped when the weights change.
    filters: Prepared,
    rotated: Prepared,
    transposed: OnceLock<Transposed<T>>,
}

/// The kernels of 3x3 convolutions with stride 1 and padding 1 in single precision.
#[derive(Clone, Copy, Debug)]
enum Kernel {
    /// Sums of products: where there are so few input channels that they beat Winograd's algorithm.
    Thin,
    /// Winograd's algorithm on tiles.
    Winograd(Grid),
}

impl Kernel {
    /// What computes a convolution, chosen once.
    fn of(shape: &ConvShape, method: Method, singles: bool) -> Option<Self> {
        let fits = shape.kernel == (3, 3) && shape.stride == (1, 1) && shape.padding == [1; 4];
        if method == Method::Direct || !fits || !singles {
            return None;
        }
        Some(if thin::takes(shape) { Self::Thin } else { Self::Winograd(Grid::new(shape.size)) })
    }
}

/// Filters, and the memory of those that were dropped.
#[derive(Debug, Default)]
struct Prepared {
    filters: OnceLock<Filters>,
    spare: Mutex<Vec<Lanes>>,
}

impl Prepared {
    fn get(&self, make: impl FnOnce(Vec<Lanes>) -> Filters) -> &Filters {
        self.filters.get_or_init(|| {
            make(std::mem::take(&mut *self.spare.lock().unwrap_or_else(PoisonError::into_inner)))
        })
    }

    fn clear(&mut self) {
        if let Some(old) = self.filters.take() {
            *self.spare.get_mut().unwrap_or_else(PoisonError::into_inner) = old.data;
        }
    }
}

impl<T: Scalar> Convolution<T> {
    /// From weights `[channels out, channels in, kernel height, kernel width]` (PyTorch's order) and one bias per
    /// output channel.
    ///
    /// # Errors
    /// When a length disagrees with the shape.
    pub fn new(shape: ConvShape, weights: &[T], bias: Vec<T>, method: Method) -> Result<Self, ShapeError> {
        Self::with_isa(shape, weights, bias, method, Isa::best())
    }

    /// As [`Convolution::new`], with an instruction set of this processor that need not be the fastest.
    ///
    /// # Errors
    /// As [`Convolution::new`].
    pub fn with_isa(
        shape: ConvShape,
        weights: &[T],
        bias: Vec<T>,
        method: Method,
        isa: Isa,
    ) -> Result<Self, ShapeError> {
        let weights = pack(&shape, weights)?;
        check("bias", bias.len(), shape.channels_out)?;
        let kernel = Kernel::of(&shape, method, T::singles(&weights).is_some());
        let (filters, rotated) = <(Prepared, Prepared)>::default();
        Ok(Self { shape, isa, kernel, weights, bias, filters, rotated, transposed: OnceLock::new() })
    }

    /// The same convolution followed by `v * scale + shift` per output channel: a batch norm outside training.
    ///
    /// # Errors
    /// When there is not one number per output channel, or the convolution is frozen.
    pub fn scaled(&self, scale: &[T], shift: &[T]) -> Result<Self, ShapeError> {
        self.check_weights()?;
        check("scale", scale.len(), self.shape.channels_out)?;
        check("shift", shift.len(), self.shape.channels_out)?;
        let mut weights = self.weights.clone();
        for p in 0..self.shape.patch() {
            for (o, &s) in scale.iter().enumerate() {
                weights[position(&self.shape, o, p)] *= s;
            }
        }
        let bias = self.bias.iter().zip(scale).zip(shift).map(|((&b, &s), &t)| b * s + t).collect();
        let (filters, rotated) = <(Prepared, Prepared)>::default();
        let Self { shape, isa, kernel, .. } = *self;
        Ok(Self { shape, isa, kernel, weights, bias, filters, rotated, transposed: OnceLock::new() })
    }

    /// The shape.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Weights in PyTorch's order.
    ///
    /// # Errors
    /// When the convolution is frozen.
    pub fn weights(&self) -> Result<Vec<T>, ShapeError> {
        self.check_weights()?;
        unpack(&self.shape, &self.weights)
    }

    /// One number per output channel.
    pub fn bias(&self) -> &[T] {
        &self.bias
    }

    /// Weights (in the kernels' order, which is also that of [`Convolution::weight_gradient`]) and bias, to be changed.
    ///
    /// # Errors
    /// When the convolution is frozen.
    pub fn parameters_mut(&mut self) -> Result<(&mut [T], &mut [T]), ShapeError> {
        self.check_weights()?;
        self.filters.clear();
        self.rotated.clear();
        self.transposed.take();
        Ok((&mut self.weights, &mut self.bias))
    }

    /// Makes what [`Convolution::forward`] and [`Convolution::input_gradient`] need of the weights, and frees the
    /// memory of the weights themselves where neither reads them any more: with Winograd's algorithm, whose filters in
    /// both directions are four to eight times as large. Results stay the same bytes.
    pub fn freeze(&mut self) {
        let Some(kernel) = self.kernel else { return };
        self.filters.get(|spare| self.transform(kernel, false, spare));
        if let Kernel::Winograd(_) = kernel {
            self.rotated.get(|spare| self.transform(kernel, true, spare));
        }
        self.weights = Vec::new();
    }

    fn check_weights(&self) -> Result<(), ShapeError> {
        if self.weights.len() == self.shape.weights_len() {
            return Ok(());
        }
        Err(ShapeError(
            "a frozen convolution no longer holds its weights; expected one that can be trained".to_owned(),
        ))
    }

    /// `output = activation(input * weights + bias)` for `n` images.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn forward(
        &self,
        n: usize,
        input: &[T],
        activation: Activation<'_>,
        output: &mut [T],
    ) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("input", input.len(), length(n, shape.input_len())?)?;
        check("output", output.len(), length(n, shape.output_len())?)?;
        if let Activation::Gated(gates) = &activation {
            check("gates", gates.channels(), shape.channels_out)?;
            check("gates", gates.pixels() * shape.channels_out, output.len())?;
        }
        if let (Some(kernel), Some(input)) = (self.kernel, T::singles(input))
            && let (Some(output), Some(bias)) = (T::singles_mut(output), T::singles(&self.bias))
        {
            let bias = &lanes(bias);
            let filters = self.filters.get(|spare| self.transform(kernel, false, spare));
            let gate = match activation {
                Activation::Linear => Gate::None,
                Activation::Relu => Gate::Relu(None),
                Activation::Gated(gates) => Gate::Relu(Some(gates.bits_mut())),
            };
            match kernel {
                Kernel::Thin => {
                    thin::Forward { isa: self.isa, shape, filters, bias, input }.run(output, gate);
                }
                Kernel::Winograd(grid) => {
                    let input = Pixels::Whole(input);
                    Pass { isa: self.isa, grid, filters, bias, images: n, input, kinds: &[] }
                        .run(output, gate);
                }
            }
            return Ok(());
        }
        direct::forward(shape, n, input, &self.weights, Some(&self.bias), output)?;
        match activation {
            Activation::Linear => {}
            Activation::Relu => output.par_chunks_mut(1 << 14).for_each(|values| {
                for v in values {
                    *v = if *v <= T::ZERO { T::ZERO } else { *v };
                }
            }),
            Activation::Gated(gates) => *gates = Gates::relu(output, shape.channels_out)?,
        }
        Ok(())
    }

    /// The gradient to the input of `n` images from the gradient to their output, with zeros where `gates`, those of
    /// the input, are closed.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn input_gradient(
        &self,
        n: usize,
        output_gradient: &[T],
        gates: Option<&Gates>,
        input_gradient: &mut [T],
    ) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("output gradient", output_gradient.len(), length(n, shape.output_len())?)?;
        check("input gradient", input_gradient.len(), length(n, shape.input_len())?)?;
        if let Some(gates) = gates {
            check("gates", gates.channels(), shape.channels_in)?;
            check("gates", gates.pixels() * shape.channels_in, input_gradient.len())?;
        }
        if let (Some(kernel), Some(input)) = (self.kernel, T::singles(output_gradient))
            && let Some(output) = T::singles_mut(input_gradient)
        {
            match kernel {
                Kernel::Thin => {
                    let filters = self.filters.get(|spare| self.transform(kernel, false, spare));
                    let gates = gates.map(Gates::bits);
                    thin::InputGradient { isa: self.isa, shape, filters, output_gradient: input, gates }
                        .run(output);
                }
                Kernel::Winograd(grid) => self.back(n, grid, Pixels::Whole(input), gates, output),
            }
            return Ok(());
        }
        let transposed = if let Some(ready) = self.transposed.get() {
            ready
        } else {
            let fresh = Transposed::new(shape, &self.weights)?;
            self.transposed.get_or_init(|| fresh)
        };
        direct::input_gradient(shape, n, output_gradient, &self.weights, transposed, input_gradient)?;
        gates.map_or(Ok(()), |gates| gates.apply(input_gradient))
    }

    /// Whether Winograd's algorithm computes it, so that pixels that see the same numbers may differ in their last
    /// bits.
    pub fn is_transformed(&self) -> bool {
        matches!(self.kernel, Some(Kernel::Winograd(_)))
    }

    /// Whether [`Convolution::forward_pooled`] and [`Convolution::input_gradient_pooled`] are available: where
    /// Winograd's algorithm is used, on images of at least two pixels a side.
    pub fn pools(&self) -> bool {
        self.is_transformed() && self.shape.size.0 > 1 && self.shape.size.1 > 1
    }

    /// `output = max(relu(input * weights + bias))` over windows of 2x2 pixels side by side from the top left, as in
    /// [`MaxPool`](crate::MaxPool), for `n` images: the activations between are never in memory. `maxima`, gates of the
    /// convolution's pixels, are opened at each window's maximum if it passed the ReLU. If `kinds`, those of the
    /// convolution's output, are given, the first pixel of the maximum's kind is opened, even if rounding made another
    /// pixel larger.
    ///
    /// # Errors
    /// When a length disagrees, or the convolution does not pool; nothing is written then.
    pub fn forward_pooled(
        &self,
        n: usize,
        input: &[T],
        maxima: Option<&mut Gates>,
        kinds: Option<&Kinds>,
        output: &mut [T],
    ) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("output", output.len(), length(n, self.windows()?)?)?;
        check("input", input.len(), length(n, shape.input_len())?)?;
        if let Some(maxima) = &maxima {
            check("maxima", maxima.channels(), shape.channels_out)?;
            check("maxima", maxima.pixels() * shape.channels_out, length(n, shape.output_len())?)?;
        }
        if let Some(kinds) = kinds {
            check("kinds", kinds.pixels() * shape.channels_out, length(n, shape.output_len())?)?;
        }
        let (Some(kernel @ Kernel::Winograd(grid)), Some(input)) = (self.kernel, T::singles(input)) else {
            return Err(self.no_windows());
        };
        let (Some(output), Some(bias)) = (T::singles_mut(output), T::singles(&self.bias)) else {
            return Err(self.no_windows());
        };
        let bias = lanes(bias);
        let filters = self.filters.get(|spare| self.transform(kernel, false, spare));
        let input = Pixels::Whole(input);
        let kinds = kinds.map_or(&[][..], Kinds::as_slice);
        let pass = Pass { isa: self.isa, grid, filters, bias: &bias, images: n, input, kinds };
        // Pixels that no window covers stay closed.
        let maxima = maxima.map(|maxima| {
            let bits = maxima.bits_mut();
            bits.fill(0);
            bits
        });
        pass.run(output, Gate::Pool(maxima));
        Ok(())
    }

    /// As [`Convolution::input_gradient`], from the gradient to the output of [`Convolution::forward_pooled`].
    ///
    /// # Errors
    /// When a length disagrees, or the convolution does not pool; nothing is written then.
    pub fn input_gradient_pooled(
        &self,
        n: usize,
        output_gradient: &[T],
        maxima: &Gates,
        gates: Option<&Gates>,
        input_gradient: &mut [T],
    ) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("output gradient", output_gradient.len(), length(n, self.windows()?)?)?;
        check("maxima", maxima.channels(), shape.channels_out)?;
        check("maxima", maxima.pixels() * shape.channels_out, length(n, shape.output_len())?)?;
        check("input gradient", input_gradient.len(), length(n, shape.input_len())?)?;
        if let Some(gates) = gates {
            check("gates", gates.channels(), shape.channels_in)?;
            check("gates", gates.pixels() * shape.channels_in, input_gradient.len())?;
        }
        let (Some(Kernel::Winograd(grid)), Some(input)) = (self.kernel, T::singles(output_gradient)) else {
            return Err(self.no_windows());
        };
        let Some(output) = T::singles_mut(input_gradient) else { return Err(self.no_windows()) };
        self.back(n, grid, Pixels::Pooled(input, maxima.bits()), gates, output);
        Ok(())
    }

    /// The gradient to the input, with rotated filters.
    fn back(&self, n: usize, grid: Grid, input: Pixels<'_>, gates: Option<&Gates>, output: &mut [f32]) {
        let filters = self.rotated.get(|spare| self.transform(Kernel::Winograd(grid), true, spare));
        let pass = Pass { isa: self.isa, grid, filters, bias: &[], images: n, input, kinds: &[] };
        pass.run(output, gates.map_or(Gate::None, |gates| Gate::Open(gates.bits())));
    }

    /// Numbers in one image after pooling.
    fn windows(&self) -> Result<usize, ShapeError> {
        let (height, width) = self.shape.size;
        if self.pools() {
            Ok(height / 2 * (width / 2) * self.shape.channels_out)
        } else {
            Err(self.no_windows())
        }
    }

    fn no_windows(&self) -> ShapeError {
        ShapeError(format!(
            "this convolution of {:?} pixels does not pool: expected the fast method, 3x3, stride 1, padding 1, single \
             precision, at least two pixels a side, and neither one nor three input channels",
            self.shape.size
        ))
    }

    /// The gradients to weights (in the order of [`Convolution::parameters_mut`]) and bias, summed over `n` images;
    /// both are overwritten.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn weight_gradient(
        &self,
        n: usize,
        input: &[T],
        output_gradient: &[T],
        to_weights: &mut [T],
        to_bias: &mut [T],
    ) -> Result<(), ShapeError> {
        let shape = &self.shape;
        check("input", input.len(), length(n, shape.input_len())?)?;
        check("output gradient", output_gradient.len(), length(n, shape.output_len())?)?;
        check("weight gradient", to_weights.len(), shape.weights_len())?;
        check("bias gradient", to_bias.len(), shape.channels_out)?;
        direct::bias_gradient(shape, n, output_gradient, to_bias)?;
        if let (Some(kernel), Some(input)) = (self.kernel.filter(|_| n > 0), T::singles(input))
            && let (Some(gradient), Some(to)) = (T::singles(output_gradient), T::singles_mut(to_weights))
        {
            match kernel {
                Kernel::Thin => thin::weight_gradient(self.isa, shape, n, input, gradient, to),
                Kernel::Winograd(grid) => {
                    winograd::weight_gradient(self.isa, shape, &grid, n, input, gradient, to);
                }
            }
            return Ok(());
        }
        direct::weight_gradient(shape, n, input, output_gradient, to_weights)
    }

    /// Filters for a pass. Empty if the numbers are not single precision, which these kernels do not take.
    fn transform(&self, kernel: Kernel, rotated: bool, spare: Vec<Lanes>) -> Filters {
        let packed = T::singles(&self.weights).unwrap_or_default();
        match kernel {
            Kernel::Thin => thin::filters(&self.shape, packed, spare),
            Kernel::Winograd(grid) => Filters::new(self.isa, &self.shape, &grid, packed, rotated, spare),
        }
    }
}

/// `n * each`, unless that overflows.
fn length(n: usize, each: usize) -> Result<usize, ShapeError> {
    n.checked_mul(each)
        .ok_or_else(|| ShapeError(format!("{n} images of {each} numbers do not fit in memory")))
}

/// One vector per group of channels, the last filled up with zeros.
fn lanes(values: &[f32]) -> Vec<Lanes> {
    let vector = |chunk: &[f32]| {
        let mut lanes = Lanes::default();
        lanes.0[..chunk.len()].copy_from_slice(chunk);
        lanes
    };
    values.chunks(LANES).map(vector).collect()
}
