//! What can be fetched: addresses, digests, licences.
//!
//! Every figure here is somebody's published one, and its source stands beside it. Nothing is trusted because of where
//! it comes from: mirrors serve, digests decide.

/// One thing to fetch.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its name, and that of its folder.
    pub(crate) name: &'static str,
    /// What it is, in a few words.
    pub(crate) what: &'static str,
    /// Under which terms it is published.
    pub(crate) licence: &'static str,
    /// Where that is said.
    pub(crate) page: &'static str,
    /// What an address consists of, with the file's name behind it; the publisher's own first.
    pub(crate) bases: &'static [&'static str],
    /// Its files.
    pub(crate) files: &'static [Published],
    /// What becomes of the files.
    pub(crate) layout: Layout,
    /// What the user should know before the first study.
    pub(crate) remark: Option<&'static str>,
    /// What to type next.
    pub(crate) next: &'static str,
}

/// One published file.
#[derive(Debug)]
pub(crate) struct Published {
    /// The publisher's name for it.
    pub(crate) name: &'static str,
    /// Its bytes, for the bar and as a bound: of what is much longer, nothing is kept.
    pub(crate) size: u64,
    /// What identifies it.
    pub(crate) digest: Digest,
}

/// What identifies a file.
#[derive(Debug)]
pub(crate) enum Digest {
    /// The SHA-256 of its bytes.
    Bytes(&'static str),
    /// The SHA-256 and the length of what is in the gzip. Gzip's header holds a time stamp, so that the same content has
    /// been published in different wrappers.
    Gunzipped(&'static str, u64),
}

/// What becomes of the files.
#[derive(Debug)]
pub(crate) enum Layout {
    /// They are placed as they are.
    AsIs,
    /// A zip archive is unpacked.
    Zip(Unpacked),
    /// A gzipped tar archive is unpacked.
    TarGz(Unpacked),
    /// timm's names of VGG's tensors become torchvision's.
    TimmVgg,
}

/// What is taken from an archive.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Folders of the archive: the files directly in the first, of the third's ending, go into the second. Everything
    /// else (readme files, thumbnails) is left out.
    pub(crate) folders: &'static [(&'static str, &'static str, &'static str)],
    /// More bytes than this come out of no honest edition.
    pub(crate) largest: u64,
}

const fn idx(name: &'static str, size: u64, sha256: &'static str, length: u64) -> Published {
    Published { name, size, digest: Digest::Gunzipped(sha256, length) }
}

const fn whole(name: &'static str, size: u64, sha256: &'static str) -> Published {
    Published { name, size, digest: Digest::Bytes(sha256) }
}

/// The names, in the order of the paper.
pub(crate) const NAMES: [&str; 6] =
    ["mnist", "fashion-mnist", "cifar10", "cats-vs-dogs", "malaria", "vgg16-imagenet"];

/// What has a name.
pub(crate) fn source(name: &str) -> Option<&'static Source> {
    SOURCES.iter().find(|source| source.name == name)
}

/// Everything there is.
pub(crate) static SOURCES: [Source; 6] = [
    Source {
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
            idx(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                47_040_016,
            ),
            idx(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                60_008,
            ),
            idx(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                7_840_016,
            ),
            idx(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                10_008,
            ),
        ],
        layout: Layout::AsIs,
        remark: None,
        next: "weakspot study mnist",
    },
    Source {
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
            idx(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                47_040_016,
            ),
            idx(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                60_008,
            ),
            idx(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                7_840_016,
            ),
            idx(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                10_008,
            ),
        ],
        layout: Layout::AsIs,
        remark: None,
        next: "weakspot study fashion-mnist",
    },
    Source {
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
        next: "weakspot study cifar10 --classes cat,dog",
    },
    Source {
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
        remark: Some(
            "the published archive holds a few files that are no pictures (Cat/666.jpg and Dog/11702.jpg are empty): \
             --skip-bad leaves them out of a study",
        ),
        next: "weakspot study cats-vs-dogs --skip-bad",
    },
    Source {
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
        remark: Some("many cells come from one slide: --split-by slide keeps a slide's cells together"),
        next: "weakspot study malaria",
    },
    Source {
        name: "vgg16-imagenet",
        what: "weights of VGG16 trained on ImageNet (torchvision's IMAGENET1K_V1)",
        licence: "BSD 3-Clause (torchvision); ImageNet's own terms are for non-commercial research",
        page: "https://huggingface.co/timm/vgg16.tv_in1k",
        bases: &[
            // Pinned to a revision of the repository; the second is a public mirror of the hub.
            "https://huggingface.co/timm/vgg16.tv_in1k/resolve/b8d8aa2dd860af9233c8c67385a8097fd6c35d3f/",
            "https://hf-mirror.com/timm/vgg16.tv_in1k/resolve/b8d8aa2dd860af9233c8c67385a8097fd6c35d3f/",
        ],
        // Revision and digest as two programs record them that fetch the same file; one of them, an LPIPS in JAX, found
        // features.* equal to those of torchvision's vgg16-397923af.pth, bit by bit.
        files: &[whole(
            "model.safetensors",
            // 138,357,544 numbers; the header's few kilobytes do not matter for a bar.
            553_430_176,
            "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
        )],
        layout: Layout::TimmVgg,
        remark: None,
        next: "weakspot train FOLDER --init",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_digests_are_well_formed() {
        assert_eq!(SOURCES.each_ref().map(|source| source.name), NAMES);
        for source in &SOURCES {
            for base in source.bases {
                assert!(base.starts_with("http") && base.ends_with('/'), "{base}");
            }
            assert!(source.page.starts_with("http"), "{}", source.name);
            for file in source.files {
                let (Digest::Bytes(sha256) | Digest::Gunzipped(sha256, _)) = &file.digest;
                assert_eq!(sha256.len(), 64, "{}", file.name);
                assert!(sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{sha256}");
            }
        }
    }
}
