"""Small picture files for crates/weakspot/src/dataset/pictures/tests.rs: writes testdata/pictures/.

Versions: Pillow 13.0.0, numpy 2.4.6. orientation-N.tif and .jpg hold the pixels of plain.png turned so that a viewer
who obeys the tag N shows plain.png again; palette.png holds them as indices into a palette.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUT = Path(__file__).parent.parent / "testdata" / "pictures"

# What was done to the picture before it was stored: the inverse of what the tag asks a viewer to do.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:8, 0:16]
    array = np.stack([x * 16, y * 32, np.full_like(x, 60)], axis=-1).astype(np.uint8)
    array[:4, :8, 2] = 200
    plain = Image.fromarray(array)
    plain.save(OUT / "plain.png")
    plain.quantize(256).save(OUT / "palette.png")
    again = np.asarray(Image.open(OUT / "palette.png").convert("RGB"))
    assert (again == array).all(), "the palette holds every colour"
    for tag, transpose in STORED.items():
        stored = plain.transpose(transpose)
        exif = Image.Exif()
        exif[0x0112] = tag
        stored.save(OUT / f"orientation-{tag}.jpg", exif=exif, quality=95, subsampling=0)
        stored.save(OUT / f"orientation-{tag}.tif", tiffinfo={0x0112: tag})
        shown = ImageOps.exif_transpose(Image.open(OUT / f"orientation-{tag}.tif"))
        assert (np.asarray(shown) == array).all(), tag


if __name__ == "__main__":
    main()
