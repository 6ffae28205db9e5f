//! Labelled images, one source per file: IDX, demo, arrays, folders; splits.

use crate::image::{Mask, Pixels};

/// Which files of a data set an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The publisher's training files.
    Train,
    /// The publisher's test files.
    Test,
    /// A data set that has no test files of its own.
    Whole,
}

/// What is planted in the images of one class of the demo data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// U+: the large shape that decides the class.
    pub utility: Mask,
    /// V+: the faint texture that predicts the class and dies within epsilon.
    pub vulnerability: Mask,
    /// V+ without U+: what a perfect method neutralizes.
    pub blob: Mask,
}

/// Labelled images of two or more classes.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// `mnist`, `demo`, or the file's or folder's name.
    pub name: String,
    /// One name per label.
    pub class_names: Vec<String>,
    /// `[n, channels, height, width]`.
    pub pixels: Pixels,
    /// One label per image, below `class_names.len()`.
    pub labels: Vec<usize>,
    /// One stable, unique id per image, `test/00042`; goes through to the ledger.
    pub ids: Vec<String>,
    /// Where each image came from.
    pub origins: Vec<Origin>,
    /// SHA-256 over the content (pixels, labels, class names), in hexadecimal.
    pub checksum: String,
    /// One per class, for the demo data set only.
    pub truth: Option<Vec<Truth>>,
}
