"""Layers of strokes and of results, at the place of the images that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._compat import require
from ..segmentation._suggested_regions import SuggestedRegion
from ._apply import Probabilities
from ._classes import Classes
from ._layers import LayerImages, Page
from ._models import Labeled

OWNER = "sklearn_segae"  # key of the metadata of our layers: what they hold, and of which image
STROKES, LABELS, UNCERTAINTY, REGION = "strokes", "labels", "uncertainty", "suggested region"


class ResultLayers:
    """Strokes and results in the layer list of a viewer.

    Our layers are found by their metadata: they may be renamed, and layers of users are never
    written to.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer

    def find(self, content: str, source: LayerImages) -> Any:
        """Return the layer with something of an image, or None."""
        mark = _mark(content, source)
        return next((own for own in self.viewer.layers if own.metadata.get(OWNER) == mark), None)

    def strokes(self, source: LayerImages, classes: Classes) -> Any:
        """Return the layer of the strokes on an image, which is made if there is none.

        A labels layer is also found by its name: that of the image, and "strokes".
        """
        found, name = self.find(STROKES, source), f"{source.name} {STROKES}"
        if found is None and name in self.viewer.layers:
            found = self.viewer.layers[name]
        if found is None:
            data = np.zeros(source.shape, np.uint8)
            found = self._add("labels", STROKES, source, data, opacity=0.9, **appearance(classes))
            found.brush_size, found.mode = 6, "paint"
            self.viewer.layers.selection.active = found
        return found

    def show(self, found: Labeled, classes: Classes) -> None:
        """Write the label map of an image, and its uncertainty if there is a layer of it."""
        layer = self.find(LABELS, found.source)
        if layer is None:
            layer = self._add(
                "labels",
                LABELS,
                found.source,
                np.full(found.source.shape, classes.missing, classes.dtype),
                opacity=0.4,
                **appearance(classes),
            )
        if layer.data.dtype != classes.dtype:  # of another model
            layer.data = np.full(found.source.shape, classes.missing, classes.dtype)
        self.set_classes(layer, classes)
        _write(layer, found.page, classes.encode(found.labels))
        doubt = self.find(UNCERTAINTY, found.source)
        if doubt is not None and found.uncertainty is not None:
            _write(doubt, found.page, found.uncertainty)

    def show_uncertainty(self, found: Labeled, classes: Classes) -> None:
        """Write label map and uncertainty of an image; `show` keeps the latter up to date."""
        if self.find(UNCERTAINTY, found.source) is None:
            self._add_map(UNCERTAINTY, found.source, "inferno")
        self.show(found, classes)

    def show_probabilities(self, found: Probabilities, classes: Classes) -> None:
        """Write the probability of each class as an image in the color of the class."""
        table = classes.colors()
        for i, (value, name) in enumerate(zip(classes.values, classes.names, strict=True)):
            content = f"probability of {name}"
            layer = self.find(content, found.source)
            if layer is None:
                layer = self._add_map(content, found.source, _ramp(table[int(value)]))
            _write(layer, found.page, found.probabilities[..., i])

    def show_region(self, source: LayerImages, page: Page, region: SuggestedRegion) -> None:
        """Outline a region, in each slice of a volume, and move the view to it."""
        outlines = [np.array([(*page, *corner) for corner in own]) for own in _outlines(region)]
        old = self.find(REGION, source)
        if old is not None:
            self.viewer.layers.remove(old)
        self._add(
            "shapes",
            REGION,
            source,
            outlines,
            shape_type="rectangle",
            edge_color="yellow",
            face_color="transparent",
        )
        self._look_at(source, outlines[len(outlines) // 2].mean(axis=0))

    def set_classes(self, layer: Any, classes: Classes) -> None:
        """Set colors and names of the classes of a labels layer, unless it has them."""
        table = classes.table()
        if {name: list(layer.features.get(name, ())) for name in table} != table:
            for name, value in appearance(classes).items():
                setattr(layer, name, value)

    def _add_map(self, content: str, source: LayerImages, colormap: Any) -> Any:
        return self._add(
            "image",
            content,
            source,
            np.full(source.shape, np.nan, np.float32),
            colormap=colormap,
            contrast_limits=(0, 1),
            blending="additive",
        )

    def _add(self, kind: str, content: str, source: LayerImages, data: Any, **options: Any) -> Any:
        """Add a layer at the place of an image; strokes and regions above others."""
        layers = self.viewer.layers
        active = layers.selection.active
        layer = getattr(self.viewer, f"add_{kind}")(
            data,
            name=f"{source.name} {content}",
            metadata={OWNER: _mark(content, source)},
            **options,
            **source.placement(),
        )
        if content not in (STROKES, REGION) and source.layers[-1] in layers:
            layers.move(len(layers) - 1, layers.index(source.layers[-1]) + 1)
        if active is not None:
            layers.selection.active = active
        return layer

    def _look_at(self, source: LayerImages, middle: np.ndarray) -> None:
        point = np.array(self.viewer.dims.point, float)
        point[-len(middle) :] = source.layers[0].data_to_world(middle)
        self.viewer.dims.set_point(range(len(point)), point)
        camera = getattr(self.viewer, "scene", self.viewer).camera  # napari < 0.9 has no scene
        camera.center = tuple(point[list(self.viewer.dims.displayed)])


def is_result(layer: Any) -> bool:
    """Return whether a layer holds results."""
    return layer.metadata.get(OWNER, (STROKES,))[0] != STROKES


def _mark(content: str, source: LayerImages) -> tuple[str, str]:
    return content, str(source.layers[0].unique_id)


def appearance(classes: Classes) -> dict[str, Any]:
    """Return colormap and features of a labels layer."""
    colormaps = require("napari.utils.colormaps", "napari")
    return {
        "colormap": colormaps.DirectLabelColormap(color_dict=classes.colors()),
        "features": classes.table(),
    }


def _ramp(color: tuple[float, ...]) -> Any:
    """Return a colormap from black to a color."""
    return require("napari.utils.colormaps", "napari").Colormap([(0.0, 0.0, 0.0, 1.0), color])


def _write(layer: Any, page: Page, values: np.ndarray) -> None:
    layer.data[page] = values
    layer.refresh()


def _outlines(region: SuggestedRegion) -> Iterator[list[tuple[float, ...]]]:
    """Yield the corners of a region, on the edges of its pixels; of each slice of a volume."""
    top, left = region.top - 0.5, region.left - 0.5
    bottom, right = top + region.height, left + region.width
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    if region.front is None:
        yield list(corners)
    else:
        for z in range(region.slices.start, region.slices.stop):
            yield [(z, *corner) for corner in corners]
