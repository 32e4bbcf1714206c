"""Validation of parameters."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sklearn.utils import check_scalar


def check_counts(**counts: Any) -> None:
    """Raise an error for numbers that are not positive integers."""
    for name, value in counts.items():
        check_scalar(value, name, Integral, min_val=1)


def sides_of(size: Any, *axes: str) -> tuple[int, ...]:
    """Return the side along each axis; raise an error if `size` is not one number or all sides."""
    sides = (size,) * len(axes) if isinstance(size, Integral) else size
    way_out = f"or a {'pair' if len(axes) == 2 else 'triple'} ({', '.join(axes)})"
    if not isinstance(sides, tuple | list) or not all(isinstance(s, Integral) for s in sides):
        raise TypeError(f"size={size!r} is not an integer. Pass one, {way_out}, in pixels.")
    if len(sides) != len(axes) or min(sides) < 1:
        raise ValueError(
            f"size={size!r} is not the size of an image. Pass a number of pixels, at least 1, "
            f"{way_out}."
        )
    return tuple(int(side) for side in sides)
