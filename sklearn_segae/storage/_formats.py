"""File formats of images and label maps."""

from __future__ import annotations

from pathlib import Path

LOSSY = (".jpg", ".jpeg")
TIFF = (".tif", ".tiff")

STACKABLE = (".tif", ".tiff", ".npy", ".zarr")  # formats that hold more than one image
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # formats that viewers show


def is_zarr(path: Path) -> bool:
    """Tell a zarr array, which is a folder, from other folders."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def is_image(path: Path) -> bool:
    """Tell by its name whether a file may be an image; hidden ones are not meant."""
    if path.name.startswith("."):
        return False
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in READABLE


READABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")
