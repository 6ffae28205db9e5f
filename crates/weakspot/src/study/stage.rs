//! One stage: every image becomes one row, in batches, resumed from the journal.

use ndarray::Array4;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Observer;
use crate::study::journal::Journal;

/// The user has asked to stop.
pub(crate) fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped by request")
        .with_hint("start the same study again to continue from here")
}

/// Some images of a pair's data set, as floats.
pub(crate) struct Batch<'a> {
    /// `[batch, channels, height, width]` in `[0, 1]`.
    pub(crate) images: Array4<f32>,
    /// 0 or 1.
    pub(crate) labels: Vec<usize>,
    pub(crate) ids: Vec<&'a str>,
}

impl Batch<'_> {
    /// The images at some places of the batch.
    pub(crate) fn select(&self, places: &[usize]) -> Self {
        Self {
            images: self.images.select(ndarray::Axis(0), places),
            labels: places.iter().map(|&i| self.labels[i]).collect(),
            ids: places.iter().map(|&i| self.ids[i]).collect(),
        }
    }
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
        let mut rows: Vec<Option<T>> = indices.iter().map(|_| None).collect();
        let stages = [stage.to_owned()];
        self.each(title, &stages, indices, |_, batch| work(batch), |_, i, row| rows[i] = Some(row))?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Several stages over the same images under one title, one after the other: `work(s, batch)` makes the rows of
    /// stage `s`, and `take(s, i, row)` gets that of image `indices[i]`, those that the journal knows first. Nothing is
    /// kept here, so that what is counted takes no memory per image.
    pub(crate) fn each<T: Serialize + DeserializeOwned>(
        &mut self,
        title: &str,
        stages: &[String],
        indices: &[usize],
        mut work: impl FnMut(usize, &Batch<'_>) -> Result<Vec<T>>,
        mut take: impl FnMut(usize, usize, T),
    ) -> Result<()> {
        self.observer.stage(title, indices.len() * stages.len());
        for (s, stage) in stages.iter().enumerate() {
            let known = self.journal.known(stage)?;
            let mut missing = Vec::new();
            for (i, &index) in indices.iter().enumerate() {
                // A row that no longer parses is computed again: the journal is a cache.
                match known.get(&self.data.ids[index]).and_then(|json| serde_json::from_str(json).ok()) {
                    Some(row) => take(s, i, row),
                    None => missing.push(i),
                }
            }
            drop(known);
            self.observer.advance(indices.len() - missing.len());
            for chunk in missing.chunks(self.batch_size.max(1)) {
                if self.observer.interrupted() {
                    return Err(stopped());
                }
                let batch = self.batch(&chunk.iter().map(|&i| indices[i]).collect::<Vec<_>>())?;
                let made = work(s, &batch)?;
                debug_assert_eq!(made.len(), chunk.len(), "one row per image");
                let mut lines = Vec::with_capacity(made.len());
                for (&i, row) in chunk.iter().zip(made) {
                    let json = serde_json::to_string(&row).map_err(|e| {
                        Error::new(ErrorKind::Numerical, format!("a row cannot be written: {e}"))
                    })?;
                    lines.push((self.data.ids[indices[i]].clone(), json));
                    take(s, i, row);
                }
                self.journal.append(stage, &lines)?;
                self.observer.advance(chunk.len());
            }
        }
        Ok(())
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
