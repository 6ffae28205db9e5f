//! The demo: generated, with planted regions.

use crate::dataset::demo;

use super::{Augment, KnownSet, Reader};

/// What is settled for it.
pub(super) static ROW: KnownSet = KnownSet {
    name: "demo",
    reader: Reader::Generated(demo::generate),
    epsilon: 8.0 / 255.0,
    classes: None,
    photographs: false,
    // Places are what is planted: neither flip nor shift.
    augment: Augment { flip: false, turn: false, shift: 0 },
    train_per_class: None,
    one_channel_in: 8,
    size: None,
    size_reproduced: None,
    paper: &[],
    published: None,
};
