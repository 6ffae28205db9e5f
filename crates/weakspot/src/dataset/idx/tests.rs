use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::dataset::known::{Reader, by_name};
use crate::dataset::real;
use crate::error::ErrorKind;

/// An IDX file: magic, sizes, values.
fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn images(n: u32) -> Vec<u8> {
    let values: Vec<u8> = (0..n as usize * SIDE * SIDE).map(|i| (i % 251) as u8).collect();
    idx(&[n, 28, 28], &values)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder).unwrap();
    crate::output::write_atomic(&folder.join(name), bytes).unwrap();
}

/// Four small, sound files: 3 training images (labels 0, 9, 3), 2 test images (labels 1, 0).
fn sound(folder: &Path) {
    put(folder, "train-images-idx3-ubyte.gz", &gzip(&images(3)));
    put(folder, "train-labels-idx1-ubyte", &idx(&[3], &[0, 9, 3]));
    put(folder, "t10k-images.idx3-ubyte", &images(2));
    put(folder, "t10k-labels.idx1-ubyte.gz", &gzip(&idx(&[2], &[1, 0])));
}

fn sound_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    sound(folder.path());
    folder
}

fn known(name: &str, folder: &Path) -> Result<Dataset> {
    let Reader::Files(load) = by_name(name).unwrap().reader else { panic!("{name} is read from files") };
    load(folder)
}

#[test]
fn plain_and_packed_files_under_either_name_are_one_data_set() {
    let folder = sound_folder();
    let data = known("fashion-mnist", folder.path()).unwrap();
    assert_eq!(data.pixels.dim(), (5, 1, 28, 28));
    assert_eq!(data.labels, [0, 9, 3, 1, 0]);
    assert_eq!(data.ids, ["train/00000", "train/00001", "train/00002", "test/00000", "test/00001"]);
    assert_eq!(data.origins[2..4], [Origin::Train, Origin::Test]);
    assert_eq!(data.class_names[9], "Ankle boot");
    let Pixels::U8(pixels) = &data.pixels else { panic!("bytes stay bytes") };
    assert_eq!(pixels[[1, 0, 2, 5]], ((784 + 2 * 28 + 5) % 251) as u8);
    assert_eq!(pixels[[4, 0, 0, 0]], (784 % 251) as u8, "the second test image");
    assert_eq!(known("mnist", folder.path()).unwrap().class_names.concat(), "0123456789");
}

#[test]
fn a_gzip_file_padded_with_zeros_was_refused() {
    let folder = sound_folder();
    let packed = [gzip(&images(3)), vec![0; 512]].concat();
    put(folder.path(), "train-images-idx3-ubyte.gz", &packed);
    assert_eq!(known("mnist", folder.path()).unwrap().labels.len(), 5);
}

#[test]
fn the_parent_of_the_folder_will_do() {
    let parent = tempfile::tempdir().unwrap();
    sound(&parent.path().join("mnist"));
    assert_eq!(known("mnist", parent.path()).unwrap().labels.len(), 5);
    let error = known("fashion-mnist", parent.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[test]
fn missing_files_are_named_with_the_places_and_the_source() {
    let folder = sound_folder();
    std::fs::remove_file(folder.path().join("train-labels-idx1-ubyte")).unwrap();
    let error = known("mnist", folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("missing train-labels-idx1-ubyte; looked in"), "{text}");
    assert!(text.contains(&folder.path().join("mnist").display().to_string()), "{text}");
    let hint = error.hint().unwrap();
    for word in ["train-labels-idx1-ubyte.gz", "https://", "data-dir = DIR", "WEAKSPOT_DATA"] {
        assert!(hint.contains(word), "{hint}");
    }
    let none = known("mnist", Path::new("no/such/folder")).unwrap_err().to_string();
    assert!(none.contains("train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images"), "{none}");
}

/// The message after one file is replaced by `bytes`: a single line, with a hint, of kind `Format`.
fn refused(file: &str, bytes: &[u8]) -> String {
    let folder = sound_folder();
    put(folder.path(), file, bytes);
    let error = known("mnist", folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    assert!(error.hint().is_some() && !error.to_string().contains('\n'), "{error}");
    error.to_string()
}

#[test]
fn damaged_files_are_refused() {
    let packed = "train-images-idx3-ubyte.gz";
    let plain = "t10k-images.idx3-ubyte";
    let holds = |text: String, expected: &str| assert!(text.contains(expected), "{text}\nlacks: {expected}");

    holds(refused(plain, b""), "first bytes 00 00 08 03); got an empty file");
    holds(refused(plain, &idx(&[2], &[1, 0])), "got 00 00 08 01");
    holds(refused(plain, &images(2)[..9]), "a header of 16 bytes; got 9 bytes");
    holds(refused(plain, &idx(&[2, 28, 27], &[0; 2 * 28 * 27])), "28 along axis 2; got 27");
    holds(refused(plain, &images(2)[..1_000]), "at most 984 bytes after the header");
    holds(refused(plain, &[images(2), vec![0]].concat()), "1568 bytes after the header; got more");
    holds(refused(plain, &idx(&[u32::MAX, 28, 28], &[0; 784])), "a header that claims 3367254359280");

    let whole = gzip(&images(3));
    holds(refused(packed, &whole[..whole.len() / 2]), "a whole gzip file; got a truncated one");
    holds(refused(packed, &whole[..whole.len() - 3]), "a whole gzip file; got a truncated one");
    let mut flipped = whole.clone();
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 1;
    holds(refused(packed, &flipped), "a sound gzip file; got a corrupt one");
    holds(refused(packed, &[&whole[..], b"garbage"].concat()), "gzip");
    holds(refused(packed, &gzip(&[images(3), vec![0; 5]].concat())), "2352 bytes after the header; got more");
    holds(refused(packed, &gzip(&images(3)[..2_000])), "2352 bytes after the header; got 1984");
    // A header may claim what gzip could just unpack to, and no more.
    let few = gzip(&idx(&[1 << 20, 28, 28], &[0; 784]));
    holds(refused(packed, &few), &format!("at most {} bytes", few.len() * 1032));
}

#[test]
fn counts_that_disagree_and_labels_that_are_no_class_are_refused() {
    let text = refused("train-labels-idx1-ubyte", &idx(&[2], &[0, 1]));
    assert!(text.contains("as many images as labels; got 3 in") && text.contains("and 2 in"), "{text}");
    let text = refused("train-labels-idx1-ubyte", &idx(&[3], &[0, 1, 10]));
    assert!(text.contains("labels below 10; got 10 at position 2"), "{text}");
}

#[test]
fn a_bomb_stops_at_the_size_its_header_claims() {
    // 64 MiB of zeros behind a header that claims three images: reading stops one byte after them.
    let bomb = gzip(&[images(3), vec![0; 64 << 20]].concat());
    let text = refused("train-images-idx3-ubyte.gz", &bomb);
    assert!(text.contains("2352 bytes after the header; got more"), "{text}");
}

#[test]
fn the_published_files_are_read_whole() {
    // SHA-256 of the publishers' unpacked files: images and labels, training and test.
    let published = [
        (
            "mnist",
            [
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ],
        ),
        (
            "fashion-mnist",
            [
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ],
        ),
    ];
    for (name, sums) in published {
        let Some(folder) = real::folder(name) else { continue };
        let data = known(name, &folder).unwrap();
        assert_eq!(data.pixels.dim(), (70_000, 1, 28, 28));
        let Pixels::U8(pixels) = &data.pixels else { panic!("bytes stay bytes") };
        let bytes = pixels.as_slice().unwrap();
        let labels: Vec<u8> = data.labels.iter().map(|&label| label as u8).collect();
        let rebuilt = [
            idx(&[60_000, 28, 28], &bytes[..60_000 * 784]),
            idx(&[60_000], &labels[..60_000]),
            idx(&[10_000, 28, 28], &bytes[60_000 * 784..]),
            idx(&[10_000], &labels[60_000..]),
        ];
        for (file, sum) in rebuilt.iter().zip(sums) {
            let came = crate::digest::sha256(file);
            assert_eq!(came, sum, "{name}");
        }
    }
}
