//! One stage: every image becomes one row, in batches, resumed from the journal.

use ndarray::Array4;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Observer;
use crate::study::journal::Journal;

/// Some images of a pair's data set, as floats.
pub(crate) struct Batch<'a> {
    /// `[batch, channels, height, width]` in `[0, 1]`.
    pub(crate) images: Array4<f32>,
    /// 0 or 1.
    pub(crate) labels: Vec<usize>,
    pub(crate) ids: Vec<&'a str>,
}

/// What every stage works with.
pub(crate) struct Bench<'a> {
    pub(crate) data: &'a Dataset,
    pub(crate) batch_size: usize,
    pub(crate) journal: &'a mut dyn Journal,
    pub(crate) observer: &'a dyn Observer,
}

impl Bench<'_> {
    /// The rows of a stage, in the order of `indices`; `work` makes the rows of one batch.
    pub(crate) fn rows<T: Serialize + DeserializeOwned>(
        &mut self,
        stage: &str,
        title: &str,
        indices: &[usize],
        mut work: impl FnMut(&Batch<'_>) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let known = self.journal.known(stage)?;
        let mut rows: Vec<Option<T>> = Vec::with_capacity(indices.len());
        for &index in indices {
            // A row that no longer parses is computed again: the journal is a cache.
            rows.push(known.get(&self.data.ids[index]).and_then(|json| serde_json::from_str(json).ok()));
        }
        drop(known);
        let missing: Vec<usize> = (0..indices.len()).filter(|&i| rows[i].is_none()).collect();
        self.observer.stage(title, indices.len());
        self.observer.advance(indices.len() - missing.len());
        for chunk in missing.chunks(self.batch_size.max(1)) {
            if self.observer.interrupted() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped by request")
                    .with_hint("type the same command again to go on from here"));
            }
            let batch = self.batch(&chunk.iter().map(|&i| indices[i]).collect::<Vec<_>>())?;
            let made = work(&batch)?;
            debug_assert_eq!(made.len(), chunk.len(), "one row per image");
            let mut lines = Vec::with_capacity(made.len());
            for (&i, row) in chunk.iter().zip(made) {
                let json = serde_json::to_string(&row)
                    .map_err(|e| Error::new(ErrorKind::Numerical, format!("a row cannot be written: {e}")))?;
                lines.push((self.data.ids[indices[i]].clone(), json));
                rows[i] = Some(row);
            }
            self.journal.append(stage, &lines)?;
            self.observer.advance(chunk.len());
        }
        Ok(rows.into_iter().flatten().collect())
    }

    /// The images at some places of the data set.
    pub(crate) fn batch(&self, indices: &[usize]) -> Result<Batch<'_>> {
        Ok(Batch {
            images: self.data.pixels.batch(indices)?,
            labels: indices.iter().map(|&i| self.data.labels[i]).collect(),
            ids: indices.iter().map(|&i| self.data.ids[i].as_str()).collect(),
        })
    }
}
