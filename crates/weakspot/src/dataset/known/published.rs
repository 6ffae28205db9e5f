//! Where data are published: addresses, digests, licences.
//!
//! Every figure here is somebody's published one, and its source stands beside it. Nothing is trusted because of where
//! it comes from: mirrors serve, digests decide.

use crate::hint::Hint;

/// What can be fetched.
///
/// # Examples
/// ```
/// use weakspot::dataset::known;
///
/// let published = known::by_name("fashion-mnist").unwrap().published.unwrap();
/// assert_eq!(published.licence, "MIT, Zalando SE");
/// assert_eq!(published.files.len(), 4);
/// ```
#[derive(Debug)]
pub struct Published {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Under which terms it is published.
    pub licence: &'static str,
    /// The publisher's page, which states the terms.
    pub page: &'static str,
    /// What an address consists of, with the file's name behind it; the publisher's own first.
    pub bases: &'static [&'static str],
    /// Its files.
    pub files: &'static [PublishedFile],
    /// What becomes of the files.
    pub layout: Layout,
    /// What the user should know before the first study.
    pub remark: Option<fn() -> Hint>,
    /// Settings of a first study, by name; a switch has an empty value.
    pub first_study: &'static [(&'static str, &'static str)],
}

/// One published file.
///
/// # Examples
/// ```
/// use weakspot::dataset::known;
///
/// let file = &known::by_name("cifar10").unwrap().published.unwrap().files[0];
/// assert_eq!((file.name, file.size), ("cifar-10-binary.tar.gz", 170_052_171));
/// ```
#[derive(Debug)]
pub struct PublishedFile {
    /// The publisher's name for it.
    pub name: &'static str,
    /// Its bytes, for the bar and as a bound: of what is much longer, nothing is kept.
    pub size: u64,
    /// What identifies it.
    pub sum: Sum,
}

/// What identifies a file.
///
/// # Examples
/// ```
/// use weakspot::dataset::known::{self, Sum};
///
/// // The digest is that of the unpacked file: 60,000 labels after a header of eight bytes.
/// let labels = &known::by_name("mnist").unwrap().published.unwrap().files[1];
/// assert!(matches!(labels.sum, Sum::Gunzipped(_, 60_008)));
/// ```
#[derive(Debug)]
pub enum Sum {
    /// The SHA-256 of its bytes.
    Bytes(&'static str),
    /// The SHA-256 and the length of what is in the gzip. Gzip's header holds a time stamp, so that the same content
    /// has been published in different wrappers.
    Gunzipped(&'static str, u64),
}

/// What becomes of the files.
///
/// # Examples
/// ```
/// use weakspot::dataset::known::{self, Layout};
///
/// assert!(matches!(known::by_name("mnist").unwrap().published.unwrap().layout, Layout::AsIs));
/// assert!(matches!(known::by_name("malaria").unwrap().published.unwrap().layout, Layout::Zip(_)));
/// ```
#[derive(Debug)]
pub enum Layout {
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
///
/// # Examples
/// ```
/// use weakspot::dataset::known::{self, Layout};
///
/// let Layout::Zip(unpacked) = &known::by_name("cats-vs-dogs").unwrap().published.unwrap().layout else {
///     unreachable!("it is published as a zip archive")
/// };
/// assert_eq!(unpacked.folders[0], ("PetImages/Cat", "cat", ".jpg"));
/// ```
#[derive(Debug)]
pub struct Unpacked {
    /// Folders of the archive: the files directly in the first, of the third's ending, go into the second. Everything
    /// else (readme files, thumbnails) is left out.
    pub folders: &'static [(&'static str, &'static str, &'static str)],
    /// More bytes than this come out of no honest edition.
    pub largest: u64,
}

/// A gzipped file, by what is in the gzip: its length and SHA-256.
pub(super) const fn gunzipped(
    name: &'static str,
    size: u64,
    sha256: &'static str,
    length: u64,
) -> PublishedFile {
    PublishedFile { name, size, sum: Sum::Gunzipped(sha256, length) }
}

/// A file by the SHA-256 of its bytes.
pub const fn whole(name: &'static str, size: u64, sha256: &'static str) -> PublishedFile {
    PublishedFile { name, size, sum: Sum::Bytes(sha256) }
}

#[cfg(test)]
impl Published {
    /// Checks that addresses and digests are well formed.
    pub(super) fn check(&self) {
        for base in self.bases {
            assert!(base.starts_with("http") && base.ends_with('/'), "{base}");
        }
        assert!(self.page.starts_with("http"), "{}", self.page);
        for file in self.files {
            let (Sum::Bytes(sha256) | Sum::Gunzipped(sha256, _)) = &file.sum;
            assert_eq!(sha256.len(), 64, "{}", file.name);
            assert!(sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{sha256}");
        }
    }
}
