//! A classifier from the user's own file: a VGG16's weights, or any network in an ONNX file.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use weakspot::classifier::Classifier;
use weakspot::input::read_bounded;
use weakspot::{Error, Result};
use weakspot_nn::{Model, OnnxModel, OnnxSettings};

use super::recipes;
use crate::args::{ModelArgs, Normalization};

/// A classifier of either kind.
#[derive(Debug)]
pub(crate) enum Network {
    Vgg16(Box<Model>),
    Onnx(Box<OnnxModel>),
}

/// What was read from the user's file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) network: Network,
    /// Names of the outputs; empty if there are none.
    pub(crate) class_names: Vec<String>,
    pub(crate) sha256: String,
    /// What the user should know of how the file was read.
    pub(crate) said: Vec<String>,
    /// The network in a few words: what it is, and what its pixels become.
    pub(crate) summary: String,
    /// As a record states them: network, head, width.
    pub(crate) in_record: [String; 3],
    /// The seed of its training, if this program trained it.
    pub(crate) training_seed: Option<u64>,
}

impl Network {
    /// Numbers that the network puts out for each image.
    pub(crate) fn n_outputs(&self) -> usize {
        match self {
            Self::Vgg16(model) => model.spec().n_outputs,
            Self::Onnx(model) => model.n_outputs(),
        }
    }

    /// Stops a pass at its next step once this is set.
    pub(crate) fn stop_on(&mut self, flag: Option<Arc<AtomicBool>>) {
        match self {
            Self::Vgg16(model) => model.stop_on(flag),
            Self::Onnx(model) => model.stop_on(flag),
        }
    }
}

impl Deref for Network {
    type Target = dyn Classifier;

    fn deref(&self) -> &(dyn Classifier + 'static) {
        match self {
            Self::Vgg16(model) => model.as_ref(),
            Self::Onnx(model) => model.as_ref(),
        }
    }
}

/// Whether a file's name says that it holds a network, or a checkpoint that would have to become one.
pub(crate) fn is_network(file: &Path) -> bool {
    let endings = ["onnx", "pt", "pth", "ckpt", "h5", "keras", "tflite", "pb"];
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// The side of the square images that a file fixes; `None` if it takes any, or is no file of a network.
///
/// # Errors
/// What reading the file reports.
pub(crate) fn fixed_side(file: &Path) -> Result<Option<usize>> {
    if !is_network(file) {
        return Ok(None);
    }
    let size = weakspot_nn::image_shape(file, None)?.size;
    Ok(size.filter(|(height, width)| height == width).map(|(height, _)| height))
}

/// Reads a network for images of a shape `[channels, height, width]`.
///
/// # Errors
/// What the file's reader reports; `Shape` where the network takes other images; `InvalidParameter` for flags that are
/// about VGG16's weights.
pub(crate) fn open(file: &Path, args: &ModelArgs, [channels, height, width]: [usize; 3]) -> Result<Opened> {
    let about_vgg16 =
        [("--arch", args.arch.is_some()), ("--head", args.head.is_some()), ("--width", args.width.is_some())];
    if let Some((flag, _)) = about_vgg16.into_iter().find(|(_, given)| *given) {
        return Err(Error::invalid(format!(
            "{flag} is about the weights of a VGG16; {} is a network",
            file.display()
        ))
        .with_hint(format!("leave {flag} out")));
    }
    let (mean, std) = pixels(args, channels)?;
    let settings =
        OnnxSettings { size: Some((height, width)), order: args.layout, mean, std, convolutions: args.conv };
    let model = OnnxModel::load(file, &settings)?;
    let (input, description) = (model.input(), model.description());
    if (input.channels, input.height, input.width) != (channels, height, width) {
        let hint = if input.channels == channels {
            format!("resize the images: a folder of pictures takes --size {}", input.height)
        } else {
            "use images with as many channels; --layout nhwc, or nchw, says where those of the model's images are"
                .to_owned()
        };
        return Err(Error::shape(format!(
            "{}: the model takes images of {}x{}x{} (channels, height, width); got {channels}x{height}x{width}",
            file.display(),
            input.channels,
            input.height,
            input.width
        ))
        .with_hint(hint));
    }
    let class_names = match &args.labels_file {
        Some(path) => labels_of(path, model.n_outputs())?,
        None => description.class_names.clone(),
    };
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let summary = format!(
        "network {stem} with {} outputs, mean {:?}, std {:?}",
        model.n_outputs(),
        description.mean,
        description.std
    );
    Ok(Opened {
        class_names,
        sha256: description.sha256.clone(),
        said: description.said.clone(),
        summary,
        in_record: ["onnx".to_owned(), stem, "1".to_owned()],
        training_seed: None,
        network: Network::Onnx(Box::new(model)),
    })
}

/// Mean and std by flags.
#[expect(clippy::type_complexity, reason = "two lists, either of which may be left to the file")]
fn pixels(args: &ModelArgs, channels: usize) -> Result<(Option<Vec<f32>>, Option<Vec<f32>>)> {
    let mean = args.mean.as_ref().map(|mean| mean.of_pixels("--mean", channels)).transpose()?;
    let std = recipes::std_of(args, channels)?;
    let Some(normalization) = args.normalization else { return Ok((mean, std)) };
    if mean.is_some() || std.is_some() {
        return Err(Error::invalid("expected --normalization or --mean and --std; got both")
            .with_hint("leave --normalization out"));
    }
    match normalization {
        Normalization::None => Ok((Some(vec![0.0]), Some(vec![1.0]))),
        Normalization::Imagenet if channels == 3 => {
            Ok((Some(vec![0.485, 0.456, 0.406]), Some(vec![0.229, 0.224, 0.225])))
        }
        Normalization::Imagenet => Err(Error::invalid(format!(
            "--normalization imagenet is about colour images; got {channels} channels"
        ))
        .with_hint("give --mean and --std")),
    }
}

/// Names of classes, one per line.
fn labels_of(path: &Path, outputs: usize) -> Result<Vec<String>> {
    let bytes = read_bounded(path, LONGEST)?;
    let text = String::from_utf8(bytes)
        .map_err(|e| Error::format(format!("{}: expected text in UTF-8; got {e}", path.display())))?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if names.len() == outputs {
        return Ok(names);
    }
    Err(Error::format(format!(
        "{}: expected a line for each of {outputs} outputs; got {} lines",
        path.display(),
        names.len()
    ))
    .with_hint("write the name of output 0 on the first line, and so on"))
}

/// Bytes of the largest list of names.
const LONGEST: u64 = 16 << 20;
