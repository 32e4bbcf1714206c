"""Names of the axes of images, and whether unnamed axes are plausible.

A letter stands for an axis: Y rows, X columns, C or S channels, and others, such as T, Z and Q, for
what there are several images of.
"""

from __future__ import annotations

from collections.abc import Iterable

CHANNELS = "SC"  # as tifffile: samples of a pixel, and channels
LINE_ELONGATION = 2  # of gray images at most, of which one line is distinguished
FEW = 8  # channels that are plausible for images of any size
NAMES = {  # in xarray, CF conventions, HDF5 and vigra
    "Y": ("y", "lat", "latitude", "northing", "row", "rows", "height"),
    "X": ("x", "lon", "longitude", "easting", "column", "columns", "col", "width"),
    "C": (
        *("c", "s", "channel", "channels", "band", "bands", "sample", "samples", "wavelength"),
        *("component", "feature", "class", "variable"),
    ),
    "T": ("t", "time"),
    "Z": ("z", "depth", "level"),
}
LETTERS = {name: letter for letter, names in NAMES.items() for name in names}


def from_names(names: Iterable[str | None]) -> str:
    """Return the letters of named axes; "" if rows and columns are not among them."""
    letters = ""
    for name in names:
        letter = LETTERS.get(str(name).lower(), "")
        letters += letter if letter and letter not in letters else unused(letters)
    return letters if "Y" in letters and "X" in letters else ""


def unused(letters: str) -> str:
    """Return a letter for an axis of pages without a name."""
    return next(letter for letter in "QPRUVW" if letter not in letters)


def is_implausible(rows: int, columns: int, channels: int) -> bool:
    """Return whether the last axis of (H, W, C) is rather one of pixels.

    There are more channels than rows (or as many as columns), and the last two axes are closer to
    a square than the first two. Hyperspectral scenes of usual sizes pass, and so do single lines of
    pixels, unless the last two axes are nearly square.
    """
    if channels <= FEW or 0 in (rows, columns):
        return False
    if rows == 1 and elongation(columns, channels) >= LINE_ELONGATION:
        return False
    many = channels > rows or channels == columns
    return many and elongation(columns, channels) < elongation(rows, columns)


def elongation(a: int, b: int) -> float:
    """Return the ratio of the longer side of a rectangle to the shorter one."""
    return max(a, b) / min(a, b)
