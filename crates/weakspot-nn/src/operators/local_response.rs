//! Local response normalisation: `y_c = x_c / (bias + alpha / size * sum over a window of channels of x²)^beta`,
//! written with the operators it is made of, so that it has their gradients. The sum is a product with a band matrix.
//!
//! # References
//! Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012,
//! section 3.3; ONNX divides alpha by the size.

use std::sync::Arc;

use weakspot::{Error, Result};

use super::{Binary, Linear, Pairwise, Transpose};
use crate::onnx::{Constant, Reading, Value};

/// `LRN` over the channels of images.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let dims = r.dims(0)?;
    let (size, alpha) = (r.node.int("size", 0)?, r.node.float("alpha", 1e-4)?);
    let (beta, bias) = (r.node.float("beta", 0.75)?, r.node.float("bias", 1.0)?);
    let (&[_, channels, _, _], Some(size)) = (&dims[..], usize::try_from(size).ok().filter(|&size| size > 0))
    else {
        return Err(Error::format(format!(
            "expected images and a window of channels; got {dims:?} and {size}"
        )));
    };
    if channels > MOST {
        return Err(Error::format(format!("expected at most {MOST} channels; got {channels}")));
    }
    let input = r.input(0)?.clone();
    let square = r.push(Binary(Pairwise::Mul), &[input.clone(), input.clone()])?;
    let pixels = r.push(Transpose { axes: vec![0, 2, 3, 1] }, &[square])?;
    // The window reaches further down where its size is even.
    let (below, above) = ((size - 1) / 2, size / 2);
    let band = (0..channels * channels).map(|i| {
        let (from, to) = (i / channels, i % channels);
        let inside = from + below >= to && from <= to + above;
        if inside { alpha / size as f32 } else { 0.0 }
    });
    let band = Value::known(Constant::matrix(channels, channels, band.collect()));
    let shift = Value::known(Constant::matrix(1, channels, vec![bias; channels]));
    let sum = r.push(Linear { transposed: false }, &[pixels, band, shift])?;
    let sum = r.push(Transpose { axes: vec![0, 3, 1, 2] }, &[sum])?;
    let power =
        r.push(Binary(Pairwise::Pow), &[sum, Value::Known(Arc::new(Constant::single(beta)), None)])?;
    Ok(vec![r.push(Binary(Pairwise::Div), &[input, power])?])
}

/// The band matrix has this squared; networks with this operator have a few hundred.
const MOST: usize = 2048;
