"""The axes of arrays in files: named by files, by users, or by their number where plausible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..imaging._axes import CHANNELS, FEW, elongation, is_implausible

# Of arrays of images and of label maps, and of volumes and their label maps, by the number of axes.
UNNAMED = {2: "YX", 3: "YXC", 4: "QYXC"}
UNNAMED_LABELS = {2: "YX", 3: "QYX"}
UNNAMED_VOLUMES = {3: "ZYX", 4: "ZYXC", 5: "QZYXC"}
UNNAMED_LABEL_VOLUMES = {3: "ZYX", 4: "QZYX"}
PAGES = "QI"  # pages of a TIFF without a name


def spatial_axes(volume: bool) -> str:
    """Return the letters of the spatial axes of an image, or of a volume."""
    return "ZYX" if volume else "YX"


def image_axes(axes: str, volume: bool = False) -> list[str]:
    """Return the letters of the spatial axes and, if there are any, channels.

    Where there are two kinds of channels, as in OME files of color images, the last one counts.
    """
    channels = [letter for letter in axes if letter in CHANNELS]
    return [*spatial_axes(volume), *channels[-1:]]


def from_user(path: Path | str, shape: Sequence[int], axes: str, volume: bool = False) -> str:
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
    if volume and "Z" not in letters:
        raise ValueError(f"axes={axes!r} has no z, the slices of a volume. {_without_slices()}")
    return letters


def with_slices(path: Path, axes: str) -> str:
    """Return the axes of a file with a volume; pages without a name are its slices."""
    pages = [letter for letter in axes if letter in PAGES]
    if "Z" not in axes and len(pages) == 1:
        axes = axes.replace(pages[0], "Z")
    if "Z" not in axes:
        raise ValueError(f"{path}: has the axes {axes}, but a volume has Z. {_without_slices()}")
    return axes


def _without_slices() -> str:
    return f"Name them, such as {_way_out('zyx')}, or leave volume (--volume, --spacing) out."


def from_shape(path: Path, shape: Sequence[int], labels: bool = False, volume: bool = False) -> str:
    """Return the axes of an array without names; raise an error if these are not plausible."""
    if volume:
        return _volume_from_shape(path, shape, labels)
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
            f"{_way_out(first.replace('c', 'z'))} if slices do (with volume=True or --volume, if "
            f"they are a volume), {_way_out(last)} if it is right so."
        )
    return axes


def _volume_from_shape(path: Path, shape: Sequence[int], labels: bool) -> str:
    axes = (UNNAMED_LABEL_VOLUMES if labels else UNNAMED_VOLUMES).get(len(shape))
    if axes is None:
        known = "label map (D, H, W)" if labels else "volume (D, H, W[, C])"
        raise ValueError(
            f"{path}: has shape {tuple(shape)}, but one {known} or more are needed. Name its axes, "
            f"such as {_way_out('zyx' if labels else 'tzyxc')}."
        )
    if axes == "ZYX":
        check_pages(path, "QYX", shape, volume=True)
    if "C" in axes and is_implausible(*shape[-3:]):
        rows, columns, channels = shape[-3:]
        raise ValueError(
            f"{path}: has shape {tuple(shape)}, which would be slices of {rows} x {columns} pixels "
            f"with {channels} channels. Name its axes, such as {_way_out('czyx')} if channels come "
            f"first, {_way_out('tzyx')} if volumes do, {_way_out('zyxc')} if it is right so."
        )
    return axes


def check_pages(path: Path, axes: str, shape: Sequence[int], volume: bool = False) -> None:
    """Raise an error for pages without a name that are rather rows, of a file (H, W, C)."""
    if axes not in ("QYX", "IYX"):
        return
    pages, rows, columns = shape
    narrow = columns <= 4 * FEW and columns < min(pages, rows) / 4
    if narrow and elongation(pages, rows) < elongation(rows, columns):
        slices = f"{_way_out('yxz')} if it has slices, " if volume else ""
        raise ValueError(
            f"{path}: has shape {tuple(shape)}, which would be {pages} pages of {rows} x {columns} "
            f"pixels. Name its axes: {_way_out('yxc')} if the last one has channels, {slices}"
            f"{_way_out('zyx' if volume else 'tyx')} if not."
        )


def _way_out(axes: str) -> str:
    return f"axes={axes!r} (--axes {axes})"
