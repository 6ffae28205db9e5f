//! safetensors files.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::raw::{Number, Raw, bytes_of};
use crate::dataset::MAX_PIXEL_BYTES;
use crate::error::{Error, ErrorKind, Result};
use crate::input::{open_regular, read_bounded};

/// `images` and, if it is there, `labels`.
pub(super) fn load(path: &Path) -> Result<(Raw, Option<Raw>)> {
    let (_, length) = open_regular(path)?;
    // The whole file is read, whatever else it holds; twice the pixels leaves room for labels and more.
    if length > 2 * MAX_PIXEL_BYTES {
        return Err(Error::shape(format!(
            "{}: expected a file of at most {} bytes; came {length}",
            path.display(),
            2 * MAX_PIXEL_BYTES
        ))
        .with_hint("store the images as u8, or give fewer of them"));
    }
    let file = read_bounded(path, 2 * MAX_PIXEL_BYTES)?;
    let tensors = SafeTensors::deserialize(&file).map_err(|e| {
        Error::format(format!("{}: expected a safetensors file; came a damaged one ({e})", path.display()))
            .with_hint(
                "write it again with safetensors.numpy.save_file({\"images\": .., \"labels\": ..}, FILE)",
            )
    })?;
    let images = tensors.tensor("images").map_err(|_missing| {
        let mut names = tensors.names();
        names.sort_unstable();
        Error::format(format!(
            "{}: expected a tensor \"images\"; came {}",
            path.display(),
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        ))
        .with_hint("call the images `images` and their labels `labels`")
    })?;
    let labels = tensors.tensor("labels").ok();
    let raw = |tensor: TensorView<'_>, name: &str| {
        raw(&tensor).map_err(|e| e.context(format!("{}, {name}", path.display())))
    };
    Ok((raw(images, "images")?, labels.map(|labels| raw(labels, "labels")).transpose()?))
}

fn raw(tensor: &TensorView<'_>) -> Result<Raw> {
    let number = match tensor.dtype() {
        Dtype::U8 => Number::U8,
        Dtype::I32 => Number::I32,
        Dtype::I64 => Number::I64,
        Dtype::F32 => Number::F32,
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("expected f32 or u8 images, i64 or u8 labels; came {other:?}"),
            )
            .with_hint("convert the array before saving it, for example with .astype(\"float32\")"));
        }
    };
    bytes_of(tensor.shape(), number)?;
    Ok(Raw { number, shape: tensor.shape().to_vec(), bytes: tensor.data().to_vec() })
}
