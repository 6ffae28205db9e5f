//! Attention as one operator (opset 23 and later): `softmax(Q Kᵀ scale + mask) V`, written with the operators it is
//! made of, so that it has their gradients.

use weakspot::{Error, Result};

use super::matmul::multiplied;
use super::{Binary, Gather, Pairwise, Reshape, Softmax, Transpose};
use crate::onnx::{Constant, Reading, Value};

/// `Attention`.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    for name in ["is_causal", "softcap", "qk_matmul_output_mode"] {
        let given = match name {
            "softcap" => r.node.float(name, 0.0)? != 0.0,
            _ => r.node.int(name, 0)? != 0,
        };
        if given {
            return Err(Reading::unsupported(format!("Attention is read without {name}")));
        }
    }
    if (4..r.inputs.len()).any(|i| r.get(i).is_some()) {
        return Err(Reading::unsupported("Attention is read without a cache of past keys"));
    }
    let heads =
        [r.node.int("q_num_heads", 0)?, r.node.int("kv_num_heads", 0)?, r.node.int("kv_num_heads", 0)?];
    let joined = r.dims(0)?.len() == 3;
    let mut parts = Vec::with_capacity(3);
    for (i, heads) in heads.into_iter().enumerate() {
        let value = r.input(i)?.clone();
        parts.push(if joined { apart(r, value, heads)? } else { value });
    }
    let mut parts = parts.into_iter();
    let (Some(q), Some(k), Some(v)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::format("Attention needs queries, keys and values"));
    };
    let (k, v) = (repeated(r, k, &q)?, repeated(r, v, &q)?);
    let width = q.dims().and_then(<[usize]>::last).copied().unwrap_or(1);
    let scale = r.node.float("scale", 1.0 / (width as f32).sqrt())?;
    let k = r.push(Transpose { axes: vec![0, 1, 3, 2] }, &[k])?;
    let scores = multiplied(r, q, k)?;
    let mut scores = r.push(Binary(Pairwise::Mul), &[scores, Value::known(Constant::single(scale))])?;
    if let Some(mask) = r.get(3).cloned() {
        let Value::Known(constant, _) = &mask else {
            return Err(Reading::unsupported(
                "Attention is read with a mask that does not depend on the image",
            ));
        };
        let mask = Value::known(constant.as_mask()?);
        scores = r.push(Binary(Pairwise::Add), &[scores, mask])?;
    }
    let shares = r.push(Softmax, &[scores])?;
    let mut value = multiplied(r, shares, v)?;
    if joined {
        value = r.push(Transpose { axes: vec![0, 2, 1, 3] }, &[value])?;
        let dims = value.dims().unwrap_or_default().to_vec();
        value = r.push(Reshape { dims: vec![dims[0], dims[1], dims[2] * dims[3]] }, &[value])?;
    }
    Ok(vec![value])
}

/// `[batch, tokens, heads * width]` to `[batch, heads, tokens, width]`.
fn apart(r: &mut Reading<'_, '_, '_>, value: Value, heads: i64) -> Result<Value> {
    let heads = usize::try_from(heads).ok().filter(|&heads| heads > 0);
    match (value.dims(), heads) {
        (Some(&[batch, tokens, all]), Some(heads)) if all % heads == 0 => {
            let value = r.push(Reshape { dims: vec![batch, tokens, heads, all / heads] }, &[value])?;
            r.push(Transpose { axes: vec![0, 2, 1, 3] }, &[value])
        }
        (dims, _) => {
            Err(Error::format(format!("Attention: expected tokens that divide into heads; got {dims:?}")))
        }
    }
}

/// Keys or values whose heads are shared by several heads of queries.
fn repeated(r: &mut Reading<'_, '_, '_>, value: Value, queries: &Value) -> Result<Value> {
    match (value.dims(), queries.dims()) {
        (Some(&[_, own, _, _]), Some(&[_, heads, _, _])) if own > 0 && heads % own == 0 => {
            if own == heads {
                return Ok(value);
            }
            let indices = (0..heads).map(|i| i / (heads / own)).collect();
            r.push(Gather { name: "Attention", axis: 1, indices }, &[value])
        }
        (dims, _) => {
            Err(Error::format(format!("Attention: expected keys for the heads of the queries; got {dims:?}")))
        }
    }
}
