"""File formats of images and label maps."""

from __future__ import annotations

from pathlib import Path

LOSSY = (".jpg", ".jpeg")
TIFF = (".tif", ".tiff")
HDF5 = (".h5", ".hdf5")
VIEWABLE = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")  # read by Pillow

STACKABLE = (".tif", ".tiff", ".npy", ".zarr")  # label maps of these hold more than one image
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # supported by viewers
READABLE = (*VIEWABLE, *TIFF, ".npy", *HDF5)
INSIDE = "::"  # between a file and the path of an array in it, as in "file.h5::/volume/data"


def split(path: Path) -> tuple[Path, str]:
    """Return the file, and the path of an array in it; "" if none is named."""
    file, _, inside = str(path).partition(INSIDE)
    return Path(file), inside.strip("/")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a zarr array or group."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def is_image(path: Path) -> bool:
    """Return whether a name is that of an image; hidden files are not."""
    if path.name.startswith("."):
        return False
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in READABLE
