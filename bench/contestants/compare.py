"""Compares a PyTorch contestant's study with ours: `compare.py --ours FOLDER --theirs FILE.npz`. Prints JSON.

Signs of gradients that are zero but for rounding differ between any two implementations, and the pixels that they
move are few: what follows from them (adversarial margins, clipped pixels) may differ a little, and predictions where
a margin is within that little of 0. The bounds, and why:

* margins: 0.5 % of their spread on clean images, 5 % after an attack; the mean distance, so that one image does not
  decide. Measured: 2e-5 and 1e-3.
* areas: pixels whose values are equal but for rounding are in or out together on one side and not on the other
  (bilinear upsampling makes plateaus of them): 0.5 % of the image, as a mean.
* SSIM, IoU and frequencies: 0.005, as a mean.
* blob: the same but for at most 0.1 % of the pixels, whose frequencies are so near theta that one image decides; where
  such a pixel differs, N differs, and margins after N are held to the bound of attacked ones.
* scores: the same but for images whose margin is within the distance of margins seen.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

BOUNDS = {"margin": 0.005, "attacked": 0.05, "area": 0.005, "similarity": 0.005}
THETA, NEAR_THETA, FEW = 0.5, 0.02, 0.001


def number(text):
    return float(text) if text else np.nan


def compared(ours, theirs):
    """How much each number differs, and whether it is within its bound."""
    rows = list(csv.DictReader((ours / "ledger.csv").open()))
    results = json.loads((ours / "results.json").read_text())
    maps = load_file(ours / "maps.safetensors")
    theirs = np.load(theirs)
    found = []

    def note(what, distance, bound):
        found.append({"what": what, "distance": float(distance), "bound": bound, "agree": bool(distance <= bound)})

    for label, direction in enumerate(results["directions"]):
        mine = [row for row in rows if row["label"] == direction["source"]]
        of = {key: theirs[f"{label}/{key}"] for key in keys(theirs, label)}
        other = maps["blob"][label] != of["blob"]
        for key in ("clean", "adv", "mod", "mod_adv"):
            a, b = np.array([number(r[f"{key}_margin"]) for r in mine]), of[key]
            apart = np.abs(a - b)
            moved = key.endswith("adv") or (key.startswith("mod") and other.any())
            bound = BOUNDS["attacked" if moved else "margin"]
            # Images that N makes equal have margins without spread.
            spread = max(a.std(), 0.1 * np.sqrt((a**2).mean()), 1e-6)
            note(f"class {label}: margins {key}", apart.mean() / spread, bound)
            k, unclear = direction["scores"][key]["k"], (np.minimum(np.abs(a), np.abs(b)) <= apart).sum()
            note(f"class {label}: score {key}", abs(k - int((b > 0).sum())), int(unclear))
        pixels = maps["blob"][label].size
        for key in ("roi_area", "roa_area"):
            a = np.array([number(r[key]) for r in mine])
            note(f"class {label}: {key}", np.abs(a - of[key]).mean() / pixels, BOUNDS["area"])
        for key in ("ssim_maps", "ssim_masks", "iou"):
            a, b = np.array([number(r[key]) for r in mine]), of[key]
            note(f"class {label}: images with {key}", (np.isnan(a) != np.isnan(b)).sum(), 0)
            apart = np.abs(a - b)[~np.isnan(a) & ~np.isnan(b)]
            note(f"class {label}: {key}", apart.mean() if apart.size else 0.0, BOUNDS["similarity"])
        near = np.zeros_like(maps["blob"][label], dtype=bool)
        for key in ("roi_frequency", "roa_frequency"):
            a, b = maps[key][label], of[key]
            note(f"class {label}: {key}", np.abs(a - b).mean(), BOUNDS["similarity"])
            near |= np.minimum(np.abs(a - THETA), np.abs(b - THETA)) < max(NEAR_THETA, 1.001 / len(mine))
        note(f"class {label}: blob, pixels off", (other & ~near).sum(), 0)
        note(f"class {label}: blob, pixels near theta", other.sum(), int(np.ceil(FEW * pixels)))
        for key, mine_key in (("ssim_of_maps", "maps"), ("ssim_of_masks", "masks")):
            a = direction["ssim"][mine_key]["representatives"]
            b = float(of[key])
            distance = 0.0 if a is None else abs(a - b)
            # Masks at theta differ by the pixels that are near it.
            bound = BOUNDS["similarity"] + (0 if key == "ssim_of_maps" else float(near.mean()))
            note(f"class {label}: {key} of representatives", distance, bound)
    return found


def keys(arrays, label):
    prefix = f"{label}/"
    return [name[len(prefix) :] for name in arrays.files if name.startswith(prefix)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, required=True)
    parser.add_argument("--theirs", type=Path, required=True)
    args = parser.parse_args()
    print(json.dumps(compared(args.ours, args.theirs)))


if __name__ == "__main__":
    main()
