"""Does FGSM by `weakspot maps` change the values that PyTorch's changes? Real images, trained networks, side by side.

    cargo build --release
    python reference/check_attacks.py target/release/weakspot --data DATA

DATA holds `mnist`, `fashion-mnist`, `cifar-10-batches-bin` and `malaria`, as they are published; a missing data set is
left out and reported. The program trains a classifier on each (half an hour on two cores; `--weights FOLDER` keeps them
for the next time). Up to 400 images, half of each class, are attacked by the program and by PyTorch in single and in
double precision, all with the same weights. Real images have flat areas, on which the values under a max-pooling are
exactly equal; a kernel's rounding must not decide which of them passes the gradient on. The sign of a gradient close to
zero is decided by rounding, in PyTorch too. For this reason only those values count in which its single precision
agrees with its double precision.

Made with torch 2.15.0, safetensors 0.8.0, numpy 2.4.6, pillow 13.0.0. Exit code 1 if of those values more than 0.05 %
differ from ours in any data set.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

BOUND = 5e-4
EPS = 8 / 255
PER_CLASS = 200
# Data set: its folder, its two classes, and the program's arguments.
DATA = {
    "mnist": ("mnist", (0, 1), []),
    "fashion-mnist": ("fashion-mnist", (1, 2), []),
    "cifar10": ("cifar-10-batches-bin", (3, 5), []),
    "malaria": ("malaria", ("Parasitized", "Uninfected"), ["--size", "48"]),
}
# Channels of VGG16's convolutions, and its poolings: without the last, as in the head `gap`.
VGG16 = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512]


def idx(path):
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    axes = data[3]
    shape = np.frombuffer(data, ">i4", axes, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def picture(path, side):
    """The shorter side to `side`, then the middle."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    scale = side / min(width, height)
    image = image.resize((max(side, int(width * scale)), max(side, int(height * scale))), Image.Resampling.BICUBIC)
    left, top = (image.size[0] - side) // 2, (image.size[1] - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side))).transpose(2, 0, 1)


def images(name, folder, classes):
    """Up to `PER_CLASS` test images of each class, and training images if there are too few: f32 in [0, 1], labels."""
    found = []
    for c in classes:
        if name == "malaria":
            paths = [p for part in ("test", "train") for p in sorted((folder / part / c).glob("*.png"))]
            found.append(np.stack([picture(path, 48) for path in paths[:PER_CLASS]]))
        elif name == "cifar10":
            records = np.fromfile(folder / "test_batch.bin", np.uint8).reshape(-1, 3073)
            found.append(records[records[:, 0] == c][:PER_CLASS, 1:].reshape(-1, 3, 32, 32))
        else:
            pixels, labels = (idx(next(folder.glob(f"t10k-{what}*"))) for what in ("images", "labels"))
            found.append(pixels[labels == c][:PER_CLASS, None])
    labels = np.repeat(np.arange(2), [len(f) for f in found])
    return np.concatenate(found).astype(np.float32) / np.float32(255), labels.astype(np.int64)


class Network(torch.nn.Module):
    """VGG16 with the head `gap`, from the program's own file."""

    def __init__(self, path):
        super().__init__()
        with safe_open(path, "np") as file:
            self.spec = json.loads(file.metadata()["weakspot"])["model"]
        tensors = load_file(path)
        layers, channels = [], self.spec["channels"]
        width = tensors["features.0.weight"].shape[0] / 64
        for entry in VGG16:
            if entry == "pool":
                layers.append(torch.nn.MaxPool2d(2))
                continue
            out = int(entry * width)
            layers.append(torch.nn.Conv2d(channels, out, 3, padding=1))
            layers += [torch.nn.BatchNorm2d(out)] if self.spec["arch"] == "vgg16-bn" else []
            layers.append(torch.nn.ReLU())
            channels = out
        self.features = torch.nn.Sequential(*layers)
        self.classifier = torch.nn.Linear(channels, self.spec["n_outputs"])
        missing = self.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
        assert all("num_batches" in k for k in missing.missing_keys) and not missing.unexpected_keys, missing
        self.eval()

    def forward(self, x):
        mean, std = (torch.tensor(self.spec[k], dtype=x.dtype).view(1, -1, 1, 1) for k in ("mean", "std"))
        # 28 px become 32, the zeros coming after the normalisation.
        border = [2] * 4 if x.shape[2:] == (28, 28) else [0] * 4
        x = torch.nn.functional.pad((x - mean) / std, border)
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def fgsm(network, x, labels):
    dtype, parts = next(network.parameters()).dtype, []
    for part, label in zip(torch.from_numpy(x).split(50), torch.from_numpy(labels).split(50)):
        part = part.to(dtype).requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(network(part), label, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, part)
        parts.append((part.detach() + EPS * gradient.sign()).clamp(0, 1))
    return torch.cat(parts).numpy()


def run(command):
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def check(name, options):
    folder, classes, flags = DATA[name]
    folder = options.data / folder
    if not folder.is_dir():
        print(f"{name}: not there ({folder}), left out")
        return True
    x, labels = images(name, folder, classes)
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        weights = (options.weights or temporary) / f"{name}.safetensors"
        if not weights.is_file():
            chosen = ["--classes", ",".join(map(str, classes))] if name == "mnist" else []
            run([options.program, "train", name, "--data-dir", folder, "--out", weights, *chosen, *flags])
        save_file({"images": x, "labels": labels}, temporary / "x.safetensors")
        command = [options.program, "maps", "--images", temporary / "x.safetensors", "--weights", weights]
        command += ["--eps", "8/255", "--attack", "fgsm", "--conv", options.conv, "--out", temporary / "out.safetensors"]
        run(command)
        ours = load_file(temporary / "out.safetensors")["adversarial"]
        network = Network(weights)
    single = fgsm(network, x, labels)
    double = fgsm(network.double(), x, labels)
    # Changes are of eps = 0.031, or less after clipping. Half of the images' step of 1/255 tells them from rounding.
    firm = np.abs(single - double) < 1 / 510
    wrong = firm & (np.abs(ours - double) >= 1 / 510)
    share = wrong.sum() / firm.sum()
    touched = int(wrong.any(axis=(1, 2, 3)).sum())
    print(
        f"{name}, {len(x)} images of {'x'.join(map(str, x.shape[1:]))}, --conv {options.conv}: PyTorch agrees with itself "
        f"in {firm.mean():.4%} of {firm.size} values; of these {wrong.sum()} ({share:.4%}) differ from ours, in {touched} "
        f"images: {'kept' if share <= BOUND else 'NOT KEPT'}",
        flush=True,
    )
    return share <= BOUND


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", nargs="?", default="target/release/weakspot")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the data sets' folders")
    parser.add_argument("--weights", type=pathlib.Path, help="folder of weights, used where they are and kept there")
    parser.add_argument("--only", choices=DATA, action="append", help="this data set alone; may be given again")
    parser.add_argument("--conv", choices=["fast", "direct"], default="fast")
    options = parser.parse_args()
    if options.weights:
        options.weights.mkdir(parents=True, exist_ok=True)
    # A list, so that every data set is run and printed.
    sys.exit(0 if all([check(name, options) for name in options.only or DATA]) else 1)
