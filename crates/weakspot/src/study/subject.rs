//! What is studied, with what.

use sha2::{Digest as _, Sha256};

use crate::classifier::Classifier;
use crate::dataset::{Dataset, Splits};
use crate::digest;
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::record::ClassifierRecord;
use crate::study::plan::Plan;

/// What is studied, with what.
///
/// # Examples
/// ```
/// use weakspot::record::Seen;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// let mut subject = Subject::new(&model, &data, &splits);
/// subject.classifier_record.arch = "linear".to_owned();
/// subject.classifier_record.seen = Some(Seen::No);
/// let run = run(&plan, &subject, 20, &mut NoJournal, &Silent)?;
/// assert_eq!(run.record.classifier.arch, "linear");
/// # Ok::<(), weakspot::Error>(())
/// ```
pub struct Subject<'a> {
    /// Two classes: a [`PairView`](super::PairView) around a model of more.
    pub classifier: &'a dyn Classifier,
    /// The pair: labels 0 and 1.
    pub data: &'a Dataset,
    /// Its parts.
    pub splits: &'a Splits,
    /// What is known about the model; the study fills in layer and grid.
    pub classifier_record: ClassifierRecord,
    /// SHA-256 of the weights, in hexadecimal.
    pub weights_checksum: String,
}

impl<'a> Subject<'a> {
    /// A classifier about which nothing is known beyond its signature.
    pub fn new(classifier: &'a dyn Classifier, data: &'a Dataset, splits: &'a Splits) -> Self {
        let n_classes = classifier.n_classes();
        let classifier_record = ClassifierRecord { n_classes, ..ClassifierRecord::default() };
        Self { classifier, data, splits, classifier_record, weights_checksum: String::new() }
    }
}

/// A digest of everything that decides a study's rows: a journal with another fingerprint is of another study.
///
/// # Examples
/// ```
/// use weakspot::study::fingerprint;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// let subject = Subject::new(&model, &data, &splits);
/// let digest = fingerprint(&plan, &subject);
/// assert_eq!(digest.len(), 64);
/// assert_ne!(fingerprint(&Plan { seed: 1, ..plan }, &subject), digest);
/// # Ok::<(), weakspot::Error>(())
/// ```
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
        .with_hint(Hint::new().say("train a model on these images: leave ").setting("weights").say(" out")));
    }
    if let Some(given) = &plan.given
        && let Some(mask) = given.masks.iter().find(|mask| mask.dim() != (height, width))
    {
        return Err(Error::shape(format!(
            "{}: expected a mask of {height} x {width} pixels, like the images; got {:?}",
            given.source,
            mask.dim()
        )));
    }
    if subject.classifier.n_classes() != 2 || subject.data.class_names.len() != 2 {
        return Err(Error::invalid("a study is about two classes")
            .with_hint(Hint::new().say("choose them with ").set("classes", "A,B")));
    }
    Ok(())
}
