//! What a name in an ONNX graph stands for while the graph is read.

use std::sync::Arc;

use weakspot::{Error, Result};

use super::tensor::{Constant, Data};
use crate::graph::Source;

/// The value of a name, for a batch of a certain size.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// An optional input that was left out.
    Absent,
    /// Numbers that do not depend on the image, and the name of the initializer that they are, if they are one.
    Known(Arc<Constant>, Option<String>),
    /// Something the network computes from the image.
    Data(Source, Vec<usize>),
    /// Whether something the network computes is not a number, which it never is here: passes that find one stop.
    IsNan(Source),
}

impl Value {
    pub(crate) fn known(constant: Constant) -> Self {
        Self::Known(Arc::new(constant), None)
    }

    /// The shape, if the value has one.
    pub(crate) fn dims(&self) -> Option<&[usize]> {
        match self {
            Self::Known(constant, _) => Some(&constant.dims),
            Self::Data(_, dims) => Some(dims),
            Self::Absent | Self::IsNan(_) => None,
        }
    }
}

/// Numbers that a constant may have: enough for the largest weights, and a bound on what a small file can ask for.
pub(super) const MOST: usize = 1 << 30;

/// Numbers that a few bytes of a file may ask for.
const MOST_MADE: usize = 1 << 24;

/// The product of lengths, for a constant that is made and not stored.
pub(crate) fn checked_made(dims: &[usize]) -> Result<usize> {
    checked_len(dims)?;
    let len = dims.iter().product();
    if len <= MOST_MADE {
        return Ok(len);
    }
    Err(Error::format(format!("expected at most {MOST_MADE} numbers from a few; got a shape of {dims:?}")))
}

/// The product of lengths, if it is within [`MOST`].
pub(super) fn checked_len(dims: &[usize]) -> Result<usize> {
    dims.iter().try_fold(1_usize, |len, &d| len.checked_mul(d)).filter(|&len| len <= MOST).ok_or_else(|| {
        Error::format(format!("expected a constant of at most {MOST} numbers; got a shape of {dims:?}"))
    })
}

macro_rules! pick {
    ($data:expr, $places:expr) => {
        match $data {
            Data::F32(v) => Data::F32($places.map(|i| v[i]).collect()),
            Data::F64(v) => Data::F64($places.map(|i| v[i]).collect()),
            Data::I64(v) => Data::I64($places.map(|i| v[i]).collect()),
            Data::Bool(v) => Data::Bool($places.map(|i| v[i]).collect()),
        }
    };
}

/// Steps from one index of each axis to the next, the last axis running fastest.
pub(super) fn steps(dims: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        steps[axis - 1] = steps[axis] * dims[axis];
    }
    steps
}

/// Calls `visit` with every index of a shape, in order.
pub(super) fn indices(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let steps = steps(dims);
    (0..dims.iter().product())
        .map(move |i: usize| steps.iter().zip(dims).map(|(step, d)| i / step % d).collect())
}

impl Constant {
    /// The numbers at some places.
    pub(super) fn picked(&self, dims: Vec<usize>, places: impl Iterator<Item = usize>) -> Self {
        Self { data: pick!(&self.data, places), dims }
    }

    /// The same numbers under another shape.
    pub(crate) fn reshaped(&self, dims: Vec<usize>) -> Result<Self> {
        if dims.iter().product::<usize>() == self.dims.iter().product::<usize>() {
            return Ok(Self { dims, data: self.data.clone() });
        }
        Err(Error::shape(format!("expected a shape of as many numbers as {:?}; got {dims:?}", self.dims)))
    }

    pub(crate) fn transposed(&self, axes: &[usize]) -> Self {
        let dims: Vec<usize> = axes.iter().map(|&axis| self.dims[axis]).collect();
        let own = steps(&self.dims);
        let places: Vec<usize> = indices(&dims)
            .map(|index| index.iter().zip(axes).map(|(i, &axis)| i * own[axis]).sum())
            .collect();
        self.picked(dims, places.into_iter())
    }

    /// Positions along an axis.
    pub(crate) fn gathered(&self, axis: usize, positions: &[usize]) -> Self {
        let mut dims = self.dims.clone();
        dims[axis] = positions.len();
        let step = steps(&self.dims)[axis];
        let block = self.dims[axis] * step;
        let outer = self.dims[..axis].iter().product::<usize>();
        let places = (0..outer).flat_map(|o| {
            positions.iter().flat_map(move |&p| (0..step).map(move |i| o * block + p * step + i))
        });
        self.picked(dims.clone(), places)
    }

    /// Repeated along axes of length 1, up to a shape.
    pub(crate) fn expanded(&self, dims: &[usize]) -> Result<Self> {
        if self.dims == dims {
            return Ok(self.clone());
        }
        checked_made(dims)?;
        let own = steps(&self.dims);
        let behind = dims.len() - self.dims.len();
        let places: Vec<usize> = indices(dims)
            .map(|index| {
                let here = index[behind..].iter().zip(&self.dims).zip(&own);
                here.map(|((&i, &d), step)| if d == 1 { 0 } else { i * step }).sum()
            })
            .collect();
        Ok(self.picked(dims.to_vec(), places.into_iter()))
    }

    /// Side by side along an axis; all of one type.
    pub(crate) fn joined(parts: &[&Self], axis: usize) -> Result<Self> {
        let mut dims = parts[0].dims.clone();
        dims[axis] = parts.iter().map(|part| part.dims[axis]).sum();
        checked_len(&dims)?;
        let inner: usize = dims[axis + 1..].iter().product();
        let outer: usize = dims[..axis].iter().product();
        macro_rules! join {
            ($kind:ident) => {{
                let mut data = Vec::new();
                for o in 0..outer {
                    for part in parts {
                        let Data::$kind(v) = &part.data else {
                            return Err(Error::format("expected constants of one type; got several"));
                        };
                        let run = part.dims[axis] * inner;
                        data.extend_from_slice(&v[o * run..][..run]);
                    }
                }
                Data::$kind(data)
            }};
        }
        let data = match parts[0].data {
            Data::F32(_) => join!(F32),
            Data::F64(_) => join!(F64),
            Data::I64(_) => join!(I64),
            Data::Bool(_) => join!(Bool),
        };
        Ok(Self { dims, data })
    }

    pub(super) fn integers(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], data: Data::I64(values) }
    }

    /// Rows one after the other.
    pub(crate) fn matrix(rows: usize, columns: usize, values: Vec<f32>) -> Self {
        Self { dims: vec![rows, columns], data: Data::F32(values) }
    }

    /// One number.
    pub(crate) fn single(value: f32) -> Self {
        Self { dims: Vec::new(), data: Data::F32(vec![value]) }
    }

    /// As floating-point numbers, if they are any.
    pub(crate) fn floats(&self) -> Option<Vec<f32>> {
        match &self.data {
            Data::F32(v) => Some(v.clone()),
            Data::F64(v) => Some(v.iter().map(|&v| v as f32).collect()),
            _ => None,
        }
    }

    pub(crate) fn as_integers(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(v) => Some(v),
            _ => None,
        }
    }
}

impl Constant {
    /// Numbers in it.
    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::F32(v) => v.len(),
            Data::F64(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::Bool(v) => v.len(),
        }
    }

    /// The one number of all, if every number is the same.
    pub(crate) fn any_float(&self) -> Option<f32> {
        let values = match &self.data {
            Data::I64(v) => v.iter().map(|&v| v as f32).collect(),
            _ => self.floats()?,
        };
        let first = *values.first()?;
        values.iter().all(|v| *v == first).then_some(first)
    }

    /// As a mask that is added to scores: truth values stand for 0 and minus infinity.
    pub(crate) fn as_mask(&self) -> Result<Self> {
        let data = match &self.data {
            Data::Bool(v) => v.iter().map(|&v| if v { 0.0 } else { f32::NEG_INFINITY }).collect(),
            _ => self.floats().ok_or_else(|| Error::format("expected a mask of numbers; got integers"))?,
        };
        Ok(Self { dims: self.dims.clone(), data: Data::F32(data) })
    }
}
