//! What was studied: the data, the classifier, and a mask that the user gave.

use serde::{Deserialize, Serialize};

use crate::metrics::Score;

/// The data set that was studied.
///
/// # Examples
/// ```
/// use weakspot::record::DataRecord;
///
/// let json = r#"{"name": "mine", "classes": ["cat", "dog"], "image_shape": [3, 32, 48], "split": "by hand"}"#;
/// let [channels, height, width] = serde_json::from_str::<DataRecord>(json)?.image_shape;
/// assert_eq!((channels, height, width), (3, 32, 48));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Name of the data set.
    pub name: String,
    /// Names of the two classes.
    pub classes: [String; 2],
    /// `[channels, height, width]`.
    pub image_shape: [usize; 3],
    /// How the parts were made, in words.
    pub split: String,
    /// What a reader should know about the data, one sentence each; absent if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files that were left out because they could not be read; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedFile>,
}

/// A file that was left out.
///
/// # Examples
/// ```
/// use weakspot::record::SkippedFile;
///
/// let json = r#"{"file": "cat/666.jpg", "why": "an empty file"}"#;
/// assert_eq!(serde_json::from_str::<SkippedFile>(json)?.why, "an empty file");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// Its path, relative to the data set's folder if it lies in it.
    pub file: String,
    /// What was wrong with it.
    pub why: String,
}

/// The model that was studied.
///
/// # Examples
/// ```
/// use weakspot::record::{ClassifierRecord, Seen};
///
/// // A description of your own classifier for the record.
/// let record = ClassifierRecord {
///     arch: "resnet18".to_owned(),
///     n_classes: 2,
///     seen: Some(Seen::HeldOut),
///     ..ClassifierRecord::default()
/// };
/// assert_eq!(serde_json::to_value(record)?["seen"], "held-out");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassifierRecord {
    /// `vgg16`, `vgg16-bn`, or `onnx` for a network from a file.
    pub arch: String,
    /// `gap`, `linear3`; of a network from a file, the file's name without its ending.
    pub head: String,
    /// The fraction of the channels that is kept, `1` or `1/8`.
    pub width: String,
    /// Number of logits; a model of more than two classes is studied through the two logits of the pair.
    pub n_classes: usize,
    /// `own recipe` (trained now or before: the same bytes), or the name of the file the user gave.
    pub origin: String,
    /// The recipe in words, empty for the user's own weights.
    pub recipe: String,
    /// `fast` or `direct`: how 3x3 convolutions were computed; they round differently.
    pub convolutions: String,
    /// Accuracy on the tune part when training stopped.
    pub tune_accuracy: Option<Score>,
    /// The seed of its training if this program trained it; absent for other weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_seed: Option<u64>,
    /// Whether it may have been trained on images that are scored; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// The outputs of the pair's two classes; absent for a classifier that was trained for the pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<[usize; 2]>,
    /// The layer the maps are read at.
    pub layer: String,
    /// `[height, width]` of that layer's grid.
    pub grid: [usize; 2],
}

/// Whether a classifier may have been trained on images that are scored.
///
/// # Examples
/// ```
/// use weakspot::record::Seen;
///
/// assert_eq!(serde_json::to_string(&Seen::HeldOut)?, r#""held-out""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It was not: this program divided the images before it trained the classifier.
    No,
    /// It was not, as the user states (setting `held-out`).
    HeldOut,
    /// Nothing is known about its training.
    Unknown,
}

/// Where a mask came from that the user gave in place of the blob.
///
/// # Examples
/// ```
/// use weakspot::record::GivenMaskRecord;
///
/// let json = r#"{"source": "mask.png", "sha256": "e3b0c442"}"#;
/// assert_eq!(serde_json::from_str::<GivenMaskRecord>(json)?.source, "mask.png");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenMaskRecord {
    /// The files or the run's folder, as the user typed them.
    pub source: String,
    /// SHA-256 of both classes' pixels.
    pub sha256: String,
}
