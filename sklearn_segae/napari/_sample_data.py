"""Sample data for the menu of the viewer: images with strokes, and a volume."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..annotate._session import MAX_CLASSES
from ..datasets import load_coins, load_textures, load_tissue, make_volume
from ._classes import Classes
from ._results import STROKES, appearance

LayerData = tuple[Any, dict[str, Any], str]  # as napari's readers return it
SPACING = (2.0, 0.5, 0.5)


def tissue() -> list[LayerData]:
    """Return a stained section (512, 512, 3), and strokes on lumina, stroma and glands."""
    return _layers("tissue", load_tissue())


def coins() -> list[LayerData]:
    """Return coins (303, 384) in uneven light, and strokes on background and coins."""
    return _layers("coins", load_coins())


def textures() -> list[LayerData]:
    """Return mosaics (n, H, W) of brick, grass and gravel, and strokes on each of them."""
    return _layers("textures", load_textures())


def volume() -> list[LayerData]:
    """Return blobs in a volume (16, 64, 64) with anisotropic voxels, and strokes in some slices."""
    (voxels,), (truth,) = make_volume(size=(16, 64, 64), spacing=SPACING, noise=0.5, random_state=0)
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[3::5, ::8] = truth[3::5, ::8] + 1
    place = {"scale": SPACING, "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    return _pair("blobs", voxels[..., 0], strokes, ["background", "dark", "bright"], place)


def _layers(name: str, sample: Any) -> list[LayerData]:
    """Return the images of a dataset, as a stack if there are several, and its strokes."""
    images, strokes = sample.images, (sample.strokes + 1).astype(np.uint8)
    if len(images) == 1:
        images, strokes = images[0], strokes[0]
    return _pair(name, images, strokes, list(sample.target_names), {})


def _pair(
    name: str, images: np.ndarray, strokes: np.ndarray, names: list[str], place: dict[str, Any]
) -> list[LayerData]:
    classes = Classes.of_strokes(names, MAX_CLASSES)
    options = {"name": f"{name} {STROKES}", "opacity": 0.9, **appearance(classes), **place}
    return [(images, {"name": name, **place}, "image"), (strokes, options, "labels")]
