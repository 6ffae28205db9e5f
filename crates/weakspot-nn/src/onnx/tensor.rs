//! The numbers of a tensor, wherever the file keeps them.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};
use weakspot::input::open_regular;
use weakspot::{Error, ErrorKind, Result};

use super::file::{File, Model, TensorProto};
use super::value::checked_len;
use crate::half::{bfloat_to_f32, half_to_f32};

/// Numbers that do not depend on the image, the last axis running fastest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub dims: Vec<usize>,
    pub data: Data,
}

/// Numbers of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// Of single precision or less.
    F32(Vec<f32>),
    F64(Vec<f64>),
    /// Whole numbers of any length.
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

/// Element types by their number in `onnx.proto`: name, and bytes of one number.
fn element(number: i64) -> Option<(&'static str, usize)> {
    Some(match number {
        1 => ("float", 4),
        2 => ("uint8", 1),
        3 => ("int8", 1),
        4 => ("uint16", 2),
        5 => ("int16", 2),
        6 => ("int32", 4),
        7 => ("int64", 8),
        9 => ("bool", 1),
        10 => ("float16", 2),
        11 => ("double", 8),
        12 => ("uint32", 4),
        13 => ("uint64", 8),
        16 => ("bfloat16", 2),
        _ => return None,
    })
}

fn each<const N: usize, V>(bytes: &[u8], f: impl Fn([u8; N]) -> V) -> Vec<V> {
    bytes.as_chunks::<N>().0.iter().map(|&b| f(b)).collect()
}

impl File {
    /// The numbers of a tensor.
    ///
    /// # Errors
    /// `Format`, naming the tensor, where its numbers do not fit its shape or its type is not read; `Io` for files
    /// beside the model.
    pub(crate) fn constant(&self, tensor: &TensorProto<'_>) -> Result<Constant> {
        self.decode(tensor).map_err(|e| e.context(format!("tensor {}", tensor.name)))
    }

    fn decode(&self, tensor: &TensorProto<'_>) -> Result<Constant> {
        let (name, size) = element(tensor.data_type).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("expected numbers of a type that is read; got type {} of ONNX", tensor.data_type),
            )
        })?;
        let dims = tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<Vec<_>>>();
        let dims = dims.ok_or_else(|| Error::format(format!("expected lengths; got {:?}", tensor.dims)))?;
        let count = checked_len(&dims)?;
        let external;
        let raw = if tensor.is_external {
            external = self.beside(tensor, count * size)?;
            Some(&external[..])
        } else {
            tensor.raw
        };
        let data = match raw {
            Some(raw) if raw.len() == count * size => of_bytes(tensor.data_type, raw)?,
            Some(raw) => {
                return Err(Error::format(format!(
                    "expected {count} numbers of {size} bytes ({name}) for the shape {dims:?}; got {} bytes",
                    raw.len()
                )));
            }
            None => of_fields(tensor)?,
        };
        let constant = Constant { dims, data };
        if constant.len() != count {
            return Err(Error::format(format!(
                "expected {count} numbers for the shape {:?}; got {}",
                constant.dims,
                constant.len()
            )));
        }
        Ok(constant)
    }

    /// The bytes of a tensor that lie in a file beside the model.
    fn beside(&self, tensor: &TensorProto<'_>, expected: usize) -> Result<Vec<u8>> {
        let entry = |key: &str| tensor.external.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        let number = |key: &str| -> Result<Option<u64>> {
            entry(key)
                .map(|text| {
                    text.parse().map_err(|_digits| Error::format(format!("expected a {key}; got {text:?}")))
                })
                .transpose()
        };
        let location =
            entry("location").ok_or_else(|| Error::format("expected the file of its numbers; got none"))?;
        let path = self.inside(location)?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let (mut file, whole) = open_regular(&path)?;
        let left = whole.checked_sub(offset);
        let length = length.or(left).unwrap_or(0);
        if length != expected as u64 || left.is_none_or(|left| left < length) {
            return Err(Error::format(format!(
                "{}: expected {expected} bytes from byte {offset} on; got {length} of a file of {whole}",
                path.display()
            )));
        }
        let io = |e: std::io::Error| Error::io(&path, &e);
        file.seek(SeekFrom::Start(offset)).map_err(io)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(expected).map_err(|_short| Error::out_of_memory("a tensor", length))?;
        file.take(length).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() != expected {
            return Err(Error::format(format!(
                "{}: the file became shorter while it was read",
                path.display()
            )));
        }
        Ok(bytes)
    }

    /// A file in the model's folder, links included.
    fn inside(&self, location: &str) -> Result<PathBuf> {
        let refuse = || {
            Error::format(format!("expected its numbers in a file of the model's folder; got {location:?}"))
                .with_hint("copy the file of the weights beside the model, or export the model again")
        };
        let relative = Path::new(location);
        if location.is_empty()
            || !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(refuse());
        }
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let path = folder.join(relative);
        let io = |e: std::io::Error| {
            Error::io(&path, &e)
                .with_hint("the model's weights lie in a file of their own: copy it beside the model")
        };
        let (real, root) = (path.canonicalize().map_err(io)?, folder.canonicalize().map_err(io)?);
        if real.starts_with(&root) { Ok(path) } else { Err(refuse()) }
    }

    /// SHA-256 over the model's bytes and those of the files beside it, in the order of their names.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn sha256(&self, model: &Model<'_>) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(&self.bytes);
        let external = model.graph.initializers.iter().filter(|tensor| tensor.is_external);
        let locations =
            external.flat_map(|tensor| tensor.external.iter().filter(|(key, _)| *key == "location"));
        let mut locations: Vec<&str> = locations.map(|(_, value)| *value).collect();
        locations.sort_unstable();
        locations.dedup();
        let mut piece = vec![0; 1 << 20];
        for location in locations {
            let path = self.inside(location)?;
            let (mut file, _) = open_regular(&path)?;
            loop {
                let read = file.read(&mut piece).map_err(|e| Error::io(&path, &e))?;
                if read == 0 {
                    break;
                }
                hash.update(&piece[..read]);
            }
        }
        Ok(weakspot::digest::hex(&hash.finalize()))
    }
}

/// Numbers one after the other, the lowest byte first.
fn of_bytes(data_type: i64, raw: &[u8]) -> Result<Data> {
    Ok(match data_type {
        1 => Data::F32(each(raw, f32::from_le_bytes)),
        2 => Data::I64(raw.iter().map(|&v| v.into()).collect()),
        3 => Data::I64(raw.iter().map(|&v| v.cast_signed().into()).collect()),
        4 => Data::I64(each(raw, |b| u16::from_le_bytes(b).into())),
        5 => Data::I64(each(raw, |b| i16::from_le_bytes(b).into())),
        6 => Data::I64(each(raw, |b| i32::from_le_bytes(b).into())),
        7 => Data::I64(each(raw, i64::from_le_bytes)),
        9 => Data::Bool(raw.iter().map(|&v| v != 0).collect()),
        10 => Data::F32(each(raw, |b| half_to_f32(u16::from_le_bytes(b)))),
        11 => Data::F64(each(raw, f64::from_le_bytes)),
        12 => Data::I64(each(raw, |b| u32::from_le_bytes(b).into())),
        13 => whole(each(raw, u64::from_le_bytes).into_iter())?,
        16 => Data::F32(each(raw, |b| bfloat_to_f32(u16::from_le_bytes(b)))),
        other => return Err(Error::format(format!("expected a type that is read; got {other}"))),
    })
}

/// Unsigned numbers that have a sign here.
fn whole(values: impl Iterator<Item = u64>) -> Result<Data> {
    let values = values.map(i64::try_from).collect::<std::result::Result<Vec<_>, _>>();
    values
        .map(Data::I64)
        .map_err(|_large| Error::format("expected whole numbers of 63 bits; got larger ones"))
}

/// Numbers in the fields of the message, which depend on the type.
fn of_fields(tensor: &TensorProto<'_>) -> Result<Data> {
    let integers = &tensor.integers;
    let sixteen = |f: fn(u16) -> f32| -> Result<Data> {
        let bits = integers.iter().map(|&v| u16::try_from(v).ok()).collect::<Option<Vec<_>>>();
        let bits = bits.ok_or_else(|| Error::format("expected numbers of 16 bits; got larger ones"))?;
        Ok(Data::F32(bits.into_iter().map(f).collect()))
    };
    match tensor.data_type {
        1 => Ok(Data::F32(tensor.floats.clone())),
        11 => Ok(Data::F64(tensor.doubles.clone())),
        9 => Ok(Data::Bool(integers.iter().map(|&v| v != 0).collect())),
        10 => sixteen(half_to_f32),
        16 => sixteen(bfloat_to_f32),
        13 => whole(integers.iter().map(|v| v.cast_unsigned())),
        _ => Ok(Data::I64(integers.clone())),
    }
}
