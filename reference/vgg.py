"""Golden numbers for weakspot-nn: layers, optimizers, and VGG16 with made-up weights.

Versions: torch 2.15.0, torchvision of the same release, numpy 2.4.6. Run: python reference/vgg.py
Writes vgg_layers.json and vgg.json beside itself. Everything is computed in double precision on numbers that single
precision holds exactly, so that an executor in double precision must agree to about 1e-9.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)


def hashed(count, seed):
    """Numbers in [-1, 1) from the murmur3 finalizer; multiples of 2^-23, exact in single precision."""
    x = np.arange(count, dtype=np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B9)
    x &= np.uint64(0xFFFFFFFF)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)]:
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return (x >> np.uint64(8)).astype(np.float64) / 2.0**23 - 1.0


def tensor(shape, seed):
    return torch.from_numpy(hashed(int(np.prod(shape)), seed).reshape(shape))


def numbers(t):
    return [float(v) for v in t.detach().flatten()]


def layer(name, shape, function, seed, integers=False):
    """Output of a layer on a hashed input, and the gradient of sum(cotangent * output)."""
    x = tensor(shape, seed)
    if integers:  # Few distinct values, so that maxima tie.
        x = torch.floor(x * 2)
    x.requires_grad_(True)
    y = function(x)
    (gradient,) = torch.autograd.grad((y * tensor(tuple(y.shape), seed + 1)).sum(), x)
    return {"name": name, "input": list(shape), "seed": seed, "integers": integers, "output": numbers(y),
            "gradient": numbers(gradient)}


def layers():
    conv_w, conv_b = tensor((4, 3, 3, 3), 50), tensor((4,), 51)
    lin_w, lin_b = tensor((5, 12), 52), tensor((5,), 53)
    bn = [tensor((3,), 54), tensor((3,), 55), tensor((3,), 56), (tensor((3,), 57) + 1.5).to(torch.float32).to(torch.float64)]
    cases = [
        layer("relu", (1, 2, 3, 3), F.relu, 1, integers=True),
        layer("max_pool_ties", (2, 3, 6, 6), lambda x: F.max_pool2d(x, 2), 3, integers=True),
        layer("max_pool_odd", (2, 3, 5, 7), lambda x: F.max_pool2d(x, 2), 5),
        layer("max_pool_3", (1, 2, 7, 8), lambda x: F.max_pool2d(x, 3), 7, integers=True),
        layer("adaptive_5x3_to_7x7", (2, 2, 5, 3), lambda x: F.adaptive_avg_pool2d(x, 7), 9),
        layer("adaptive_9x8_to_4x3", (2, 2, 9, 8), lambda x: F.adaptive_avg_pool2d(x, (4, 3)), 11),
        layer("adaptive_1x1_to_7x7", (1, 2, 1, 1), lambda x: F.adaptive_avg_pool2d(x, 7), 13),
        layer("conv", (2, 3, 5, 6), lambda x: F.conv2d(x, conv_w, conv_b, padding=1), 15),
        layer("conv_stride", (2, 3, 6, 7), lambda x: F.conv2d(x, conv_w, conv_b, stride=(2, 3), padding=1), 17),
        layer("linear", (3, 3, 2, 2), lambda x: F.linear(x.flatten(1), lin_w, lin_b), 19),
        layer("batch_norm", (2, 3, 2, 3), lambda x: F.batch_norm(x, bn[2], bn[3], bn[0], bn[1]), 21),
        layer("batch_norm_training", (2, 3, 2, 3),
              lambda x: F.batch_norm(x, None, None, bn[0], bn[1], training=True), 23),
    ]
    mean, var = bn[2].clone(), bn[3].clone()
    F.batch_norm(tensor((2, 3, 2, 3), 23), mean, var, training=True)
    running = numbers(mean) + numbers(var)
    steps = {}
    makers = {
        "adam": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    }
    for name, make in makers.items():
        weights = tensor((6,), 60).requires_grad_(True)
        optimizer = make([weights])
        for step in range(5):
            weights.grad = tensor((6,), 61 + step)
            optimizer.step()
        steps[name] = numbers(weights)
    return {"layers": cases, "running": running, "steps": steps}


def vgg(arch, head, image, outputs):
    """torchvision's VGG16 with every channel count divided by 8."""
    cfg = [c if c == "M" else c // 8 for c in torchvision.models.vgg.cfgs["D"]]
    features = torchvision.models.vgg.make_layers(cfg, batch_norm=arch == "vgg16-bn")
    if image[0] != 3:
        features[0] = torch.nn.Conv2d(image[0], 8, 3, padding=1)
    if head == "gap":
        features = features[:-1]
    model = torchvision.models.VGG(features, num_classes=outputs, init_weights=False)
    if head == "gap":
        model.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        model.classifier = torch.nn.Linear(64, outputs)
    else:
        for place, (a, b) in {0: (64 * 49, 512), 3: (512, 512), 6: (512, outputs)}.items():
            model.classifier[place] = torch.nn.Linear(a, b)
    state = model.state_dict()
    for seed, name in enumerate(sorted(n for n in state if not n.endswith("num_batches_tracked"))):
        t = state[name]
        u = tensor(tuple(t.shape), 1000 + seed)
        if t.dim() > 1:
            value = u * (6.0 / t[0].numel()) ** 0.5
        elif name.endswith("running_var"):
            value = 1.0 + 0.5 * u
        elif name.startswith("features") and name.endswith("weight"):
            value = 1.0 + 0.25 * u
        else:
            value = 0.125 * u
        state[name] = value.to(torch.float32).to(torch.float64)
    model.load_state_dict(state)
    return model.eval()


def network(arch, head, image, outputs, tap):
    model = vgg(arch, head, image, outputs)
    n = 2
    x = ((tensor((n, *image), 7) + 1) / 2).requires_grad_(True)
    mean = torch.tensor([0.5, 0.25, 0.125][: image[0]]).view(1, -1, 1, 1)
    std = torch.tensor([0.25, 0.5, 0.375][: image[0]]).view(1, -1, 1, 1)
    z = (x - mean) / std
    vertical, horizontal = max(0, 32 - image[1]), max(0, 32 - image[2])
    top, left = vertical // 2, horizontal // 2
    h = F.pad(z, (left, horizontal - left, top, vertical - top))
    for place, module in enumerate(model.features):
        # In-place ReLUs would overwrite what a tap or a gradient needs.
        h = F.relu(h) if isinstance(module, torch.nn.ReLU) else module(h)
        if f"features.{place}" == tap:
            activations = h
    logits = model.classifier(torch.flatten(model.avgpool(h), 1))
    labels = [0, outputs - 1]
    score = sum(logits[i, label] for i, label in enumerate(labels))
    (layer_gradient,) = torch.autograd.grad(score, activations, retain_graph=True)
    if outputs == 2:
        loss = sum(logits[i, 1 - label] - logits[i, label] for i, label in enumerate(labels))
    else:
        loss = F.cross_entropy(logits, torch.tensor(labels), reduction="sum")
    (input_gradient,) = torch.autograd.grad(loss, x)
    cam = F.relu((layer_gradient.mean((2, 3), keepdim=True) * activations).sum(1))
    flat = input_gradient.flatten()
    return {
        "arch": arch, "head": head, "image": list(image), "outputs": outputs, "tap": tap,
        "logits": numbers(logits), "grad_cam": numbers(cam),
        "input_gradient_norm": float(flat.norm()),
        # Every 41st number: 41 shares no factor with any side, so every place and channel is met.
        "input_gradient": numbers(flat[::41]),
    }


def main():
    (HERE / "vgg_layers.json").write_text(json.dumps(layers()) + "\n")
    cases = [
        network("vgg16", "gap", (1, 28, 28), 2, "features.22"),
        network("vgg16", "gap", (3, 32, 32), 3, "features.29"),
        network("vgg16", "linear3", (3, 32, 32), 2, "features.22"),
        network("vgg16", "linear3", (3, 67, 45), 3, "features.29"),
        network("vgg16-bn", "gap", (3, 33, 20), 2, "features.42"),
        network("vgg16-bn", "linear3", (1, 28, 28), 2, "features.32"),
    ]
    (HERE / "vgg.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
