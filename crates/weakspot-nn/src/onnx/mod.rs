//! ONNX files: from the bytes of a stranger's file to a graph.
//!
//! [`file`] and [`tensor`] parse, [`rows`] says what reads each operator, and [`interpret`] walks the file's nodes once
//! for a batch of one image, which makes the graph, and once each for two and three, which shows that a batch is
//! nothing but several images: every value grows with the batch along one axis, and no operator mixes positions of that
//! axis.

mod batch;
mod file;
pub(crate) mod integers;
mod interpret;
mod metadata;
mod places;
mod reading;
mod rows;
mod tensor;
mod value;
mod wire;

use std::path::Path;

use weakspot::{Error, ErrorKind, Result};

pub(crate) use metadata::Metadata;
pub(crate) use reading::Reading;
pub(crate) use tensor::Constant;
pub(crate) use value::{Value, checked_made};

use crate::graph::Graph;
use file::Model;
use interpret::{Interpreter, Taken};

/// How the axes of a file's images are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    /// `[batch, channels, height, width]`, as PyTorch has it: `nchw`.
    First,
    /// `[batch, height, width, channels]`, as Keras has it: `nhwc`.
    Last,
}

impl std::str::FromStr for ChannelOrder {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "nchw" => Ok(Self::First),
            "nhwc" => Ok(Self::Last),
            _ => Err(Error::invalid(format!("expected nchw or nhwc; got {name:?}"))),
        }
    }
}

impl std::fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::First => "nchw",
            Self::Last => "nhwc",
        })
    }
}

/// What a file does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Height and width of the images, for files that take any.
    pub size: Option<(usize, usize)>,
    /// The order of the axes, where the shape does not show it.
    pub order: Option<ChannelOrder>,
}

/// The images that a file takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub order: ChannelOrder,
    /// Whether the file fixes height and width.
    pub fixed_size: bool,
    /// The number of images that the file takes at once, if it fixes that.
    pub batch: Option<usize>,
}

/// A file that has been read.
#[derive(Debug)]
pub(crate) struct Imported {
    pub graph: Graph,
    pub input: Input,
    /// Images that are run together because the file fixes the batch and cannot be freed of it: usually 1.
    pub group: usize,
    pub outputs: usize,
    pub sha256: String,
    /// Entries of the file's metadata.
    pub metadata: Vec<(String, String)>,
    /// What the user should know of how the file was read.
    pub said: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// `Io`; `Format` for a file that is no sound model; `Unsupported` for one with operators that are not read, naming
/// them all; `InvalidParameter` where a size or an order of axes is needed.
pub(crate) fn load(path: &Path, wanted: Wanted) -> Result<Imported> {
    let place = |e: Error| e.context(path.display());
    let file = file::File::open(path)?;
    let model = file.model().map_err(place)?;
    let imported = import(&file, &model, wanted).map_err(place)?;
    Ok(Imported { sha256: file.sha256(&model)?, ..imported })
}

/// The images that a file takes.
///
/// # Errors
/// As [`load`].
pub(crate) fn input(path: &Path, order: Option<ChannelOrder>) -> Result<Input> {
    let place = |e: Error| e.context(path.display());
    let file = file::File::open(path)?;
    let model = file.model().map_err(place)?;
    // Any size will do to see whether it is used.
    input_of(&model, Wanted { size: Some((224, 224)), order }).map_err(place)
}

fn import(file: &file::File, model: &Model<'_>, wanted: Wanted) -> Result<Imported> {
    interpret::check_operators(model)?;
    let input = input_of(model, wanted)?;
    let mut interpreter = Interpreter::new(file, model)?;
    let mut said = Vec::new();
    let (one, group) = match per_image(&mut interpreter, &input) {
        Ok(taken) => (taken, 1),
        Err(error) => match input.batch {
            // The numbers of a file for one image at a time cannot be mixed with others'.
            Some(1) => (interpreter.run(&input, 1)?, 1),
            Some(batch) if batch > 1 => {
                said.push(format!(
                    "the file takes {batch} images at a time: they are run in groups of {batch}"
                ));
                // Why it cannot be freed of its batch says more than why it cannot be run with it.
                (interpreter.run(&input, batch).map_err(|_also| error)?, batch)
            }
            _ => return Err(error),
        },
    };
    let Taken { mut graph, outputs, removed } = one;
    if let Some(removed) = removed {
        said.push(format!("{removed} at the end is left out: maps and attacks need logits"));
    }
    graph = graph.pruned().simplified();
    if batch::normalizes(&graph) {
        said.push("the network normalises its pixels itself".to_owned());
    }
    if input.order == ChannelOrder::Last {
        said.push("images have their channels last (nhwc)".to_owned());
    }
    let metadata = model.metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Ok(Imported { graph, input, group, outputs, sha256: String::new(), metadata, said })
}

/// The graph for one image, if a batch is nothing but several images.
fn per_image(interpreter: &mut Interpreter<'_, '_>, input: &Input) -> Result<Taken> {
    let one = interpreter.run(input, 1)?;
    let two = interpreter.run(input, 2)?;
    let three = interpreter.run(input, 3)?;
    batch::check([&one.graph, &two.graph, &three.graph])?;
    Ok(one)
}

/// The one image input of a model.
fn input_of(model: &Model<'_>, wanted: Wanted) -> Result<Input> {
    let given: Vec<&str> = model.graph.initializers.iter().map(|tensor| tensor.name).collect();
    let inputs: Vec<_> = model.graph.inputs.iter().filter(|input| !given.contains(&input.name)).collect();
    let [input] = inputs[..] else {
        let names: Vec<&str> = inputs.iter().map(|input| input.name).collect();
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "expected a model with one input, the images; got {} inputs: {}",
                names.len(),
                names.join(", ")
            ),
        ));
    };
    if !matches!(input.elem, 1 | 10 | 11 | 16) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "expected images of floating-point numbers as the input {}; got another type",
                input.name
            ),
        ));
    }
    let dims = input.shape.as_deref().unwrap_or_default();
    if dims.len() != 4 {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "expected images of rank 4 as the input {}; got a shape of {} axes",
                input.name,
                dims.len()
            ),
        ));
    }
    let known =
        |axis: usize| dims[axis].and_then(|length| usize::try_from(length).ok()).filter(|&length| length > 0);
    let few = |axis: usize| known(axis).is_some_and(|length| matches!(length, 1 | 3 | 4));
    let order = match (wanted.order, few(1), few(3)) {
        (Some(order), ..) => order,
        (None, false, true) => ChannelOrder::Last,
        // 1 x 4 x 4 x 1 and the like.
        (None, true, true) if known(2) != known(3) && known(1) == known(2) => ChannelOrder::Last,
        _ => ChannelOrder::First,
    };
    let (c, h, w) = match order {
        ChannelOrder::First => (1, 2, 3),
        ChannelOrder::Last => (3, 1, 2),
    };
    let channels = known(c).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "expected the input {} to have a fixed number of channels; got one that is open",
                input.name
            ),
        )
    })?;
    let fixed = known(h).zip(known(w));
    let (height, width) = fixed.or(wanted.size).ok_or_else(|| {
        Error::invalid("the model takes images of any size; expected a height and a width")
            .with_hint("give the size of the images")
    })?;
    if channels > LARGEST_SIDE || height > LARGEST_SIDE || width > LARGEST_SIDE {
        return Err(Error::format(format!(
            "expected images with sides up to {LARGEST_SIDE}; got {channels}x{height}x{width}"
        )));
    }
    Ok(Input { channels, height, width, order, fixed_size: fixed.is_some(), batch: known(0) })
}

/// Far above what memory allows, and low enough that no product of sizes overflows.
const LARGEST_SIDE: usize = 1 << 15;

#[cfg(test)]
mod tests;
