//! Weights of another task from which training starts: ImageNet's, in torchvision's names.
//!
//! The trunk must match the network's, tensor by tensor. Of the head, tensors with the network's names and shapes are
//! taken over; the others are left out, and tensors that the network still lacks start at random.

use std::collections::BTreeMap;
use std::path::Path;

use weakspot::hint::Hint;
use weakspot::{Error, ErrorKind, Result};

use crate::checkpoint::{Opened, arch_of, describe, width_of};
use crate::init;
use crate::models::{Arch, Width};
use crate::names::not_vgg;
use crate::network::Network;
use crate::train::is_trunk;
use crate::weights::{Weights, is_ignored};

/// Mean of ImageNet's pixels per colour channel: torchvision's weights were trained on pixels from which it was
/// subtracted.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation, by which the pixels were then divided.
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// A file of weights to start from. Only its header has been read.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, save};
/// use weakspot_nn::{Start, models};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// # save(&path, &model, &Description::of(spec.clone()))?;
/// let start = Start::open(&path)?;
/// assert_eq!((start.arch(), start.width(), start.channels()), (spec.arch, spec.width, 1));
/// // The trunk is taken over; the last layer starts at random, because its outputs may be different classes.
/// let begun = start.read(&models::network(&spec)?, 0, false)?;
/// assert_eq!(begun.weights.0["features.0.weight"], model.weights()?.0["features.0.weight"]);
/// assert_eq!(begun.fresh, ["classifier.bias", "classifier.weight"]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Start {
    file: Opened,
    arch: Arch,
    width: Width,
    channels: usize,
    normalization: Normalization,
    class_names: Vec<String>,
}

/// What the trunk expects of its pixels.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, save};
/// use weakspot_nn::{Normalization, Start};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// # save(&path, &model, &Description::of(spec))?;
/// // Checkpoints of this crate state the normalization.
/// let known = Normalization { mean: vec![0.0], std: vec![1.0], known: true };
/// assert_eq!(Start::open(&path)?.normalization(), &known);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// Subtracted, per channel.
    pub mean: Vec<f32>,
    /// Then divided by, per channel.
    pub std: Vec<f32>,
    /// Whether the file states this. If not, it was assumed and should be shown to the user.
    pub known: bool,
}

/// Weights to start from, and where they come from.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, save};
/// use weakspot_nn::{ModelSpec, Start, models};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// # save(&path, &model, &Description::of(spec.clone()))?;
/// // A network with ten outputs starts from one with two.
/// let ten = models::network(&ModelSpec { n_outputs: 10, ..spec })?;
/// let begun = Start::open(&path)?.read(&ten, 0, false)?;
/// assert_eq!(begun.left_out, ["classifier.bias [2]", "classifier.weight [2, 8]"]);
/// assert_eq!(begun.weights.0["classifier.bias"].shape, [10]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The weights of the whole network.
    pub weights: Weights,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The network's tensors that the file does not have in this shape and that start at random.
    pub fresh: Vec<String>,
    /// The file's tensors that the network has no place for, with their shapes.
    pub left_out: Vec<String>,
    /// What the user should know about how names and numbers were read.
    pub said: Vec<String>,
}

impl Start {
    /// Reads the header of a file.
    ///
    /// A file that does not say how pixels are normalised is treated like torchvision's: with three channels,
    /// ImageNet's mean and standard deviation are used; otherwise 0 and 1.
    ///
    /// # Errors
    /// `Io` when the file cannot be read; `Format` when it is not safetensors or lacks VGG16's first convolution.
    pub fn open(path: &Path) -> Result<Self> {
        let place = |e: Error| e.context(path.display());
        let file = Opened::open(path)?;
        let shapes = file.shapes();
        let Some(&&[first, channels, _, _]) = shapes.get("features.0.weight") else {
            return Err(place(not_vgg(&shapes)));
        };
        let (arch, width) = (arch_of(&shapes), width_of(first).map_err(place)?);
        let described = describe(&file.metadata).map_err(place)?;
        let class_names = described.as_ref().map_or_else(Vec::new, |known| known.class_names.clone());
        let normalization = match described {
            Some(known) => Normalization { mean: known.model.mean, std: known.model.std, known: true },
            None if channels == 3 => {
                Normalization { mean: IMAGENET_MEAN.to_vec(), std: IMAGENET_STD.to_vec(), known: false }
            }
            None => Normalization { mean: vec![0.0; channels], std: vec![1.0; channels], known: false },
        };
        Ok(Self { file, arch, width, channels, normalization, class_names })
    }

    /// The architecture, read from the tensors' names.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// The share of the channels, read from the tensors' shapes.
    pub fn width(&self) -> Width {
        self.width
    }

    /// The names of the file's outputs; empty if unknown.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Colour channels of the images.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// What the trunk expects of its pixels.
    pub fn normalization(&self) -> &Normalization {
        &self.normalization
    }

    /// Reads the weights of a network. Tensors of the head that the file lacks are drawn as for training from random
    /// weights. So is the last layer, unless `same_outputs` says that the file's outputs are the network's, in this
    /// order.
    ///
    /// # Errors
    /// `Format`, naming the tensor and the shape expected, where the trunks differ or a number is not finite; `Io` when
    /// the file cannot be read.
    pub fn read(self, network: &Network, seed: u64, same_outputs: bool) -> Result<Begun> {
        let needed: BTreeMap<String, Vec<usize>> =
            network.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
        let last = network.layers().last().map_or("", |last| last.name.as_str());
        let is_last = |name: &str| name.strip_prefix(last).is_some_and(|rest| rest.starts_with('.'));
        let fits = |name: &str, shape: &[usize]| {
            let known = needed.get(name).is_some_and(|needed| needed.as_slice() == shape);
            known && (same_outputs || !is_last(name))
        };
        let shapes = self.file.shapes();
        check_trunk(&needed, &shapes).map_err(|e| e.context(self.file.path.display()))?;
        let left_out = shapes.iter().filter(|(name, shape)| !fits(name, shape) && !is_ignored(name));
        let left_out: Vec<String> = left_out.map(|(name, shape)| format!("{name} {shape:?}")).collect();
        let wanted: Vec<String> = shapes
            .iter()
            .filter(|(name, shape)| fits(name, shape))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let fresh: Vec<String> = needed.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        let said = self.file.said.clone();
        let (read, sha256) = self.file.read(|name| wanted.iter().any(|wanted| wanted == name))?;
        let mut weights = init::some(network, seed, |name| fresh.iter().any(|fresh| fresh == name));
        weights.0.extend(read.0);
        Ok(Begun { weights, sha256, fresh, left_out, said })
    }
}

/// Checks that two trunks have the same tensors.
fn check_trunk(needed: &BTreeMap<String, Vec<usize>>, shapes: &BTreeMap<&str, &[usize]>) -> Result<()> {
    let differs = |message: String| {
        Err(Error::new(ErrorKind::Format, message).with_hint(
            Hint::new()
                .say("the trunk must be the network's own: leave out ")
                .setting("arch")
                .say(" and ")
                .setting("width")
                .say(", which are read from the file; names and shapes are torchvision's"),
        ))
    };
    for (name, expected) in needed.iter().filter(|(name, _)| is_trunk(name)) {
        match shapes.get(name.as_str()) {
            None => return differs(format!("tensor {name} {expected:?} is missing")),
            Some(shape) if *shape != expected.as_slice() => {
                return differs(format!("tensor {name} should have shape {expected:?}; got {shape:?}"));
            }
            Some(_) => {}
        }
    }
    let foreign =
        shapes.iter().find(|(name, _)| is_trunk(name) && !needed.contains_key(**name) && !is_ignored(name));
    match foreign {
        Some((name, shape)) => {
            differs(format!("tensor {name} {shape:?} belongs to no layer of this network"))
        }
        None => Ok(()),
    }
}
