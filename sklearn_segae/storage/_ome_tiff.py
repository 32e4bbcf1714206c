"""Maps of volumes as OME-TIFF, which names the axes and keeps the sides of voxels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ._units import ome_symbol

SMALL = 2**31  # bytes; larger maps need a BigTIFF


def write_ome_tiff(
    path: Path,
    slices: Iterable[np.ndarray],
    shape: Sequence[int],
    axes: str,
    dtype: np.dtype,
    **options: Any,
) -> None:
    """Write slices (H, W[, k]) of volumes one by one, so that only one is in memory.

    `options` are those of `form`, and the `extratags` of tifffile.
    """
    settings = form(tuple(shape), axes, dtype, options.pop("scale", {})) | options
    own = settings["shape"][axes.index("Y") :]
    parts = (part.reshape(own) for part in slices)
    require("tifffile", "io").imwrite(path, parts, compression="zlib", **settings)


def create_ome_tiff(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype,
    extra_tags: Sequence[tuple[Any, ...]] = (),
    scale: Mapping[str, tuple[float, str]] | None = None,
) -> np.memmap:
    """Create a map (D, H, W) or (D, H, W, k), all 0, and return it as a memory map."""
    axes = "ZYXS"[: len(shape)]
    options = form(shape, axes, dtype, scale or {}) | {"bigtiff": True}
    memmap = require("tifffile", "io").memmap
    return memmap(path, extratags=extra_tags, **options).reshape(shape)


def form(
    shape: tuple[int, ...], axes: str, dtype: np.dtype, scale: Mapping[str, tuple[float, str]]
) -> dict[str, Any]:
    """Return options of tifffile for a map of volumes.

    `scale` has sides of voxels and their units, by axis. OME-TIFF has no integers of 64 bits; such
    maps only name their axes.
    """
    if axes[-1] == "S" and shape[-1] == 1:  # tifffile does not write an axis of one sample
        shape, axes = shape[:-1], axes[:-1]
    is_ome = dtype.itemsize <= 4 or dtype.kind == "f"
    metadata: dict[str, Any] = {"axes": axes}
    for letter, (side, unit) in scale.items() if is_ome else ():
        key = f"PhysicalSize{letter}"
        metadata |= {key: side, f"{key}Unit": ome_symbol(unit)}
    channels = {"planarconfig": "contig"} if axes[-1] == "S" else {}
    return {
        "shape": shape,
        "dtype": dtype,
        "ome": is_ome,
        "bigtiff": prod(shape) * dtype.itemsize > SMALL,
        "photometric": "minisblack",
        "metadata": metadata,
        **channels,
    }
