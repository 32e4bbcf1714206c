"""The axes of arrays in files: named by files, by users, or by their number where plausible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..imaging._axes import CHANNELS, FEW, elongation, is_implausible

UNNAMED = {2: "YX", 3: "YXC", 4: "QYXC"}
UNNAMED_LABELS = {2: "YX", 3: "QYX"}


def image_axes(axes: str) -> list[str]:
    """Return the letters of rows, columns and, if there are any, channels.

    Where there are two kinds of channels, as in OME files of color images, the last one counts.
    """
    channels = [letter for letter in axes if letter in CHANNELS]
    return ["Y", "X", *channels[-1:]]


def from_user(path: Path | str, shape: Sequence[int], axes: str) -> str:
    """Return the axes that a user has named, such as "cyx"; raise an error if they do not fit."""
    letters = str(axes).upper()
    bad = not letters.isalpha() or len(set(letters)) < len(letters)
    if bad or not {"Y", "X"} <= set(letters) or len(set(letters) & set(CHANNELS)) > 1:
        raise ValueError(
            f"axes={axes!r} are not those of an image. Name every axis by a letter, among them y "
            "for rows, x for columns and, if there are any, c for channels, such as 'cyx'."
        )
    if len(letters) != len(shape):
        raise ValueError(
            f"{path}: has shape {tuple(shape)}, but axes={axes!r} names {len(letters)} axes. Name "
            f"all {len(shape)}."
        )
    return letters


def from_shape(path: Path, shape: Sequence[int], labels: bool = False) -> str:
    """Return the axes of an array without names; raise an error if these are not plausible."""
    axes = (UNNAMED_LABELS if labels else UNNAMED).get(len(shape))
    if axes is None:
        known = "one label map (H, W), or (n, H, W)" if labels else "one image (H, W[, C]) or more"
        example = f" Name its axes: {_way_out('tzcyx'[-len(shape) :])}." if len(shape) == 5 else ""
        raise ValueError(f"{path}: has shape {tuple(shape)}, but {known} is needed.{example}")
    if "C" in axes and is_implausible(*shape[-3:]):
        rows, columns, channels = shape[-3:]
        first, last = ("tcyx", "tyxc") if len(shape) == 4 else ("cyx", "yxc")
        raise ValueError(
            f"{path}: has shape {tuple(shape)}, which would be {rows} x {columns} pixels with "
            f"{channels} channels. Name its axes: {_way_out(first)} if channels come first, "
            f"{_way_out(first.replace('c', 'z'))} if slices do, {_way_out(last)} if it is right so."
        )
    return axes


def check_pages(path: Path, axes: str, shape: Sequence[int]) -> None:
    """Raise an error for pages without a name that are rather rows, of a file (H, W, C)."""
    if axes not in ("QYX", "IYX"):
        return
    pages, rows, columns = shape
    narrow = columns <= 4 * FEW and columns < min(pages, rows) / 4
    if narrow and elongation(pages, rows) < elongation(rows, columns):
        raise ValueError(
            f"{path}: has shape {tuple(shape)}, which would be {pages} pages of {rows} x {columns} "
            f"pixels. Name its axes: {_way_out('yxc')} if the last one has channels, "
            f"{_way_out('tyx')} if not."
        )


def _way_out(axes: str) -> str:
    return f"axes={axes!r} (--axes {axes})"
