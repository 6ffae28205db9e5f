use std::path::Path;

use ::image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};
use tempfile::TempDir;

use super::*;
use crate::dataset::known::{self, Reader};
use crate::dataset::{Dataset, Origin, SplitRule, Splits, real, split};
use crate::error::{Error, ErrorKind};
use crate::image::Pixels;
use crate::output::write_atomic;
use crate::progress::Silent;

fn put(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_atomic(&path, bytes).unwrap();
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn grey(level: u8) -> DynamicImage {
    ImageBuffer::from_fn(3, 2, |x, y| Luma([level + 10 * y as u8 + x as u8])).into()
}

fn colour(level: u8) -> DynamicImage {
    ImageBuffer::from_fn(3, 2, |x, y| Rgb([level + 10 * y as u8 + x as u8, 100, 200])).into()
}

fn png(image: &DynamicImage) -> Vec<u8> {
    encoded(image, ImageFormat::Png)
}

fn known(name: &str) -> PictureSet {
    let Reader::Pictures(set) = known::by_name(name).unwrap().reader else { panic!("{name} is pictures") };
    set
}

fn listing(folder: &TempDir) -> crate::Result<Listing> {
    Listing::of_folder(folder.path(), "pets", Grouping::None)
}

fn load(folder: &TempDir, options: &Options) -> crate::Result<Loaded> {
    listing(folder)?.load(options, &Silent)
}

fn sized(size: usize) -> Options {
    Options { size: Some(size), ..Options::default() }
}

fn bytes(pixels: &Pixels) -> &[u8] {
    let Pixels::U8(a) = pixels else { panic!("bytes stay bytes") };
    a.as_slice().unwrap()
}

#[test]
fn a_folder_of_class_folders_is_a_labelled_set_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "dog/b.png", &png(&colour(5)));
    put(&folder, "dog/a.PNG", &png(&grey(50)));
    put(&folder, "dog/deeper/c.png", &png(&colour(5)));
    put(&folder, "cat/z.png", &png(&colour(0)));
    put(&folder, ".cache/x.png", b"");
    put(&folder, "dog/.DS_Store", b"");
    put(&folder, "dog/Thumbs.db", b"");
    put(&folder, "dog/notes.txt", b"");
    let data = load(&folder, &Options::default()).unwrap().into_dataset().unwrap();
    assert_eq!(data.class_names, ["cat", "dog"]);
    assert_eq!(data.ids, ["cat/z.png", "dog/a.PNG", "dog/b.png", "dog/deeper/c.png"]);
    assert_eq!(data.labels, [0, 1, 1, 1]);
    assert_eq!(data.origins, [Origin::Whole; 4]);
    assert_eq!(data.pixels.dim(), (4, 3, 2, 3));
    let first = &bytes(&data.pixels)[..18];
    assert_eq!(first, [0, 1, 2, 10, 11, 12, 100, 100, 100, 100, 100, 100, 200, 200, 200, 200, 200, 200]);
    let second = &bytes(&data.pixels)[18..36];
    assert_eq!(second[5..7], [62, 50], "grey among coloured pictures: the same in every channel");
    let notes = &data.provenance.notes;
    assert!(
        notes.len() == 1 && notes[0].contains("1 files") && notes[0].contains("dog/notes.txt"),
        "{notes:?}"
    );
}

#[test]
fn train_and_test_folders_are_the_publishers_split() {
    let folder = tempfile::tempdir().unwrap();
    for (part, n) in [("train", 10), ("Test", 3), ("val", 1)] {
        for class in ["b", "a"] {
            for i in 0..n {
                put(&folder, &format!("{part}/{class}/{i}.png"), &png(&grey(i)));
            }
        }
    }
    let data = load(&folder, &Options::default()).unwrap().into_dataset().unwrap();
    assert_eq!(data.labels.len(), 26);
    assert_eq!((data.ids[0].as_str(), data.origins[0], data.labels[0]), ("train/a/0.png", Origin::Train, 0));
    assert_eq!((data.ids[25].as_str(), data.origins[25], data.labels[25]), ("test/b/2.png", Origin::Test, 1));
    assert!(data.provenance.notes[0].contains("val is not used"));
    // A class that happens to be called train is a class.
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "train/a.png", &png(&grey(0)));
    put(&folder, "car/a.png", &png(&grey(0)));
    assert_eq!(listing(&folder).unwrap().class_names, ["car", "train"]);
}

#[test]
fn what_an_earlier_study_left_in_the_folder_is_no_class() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        for part in ["train", "test"] {
            put(&folder, &format!("{part}/{class}/a.png"), &png(&grey(5)));
        }
    }
    // Its default folders, begun and finished, and a run with a name of the user's choice.
    std::fs::create_dir(folder.path().join("runs")).unwrap();
    assert_eq!(
        load(&folder, &Options::default()).unwrap().class_names,
        ["cat", "dog"],
        "nothing is in it yet"
    );
    put(&folder, "runs/models/w.safetensors", b"");
    put(&folder, "runs/pets-cat-dog/journal", b"");
    put(&folder, "mine/run.json", b"{}");
    put(&folder, "mine/blob-cat.png", &png(&grey(5)));
    let data = load(&folder, &Options::default()).unwrap().into_dataset().unwrap();
    assert_eq!(data.class_names, ["cat", "dog"]);
    assert_eq!(data.pixels.len(), 4);
    assert_eq!(data.provenance.notes, ["written by weakspot and passed over: mine, runs"]);
    // A class may be called so.
    let other = tempfile::tempdir().unwrap();
    put(&other, "runs/a.png", &png(&grey(5)));
    put(&other, "walks/a.png", &png(&grey(5)));
    assert_eq!(load(&other, &Options::default()).unwrap().class_names, ["runs", "walks"]);
}

#[test]
fn a_flat_folder_of_grey_pictures_has_one_channel_and_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "b.png", &png(&grey(7)));
    put(&folder, "a.jpg", &encoded(&grey(100), ImageFormat::Jpeg));
    let loaded = load(&folder, &Options::default()).unwrap();
    assert_eq!((loaded.pixels.dim(), &loaded.labels), ((2, 1, 2, 3), &None));
    assert_eq!(loaded.ids, ["a.jpg", "b.png"]);
    let error = loaded.clone().into_dataset().unwrap_err();
    assert!(error.hint().unwrap().contains("one folder per class"), "{error}");
    assert_eq!(loaded.into_arrays().class_names, None);
}

#[test]
fn every_kind_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let lossless = colour(9);
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("b.bmp", ImageFormat::Bmp),
        ("c.tif", ImageFormat::Tiff),
        ("d.tiff", ImageFormat::Tiff),
        ("e.webp", ImageFormat::WebP),
    ] {
        put(&folder, name, &encoded(&lossless, format));
    }
    put(&folder, "f.gif", &encoded(&lossless.to_rgba8().into(), ImageFormat::Gif));
    put(&folder, "g.jpeg", &encoded(&lossless, ImageFormat::Jpeg));
    let loaded = load(&folder, &Options::default()).unwrap();
    let all = bytes(&loaded.pixels);
    for i in 1..5 {
        assert_eq!(all[..18], all[18 * i..18 * (i + 1)], "{}", loaded.ids[i]);
    }
    for i in 5..7 {
        let far = all[..18].iter().zip(&all[18 * i..]).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far.unwrap() <= 12, "{} is lossy, and off by {far:?}", loaded.ids[i]);
    }
}

#[test]
fn sixteen_bits_round_and_transparency_lies_on_white() {
    let folder = tempfile::tempdir().unwrap();
    // 16 bits to 8: v / 257, rounded. 128 is below half of 257, 129 above.
    let deep: DynamicImage =
        ImageBuffer::from_vec(4, 1, vec![0u16, 128, 129, 65_535]).map(DynamicImage::ImageLuma16).unwrap();
    put(&folder, "a.png", &png(&deep));
    let alpha = [[10u8, 255], [10, 0], [0, 128], [200, 51]];
    let clear = ImageBuffer::from_fn(4, 1, |x, _| LumaA(alpha[x as usize]));
    put(&folder, "b.png", &png(&clear.into()));
    let loaded = load(&folder, &Options::default()).unwrap();
    assert_eq!(loaded.pixels.dim(), (2, 1, 1, 4));
    // 255 (1 - 128/255) = 127; 200 / 5 + 255 * 4 / 5 = 244.
    assert_eq!(bytes(&loaded.pixels), [0, 0, 1, 255, 10, 255, 127, 244]);

    let folder = tempfile::tempdir().unwrap();
    let clear = ImageBuffer::from_pixel(1, 1, Rgba([0u8, 100, 255, 51]));
    put(&folder, "a.png", &png(&clear.into()));
    assert_eq!(bytes(&load(&folder, &Options::default()).unwrap().pixels), [204, 224, 255]);
}

/// A file of `testdata/pictures` (`reference/pictures.py`).
fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pictures").join(name);
    std::fs::read(path).unwrap()
}

#[test]
fn orientation_tags_turn_the_picture_as_a_viewer_does() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "plain.png", &fixture("plain.png"));
    for tag in 2..=8 {
        put(&folder, &format!("{tag}.tif"), &fixture(&format!("orientation-{tag}.tif")));
        put(&folder, &format!("{tag}.jpg"), &fixture(&format!("orientation-{tag}.jpg")));
    }
    let loaded = load(&folder, &Options::default()).unwrap();
    assert_eq!(loaded.pixels.dim(), (15, 3, 8, 16), "turned sides count after turning");
    let all = bytes(&loaded.pixels);
    let size = 3 * 8 * 16;
    let plain = &all[14 * size..];
    for (i, id) in loaded.ids.iter().enumerate().take(14) {
        let far = plain.iter().zip(&all[i * size..]).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let bound = if id.ends_with("tif") { 0 } else { 16 };
        assert!(far <= bound, "{id}: {far}");
    }
}

#[test]
fn palettes_become_their_colours() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.png", &fixture("plain.png"));
    put(&folder, "b.png", &fixture("palette.png"));
    let loaded = load(&folder, &Options::default()).unwrap();
    let (plain, palette) = bytes(&loaded.pixels).split_at(3 * 8 * 16);
    assert_eq!(plain, palette);
}

/// A PNG whose header claims a size, its checksum right.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut content = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".to_vec();
    content.extend(width.to_be_bytes());
    content.extend(height.to_be_bytes());
    content.extend([8, 2, 0, 0, 0]);
    let mut sum = flate2::Crc::new();
    sum.update(&content[12..]);
    content.extend(sum.sum().to_be_bytes());
    // An empty chunk of data, so that the header is all there is to complain of.
    content.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    content
}

/// Files that are not a whole picture, and a part of the message.
fn bad() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let jpeg = encoded(
        &DynamicImage::from(ImageBuffer::from_fn(40, 40, |x, y| Rgb([x as u8 * 6, y as u8 * 6, 7]))),
        ImageFormat::Jpeg,
    );
    let whole = png(&colour(1));
    let mut flipped = whole.clone();
    let at = flipped.len() - 20;
    flipped[at] ^= 1;
    let tiff = encoded(&colour(1), ImageFormat::Tiff);
    let gif = encoded(&colour(1).to_rgba8().into(), ImageFormat::Gif);
    let webp = encoded(&colour(1), ImageFormat::WebP);
    let bmp = encoded(&colour(1), ImageFormat::Bmp);
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    vec![
        ("empty.png", Vec::new(), "an empty file"),
        ("text.png", b"not a picture".to_vec(), "bytes that are not a picture"),
        (
            "pointer.png",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
            "a Git LFS pointer",
        ),
        ("icon.png", b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0".to_vec(), "a kind that is not read (Ico)"),
        (
            "heif.jpg",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
            "a HEIF picture, a kind that is not read",
        ),
        ("large.png", claims(100_000, 100_000), "a header that claims"),
        ("many.png", claims(30_000, 30_000), "a header that claims"),
        ("none.png", claims(0, 5), "got"),
        ("cut.jpg", jpeg[..jpeg.len() - 40].to_vec(), "a truncated one"),
        ("cut2.jpg", jpeg[..jpeg.len() - 2].to_vec(), "a truncated one"),
        ("cut.png", whole[..whole.len() - 20].to_vec(), "a truncated one"),
        ("flipped.png", flipped, "a damaged one"),
        ("cut.tif", half(&tiff), "a damaged one"),
        ("cut.gif", half(&gif), "a truncated one"),
        ("cut.webp", half(&webp), "a truncated one"),
        ("cut.bmp", half(&bmp), "a damaged one"),
    ]
}

#[test]
fn a_bad_picture_is_an_error_that_names_it() {
    for (name, content, word) in bad() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "cat/a.png", &png(&colour(1)));
        put(&folder, &format!("cat/{name}"), &content);
        let error = load(&folder, &sized(8)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(word) && !text.contains('\n'), "{name}: {text}");
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.hint().unwrap().contains("skip-bad"));
    }
}

#[test]
fn bad_pictures_are_left_out_counted_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "cat/a.png", &png(&colour(1)));
    put(&folder, "dog/z.png", &png(&colour(2)));
    for (name, content, _) in bad() {
        put(&folder, &format!("cat/{name}"), &content);
    }
    let options = Options { skip_bad: true, ..sized(8) };
    let loaded = load(&folder, &options).unwrap();
    assert_eq!(loaded.ids, ["cat/a.png", "dog/z.png"]);
    assert_eq!(loaded.pixels.dim(), (2, 3, 8, 8));
    let mut left_out: Vec<String> = loaded.provenance.skipped.iter().map(|s| s.file.clone()).collect();
    left_out.sort();
    let mut expected: Vec<String> = bad().iter().map(|(name, ..)| format!("cat/{name}")).collect();
    expected.sort();
    assert_eq!(left_out, expected);
    assert!(loaded.provenance.skipped.iter().all(|s| !s.why.is_empty()));
    let only = tempfile::tempdir().unwrap();
    put(&only, "cat/a.png", b"");
    assert!(load(&only, &options).unwrap_err().to_string().contains("at least one whole picture; got 1"));
}

#[test]
fn folders_that_are_no_data_set_are_refused() {
    let refused = |fill: &dyn Fn(&TempDir), expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        fill(&folder);
        let error: Error = load(&folder, &Options::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}\nlacks: {expected}");
        assert!(error.hint().is_some() && !error.to_string().contains('\n'), "{error}");
    };
    refused(&|_| (), "expected pictures; got a folder without any");
    refused(&|f| put(f, "cat/notes.txt", b"x"), "cat: expected pictures of a class");
    refused(
        &|f| {
            put(f, "a.png", &png(&grey(0)));
            put(f, "cat/b.png", &png(&grey(0)));
        },
        "got both",
    );
    refused(
        &|f| {
            put(f, "a.png", &png(&grey(0)));
            put(f, "b.png", &png(&ImageBuffer::from_pixel(4, 2, Luma([0u8])).into()));
        },
        "3 x 2 in a.png and 4 x 2 in b.png",
    );
    refused(
        &|f| put(f, "a.png", &png(&ImageBuffer::from_pixel(513, 2, Luma([0u8])).into())),
        "at most 512 pixels a side",
    );
    refused(
        &|f| {
            put(f, "train/a.png", &png(&grey(0)));
            put(f, "test/a.png", &png(&grey(0)));
        },
        "folders of classes",
    );
    assert_eq!(
        Listing::of_folder(Path::new("no/such"), "x", Grouping::None).unwrap_err().kind(),
        ErrorKind::Io
    );
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_odd_names_and_dead_links_are_handled() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    put(&folder, "cat/a.png", &png(&grey(1)));
    put(&folder, "elsewhere.txt", b"");
    std::fs::rename(
        folder.path().join("elsewhere.txt"),
        folder.path().join("cat").join(OsStr::from_bytes(b"caf\xe9.txt")),
    )
    .unwrap();
    std::fs::copy(
        folder.path().join("cat/a.png"),
        folder.path().join("cat").join(OsStr::from_bytes(b"caf\xe9.png")),
    )
    .unwrap();
    symlink(folder.path().join("cat"), folder.path().join("dog")).unwrap();
    let loaded = load(&folder, &Options::default()).unwrap();
    assert_eq!(loaded.ids, ["cat/a.png", "cat/caf\\xE9.png", "dog/a.png", "dog/caf\\xE9.png"]);

    symlink(folder.path(), folder.path().join("cat/back")).unwrap();
    let error = load(&folder, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("a link that leads back"), "{error}");
    std::fs::remove_file(folder.path().join("cat/back")).unwrap();

    symlink("itself.png", folder.path().join("cat/itself.png")).unwrap();
    symlink("nowhere", folder.path().join("cat/dead.png")).unwrap();
    let error = load(&folder, &Options::default()).unwrap_err();
    assert!(
        error.to_string().contains("dead.png: expected a whole picture; got one that cannot be read"),
        "{error}"
    );
    let loaded = load(&folder, &Options { skip_bad: true, ..Options::default() }).unwrap();
    assert_eq!((loaded.ids.len(), loaded.provenance.skipped.len()), (4, 4));
}

#[test]
fn a_list_of_files_is_a_data_set_with_its_own_split_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x/1.png", "x/2.png", "3.png"] {
        put(&folder, name, &png(&grey(3)));
    }
    let list = |text: &str| {
        put(&folder, "list.csv", text.as_bytes());
        Listing::of_manifest(&folder.path().join("list.csv"), "list")
    };
    let data = list("\u{feff}path, label\nx/1.png,ill\n\"x/2.png\",well\n3.png,ill\n")
        .unwrap()
        .load(&Options::default(), &Silent)
        .unwrap()
        .into_dataset()
        .unwrap();
    assert_eq!(data.class_names, ["ill", "well"]);
    assert_eq!((data.ids[1].as_str(), &data.labels), ("x/2.png", &vec![0, 1, 0]));
    let data = list("path,label,split,group\nx/1.png,a,train,p1\nx/2.png,b,test,p2\n")
        .unwrap()
        .load(&Options::default(), &Silent)
        .unwrap();
    assert_eq!(data.origins, [Origin::Train, Origin::Test]);
    assert_eq!(data.provenance.groups, ["p1", "p2"]);

    for (text, expected) in [
        ("", "the columns path and label"),
        ("file,label\na,b\n", "the columns path and label; got file, label"),
        ("path,label\n", "at least one picture"),
        ("path,label\na.png,\n", "an empty one in line 2"),
        ("path,label\na.png,b\na.png,c\n", "a.png in lines 2 and 3"),
        ("path,label\na.png\n", "CSV in UTF-8"),
        ("path,label,split\na.png,b,eval\n", "eval in line 2"),
        ("path,label,split\na.png,b,train\nb.png,b,\n", "1 of 2 without"),
        ("path,label,group\na.png,b,g\nb.png,b,\n", "1 of 2 with"),
    ] {
        let error = list(text).unwrap_err();
        assert!(error.to_string().contains(expected) && error.hint().is_some(), "{error}\nlacks: {expected}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let error = list("path,label\nabsent.png,b\n").unwrap().load(&Options::default(), &Silent).unwrap_err();
    assert!(error.to_string().contains("absent.png"), "{error}");
    put(&folder, "list.csv", b"path,label\n\xff\xfe,a\n");
    assert!(Listing::of_manifest(&folder.path().join("list.csv"), "x").is_err());
    assert!(Listing::of_manifest(Path::new("absent.csv"), "x").is_err());
}

#[test]
fn a_pair_opens_only_its_own_pictures_and_relabels_them() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b", "c"] {
        put(&folder, &format!("{class}/1.png"), &png(&grey(3)));
    }
    put(&folder, "b/broken.png", b"");
    let loaded = listing(&folder).unwrap().pair(2, 0).unwrap().load(&Options::default(), &Silent).unwrap();
    assert_eq!((loaded.class_names, loaded.labels), (vec!["c".to_owned(), "a".to_owned()], Some(vec![1, 0])));
    assert!(listing(&folder).unwrap().pair(0, 3).is_err());
}

#[test]
fn the_known_sets_are_found_under_their_publishers_names() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "PetImages/Cat/0.png", &png(&grey(1)));
    put(&folder, "PetImages/Dog/0.png", &png(&grey(1)));
    put(&folder, "malaria/train/Parasitized/C1P2ThinF_IMG_1_cell_2.png", &png(&grey(1)));
    put(&folder, "malaria/train/Uninfected/C1P2ThinF_IMG_1_cell_3.png", &png(&grey(1)));
    put(&folder, "malaria/test/Parasitized/C9P9ThinF_IMG_1_cell_3.png", &png(&grey(1)));
    let pets = known("cats-vs-dogs").find(folder.path()).unwrap();
    assert_eq!((pets.class_names.join(","), pets.len()), ("cat,dog".to_owned(), 2));
    let cells = known("malaria").find(folder.path()).unwrap();
    assert_eq!(cells.class_names, ["Parasitized", "Uninfected"]);
    let loaded = cells.load(&Options::default(), &Silent).unwrap();
    assert_eq!(loaded.provenance.groups, ["C1P2ThinF", "C1P2ThinF", "C9P9ThinF"]);
    let error = known("malaria").find(&folder.path().join("PetImages")).unwrap_err();
    assert!(
        error.to_string().contains("Parasitized") && error.hint().unwrap().contains("https://"),
        "{error}"
    );
}

#[test]
fn pictures_beyond_the_memory_are_the_same_pictures() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..70 {
        put(&folder, &format!("c{}/{i:02}.png", i % 2), &png(&colour(i)));
    }
    let memory = load(&folder, &sized(5)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let options = Options { memory: 70 * 75 - 1, scratch: scratch.path().to_owned(), ..sized(5) };
    let file = load(&folder, &options).unwrap();
    assert!(matches!(file.pixels, Pixels::File(_)));
    let some = [69, 3, 3, 40];
    assert_eq!(memory.pixels.batch(&some).unwrap(), file.pixels.batch(&some).unwrap());
    let (memory, file) = (memory.into_dataset().unwrap(), file.into_dataset().unwrap());
    let pair = file.pair(1, 0).unwrap();
    assert_eq!(pair.pixels.batch(&some).unwrap(), memory.pair(1, 0).unwrap().pixels.batch(&some).unwrap());
    assert_ne!(pair.checksum, file.checksum);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "the scratch file has no name");
}

#[test]
fn copies_across_classes_and_parts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..20 {
        put(&folder, &format!("a/{i:02}.png"), &png(&colour(i)));
        put(&folder, &format!("b/{i:02}.png"), &png(&colour(100 + i)));
    }
    let load = || load(&folder, &Options::default()).unwrap().into_dataset().unwrap();
    let divide = |data: &Dataset| -> Splits {
        split(data, SplitRule::Divided, 0, &super::super::Limits::default()).unwrap()
    };
    let data = load();
    assert_eq!(copies(&data, &divide(&data)), Vec::<String>::new());
    put(&folder, "b/07.png", &png(&colour(3)));
    let data = load();
    let notes = copies(&data, &divide(&data));
    assert!(notes[0].contains("1 images occur in both classes, a and b"), "{notes:?}");
    assert!(notes[0].contains("a/03.png = b/07.png"), "{notes:?}");
    // A copy of an eval image among the training images.
    let splits = divide(&data);
    let (eval, train) = (splits.eval[0], splits.train[0]);
    std::fs::copy(folder.path().join(&data.ids[eval]), folder.path().join(&data.ids[train])).unwrap();
    let data = load();
    let notes = copies(&data, &splits);
    let named = format!("{} = {}", data.ids[eval], data.ids[train]);
    assert!(
        notes.iter().any(|note| note.contains("that are scored (eval)") && note.contains(&named)),
        "{notes:?}"
    );
}

#[test]
fn the_real_cells_are_read_with_split_and_slides() {
    let Some(data) = real::folder("malaria") else { return };
    let listing = known("malaria").find(&data).unwrap();
    let n = listing.len();
    let loaded = listing.load(&sized(16), &Silent).unwrap();
    assert_eq!(loaded.pixels.dim(), (n, 3, 16, 16));
    assert_eq!(loaded.provenance.groups.len(), n);
    assert!(loaded.provenance.groups.iter().all(|slide| slide.starts_with('C')));
    assert!(loaded.origins.contains(&Origin::Test) && loaded.origins.contains(&Origin::Train));
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "cat/a.png", &png(&grey(1)));
    let pipe = |name: &str| {
        let path = folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    };
    pipe("cat/b.png");
    let error = load(&folder, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("b.png: expected a whole picture; got a named pipe"), "{error}");
    let loaded = load(&folder, &Options { skip_bad: true, ..Options::default() }).unwrap();
    assert_eq!((loaded.ids.len(), &*loaded.provenance.skipped[0].why), (1, "a named pipe"));
    let list = Listing::of_manifest(&pipe("list.csv"), "list").unwrap_err().to_string();
    assert!(list.contains("expected a file; got a named pipe"), "{list}");
    for name in ["x.npy", "x.npz", "x.safetensors"] {
        let error = crate::dataset::arrays::load(&pipe(name), None).unwrap_err().to_string();
        assert!(error.contains("got a named pipe"), "{error}");
    }
    for mask in [pipe("mask.png"), pipe("mask.npy")] {
        let error = crate::dataset::load_masks(&mask, (2, 3)).unwrap_err().to_string();
        assert!(error.contains("got a named pipe"), "{error}");
    }
}

/// The error about one picture beside a good one.
fn said_of(name: &str, content: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "cat/a.png", &png(&colour(1)));
    put(&folder, &format!("cat/{name}"), content);
    load(&folder, &sized(8)).unwrap_err()
}

/// A picture of 16 x 16 pixels whose palette has four bytes, not a multiple of three: png 0.18.1 panics on it.
const PALETTE_OF_FOUR_BYTES: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x03\0\0\0(-\x0fS\0\0\0\x04PLTE\0\0\0\0\xb4\xa3\xaez\
      \0\0\0\rIDATx\x9cc`\x18\x05\xc8\0\0\x01\x10\0\x01\xa0\x93\x11\xa5\0\0\0\0IEND\xaeB`\x82";

#[test]
fn a_picture_that_its_decoder_panics_on_costs_that_picture() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "cat/a.png", &png(&colour(1)));
    put(&folder, "cat/b.png", PALETTE_OF_FOUR_BYTES);
    let error = load(&folder, &sized(8)).unwrap_err().to_string();
    assert!(error.contains("b.png: expected a whole picture; got one that crashes its decoder"), "{error}");
    let loaded = load(&folder, &Options { skip_bad: true, ..sized(8) }).unwrap();
    assert_eq!((loaded.ids.len(), &*loaded.provenance.skipped[0].file), (1, "cat/b.png"));
    let mask =
        crate::dataset::load_masks(&folder.path().join("cat/b.png"), (16, 16)).unwrap_err().to_string();
    assert!(mask.contains("b.png: expected a whole picture"), "{mask}");
}

#[test]
fn a_few_bytes_that_claim_gigabytes_are_refused_by_their_header() {
    // 16,383 x 16,384 pixels in 34 bytes, and 16,384 x 16,384 in 43.
    let webp = b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0/\xfe\xbf\xff\x1f\x07\x10\x11\x11\x88\x88\xfe\x07\0";
    let gif =
        b"GIF89a\0@\0@\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    for (name, content) in [("a.webp", &webp[..]), ("b.gif", gif)] {
        let error = said_of(name, content).to_string();
        assert!(error.contains("MiB to decode; at most 1024 are used"), "{error}");
    }
    // A PNG and a JPEG of that length cannot hold what they claim.
    let mut jpeg = encoded(&colour(1), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0x40, 0x1f, 0x40]);
    for (name, content) in [("a.png", claims(8_000, 8_000)), ("b.jpg", jpeg)] {
        let error = said_of(name, &content).to_string();
        assert!(error.contains("claims 8000 x 8000 pixels, more than a file of"), "{error}");
    }
}

#[test]
fn a_picture_without_its_last_byte_is_truncated_whatever_its_kind() {
    let grey_tiff = tiff::tests::tiff(&[(258, 8), (262, 1), (277, 1)], &[1, 2, 3, 4]);
    let kinds = [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Jpeg];
    let mut whole: Vec<(&str, Vec<u8>)> = ["a.png", "b.webp", "c.bmp", "d.jpg"]
        .into_iter()
        .zip(kinds.map(|k| encoded(&colour(1), k)))
        .collect();
    whole.push(("e.gif", encoded(&colour(1).to_rgba8().into(), ImageFormat::Gif)));
    whole.push(("f.tif", grey_tiff));
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in &whole {
        put(&folder, name, content);
        let error = said_of(name, &content[..content.len() - 1]).to_string();
        assert!(error.contains("got a truncated one"), "{name}: {error}");
    }
    assert_eq!(load(&folder, &sized(8)).unwrap().ids.len(), whole.len());
}

#[test]
fn a_tiff_of_floats_or_with_a_palette_is_called_so_and_not_damaged() {
    let float = tiff::tests::tiff(&[(258, 32), (262, 1), (277, 1), (339, 3)], &[0; 16]);
    let palette = tiff::tests::tiff(&[(258, 8), (262, 3), (277, 1)], &[0; 4]);
    for (content, called) in
        [(float, "got a TIFF of 32-bit floats, grey"), (palette, "got a TIFF with a palette of 8 bits")]
    {
        let error = said_of("a.tif", &content);
        assert!(error.to_string().contains(called), "{error}");
        assert!(
            error.to_string().contains("of 8 or 16 bits are read") && error.hint().unwrap().contains("PNG")
        );
    }
}

#[test]
fn pictures_named_wrongly_are_read_by_their_content_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "cat/a.jpg", &png(&colour(1)));
    put(&folder, "cat/b.png", &encoded(&colour(2), ImageFormat::Jpeg));
    put(&folder, "cat/c.png", &png(&colour(3)));
    let loaded = load(&folder, &Options::default()).unwrap();
    assert_eq!(loaded.ids.len(), 3);
    let expected = "2 pictures are of another kind than their names say and were read by their content: \
                    cat/a.jpg (PNG), cat/b.png (JPEG)";
    assert_eq!(loaded.provenance.notes, [expected]);
}

#[test]
fn pictures_of_kinds_that_are_not_read_are_no_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["cat/a.heic", "cat/b.JP2", "dog/c.avif"] {
        put(&folder, name, b"x");
    }
    let error = listing(&folder).unwrap_err();
    let expected = "expected pictures of a class; got 2 of kinds that are not read: a.heic, b.JP2";
    assert!(error.to_string().contains(expected) && error.hint().unwrap().contains("to PNG"), "{error}");
    put(&folder, "cat/1.png", &png(&grey(1)));
    put(&folder, "dog/1.png", &png(&grey(1)));
    // What an archiver of macOS leaves: a shadow of every file, under the same ending.
    put(&folder, "__MACOSX/cat/1.png", b"x");
    put(&folder, "cat/__MACOSX/1.png", b"x");
    let loaded = load(&folder, &Options::default()).unwrap();
    assert_eq!(loaded.ids, ["cat/1.png", "dog/1.png"]);
    assert!(loaded.provenance.notes[0].contains("3 pictures of kinds that are not read"));
}

#[test]
fn parts_are_not_studied_as_classes() {
    // As a well-known archive unpacks: each part in a folder of its own name.
    let folder = tempfile::tempdir().unwrap();
    for (part, n) in [("training_set/training_set", 3), ("test_set/test_set", 1)] {
        for class in ["cats", "dogs"] {
            for i in 0..n {
                put(&folder, &format!("{part}/{class}/{i}.png"), &png(&grey(i)));
            }
        }
    }
    let data = load(&folder, &Options::default()).unwrap().into_dataset().unwrap();
    assert_eq!(data.class_names, ["cats", "dogs"]);
    assert_eq!((data.ids.len(), &*data.ids[0], data.origins[7]), (8, "train/cats/0.png", Origin::Test));
    assert!(data.provenance.notes[0].contains("training_set and test_set are read as the parts"));

    let folder = tempfile::tempdir().unwrap();
    for part in ["train", "dev"] {
        for class in ["cats", "dogs"] {
            put(&folder, &format!("{part}/{class}/1.png"), &png(&grey(1)));
        }
    }
    let listed = listing(&folder).unwrap();
    assert_eq!(listed.class_names, ["cats", "dogs"]);
    assert_eq!(listed.notes, ["the folder dev is scored as the test part"]);

    // Under unknown names: refused, with what to type.
    let folder = tempfile::tempdir().unwrap();
    for (part, n) in [("batch_a", 1), ("batch_b", 2)] {
        for class in ["cats", "dogs"] {
            for i in 0..n {
                put(&folder, &format!("{part}/{class}/{i}.png"), &png(&grey(i)));
            }
        }
    }
    let error = listing(&folder).unwrap_err();
    assert!(
        error.to_string().contains("look like parts: batch_a and batch_b both hold cats, dogs"),
        "{error}"
    );
    let hint = error.hint().unwrap();
    assert!(hint.contains("batch_b\" \"") && hint.contains("manifest = files.csv"), "{hint}");
}

#[test]
fn every_scored_copy_of_a_training_image_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        for i in 0..40u8 {
            // Four copies of each picture.
            let level = i / 4 + if class == "a" { 0 } else { 100 };
            put(&folder, &format!("{class}/{i:02}.png"), &png(&colour(level)));
        }
    }
    let data = load(&folder, &Options::default()).unwrap().into_dataset().unwrap();
    let splits = split(&data, SplitRule::Divided, 0, &super::super::Limits::default()).unwrap();
    let digests = data.pixels.digests();
    let affected = splits.eval.iter().filter(|&&i| {
        [&splits.train, &splits.tune, &splits.fit].into_iter().flatten().any(|&j| digests[i] == digests[j])
    });
    let expected = format!("{} of the {} images that are scored (eval)", affected.count(), splits.eval.len());
    let notes = copies(&data, &splits);
    assert!(notes.len() == 1 && notes[0].contains(&expected), "{notes:?}, expected {expected}");
}
