//! `C = A B` for matrices that both come from the image, one product for each index of the axes before the last two.
//!
//! `dA = dC Bᵀ` and `dB = Aᵀ dC`, summed where a matrix was repeated.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Finish, Left, Method, Packed, Scalar, product};

use super::binary::broadcast;
use super::{
    Arrangement, Kept, Kernel, Linear, Needs, Operator, Placed, Prepare, Reshape, Saved, Transpose, View,
    shape_error,
};
use crate::graph::Spot;
use crate::graph::layout::{Layout, Walk};
use crate::onnx::{Reading, Value};

/// `MatMul` of two tensors of rank 2 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MatMul;

impl Operator for MatMul {
    fn name(&self) -> &'static str {
        "MatMul"
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if let [[lead_a @ .., m, k], [lead_b @ .., k_b, n]] = inputs
            && k == k_b
            && let Some(mut dims) = broadcast(lead_a, lead_b)
        {
            dims.extend([m, n]);
            return Ok(dims);
        }
        Err(Error::shape(format!("MatMul: expected matrices that fit together; got {inputs:?}")))
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        Arrangement::Run { inputs: inputs.to_vec(), output: Layout::row_major(output) }
    }

    fn follow(&self, _: &[Option<Spot>], _: &[&[usize]], _: &[usize]) -> Option<Spot> {
        None
    }

    fn window(&self, _: &[&[usize]]) -> Option<(usize, usize)> {
        None
    }

    fn mixed_axes(&self, inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        let (a, b) = (inputs[0].len(), inputs[1].len());
        // The rows of A stay apart, but a batch that lies there would have to lie in B's columns too.
        vec![(0, a - 1), (0, a - 2), (1, b - 2), (1, b - 1)]
    }
}

/// A matrix inside a tensor: its sides and the steps between rows and columns.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
    /// Numbers of the whole tensor, for one image.
    len: usize,
}

impl Matrix {
    fn of(layout: &Layout) -> Self {
        let rank = layout.dims().len();
        let (dims, strides) = (&layout.dims()[rank - 2..], &layout.strides()[rank - 2..]);
        Self {
            rows: dims[0],
            columns: dims[1],
            row_step: strides[0],
            column_step: strides[1],
            len: layout.len(),
        }
    }

    fn left<T>(self, data: &[T]) -> Left<'_, T> {
        Left { data, rows: self.rows, row_stride: self.row_step, term_stride: self.column_step }
    }

    /// The transpose as a left operand.
    fn turned<T>(self, data: &[T]) -> Left<'_, T> {
        Left { data, rows: self.columns, row_stride: self.column_step, term_stride: self.row_step }
    }

    fn right<T: Scalar>(self, data: &[T], packed: &mut Option<Packed<T>>) -> Result<()> {
        repack(packed, self.rows, self.columns, data, self.row_step, self.column_step)
    }

    /// The transpose as a right operand.
    fn right_turned<T: Scalar>(self, data: &[T], packed: &mut Option<Packed<T>>) -> Result<()> {
        repack(packed, self.columns, self.rows, data, self.column_step, self.row_step)
    }
}

/// Packs into memory that is already there.
fn repack<T: Scalar>(
    packed: &mut Option<Packed<T>>,
    terms: usize,
    columns: usize,
    data: &[T],
    term_step: usize,
    column_step: usize,
) -> Result<()> {
    let done = match packed {
        Some(packed) => packed.repack(terms, columns, data, term_step, column_step),
        None => Packed::new(terms, columns, data, term_step, column_step).map(|fresh| *packed = Some(fresh)),
    };
    done.map_err(shape_error)
}

/// Products one after the other.
#[derive(Debug)]
struct Products {
    a: Matrix,
    b: Matrix,
    /// Where the matrices of each product begin.
    starts: Vec<[usize; 2]>,
}

impl<T: Scalar> Prepare<T> for MatMul {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let [a, b] = inputs else { return Err(Error::shape("MatMul needs two inputs")) };
        // The axes before the last two, as layouts of their own.
        let lead = |layout: &Layout| {
            let axes: Vec<usize> = (0..layout.dims().len() - 2).collect();
            layout.transposed(&axes)
        };
        let leads = [lead(a.layout), lead(b.layout)];
        let dims = &output.dims()[..output.dims().len() - 2];
        let walk = Walk::new(&Layout::row_major(dims), [&leads[0], &leads[1]]);
        let (length, steps) = (walk.row(), walk.steps());
        let starts = (0..walk.rows()).flat_map(|row| {
            let start = walk.start(row);
            (0..length).map(move |i| [start[0] + i * steps[0], start[1] + i * steps[1]])
        });
        Ok(Box::new(Products { a: Matrix::of(a.layout), b: Matrix::of(b.layout), starts: starts.collect() }))
    }
}

impl<T: Scalar> Kernel<T> for Products {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        let Self { a, b, starts } = self;
        let each = a.rows * b.columns;
        output.par_chunks_mut(each).enumerate().try_for_each_init(
            || None,
            |packed, (i, output)| {
                let (image, [from_a, from_b]) = (i / starts.len(), starts[i % starts.len()]);
                b.right(&inputs[1].image(image)[from_b..], packed)?;
                let Some(packed) = packed else { return Ok(()) };
                let left = a.left(&inputs[0].image(image)[from_a..]);
                product(left, packed, Finish::default(), output, b.columns).map_err(shape_error)
            },
        )?;
        Ok(Saved::Nothing)
    }

    fn gradient(
        &self,
        _batch: usize,
        kept: &Kept<'_, T>,
        gradient: &[T],
        to: usize,
        result: &mut [T],
    ) -> Result<()> {
        let Self { a, b, starts } = self;
        let each = a.rows * b.columns;
        let own = if to == 0 { a } else { b };
        let images = result.par_chunks_mut(own.len).zip(gradient.par_chunks(each * starts.len())).enumerate();
        images.try_for_each(|(image, (result, gradient))| {
            let mut packed = None;
            let mut found = vec![T::ZERO; own.rows * own.columns];
            result.fill(T::ZERO);
            for (start, gradient) in starts.iter().zip(gradient.chunks_exact(each)) {
                let other = &kept.inputs[1 - to].image(image)[start[1 - to]..];
                let left = if to == 0 {
                    b.right_turned(other, &mut packed)?;
                    Left { data: gradient, rows: a.rows, row_stride: b.columns, term_stride: 1 }
                } else {
                    repack(&mut packed, a.rows, b.columns, gradient, b.columns, 1)?;
                    a.turned(other)
                };
                let Some(packed) = &packed else { continue };
                product(left, packed, Finish::default(), &mut found, own.columns).map_err(shape_error)?;
                for (r, row) in found.chunks_exact(own.columns).enumerate() {
                    let first = start[to] + r * own.row_step;
                    for (c, &v) in row.iter().enumerate() {
                        result[first + c * own.column_step] += v;
                    }
                }
            }
            Ok(())
        })
    }

    fn needs(&self) -> Needs {
        Needs { inputs: true, output: false }
    }
}

/// `MatMul`, of which a product with a constant matrix is a linear layer.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (a, b) = (r.input(0)?.clone(), r.input(1)?.clone());
    Ok(vec![multiplied(r, a, b)?])
}

/// `A B` as ONNX and NumPy have it: a vector stands for a row on the left and a column on the right.
pub(crate) fn multiplied(r: &mut Reading<'_, '_, '_>, a: Value, b: Value) -> Result<Value> {
    let rank = |value: &Value| value.dims().map_or(0, <[usize]>::len);
    match (rank(&a), rank(&b)) {
        (0, _) | (_, 0) => Err(Error::format("MatMul: expected matrices; got a single number")),
        (1, _) => {
            let row = [&[1], a.dims().unwrap_or_default()].concat();
            let a = r.push(Reshape { dims: row }, &[a])?;
            let product = multiplied(r, a, b)?;
            let mut dims = product.dims().unwrap_or_default().to_vec();
            dims.remove(dims.len() - 2);
            r.push(Reshape { dims }, &[product])
        }
        (_, 1) => {
            let column = [b.dims().unwrap_or_default(), &[1]].concat();
            let b = r.push(Reshape { dims: column }, &[b])?;
            let product = multiplied(r, a, b)?;
            let mut dims = product.dims().unwrap_or_default().to_vec();
            dims.pop();
            r.push(Reshape { dims }, &[product])
        }
        (_, 2) if matches!((&a, &b), (Value::Data(..), Value::Known(..))) => {
            r.push(Linear { transposed: false }, &[a, b])
        }
        _ => r.push(MatMul, &[a, b]),
    }
}

/// `Einsum` of two inputs, written with transpositions, reshapings and one product.
pub(crate) fn read_einsum(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let equation: String =
        r.node.string("equation")?.unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let refuse = || Reading::unsupported(format!("Einsum {equation:?}: expected a product of two tensors"));
    let (sides, result) = equation.split_once("->").ok_or_else(refuse)?;
    let (left, right) = sides.split_once(',').ok_or_else(refuse)?;
    let letters = |text: &str| -> Result<Vec<char>> {
        let letters: Vec<char> = text.chars().collect();
        let once = letters.iter().enumerate().all(|(i, c)| !letters[..i].contains(c));
        if once && letters.iter().all(char::is_ascii_alphabetic) { Ok(letters) } else { Err(refuse()) }
    };
    let (left, right, result) = (letters(left)?, letters(right)?, letters(result)?);
    let (a, b) = (r.input(0)?.clone(), r.input(1)?.clone());
    let (dims_a, dims_b) = (r.dims(0)?, r.dims(1)?);
    if dims_a.len() != left.len() || dims_b.len() != right.len() || r.inputs.len() != 2 {
        return Err(refuse());
    }
    let length = |c: char| {
        let own = left.iter().position(|&l| l == c).map(|i| dims_a[i]);
        own.or_else(|| right.iter().position(|&l| l == c).map(|i| dims_b[i])).unwrap_or(1)
    };
    // Letters of both and the result, of one and the result, and of both alone, over which is summed.
    let shared: Vec<char> =
        result.iter().copied().filter(|c| left.contains(c) && right.contains(c)).collect();
    let rows: Vec<char> = result.iter().copied().filter(|c| left.contains(c) && !right.contains(c)).collect();
    let columns: Vec<char> =
        result.iter().copied().filter(|c| !left.contains(c) && right.contains(c)).collect();
    let terms: Vec<char> =
        left.iter().copied().filter(|c| right.contains(c) && !result.contains(c)).collect();
    if shared.len() + rows.len() + columns.len() != result.len()
        || shared.len() + rows.len() + terms.len() != left.len()
        || shared.len() + columns.len() + terms.len() != right.len()
    {
        return Err(refuse());
    }
    let size = |of: &[char]| of.iter().map(|&c| length(c)).product::<usize>();
    let mut matrix = |value: Value, have: &[char], want: [&[char]; 3]| -> Result<Value> {
        let order = want.concat();
        let axes = order.iter().filter_map(|c| have.iter().position(|h| h == c)).collect();
        let turned = r.push(Transpose { axes }, &[value])?;
        let mut dims: Vec<usize> = want[0].iter().map(|&c| length(c)).collect();
        dims.extend([size(want[1]), size(want[2])]);
        r.push(Reshape { dims }, &[turned])
    };
    let a = matrix(a, &left, [&shared, &rows, &terms])?;
    let b = matrix(b, &right, [&shared, &terms, &columns])?;
    let product = multiplied(r, a, b)?;
    let made = [&shared[..], &rows, &columns].concat();
    let product = r.push(Reshape { dims: made.iter().map(|&c| length(c)).collect() }, &[product])?;
    let axes = result.iter().filter_map(|c| made.iter().position(|m| m == c)).collect();
    Ok(vec![r.push(Transpose { axes }, &[product])?])
}
