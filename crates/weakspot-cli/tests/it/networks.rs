//! Networks from ONNX files, through the real program.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use weakspot::output::write_atomic;

use crate::fixtures::{Array, npz, png};
use crate::program::weakspot;

/// A small network of `testdata/onnx`, of images of `side` pixels.
fn network(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/onnx").join(name)
}

fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect()
}

fn images(side: usize, count: usize) -> Vec<u8> {
    let labels = Array::I64(vec![count], (0..count as i64).map(|i| i % 2).collect());
    npz(&[
        ("images", &Array::U8(vec![count, 3, side, side], pixels(count * 3 * side * side))),
        ("labels", &labels),
    ])
}

#[test]
fn layers_are_listed_by_pytorchs_names_and_one_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["resnet.dynamo.onnx", "resnet.torchscript.onnx"] {
        let said = weakspot(folder.path(), &["layers", network(file).to_str().unwrap()]).ok();
        let row = |name: &str| {
            said.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
        };
        assert!(row("layer2 ").contains("activation") && row("layer2 ").contains("5x4"), "{}", said.stdout);
        assert!(row("layer1 ").contains("10x8"), "{}", said.stdout);
        assert!(said.stderr.contains("reads maps at layer2 (5x4)"), "{}", said.stderr);
    }
}

#[test]
fn maps_and_attacks_are_written_for_a_network() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("x.npz"), &images(16, 3)).unwrap();
    let file = network("vit.dynamo.onnx");
    let words =
        ["maps", "--images", "x.npz", "--model", file.to_str().unwrap(), "--eps", "8/255", "--out", "out"];
    let said = weakspot(folder.path(), &words).ok();
    assert!(
        said.stderr.contains("encoder.layers.encoder_layer_0 (4x4), chosen automatically"),
        "{}",
        said.stderr
    );
    let bytes = std::fs::read(folder.path().join("out")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("cam").unwrap().shape(), [3, 4, 4]);
    assert_eq!(tensors.tensor("logits").unwrap().shape(), [3, 5]);
    // Another layer by its name in PyTorch.
    let other = [&words[..], &["--layer", "encoder.layers", "--force"]].concat();
    assert!(weakspot(folder.path(), &other).ok().stderr.contains("encoder.layers (4x4), as asked"));
    let none = weakspot(folder.path(), &[&words[..], &["--layer", "layer4", "--force"]].concat());
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("no layer \"layer4\""), "{}", none.stderr);
}

#[test]
fn a_network_is_studied_through_two_of_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        std::fs::create_dir_all(folder.path().join("photos").join(class)).unwrap();
        for i in 0..8 {
            let path = folder.path().join(format!("photos/{class}/{i}.png"));
            write_atomic(&path, &png(40, (20 * i + class.len() * 7 + usize::from(class == "dog") * 9) as u8))
                .unwrap();
        }
    }
    let file = network("mobilenet_v3.dynamo.onnx");
    let words = [
        "study",
        "photos",
        "--classes",
        "cat=3,dog=1",
        "--model",
        file.to_str().unwrap(),
        "--normalization",
        "imagenet",
        "--eps",
        "8/255",
        "--controls",
        "none",
        "--sweep",
        "none",
        "--out",
        "out",
    ];
    let said = weakspot(folder.path(), &words).ok();
    assert!(said.stderr.contains("pictures are resized to 32 x 32 pixels"), "{}", said.stderr);
    assert!(
        said.stderr.contains("cat is output 3") && said.stderr.contains("dog is output 1"),
        "{}",
        said.stderr
    );
    let results = std::fs::read_to_string(folder.path().join("out/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    assert_eq!(results["classifier"]["arch"], "onnx");
    assert_eq!(results["classifier"]["head"], "mobilenet_v3.dynamo");
    assert!(folder.path().join("out/report.html").exists());
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let file = network("resnet.dynamo.onnx");
    let model = file.to_str().unwrap();
    write_atomic(&folder.path().join("x.npz"), &images(32, 2)).unwrap();
    write_atomic(&folder.path().join("net.pth"), b"PK\x03\x04 archive/data.pkl").unwrap();
    write_atomic(&folder.path().join("names.txt"), b"cat\ndog\n").unwrap();
    let refused = |words: &[&str]| {
        let all = [&["maps", "--images", "x.npz", "--eps", "8/255", "--out", "out"][..], words].concat();
        let said = weakspot(folder.path(), &all);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{words:?}: {}", said.stderr);
        said.stderr
    };
    let size = refused(&["--model", model]);
    assert!(size.contains("takes images of 3x40x32"), "{size}");
    assert!(refused(&["--model", "net.pth"]).contains("torch.onnx.export"));
    assert!(refused(&["--model", model, "--head", "gap"]).contains("--head is about the weights of a VGG16"));
    let both = refused(&["--model", model, "--normalization", "imagenet", "--mean", "0.5"]);
    assert!(both.contains("leave --normalization out"), "{both}");
    assert!(
        refused(&["--weights", "x.safetensors", "--layout", "nhwc"]).contains("--layout is about a network")
    );
    let init = weakspot(folder.path(), &["train", "demo", "--init", model, "--out", "w.safetensors"]);
    assert_eq!(init.code, Some(2), "{}", init.stderr);
}
