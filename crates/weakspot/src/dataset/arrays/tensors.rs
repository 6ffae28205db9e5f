//! safetensors files.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::raw::{Number, Raw, bytes_of};
use super::{Found, names};
use crate::dataset::MAX_PIXEL_BYTES;
use crate::dataset::brief::brief;
use crate::error::{Error, ErrorKind, Result};
use crate::input::{open_regular, read_bounded};

/// Images, and labels if there are any.
pub(super) fn load(path: &Path) -> Result<Found> {
    let (_, length) = open_regular(path)?;
    // The whole file is read, whatever else it holds; twice the pixels leaves room for labels and more.
    if length > 2 * MAX_PIXEL_BYTES {
        return Err(Error::shape(format!(
            "{}: expected a file of at most {} bytes; got {length}",
            path.display(),
            2 * MAX_PIXEL_BYTES
        ))
        .with_hint("store the images as u8, or give fewer of them"));
    }
    let file = read_bounded(path, 2 * MAX_PIXEL_BYTES)?;
    let tensors = SafeTensors::deserialize(&file).map_err(|e| {
        Error::format(format!(
            "{}: expected a safetensors file; got a damaged one ({})",
            path.display(),
            brief(&e.to_string())
        ))
        .with_hint("write it again with safetensors.numpy.save_file({\"images\": .., \"labels\": ..}, FILE)")
    })?;
    let mut found = tensors.names();
    found.sort_unstable();
    let chosen = names::choose(&found, "a tensor").map_err(|e| e.context(path.display()))?;
    let raw = |name: &str| {
        tensors
            .tensor(name)
            .map_err(|e| Error::format(e.to_string()))
            .and_then(|tensor| raw(&tensor))
            .map_err(|e| e.context(format!("{}, {name}", path.display())))
    };
    Ok(Found {
        images: raw(&chosen.images)?,
        labels: chosen.labels.as_deref().map(raw).transpose()?,
        notes: chosen.note.into_iter().collect(),
    })
}

fn raw(tensor: &TensorView<'_>) -> Result<Raw> {
    let number = match tensor.dtype() {
        Dtype::BOOL => Number::Bool,
        Dtype::U8 => Number::U8,
        Dtype::U16 => Number::U16,
        Dtype::U32 => Number::U32,
        Dtype::U64 => Number::U64,
        Dtype::I8 => Number::I8,
        Dtype::I16 => Number::I16,
        Dtype::I32 => Number::I32,
        Dtype::I64 => Number::I64,
        Dtype::F16 => Number::F16,
        Dtype::BF16 => Number::BF16,
        Dtype::F32 => Number::F32,
        Dtype::F64 => Number::F64,
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("expected images of floats or u8, labels of whole numbers; got {other:?}"),
            )
            .with_hint("convert the array before saving it, for example with .astype(\"float32\")"));
        }
    };
    bytes_of(tensor.shape(), number)?;
    Ok(Raw { number, shape: tensor.shape().to_vec(), bytes: tensor.data().to_vec() })
}
