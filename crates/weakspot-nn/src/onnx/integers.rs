//! What a file computes with integers and truth values: shapes, positions, and conditions on them.
//!
//! None of it depends on the image, so it is computed while the file is read, for one size of the batch.

use std::cmp::Ordering;

use weakspot::{Error, Result};

use super::reading::Reading;
use super::tensor::{Constant, Data};
use super::value::{Value, checked_len, checked_made, steps};
use crate::operators::binary::broadcast;

/// A shape from a constant.
pub(crate) fn lengths(constant: &Constant) -> Result<Vec<usize>> {
    let integers =
        constant.as_integers().ok_or_else(|| Error::format("expected lengths; got other numbers"))?;
    let lengths = integers.iter().map(|&l| usize::try_from(l).ok()).collect::<Option<Vec<_>>>();
    lengths.ok_or_else(|| Error::format(format!("expected lengths; got {integers:?}")))
}

fn overflow() -> Error {
    Error::format("expected integers of 64 bits; got larger ones")
}

/// Two constants of one shape after broadcasting.
fn paired(a: &Constant, b: &Constant) -> Result<(Vec<usize>, Constant, Constant)> {
    let dims = broadcast(&a.dims, &b.dims).ok_or_else(|| {
        Error::shape(format!("expected shapes that fit; got {:?} and {:?}", a.dims, b.dims))
    })?;
    checked_len(&dims)?;
    let (a, b) = (a.expanded(&dims)?, b.expanded(&dims)?);
    Ok((dims, a, b))
}

/// Arithmetic of integers; `None` where an input depends on the image or is no integer.
pub(crate) fn arithmetic(name: &str, a: &Value, b: &Value) -> Result<Option<Value>> {
    let (Value::Known(a, _), Value::Known(b, _)) = (a, b) else { return Ok(None) };
    if a.as_integers().is_none() || b.as_integers().is_none() {
        return Ok(None);
    }
    let (dims, a, b) = paired(a, b)?;
    let f = |a: i64, b: i64| -> Option<i64> {
        match name {
            "Add" | "Sum" => a.checked_add(b),
            "Sub" => a.checked_sub(b),
            "Mul" => a.checked_mul(b),
            "Div" => a.checked_div(b),
            "Mod" => a.checked_rem_euclid(b).map(|m| if b < 0 && m != 0 { m + b } else { m }),
            "Pow" => a.checked_pow(u32::try_from(b).ok()?),
            "Min" => Some(a.min(b)),
            "Max" => Some(a.max(b)),
            _ => None,
        }
    };
    let (a, b) = (a.as_integers().unwrap_or_default(), b.as_integers().unwrap_or_default());
    let data = a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect::<Option<Vec<_>>>().ok_or_else(overflow)?;
    Ok(Some(Value::known(Constant { dims, data: Data::I64(data) })))
}

/// The opposite of integers; `None` for anything else.
pub(crate) fn negated(value: &Value) -> Result<Option<Value>> {
    match value {
        Value::Known(constant, _) => match constant.as_integers() {
            Some(v) => {
                let data =
                    v.iter().map(|v| v.checked_neg()).collect::<Option<Vec<_>>>().ok_or_else(overflow)?;
                Ok(Some(Value::known(Constant { dims: constant.dims.clone(), data: Data::I64(data) })))
            }
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// `Clip` of integers.
pub(crate) fn clipped(r: &Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let bound = |i: usize, default: i64| -> Result<i64> {
        if r.get(i).is_none() {
            return Ok(default);
        }
        let constant = r.known(i)?;
        let bound = constant.as_integers().and_then(|v| v.first()).copied();
        bound.ok_or_else(|| Error::format("expected an integer as a bound; got another number"))
    };
    let (low, high, constant) = (bound(1, i64::MIN)?, bound(2, i64::MAX)?, r.known(0)?);
    let clip = |&v: &i64| v.max(low).min(high);
    let data = constant.as_integers().unwrap_or_default().iter().map(clip).collect();
    Ok(vec![Value::known(Constant { dims: constant.dims.clone(), data: Data::I64(data) })])
}

/// Sums, products and extremes of all integers of a constant along its axes; `None` for anything else.
pub(crate) fn reduced(r: &Reading<'_, '_, '_>, input: &Value) -> Result<Option<Value>> {
    let Value::Known(constant, _) = input else { return Ok(None) };
    let Some(values) = constant.as_integers() else { return Ok(None) };
    let whole = constant.dims.len() <= 1 && !values.is_empty();
    let result = match r.node.op {
        "ReduceProd" => values.iter().try_fold(1_i64, |product, &v| product.checked_mul(v)),
        "ReduceSum" => values.iter().try_fold(0_i64, |sum, &v| sum.checked_add(v)),
        "ReduceMax" => values.iter().copied().max(),
        "ReduceMin" => values.iter().copied().min(),
        _ => None,
    };
    let result = result.filter(|_| whole);
    let result =
        result.ok_or_else(|| Reading::unsupported("expected a vector of integers to reduce to one"))?;
    let dims = if r.node.int("keepdims", 1)? != 0 { vec![1; constant.dims.len()] } else { Vec::new() };
    Ok(Some(Value::known(Constant { dims, data: Data::I64(vec![result]) })))
}

/// `ReduceProd` of integers.
pub(crate) fn read_product(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let input = Value::Known(r.known(0)?, None);
    let value = reduced(r, &input)?;
    value.map(|value| vec![value]).ok_or_else(|| Reading::unsupported("ReduceProd is read with integers"))
}

/// Comparisons, logic and rounding of constants.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let name = r.node.op;
    let a = r.known(0)?;
    if name == "Not" {
        let Data::Bool(v) = &a.data else { return Err(Error::format("Not: expected truth values")) };
        let data = Data::Bool(v.iter().map(|v| !v).collect());
        return Ok(vec![Value::known(Constant { dims: a.dims.clone(), data })]);
    }
    if matches!(name, "Ceil" | "Floor") {
        let round = |v: f64| if name == "Ceil" { v.ceil() } else { v.floor() };
        let data = match &a.data {
            Data::F32(v) => Data::F32(v.iter().map(|&v| round(v.into()) as f32).collect()),
            Data::F64(v) => Data::F64(v.iter().map(|&v| round(v)).collect()),
            _ => return Err(Error::format(format!("{name}: expected floating-point numbers"))),
        };
        return Ok(vec![Value::known(Constant { dims: a.dims.clone(), data })]);
    }
    let b = r.known(1)?;
    if name == "Mod" {
        let (a, b) = (Value::Known(a, None), Value::Known(b, None));
        let value = arithmetic(name, &a, &b)?;
        return value.map(|value| vec![value]).ok_or_else(|| Error::format("Mod: expected integers"));
    }
    let (dims, a, b) = paired(&a, &b)?;
    let data = if let (Data::Bool(a), Data::Bool(b)) = (&a.data, &b.data) {
        let f = |(&a, &b): (&bool, &bool)| match name {
            "And" => Some(a && b),
            "Or" => Some(a || b),
            "Equal" => Some(a == b),
            _ => None,
        };
        a.iter().zip(b).map(f).collect::<Option<Vec<_>>>()
    } else {
        let numbers = |constant: &Constant| -> Option<Vec<f64>> {
            match &constant.data {
                Data::I64(v) => Some(v.iter().map(|&v| v as f64).collect()),
                Data::F32(v) => Some(v.iter().map(|&v| v.into()).collect()),
                Data::F64(v) => Some(v.clone()),
                Data::Bool(_) => None,
            }
        };
        let f = |(a, b): (f64, f64)| {
            let order = a.partial_cmp(&b);
            match name {
                "Equal" => Some(order == Some(Ordering::Equal)),
                "Greater" => Some(order == Some(Ordering::Greater)),
                "GreaterOrEqual" => Some(matches!(order, Some(Ordering::Greater | Ordering::Equal))),
                "Less" => Some(order == Some(Ordering::Less)),
                "LessOrEqual" => Some(matches!(order, Some(Ordering::Less | Ordering::Equal))),
                _ => None,
            }
        };
        numbers(&a).zip(numbers(&b)).and_then(|(a, b)| a.into_iter().zip(b).map(f).collect())
    };
    let data = data.ok_or_else(|| Error::format(format!("{name}: expected two constants of one type")))?;
    Ok(vec![Value::known(Constant { dims, data: Data::Bool(data) })])
}

/// `Shape` and `Size`.
pub(crate) fn read_shape(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let dims: Vec<i64> = r.dims(0)?.iter().map(|&d| d as i64).collect();
    if r.node.op == "Size" {
        let size = dims.iter().product();
        return Ok(vec![Value::known(Constant { dims: Vec::new(), data: Data::I64(vec![size]) })]);
    }
    let rank = dims.len() as i64;
    let bound = |i: i64| (if i < 0 { i.saturating_add(rank) } else { i }).clamp(0, rank) as usize;
    let (start, end) = (bound(r.node.int("start", 0)?), bound(r.node.int("end", rank)?));
    Ok(vec![Value::known(Constant::integers(dims[start.min(end)..end].to_vec()))])
}

/// `Constant`.
pub(crate) fn read_constant(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let constant = if let Some(tensor) = r.node.tensor("value")? {
        r.decode(tensor)?
    } else if r.node.has("value_float") {
        Constant::single(r.node.float("value_float", 0.0)?)
    } else if r.node.has("value_int") {
        Constant { dims: Vec::new(), data: Data::I64(vec![r.node.int("value_int", 0)?]) }
    } else if let Some(ints) = r.node.ints("value_ints")? {
        Constant::integers(ints)
    } else if let Some(floats) = r.node.floats("value_floats")? {
        Constant { dims: vec![floats.len()], data: Data::F32(floats) }
    } else {
        return Err(Reading::unsupported("expected a constant of numbers; got another"));
    };
    let name = r.node.outputs.first().cloned();
    Ok(vec![Value::Known(std::sync::Arc::new(constant), name)])
}

/// `ConstantOfShape`.
pub(crate) fn read_constant_of_shape(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let dims = lengths(r.known(0)?.as_ref())?;
    let len = checked_made(&dims)?;
    let one = match r.node.tensor("value")? {
        Some(tensor) => r.decode(tensor)?,
        None => Constant { dims: vec![1], data: Data::F32(vec![0.0]) },
    };
    if one.len() != 1 {
        return Err(Error::format(format!("expected one number to fill with; got {}", one.len())));
    }
    Ok(vec![Value::known(one.picked(dims, std::iter::repeat_n(0, len)))])
}

/// `Range` of integers.
pub(crate) fn read_range(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let one = |i: usize| -> Result<i64> {
        let constant = r.known(i)?;
        match (&constant.data, constant.len()) {
            (Data::I64(v), 1) => Ok(v[0]),
            // Whole numbers in floating point.
            (Data::F32(v), 1) if v[0].fract() == 0.0 && v[0].abs() < 1e6 => Ok(v[0] as i64),
            _ => Err(Reading::unsupported("Range is read with whole numbers")),
        }
    };
    let (start, limit, delta) = (one(0)?, one(1)?, one(2)?);
    let singles = matches!(r.known(0)?.data, Data::F32(_));
    let span = limit.checked_sub(start).ok_or_else(overflow)?;
    if delta == 0 || span / delta > 1 << 24 {
        return Err(Error::format(format!("expected a short range; got {start} to {limit} by {delta}")));
    }
    let mut values = Vec::new();
    let mut next = start;
    while if delta > 0 { next < limit } else { next > limit } {
        values.push(next);
        next = next.checked_add(delta).ok_or_else(overflow)?;
    }
    let dims = vec![values.len()];
    let data =
        if singles { Data::F32(values.into_iter().map(|v| v as f32).collect()) } else { Data::I64(values) };
    Ok(vec![Value::known(Constant { dims, data })])
}

/// `Cast`: of constants to any type that is read, of the network's numbers only among floating-point types.
pub(crate) fn read_cast(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let value = r.input(0)?.clone();
    let like = r.node.op == "CastLike";
    let to = if like { 1 } else { r.node.int("to", 0)? };
    let constant = match &value {
        Value::Known(constant, _) if !like => constant,
        // Passes compute in one precision.
        Value::Data(..) if matches!(to, 1 | 10 | 11 | 16) => return Ok(vec![value]),
        Value::Known(constant, _) if constant.floats().is_some() => return Ok(vec![value]),
        _ => {
            return Err(Reading::unsupported(format!(
                "Cast of what the network computes to type {to}: expected a floating-point type"
            )));
        }
    };
    let dims = constant.dims.clone();
    let data = match (to, &constant.data) {
        (1 | 10 | 11 | 16, Data::F32(_) | Data::F64(_))
        | (2..=7 | 12 | 13, Data::I64(_))
        | (9, Data::Bool(_)) => return Ok(vec![value]),
        (1 | 10 | 11 | 16, Data::I64(v)) => Data::F32(v.iter().map(|&v| v as f32).collect()),
        (1 | 10 | 11 | 16, Data::Bool(v)) => Data::F32(v.iter().map(|&v| f32::from(u8::from(v))).collect()),
        (2..=7 | 12 | 13, Data::F32(v)) => Data::I64(v.iter().map(|&v| v as i64).collect()),
        (2..=7 | 12 | 13, Data::F64(v)) => Data::I64(v.iter().map(|&v| v as i64).collect()),
        (2..=7 | 12 | 13, Data::Bool(v)) => Data::I64(v.iter().map(|&v| i64::from(v)).collect()),
        (9, Data::F32(v)) => Data::Bool(v.iter().map(|&v| v != 0.0).collect()),
        (9, Data::F64(v)) => Data::Bool(v.iter().map(|&v| v != 0.0).collect()),
        (9, Data::I64(v)) => Data::Bool(v.iter().map(|&v| v != 0).collect()),
        _ => return Err(Reading::unsupported(format!("Cast to the type {to} of ONNX is not read"))),
    };
    Ok(vec![Value::known(Constant { dims, data })])
}

/// `Identity`: another name.
pub(crate) fn read_identity(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    Ok(vec![r.input(0)?.clone()])
}

/// `Dropout` outside training does nothing.
pub(crate) fn read_dropout(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    if r.get(2).is_some() && matches!(&r.known(2)?.data, Data::Bool(v) if v.contains(&true)) {
        return Err(Reading::unsupported(
            "the dropout is in training mode: export the network in evaluation mode (model.eval())",
        ));
    }
    read_identity(r)
}

/// `IsNaN`, which guards against what would end a pass here.
pub(crate) fn read_is_nan(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    match r.input(0)? {
        Value::Data(source, _) => Ok(vec![Value::IsNan(*source)]),
        Value::Known(constant, _) => {
            let data = match &constant.data {
                Data::F32(v) => v.iter().map(|v| v.is_nan()).collect(),
                Data::F64(v) => v.iter().map(|v| v.is_nan()).collect(),
                _ => vec![false; constant.len()],
            };
            Ok(vec![Value::known(Constant { dims: constant.dims.clone(), data: Data::Bool(data) })])
        }
        _ => Err(Error::format("IsNaN: expected numbers")),
    }
}

/// `Where`: with a constant condition, or as a guard against what is not a number.
pub(crate) fn read_where(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let (condition, yes, no) = (r.input(0)?.clone(), r.input(1)?.clone(), r.input(2)?.clone());
    match (&condition, &yes, &no) {
        // Numbers are never anything else: a pass that finds one that is not stops with an error.
        (Value::IsNan(of), _, Value::Data(source, _)) if of == source => Ok(vec![no]),
        (Value::Known(condition, _), Value::Known(yes, _), Value::Known(no, _)) => {
            let (dims, _, _) = paired(yes, no)?;
            let dims = broadcast(&dims, &condition.dims)
                .ok_or_else(|| Error::shape(format!("expected shapes that fit; got {dims:?}")))?;
            let (condition, yes, no) =
                (condition.expanded(&dims)?, yes.expanded(&dims)?, no.expanded(&dims)?);
            let Data::Bool(condition) = condition.data else {
                return Err(Error::format("Where: expected a condition"));
            };
            let chosen = Constant::joined(&[&flat(&yes), &flat(&no)], 0)?;
            let len = condition.len();
            let places = condition.iter().enumerate().map(|(i, &c)| if c { i } else { len + i });
            Ok(vec![Value::known(chosen.picked(dims, places))])
        }
        (Value::Known(condition, _), _, _) => match &condition.data {
            Data::Bool(all) if all.iter().all(|&c| c) => Ok(vec![yes]),
            Data::Bool(all) if !all.contains(&true) => Ok(vec![no]),
            _ => Err(Reading::unsupported("Where is read with a condition that is the same everywhere")),
        },
        _ => Err(Reading::unsupported("Where is read with a condition that does not depend on the image")),
    }
}

fn flat(constant: &Constant) -> Constant {
    Constant { dims: vec![constant.len()], data: constant.data.clone() }
}

/// Places in a constant that rows of indices name: where each begins, and how many numbers follow.
fn places(data: &[usize], indices: &Constant) -> Result<(Vec<usize>, usize)> {
    let misfit = || Error::format("expected indices within the constant; got others");
    let depth = *indices.dims.last().ok_or_else(misfit)?;
    if depth == 0 || depth > data.len() {
        return Err(misfit());
    }
    let step = steps(data);
    let rows = indices.as_integers().ok_or_else(misfit)?.chunks_exact(depth);
    let place = |row: &[i64]| -> Result<usize> {
        let at = row.iter().zip(data).zip(&step);
        at.map(|((&i, &d), step)| Reading::axis(i, d).map(|i| i * step)).sum()
    };
    let starts = rows.map(place).collect::<Result<Vec<_>>>()?;
    Ok((starts, data[depth..].iter().product()))
}

/// `GatherND` of a constant.
pub(crate) fn read_gather_nd(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    if r.node.int("batch_dims", 0)? != 0 {
        return Err(Reading::unsupported("GatherND is read with batch_dims 0"));
    }
    let (data, indices) = (r.known(0)?, r.known(1)?);
    let (starts, run) = places(&data.dims, &indices)?;
    let depth = indices.dims[indices.dims.len() - 1];
    let dims = [&indices.dims[..indices.dims.len() - 1], &data.dims[depth..]].concat();
    checked_len(&dims)?;
    let picked = starts.into_iter().flat_map(|start| start..start + run);
    Ok(vec![Value::known(data.picked(dims, picked))])
}

/// `ScatterND` into a constant.
pub(crate) fn read_scatter_nd(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let reduction = r.node.string("reduction")?.unwrap_or("none");
    if reduction != "none" {
        return Err(Reading::unsupported(format!("ScatterND is read without reduction; got {reduction:?}")));
    }
    let (data, indices, updates) = (r.known(0)?, r.known(1)?, r.known(2)?);
    let (starts, run) = places(&data.dims, &indices)?;
    if updates.len() != starts.len() * run {
        return Err(Error::format("ScatterND: expected an update for each index"));
    }
    let mut from: Vec<usize> = (0..data.len()).collect();
    for (i, start) in starts.into_iter().enumerate() {
        for j in 0..run {
            from[start + j] = data.len() + i * run + j;
        }
    }
    let both = Constant::joined(&[&flat(&data), &flat(&updates)], 0)?;
    Ok(vec![Value::known(both.picked(data.dims.clone(), from.into_iter()))])
}
