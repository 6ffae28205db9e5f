//! Fashion-MNIST: pictures of clothing.

use crate::dataset::idx;

use super::paper::{of32, row};
use super::published::{Layout, Published, gunzipped};
use super::{Augment, KnownSet, Reader};

/// As printed in the table of the publisher's README.
const GARMENTS: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// What is settled for it.
pub(super) static ROW: KnownSet = KnownSet {
    name: "fashion-mnist",
    reader: Reader::Files(|folder| idx::load("fashion-mnist", &GARMENTS, folder)),
    epsilon: 0.3,
    classes: Some(["Trouser", "Pullover"]),
    photographs: false,
    augment: Augment { flip: true, turn: false, shift: 2 },
    train_per_class: Some(2_000),
    one_channel_in: 1,
    size: None,
    size_reproduced: None,
    paper: &[
        ("trouser", "pullover", row(Some((0.1923, -0.0019)), of32(32), of32(31), of32(29), of32(29))),
        ("pullover", "trouser", row(Some((0.2029, -0.0003)), of32(32), of32(31), of32(31), of32(32))),
    ],
    published: Some(&PUBLISHED),
};

static PUBLISHED: Published = Published {
    name: "fashion-mnist",
    what: "70,000 pictures of clothing, 28 x 28 grey",
    licence: "MIT, Zalando SE",
    page: "https://github.com/zalandoresearch/fashion-mnist",
    bases: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        // Keras' copy, and the bucket that the publisher's readme names (which has no https).
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
    // Computed from files whose .gz are those of TensorFlow Datasets' url_checksums/fashion_mnist.txt.
    files: &[
        gunzipped(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            47_040_016,
        ),
        gunzipped(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            60_008,
        ),
        gunzipped(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            7_840_016,
        ),
        gunzipped(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            10_008,
        ),
    ],
    layout: Layout::AsIs,
    remark: None,
    first_study: &[],
};
