//! Files that are not what their place says: a reader finds them damaged, and the user needs to know what they are.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use weakspot::Error;

/// How much of a file is looked at: more than the header of a VGG16's tensors.
const LOOKED_AT: u64 = 64 << 10;

/// How a Git LFS pointer begins (git-lfs, docs/spec.md).
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Tensors that only timm's VGG has.
const TIMM: [&[u8]; 2] = [b"\"pre_logits.fc1.", b"\"head.fc."];

/// The most files of a folder that are looked into.
const MOST: usize = 100;

/// The reader's error about a file of weights, or what the file is instead.
pub(crate) fn weights(path: &Path, error: Error) -> Error {
    let Some(begin) = begin(path) else { return error };
    if let Some(pointer) = pointer(path, &begin) {
        return pointer;
    }
    let place = path.display();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".index.json") || (name.ends_with(".json") && begin.starts_with(b"{")) {
        let stem = path.with_file_name(name.split(".safetensors").next().unwrap_or_default());
        return Error::format(format!("{place}: expected weights; got the list of a model's files"))
            .with_hint(join(&stem));
    }
    if let Some((stem, number, of)) = shard(&name) {
        return Error::format(format!("{place}: expected a whole model; got part {number} of {of}"))
            .with_hint(join(&path.with_file_name(stem)));
    }
    if TIMM.iter().any(|tensor| begin.windows(tensor.len()).any(|bytes| bytes == *tensor)) {
        let file = typed(&place.to_string(), "FILE");
        return Error::format(format!("{place}: expected torchvision's names of tensors; got timm's")).with_hint(
            format!(
                "weakspot fetch vgg16-imagenet --from {file} --sha256 $(sha256sum {file} | cut -c 1-64) gives a \
                 VGG16's tensors torchvision's names, in a new file"
            ),
        );
    }
    error
}

/// The reader's error about a file of images, labels or masks, or a list, or what the file is instead.
pub(crate) fn data(path: &Path, error: Error) -> Error {
    match begin(path).and_then(|begin| pointer(path, &begin)) {
        Some(pointer) => pointer,
        None => error,
    }
}

/// The reader's error about a folder of data, or what one of its files is instead.
pub(crate) fn folder(folder: &Path, error: Error) -> Error {
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .take(MOST)
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let found = files.iter().find_map(|file| pointer(file, &begin(file)?));
    found.unwrap_or(error)
}

/// How a regular file begins; `None` where there is none, or it cannot be read.
fn begin(path: &Path) -> Option<Vec<u8>> {
    // To open a pipe would be to wait for a writer.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut begin = Vec::new();
    File::open(path).ok()?.take(LOOKED_AT).read_to_end(&mut begin).ok()?;
    Some(begin)
}

fn pointer(path: &Path, begin: &[u8]) -> Option<Error> {
    begin.starts_with(POINTER).then(|| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Error::format(format!(
            "{}: expected the file itself; got a Git LFS pointer, which stands for it",
            path.display()
        ))
        .with_hint(format!("in its repository: git lfs pull --include '*{}'", typed(&name, "")))
    })
}

/// `model-00001-of-00003.safetensors`: what stands before the numbers, and the numbers.
fn shard(name: &str) -> Option<(&str, usize, usize)> {
    let (rest, of) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let all_digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    (all_digits(number) && all_digits(of)).then_some(())?;
    Some((stem, number.parse().ok()?, of.parse().ok()?))
}

/// A name as part of a command to type, or another word for a name that a shell would interpret.
fn typed(name: &str, otherwise: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c));
    if plain { name } else { otherwise }.to_owned()
}

/// How the parts of a model become one file.
fn join(stem: &Path) -> String {
    let stem = typed(&stem.display().to_string(), "model");
    format!(
        "join its parts first: python3 -c \"import glob; from safetensors.torch import load_file, save_file; \
         save_file({{k: v for f in glob.glob('{stem}-*-of-*.safetensors') for k, v in load_file(f).items()}}, \
         '{stem}.safetensors')\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use weakspot::output::write_atomic;

    #[test]
    fn what_is_no_file_of_weights_is_called_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let told = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            write_atomic(&path, bytes).unwrap();
            let told = weights(&path, Error::format("damaged"));
            format!("{told} {}", told.hint().unwrap_or_default())
        };
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
        assert!(told("w.safetensors", lfs).contains("git lfs pull --include '*w.safetensors'"));
        let part = told("model-00001-of-00003.safetensors", b"");
        assert!(part.contains("got part 1 of 3") && part.contains("model-*-of-*.safetensors"), "{part}");
        let index = told("model.safetensors.index.json", b"{\"weight_map\": {}}");
        assert!(
            index.contains("list of a model's files") && index.contains("/model.safetensors'"),
            "{index}"
        );
        let timm = told("timm.safetensors", b"\x40\0\0\0\0\0\0\0{\"pre_logits.fc1.weight\":{}}");
        assert!(
            timm.contains("got timm's") && timm.contains("weakspot fetch vgg16-imagenet --from"),
            "{timm}"
        );
        let hostile = told("$(rm -rf ~)-00001-of-00003.safetensors", b"");
        assert!(!hostile.split_once("join its parts").unwrap().1.contains("rm -rf"), "{hostile}");
        for other in ["w-1-of-2.safetensors", "00001-of-00002.safetensors", "plain.safetensors"] {
            assert_eq!(told(other, b"not one of these"), "damaged ", "{other}");
        }
        assert_eq!(weights(Path::new("absent"), Error::format("absent")).to_string(), "absent");
    }

    #[test]
    fn a_pointer_among_the_files_of_a_folder_is_named() {
        let root = tempfile::tempdir().unwrap();
        write_atomic(&root.path().join("a"), b"1").unwrap();
        assert_eq!(folder(root.path(), Error::format("damaged")).to_string(), "damaged");
        write_atomic(&root.path().join("t10k"), POINTER).unwrap();
        let told = folder(root.path(), Error::format("damaged"));
        assert!(told.to_string().contains("t10k: expected the file itself"), "{told}");
        assert!(data(&root.path().join("t10k"), Error::format("damaged")).hint().unwrap().contains("lfs"));
    }
}
