"""Images of napari's image layers: pages of stacks, volumes, layers as channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Page = tuple[int, ...]  # index of an image of a layer; () if it is the only one

# What places a layer in the world of the viewer.
PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class LayerImages:
    """The images of an image layer, or of several ones that are its channels.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        One layer, or layers of the same shape, which become channels.
    n_axes : {2, 3}, default=2
        Number of spatial axes: the last ones of a layer. Those before count pages, such as times.

    Attributes
    ----------
    name : str
        Name of the first layer.
    shape : tuple of int
        Shape of a label map of all pages.
    pages : list of tuple of int
        Indices of the images.
    """

    def __init__(self, layers: Sequence[Any], n_axes: int = 2) -> None:
        self.layers, self.n_axes = list(layers), n_axes
        self.arrays = [layer.data[0] if layer.multiscale else layer.data for layer in layers]
        self.shape = tuple(self.arrays[0].shape[: layers[0].ndim])
        _check_sides(layers[0].name, self.shape, n_axes)
        _check_alike(layers, self.arrays)

    @property
    def name(self) -> str:
        """Name of the first layer."""
        return str(self.layers[0].name)

    @property
    def pages(self) -> list[Page]:
        """Indices of the images."""
        return list(np.ndindex(self.shape[: -self.n_axes]))

    def read(self, page: Page) -> np.ndarray:
        """Return an image (H, W) or (H, W, C), or a volume (D, H, W) or (D, H, W, C)."""
        parts = [np.asarray(array[page]) for array in self.arrays]
        if len(parts) == 1:
            return parts[0]
        n_sides = self.n_axes
        return np.concatenate([p if p.ndim > n_sides else p[..., None] for p in parts], axis=-1)

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Sides of the voxels along z, y and x, in the unit of x; None of images."""
        if self.n_axes == 2:
            return None
        first = self.layers[0]
        units = first.units[-3:]
        return tuple(
            float(side) * _factor(unit, units[-1], first.name)
            for side, unit in zip(first.scale[-3:], units, strict=True)
        )

    def placement(self) -> dict[str, Any]:
        """Return the arguments of a layer at the same place of the world."""
        return {name: getattr(self.layers[0], name) for name in PLACEMENT}

    def page_at(self, point: Sequence[float]) -> Page:
        """Return the page that is shown at a point of the world."""
        where = self.layers[0].world_to_data(point)[: -self.n_axes]
        limits = self.shape[: -self.n_axes]
        return tuple(
            int(np.clip(round(float(w)), 0, n - 1)) for w, n in zip(where, limits, strict=True)
        )


def common_spacing(sources: Sequence[LayerImages]) -> tuple[float, ...] | None:
    """Return the spacing of the volumes of several layers; None of images."""
    first = sources[0].spacing
    for source in sources:
        own = source.spacing
        if own is not None and first is not None and spacing_error(own, first) > 1e-3:
            raise ValueError(
                f"layer {source.name!r} has voxels of {own}, but {sources[0].name!r} has voxels "
                f"of {first}. Choose layers with the same ratios of their scale, or train models "
                "of each."
            )
    return first


def spacing_error(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest relative difference of the ratios of sides of voxels."""
    ratios = np.asarray(own) / own[-1] / (np.asarray(other) / other[-1])
    return float(np.abs(ratios - 1).max())


def _factor(unit: Any, target: Any, name: str) -> float:
    """Return the length of a unit in another one."""
    try:
        return float((1 * unit).to(target).magnitude)
    except Exception as error:  # of pint, which is no dependency
        raise ValueError(
            f"layer {name!r} has the units {unit} and {target}, which cannot be compared, but "
            "voxels need their sides in one unit. Set layer.units."
        ) from error


def _check_sides(name: str, shape: tuple[int, ...], n_axes: int) -> None:
    if len(shape) < n_axes:
        raise ValueError(
            f"layer {name!r} has shape {shape}, but a volume has three axes. Clear the check box "
            "Volumes."
        )


def _check_alike(layers: Sequence[Any], arrays: Sequence[Any]) -> None:
    for layer, array in zip(layers, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"layer {layer.name!r} has shape {array.shape}, but {layers[0].name!r} has "
                f"{arrays[0].shape}. Channels of an image have the same shape: choose other "
                "layers, or clear the check box Channels."
            )
