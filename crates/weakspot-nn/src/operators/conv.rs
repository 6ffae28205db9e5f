//! A two-dimensional convolution (cross-correlation, as in every framework):
//! `y[o, i, j] = b[o] + sum over c, u, v of w[o, c, u, v] * x[c, i*s + u*d - p, j*s + v*d - p]`, in groups of channels.

use weakspot::classifier::LayerKind;
use weakspot::{Error, Result};
use weakspot_conv::{Activation, ConvShape, Convolution, Gates, General, GeneralShape, Method, Scalar};

use super::{
    Arrangement, Gated, Kept, Kernel, Operator, Placed, Prepare, Saved, View, constant, scalars, shape_error,
};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Reading, Value};

/// `Conv` on images. Input 1 is the weights `[out, in / groups, height, width]`, input 2, if there is one, the bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conv {
    pub stride: (usize, usize),
    pub dilation: (usize, usize),
    /// `[top, left, bottom, right]`.
    pub padding: [usize; 4],
    pub groups: usize,
}

impl Conv {
    /// The convolution's shape, for images and weights of these shapes.
    fn shape(&self, image: &[usize], weights: &[usize]) -> Result<GeneralShape> {
        let (&[_, channels, height, width], &[out, each, kh, kw]) = (image, weights) else {
            return Err(Error::shape(format!(
                "Conv: expected images and weights of rank 4; got {image:?} and {weights:?}"
            )));
        };
        let Self { stride, dilation, padding, groups } = *self;
        if each.checked_mul(groups) != Some(channels) {
            return Err(Error::shape(format!(
                "Conv: expected {} channels in {groups} groups; got images {image:?}",
                each.saturating_mul(groups)
            )));
        }
        let shape = GeneralShape::new(channels, out, (kh, kw), (height, width));
        GeneralShape { stride, dilation, padding, groups, ..shape }.checked().map_err(shape_error)
    }

    /// Whether Winograd's algorithm takes it.
    fn is_plain(&self, weights: &[usize]) -> bool {
        weights[2..] == [3, 3]
            && (self.stride, self.dilation, self.padding, self.groups) == ((1, 1), (1, 1), [1; 4], 1)
    }
}

impl Operator for Conv {
    fn name(&self) -> &'static str {
        "Conv"
    }

    fn kind(&self) -> LayerKind {
        LayerKind::Convolution
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let ([image, weights] | [image, weights, _]) = inputs else {
            return Err(Error::shape("Conv needs images and weights"));
        };
        let (height, width) = self.shape(image, weights)?.output_size();
        Ok(vec![image[0], weights[0], height, width])
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let mut inputs = inputs.to_vec();
        inputs[0] = Layout::channels_last(inputs[0].dims());
        Arrangement::Run { inputs, output: Layout::channels_last(output) }
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, 1), (0, 2), (0, 3)]
    }

    fn reads(&self, input: usize) -> bool {
        input == 0
    }

    fn follow(&self, _: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        Some(Spot::IMAGE)
    }

    fn window(&self, inputs: &[&[usize]]) -> Option<(usize, usize)> {
        let side = |axis: usize, dilation: usize| (inputs[1][axis] - 1) * dilation + 1;
        Some((side(2, self.dilation.0).max(side(3, self.dilation.1)), self.stride.0.max(self.stride.1)))
    }

    fn learns(&self, input: usize) -> bool {
        input > 0
    }
}

/// A convolution with its weights, on `each` images per image of the batch.
#[derive(Debug)]
struct Convolved<T: Scalar> {
    each: usize,
    kind: Kind<T>,
}

/// What computes it.
#[derive(Debug)]
enum Kind<T: Scalar> {
    /// 3x3 by Winograd's algorithm.
    Plain(Box<Convolution<T>>),
    General(Box<General<T>>),
}

impl<T: Scalar> Prepare<T> for Conv {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, method: Method) -> Result<Box<dyn Kernel<T>>> {
        let tensor = constant("Conv", inputs, 1)?;
        let image = inputs[0].layout.dims();
        let shape = self.shape(image, &tensor.shape)?;
        let weights: Vec<T> = scalars(&tensor.data);
        let bias = match inputs.get(2) {
            Some(_) => scalars(&constant("Conv", inputs, 2)?.data),
            None => vec![T::ZERO; tensor.shape[0]],
        };
        let singles = T::singles(&weights).is_some();
        let kind = if singles && method == Method::Fast && self.is_plain(&tensor.shape) {
            let GeneralShape { channels_in, channels_out, kernel, stride, padding, size, .. } = shape;
            let shape = ConvShape::new(channels_in, channels_out, kernel, stride, padding, size);
            let convolution = shape.and_then(|shape| Convolution::new(shape, &weights, bias, method));
            Kind::Plain(Box::new(convolution.map_err(shape_error)?))
        } else {
            Kind::General(Box::new(General::new(shape, &weights, bias).map_err(shape_error)?))
        };
        Ok(Box::new(Convolved { each: image[0], kind }))
    }
}

impl<T: Scalar> Kernel<T> for Convolved<T> {
    fn forward(&self, batch: usize, inputs: &[View<'_, T>], output: &mut [T], _: bool) -> Result<Saved<T>> {
        let (n, input) = (batch * self.each, inputs[0].data);
        match &self.kind {
            Kind::Plain(convolution) => convolution.forward(n, input, Activation::Linear, output),
            Kind::General(general) => general.forward(n, input, false, output),
        }
        .map_err(shape_error)?;
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
        match &self.kind {
            Kind::Plain(convolution) => convolution.input_gradient(n, gradient, None, result),
            Kind::General(general) => general.input_gradient(n, gradient, result),
        }
        .map_err(shape_error)
    }

    fn gated(&self) -> Option<&dyn Gated<T>> {
        Some(self)
    }
}

impl<T: Scalar> Gated<T> for Convolved<T> {
    fn forward_gated(
        &self,
        batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        keep: bool,
    ) -> Result<Option<Gates>> {
        let (n, input) = (batch * self.each, inputs[0].data);
        let convolution = match &self.kind {
            Kind::Plain(convolution) => convolution,
            Kind::General(general) if keep => {
                return general.forward_gated(n, input, output).map(Some).map_err(shape_error);
            }
            Kind::General(general) => {
                general.forward(n, input, true, output).map_err(shape_error)?;
                return Ok(None);
            }
        };
        let channels = convolution.bias().len();
        let mut gates = keep.then(|| Gates::closed(output.len() / channels, channels));
        let activation = match &mut gates {
            Some(gates) => Activation::Gated(gates),
            None => Activation::Relu,
        };
        convolution.forward(n, input, activation, output).map_err(shape_error)?;
        Ok(gates)
    }
}

/// Padding `[top, left, bottom, right]` of a node with windows on images, for `auto_pad` too.
pub(super) fn padding(
    r: &Reading<'_, '_, '_>,
    kernel: (usize, usize),
    stride: (usize, usize),
    dilation: (usize, usize),
) -> Result<[usize; 4]> {
    let dims = r.dims(0)?;
    let &[_, _, height, width] = &dims[..] else {
        return Err(Reading::unsupported(format!("expected images of rank 4; got a shape of {dims:?}")));
    };
    let auto = r.node.string("auto_pad")?.unwrap_or("NOTSET");
    match auto {
        "VALID" => return Ok([0; 4]),
        "SAME_UPPER" | "SAME_LOWER" => {
            let side = |length: usize, kernel: usize, stride: usize, dilation: usize| {
                let reach = (length.div_ceil(stride) - 1) * stride + (kernel - 1) * dilation + 1;
                let all = reach.saturating_sub(length);
                if auto == "SAME_UPPER" { (all / 2, all - all / 2) } else { (all - all / 2, all / 2) }
            };
            let (top, bottom) = side(height, kernel.0, stride.0, dilation.0);
            let (left, right) = side(width, kernel.1, stride.1, dilation.1);
            return Ok([top, left, bottom, right]);
        }
        "NOTSET" | "" => {}
        other => return Err(Error::format(format!("expected an auto_pad of ONNX; got {other:?}"))),
    }
    match r.node.ints("pads")? {
        None => Ok([0; 4]),
        Some(pads) => {
            match pads.iter().map(|&p| usize::try_from(p).ok()).collect::<Option<Vec<_>>>().as_deref() {
                Some(&[top, left, bottom, right])
                    if [top, left, bottom, right].iter().all(|&p| p <= LARGEST) =>
                {
                    Ok([top, left, bottom, right])
                }
                _ => Err(Error::format(format!("expected four pads from 0 to {LARGEST}; got {pads:?}"))),
            }
        }
    }
}

/// Far above what a network has, and low enough that no sum of lengths overflows.
const LARGEST: usize = 1 << 12;

/// Two lengths of at least 1 from an attribute.
pub(super) fn pair(r: &Reading<'_, '_, '_>, name: &str, default: (usize, usize)) -> Result<(usize, usize)> {
    match r.node.ints(name)?.as_deref() {
        None => Ok(default),
        Some(&[a, b]) if (1..=LARGEST as i64).contains(&a) && (1..=LARGEST as i64).contains(&b) => {
            Ok((a as usize, b as usize))
        }
        Some(other) => Err(Error::format(format!("expected two lengths as {name}; got {other:?}"))),
    }
}

/// `Conv`.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let weights = r.dims(1)?;
    let &[_, _, kh, kw] = &weights[..] else {
        return Err(Reading::unsupported(format!(
            "Conv: expected the weights of a convolution of images, of rank 4; got {weights:?}"
        )));
    };
    let (stride, dilation) = (pair(r, "strides", (1, 1))?, pair(r, "dilations", (1, 1))?);
    let padding = padding(r, (kh, kw), stride, dilation)?;
    let groups = r.node.int("group", 1)?;
    let groups = usize::try_from(groups)
        .ok()
        .filter(|&groups| groups > 0)
        .ok_or_else(|| Error::format(format!("expected a number of groups; got {groups}")))?;
    r.known(1)?;
    let mut inputs = vec![r.input(0)?.clone(), r.input(1)?.clone()];
    if let Some(bias) = r.get(2).cloned() {
        r.known(2)?;
        inputs.push(bias);
    }
    Ok(vec![r.push(Conv { stride, dilation, padding, groups }, &inputs)?])
}
