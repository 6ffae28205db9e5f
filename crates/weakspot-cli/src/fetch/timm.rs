//! VGG16's tensors by torchvision's names, from a file with timm's.
//!
//! timm calls torchvision's fully connected layers by other names and gives the first two the shape of convolutions:
//! `[4096, 512, 7, 7]` is `[4096, 25088]` read in the same order, so that only the file's header changes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use serde_json::{Map, Value, json};
use weakspot::progress::Observer as _;
use weakspot::{Error, Result};
use weakspot_nn::checkpoint::Description;
use weakspot_nn::{Arch, Head, ModelSpec, Start, Width};

use super::download::{DISK, interrupted};
use crate::terminal::progress::Progress;

/// timm's names and torchvision's.
const NAMES: [(&str, &str); 3] = [
    ("pre_logits.fc1.", "classifier.0."),
    ("pre_logits.fc2.", "classifier.3."),
    ("head.fc.", "classifier.6."),
];

/// ImageNet's mean and standard deviation, with which the weights were trained (torchvision's
/// `VGG16_Weights.IMAGENET1K_V1.transforms`).
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The file that is made.
pub(crate) const FILE: &str = "vgg16.safetensors";

/// What to do with a file that is not the published one.
const HINT: &str = "with --sha256, --from must name the weights of a VGG16 with timm's or torchvision's names of \
                    tensors; leave both out to get the published file";

/// 32 tensors need 4 kB.
const LARGEST_HEADER: u64 = 1 << 20;

/// Writes `to` with the tensors of `from` by torchvision's names, and what they are in its metadata.
///
/// # Errors
/// `Format` for a file that is no safetensors file, or that no training could begin from; `Io`; `Interrupted`.
pub(crate) fn rename(from: &Path, to: &Path, progress: &Progress) -> Result<()> {
    let bad = |what: String| {
        Error::format(format!("{}: not a usable safetensors file: {what}", from.display())).with_hint(HINT)
    };
    let io = |e: std::io::Error| Error::io(to, &e).with_hint(DISK);
    let file = File::open(from).map_err(|e| Error::io(from, &e))?;
    let length = file.metadata().map_err(|e| Error::io(from, &e))?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut size = [0; 8];
    reader.read_exact(&mut size).map_err(|e| bad(e.to_string()))?;
    let size = u64::from_le_bytes(size);
    if size > LARGEST_HEADER || size + 8 > length {
        return Err(bad(format!("its header claims {size} bytes of a file of {length}")));
    }
    let mut header = vec![0; size as usize];
    reader.read_exact(&mut header).map_err(|e| bad(e.to_string()))?;
    let header: Map<String, Value> = serde_json::from_slice(&header).map_err(|e| bad(e.to_string()))?;

    let header = serde_json::to_vec(&renamed(header)?).map_err(|e| bad(e.to_string()))?;
    let padded = header.len().next_multiple_of(8);
    let mut writer = BufWriter::with_capacity(1 << 20, File::create_new(to).map_err(io)?);
    writer.write_all(&(padded as u64).to_le_bytes()).map_err(io)?;
    writer.write_all(&header).map_err(io)?;
    writer.write_all(&vec![b' '; padded - header.len()]).map_err(io)?;
    progress.stage_of_bytes("renaming tensors", length - size - 8);
    let mut piece = vec![0; 1 << 20];
    loop {
        if progress.interrupted() {
            return Err(interrupted());
        }
        let n = reader.read(&mut piece).map_err(|e| Error::io(from, &e))?;
        if n == 0 {
            writer.flush().map_err(io)?;
            return usable(to).map_err(bad);
        }
        writer.write_all(&piece[..n]).map_err(io)?;
        progress.advance(n);
    }
}

/// Checks that a training could start from the file that was made. It always can from a published file; with `--sha256`
/// it may be any file: one whose header claims other bytes than follow, or one with a tensor under both names.
fn usable(made: &Path) -> std::result::Result<(), String> {
    Start::open(made).map(drop).map_err(|e| {
        let (text, place) = (e.to_string(), format!("{}: ", made.display()));
        text.strip_prefix(&place).unwrap_or(&text).to_owned()
    })
}

fn renamed(header: Map<String, Value>) -> Result<BTreeMap<String, Value>> {
    let mut tensors = BTreeMap::new();
    for (name, mut entry) in header {
        if name == "__metadata__" {
            continue;
        }
        let new = NAMES.iter().find_map(|(timm, torchvision)| {
            name.strip_prefix(timm).map(|rest| format!("{torchvision}{rest}"))
        });
        if new.is_some() && name.ends_with(".weight") {
            let shape: Option<Vec<u64>> = serde_json::from_value(entry["shape"].clone()).ok();
            let Some(shape) = shape.filter(|shape| shape.len() >= 2) else {
                return Err(Error::format(format!("tensor {name}: expected a shape of at least two axes")));
            };
            let inputs = shape[1..].iter().try_fold(1u64, |product, &n| product.checked_mul(n));
            entry["shape"] = json!([shape[0], inputs]);
        }
        tensors.insert(new.unwrap_or(name), entry);
    }
    // A file of the user's own may have other classes than ImageNet's.
    let classes = tensors.get("classifier.6.weight").and_then(|entry| entry["shape"][0].as_u64());
    let classes = classes.map_or(1000, |classes| classes as usize);
    let mut spec = ModelSpec::new(Arch::Vgg16, Head::Linear3, Width::one_in(1)?, [3, 224, 224], classes);
    (spec.mean, spec.std) = (MEAN.to_vec(), STD.to_vec());
    let description = serde_json::to_string(&Description::of(spec))
        .map_err(|e| Error::format(format!("a description of weights: {e}")))?;
    tensors.insert("__metadata__".to_owned(), json!({ "format": "pt", "weakspot": description }));
    Ok(tensors)
}
