"""Files of arrays: npy, zarr (with the metadata of OME-Zarr and xarray) and HDF5."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._axes import from_names
from ._errors import UnreadableError
from ._formats import INSIDE, is_zarr
from ._source import Source
from ._units import PIXELS

SHOWN = 5  # arrays that an error lists
OLD_OME_AXES = ("t", "c", "z", "y", "x")  # of OME-Zarr before 0.3, which has no others


class NpySource(Source):
    """A numpy file, which does not name its axes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        array = self.open()
        self.shape, self.dtype = array.shape, array.dtype

    def open(self) -> Any:
        """Return a memory map."""
        return np.load(self.path, mmap_mode="r", allow_pickle=False)

    def read(self) -> np.ndarray:
        """Return the array in memory."""
        return np.load(self.path, allow_pickle=False)


class ZarrSource(Source):
    """A zarr array; of an OME-Zarr image, that of full resolution or the one that is named."""

    def __init__(self, path: Path, file: Path, inside: str) -> None:
        self.path = path
        zarr = require("zarr", "scale")
        if inside and not is_zarr(file / inside):
            raise _no_such_array(path, inside, _all_arrays(zarr.open(file, mode="r")))
        found = zarr.open(file, mode="r", path=inside or None)
        if isinstance(found, zarr.Group):
            scales = _multiscales(found.attrs)
            level = scales["datasets"][0]["path"] if scales else _only(path, _all_arrays(found))
            found = found[level]
        else:
            scales = _multiscales_above(file, inside)
        self.array = found
        self.shape, self.dtype = found.shape, np.dtype(found.dtype)
        if scales is None:
            names = getattr(found.metadata, "dimension_names", None)
            self.axes = from_names(names or found.attrs.get("_ARRAY_DIMENSIONS", ()))
            return
        self.ngff = "0.4" if found.metadata.zarr_format == 2 else "0.5"
        axes = [a if isinstance(a, Mapping) else {"name": a} for a in scales.get("axes", ())]
        axes = axes or [{"name": name} for name in OLD_OME_AXES]
        self.axes = from_names(axis["name"] for axis in axes)
        self.scale = _scale(scales, axes, Path(found.path or file).name)

    def open(self) -> Any:
        """Return the zarr array."""
        return self.array


def _multiscales(attributes: Any) -> dict[str, Any] | None:
    """Return the first multiscale image of the attributes of a group, for any version."""
    found = attributes.get("ome", attributes).get("multiscales")
    return found[0] if found else None


def _multiscales_above(file: Path, inside: str) -> dict[str, Any] | None:
    """Return the multiscale image that a named array is a level of."""
    above, level = (file / inside).parent, (file / inside).name
    if not is_zarr(above):
        return None
    group = require("zarr", "scale").open(above, mode="r")
    scales = _multiscales(group.attrs)
    levels = [data["path"] for data in scales["datasets"]] if scales else []
    return scales if level in levels else None


def _all_arrays(group: Any) -> list[str]:
    members = dict(group.members(max_depth=None))
    return sorted(name for name, member in members.items() if getattr(member, "ndim", 0) >= 2)


def _scale(
    scales: Mapping[str, Any], axes: Sequence[Mapping[str, Any]], level: str
) -> dict[str, tuple[float, str]]:
    """Return the sides of a pixel of a level along the spatial axes, and their units."""
    own = [data for data in scales["datasets"] if Path(data["path"]).name == level]
    steps = [step for of in (*own, scales) for step in of.get("coordinateTransformations", ())]
    factors = np.ones(len(axes))
    for step in steps:
        factors = factors * step.get("scale", 1)
    if not steps:
        return {}
    letters = [axis["name"].upper() for axis in axes]
    units = [str(axis.get("unit", PIXELS)) for axis in axes]
    trios = zip(letters, factors.tolist(), units, strict=True)
    return {letter: (side, unit) for letter, side, unit in trios if letter in "ZYX"}


class Hdf5Source(Source):
    """A dataset of an HDF5 file, with the axes of ilastik and vigra, or those of HDF5."""

    def __init__(self, path: Path, file: Path, inside: str) -> None:
        self.path, self.file = path, file
        h5py = require("h5py", "scale")
        with h5py.File(file, "r") as opened:
            if inside and inside not in opened:
                raise _no_such_array(path, inside, _all_datasets(h5py, opened))
            found = opened[inside or "/"]
            if isinstance(found, h5py.Group):
                names = _all_datasets(h5py, found)
                found = found[_only(path, names)]
            self.inside = found.name
            self.shape, self.dtype = found.shape, found.dtype
            self.axes = _hdf5_axes(found)

    def open(self) -> Any:
        """Return the dataset, whose file stays open as long as it is used."""
        return require("h5py", "scale").File(self.file, "r")[self.inside]


def _all_datasets(h5py: Any, group: Any) -> list[str]:
    found: list[str] = []

    def visit(name: str, member: Any) -> None:
        if isinstance(member, h5py.Dataset) and member.ndim >= 2:
            found.append(name)

    group.visititems(visit)
    return found


def _hdf5_axes(dataset: Any) -> str:
    if "axistags" in dataset.attrs:
        return from_names(axis["key"] for axis in json.loads(dataset.attrs["axistags"])["axes"])
    return from_names(dimension.label for dimension in dataset.dims)


def _only(path: Path, names: Sequence[str]) -> str:
    """Return the only name; raise an error that says how to name one of several."""
    if len(names) == 1:
        return names[0]
    if not names:
        raise UnreadableError(
            f"{path}: holds no image. Pass a file with an array of 2 or more axes."
        )
    example = f"{path}/{names[0]}" if INSIDE in str(path) else f"{path}{INSIDE}/{names[0]}"
    raise UnreadableError(
        f"{path}: holds {len(names)} arrays ({_listed(names)}). Name one of them, such as {example}"
    )


def _no_such_array(path: Path, inside: str, names: Sequence[str]) -> UnreadableError:
    return UnreadableError(
        f"{path}: holds no array {inside}, but {_listed(names) or 'none at all'}."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
