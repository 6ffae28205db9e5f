//! Weights in safetensors files that describe themselves.
//!
//! Tensors have torchvision's names and PyTorch's shapes, in single precision. The file's metadata says which network
//! they belong to and how they were made; `docs/FORMATS.md` describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weakspot::hint::Hint;
use weakspot::input::open_regular;
use weakspot::{Error, Result, output};
use weakspot_conv::Method as Convolutions;

use crate::half::{bfloat_to_f32, half_to_f32};
use crate::model::Model;
use crate::models::{self, Arch, Head, ModelSpec, Width};
use crate::names::Names;
use crate::weights::{Tensor, Weights, check_shapes, is_ignored};

/// The key of the file's metadata that holds the whole description, as JSON text.
///
/// It is one key because the order of several is not fixed, and the same checkpoint must give the same bytes.
const KEY: &str = "weakspot";

/// The key of the SHA-256 over that text and every tensor.
const DIGEST: &str = "sha256";

/// Headers are short: about 100 bytes per tensor. A file that claims more is not a model.
const LARGEST_HEADER: u64 = 16 << 20;

/// What a checkpoint says about its weights.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::Description;
/// use weakspot_nn::{Arch, Head, ModelSpec, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [3, 32, 32], 2);
/// let class_names = ["cat", "dog"].map(str::to_owned).to_vec();
/// let description = Description { class_names, ..Description::of(spec) };
/// assert_eq!(serde_json::to_value(&description)?["model"]["head"], "gap");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The network.
    pub model: ModelSpec,
    /// One name per class; empty if unknown.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// The data set's name and checksum, if the weights were trained here.
    #[serde(default)]
    pub dataset: Option<(String, String)>,
    /// How they were trained, as JSON.
    #[serde(default)]
    pub recipe: Option<serde_json::Value>,
    /// The seed of training.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Accuracy on the tune part.
    #[serde(default)]
    pub accuracy: Option<Accuracy>,
    /// How the images were divided, if the weights were trained here. The images that were not used in training can be
    /// found from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<DrawnParts>,
}

/// How a data set's parts were drawn.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::DrawnParts;
///
/// let parts = DrawnParts { seed: 0, slides: false, ids: "9f86d081".to_owned() };
/// assert_eq!(serde_json::to_string(&parts)?, r#"{"seed":0,"slides":false,"ids":"9f86d081"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnParts {
    /// The seed of the draws.
    pub seed: u64,
    /// Whether whole slides were kept together.
    pub slides: bool,
    /// SHA-256 over the images' ids, which the draws are keyed by, in hexadecimal.
    pub ids: String,
}

/// An accuracy with its interval.
///
/// # Examples
/// ```
/// use weakspot::metrics::Score;
/// use weakspot_nn::checkpoint::Accuracy;
///
/// let Score { k, n, low, high, .. } = Score::of(97, 100);
/// let accuracy = Accuracy { k, n, low, high };
/// assert!(accuracy.low < 0.97 && 0.97 < accuracy.high);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Images that were classified correctly.
    pub k: usize,
    /// All images.
    pub n: usize,
    /// Lower end of the Wilson 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Description {
    /// A description that knows the network only.
    pub fn of(model: ModelSpec) -> Self {
        Self {
            model,
            class_names: Vec::new(),
            dataset: None,
            recipe: None,
            seed: None,
            accuracy: None,
            parts: None,
        }
    }
}

/// What the user states about the weights. It takes precedence over their file.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, Overrides, load, save};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// # save(&path, &model, &Description::of(spec.clone()))?;
/// // The override replaces the std in the file.
/// let loaded = load(&path, &Overrides { std: Some(vec![0.5]), ..Overrides::default() })?;
/// assert_eq!(loaded.model.spec().std, [0.5]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The setting `arch`.
    pub arch: Option<Arch>,
    /// The setting `head`.
    pub head: Option<Head>,
    /// The setting `mean`: one value per channel, or one for all.
    pub mean: Option<Vec<f32>>,
    /// The setting `std`, likewise.
    pub std: Option<Vec<f32>>,
    /// Height and width of the images, needed if the file does not state them.
    pub size: Option<(usize, usize)>,
    /// How the model computes its convolutions.
    pub convolutions: Convolutions,
}

/// A model from a file.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, Overrides, load, save};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// save(&path, &model, &Description::of(spec.clone()))?;
/// let loaded = load(&path, &Overrides::default())?;
/// // The file carries a checksum, and nothing had to be assumed.
/// assert!(loaded.checked && loaded.assumed.is_empty());
/// assert_eq!(loaded.description.model, spec);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// What the file says about it; of a file without metadata, the network as inferred.
    pub description: Description,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// What was assumed because neither the file nor the user stated it. It should be shown to the user.
    pub assumed: Vec<String>,
    /// Whether the file carries a checksum of its content. If it does, the checksum matches.
    pub checked: bool,
}

/// Writes a model with its description, completely or not at all. The same model gives the same bytes.
///
/// # Errors
/// `Io` when the file cannot be written.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, Overrides, load, save};
/// use weakspot_nn::{Arch, Head, Model, ModelSpec, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// let model = Model::random(spec.clone(), 0)?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("model.safetensors");
/// save(&path, &model, &Description::of(spec))?;
/// assert_eq!(load(&path, &Overrides::default())?.model.weights()?, model.weights()?);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn save(path: &Path, model: &Model, description: &Description) -> Result<()> {
    output::write_atomic(path, &to_bytes(&model.weights()?, Some(description))?)
}

/// The bytes of a safetensors file, tensors sorted by name.
fn to_bytes(weights: &Weights, description: Option<&Description>) -> Result<Vec<u8>> {
    let json = |e: serde_json::Error| Error::format(format!("a checkpoint's header: {e}"));
    let mut header: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    if let Some(description) = description {
        let text = serde_json::to_string(description).map_err(json)?;
        let mut hash = Sha256::new();
        hash.update(text.as_bytes());
        for (name, tensor) in &weights.0 {
            hash.update(name.as_bytes());
            for v in &tensor.data {
                hash.update(v.to_le_bytes());
            }
        }
        let digest = weakspot::digest::hex(&hash.finalize());
        header.insert("__metadata__", serde_json::json!({ "format": "pt", DIGEST: digest, KEY: text }));
    }
    let mut offset = 0;
    for (name, tensor) in &weights.0 {
        let end = offset + tensor.data.len() * 4;
        header.insert(
            name,
            serde_json::json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end] }),
        );
        offset = end;
    }
    let mut header = serde_json::to_vec(&header).map_err(json)?;
    // The format asks for tensors aligned to 8 bytes and allows spaces to get there.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + header.len() + offset);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    for tensor in weights.0.values() {
        bytes.extend(tensor.data.iter().flat_map(|v| v.to_le_bytes()));
    }
    Ok(bytes)
}

/// Reads a model.
///
/// The network is the file's own where its metadata says it, changed by `overrides`; otherwise `overrides` name the
/// architecture and the head (without them they are read from the tensors' names), and width, channels and
/// outputs follow from the tensors' shapes. F16, BF16 and F64 tensors are converted.
///
/// # Errors
/// `Io` when the file cannot be read; `Format` when it is not a safetensors file of the length its header claims
/// (checked before anything is allocated), when its content does not match its checksum, or when a tensor is missing,
/// extra or misshapen, naming the tensor and the expected shape; `InvalidParameter` when the image size is neither in
/// the file nor in `overrides`.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, Overrides, load, save};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// # save(&path, &model, &Description::of(spec.clone()))?;
/// let loaded = load(&path, &Overrides::default())?;
/// assert_eq!(loaded.model.spec(), &spec);
/// assert!(load("no such file".as_ref(), &Overrides::default()).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded> {
    let place = |e: Error| e.context(path.display());
    let file = Opened::open(path)?;
    let described = describe(&file.metadata).map_err(place)?;
    let mut assumed = Vec::new();
    assumed.extend(file.said.iter().cloned());
    let description = complete(described, &file.shapes(), overrides, &mut assumed).map_err(place)?;
    let network = models::network(&description.model).map_err(place)?;
    check_shapes(&network, &file.shapes()).map_err(place)?;
    let checked = file.digest().is_some();
    let (weights, sha256) = file.read(|name| !is_ignored(name))?;
    let how = overrides.convolutions;
    let model = Model::with_convolutions(description.model.clone(), &weights, how).map_err(place)?;
    let model = model.with_source(Source { path: path.to_owned(), sha256: sha256.clone() });
    Ok(Loaded { model, description, sha256, assumed, checked })
}

/// What a file says about its weights, from its header alone; `None` for a file that is not one of ours.
///
/// # Errors
/// As [`load`], for a file that is not a safetensors file.
///
/// # Examples
/// ```
/// use weakspot_nn::checkpoint::{Description, description, save};
/// # use weakspot_nn::{Arch, Head, Model, Width};
/// # let spec = weakspot_nn::ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(64)?, [1, 32, 32], 2);
/// # let model = Model::random(spec.clone(), 0)?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// save(&path, &model, &Description { seed: Some(7), ..Description::of(spec) })?;
/// assert_eq!(description(&path)?.unwrap().seed, Some(7));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn description(path: &Path) -> Result<Option<Description>> {
    describe(&Opened::open(path)?.metadata).map_err(|e| e.context(path.display()))
}

/// The file a model was read from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    path: PathBuf,
    sha256: String,
}

impl Source {
    /// The weights again; `None` if the file is gone or has changed.
    pub(crate) fn read(&self) -> Option<Weights> {
        let (weights, sha256) = Opened::open(&self.path).ok()?.read(|name| !is_ignored(name)).ok()?;
        (sha256 == self.sha256).then_some(weights)
    }
}

/// A safetensors file whose header has been read and fits the file's length.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    file: File,
    head: Vec<u8>,
    pub(crate) metadata: Metadata,
    infos: BTreeMap<String, TensorInfo>,
    /// Torchvision's names by the file's.
    names: BTreeMap<String, String>,
    /// What the user should know about how names and numbers were read.
    pub(crate) said: Vec<String>,
}

impl Opened {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (mut file, length) = open_regular(path)
            .map_err(|e| e.with_hint("check that the weights file exists and can be read"))?;
        let (head, metadata) = read_header(&mut file, length).map_err(|e| e.context(path.display()))?;
        let infos: BTreeMap<String, TensorInfo> =
            metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        // A tensor without numbers may claim any length on its other axes, and channels are counted from one of them.
        if let Some((name, info)) = infos.iter().find(|(_, info)| info.shape.contains(&0)) {
            return Err(Error::format(format!("tensor {name} {:?} is empty", info.shape))
                .with_hint("save the weights of a whole network, without empty tensors")
                .context(path.display()));
        }
        let shapes = infos.iter().map(|(name, info)| (name.as_str(), info.shape.as_slice())).collect();
        let Names { of: names, mut said } = if is_ours(&metadata) {
            Names::unchanged(infos.keys().map(String::as_str))
        } else {
            Names::translate(&shapes).map_err(|e| e.context(path.display()))?
        };
        let other: BTreeSet<String> = infos
            .values()
            .map(|info| info.dtype)
            .filter(|d| *d != Dtype::F32)
            .map(|d| format!("{d:?}"))
            .collect();
        // PyTorch counts batches in whole numbers.
        let other: Vec<String> = other.into_iter().filter(|name| name != "I64").collect();
        if !other.is_empty() {
            said.push(format!("{} numbers are converted to single precision", other.join(" and ")));
        }
        Ok(Self { path: path.to_owned(), file, head, metadata, infos, names, said })
    }

    /// Of every tensor, by torchvision's names.
    pub(crate) fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.names.iter().map(|(file, name)| (name.as_str(), self.infos[file].shape.as_slice())).collect()
    }

    /// The description in one of our own files, and the SHA-256 that the file states for it and the tensors.
    fn digest(&self) -> Option<(String, String)> {
        let metadata = self.metadata.metadata().as_ref()?;
        Some((metadata.get(KEY)?.clone(), metadata.get(DIGEST)?.clone()))
    }

    /// The tensors that `wanted` picks, and the file's SHA-256.
    ///
    /// # Errors
    /// `Io`; `Format` for numbers that are not finite and for a file whose content does not match its checksum.
    pub(crate) fn read(mut self, wanted: impl Fn(&str) -> bool) -> Result<(Weights, String)> {
        let mut hash = Sha256::new();
        hash.update(&self.head);
        let claimed = self.digest();
        let mut content = Sha256::new();
        if let Some((text, _)) = &claimed {
            content.update(text.as_bytes());
        }
        let mut weights = Weights::default();
        let mut buffer = Vec::new();
        for file_name in self.metadata.offset_keys() {
            content.update(file_name.as_bytes());
            let info = &self.infos[&file_name];
            let name = self.names.get(&file_name);
            let taken = name.filter(|name| wanted(name));
            let mut rest = info.data_offsets.1 - info.data_offsets.0;
            // The other tensors may be most of the file: they are only hashed, a piece at a time.
            let piece = if taken.is_some() { rest } else { rest.min(1 << 20) };
            buffer.try_reserve_exact(piece.saturating_sub(buffer.len())).map_err(|_short| {
                Error::out_of_memory(format_args!("the tensor {file_name}"), piece as u64)
            })?;
            while rest > 0 {
                buffer.resize(piece.min(rest), 0);
                self.file.read_exact(&mut buffer).map_err(|e| Error::io(&self.path, &e))?;
                hash.update(&buffer);
                if claimed.is_some() {
                    content.update(&buffer);
                }
                rest -= buffer.len();
            }
            if let Some(name) = taken {
                let place = |e: Error| e.context(name).context(self.path.display());
                let data = to_f32(info.dtype, &buffer[..info.data_offsets.1 - info.data_offsets.0])
                    .map_err(place)?;
                if let Some(v) = data.iter().find(|v| !v.is_finite()) {
                    return Err(Error::format(format!("tensor {name} holds {v}"))
                        .with_hint("weights must be finite; training may have diverged")
                        .context(self.path.display()));
                }
                weights.0.insert(name.clone(), Tensor { shape: info.shape.clone(), data });
            }
        }
        let content = weakspot::digest::hex(&content.finalize());
        if let Some((_, claimed)) = claimed.filter(|(_, claimed)| *claimed != content) {
            return Err(Error::format(format!(
                "{}: expected content of SHA-256 {claimed}; got {content}: the file is damaged or was changed",
                self.path.display()
            ))
            .with_hint("copy or download the file again, or train again"));
        }
        Ok((weights, weakspot::digest::hex(&hash.finalize())))
    }
}

/// The file's first bytes, through its header, and what they say.
fn read_header(file: &mut File, length: u64) -> Result<(Vec<u8>, Metadata)> {
    let bad = |what: String| {
        Error::format(format!("not a usable safetensors file: {what}")).with_hint(
            "save the weights with safetensors.torch.save_file(model.state_dict(), path); pickled .pt and .pth files \
             are not read",
        )
    };
    let short = |e: std::io::Error| bad(format!("it ends within its header ({e})"));
    let mut head = vec![0; 8];
    file.read_exact(&mut head).map_err(short)?;
    let size = u64::from_le_bytes(head.as_slice().try_into().unwrap_or_default());
    if size > LARGEST_HEADER || size.checked_add(8).is_none_or(|end| end > length) {
        return Err(bad(format!("its header claims {size} bytes of a file of {length}")));
    }
    head.resize(8 + size as usize, 0);
    file.read_exact(&mut head[8..]).map_err(short)?;
    let metadata: Metadata =
        serde_json::from_slice(&head[8..]).map_err(|e| bad(format!("its header: {e}")))?;
    let claimed = head.len() as u64 + metadata.data_len() as u64;
    if claimed != length {
        return Err(bad(format!("its header describes {claimed} bytes, the file has {length}")));
    }
    Ok((head, metadata))
}

/// Whether a file says of itself what its weights are.
fn is_ours(metadata: &Metadata) -> bool {
    metadata.metadata().as_ref().is_some_and(|entries| entries.contains_key(KEY))
}

/// What the file says about its weights, if it is one of ours.
pub(crate) fn describe(metadata: &Metadata) -> Result<Option<Description>> {
    let Some(text) = metadata.metadata().as_ref().and_then(|m| m.get(KEY)) else { return Ok(None) };
    let bad = |what: String| Error::format(format!("its \"{KEY}\" metadata: {what}"));
    let parsed: Description = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
    if let Some(Accuracy { k, n, .. }) = parsed.accuracy.filter(|a| a.k > a.n) {
        return Err(bad(format!("accuracy: expected k to be at most n = {n}; got {k}")));
    }
    Ok(Some(parsed))
}

/// Joins what the file states, what the user states and what the tensors show.
fn complete(
    described: Option<Description>,
    shapes: &BTreeMap<&str, &[usize]>,
    overrides: &Overrides,
    assumed: &mut Vec<String>,
) -> Result<Description> {
    let known = described.is_some();
    let mut description = match described {
        Some(description) => description,
        None => Description::of(infer(shapes, overrides, assumed)?),
    };
    let model = &mut description.model;
    model.arch = overrides.arch.unwrap_or(model.arch);
    model.head = overrides.head.unwrap_or(model.head);
    if let Some((height, width)) = overrides.size {
        (model.height, model.width_px) = (height, width);
    }
    let per_channel = |name: &str, values: &[f32]| match values.len() {
        1 => Ok(vec![values[0]; model.channels]),
        n if n == model.channels => Ok(values.to_vec()),
        n => Err(Error::invalid(format!("{name} needs 1 or {} values; got {n}", model.channels))),
    };
    let mean = overrides.mean.as_deref().map(|v| per_channel("mean", v)).transpose()?;
    let std = overrides.std.as_deref().map(|v| per_channel("std", v)).transpose()?;
    let sides = [model.height, model.width_px];
    if !known && sides.iter().any(|side| *side < models::SMALLEST_SIDE) {
        assumed.push(format!(
            "zeros around the images of {} x {} (height x width), up to {} pixels a side, because five poolings leave \
             nothing of smaller images",
            model.height,
            model.width_px,
            models::SMALLEST_SIDE
        ));
    }
    if !known && mean.is_none() && std.is_none() {
        assumed.push("mean 0 and std 1: the weights file does not state them".to_owned());
    }
    model.mean = mean.unwrap_or_else(|| model.mean.clone());
    model.std = std.unwrap_or_else(|| model.std.clone());
    Ok(description)
}

/// The network that tensors of these names and shapes belong to.
fn infer(
    shapes: &BTreeMap<&str, &[usize]>,
    overrides: &Overrides,
    assumed: &mut Vec<String>,
) -> Result<ModelSpec> {
    let mut or_assume =
        |what: &str, found: String| assumed.push(format!("{what} {found}: read from the tensors"));
    let arch = overrides.arch.unwrap_or_else(|| {
        let arch = arch_of(shapes);
        or_assume("architecture", arch.to_string());
        arch
    });
    let head = match overrides.head {
        Some(head) => head,
        // A max-pool before the average has no tensor that would show it, but it changes the logits.
        None if shapes.contains_key("classifier.weight") => {
            return Err(Error::invalid(
                "the tensors do not show which of two networks they belong to: one averages the last ReLU over its \
                 grid before the linear layer (gap), the other pools it first (pool-linear: `features` ends in a \
                 max-pool, as in most VGG16s for CIFAR)",
            )
            .with_hint(
                Hint::new()
                    .set("head", Head::Gap)
                    .say(" or ")
                    .set("head", Head::PoolLinear)
                    .say("; ")
                    .set("check", "FILE.npz")
                    .say(" with images and logits of your own code shows which is right"),
            ));
        }
        None => {
            or_assume("head", Head::Linear3.to_string());
            Head::Linear3
        }
    };
    let axis = |name: &str, axis: usize, meaning: &str| {
        shapes.get(name).and_then(|shape| shape.get(axis)).copied().filter(|&n| n > 0).ok_or_else(|| {
            Error::format(format!("tensor {name}, which gives {meaning}, is missing or misshapen")).with_hint(
                Hint::new()
                    .say("weights need torchvision's names: features.0.weight and so on, classifier.weight for ")
                    .set("head", Head::Gap)
                    .say(" or ")
                    .set("head", Head::PoolLinear)
                    .say(", classifier.{0,3,6}.weight for ")
                    .set("head", Head::Linear3),
            )
        })
    };
    let first = axis("features.0.weight", 0, "the width")?;
    let channels = axis("features.0.weight", 1, "the images' channels")?;
    let last = match head {
        Head::Gap | Head::PoolLinear => "classifier.weight",
        Head::Linear3 => "classifier.6.weight",
    };
    let n_outputs = axis(last, 0, "the number of classes")?;
    let width = width_of(first)?;
    let (height, width_px) = overrides.size.ok_or_else(|| {
        Error::invalid("the weights file does not state the size of the images")
            .with_hint("give the image size")
    })?;
    Ok(ModelSpec::new(arch, head, width, [channels, height, width_px], n_outputs))
}

/// The width of a network whose first convolution has that many output channels.
pub(crate) fn width_of(first: usize) -> Result<Width> {
    Width::one_in(64 / first.clamp(1, 64)).ok().filter(|width| width.of(64) == first).ok_or_else(|| {
        let known = "a VGG16 has 64 at width 1, 32 at width 1/2, 8 at width 1/8";
        Error::format(format!("tensor features.0.weight has {first} output channels; {known}"))
            .with_hint("check that the file holds the weights of a VGG16 and not of another network")
    })
}

/// The architecture whose tensors have these names: its second layer is either a batch norm or a ReLU.
pub(crate) fn arch_of(shapes: &BTreeMap<&str, &[usize]>) -> Arch {
    if shapes.contains_key("features.1.weight") { Arch::Vgg16Bn } else { Arch::Vgg16 }
}

/// The numbers of a tensor's bytes.
fn to_f32(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|&b| f(b)).collect()
    }
    match dtype {
        Dtype::F32 => Ok(each(bytes, f32::from_le_bytes)),
        Dtype::F64 => Ok(each(bytes, |b| f64::from_le_bytes(b) as f32)),
        Dtype::BF16 => Ok(each(bytes, |b| bfloat_to_f32(u16::from_le_bytes(b)))),
        Dtype::F16 => Ok(each(bytes, |b| half_to_f32(u16::from_le_bytes(b)))),
        other => Err(Error::format(format!("its numbers are {other:?}; expected F32, F64, F16 or BF16"))),
    }
}
