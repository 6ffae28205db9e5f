"""Writes testdata/arrays: the same 3 images in every file format that is read, as users' own tools write them.

numpy 2.4.6, safetensors 0.8.0. Run from the repository's root: python reference/arrays.py
Value of image i, channel 0, row y, column x, of 255: 40 i + 10 y + x; labels 1, 0, 1.
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file

folder = pathlib.Path("testdata/arrays")
folder.mkdir(parents=True, exist_ok=True)
i, c, y, x = np.indices((3, 1, 2, 4))
images = (40 * i + 10 * y + x).astype("uint8")
floats = images.astype("float32") / np.float32(255)
labels = np.array([1, 0, 1])

np.savez(folder / "stored.npz", images=images, labels=labels)
np.savez_compressed(folder / "packed.npz", images=floats, labels=labels.astype("uint8"))
np.save(folder / "images.npy", floats)
np.save(folder / "labels.npy", labels.astype("int32"))
np.save(folder / "double.npy", images / 255)
np.save(folder / "columns.npy", np.asfortranarray(images))
with open(folder / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, images, version=(2, 0))
save_file({"images": images, "labels": labels, "other": np.zeros(2)}, folder / "images.safetensors")
