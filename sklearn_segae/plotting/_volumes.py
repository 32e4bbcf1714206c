"""Volumes in displays, which draw three orthogonal views of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..imaging._orthogonal_views import orthogonal_views
from ._axes import PANEL


def spacing_of(estimator: Any) -> tuple[float, ...] | None:
    """Return the spacing of the voxels of a fitted estimator; None if it is one of images."""
    if getattr(estimator, "rows_", False) or getattr(estimator, "n_axes", 2) == 2:
        return None
    return tuple(getattr(estimator, "spacing_", None) or estimator.spacing)


def as_pictures(
    arrays: Iterable[Any], spacing: Sequence[float] | None, point: Any = None
) -> list[Any]:
    """Return images or maps as they are drawn: of volumes, orthogonal views through a voxel."""
    if spacing is not None:
        return [orthogonal_views(array, spacing, point) for array in arrays]
    if point is not None:
        raise ValueError(
            f"point={point!r} is a voxel of a volume, but images are drawn. Leave it out, or pass "
            "spacing, such as (1, 1, 1), for volumes."
        )
    return list(arrays)


def wider(options: dict[str, Any], spacing: Sequence[float] | None) -> dict[str, Any]:
    """Return options of `plot`, with wider panels for the views of volumes."""
    return options if spacing is None else {"size": 2 * PANEL, **options}


def check_label_maps(maps: Sequence[np.ndarray]) -> None:
    """Raise an error for label maps that are no pictures."""
    for i, labels in enumerate(maps):
        if labels.ndim != 2:
            raise ValueError(
                f"label_maps[{i}] has shape {labels.shape}, but label maps (H, W) are drawn. Use "
                "SegmentationDisplay.from_predictions(volume, labels, spacing=(1, 1, 1)) for "
                "volumes."
            )


def refuse_volumes(estimator: Any, display: str, way_out: str) -> None:
    """Raise an error for an estimator of volumes in a display of images."""
    if spacing_of(estimator) is not None:
        raise ValueError(
            f"{display} draws images, but the estimator was fitted to volumes. {way_out}"
        )
