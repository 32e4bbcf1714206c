"""File formats of images and label maps."""

from __future__ import annotations

from pathlib import Path

LOSSY = (".jpg", ".jpeg")
TIFF = (".tif", ".tiff")

STACKABLE = (".tif", ".tiff", ".npy", ".zarr")  # can hold more than one image
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # supported by viewers
READABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a zarr array."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def is_image(path: Path) -> bool:
    """Return whether a name is that of an image; hidden files are not."""
    if path.name.startswith("."):
        return False
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in READABLE
