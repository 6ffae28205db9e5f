//! `y = x W + b` over the last axis: `Gemm`, and `MatMul` by a constant.
//!
//! The gradient to the input is `g Wᵀ`.

use std::sync::{Arc, OnceLock};

use weakspot::{Error, Result};
use weakspot_conv::{Finish, Gates, Left, Method, Packed, Scalar, product_parallel};

use super::{
    Arrangement, Binary, Gated, Kept, Kernel, MatMul, Operator, Pairwise, Placed, Prepare, Saved, Transpose,
    View, constant, scalars, shape_error,
};
use crate::graph::Spot;
use crate::graph::layout::Layout;
use crate::onnx::{Constant, Reading, Value};
use crate::weights::Tensor;

/// Input 1 is the matrix, input 2, if there is one, the bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    /// Whether the matrix is `[outputs, inputs]`, as PyTorch stores it, and not `[inputs, outputs]`.
    pub transposed: bool,
}

impl Linear {
    /// `(inputs, outputs)` of a matrix.
    fn sizes(self, matrix: &[usize]) -> Result<(usize, usize)> {
        match *matrix {
            [a, b] if self.transposed => Ok((b, a)),
            [a, b] => Ok((a, b)),
            _ => Err(Error::shape(format!("a linear layer needs a matrix; got {matrix:?}"))),
        }
    }
}

impl Operator for Linear {
    fn name(&self) -> &'static str {
        "Gemm"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let ([input, matrix] | [input, matrix, _]) = inputs else {
            return Err(Error::shape("a linear layer needs an input and a matrix"));
        };
        let (terms, columns) = self.sizes(matrix)?;
        if let Some(bias) = inputs.get(2)
            && bias.iter().product::<usize>() != columns
        {
            return Err(Error::shape(format!("expected a bias of {columns} numbers; got {bias:?}")));
        }
        match input.split_last() {
            Some((&last, rest)) if last == terms => Ok([rest, &[columns]].concat()),
            _ => Err(Error::shape(format!("expected vectors of {terms} numbers; got {input:?}"))),
        }
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let first = if inputs[0].ends_with(1) { inputs[0].clone() } else { inputs[0].ending_with(1) };
        let output = first.with_last(output[output.len() - 1]);
        let mut inputs = inputs.to_vec();
        inputs[0] = first;
        Arrangement::Run { inputs, output }
    }

    fn mixed_axes(&self, inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        vec![(0, inputs[0].len() - 1)]
    }

    fn reads(&self, input: usize) -> bool {
        input == 0
    }

    fn follow(&self, spots: &[Option<Spot>], inputs: &[&[usize]], _: &[usize]) -> Option<Spot> {
        spots[0].filter(|spot| spot.channels() == inputs[0].len() - 1)
    }

    fn learns(&self, input: usize) -> bool {
        input > 0
    }
}

/// Matrices in panels, each made when it is first needed.
#[derive(Debug)]
struct Panels<T: Scalar> {
    matrix: Arc<Tensor>,
    transposed: bool,
    terms: usize,
    columns: usize,
    bias: Option<Vec<T>>,
    forward: OnceLock<Packed<T>>,
    backward: OnceLock<Packed<T>>,
}

impl<T: Scalar> Prepare<T> for Linear {
    fn prepare(&self, inputs: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let matrix = Arc::clone(constant("a linear layer", inputs, 1)?);
        let (terms, columns) = self.sizes(&matrix.shape)?;
        let bias = match inputs.get(2) {
            Some(_) => Some(scalars(&constant("a linear layer", inputs, 2)?.data)),
            None => None,
        };
        Ok(Box::new(Panels {
            matrix,
            transposed: self.transposed,
            terms,
            columns,
            bias,
            forward: OnceLock::new(),
            backward: OnceLock::new(),
        }))
    }
}

impl<T: Scalar> Panels<T> {
    /// The matrix as the right operand, or its transpose for the way back.
    fn packed(&self, back: bool) -> Result<&Packed<T>> {
        let place = if back { &self.backward } else { &self.forward };
        if let Some(ready) = place.get() {
            return Ok(ready);
        }
        // The strides of (term, column) of the product y = x W.
        let (term, column) = if self.transposed { (1, self.terms) } else { (self.columns, 1) };
        let numbers = scalars::<T>(&self.matrix.data);
        let fresh = if back {
            Packed::new(self.columns, self.terms, &numbers, column, term)
        } else {
            Packed::new(self.terms, self.columns, &numbers, term, column)
        };
        let fresh = fresh.map_err(shape_error)?;
        Ok(place.get_or_init(|| fresh))
    }

    fn multiply(&self, input: &[T], relu: bool, output: &mut [T]) -> Result<()> {
        let left =
            Left { data: input, rows: input.len() / self.terms, row_stride: self.terms, term_stride: 1 };
        let finish = Finish { bias: self.bias.as_deref(), relu };
        product_parallel(left, self.packed(false)?, finish, output).map_err(shape_error)
    }
}

impl<T: Scalar> Kernel<T> for Panels<T> {
    fn forward(&self, _: usize, inputs: &[View<'_, T>], output: &mut [T], _: bool) -> Result<Saved<T>> {
        self.multiply(inputs[0].data, false, output)?;
        Ok(Saved::Nothing)
    }

    fn gradient(
        &self,
        _batch: usize,
        _kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let rows = gradient.len() / self.columns;
        let left = Left { data: gradient, rows, row_stride: self.columns, term_stride: 1 };
        product_parallel(left, self.packed(true)?, Finish::default(), result).map_err(shape_error)
    }

    fn gated(&self) -> Option<&dyn Gated<T>> {
        Some(self)
    }
}

impl<T: Scalar> Gated<T> for Panels<T> {
    fn forward_gated(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        keep: bool,
    ) -> Result<Option<Gates>> {
        self.multiply(inputs[0].data, !keep, output)?;
        keep.then(|| Gates::relu(output, self.columns).map_err(shape_error)).transpose()
    }
}

/// `Gemm`: `alpha A B + beta C`, either matrix transposed or not.
pub(crate) fn read_gemm(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (mut a, mut b) = (r.input(0)?.clone(), r.input(1)?.clone());
    let (alpha, beta) = (r.node.float("alpha", 1.0)?, r.node.float("beta", 1.0)?);
    if r.node.int("transA", 0)? != 0 {
        a = r.push(Transpose { axes: vec![1, 0] }, &[a])?;
    }
    let transposed = r.node.int("transB", 0)? != 0;
    let scaled = |r: &mut Reading<'_, '_, '_>, value: Value, factor: f32| {
        let factor = Value::known(Constant::single(factor));
        r.push(Binary(Pairwise::Mul), &[value, factor])
    };
    if !matches!(b, Value::Known(..)) {
        if transposed {
            b = r.push(Transpose { axes: vec![1, 0] }, &[b])?;
        }
        let mut value = r.push(MatMul, &[a, b])?;
        if alpha != 1.0 {
            value = scaled(r, value, alpha)?;
        }
        if let Some(c) = r.get(2).cloned() {
            let c = if beta == 1.0 { c } else { scaled(r, c, beta)? };
            value = r.push(Binary(Pairwise::Add), &[value, c])?;
        }
        return Ok(vec![value]);
    }
    if alpha != 1.0 {
        b = scaled(r, b, alpha)?;
    }
    let outputs = b.dims().and_then(|dims| dims.get(usize::from(!transposed)).copied());
    let linear = Linear { transposed };
    let value = match r.get(2).cloned() {
        Some(c) => {
            let c = if beta == 1.0 { c } else { scaled(r, c, beta)? };
            let is_bias = matches!(&c, Value::Known(c, _) if Some(c.len()) == outputs);
            if is_bias {
                r.push(linear, &[a, b, c])?
            } else {
                let value = r.push(linear, &[a, b])?;
                r.push(Binary(Pairwise::Add), &[value, c])?
            }
        }
        None => r.push(linear, &[a, b])?,
    };
    Ok(vec![value])
}
