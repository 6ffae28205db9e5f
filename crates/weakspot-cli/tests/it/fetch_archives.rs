//! Archives that no publisher made: refused, and nothing is written outside the cache.

use std::path::Path;

use weakspot::digest::sha256;
use weakspot::output::write_atomic;

use crate::archives::{Member, file, tar_gz, zip};
use crate::fixtures::{Array, safetensors};
use crate::program::{Said, tree, weakspot};

fn fetch(folder: &Path, name: &str, bytes: &[u8]) -> Said {
    write_atomic(&folder.join("archive"), bytes).unwrap();
    weakspot(folder, &["fetch", name, "--from", "archive", "--sha256", &sha256(bytes)])
}

fn pets() -> Vec<Member> {
    vec![
        file("PetImages/Cat/0.jpg", b"a cat"),
        file("PetImages/Dog/0.jpg", b"a dog"),
        file("PetImages/Dog/Thumbs.db", b"thumbnails"),
        file("readme[1].txt", b"terms"),
    ]
}

fn with(more: Member) -> Vec<Member> {
    let mut members = pets();
    members.push(more);
    members
}

#[test]
fn pictures_come_out_by_class_and_the_rest_stays_in_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let said = fetch(folder.path(), "cats-vs-dogs", &zip(&pets())).ok();
    assert!(said.stderr.contains("--skip-bad"), "{}", said.stderr);
    let files = tree(&folder.path().join("cache/cats-vs-dogs"));
    let names: Vec<String> = files.keys().map(|path| path.display().to_string()).collect();
    assert_eq!(names, [".weakspot-fetch.json", "cat/0.jpg", "dog/0.jpg"]);
    let cells = [
        file("cell_images/Parasitized/C1_cell_1.png", b"p"),
        file("cell_images/Uninfected/C2_cell_2.png", b"u"),
    ];
    fetch(folder.path(), "malaria", &zip(&cells)).ok();
    assert!(folder.path().join("cache/malaria/Parasitized/C1_cell_1.png").is_file());
}

#[test]
fn hostile_archives_are_refused_and_nothing_is_left() {
    let picture = |name: &str| file(name, b"x");
    let zeros = vec![0; 4 << 20];
    let mut cases: Vec<(&str, Vec<u8>, &str)> = Vec::new();
    for (name, why) in [
        ("../../evil.jpg", "out of the folder"),
        ("PetImages/Cat/../../../../evil.jpg", "out of the folder"),
        ("/tmp/weakspot-evil.jpg", "absolute"),
        ("PetImages\\..\\evil.jpg", "another system"),
        ("C:evil.jpg", "another system"),
        ("PetImages//evil.jpg", "empty part"),
        ("PetImages/Cat/\u{1b}[2J.jpg", "control characters"),
        ("PetImages/Cat/con. ", "space or a dot"),
        ("a/b/c/d/e/f/g/h/i.jpg", "too deep"),
        ("petimages/cat/0.JPG", "two members of this name"),
    ] {
        cases.push((name, zip(&with(picture(name))), why));
    }
    cases.push(("two of one name", zip(&with(picture("PetImages/Cat/0.jpg"))), "share one"));
    let link = Member { mode: 0o120_777, ..picture("PetImages/Cat/link.jpg") };
    cases.push(("a link", zip(&with(link)), "a link or a device"));
    let not_text = Member { name: b"PetImages/Cat/\xff.jpg".to_vec(), ..picture("") };
    cases.push(("a name of bytes", zip(&with(not_text)), "not UTF-8"));
    cases.push(("a bomb", zip(&with(file("PetImages/Cat/bomb.jpg", &zeros))), "claim to hold 4194304"));
    // It says that it is short, to pass where lengths are added up.
    let liar = Member { claimed: Some(10), ..file("PetImages/Cat/liar.jpg", &zeros) };
    cases.push(("a lying bomb", zip(&with(liar)), "longer than the 10 bytes"));
    let short = Member { claimed: Some(50), ..file("PetImages/Cat/short.jpg", b"not fifty") };
    cases.push(("a short member", zip(&with(short)), "of the 50 bytes"));
    let mut damaged = zip(&pets());
    let at = damaged.windows(4).position(|four| four == b"PK\x03\x04").unwrap();
    damaged[at + 30 + "PetImages/Cat/0.jpg".len() + 2] ^= 0x55;
    cases.push(("a damaged member", damaged, "archive"));
    cases.push(("a cut archive", zip(&pets())[..100].to_vec(), "archive"));
    cases.push(("no archive", b"<html>not found</html>".to_vec(), "archive"));
    cases.push(("no bytes", Vec::new(), "archive"));
    cases.push(("other pictures", zip(&pets()[..1]), "PetImages/Dog"));
    for (what, bytes, why) in &cases {
        refused("cats-vs-dogs", what, bytes, why);
    }
}

#[test]
fn hostile_tars_are_refused_too() {
    let batch = || file("cifar-10-batches-bin/data_batch_1.bin", &[1; 3073]);
    let odd = |name: &str, kind: u8| Member { kind, data: Vec::new(), ..file(name, b"") };
    let sound = tar_gz(&[batch()]);
    let mut damaged = sound.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let cut = Member { claimed: Some(1 << 20), ..batch() };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a path out", tar_gz(&[batch(), file("../evil", b"x")]), "out of the folder"),
        ("an absolute path", tar_gz(&[batch(), file("/etc/weakspot-evil", b"x")]), "absolute"),
        ("a symbolic link", tar_gz(&[odd("cifar-10-batches-bin/l", b'2'), batch()]), "a link"),
        ("a hard link", tar_gz(&[odd("cifar-10-batches-bin/l", b'1'), batch()]), "a link"),
        ("a device", tar_gz(&[odd("cifar-10-batches-bin/d", b'3'), batch()]), "a device"),
        ("a long name's header", tar_gz(&[odd("././@LongLink", b'L'), batch()]), "unknown kind"),
        ("two of one name", tar_gz(&[batch(), batch()]), "two members"),
        ("a cut member", tar_gz(&[cut]), "archive"),
        ("a wrong checksum", damaged, "archive"),
        ("half a gzip", sound[..sound.len() / 2].to_vec(), "archive"),
        ("a bomb", tar_gz(&[file("cifar-10-batches-bin/zeros", &vec![0; 32 << 20])]), "more than any honest"),
        ("nothing", tar_gz(&[]), "there are none"),
        ("no gzip", b"plain".to_vec(), "archive"),
    ];
    for (what, bytes, why) in &cases {
        refused("cifar10", what, bytes, why);
    }
}

#[track_caller]
fn refused(name: &str, what: &str, bytes: &[u8], why: &str) {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("inner");
    std::fs::create_dir(&folder).unwrap();
    let said = fetch(&folder, name, bytes);
    assert_eq!(said.code, Some(2), "{what}: {}", said.stderr);
    assert!(said.stderr.contains("error: ") && said.stderr.contains(why), "{what}: {}", said.stderr);
    assert!(!said.stderr.contains("a mistake in weakspot"), "{what}: {}", said.stderr);
    assert!(!said.stderr.contains('\u{1b}'), "{what}: {:?}", said.stderr);
    let left: Vec<_> = tree(outer.path()).into_keys().collect();
    let lock = format!("inner/cache/.fetch/{name}.lock");
    assert_eq!(left, [Path::new("inner/archive"), Path::new(&lock)], "{what}");
}

#[test]
fn weights_by_other_names_get_torchvisions() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = |n: usize| (0..n).map(|i| i as f32).collect::<Vec<f32>>();
    let conv = Array::F32(vec![2, 1, 3, 3], numbers(18));
    let (first, second) =
        (Array::F32(vec![4, 2, 7, 7], numbers(392)), Array::F32(vec![4, 4, 1, 1], numbers(16)));
    let (head, bias) = (Array::F32(vec![5, 4], numbers(20)), Array::F32(vec![4], numbers(4)));
    let timm = safetensors(&[
        ("features.0.weight", &conv),
        ("pre_logits.fc1.weight", &first),
        ("pre_logits.fc1.bias", &bias),
        ("pre_logits.fc2.weight", &second),
        ("head.fc.weight", &head),
    ]);
    let said = fetch(folder.path(), "vgg16-imagenet", &timm).ok();
    let path = folder.path().join("cache/vgg16-imagenet/vgg16.safetensors");
    assert!(said.stderr.contains(&format!("--init {}", path.display())), "{}", said.stderr);
    let bytes = std::fs::read(path).unwrap();
    let (_, metadata) = ::safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let about = &metadata.metadata().as_ref().unwrap()["weakspot"];
    assert!(about.contains("0.485") && about.contains("0.225"), "{about}");
    let tensors = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape, array) in [
        ("features.0.weight", &[2, 1, 3, 3][..], &conv),
        ("classifier.0.weight", &[4, 98], &first),
        ("classifier.0.bias", &[4], &bias),
        ("classifier.3.weight", &[4, 4], &second),
        ("classifier.6.weight", &[5, 4], &head),
    ] {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.shape(), shape, "{name}");
        let Array::F32(_, values) = array else { unreachable!() };
        let expected: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(tensor.data(), expected, "{name}");
    }
    assert_eq!(tensors.len(), 5);
    for bad in [&timm[..7], &[0xff; 64], b"{}"] {
        let other = tempfile::tempdir().unwrap();
        let said = fetch(other.path(), "vgg16-imagenet", bad);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("safetensors"), "{}", said.stderr);
    }
}

#[test]
fn weights_with_a_header_that_nobody_can_use_are_not_installed() {
    let bias = Array::F32(vec![2], vec![0.0; 2]);
    let conv = Array::F32(vec![2, 1, 3, 3], vec![0.0; 18]);
    // A tensor by both names leaves a hole where one of them was; and a file of another network.
    let twice = safetensors(&[
        ("features.0.weight", &conv),
        ("head.fc.bias", &bias),
        ("classifier.6.bias", &Array::F32(vec![2], vec![1.0; 2])),
    ]);
    let other = safetensors(&[("conv1.weight", &conv)]);
    let sound = safetensors(&[("features.0.weight", &conv)]);
    let longer = [&sound[..], &[0; 4]].concat();
    for bytes in [twice, other, longer] {
        let folder = tempfile::tempdir().unwrap();
        let said = fetch(folder.path(), "vgg16-imagenet", &bytes);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("not a usable safetensors file"), "{}", said.stderr);
        assert!(said.stderr.contains("hint: with --sha256"), "{}", said.stderr);
        assert!(!folder.path().join("cache/vgg16-imagenet").exists());
    }
}
