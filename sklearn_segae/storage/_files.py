"""Reading and writing of images and label maps as PNG, JPEG, TIFF and npy files."""

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
    """Read one image (H, W) or (H, W, C); the alpha channel of a PNG is dropped."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        image = _read(path)
    except Exception as error:  # readers raise errors of many types
        known = ", ".join(READABLE)
        raise ValueError(
            f"{path}: not a readable image ({first_line(error)}). Known formats: {known}."
        ) from error
    if image.ndim not in (2, 3):
        raise ValueError(f"{path}: has shape {image.shape}, but one image (H, W[, C]) is needed.")
    has_alpha = path.suffix.lower() == ".png" and image.ndim == 3 and image.shape[2] in (2, 4)
    return image[..., :-1] if has_alpha else image


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a picture or a label map, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        write_array(partial, image)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path; move what was written there to `path` if no error occurred.

    It may be a folder, as zarr arrays are.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}. Make it first.")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        if path.is_dir():  # `os.replace` needs a folder and an empty target
            if not partial.is_dir():
                raise ValueError(f"{path} is a folder. Pass the path of a file in it.")
            shutil.rmtree(path)
        os.replace(partial, path)
    except OSError as error:  # for instance a full disk
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{reason}. Nothing was changed", str(path)) from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def to_path(path: Any) -> Path:
    """Return a Path, or raise an error for other types."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path={path!r:.60} is not a path. Pass a str or a pathlib.Path.")
    return Path(path)


def _read(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix.lower() in (".tif", ".tiff"):
        return require("tifffile", "io").imread(path)
    # A named reader: for a broken file imageio would try all, and leave it open.
    return require("imageio.v3", "io").imread(path, plugin="pillow")


def write_array(path: Path, image: np.ndarray) -> None:
    """Write an array to `path` itself, in the format of its suffix."""
    if path.suffix.lower() == ".npy":
        with path.open("wb") as file:  # given a path, numpy may append a suffix
            np.save(file, image)
    elif path.suffix.lower() in (".tif", ".tiff"):
        is_rgb = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        # Without this, an image with channels would be written as a page for every row.
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


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise one error that names the file for those of readers, which are of many types."""
    try:
        yield
    except (ImportError, FileNotFoundError):
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a readable image ({first_line(error)}).") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error message, or the type of the error."""
    return (str(error) or type(error).__name__).splitlines()[0]
