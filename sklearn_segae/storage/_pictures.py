"""Pictures that Pillow reads: PNG, JPEG, BMP, GIF, WebP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ._source import ORIENTATIONS, Source

# Kinds of pixels that are read as they are: type and number of channels. Others become RGB.
MODES: dict[str, tuple[Any, int]] = {
    "1": (bool, 0),
    "L": (np.uint8, 0),
    "P": (np.uint8, 0),  # with the palette as `lookup`
    "LA": (np.uint8, 2),
    "RGB": (np.uint8, 3),
    "RGBA": (np.uint8, 4),
    "I;16": (np.uint16, 0),
    "I": (np.int32, 0),
    "F": (np.float32, 0),
}
ANIMATED = ("GIF", "PNG", "WEBP")  # frames of these are pages; others have previews
DEEP = {2: 3, 4: 2, 6: 4}  # channels of color types of PNG that Pillow reduces to 8 bits
ORIENTATION = 0x0112  # tag of EXIF


class PictureSource(Source):
    """A picture, as a viewer shows it: with its palette, and turned as its camera was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as picture:
            self.frames = getattr(picture, "n_frames", 1) if picture.format in ANIMATED else 1
            self.mode = picture.mode if picture.mode in MODES else "RGB"
            if self.frames > 1 or picture.mode == "PA":
                self.mode = "RGB" if self.frames > 1 else "RGBA"
            is_png = picture.format == "PNG" and self.frames == 1
            self.n_deep = _deep_channels(path) if is_png else 0
            dtype, n_channels = (np.uint16, self.n_deep) if self.n_deep else MODES[self.mode]
            if self.mode == "P":
                self.lookup = np.reshape(picture.getpalette("RGB"), (-1, 3)).astype(np.uint8)
            tag = picture.getexif().get(ORIENTATION) if _may_have_exif(picture, path) else 1
            transposed, self.flips = ORIENTATIONS.get(tag, ORIENTATIONS[1])
            width, height = picture.size
        self.dtype = np.dtype(dtype)
        self.alpha = n_channels - 1 if n_channels in (2, 4) else None
        pages, channels = (self.frames,) * (self.frames > 1), (n_channels,) * (n_channels > 0)
        self.shape = (*pages, height, width, *channels)
        axes = "Q" * len(pages) + "YX" + "S" * len(channels)
        self.axes = axes.translate(transposed)

    def read(self) -> np.ndarray:
        """Return the pixels as they are stored."""
        if self.n_deep:
            return require("imagecodecs", "io").png_decode(self.path.read_bytes())
        with _opened(self.path) as picture:
            if self.frames == 1:
                return np.asarray(picture.convert(self.mode))
            return np.stack([_frame(picture, i) for i in range(self.frames)])


def _frame(picture: Any, index: int) -> np.ndarray:
    picture.seek(index)
    return np.asarray(picture.convert("RGB"))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a picture of any size: users name their own files, whose size is that of their data."""
    pillow = require("PIL.Image", "io")
    limit, pillow.MAX_IMAGE_PIXELS = pillow.MAX_IMAGE_PIXELS, None
    try:
        picture = pillow.open(path)
    finally:
        pillow.MAX_IMAGE_PIXELS = limit
    with picture:
        yield picture


def _may_have_exif(picture: Any, path: Path) -> bool:
    """Return False for a PNG without EXIF, of which Pillow would decode all pixels to look for it.

    It may be behind the pixels.
    """
    named = "exif" in picture.info or "Raw profile type exif" in picture.info
    return named or picture.format != "PNG" or b"eXIf" in path.read_bytes()


def _deep_channels(path: Path) -> int:
    """Return the number of channels of a PNG with colors or transparency of 16 bits, else 0."""
    with path.open("rb") as file:
        bits, color_type = file.read(26)[24:]
    return DEEP.get(color_type, 0) if bits == 16 else 0
