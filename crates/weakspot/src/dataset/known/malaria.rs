//! Blood cells, with malaria and without.

use crate::dataset::pictures::{Grouping, PictureSet};
use crate::hint::Hint;

use super::paper::{printed, row};
use super::published::{Layout, Published, Unpacked, whole};
use super::{Augment, KnownSet, Reader};

/// What is settled for it.
pub(super) static ROW: KnownSet = KnownSet {
    name: "malaria",
    reader: Reader::Pictures(PictureSet {
        name: "malaria",
        classes: [("parasitized", "Parasitized"), ("uninfected", "Uninfected")],
        folders: &["cell_images"],
        grouping: Grouping::FirstPart,
        source: PUBLISHED.page,
    }),
    epsilon: 4.0 / 255.0,
    classes: None,
    photographs: true,
    // A cell lies as it fell.
    augment: Augment { flip: true, turn: true, shift: 4 },
    train_per_class: None,
    one_channel_in: 1,
    size: Some(224),
    size_reproduced: Some(48),
    paper: &[
        (
            "parasitized",
            "uninfected",
            row(None, printed(99.79), printed(99.68), printed(5.85), printed(46.11)),
        ),
        (
            "uninfected",
            "parasitized",
            row(None, printed(99.21), printed(99.56), printed(7.55), printed(45.06)),
        ),
    ],
    published: Some(&PUBLISHED),
};

static PUBLISHED: Published = Published {
    name: "malaria",
    what: "27,558 blood cells, parasitized and not, of many sizes",
    licence: "none is stated; S. Rajaraman and others, National Library of Medicine (NIH), 2018, to be cited",
    page: "https://lhncbc.nlm.nih.gov/LHC-research/LHC-projects/image-processing/malaria-datasheet.html",
    bases: &[
        "https://data.lhncbc.nlm.nih.gov/public/Malaria/",
        // Where it was first published.
        "https://ceb.nlm.nih.gov/proj/malaria/",
    ],
    // TensorFlow Datasets, url_checksums/malaria.txt.
    files: &[whole(
        "cell_images.zip",
        353_452_851,
        "0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
    )],
    layout: Layout::Zip(Unpacked {
        folders: &[
            ("cell_images/Parasitized", "Parasitized", ".png"),
            ("cell_images/Uninfected", "Uninfected", ".png"),
        ],
        largest: 1_000_000_000,
    }),
    remark: Some(|| {
        Hint::new()
            .say("many cells come from one slide: ")
            .set("split-by", "slide")
            .say(" keeps the cells of a slide together")
    }),
    first_study: &[],
};
