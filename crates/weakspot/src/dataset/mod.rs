//! Labelled images, one source per file: IDX, CIFAR-10, demo, arrays, folders; splits.

pub mod arrays;
mod brief;
mod checksum;
pub mod cifar;
pub mod demo;
mod gzip;
pub mod idx;
pub mod known;
mod masks;
pub mod outputs;
pub mod pictures;
mod provenance;
#[cfg(test)]
mod real;
mod split;

pub use arrays::Arrays;
pub use masks::load_masks;
pub use provenance::{Provenance, Skipped};
pub use split::{Limits, SplitRule, Splits, split, split_by_group, torn_groups};

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::image::{Mask, Pixels};
use brief::brief;

/// The largest pixel block that is kept in memory, in bytes (`docs/DESIGN.md`, invariant 10).
///
/// A header that claims more is refused before anything is allocated.
pub const MAX_PIXEL_BYTES: u64 = 1 << 30;

/// Which files of a data set an image came from.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::{Dataset, Origin, SplitRule};
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((4, 1, 8, 8)));
/// let mut data = Dataset::new("mine", pixels, vec![0, 1, 0, 1], &["cat", "dog"])?;
/// assert_eq!(SplitRule::for_dataset(&data, true), SplitRule::Divided);
/// data.origins = vec![Origin::Train, Origin::Train, Origin::Test, Origin::Test];
/// assert_eq!(SplitRule::for_dataset(&data, true), SplitRule::OwnTest);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The publisher's training files.
    Train,
    /// The publisher's training files, but unlike the images of the test files: the classifier may learn from it
    /// and may be stopped by it, but no map is fitted on it. The demo data set has such images.
    TrainOnly,
    /// The publisher's test files.
    Test,
    /// A data set that has no test files of its own.
    Whole,
}

/// What is planted in the images of one class of the demo data set.
///
/// # Examples
/// ```
/// use weakspot::dataset::Truth;
/// use weakspot::image::Mask;
/// use weakspot::metrics::Overlap;
///
/// let (utility, vulnerability) = (Mask::from_fn(8, 8, |y, _| y < 4), Mask::from_fn(8, 8, |_, x| x < 4));
/// let blob = vulnerability.intersection(&utility.complement());
/// let planted = Truth { utility, vulnerability, blob };
/// // A method that returns the whole vulnerable region.
/// let overlap = Overlap::of(&planted.vulnerability, &planted.blob);
/// assert_eq!((overlap.precision, overlap.recall), (0.5, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// U+: the large shape that decides the class.
    pub utility: Mask,
    /// V+: the faint texture that predicts the class and does not survive a change within epsilon.
    pub vulnerability: Mask,
    /// V+ without U+: what a perfect method neutralizes.
    pub blob: Mask,
}

/// Labelled images of two or more classes.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::dataset::Dataset;
/// use weakspot::image::Pixels;
///
/// let pixels = Pixels::U8(Array4::zeros((6, 1, 8, 8)));
/// let data = Dataset::new("mine", pixels, vec![0, 1, 2, 0, 1, 2], &["cat", "dog", "frog"])?;
/// // A study is about two classes.
/// let pair = data.pair(2, 0)?;
/// assert_eq!(pair.class_names, ["frog", "cat"]);
/// assert_eq!((pair.labels, pair.ids[0].as_str()), (vec![1, 0, 1, 0], "image/00000"));
/// # Ok::<(), weakspot::Error>(())
/// ```
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
    /// One stable, unique id per image, `test/00042`, which the ledger keeps.
    pub ids: Vec<String>,
    /// Where each image came from.
    pub origins: Vec<Origin>,
    /// SHA-256 over the content (pixels, labels, class names), in hexadecimal: [`Dataset::checksum_of`].
    pub checksum: String,
    /// One per class, for the demo data set only.
    pub truth: Option<Vec<Truth>>,
    /// Groups that belong together, files left out, notes.
    pub provenance: Provenance,
}

impl Dataset {
    /// Images in memory with their labels, which count `class_names`; ids are `image/00000` and so on.
    ///
    /// # Errors
    /// As [`Dataset::check`].
    ///
    /// # Examples
    /// ```
    /// use ndarray::Array4;
    /// use weakspot::dataset::Dataset;
    /// use weakspot::image::Pixels;
    ///
    /// let pixels = Pixels::U8(Array4::zeros((4, 1, 8, 8)));
    /// let data = Dataset::new("mine", pixels, vec![0, 1, 0, 1], &["cat", "dog"])?;
    /// assert_eq!(data.ids[3], "image/00003");
    /// # Ok::<(), weakspot::Error>(())
    /// ```
    pub fn new(name: &str, pixels: Pixels, labels: Vec<usize>, class_names: &[&str]) -> Result<Self> {
        let class_names: Vec<String> = class_names.iter().map(|name| (*name).to_owned()).collect();
        let data = Self {
            name: name.to_owned(),
            checksum: Self::checksum_of(&pixels, Some(&labels), &class_names),
            class_names,
            ids: (0..pixels.len()).map(|i| format!("image/{i:05}")).collect(),
            origins: vec![Origin::Whole; pixels.len()],
            pixels,
            labels,
            truth: None,
            provenance: Provenance::default(),
        };
        data.check()?;
        Ok(data)
    }

    /// Checks what every source must deliver: one label, id and origin per image (and a group, if there are groups),
    /// labels below the number of classes, ids that are unique, at least one image and two classes.
    ///
    /// # Errors
    /// `Shape` for counts that disagree or no image; `InvalidParameter` for a label out of range, an id given
    /// twice or fewer than two classes.
    pub fn check(&self) -> Result<()> {
        let n = self.pixels.len();
        let (labels, ids, origins) = (self.labels.len(), self.ids.len(), self.origins.len());
        let groups = self.provenance.groups.len();
        if n == 0 || labels != n || ids != n || origins != n || ![0, n].contains(&groups) {
            return Err(Error::shape(format!(
                "{}: expected one label, id and origin per image and at least one image; \
                 got {n} images, {labels} labels, {ids} ids, {origins} origins",
                self.name
            )));
        }
        let classes = self.class_names.len();
        if classes < 2 {
            return Err(Error::invalid(format!("{}: expected at least 2 classes; got {classes}", self.name))
                .with_hint("a study compares two classes: add images of a second one"));
        }
        if let Some(label) = self.labels.iter().find(|&&label| label >= classes) {
            return Err(Error::invalid(format!(
                "{}: expected labels below {classes}; got {label}",
                self.name
            )));
        }
        let mut seen = BTreeSet::new();
        match self.ids.iter().find(|id| !seen.insert(id.as_str())) {
            None => Ok(()),
            Some(id) => Err(Error::invalid(format!(
                "{}: expected a different id for every image; got \"{}\" twice",
                self.name,
                brief(id)
            ))),
        }
    }

    /// The images of two classes, relabelled: 0 for `a`, 1 for `b`, in the same order.
    ///
    /// Ids, origins and the truth are kept; the checksum is that of the pair's own content.
    ///
    /// # Errors
    /// `InvalidParameter` when `a` equals `b`, a class does not exist, or a class has no image.
    pub fn pair(&self, a: usize, b: usize) -> Result<Self> {
        let classes = self.class_names.len();
        if a >= classes || b >= classes {
            return Err(Error::invalid(format!(
                "{}: expected classes below {classes}; got {a} and {b}",
                self.name
            )));
        }
        if a == b {
            return Err(Error::invalid(format!(
                "expected two different classes; got {} twice",
                self.class_names[a]
            ))
            .with_hint(Hint::new().say("name two classes, as in ").set("classes", "0,1")));
        }
        for class in [a, b] {
            if !self.labels.contains(&class) {
                return Err(Error::invalid(format!(
                    "{}: expected images of class {}; got none",
                    self.name, self.class_names[class]
                ))
                .with_hint(Hint::new().say("choose another class with ").set("classes", "A,B")));
            }
        }
        let kept: Vec<usize> =
            (0..self.labels.len()).filter(|&i| self.labels[i] == a || self.labels[i] == b).collect();
        let class_names = vec![self.class_names[a].clone(), self.class_names[b].clone()];
        let labels: Vec<usize> = kept.iter().map(|&i| usize::from(self.labels[i] == b)).collect();
        let pixels = self.pixels.select(&kept);
        Ok(Self {
            name: self.name.clone(),
            checksum: Self::checksum_of(&pixels, Some(&labels), &class_names),
            class_names,
            pixels,
            labels,
            ids: kept.iter().map(|&i| self.ids[i].clone()).collect(),
            origins: kept.iter().map(|&i| self.origins[i]).collect(),
            truth: self.truth.as_ref().map(|truth| vec![truth[a].clone(), truth[b].clone()]),
            provenance: self.provenance.select(&kept),
        })
    }

    /// SHA-256, in hexadecimal, over the type, shape and values of the pixels, the labels and the class names.
    ///
    /// Names of files and folders are left out: the same images elsewhere are the same data.
    pub fn checksum_of(pixels: &Pixels, labels: Option<&[usize]>, class_names: &[String]) -> String {
        checksum::of(pixels, labels, class_names)
    }
}

/// The two classes that the user means, by their places among the names: both by exact name, else both by number,
/// else both by name in any case.
///
/// The exact name comes first because the user sees names: in a data set whose classes are called `7` and `3`, `3`
/// is the second class. If any class is called by a number, numbers are read only as names, so that a class called
/// 1 is not taken for the second folder.
///
/// # Errors
/// `InvalidParameter`, listing the classes, if a class is unknown, or one is named and the other numbered.
///
/// # Examples
/// ```
/// use weakspot::dataset::class_pair;
///
/// let names = ["Bag", "Coat", "Shirt"].map(str::to_owned);
/// assert_eq!(class_pair("clothes", &names, ["shirt", "bag"])?, [2, 0]);
/// assert_eq!(class_pair("clothes", &names, ["0", "1"])?, [0, 1]);
/// let error = class_pair("clothes", &names, ["Bag", "Hat"]).unwrap_err();
/// assert_eq!(error.to_string(), "expected a class of clothes; got \"Hat\"");
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn class_pair(dataset: &str, names: &[String], asked: [&str; 2]) -> Result<[usize; 2]> {
    let by_exact_name = |asked: &str| names.iter().position(|name| name == asked);
    let called_by_numbers = names.iter().any(|name| name.parse::<usize>().is_ok());
    let by_number = |asked: &str| {
        let number = asked.parse().ok().filter(|&number: &usize| number < names.len());
        number.filter(|_| !called_by_numbers)
    };
    let in_any_case = |asked: &str| {
        let same = |name: &String| name.to_lowercase() == asked.to_lowercase();
        by_exact_name(asked).or_else(|| names.iter().position(same))
    };
    let both = |way: &dyn Fn(&str) -> Option<usize>| {
        let [a, b] = asked.map(|asked| way(asked.trim()));
        Some([a?, b?])
    };
    both(&by_exact_name).or_else(|| both(&by_number)).or_else(|| both(&in_any_case)).ok_or_else(|| {
        let lost = asked.iter().find(|asked| in_any_case(asked.trim()).is_none());
        let list: Vec<_> = names.iter().enumerate().map(|(i, name)| format!("{i} {}", brief(name))).collect();
        let list = if called_by_numbers { names.join(", ") } else { list.join(", ") };
        let message = match lost {
            Some(lost) if by_number(lost.trim()).is_some() => format!(
                "expected two classes of {dataset}, both by name or both by number; got \"{}\"",
                asked.join(",")
            ),
            _ => format!("expected a class of {dataset}; got \"{}\"", brief(lost.unwrap_or(&asked[0]))),
        };
        Error::invalid(message).with_hint(if called_by_numbers {
            format!("the classes are called {list}")
        } else {
            format!("the classes are, by number and name: {list}")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    fn three() -> Dataset {
        let pixels =
            Pixels::U8(Array4::from_shape_fn((6, 1, 2, 2), |(n, _, y, x)| (n * 4 + y * 2 + x) as u8));
        let labels = vec![2, 0, 1, 2, 0, 1];
        let class_names: Vec<String> = ["7", "Bag", "0"].map(String::from).to_vec();
        Dataset {
            name: "three".to_owned(),
            checksum: Dataset::checksum_of(&pixels, Some(&labels), &class_names),
            class_names,
            pixels,
            labels,
            ids: (0..6).map(|i| format!("all/{i:05}")).collect(),
            origins: vec![Origin::Whole; 6],
            truth: None,
            provenance: Provenance::default(),
        }
    }

    #[test]
    fn classes_are_found_by_exact_names_then_numbers_then_names_in_any_case() {
        let find = |names: &[&str], asked| {
            class_pair("x", &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), asked)
        };
        let names = ["Bag", "coat", "Shoe"];
        assert_eq!(find(&names, ["Bag", " Shoe "]).unwrap(), [0, 2]);
        assert_eq!(find(&names, ["2", "1"]).unwrap(), [2, 1]);
        assert_eq!(find(&names, ["bAG", "coat"]).unwrap(), [0, 1]);
        for bad in [["3", "0"], ["-1", "0"], ["", "Bag"], ["bags", "Bag"], ["Bag", "1"]] {
            let error = find(&names, bad).unwrap_err();
            assert_eq!(error.hint(), Some("the classes are, by number and name: 0 Bag, 1 coat, 2 Shoe"));
        }
        assert!(
            find(&names, ["Bag", "1"]).unwrap_err().to_string().contains("both by name or both by number")
        );
    }

    #[test]
    fn where_classes_are_called_by_numbers_a_number_is_a_name() {
        let names = ["1", "10", "2"].map(str::to_owned);
        assert_eq!(class_pair("x", &names, ["1", "2"]).unwrap(), [0, 2]);
        let error = class_pair("x", &names, ["0", "1"]).unwrap_err();
        assert_eq!(error.hint(), Some("the classes are called 1, 10, 2"));
        assert!(error.to_string().ends_with("got \"0\""), "{error}");
    }

    #[test]
    fn a_pair_keeps_its_images_ids_and_order_and_takes_labels_0_and_1() {
        let pair = three().pair(2, 0).unwrap();
        assert_eq!(pair.class_names, ["0", "7"]);
        assert_eq!(pair.labels, [0, 1, 0, 1]);
        assert_eq!(pair.ids, ["all/00000", "all/00001", "all/00003", "all/00004"]);
        assert_eq!(pair.pixels, three().pixels.select(&[0, 1, 3, 4]));
        pair.check().unwrap();
    }

    #[test]
    fn a_pair_of_one_class_or_of_an_empty_class_is_refused() {
        let mut data = three();
        assert!(data.pair(1, 1).unwrap_err().to_string().contains("got Bag twice"));
        assert!(data.pair(0, 3).unwrap_err().to_string().contains("below 3"));
        data.class_names.push("empty".to_owned());
        assert!(data.pair(0, 3).unwrap_err().to_string().contains("class empty"));
    }

    #[test]
    fn a_data_set_with_an_id_twice_a_bad_label_or_other_counts_is_refused() {
        let broken = |change: fn(&mut Dataset)| {
            let mut data = three();
            change(&mut data);
            data.check().unwrap_err().to_string()
        };
        three().check().unwrap();
        assert!(broken(|d| d.ids[5] = "all/00001".to_owned()).contains("got \"all/00001\" twice"));
        assert!(broken(|d| d.labels[0] = 3).contains("below 3; got 3"));
        assert!(broken(|d| d.origins.truncate(5)).contains("5 origins"));
        assert!(broken(|d| d.class_names.truncate(1)).contains("at least 2 classes"));
    }
}
