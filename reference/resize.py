"""Golden numbers for crates/weakspot/src/dataset/pictures/resize.rs: writes resize.json beside this file.

Versions: Pillow 13.0.0, numpy 2.4.6. The longer side and the crop are torchvision's Resize(N) and CenterCrop(N),
written out: floor(N * long / short), and an offset of round(left_over / 2) with Python's rounding.
"""

import json
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

HERE = Path(__file__).parent


def square(array: np.ndarray, size: int) -> np.ndarray:
    image = Image.fromarray(array)
    width, height = image.size
    short = min(width, height)
    new = [size if n == short else int(size * n / short) for n in (width, height)]
    if new != [width, height]:
        image = image.resize(new, Image.Resampling.BICUBIC)
    left, top = (int(round((n - size) / 2.0)) for n in new)
    out = np.asarray(image.crop((left, top, left + size, top + size)))
    return out[None] if out.ndim == 2 else out.transpose(2, 0, 1)


def main() -> None:
    print("Pillow", PIL.__version__, "numpy", np.__version__)
    draw = np.random.default_rng(0)
    cases = []
    for height, width, channels, size in [
        (40, 60, 3, 16),
        (61, 37, 3, 16),
        (33, 33, 1, 20),
        (17, 90, 1, 12),
        (12, 15, 3, 24),
        (24, 24, 3, 24),
        (24, 31, 1, 24),
        (9, 50, 1, 32),
        (75, 48, 3, 9),
    ]:
        shape = (height, width) if channels == 1 else (height, width, channels)
        # Half noise, half edges: both rounding and overshoot beyond 0 and 255 occur.
        noise = draw.integers(0, 256, shape)
        edges = 255 * ((np.indices(shape)[0] // 5 + np.indices(shape)[1] // 7) % 2)
        array = np.where(np.indices(shape)[1] < width // 2, noise, edges).astype(np.uint8)
        cases.append(
            {
                "height": height,
                "width": width,
                "channels": channels,
                "size": size,
                "input": array.ravel().tolist(),
                "output": square(array, size).ravel().tolist(),
            }
        )
    (HERE / "resize.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
