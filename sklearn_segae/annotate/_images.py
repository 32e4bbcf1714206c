"""The images of an annotation: files, or their pages, and the keys that name what is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..storage._formats import split
from ..storage._pages import open_pages


class ImageFile(NamedTuple):
    """An image to annotate: its file, its page from 1 on (0: the file has one), and its pixels."""

    path: Path
    page: int
    pixels: np.ndarray  # (H, W) or (H, W, C)

    @property
    def name(self) -> str:
        """The name shown to users, such as "stack.tif [page 2]"."""
        return f"{self.path.name} [page {self.page}]" if self.page else self.path.name


def read_images(paths: Sequence[Path]) -> list[ImageFile]:
    """Read all images of files into memory, those of several pages as several images."""
    found = []
    for path in paths:
        pages = open_pages(path, 2**62)
        numbers = range(1, pages.n_pages + 1) if pages.n_pages > 1 else [0]
        found += [ImageFile(path, i, p) for i, p in zip(numbers, pages.load(), strict=True)]
    return found


def choose_keys(images: Sequence[ImageFile], taken: Sequence[str] = ()) -> list[str]:
    """Return a file name without suffix for every image, none of them twice or in `taken`.

    It is the name of the file, preceded by that of its folder if two files have one name.
    """
    stems = [_stem(image) for image in images]
    n_alike = Counter(name.lower() for name in [*stems, *taken])
    used, keys = {name.lower() for name in taken}, []
    for image, name in zip(images, stems, strict=True):
        if n_alike[name.lower()] > 1:
            name = f"{image.path.resolve().parent.name}-{name}"
        keys.append(_unused(name, used))
        used.add(keys[-1].lower())  # many file systems ignore case
    return keys


def _stem(image: ImageFile) -> str:
    stem = split(image.path)[0].stem
    return f"{stem}-page{image.page}" if image.page else stem


def _unused(name: str, used: set[str]) -> str:
    """Return the name, with the first number that makes it a new one if it is used."""
    numbered = (f"{name}-{i}" for i in range(2, len(used) + 3))
    return next(n for n in (name, *numbered) if n.lower() not in used)
