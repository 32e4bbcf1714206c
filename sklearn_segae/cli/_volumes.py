"""Volumes: whether files hold them, and the spacing of their voxels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..storage._pages import Pages
from ._console import note
from ._reading import Reading

TOLERANCE = 0.01  # of ratios of sides; metadata are rounded


def spacing_of(pages: Sequence[Pages], reading: Reading) -> tuple[float, ...] | None:
    """Return the spacing of the voxels of all files; None for images."""
    if not reading.is_volume:
        _note_slices(pages)
        return None
    if reading.spacing is not None:
        return reading.spacing
    found = [_known_spacing(own) for own in pages]
    for own, spacing in zip(pages, found, strict=True):
        if not _are_alike(spacing, found[0]):
            raise ValueError(
                f"{own.path}: has voxels of {shown(spacing)}, but {pages[0].path} has voxels of "
                f"{shown(found[0])}. Use several calls, or pass --spacing Z,Y,X for all."
            )
    return found[0]


def _known_spacing(pages: Pages) -> tuple[float, ...]:
    if pages.source.spacing is None:
        raise ValueError(
            f"{pages.path}: does not contain the spacing of its voxels. Pass --spacing Z,Y,X, the "
            "sides of a voxel, such as 2,0.5,0.5, or 1,1,1 for cubes."
        )
    return pages.source.spacing


def _note_slices(pages: Sequence[Pages]) -> None:
    """Say how slices are taken, since a file names them."""
    for own in pages:
        if own.label_axes.get("Z", 1) > 1:
            note(f"{own.path}: each slice is an image of its own. Pass --volume for a volume.")
            return


def reading_for(path: Path, segmenter: Any, reading: Reading) -> Reading:
    """Return options of reading what a model was fitted to, images or volumes."""
    if segmenter.n_axes == 3:
        return replace(reading, volume=True)
    if reading.is_volume:
        raise ValueError(
            f"{path}: was fitted to images, but --volume or --spacing say that there are volumes. "
            "Leave these out, or fit a model to volumes with segae fit --volume."
        )
    return reading


def warn_of_spacing(path: Path, segmenter: Any, pages: Sequence[Pages], reading: Reading) -> None:
    """Warn of files whose voxels have other ratios of sides than those of a model."""
    if segmenter.n_axes == 2:
        return
    for own in pages:
        spacing = reading.spacing or own.source.spacing
        if spacing is not None and not _are_alike(spacing, segmenter.spacing_):
            warnings.warn(
                f"{own.path}: has voxels of {shown(spacing)}, but {path} was fitted to voxels of "
                f"{shown(segmenter.spacing_)}: its features have other shapes in these. Resample "
                "the volume, or fit a model to such volumes.",
                stacklevel=2,
            )


def _are_alike(a: Sequence[float], b: Sequence[float]) -> bool:
    """Return whether two spacings have the same ratios, whatever the units."""
    first, second = (np.asarray(own) / min(own) for own in (a, b))
    return np.allclose(first, second, rtol=TOLERANCE)


def shown(spacing: Sequence[float]) -> str:
    """Return a spacing as text."""
    return " x ".join(f"{side:g}" for side in spacing)
