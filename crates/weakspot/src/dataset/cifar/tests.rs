use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::dataset::real;
use crate::error::ErrorKind;
use crate::output::write_atomic;

/// A batch whose record `i` has label `(i + first) % 10` and pixels that count from it.
fn batch(n: usize, first: usize) -> Vec<u8> {
    (0..n)
        .flat_map(|i| std::iter::once(((i + first) % 10) as u8).chain((0..3072).map(move |p| (p + i) as u8)))
        .collect()
}

/// One member of a tar archive.
fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[156] = kind;
    checked(&mut header);
    header.extend(content);
    header.resize(header.len().div_ceil(512) * 512, 0);
    header
}

/// Writes a header's checksum.
fn checked(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn sound_members() -> Vec<Vec<u8>> {
    vec![
        member("cifar-10-batches-bin/", b'5', b""),
        member("cifar-10-batches-bin/test_batch.bin", b'0', &batch(20, 3)),
        member("cifar-10-batches-bin/readme.html", b'0', b"<html>"),
        member("cifar-10-batches-bin/data_batch_2.bin", b'0', &batch(10, 0)),
        member("cifar-10-batches-bin/data_batch_1.bin", b'0', &batch(30, 1)),
        vec![0; 1024],
    ]
}

fn archive(members: &[Vec<u8>]) -> Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("cifar-10-binary.tar.gz"), &gzip(&members.concat())).unwrap();
    load(folder.path())
}

fn folder(files: &[(&str, Vec<u8>)]) -> Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("cifar-10-batches-bin");
    std::fs::create_dir(&inside).unwrap();
    for (name, bytes) in files {
        write_atomic(&inside.join(name), bytes).unwrap();
    }
    load(folder.path())
}

#[test]
fn folder_and_archive_are_one_data_set() {
    let from_folder = folder(&[
        ("data_batch_1.bin", batch(30, 1)),
        ("data_batch_2.bin", batch(10, 0)),
        ("test_batch.bin", batch(20, 3)),
    ])
    .unwrap();
    assert_eq!(from_folder.pixels.dim(), (60, 3, 32, 32));
    assert_eq!(from_folder.labels[..3], [1, 2, 3]);
    assert_eq!(from_folder.ids[29..31], ["data_batch_1/00029", "data_batch_2/00000"]);
    assert_eq!(from_folder.ids[40], "test_batch/00000");
    assert_eq!((from_folder.origins[39], from_folder.origins[40]), (Origin::Train, Origin::Test));
    assert_eq!(from_folder.class_names[3], "cat");
    let Pixels::U8(pixels) = &from_folder.pixels else { panic!("bytes stay bytes") };
    // Record 2 counts from 2; green, row 1, column 5 is byte 1024 + 32 + 5 of its pixels.
    assert_eq!(pixels[[2, 1, 1, 5]], ((1024 + 37 + 2) % 256) as u8);
    let notes = &from_folder.provenance.notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].ends_with("data_batch_3.bin, data_batch_4.bin, data_batch_5.bin"), "{}", notes[0]);

    let from_archive = archive(&sound_members()).unwrap();
    assert_eq!(from_archive.checksum, from_folder.checksum);
    assert_eq!(from_archive.ids, from_folder.ids);
}

#[test]
fn the_publishers_class_names_may_lie_beside_the_batches() {
    let files = |names: &str| {
        vec![
            ("data_batch_4.bin", batch(10, 0)),
            ("test_batch.bin", batch(10, 0)),
            ("batches.meta.txt", names.as_bytes().to_vec()),
        ]
    };
    let data = folder(&files("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n")).unwrap();
    assert_eq!(data.class_names[9], "j");
    assert!(folder(&files("a\nb\n")).unwrap_err().to_string().contains("10 class names"));
}

#[test]
fn damaged_batches_are_refused() {
    let with = |bytes: Vec<u8>| {
        let error = folder(&[("data_batch_1.bin", bytes), ("test_batch.bin", batch(10, 0))]).unwrap_err();
        assert!(error.hint().is_some() && !error.to_string().contains('\n'), "{error}");
        assert_eq!(error.kind(), ErrorKind::Format);
        error.to_string()
    };
    assert!(with(Vec::new()).contains("got 0 bytes"));
    assert!(with(batch(2, 0)[..6_000].to_vec()).contains("got 6000 bytes"));
    let mut label = batch(3, 0);
    label[2 * 3073] = 10;
    assert!(with(label).contains("labels below 10; got 10 in record 2"));
}

#[test]
fn what_is_missing_is_named_and_the_python_version_is_not_run() {
    let test_only = folder(&[("test_batch.bin", batch(10, 0))]).unwrap_err();
    assert_eq!(test_only.kind(), ErrorKind::Io);
    let train_only = folder(&[("data_batch_1.bin", batch(10, 0))]).unwrap_err();
    assert!(train_only.to_string().contains("test_batch.bin"));
    let none = load(Path::new("no/such/folder")).unwrap_err();
    assert!(none.hint().unwrap().contains("cifar-10-binary.tar.gz"));
    let python = tempfile::tempdir().unwrap();
    std::fs::create_dir(python.path().join("cifar-10-batches-py")).unwrap();
    assert_eq!(load(python.path()).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn hostile_archives_are_refused() {
    let refused = |members: &[Vec<u8>], expected: &str| {
        let error = archive(members).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}\nlacks: {expected}");
        assert_eq!(error.kind(), ErrorKind::Format);
    };
    let mut twice = sound_members();
    twice.insert(1, member("../../elsewhere/test_batch.bin", b'0', &batch(1, 0)));
    refused(&twice, "test_batch.bin twice");
    let mut claims = sound_members();
    claims[1][124..135].copy_from_slice(b"77777777777");
    checked(&mut claims[1]);
    refused(&claims, "a larger claim");
    let mut claims = sound_members();
    claims[1][124..135].copy_from_slice(b"00101010101");
    checked(&mut claims[1]);
    refused(&claims, "a whole number of records");
    let mut flipped = sound_members();
    flipped[3][10] ^= 1;
    refused(&flipped, "a tar header");
    refused(&sound_members()[..4], "truncated");
    refused(&vec![member("x", b'0', b""); 1_001], "at most 1000 members");
    // A file that unpacks to more than the whole data set: read, never kept, and refused by its claim.
    let mut bomb = sound_members();
    bomb.insert(0, member("zeros", b'0', &vec![0; 8 << 20]));
    assert!(archive(&bomb).is_ok(), "what is not a batch is passed over");
    // A link where a batch should be is not a batch.
    let mut link = sound_members();
    link[1][156] = b'2';
    checked(&mut link[1]);
    let error = archive(&link).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");

    let whole = gzip(&sound_members().concat());
    let at = tempfile::tempdir().unwrap();
    let file = at.path().join("mine.tar.gz");
    let mut corrupt = whole.clone();
    corrupt[40] ^= 0xff;
    for bytes in [&whole[..whole.len() / 2], &corrupt, b"", b"not gzip at all"] {
        write_atomic(&file, bytes).unwrap();
        let error = load(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    }
    write_atomic(&file, &whole).unwrap();
    assert_eq!(load(&file).unwrap().labels.len(), 60, "an archive under any name");
}

#[test]
fn the_real_files_have_as_many_records_as_their_sizes_say() {
    let Some(folder) = real::folder("cifar-10-batches-bin") else { return };
    let size = std::fs::metadata(folder.join("test_batch.bin")).unwrap();
    let data = load(folder.parent().unwrap()).unwrap();
    let tests = data.origins.iter().filter(|&&origin| origin == Origin::Test).count();
    assert_eq!(tests as u64 * 3073, size.len());
    assert_eq!(data.class_names, CLASSES);
}
