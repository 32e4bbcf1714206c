"""Label maps of OME-Zarr images as OME-Zarr label images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._compat import require
from ._formats import is_zarr
from ._pages import Pages

TYPES = {"t": "time", "z": "space", "y": "space", "x": "space"}
LEVEL = "0"  # the array of full resolution, and the only one
LABELS = "labels"  # the group in an image that holds its label images


def in_image(path: Path) -> bool:
    """Return whether a path is that of a label image beside its image, in the group "labels"."""
    return path.parent.name == LABELS and is_zarr(path.parent.parent)


def write_label_group(path: Path, pages: Pages, beside: bool) -> None:
    """Write the group of a label image, in the version of its image; its array is `LEVEL`."""
    version = pages.source.ngff
    height, width, unit = pages.source.pixel_size or (1, 1, "pixels")
    names = [*(letter.lower() for letter in pages.label_axes), "y", "x"]
    axes: list[dict[str, str]] = [
        {"name": name, **({"type": TYPES[name]} if name in TYPES else {})} for name in names
    ]
    for axis in axes[-2:]:
        axis |= {"unit": unit} if unit != "pixels" else {}
    scale = {"type": "scale", "scale": [*[1.0] * len(pages.label_axes), height, width]}
    levels = [{"path": LEVEL, "coordinateTransformations": [scale]}]
    source = {"source": {"image": "../../"}} if beside else {}
    version_ = {"version": version} if version == "0.4" else {}  # later ones name it once, above
    content = {
        "multiscales": [{"axes": axes, "datasets": levels, **version_}],
        "image-label": {**version_, **source},
    }
    group = require("zarr", "scale").open_group(path, mode="w", zarr_format=_zarr_format(version))
    _update(group, version, content)


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
