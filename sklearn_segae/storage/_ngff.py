"""Label maps of OME-Zarr images as OME-Zarr label images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._compat import require
from ._axes import spatial_axes
from ._formats import is_zarr
from ._pages import Pages
from ._units import PIXELS

TYPES = {"t": "time", "z": "space", "y": "space", "x": "space"}
LEVEL = "0"  # the array of full resolution, and the only one
LABELS = "labels"  # the group in an image that holds its label images


def in_image(path: Path) -> bool:
    """Return whether a path is that of a label image beside its image, in the group "labels"."""
    return path.parent.name == LABELS and is_zarr(path.parent.parent)


def write_label_group(path: Path, pages: Pages, beside: bool) -> None:
    """Write the group of a label image, in the version of its image; its array is `LEVEL`."""
    version = pages.source.ngff
    letters = [*pages.label_axes, *spatial_axes(pages.volume)]
    known = [pages.source.scale.get(letter, (1.0, PIXELS)) for letter in letters]
    axes = [_axis(a.lower(), unit) for a, (_, unit) in zip(letters, known, strict=True)]
    scale = {"type": "scale", "scale": [side for side, _ in known]}
    levels = [{"path": LEVEL, "coordinateTransformations": [scale]}]
    source = {"source": {"image": "../../"}} if beside else {}
    version_ = {"version": version} if version == "0.4" else {}  # later ones name it once, above
    content = {
        "multiscales": [{"axes": axes, "datasets": levels, **version_}],
        "image-label": {**version_, **source},
    }
    group = require("zarr", "scale").open_group(path, mode="w", zarr_format=_zarr_format(version))
    _update(group, version, content)


def _axis(name: str, unit: str) -> dict[str, str]:
    kind = {"type": TYPES[name]} if name in TYPES else {}
    return {"name": name, **kind, **({} if unit == PIXELS else {"unit": unit})}


def register(path: Path, pages: Pages) -> None:
    """Add a label image in the group "labels" of an image to the list of these."""
    version = pages.source.ngff
    zarr = require("zarr", "scale")
    group = zarr.open_group(path.parent, mode="a", zarr_format=_zarr_format(version))
    known = group.attrs.get("ome", group.attrs).get("labels", [])
    _update(group, version, {"labels": [*(name for name in known if name != path.name), path.name]})


def _zarr_format(version: str | None) -> int:
    return 2 if version == "0.4" else 3


def _update(group: Any, version: str | None, content: dict[str, Any]) -> None:
    wrapped = {"ome": {"version": version, **content}}
    group.attrs.update(content if version == "0.4" else wrapped)
