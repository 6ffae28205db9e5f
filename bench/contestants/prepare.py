"""Makes the weights and the images of the study: `prepare.py --out FOLDER --set SIZExIMAGES ...`.

Images are drawn: a disc (class 0) or a cross (class 1) somewhere on a smooth background, with noise. Weights are He's
random ones, and the linear head is fitted by ridge regression to the features of other drawn images, so that the
classifier tells most images apart and the attack changes predictions: a study of noise by noise would agree with
anything. Nothing is downloaded, and the same versions make the same files.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from model import Vgg16Gap

SEED = 20201114


def drawn(count, size, seed):
    """`count` images as bytes `[count, 3, size, size]` and their labels 0, 1, 0, 1, ..."""
    rng = np.random.default_rng([SEED, seed, size])
    labels = np.arange(count) % 2
    grid = (np.arange(size) + 0.5) / size
    rows, columns = np.meshgrid(grid, grid, indexing="ij")
    pictures = np.empty((count, 3, size, size), np.uint8)
    for i, label in enumerate(labels):
        y, x, radius = rng.uniform(0.35, 0.65, 2).tolist() + [rng.uniform(0.15, 0.3)]
        dy, dx = np.abs(rows - y), np.abs(columns - x)
        disc = dy**2 + dx**2 < radius**2
        cross = ((dy < radius / 3) & (dx < radius)) | ((dx < radius / 3) & (dy < radius))
        shape = disc if label == 0 else cross
        slope = rng.uniform(-60, 60, (3, 2))
        picture = 110 + slope[:, :1, None] * (rows - 0.5) + slope[:, 1:, None] * (columns - 0.5)
        picture = picture + shape * rng.uniform(40, 90, (3, 1, 1)) + rng.normal(0, 20, (3, size, size))
        pictures[i] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return pictures, labels


# Images that the head is fitted to, by their size: enough for half of them to be told apart, at a few seconds each.
FITTED = {32: 1024, 224: 128}


def weights(size):
    """He's random trunk, and the head that separates drawn images of a size best in the sense of least squares."""
    images = FITTED[size]
    torch.manual_seed(SEED)
    model = Vgg16Gap().eval().requires_grad_(False)
    for module in model.features:
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            module.bias.zero_()
    pictures, labels = drawn(images, size, seed=0)
    with torch.inference_mode():
        batches = torch.from_numpy(pictures).split(64)
        pooled = [model.avgpool(model.features(b.float() / 255)).flatten(1) for b in batches]
    features = torch.cat(pooled).double()
    mean, std = features.mean(0), features.std()
    centred = (features - mean) / std
    target = torch.from_numpy(2.0 * labels - 1.0)
    gram = centred.T @ centred + 1e-3 * images * torch.eye(centred.shape[1], dtype=torch.float64)
    solution = torch.linalg.solve(gram, centred.T @ target) / std
    offset = (solution * mean).sum()
    model.classifier.weight.copy_(torch.stack([-solution, solution]).float())
    model.classifier.bias.copy_(torch.stack([offset, -offset]).float())
    return model.state_dict()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="for example 32x2000: 2,000 images of 32 pixels")
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    # Networks are timed with the first.
    for size in sorted({32} | {int(wanted.split("x")[0]) for wanted in args.set}):
        save_file({k: v.contiguous() for k, v in weights(size).items()}, args.out / f"weights-{size}.safetensors")
    for wanted in args.set:
        size, count = map(int, wanted.split("x"))
        pictures, labels = drawn(count, size, seed=1)
        tensors = {"images": torch.from_numpy(pictures), "labels": torch.from_numpy(labels.astype(np.int64))}
        save_file(tensors, args.out / f"images-{wanted}.safetensors")


if __name__ == "__main__":
    main()
