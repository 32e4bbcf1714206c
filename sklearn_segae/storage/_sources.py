"""The table of file formats: what reads which.

To add a format, add a class like those of `_arrays`, `_tiff` and `_pictures`, and a row.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ._arrays import Hdf5Source, NpySource, ZarrSource
from ._errors import UnreadableError, readable
from ._formats import HDF5, INSIDE, TIFF, VIEWABLE, is_zarr, split
from ._pictures import PictureSource
from ._source import Source
from ._tiff import TiffSource

Reader = Callable[[Path], Source]
READERS: dict[str, Reader] = {
    **dict.fromkeys(VIEWABLE, PictureSource),
    **dict.fromkeys(TIFF, TiffSource),
    ".npy": NpySource,
}
# Of these, a path in the file names an array: "file.h5::/volume/data", "image.ome.zarr::1".
ReaderOfMany = Callable[[Path, Path, str], Source]
READERS_OF_MANY: dict[str, ReaderOfMany] = {
    **dict.fromkeys(HDF5, Hdf5Source),
    ".zarr": ZarrSource,
}


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open an image file without reading its pixels; raise an error that names it."""
    path = Path(path)
    file, inside = split(path)
    if not file.exists():
        raise FileNotFoundError(f"{file}: there is no such file.")
    if file.is_dir() and not is_zarr(file):
        raise FileNotFoundError(f"{file}: is a folder, not an image. Pass the path of a file.")
    suffix = ".zarr" if file.is_dir() else file.suffix.lower()
    with readable(path):
        if suffix in READERS_OF_MANY:
            return READERS_OF_MANY[suffix](path, file, inside)
        if inside:
            raise UnreadableError(
                f"{path}: a {suffix} file has no parts. Leave {INSIDE}{inside} out."
            )
        return READERS.get(suffix, PictureSource)(file)
