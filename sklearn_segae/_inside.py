"""What a fitted segmenter works with, for whoever explains it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._labelling import Labelling


def look_inside(segmenter: Any, images: Any) -> list[tuple[Labelling, np.ndarray]]:
    """Return for every image what labels it, and its pixels (H, W, C) as that sees them.

    Rows come as one image, a pixel wide.
    """
    seen = look_through(segmenter, images)
    return list(zip(segmenter._labellings(seen), seen, strict=True))


def look_through(estimator: Any, images: Any) -> list[np.ndarray]:
    """Return images (H, W, C) as a fitted segmenter sees them."""
    check_is_fitted(estimator)
    return estimator._check(images, reset=False)


def check_named(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Refuse a value that is not among the known ones."""
    if value not in known:
        raise ValueError(f"{name}={value!r} is not known. Pass one of {list(known)}.")
