"""Writing of images and label maps as PNG, JPEG, TIFF and npy files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ._errors import first_line
from ._pages import read_image

__all__ = [
    "CHUNK_SIDE",
    "create_zarr",
    "first_line",
    "layout",
    "read_image",
    "to_path",
    "write_array",
    "write_image",
    "written_whole",
]

CHUNK_SIDE = 512  # side in pixels of the chunks that label maps are stored in
VOLUME_CHUNK_SIDE = 64  # the same for those of volumes, in voxels


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


def write_array(path: Path, image: np.ndarray) -> None:
    """Write an array to `path` itself, in the format of its suffix."""
    if path.suffix.lower() == ".npy":
        with path.open("wb") as file:  # given a path, numpy may append a suffix
            np.save(file, image)
    elif path.suffix.lower() in (".tif", ".tiff"):
        is_rgb = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        kind = {"photometric": "rgb"} if is_rgb else {}
        options = {**layout(image.shape), **kind, "compression": "zlib"}
        require("tifffile", "io").imwrite(path, image, **options)
    elif path.suffix.lower() == ".zarr":
        create_zarr(path, image.shape, image.dtype)[...] = image
    else:
        require("imageio.v3", "io").imwrite(path, image)


def create_zarr(path: Path, shape: tuple[int, ...], dtype: Any, volume: bool = False) -> Any:
    """Create a zarr array, in the format of the group that it is in."""
    side = VOLUME_CHUNK_SIDE if volume else CHUNK_SIDE
    chunks = tuple(min(side, size) for size in shape)
    old = {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}}
    form = old if (path.parent / ".zgroup").is_file() else {}
    create = require("zarr", "scale").create_array
    return create(path, shape=shape, dtype=dtype, chunks=chunks, overwrite=True, **form)


def layout(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return options of tifffile for an image (H, W) or (H, W, C) with any number of channels."""
    # Without this, channels would be pages for every row, and a fourth one transparency.
    channels = {"planarconfig": "contig"} if len(shape) == 3 else {}
    return {"photometric": "minisblack", **channels}
