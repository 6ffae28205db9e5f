//! CIFAR-10: small photographs of ten classes. The paper does not have it.

use crate::dataset::cifar;

use super::published::{Layout, Published, Unpacked, whole};
use super::{Augment, KnownSet, Reader};

/// What is settled for it.
pub(super) static ROW: KnownSet = KnownSet {
    name: "cifar10",
    reader: Reader::Files(cifar::load),
    epsilon: 8.0 / 255.0,
    classes: Some(["cat", "dog"]),
    photographs: true,
    augment: Augment { flip: true, turn: false, shift: 4 },
    train_per_class: None,
    one_channel_in: 1,
    size: None,
    size_reproduced: None,
    paper: &[],
    published: Some(&PUBLISHED),
};

static PUBLISHED: Published = Published {
    name: "cifar10",
    what: "60,000 photographs of ten classes, 32 x 32 colour",
    licence: "no licence is stated; A. Krizhevsky asks that the 2009 technical report be cited",
    page: "https://www.cs.toronto.edu/~kriz/cifar.html",
    bases: &[
        "https://www.cs.toronto.edu/~kriz/",
        // The copy of Swift for TensorFlow.
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
    ],
    // TensorFlow Datasets, url_checksums/cifar10.txt; red-datasets' lib/datasets/cifar.rb has the same.
    files: &[whole(
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    )],
    layout: Layout::TarGz(Unpacked {
        folders: &[("cifar-10-batches-bin", "cifar-10-batches-bin", "")],
        // Six files of 30,730,000 bytes and two short texts.
        largest: 200_000_000,
    }),
    remark: None,
    first_study: &[("classes", "cat,dog")],
};
