//! What a training needs to go on from its last whole epoch.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use weakspot::output::{TensorFile, TensorSpec};
use weakspot::{Error, Result};

use super::Epoch;
use crate::weights::{Tensor, Weights};

/// Where a training keeps its state after every epoch, and the key of what decides it.
///
/// The file is a cache of about four times the weights' size: one of another key, or one that cannot be read, is
/// begun anew. Whoever asked for it removes it when the weights are safe.
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
    /// Those of the best epoch.
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

impl Resume<'_> {
    /// Keeps a training's state, one tensor at a time: together they are four times the weights.
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
        let metadata = BTreeMap::from([(KEY.to_owned(), self.key.to_owned()), (TOLD.to_owned(), told)]);
        let specs: Vec<TensorSpec> = tensors.iter().map(|(spec, _)| spec.clone()).collect();
        let mut file = TensorFile::create(self.path, &specs, &metadata)?;
        for (spec, data) in tensors {
            let bytes: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
            file.write_rows(&spec.name, 0, &bytes)?;
        }
        file.finish()
    }

    /// The state that was kept, if it is of this training and whole.
    pub(super) fn load(&self) -> Option<Progressed> {
        let file = std::fs::read(self.path).ok()?;
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).ok()?;
        let metadata = metadata.metadata().as_ref()?;
        if metadata.get(KEY)? != self.key {
            return None;
        }
        let told: Told = serde_json::from_str(metadata.get(TOLD)?).ok()?;
        let tensors = safetensors::SafeTensors::deserialize(&file).ok()?;
        let (mut weights, mut best_weights) = (Weights::default(), Weights::default());
        let mut moments: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for (name, view) in tensors.iter() {
            let data = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let tensor = || view.shape().to_vec();
            if let Some(name) = name.strip_prefix("now.") {
                weights.0.insert(name.to_owned(), Tensor { shape: tensor(), data });
            } else if let Some(name) = name.strip_prefix("best.") {
                best_weights.0.insert(name.to_owned(), Tensor { shape: tensor(), data });
            } else {
                moments.insert(name.to_owned(), data);
            }
        }
        let mut lists = Vec::new();
        while let (Some(first), Some(second)) =
            (moments.remove(&moment(lists.len(), 0)), moments.remove(&moment(lists.len(), 1)))
        {
            lists.push([first, second]);
        }
        Some(Progressed { told, weights, best_weights, moments: lists })
    }
}

fn moment(tensor: usize, which: usize) -> String {
    format!("moment.{tensor}.{which}")
}
