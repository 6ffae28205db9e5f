//! The data sets that have a name: everything that is settled for each, in a file of its own.
//!
//! Nothing here reduces the eval part (METHODS, section 2). For any other name, the user's own data, nothing is
//! assumed: an epsilon decides a claim, so it is asked for.

mod cats_vs_dogs;
mod cifar10;
mod demo;
mod fashion_mnist;
mod malaria;
mod mnist;
mod paper;
mod published;

use std::path::Path;

pub use paper::{PaperRow, PaperScore};
pub use published::{Layout, Published, PublishedFile, Sum, Unpacked, whole};

use super::Dataset;
use super::pictures::PictureSet;
use crate::error::Result;

/// Every data set that has a name, the demo first, then in the order of the paper.
pub static ALL: [&KnownSet; 6] =
    [&demo::ROW, &mnist::ROW, &fashion_mnist::ROW, &cifar10::ROW, &cats_vs_dogs::ROW, &malaria::ROW];

/// What is settled for one data set. A new one is one file with such a row, and one line in [`ALL`].
///
/// # Examples
/// ```
/// use weakspot::dataset::known;
///
/// let names: Vec<&str> = known::ALL.iter().filter(|set| set.is_reproduced()).map(|set| set.name).collect();
/// assert_eq!(names, ["mnist", "fashion-mnist", "cifar10", "cats-vs-dogs", "malaria"]);
/// ```
#[derive(Debug)]
pub struct KnownSet {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// How it is read.
    pub reader: Reader,
    /// The radius of the attack, in pixel units.
    pub epsilon: f64,
    /// The classes that are studied unless others are asked for; `None` where there are only two.
    pub classes: Option<[&'static str; 2]>,
    /// Whether its images are photographs, which are trained by the recipe of photographs.
    pub photographs: bool,
    /// What a training image may go through.
    pub augment: Augment,
    /// The most training images per class, `None` for all of them.
    pub train_per_class: Option<usize>,
    /// The network keeps one channel in so many unless asked otherwise.
    pub one_channel_in: usize,
    /// Height and width that pictures are brought to; `None` where images have a size of their own.
    pub size: Option<usize>,
    /// That size in a reproduction of the paper: at which two cores train VGG16 with batch norm in minutes.
    pub size_reproduced: Option<usize>,
    /// The paper's figures: source class, target class, figures.
    pub paper: &'static [(&'static str, &'static str, PaperRow)],
    /// Where it is published; `None` for what is generated.
    pub published: Option<&'static Published>,
}

impl KnownSet {
    /// Whether a reproduction of the paper studies it.
    pub fn is_reproduced(&self) -> bool {
        self.published.is_some()
    }
}

/// How a data set is read.
///
/// # Examples
/// ```
/// use weakspot::dataset::known::{self, Reader};
///
/// let demo = known::by_name("demo").unwrap();
/// assert!(matches!(demo.reader, Reader::Generated(_)));
/// let mnist = known::by_name("mnist").unwrap();
/// let Reader::Files(load) = mnist.reader else { unreachable!("mnist is read from files") };
/// assert!(load("no such folder".as_ref()).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// It is generated.
    Generated(fn() -> Dataset),
    /// From its files, in a folder.
    Files(fn(&Path) -> Result<Dataset>),
    /// Its pictures are found in a folder, and opened when it is known which are needed.
    Pictures(PictureSet),
}

/// Changes of a training image that keep its label.
///
/// # Examples
/// ```
/// use weakspot::dataset::known;
///
/// // A mirrored digit is no digit.
/// assert!(!known::by_name("mnist").unwrap().augment.flip);
/// assert!(known::by_name("cifar10").unwrap().augment.flip);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Whether an image may be mirrored left to right, with probability one half.
    pub flip: bool,
    /// Whether it has no upright, so that it may be turned.
    pub turn: bool,
    /// The largest shift in pixels in either direction along either axis; 0 for none. Photographs are shifted by up to
    /// a twelfth of their shorter side where that is more.
    pub shift: usize,
}

/// The data set of a name.
///
/// # Examples
/// ```
/// use weakspot::dataset::known::by_name;
///
/// let mnist = by_name("mnist").unwrap();
/// assert_eq!((mnist.epsilon, mnist.classes), (0.3, Some(["0", "1"])));
/// assert!(by_name("my own pictures").is_none());
/// ```
pub fn by_name(name: &str) -> Option<&'static KnownSet> {
    ALL.into_iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_never_mirrored_and_unknown_data_gets_no_epsilon() {
        assert!(!by_name("mnist").unwrap().augment.flip);
        assert!(by_name("fashion-mnist").unwrap().augment.flip);
        assert_eq!(by_name("demo").unwrap().epsilon, 8.0 / 255.0);
        assert!(by_name("my-images").is_none());
    }

    #[test]
    fn names_addresses_and_digests_are_well_formed() {
        for set in ALL {
            if let Some(published) = set.published {
                assert_eq!(published.name, set.name);
                published.check();
            }
        }
        let mut names = ALL.map(|set| set.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
