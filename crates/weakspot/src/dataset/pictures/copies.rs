//! The same picture twice, by content.

use std::collections::BTreeMap;

use crate::dataset::{Dataset, Splits};

/// The most pairs that a note names.
const NAMED: usize = 3;

/// What a reader of the results should know about images that occur more than once: a sentence about copies with
/// different labels, and one about copies of eval images in the parts that the classifier or the blob are made from.
/// The second counts all scored images, even if several of them are the same picture.
///
/// Images are the same if their pixels are, as they are in the data set (after resizing).
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Splits, pictures::copies};
/// use weakspot::image::Pixels;
///
/// // The first and the third image are the same.
/// let pixels = Pixels::U8(Array4::from_shape_fn((4, 1, 2, 2), |(i, ..)| [7, 1, 7, 2][i]));
/// let data = Dataset::new("mine", pixels, vec![0, 1, 0, 1], &["cat", "dog"])?;
/// let splits = Splits { fit: vec![0, 1], eval: vec![2, 3], ..Splits::default() };
/// let notes = copies(&data, &splits);
/// assert!(notes[0].starts_with("1 of the 2 images that are scored (eval) are also in train, tune or fit"));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn copies(data: &Dataset, splits: &Splits) -> Vec<String> {
    let mut by_content: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (i, digest) in data.pixels.digests().into_iter().enumerate() {
        by_content.entry(digest).or_default().push(i);
    }
    let mut scored = vec![false; data.ids.len()];
    let mut made_from = scored.clone();
    for &i in &splits.eval {
        scored[i] = true;
    }
    for part in [&splits.train, &splits.tune, &splits.fit] {
        for &i in part {
            made_from[i] = true;
        }
    }
    let (mut two_labels, mut two_parts) = (Vec::new(), Vec::new());
    for same in by_content.values().filter(|same| same.len() > 1) {
        let first = same[0];
        let pair = |other: usize| (data.ids[first].as_str(), data.ids[other].as_str());
        two_labels.extend(same.iter().find(|&&i| data.labels[i] != data.labels[first]).map(|&i| pair(i)));
        if let Some(&other) = same.iter().find(|&&i| made_from[i]) {
            let eval = same.iter().filter(|&&i| scored[i]);
            two_parts.extend(eval.map(|&i| (data.ids[i].as_str(), data.ids[other].as_str())));
        }
    }
    let [a, b] = [0, 1].map(|i| data.class_names.get(i).map_or("", String::as_str));
    let mut notes = Vec::new();
    notes.extend(sentence(two_labels, |n| {
        format!("{n} images occur in both classes, {a} and {b}: any prediction for them is wrong for one of the two")
    }));
    notes.extend(sentence(two_parts, |n| {
        format!(
            "{n} of the {} images that are scored (eval) are also in train, tune or fit: \
             scores on them say nothing about new images",
            splits.eval.len()
        )
    }));
    notes
}

fn sentence(mut pairs: Vec<(&str, &str)>, what: impl Fn(usize) -> String) -> Option<String> {
    // By name, because an order by content would mean nothing to a reader.
    pairs.sort_unstable();
    let named: Vec<String> = pairs.iter().take(NAMED).map(|(a, b)| format!("{a} = {b}")).collect();
    let more = if pairs.len() > NAMED { ", .." } else { "" };
    (!pairs.is_empty()).then(|| format!("{}: {}{more}", what(pairs.len()), named.join(", ")))
}
