//! Functions of two numbers, `y = f(a, b)`, where either input may be repeated along axes on which it has length 1.
//!
//! The gradient to an input is `g * df/da`, summed over the places where the input was repeated.

use rayon::prelude::*;
use weakspot::{Error, Result};
use weakspot_conv::{Function, Method, Scalar};

use super::{Arrangement, Elementwise, Kept, Kernel, Needs, Operator, Placed, Prepare, Saved, View};
use crate::graph::layout::{Layout, Walk};
use crate::onnx::{Constant, Reading, Value, integers};

/// What is done with a pair of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairwise {
    Add,
    Sub,
    Mul,
    Div,
    /// `a` to the power `b`.
    Pow,
    /// The smaller; the gradient goes to it, to `a` if they are equal.
    Min,
    /// The larger; likewise.
    Max,
    /// `a` above 0, `a * b` else.
    PRelu,
}

/// `Add`, `Sub`, `Mul`, `Div` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binary(pub Pairwise);

impl Operator for Binary {
    fn name(&self) -> &'static str {
        match self.0 {
            Pairwise::Add => "Add",
            Pairwise::Sub => "Sub",
            Pairwise::Mul => "Mul",
            Pairwise::Div => "Div",
            Pairwise::Pow => "Pow",
            Pairwise::Min => "Min",
            Pairwise::Max => "Max",
            Pairwise::PRelu => "PRelu",
        }
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let [a, b] = inputs else {
            return Err(Error::shape(format!("{} needs two inputs; got {}", self.name(), inputs.len())));
        };
        broadcast(a, b).ok_or_else(|| {
            Error::shape(format!("{}: expected shapes that fit together; got {a:?} and {b:?}", self.name()))
        })
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        let whole = inputs.iter().find(|input| input.dims() == output);
        let output = whole.map_or_else(|| inputs[0].with_dims(output), Clone::clone);
        Arrangement::Run { inputs: inputs.to_vec(), output }
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        Vec::new()
    }
}

/// The shape of two shapes together, axes counted from the last.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length =
        |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |own| dims[own]);
    (0..rank)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (1, other) | (other, 1) => Some(other),
            (x, y) => (x == y).then_some(x),
        })
        .collect()
}

/// A pair of inputs, walked in the order of the output.
#[derive(Debug)]
struct Paired {
    what: Pairwise,
    walk: Walk<2>,
    lens: [usize; 2],
    len: usize,
    /// Whether an input lies as the output does.
    same: [bool; 2],
}

impl<T: Scalar> Prepare<T> for Binary {
    fn prepare(&self, inputs: &[Placed<'_>], output: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        let [a, b] = inputs else { return Err(Error::shape(format!("{} needs two inputs", self.name()))) };
        let layouts = [a.layout, b.layout];
        Ok(Box::new(Paired {
            what: self.0,
            walk: Walk::new(output, layouts),
            lens: layouts.map(Layout::len),
            len: output.len(),
            same: layouts.map(|layout| layout == output),
        }))
    }
}

/// Numbers per task.
const CHUNK: usize = 1 << 14;

/// Calls `$run!(f)` with the function of a pair.
macro_rules! with_function {
    ($what:expr, $t:ty, $run:ident) => {
        match $what {
            Pairwise::Add => $run!(|a: $t, b: $t| a + b),
            Pairwise::Sub => $run!(|a: $t, b: $t| a - b),
            Pairwise::Mul => $run!(|a: $t, b: $t| a * b),
            Pairwise::Div => $run!(|a: $t, b: $t| a / b),
            Pairwise::Pow => $run!(|a: $t, b: $t| <$t>::from_f64(a.to_f64().powf(b.to_f64()))),
            Pairwise::Min => $run!(|a: $t, b: $t| if b < a || b.is_nan() { b } else { a }),
            Pairwise::Max => $run!(|a: $t, b: $t| if b > a || b.is_nan() { b } else { a }),
            Pairwise::PRelu => $run!(|a: $t, b: $t| if a <= <$t>::ZERO { a * b } else { a }),
        }
    };
}

/// Calls `$run!(f)` with the gradient to input `$to`, a function of the gradient and the pair.
macro_rules! with_gradient {
    ($what:expr, $to:expr, $t:ty, $run:ident) => {
        match ($what, $to) {
            (Pairwise::Add, _) | (Pairwise::Sub, 0) => $run!(|g: $t, _: $t, _: $t| g),
            (Pairwise::Sub, _) => $run!(|g: $t, _: $t, _: $t| -g),
            (Pairwise::Mul, 0) => $run!(|g: $t, _: $t, b: $t| g * b),
            (Pairwise::Mul, _) => $run!(|g: $t, a: $t, _: $t| g * a),
            (Pairwise::Div, 0) => $run!(|g: $t, _: $t, b: $t| g / b),
            (Pairwise::Div, _) => $run!(|g: $t, a: $t, b: $t| -(g * a / b / b)),
            (Pairwise::Pow, 0) => $run!(|g: $t, a: $t, b: $t| {
                let slope = b.to_f64() * a.to_f64().powf(b.to_f64() - 1.0);
                g * <$t>::from_f64(if b == <$t>::ZERO { 0.0 } else { slope })
            }),
            (Pairwise::Pow, _) => $run!(|g: $t, a: $t, b: $t| {
                g * <$t>::from_f64(a.to_f64().powf(b.to_f64()) * a.to_f64().ln())
            }),
            (Pairwise::Min, 0) => $run!(|g: $t, a: $t, b: $t| if b < a { <$t>::ZERO } else { g }),
            (Pairwise::Min, _) => $run!(|g: $t, a: $t, b: $t| if b < a { g } else { <$t>::ZERO }),
            (Pairwise::Max, 0) => $run!(|g: $t, a: $t, b: $t| if b > a { <$t>::ZERO } else { g }),
            (Pairwise::Max, _) => $run!(|g: $t, a: $t, b: $t| if b > a { g } else { <$t>::ZERO }),
            (Pairwise::PRelu, 0) => $run!(|g: $t, a: $t, b: $t| if a <= <$t>::ZERO { g * b } else { g }),
            (Pairwise::PRelu, _) => {
                $run!(|g: $t, a: $t, _: $t| if a <= <$t>::ZERO { g * a } else { <$t>::ZERO })
            }
        }
    };
}

/// A row of the output, from rows of the inputs that go on by `steps`.
#[inline]
fn row<T: Scalar>(output: &mut [T], a: &[T], b: &[T], steps: [usize; 2], f: impl Fn(T, T) -> T) {
    match steps {
        [1, 1] => {
            for ((y, &a), &b) in output.iter_mut().zip(a).zip(b) {
                *y = f(a, b);
            }
        }
        [1, 0] => {
            let b = b[0];
            for (y, &a) in output.iter_mut().zip(a) {
                *y = f(a, b);
            }
        }
        [0, 1] => {
            let a = a[0];
            for (y, &b) in output.iter_mut().zip(b) {
                *y = f(a, b);
            }
        }
        [da, db] => {
            for (i, y) in output.iter_mut().enumerate() {
                *y = f(a[i * da], b[i * db]);
            }
        }
    }
}

/// A row of a gradient to an input, and the rows that it is made of.
struct Back<'a, T> {
    result: &'a mut [T],
    /// From one number of the result to the next; 0 adds all of them up.
    step: usize,
    /// Whether nothing else is added to the result.
    fresh: bool,
    gradient: &'a [T],
    /// Empty where the function does not read its inputs.
    inputs: [&'a [T]; 2],
    steps: [usize; 2],
}

#[inline]
fn back<T: Scalar>(row: Back<'_, T>, f: impl Fn(T, T, T) -> T) {
    let Back { result, step, fresh, gradient, inputs: [a, b], steps: [da, db] } = row;
    let at = |of: &[T], i: usize| of.get(i).copied().unwrap_or(T::ZERO);
    if fresh && step == 1 && (da, db) == (1, 1) && a.len() >= gradient.len() && b.len() >= gradient.len() {
        for (((r, &g), &a), &b) in result.iter_mut().zip(gradient).zip(a).zip(b) {
            *r = f(g, a, b);
        }
    } else if fresh {
        for (j, &g) in gradient.iter().enumerate() {
            result[j * step] = f(g, at(a, j * da), at(b, j * db));
        }
    } else if step == 0 {
        let mut sum = T::ZERO;
        for (j, &g) in gradient.iter().enumerate() {
            sum += f(g, at(a, j * da), at(b, j * db));
        }
        result[0] += sum;
    } else {
        for (j, &g) in gradient.iter().enumerate() {
            result[j * step] += f(g, at(a, j * da), at(b, j * db));
        }
    }
}

/// What computes a row: one function each, so that all share the code around it.
type Row<T> = fn(&mut [T], &[T], &[T], [usize; 2]);

type RowBack<T> = fn(Back<'_, T>);

fn row_of<T: Scalar>(what: Pairwise) -> Row<T> {
    macro_rules! run {
        ($f:expr) => {
            |y, a, b, steps| row(y, a, b, steps, $f)
        };
    }
    with_function!(what, T, run)
}

fn back_of<T: Scalar>(what: Pairwise, to: usize) -> RowBack<T> {
    macro_rules! run {
        ($f:expr) => {
            |row| back(row, $f)
        };
    }
    with_gradient!(what, to, T, run)
}

impl Paired {
    /// Whether all three lie alike and none is repeated: one long row.
    fn is_flat<T>(&self, inputs: &[View<'_, T>]) -> bool {
        self.same == [true; 2] && !inputs.iter().any(|input| input.constant)
    }
}

impl<T: Scalar> Kernel<T> for Paired {
    fn forward(
        &self,
        _batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        _keep: bool,
    ) -> Result<Saved<T>> {
        let (a, b, run) = (inputs[0], inputs[1], row_of::<T>(self.what));
        if self.is_flat(inputs) {
            let chunks = a.data.par_chunks(CHUNK).zip(b.data.par_chunks(CHUNK));
            output.par_chunks_mut(CHUNK).zip(chunks).for_each(|(y, (a, b))| run(y, a, b, [1, 1]));
            return Ok(Saved::Nothing);
        }
        let (length, rows) = (self.walk.row(), self.walk.rows());
        let tasks = output.par_chunks_mut(length).enumerate().with_min_len(CHUNK.div_ceil(length));
        tasks.for_each(|(i, y)| {
            let (image, start) = (i / rows, self.walk.start(i % rows));
            let (a, b) = (&a.image(image)[start[0]..], &b.image(image)[start[1]..]);
            run(y, a, b, self.walk.steps());
        });
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
        // Sums and differences do not read their inputs.
        let reads = !matches!(self.what, Pairwise::Add | Pairwise::Sub);
        let (length, steps, run) = (self.walk.row(), self.walk.steps(), back_of::<T>(self.what, to));
        let fresh = self.lens[to] == self.len;
        let images = result.par_chunks_mut(self.lens[to]).zip(gradient.par_chunks(self.len)).enumerate();
        images.for_each(|(image, (result, gradient))| {
            if !fresh {
                result.fill(T::ZERO);
            }
            for (i, gradient) in gradient.chunks_exact(length).enumerate() {
                let start = self.walk.start(i);
                let input = |k: usize| if reads { &kept.inputs[k].image(image)[start[k]..] } else { &[] };
                let (result, inputs) = (&mut result[start[to]..], [input(0), input(1)]);
                run(Back { result, step: steps[to], fresh, gradient, inputs, steps });
            }
        });
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs { inputs: !matches!(self.what, Pairwise::Add | Pairwise::Sub), output: false }
    }
}

/// Functions of two inputs.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (a, b) = (r.input(0)?.clone(), r.input(1)?.clone());
    let what = match r.node.op {
        "Add" => Pairwise::Add,
        "Sub" => Pairwise::Sub,
        "Mul" => Pairwise::Mul,
        "Div" => Pairwise::Div,
        "PRelu" => Pairwise::PRelu,
        other => return Err(Reading::unsupported(format!("{other} is no function of two numbers"))),
    };
    if let Some(value) = integers::arithmetic(r.node.op, &a, &b)? {
        return Ok(vec![value]);
    }
    Ok(vec![r.push(Binary(what), &[a, b])?])
}

/// `Pow`, whose usual powers are products and roots.
pub(crate) fn read_pow(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (a, b) = (r.input(0)?.clone(), r.input(1)?.clone());
    if let Some(value) = integers::arithmetic("Pow", &a, &b)? {
        return Ok(vec![value]);
    }
    let exponent = match &b {
        Value::Known(constant, _) => constant.any_float(),
        _ => None,
    };
    let value = match exponent {
        Some(1.0) => a,
        Some(2.0) => r.push(Binary(Pairwise::Mul), &[a.clone(), a])?,
        Some(0.5) => r.push(Elementwise { name: "Sqrt", function: Function::Sqrt }, &[a])?,
        Some(exponent) => {
            let exponent = Value::known(Constant::single(exponent));
            r.push(Binary(Pairwise::Pow), &[a, exponent])?
        }
        None => r.push(Binary(Pairwise::Pow), &[a, b])?,
    };
    Ok(vec![value])
}

/// `Sum`, `Mean`, `Min` and `Max` of any number of inputs.
pub(crate) fn read_many(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let what = match r.node.op {
        "Min" => Pairwise::Min,
        "Max" => Pairwise::Max,
        _ => Pairwise::Add,
    };
    let mut inputs = r.inputs.clone().into_iter();
    let count = inputs.len();
    let mut value = inputs.next().ok_or_else(|| Error::format("expected an input; got none"))?;
    for next in inputs {
        value = match integers::arithmetic(r.node.op, &value, &next)? {
            Some(value) => value,
            None => r.push(Binary(what), &[value, next])?,
        };
    }
    if r.node.op == "Mean" && count > 1 {
        let count = Value::known(Constant::single(count as f32));
        value = r.push(Binary(Pairwise::Div), &[value, count])?;
    }
    Ok(vec![value])
}
