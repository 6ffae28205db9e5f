"""Golden numbers for maps, attacks and regions: writes methods.json beside itself.

torch 2.15.0, scikit-image 0.26.0, scipy 1.17.1, numpy 2.4.6. Run: python reference/methods.py

The network is one 3x3 convolution (padding 1, stride 2) on an image that is first zero-padded unevenly, a ReLU, global
average pooling and a linear layer, in float64. Everything that is compared comes from autograd or from the library.
"""

import json
import pathlib

import numpy as np
import scipy.ndimage
import skimage.filters
import torch
import torch.nn.functional as F

rng = np.random.default_rng(20240917)
C, H, W, MAPS, K, STRIDE = 2, 9, 7, 6, 3, 2
TOP, LEFT, BOTTOM, RIGHT = 2, 0, 1, 3
EPS, ALPHA, STEPS = 0.1, 0.03, 5


def single(*shape, low=-1.0, high=1.0):
    """Uniform numbers that single precision holds exactly."""
    return rng.uniform(low, high, shape).astype(np.float32).astype(np.float64)


kernel, bias = single(MAPS, C, 3, 3), single(MAPS)
head, head_bias = single(K, MAPS), single(K)
images, labels = single(4, C, H, W, low=0.0, high=1.0), np.array([0, 2, 1, 2])


def forward(x):
    a = F.relu(F.conv2d(F.pad(x, (LEFT, RIGHT, TOP, BOTTOM)), torch.tensor(kernel), torch.tensor(bias), STRIDE, 1))
    return a, F.linear(a.mean((2, 3)), torch.tensor(head), torch.tensor(head_bias))


def loss_gradient(x):
    x = x.clone().requires_grad_(True)
    F.cross_entropy(forward(x)[1], torch.tensor(labels), reduction="sum").backward()
    return x.grad


x = torch.tensor(images)
activations, logits = forward(x.requires_grad_(True))
one_logit = logits.gather(1, torch.tensor(labels)[:, None]).sum()
at_layer = torch.autograd.grad(one_logit, activations)[0]
raw = F.relu((at_layer.mean((2, 3), keepdim=True) * activations).sum(1))
view = raw / raw.amax((1, 2), keepdim=True).clamp_min(1e-30)  # an empty map has an empty view
view = F.interpolate(view[:, None], (TOP + H + BOTTOM, LEFT + W + RIGHT), mode="bilinear", align_corners=False)
view = view[:, 0, TOP : TOP + H, LEFT : LEFT + W]

x = x.detach()
gradient = loss_gradient(x)
fgsm = (x + EPS * gradient.sign()).clamp(0, 1)
pgd = x.clone()
for _ in range(STEPS):
    pgd = pgd + ALPHA * loss_gradient(pgd).sign()
    pgd = torch.min(torch.max(pgd, x - EPS), x + EPS).clamp(0, 1)

grey = np.clip(np.concatenate([rng.normal(60, 25, 220), rng.normal(170, 30, 100)]), 0, 255).astype(np.uint8)
otsu = int(skimage.filters.threshold_otsu(grey.reshape(20, 16)))
mask = rng.random((20, 24)) < 0.45


def components(structure):
    found, n = scipy.ndimage.label(mask, structure)
    boxes = scipy.ndimage.find_objects(found)
    rows = [
        [int((found == i + 1).sum()), b[0].start, b[1].start, b[0].stop, b[1].stop] for i, b in enumerate(boxes)
    ]
    return sorted(rows, key=lambda r: -r[0])


def flat(a):
    return [float(v) for v in np.asarray(a.detach() if isinstance(a, torch.Tensor) else a).ravel()]


golden = {
    "versions": {"torch": torch.__version__, "numpy": np.__version__, "scipy": scipy.__version__,
                 "scikit-image": skimage.__version__},
    "shape": [C, H, W], "padding": [TOP, LEFT, BOTTOM, RIGHT], "stride": STRIDE, "maps": MAPS, "classes": K,
    "kernel": flat(kernel), "bias": flat(bias), "head": flat(head), "head_bias": flat(head_bias),
    "images": flat(images), "labels": labels.tolist(), "epsilon": EPS, "alpha": ALPHA, "steps": STEPS,
    "logits": flat(logits), "gradient": flat(gradient), "grid": list(raw.shape[1:]), "grad_cam": flat(raw),
    "utility": flat(view), "fgsm": flat(fgsm), "pgd": flat(pgd),
    "grey": grey.tolist(), "otsu": otsu,
    "mask_width": 24, "mask": mask.astype(int).ravel().tolist(),
    "four": components(None), "eight": components(np.ones((3, 3))),
}
assert (raw.amax((1, 2)) > 0).sum() >= 3, "maps to compare"
out = pathlib.Path(__file__).with_suffix(".json")
out.write_text(json.dumps(golden, allow_nan=False, separators=(",", ":")) + "\n")
