//! Poolings over windows: the largest value, or the mean.
//!
//! Windows may overlap and reach into a border. The border is never the largest value; whether it counts in a mean is
//! said by the file. The gradient of a largest value goes to the first that has it, in reading order.

use weakspot::classifier::LayerKind;
use weakspot::{Error, Result};
use weakspot_conv::{Method, Scalar, Windows};

use super::conv::{padding, pair};
use super::{Arrangement, Kept, Kernel, Operator, Placed, Prepare, Saved, View, shape_error};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value};

/// Where windows lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub kernel: (usize, usize),
    pub stride: (usize, usize),
    pub dilation: (usize, usize),
    /// `[top, left, bottom, right]`.
    pub padding: [usize; 4],
    /// Whether a window that is not whole counts.
    pub ceil: bool,
}

/// `MaxPool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxPool(pub Places);

/// `AveragePool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AveragePool {
    pub places: Places,
    pub count_padding: bool,
}

impl Places {
    fn windows(&self, dims: &[usize]) -> Result<Windows> {
        let &[_, channels, height, width] = dims else {
            return Err(Error::shape(format!("expected images of rank 4; got {dims:?}")));
        };
        let Self { kernel, stride, dilation, padding, ceil } = *self;
        Windows::new(channels, (height, width), kernel, stride, dilation, padding, ceil).map_err(shape_error)
    }

    fn output(&self, name: &str, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = super::one(name, inputs)?;
        let (height, width) = self.windows(input).map_err(|e| e.context(name))?.output_size();
        Ok(vec![input[0], input[1], height, width])
    }
}

fn arrange(inputs: &[Layout], output: &[usize]) -> Arrangement {
    Arrangement::Run {
        inputs: vec![Layout::channels_last(inputs[0].dims())],
        output: Layout::channels_last(output),
    }
}

macro_rules! operator {
    ($t:ty, $name:literal, $places:expr) => {
        impl Operator for $t {
            fn name(&self) -> &'static str {
                $name
            }

            fn kind(&self) -> LayerKind {
                LayerKind::Pooling
            }

            fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
                $places(self).output($name, inputs)
            }

            fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
                arrange(inputs, output)
            }

            fn follow(&self, _: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
                Some(Spot::IMAGE)
            }

            fn window(&self, _: &[&[usize]]) -> Option<(usize, usize)> {
                let Places { kernel, stride, dilation, .. } = $places(self);
                let side = |kernel: usize, dilation: usize| (kernel - 1) * dilation + 1;
                Some((side(kernel.0, dilation.0).max(side(kernel.1, dilation.1)), stride.0.max(stride.1)))
            }

            fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
                vec![(0, 2), (0, 3)]
            }
        }
    };
}

operator!(MaxPool, "MaxPool", |pool: &MaxPool| pool.0);
operator!(AveragePool, "AveragePool", |pool: &AveragePool| pool.places);

/// Windows on `each` images per image of the batch.
#[derive(Debug)]
struct Largest {
    each: usize,
    windows: Windows,
}

#[derive(Debug)]
struct Means {
    each: usize,
    windows: Windows,
    count_padding: bool,
}

impl<T: Scalar> Prepare<T> for MaxPool {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let dims = inputs[0].layout.dims();
        Ok(Box::new(Largest { each: dims[0], windows: self.0.windows(dims)? }))
    }
}

impl<T: Scalar> Prepare<T> for AveragePool {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let dims = inputs[0].layout.dims();
        let (each, windows) = (dims[0], self.places.windows(dims)?);
        Ok(Box::new(Means { each, windows, count_padding: self.count_padding }))
    }
}

impl<T: Scalar> Kernel<T> for Largest {
    fn forward(
        &self,
        batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        keep: bool,
    ) -> Result<Saved<T>> {
        let mut places = Vec::new();
        let kept = keep.then_some(&mut places);
        self.windows.max_forward(batch * self.each, inputs[0].data, output, kept).map_err(shape_error)?;
        Ok(if keep { Saved::Places(places) } else { Saved::Nothing })
    }

    fn gradient(
        &self,
        batch: usize,
        kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let Saved::Places(places) = kept.saved else { return Err(super::not_kept("MaxPool")) };
        self.windows.max_gradient(batch * self.each, gradient, places, result).map_err(shape_error)
    }
}

impl<T: Scalar> Kernel<T> for Means {
    fn forward(&self, batch: usize, inputs: &[View<'_, T>], output: &mut [T], _: bool) -> Result<Saved<T>> {
        let n = batch * self.each;
        self.windows.average_forward(n, self.count_padding, inputs[0].data, output).map_err(shape_error)?;
        Ok(Saved::Nothing)
    }

    fn gradient(
        &self,
        batch: usize,
        _kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let n = batch * self.each;
        self.windows.average_gradient(n, self.count_padding, gradient, result).map_err(shape_error)
    }
}

fn read_places(r: &Reading<'_, '_, '_>) -> Result<Places> {
    let dims = r.dims(0)?;
    if dims.len() != 4 {
        return Err(Reading::unsupported(format!("expected images of rank 4; got a shape of {dims:?}")));
    }
    let kernel = pair(r, "kernel_shape", (0, 0))?;
    if kernel == (0, 0) {
        return Err(Error::format("expected a kernel_shape; got none"));
    }
    let (stride, dilation) = (pair(r, "strides", (1, 1))?, pair(r, "dilations", (1, 1))?);
    let padding = padding(r, kernel, stride, dilation)?;
    Ok(Places { kernel, stride, dilation, padding, ceil: r.node.int("ceil_mode", 0)? != 0 })
}

/// `MaxPool`, without the places of the maxima as a second output.
pub(crate) fn read_max(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    if r.node.int("storage_order", 0)? != 0 {
        return Err(Reading::unsupported("MaxPool is read with storage_order 0"));
    }
    let (pool, input) = (MaxPool(read_places(r)?), r.input(0)?.clone());
    Ok(vec![r.push(pool, &[input])?])
}

/// `AveragePool`.
pub(crate) fn read_average(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let count_padding = r.node.int("count_include_pad", 0)? != 0;
    let (pool, input) = (AveragePool { places: read_places(r)?, count_padding }, r.input(0)?.clone());
    Ok(vec![r.push(pool, &[input])?])
}
