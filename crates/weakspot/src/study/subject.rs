//! What is studied, with what.

use sha2::{Digest as _, Sha256};

use crate::classifier::Classifier;
use crate::dataset::{Dataset, Splits};
use crate::digest;
use crate::error::{Error, Result};
use crate::record::ClassifierRecord;
use crate::study::plan::Plan;

/// What is studied, with what.
pub struct Subject<'a> {
    /// Two classes: a [`PairView`](super::PairView) around a model of more.
    pub classifier: &'a dyn Classifier,
    /// The pair: labels 0 and 1.
    pub data: &'a Dataset,
    /// Its parts.
    pub splits: &'a Splits,
    /// What is known of the model; the study fills in layer and grid.
    pub classifier_record: ClassifierRecord,
    /// SHA-256 of the weights, in hexadecimal.
    pub weights_checksum: String,
}

/// A digest of everything that decides a study's rows: a journal with another fingerprint is of another study.
pub fn fingerprint(plan: &Plan, subject: &Subject<'_>) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(env!("CARGO_PKG_VERSION"));
    for (key, value) in plan.config() {
        add(&key);
        add(&value);
    }
    add(&subject.data.checksum);
    add(&subject.weights_checksum);
    add(&subject.classifier_record.convolutions);
    if let Some([a, b]) = subject.classifier_record.outputs {
        add(&format!("outputs {a}, {b}"));
    }
    for part in [&subject.splits.fit, &subject.splits.eval] {
        for &index in part {
            add(&subject.data.ids[index]);
        }
        add("");
    }
    if plan.tune.is_some() {
        for &index in &subject.splits.tune {
            add(&subject.data.ids[index]);
        }
    }
    digest::hex(&hash.finalize())
}

/// Checks that model and data fit each other.
pub(crate) fn check(plan: &Plan, subject: &Subject<'_>) -> Result<()> {
    let input = subject.classifier.input();
    let (_, channels, height, width) = subject.data.pixels.dim();
    if (channels, height, width) != (input.channels, input.height, input.width) {
        return Err(Error::shape(format!(
            "the model takes {} x {} x {} (channels, height, width); the images are {channels} x {height} x {width}",
            input.channels, input.height, input.width
        ))
        .with_hint("train a model on these images: leave out --weights, or see weakspot train --help"));
    }
    if let Some(given) = &plan.given
        && let Some(mask) = given.masks.iter().find(|mask| mask.dim() != (height, width))
    {
        return Err(Error::shape(format!(
            "{}: expected a mask of {height} x {width} pixels, as the images have; got {:?}",
            given.source,
            mask.dim()
        )));
    }
    if subject.classifier.n_classes() != 2 || subject.data.class_names.len() != 2 {
        return Err(
            Error::invalid("a study is about two classes").with_hint("choose them with --classes A,B")
        );
    }
    Ok(())
}
