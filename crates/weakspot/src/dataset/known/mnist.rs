//! MNIST: handwritten digits.

use crate::dataset::idx;

use super::paper::{of32, row};
use super::published::{Layout, Published, gunzipped};
use super::{Augment, KnownSet, Reader};

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// What is settled for it.
pub(super) static ROW: KnownSet = KnownSet {
    name: "mnist",
    reader: Reader::Files(|folder| idx::load("mnist", &DIGITS, folder)),
    epsilon: 0.3,
    classes: Some(["0", "1"]),
    photographs: false,
    // A mirrored digit is another sign or none.
    augment: Augment { flip: false, turn: false, shift: 2 },
    train_per_class: Some(2_000),
    one_channel_in: 1,
    size: None,
    size_reproduced: None,
    paper: &[
        ("0", "1", row(Some((0.2178, 0.0039)), of32(32), of32(30), of32(29), of32(32))),
        ("1", "0", row(Some((0.1978, 0.0001)), of32(32), of32(31), of32(31), of32(32))),
    ],
    published: Some(&PUBLISHED),
};

static PUBLISHED: Published = Published {
    name: "mnist",
    what: "70,000 handwritten digits, 28 x 28 grey",
    licence: "Y. LeCun, C. Cortes and C. Burges hold the copyright; given as CC BY-SA 3.0",
    page: "http://yann.lecun.com/exdb/mnist/",
    bases: &[
        // torchvision's copy, TensorFlow Datasets' copy, and a repository of the files.
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ],
    // Computed from files whose .gz are those of TensorFlow Datasets' url_checksums/mnist.txt (SHA-256) and of
    // torchvision/datasets/mnist.py (MD5); train-images: content of MD5 6bbc9ace898e44ae57da46a324031adb.
    files: &[
        gunzipped(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            47_040_016,
        ),
        gunzipped(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            60_008,
        ),
        gunzipped(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            7_840_016,
        ),
        gunzipped(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            10_008,
        ),
    ],
    layout: Layout::AsIs,
    remark: None,
    first_study: &[],
};
