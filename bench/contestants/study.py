"""What every PyTorch contestant shares: its settings, the definitions of the study's numbers, and how they are kept.

The definitions are those of docs/METHODS.md under `--preset paper`: RoI the 30 % largest of Grad-CAM at the chosen
layer, RoA the pixels that change by at least half of the largest change, representatives at 0.5, blob the
representative RoA without the representative RoI, and each class's images neutralized with its own blob.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

import model as models

EPSILON = 8 / 255
DELTA1 = 0.3
DELTA2 = 0.5
THETA = 0.5
FILL = 0.0


class Settings:
    """The command line, and the images it names."""

    def __init__(self, args):
        self.weights, self.batch, self.cam_batch = args.weights, args.batch, args.cam_batch
        with safe_open(args.images, "pt") as file:
            indices = json.loads(Path(args.indices).read_text())
            images, labels = file.get_tensor("images"), file.get_tensor("labels")
        # Bytes: single precision exists for one batch at a time, as in the other program.
        self.classes = [(images[places], labels[places]) for places in indices]
        self.size = images.shape[-1]

    def model(self):
        return models.load(self.weights)

    def layer(self):
        """The place in `features` at which maps are read."""
        return models.cam_layer(self.size)


class Outcome:
    """The numbers of one class, gathered batch by batch."""

    PER_IMAGE = ("clean", "adv", "mod", "mod_adv", "roi_area", "roa_area", "ssim_maps", "ssim_masks", "iou")

    def __init__(self, label, size):
        self.label = label
        self.rows = {key: [] for key in self.PER_IMAGE}
        self.roi, self.roa = np.zeros((2, size, size), np.int64)
        self.n_roi = self.n_roa = 0

    def add_margins(self, key, logits):
        """The label's logit minus the other's."""
        logits = logits.detach().numpy() if torch.is_tensor(logits) else logits
        self.rows[key].append(logits[:, self.label] - logits[:, 1 - self.label])

    def add_regions(self, roi, roa, right):
        """Masks `[batch, height, width]`: RoI counts correctly classified images that have one, RoA all that have
        one."""
        self.rows["roi_area"].append(roi.sum((1, 2)))
        self.rows["roa_area"].append(roa.sum((1, 2)))
        roi = roi[right & roi.any((1, 2))]
        roa = roa[roa.any((1, 2))]
        self.roi += roi.sum(0)
        self.roa += roa.sum(0)
        self.n_roi, self.n_roa = self.n_roi + len(roi), self.n_roa + len(roa)

    def frequencies(self):
        return self.roi / max(self.n_roi, 1), self.roa / max(self.n_roa, 1)

    def blob(self):
        roi, roa = self.frequencies()
        return (roa >= THETA) & ~(roi >= THETA)

    def finish(self, ssim):
        """Everything as arrays. `ssim` compares two arrays `[height, width]`."""
        out = {key: np.concatenate(parts) for key, parts in self.rows.items()}
        roi, roa = self.frequencies()
        out |= {"roi_frequency": roi, "roa_frequency": roa, "blob": self.blob()}
        out["ssim_of_maps"] = ssim(roi, roa)
        out["ssim_of_masks"] = ssim((roi >= THETA).astype(float), (roa >= THETA).astype(float))
        return out


def largest(view, share=DELTA1):
    """The `share` largest positive values of each map `[batch, height, width]`; ties at the last one are all taken."""
    flat = view.reshape(len(view), -1)
    k = math.ceil(share * flat.shape[1] - 1e-9)
    bound = np.partition(flat, flat.shape[1] - k, axis=1)[:, flat.shape[1] - k]
    return (view > 0) & (view >= bound[:, None, None])


def of_maximum(view, fraction=DELTA2):
    """The positive values of each map that are at least a fraction of its maximum."""
    bound = np.float32(fraction) * view.max((1, 2), keepdims=True)
    return (view > 0) & (view >= bound)


def divided(maps):
    """Each map by its maximum; a map without a positive value stays as it is."""
    top = maps.max((1, 2), keepdims=True)
    return maps / np.where(top > 0, top, 1)


def change(adversarial, clean):
    """The length over channels of the change of each pixel, `[batch, height, width]`, rounded to whole steps of about
    2^-20 of the pixel range: a sign attack changes pixels alike but for rounding, which must not be ranked."""
    change = np.abs(adversarial - clean).astype(np.float64)
    top = change.max((1, 2, 3), keepdims=True)
    steps = np.rint(top * 2**20)
    step = np.where(steps > 0, top / np.maximum(steps, 1), 1)
    whole = np.rint(change / step)
    return (np.sqrt((whole**2).sum(1)) * step[:, 0]).astype(np.float32)


def main(study, description):
    """Runs a contestant: reads the command line, times the work apart from the imports, writes the outcome."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="safetensors: images (bytes) and labels")
    parser.add_argument("--weights", required=True, help="safetensors, torchvision's names")
    parser.add_argument("--indices", required=True, help="JSON: the places of the images of class 0 and of class 1")
    parser.add_argument("--out", required=True, help=".npz to write")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--cam-batch", type=int, default=1, help="images per call of Grad-CAM, for `usual`")
    args = parser.parse_args()
    start = time.perf_counter()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    outcomes = study(Settings(args))
    arrays = {f"{label}/{key}": value for label, out in enumerate(outcomes) for key, value in out.items()}
    np.savez(args.out, **arrays)
    print(json.dumps({"work_seconds": time.perf_counter() - start}))
