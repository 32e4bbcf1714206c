"""Files: images and label maps as PNG, JPEG, TIFF and npy; whole files or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ._formats import READABLE


def read_image(path: Path) -> np.ndarray:
    """Return one image (H, W) or (H, W, C); the alpha channel of a PNG is dropped."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        image = _read(path)
    except Exception as error:  # readers raise whatever they like
        known = ", ".join(READABLE)
        raise ValueError(
            f"{path}: not a readable image ({first_line(error)}). Known formats: {known}."
        ) from error
    if image.ndim not in (2, 3):
        raise ValueError(f"{path}: has shape {image.shape}, but one image (H, W[, C]) is needed.")
    has_alpha = path.suffix.lower() == ".png" and image.ndim == 3 and image.shape[2] in (2, 4)
    return image[..., :-1] if has_alpha else image


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a picture or a label map; the file is complete or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        write_array(partial, image)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; what was written there takes its place if nothing went wrong.

    It may be a folder, as a zarr array is.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}. Make it first.")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        if path.is_dir():  # which a folder alone replaces, and only an empty one
            if not partial.is_dir():
                raise ValueError(f"{path} is a folder. Pass the path of a file in it.")
            shutil.rmtree(path)
        os.replace(partial, path)
    except OSError as error:  # a full disk, for instance
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{reason}. Nothing was changed", str(path)) from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def to_path(path: Any) -> Path:
    """Return a path as such, or say that it is none."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path={path!r:.60} is no path. Pass a str or a pathlib.Path.")
    return Path(path)


def _read(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix.lower() in (".tif", ".tiff"):
        return require("tifffile", "io").imread(path)
    # One reader by name: on a broken file imageio would try all, and leave them open.
    return require("imageio.v3", "io").imread(path, plugin="pillow")


def write_array(path: Path, image: np.ndarray) -> None:
    """Write an array in the format that the suffix names, at once, where it is seen."""
    if path.suffix.lower() == ".npy":
        with path.open("wb") as file:  # given a name, numpy may append to it
            np.save(file, image)
    elif path.suffix.lower() in (".tif", ".tiff"):
        is_rgb = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        # Channels belong to pixels: not said, an image would be written as a page for every row.
        layout = {"planarconfig": "contig"} if image.ndim == 3 else {}
        kind = "rgb" if is_rgb else "minisblack"
        require("tifffile", "io").imwrite(
            path, image, photometric=kind, compression="zlib", **layout
        )
    elif path.suffix.lower() == ".zarr":
        array = require("zarr", "scale").create_array(path, data=image, overwrite=True)
        array.store.close()
    else:
        require("imageio.v3", "io").imwrite(path, image)


def first_line(error: Exception) -> str:
    """Return what an error says first, or what it is."""
    return (str(error) or type(error).__name__).splitlines()[0]
