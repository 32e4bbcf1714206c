"""Pixels without data: masked or NaN in any channel of what users pass.

Validated images return NaN in all channels of these pixels when they are sliced. Images without
such pixels stay arrays of their own dtype; others are a `MaskedImage`, or are stored outside
memory, where NaN is found when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._label_values import MARKS, markable

GAP_REACH = 12  # pixels around one without data whose mean replaces it as input of a network


def may_have_gaps(source: Any) -> bool:
    """Return whether a stored array may have pixels without data: floats, or masked by dask."""
    return is_masked_dask(source) or np.dtype(source.dtype).kind == "f"


def is_masked_dask(source: Any) -> bool:
    """Return whether the chunks of a dask array are masked, which numpy ignores."""
    return isinstance(getattr(source, "_meta", None), np.ma.MaskedArray)


def missing_in(pixels: np.ndarray) -> np.ndarray | None:
    """Return the mask (h, w) of pixels without data of a part (h, w, C) of a validated image.

    None if there are none.
    """
    if pixels.dtype.kind != "f":
        return None
    missing = np.isnan(pixels[..., 0])
    return missing if missing.any() else None


def rows_with_data(rows: np.ndarray) -> np.ndarray:
    """Return those rows (n, C), of pixels or their codes, that are not NaN."""
    missing = missing_in(rows)
    return rows if missing is None else rows[~missing]


def missing_at(image: Any, tile: tuple[slice, ...]) -> np.ndarray | None:
    """Return the same for a tile of a validated image."""
    return missing_in(image[tile]) if isinstance(image, np.ndarray) else image.missing(tile)


def check_any_data(found: bool) -> None:
    """Raise an error if no pixel with data was found."""
    if not found:
        raise ValueError("X has no pixel with data: all are masked or NaN. Leave such images out.")


def has_data(image: Any, tile: tuple[slice, ...]) -> bool:
    """Return whether any pixel of a tile of a validated image has data."""
    missing = missing_at(image, tile)
    return missing is None or not missing.all()


def find_missing(part: np.ndarray, name: str) -> np.ndarray | None:
    """Return the mask (h, w) of pixels of an array (h, w, C) that are masked, or NaN, or None.

    Raise an error for infinity.
    """
    missing: Any = np.ma.getmaskarray(part).any(-1) if np.ma.is_masked(part) else None
    values = np.asarray(part)
    # A sum needs no copy, and is only finite if all pixels are. It may overflow: check again then.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = values.dtype.kind == "f" and not np.isfinite(values.sum())
    if suspicious:
        if np.isinf(values if missing is None else values[~missing]).any():
            raise ValueError(
                f"{name} contains infinity. If these pixels have no data, mask them, with "
                "numpy.ma.masked_invalid."
            )
        unknown = np.isnan(values).any(-1)
        missing = unknown if missing is None else missing | unknown
    return missing if missing is not None and missing.any() else None


def as_read(part: np.ndarray, name: str) -> np.ndarray:
    """Return a part (h, w, C) of a stored image with NaN in all channels of pixels without data."""
    missing = find_missing(part, name)
    return np.asarray(part) if missing is None else with_nan(np.asarray(part), missing)


def is_complete(image: Any) -> bool:
    """Return whether all pixels of an image (H, W, C) have data; reads it."""
    return missing_at(image, _whole(image)) is None


def check_complete(images: Sequence[Any], owner: str) -> None:
    """Raise an error for images (H, W, C) of which some pixels have no data."""
    for i, image in enumerate(images):
        if not is_complete(image):
            raise ValueError(
                f"X[{i}] has pixels without data (masked or NaN), which {owner} cannot leave out. "
                "Crop it, or fill them, for instance with numpy.nan_to_num or numpy.ma.filled."
            )


def masked_rows(X: Any) -> Any:
    """Return rows with NaN in place of masked values, which scikit-learn would use."""
    return np.ma.filled(X.astype(floats_for(X.dtype)), np.nan) if np.ma.is_masked(X) else X


def masked_like(values: np.ndarray, image: Any) -> np.ma.MaskedArray:
    """Return a map (H, W, ...) of an image that is masked where the image has no data."""
    mask = np.zeros(values.shape, bool)
    missing = missing_at(image, _whole(image))
    if missing is not None:
        mask[missing] = True
    return np.ma.array(values, mask=mask)


def apply_to_data(function: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return `function(rows)` (n, ...), of rows with data; others as in `spread`."""
    missing = missing_in(rows)
    if missing is None:
        return function(rows)
    if missing.all():  # a row of 0 shows type and shape
        return spread(function(np.zeros_like(rows[:1]))[:0], missing)
    return spread(function(rows[~missing]), missing)


def zero_filled(values: np.ndarray) -> np.ndarray:
    """Return values (h, w, C) that are 0 at pixels without data, for what cannot read NaN."""
    return values if missing_in(values) is None else np.nan_to_num(values)


def with_nan(pixels: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return a copy of pixels (h, w, C) as floats, with NaN where `missing` (h, w)."""
    copy = pixels.astype(floats_for(pixels.dtype))
    copy[missing] = np.nan
    return copy


def floats_for(dtype: np.dtype) -> np.dtype:
    """Return the type of floats that hold all values of a type of pixels, and NaN."""
    if dtype.kind == "f":
        return dtype
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def spread(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return a map (h, w, ...) of the values (n, ...) of all pixels that are not `missing`.

    Those are NaN in maps of floats, and unlabeled in label maps, which may need another type.
    """
    if not missing.any():
        return values.reshape(*missing.shape, *values.shape[1:])
    shape, values = values.shape[1:], markable(values)
    whole = np.full((missing.size, *shape), MARKS[values.dtype.kind], values.dtype)
    whole[np.flatnonzero(~missing)] = values
    return whole.reshape(*missing.shape, *shape)


def bounds_of(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Return the smallest tile with all True pixels of a mask (h, w); None if there are none."""
    if not mask.any():
        return None
    axes = set(range(mask.ndim))
    lines = (np.flatnonzero(mask.any(tuple(axes - {axis}))) for axis in sorted(axes))
    return tuple(slice(int(line[0]), int(line[-1]) + 1) for line in lines)


def _whole(image: Any) -> tuple[slice, ...]:
    return (slice(None),) * (len(image.shape) - 1)
