//! The state from which a training continues after its last complete epoch.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weakspot::digest::hex;
use weakspot::input::read_bounded;
use weakspot::output::{TensorFile, TensorSpec};
use weakspot::{Error, Result};

use super::Epoch;
use crate::network::Network;
use crate::weights::{Tensor, Weights};

/// Where a training keeps its state after every epoch, and a key of everything that decides its result.
///
/// The file is a cache of about four times the weights' size, with a digest of its content. If it has another key or is
/// damaged, the training starts over; the observer is told about damage. The caller removes the file when the weights
/// are safe.
///
/// # Examples
/// ```
/// use weakspot::progress::Silent;
/// use weakspot_nn::{Recipe, Resume, train};
/// # use weakspot::image::Pixels;
/// # use weakspot_nn::{Arch, Head, ModelSpec, TrainingData, Width};
/// # let pixels = Pixels::F32(ndarray::Array4::from_shape_fn((8, 1, 8, 8), |(i, ..)| (i % 2) as f32));
/// # let ids: Vec<String> = (0..8).map(|i| format!("image/{i:05}")).collect();
/// # let (pixels, labels, ids) = (&pixels, &[0, 1, 0, 1, 0, 1, 0, 1][..], &ids[..]);
/// # let data = TrainingData { pixels, labels, ids, train: &[0, 1, 2, 3], tune: &[4, 5, 6, 7] };
/// # let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::one_in(16)?, [1, 8, 8], 2);
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("training");
/// let (resume, recipe) = (Resume { path: &path, key: "a digest" }, Recipe::for_model(&spec, 0));
/// let stopped = Recipe { max_epochs: 1, ..recipe.clone() };
/// train(&spec, &data, &stopped, Some(resume), &Silent)?;
/// // It continues after the first epoch, to the same weights as without a stop.
/// let recipe = Recipe { max_epochs: 2, ..recipe };
/// let resumed = train(&spec, &data, &recipe, Some(resume), &Silent)?;
/// let whole = train(&spec, &data, &recipe, None, &Silent)?;
/// assert_eq!(resumed.model.weights()?, whole.model.weights()?);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Resume<'a> {
    /// The file.
    pub path: &'a Path,
    /// A digest of specification, recipe, data and parts.
    pub key: &'a str,
}

/// A training after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progressed {
    pub(super) told: Told,
    /// The weights now.
    pub(super) weights: Weights,
    /// The weights of the best epoch.
    pub(super) best_weights: Weights,
    /// The optimizer's memory: per tensor two lists.
    pub(super) moments: Vec<[Vec<f32>; 2]>,
}

/// The numbers beside the tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) epochs: Vec<Epoch>,
    /// The best epoch, from 0.
    pub(super) best: usize,
    /// The epoch in which accuracy last rose.
    pub(super) last_rise: usize,
    /// Steps the optimizer has made.
    pub(super) steps: i32,
}

const KEY: &str = "key";
const TOLD: &str = "training";
const DIGEST: &str = "sha256";

/// Four times the weights of a VGG16 for photographs are 2 GB.
const LARGEST: u64 = 32 << 30;

impl Resume<'_> {
    /// Writes a training's state, one tensor at a time: together they are four times as large as the weights.
    pub(super) fn save(
        &self,
        told: &Told,
        weights: &Weights,
        best_weights: &Weights,
        moments: &[[Vec<f32>; 2]],
    ) -> Result<()> {
        let mut tensors: Vec<(TensorSpec, &[f32])> = Vec::new();
        let mut add = |name: String, shape: Vec<usize>, data| {
            tensors.push((TensorSpec { name, dtype: "F32", shape }, data));
        };
        for (prefix, weights) in [("now", weights), ("best", best_weights)] {
            for (name, tensor) in &weights.0 {
                add(format!("{prefix}.{name}"), tensor.shape.clone(), &tensor.data);
            }
        }
        for (i, lists) in moments.iter().enumerate() {
            for (j, list) in lists.iter().enumerate() {
                add(moment(i, j), vec![list.len()], list);
            }
        }
        let told = serde_json::to_string(told)
            .map_err(|e| Error::format(format!("{}: {e}", self.path.display())))?;
        tensors.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let mut digest = Digest::of(&told);
        for (spec, data) in &tensors {
            digest.add(&spec.name, &spec.shape, &to_bytes(data));
        }
        let metadata = [(KEY, self.key.to_owned()), (DIGEST, digest.finish()), (TOLD, told)]
            .map(|(key, value)| (key.to_owned(), value));
        let metadata = BTreeMap::from(metadata);
        let specs: Vec<TensorSpec> = tensors.iter().map(|(spec, _)| spec.clone()).collect();
        let mut file = TensorFile::create(self.path, &specs, &metadata)?;
        for (spec, data) in tensors {
            file.write_rows(&spec.name, 0, &to_bytes(data))?;
        }
        file.finish()
    }

    /// The state that was kept; `None` if there is none, or if it belongs to another training.
    ///
    /// # Errors
    /// `Io` and `Format` for a file that cannot be read, or does not hold what was written.
    pub(super) fn load(&self) -> Result<Option<Progressed>> {
        if self.path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let file = read_bounded(self.path, LARGEST)?;
        read(&file, self.key).map_err(|e| e.context(self.path.display()))
    }
}

fn read(file: &[u8], key: &str) -> Result<Option<Progressed>> {
    let bad = |got: String| Error::format(format!("expected the state of a training; got {got}"));
    let broken = |e: safetensors::SafeTensorError| bad(format!("a damaged file ({e})"));
    let (_, metadata) = safetensors::SafeTensors::read_metadata(file).map_err(broken)?;
    let said = |key: &str| metadata.metadata().as_ref().and_then(|m| m.get(key));
    let (Some(found), Some(text), Some(expected)) = (said(KEY), said(TOLD), said(DIGEST)) else {
        return Err(bad("a file without a key or a checksum".to_owned()));
    };
    if found != key {
        return Ok(None);
    }
    let tensors = safetensors::SafeTensors::deserialize(file).map_err(broken)?;
    let mut names = tensors.names();
    names.sort_unstable();
    let mut digest = Digest::of(text);
    let (mut weights, mut best_weights) = (Weights::default(), Weights::default());
    let mut moments: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for name in names {
        let view = tensors.tensor(name).map_err(broken)?;
        if view.dtype() != safetensors::Dtype::F32 {
            return Err(bad(format!("numbers of the type {:?} in {name}", view.dtype())));
        }
        digest.add(name, view.shape(), view.data());
        let data = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let shape = || view.shape().to_vec();
        if let Some(name) = name.strip_prefix("now.") {
            weights.0.insert(name.to_owned(), Tensor { shape: shape(), data });
        } else if let Some(name) = name.strip_prefix("best.") {
            best_weights.0.insert(name.to_owned(), Tensor { shape: shape(), data });
        } else {
            moments.insert(name.to_owned(), data);
        }
    }
    if digest.finish() != *expected {
        return Err(bad("a file that does not match its checksum: it is damaged".to_owned()));
    }
    let told: Told = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
    let mut lists = Vec::new();
    while let (Some(first), Some(second)) =
        (moments.remove(&moment(lists.len(), 0)), moments.remove(&moment(lists.len(), 1)))
    {
        lists.push([first, second]);
    }
    Ok(Some(Progressed { told, weights, best_weights, moments: lists }))
}

/// What a state must fit before a training continues from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits<'a> {
    pub(super) network: &'a Network,
    pub(super) max_epochs: usize,
    /// Steps in each epoch.
    pub(super) n_steps: usize,
    pub(super) n_tune: usize,
}

impl Progressed {
    /// Checks that a state that was read can belong to this training: its checksum only shows that it was not changed
    /// by accident.
    ///
    /// # Errors
    /// `Format`, saying what was expected.
    pub(super) fn check(&self, limits: &Limits<'_>) -> Result<()> {
        let Told { epochs, best, last_rise, steps } = &self.told;
        let n = epochs.len();
        let expect = |holds: bool, expected: String, got: String| {
            if holds {
                return Ok(());
            }
            Err(Error::format(format!("expected {expected}; got {got}")))
        };
        let most = limits.max_epochs;
        expect((1..=most).contains(&n), format!("1 to {most} epochs"), n.to_string())?;
        for (name, place) in [("best", *best), ("last_rise", *last_rise)] {
            expect(place < n, format!("{name} to be one of {n} epochs, from 0"), place.to_string())?;
        }
        let made = n.checked_mul(limits.n_steps).and_then(|made| i32::try_from(made).ok());
        expect(made == Some(*steps), format!("{n} epochs of {} steps", limits.n_steps), steps.to_string())?;
        for epoch in epochs {
            let n_tune = limits.n_tune;
            let right = epoch.tune_correct;
            expect(right <= n_tune, format!("tune_correct of at most {n_tune}"), right.to_string())?;
            let finite = epoch.loss.is_finite() && epoch.tune_loss.is_finite() && epoch.accuracy.is_finite();
            expect(finite, "finite losses".to_owned(), format!("{epoch:?}"))?;
        }
        self.weights.check(limits.network)?;
        self.best_weights.check(limits.network)?;
        let tensors = [&self.weights, &self.best_weights].into_iter().flat_map(|w| w.0.values());
        let lists = tensors.map(|tensor| &tensor.data).chain(self.moments.iter().flatten());
        for list in lists {
            let odd = list.iter().find(|v| !v.is_finite());
            expect(odd.is_none(), "finite numbers".to_owned(), format!("{odd:?}"))?;
        }
        Ok(())
    }
}

/// SHA-256 over the content of a state: its numbers, then every tensor in the order of names.
struct Digest(Sha256);

impl Digest {
    fn of(told: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.part(told.as_bytes());
        digest
    }

    /// Adds a part with its length, so that different contents never give the same bytes.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn add(&mut self, name: &str, shape: &[usize], data: &[u8]) {
        self.part(name.as_bytes());
        for &length in shape {
            self.0.update((length as u64).to_le_bytes());
        }
        self.part(data);
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn to_bytes(data: &[f32]) -> Vec<u8> {
    data.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn moment(tensor: usize, which: usize) -> String {
    format!("moment.{tensor}.{which}")
}
