"""Does `weakspot maps` compute what PyTorch computes? Random VGG16 weights, random images, side by side.

    cargo build --release
    python reference/check_maps.py target/release/weakspot

Made with torch 2.15.0, torchvision 0.29.2, safetensors 0.8.0, numpy 2.4.6. Exit code 1 if a bound is not kept:
logits to 1e-4 of the largest; input gradients and Grad-CAM to 1e-4 relative for the median image and 5e-2 for the
worst; the same adversarial pixels wherever |gradient| > 1e-3 of its maximum, on images whose gradients agree to 1e-4.
ReLU and max-pooling flip on rounding, so that a gradient can jump. How much is measured: PyTorch's single precision
against its own double precision, on the same weights and images. Where PyTorch differs from itself by more than 1e-4
for the median image (it does at 224 px, with fifty times the units that can flip), we may differ from its double
precision by twice as much, and no more.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision
from safetensors.numpy import load_file
from safetensors.torch import save_file


class Gap(torch.nn.Module):
    """torchvision's trunk without the last max-pool, global average, one linear layer."""

    def __init__(self, trunk, classes):
        super().__init__()
        self.features = trunk[:-1]
        self.classifier = torch.nn.Linear(512, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def model(arch, head, classes):
    torch.manual_seed(0)
    whole = getattr(torchvision.models, arch)(weights=None, num_classes=classes)
    for module in whole.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Statistics that are not the neutral ones, so that a mistake with them shows.
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return (whole if head == "linear3" else Gap(whole.features, classes)).eval()


def reference(net, layer, images, labels, mean, std, eps):
    x = torch.from_numpy(images).to(next(net.parameters()).dtype).requires_grad_(True)
    kept = {}
    handle = net.features[layer].register_forward_hook(lambda m, i, o: kept.setdefault("a", o))
    shape = (1, -1, 1, 1)
    # In-place ReLUs would overwrite what the hook has kept.
    logits = net((x - torch.tensor(mean, dtype=x.dtype).view(shape)) / torch.tensor(std, dtype=x.dtype).view(shape))
    handle.remove()
    own = logits.gather(1, labels[:, None]).sum()
    (at_layer,) = torch.autograd.grad(own, kept["a"], retain_graph=True)
    weights = at_layer.mean(dim=(2, 3), keepdim=True)
    cam = torch.relu((weights * kept["a"]).sum(1))
    loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    adversarial = (x + eps * gradient.sign()).clamp(0, 1)
    return [t.detach().numpy() for t in (logits, gradient, cam, adversarial)]


def relative(ours, theirs):
    """Per image: norm of the difference over norm of the reference."""
    n = len(ours)
    difference = np.linalg.norm((ours - theirs).reshape(n, -1), axis=1)
    return difference / np.maximum(np.linalg.norm(theirs.reshape(n, -1), axis=1), 1e-30)


def check(program, arch, head, side, n, classes, layer, normal):
    net = model(arch, head, classes)
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    rng = np.random.default_rng(1)
    images = rng.random((n, 3, side, side), dtype=np.float32)
    labels = torch.from_numpy(rng.integers(0, classes, n))
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if normal else ([0.0] * 3, [1.0] * 3)
    logits, gradient, cam, adversarial = reference(net, layer, images, labels, mean, std, 8 / 255)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, folder / "w.safetensors")
        save_file({"images": torch.from_numpy(images), "labels": labels}, folder / "x.safetensors")
        command = [program, "maps", "--images", folder / "x.safetensors", "--weights", folder / "w.safetensors"]
        command += ["--eps", "8/255", "--out", folder / "out.safetensors", "--arch", arch.replace("_", "-")]
        command += ["--head", head, "--layer", f"features.{layer}"]
        if normal:
            command += ["--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, std))]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        ours = load_file(folder / "out.safetensors")
    off = np.abs(ours["logits"] - logits).max() / np.abs(logits).max()
    exact = reference(net.double(), layer, images, labels, mean, std, 8 / 255)
    own = np.median(relative(gradient, exact[1]))
    g, c = relative(ours["input_gradient"], gradient), relative(ours["cam"], cam)
    from_exact = np.median(relative(ours["input_gradient"], exact[1]))
    close = g < 1e-4
    size = np.abs(gradient)
    large = (size > 1e-3 * size.max(axis=(1, 2, 3), keepdims=True)) & close[:, None, None, None]
    flips = int((np.abs(ours["adversarial"] - adversarial)[large] > 1e-6).sum())
    median_kept = np.median(g) <= 1e-4 or (own > 1e-4 and from_exact <= 2 * own)
    good = off <= 1e-4 and median_kept and np.median(c) <= 1e-4 and max(g.max(), c.max()) <= 5e-2
    good = good and flips == 0
    print(
        f"{arch} {head} {side} px, {n} images, {classes} classes: logits {off:.1e}; gradient median "
        f"{np.median(g):.1e} worst {g.max():.1e} (against double precision: ours {from_exact:.1e}, PyTorch's "
        f"{own:.1e}); Grad-CAM median {np.median(c):.1e} worst {c.max():.1e}; "
        f"{flips} of {int(large.sum())} adversarial values differ: {'kept' if good else 'NOT KEPT'}"
    )
    return good


if __name__ == "__main__":
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/weakspot"
    cases = [
        ("vgg16", "gap", 32, 32, 2, 22, False),
        ("vgg16", "linear3", 32, 16, 10, 22, True),
        ("vgg16_bn", "gap", 48, 16, 5, 32, False),
        ("vgg16", "linear3", 224, 4, 10, 29, True),
    ]
    # A list, so that every case is run and printed.
    sys.exit(0 if all([check(program, *case) for case in cases]) else 1)
