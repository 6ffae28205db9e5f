//! What can be fetched: the data sets that have a name, and weights to begin training from.

use weakspot::dataset::known::{self, Layout, Published, whole};

/// Everything there is: data sets in the order of the paper, then weights.
pub(crate) fn sources() -> impl Iterator<Item = &'static Published> {
    known::ALL.into_iter().filter_map(|set| set.published).chain([&VGG16])
}

/// The names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    sources().map(|source| source.name)
}

/// What is fetched under a name.
pub(crate) fn source(name: &str) -> Option<&'static Published> {
    sources().find(|source| source.name == name)
}

static VGG16: Published = Published {
    name: "vgg16-imagenet",
    what: "weights of VGG16 trained on ImageNet (torchvision's IMAGENET1K_V1)",
    licence: "BSD 3-Clause (torchvision); ImageNet's own terms are for non-commercial research",
    page: "https://huggingface.co/timm/vgg16.tv_in1k",
    bases: &[
        // Pinned to a revision of the repository; the second is a public mirror of the hub.
        "https://huggingface.co/timm/vgg16.tv_in1k/resolve/b8d8aa2dd860af9233c8c67385a8097fd6c35d3f/",
        "https://hf-mirror.com/timm/vgg16.tv_in1k/resolve/b8d8aa2dd860af9233c8c67385a8097fd6c35d3f/",
    ],
    // Two other programs that fetch the same file record this revision and digest; one of them, an LPIPS in JAX, found
    // features.* equal to those of torchvision's vgg16-397923af.pth, bit by bit.
    files: &[whole(
        "model.safetensors",
        // 138,357,544 numbers; the header's few kilobytes do not matter for a progress bar.
        553_430_176,
        "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
    )],
    layout: Layout::TimmVgg,
    remark: None,
    first_study: &[],
};
