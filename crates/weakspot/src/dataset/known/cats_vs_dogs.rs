//! Cats and dogs: photographs of many sizes.

use crate::dataset::pictures::{Grouping, PictureSet};
use crate::hint::Hint;

use super::paper::{printed, row};
use super::published::{Layout, Published, Unpacked, whole};
use super::{Augment, KnownSet, Reader};

/// What is settled for it.
pub(super) static ROW: KnownSet = KnownSet {
    name: "cats-vs-dogs",
    reader: Reader::Pictures(PictureSet {
        name: "cats-vs-dogs",
        classes: [("cat", "cat"), ("dog", "dog")],
        folders: &["PetImages"],
        grouping: Grouping::None,
        source: PUBLISHED.page,
    }),
    epsilon: 4.0 / 255.0,
    classes: None,
    photographs: true,
    // Cats, dogs and cells are what they are in the mirror.
    augment: Augment { flip: true, turn: false, shift: 4 },
    train_per_class: None,
    one_channel_in: 1,
    size: Some(224),
    size_reproduced: Some(64),
    paper: &[
        (
            "cat",
            "dog",
            row(Some((0.3028, 0.0899)), printed(98.97), printed(85.35), printed(3.47), printed(3.49)),
        ),
        (
            "dog",
            "cat",
            row(Some((0.3046, 0.0938)), printed(99.87), printed(99.89), printed(7.37), printed(2.67)),
        ),
    ],
    published: Some(&PUBLISHED),
};

static PUBLISHED: Published = Published {
    name: "cats-vs-dogs",
    what: "25,000 photographs of cats and dogs, of many sizes",
    licence: "Microsoft Research and Petfinder.com, for research; the terms are on the page and in the archive",
    page: "https://www.microsoft.com/en-us/download/details.aspx?id=54765",
    bases: &["https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"],
    // GoMLX, examples/dogsvscats/dogsvscats.go. (TensorFlow Datasets' figure is that of the edition before, 3367a.)
    files: &[whole(
        "kagglecatsanddogs_5340.zip",
        824_887_076,
        "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
    )],
    layout: Layout::Zip(Unpacked {
        folders: &[("PetImages/Cat", "cat", ".jpg"), ("PetImages/Dog", "dog", ".jpg")],
        largest: 2_000_000_000,
    }),
    remark: Some(|| {
        Hint::new()
            .say("a few files of the published archive are not pictures (Cat/666.jpg and Dog/11702.jpg are empty): ")
            .setting("skip-bad")
            .say(" leaves them out of a study")
    }),
    first_study: &[("skip-bad", "")],
};
