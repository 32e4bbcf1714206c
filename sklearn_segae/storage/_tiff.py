"""TIFF files: ordinary ones, GeoTIFF, OME-TIFF and ImageJ hyperstacks."""

from __future__ import annotations

import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ._source import ORIENTATIONS, Source
from ._units import PIXELS

GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 50844)  # GeoTIFF 1.1, and RPC coefficients
PIXEL_SCALE, NODATA, ORIENTATION = 33550, 42113, 274
MIN_IS_WHITE, PALETTE = 0, 3  # photometric interpretations
ALPHA = (1, 2)  # kinds of extra samples that are transparency


class TiffSource(Source):
    """The first series of pages of a TIFF, in full resolution."""

    alpha_is_certain = False  # tifffile and GDAL mark the last of any four channels

    def __init__(self, path: Path) -> None:
        self.path = path
        with require("tifffile", "io").TiffFile(path) as file:
            series = file.series[0].levels[0]
            page = series.keyframe
            self.shape, self.dtype, self.axes = series.shape, np.dtype(series.dtype), series.axes
            self.alpha = _alpha(page) if "S" in self.axes else None
            self.lookup = _lookup(page)
            self.geo_tags = _geo_tags(file.pages[0])
            self.nodata = _nodata(file.pages[0])
            self.scale = _scale(file, file.pages[0])
            tag = file.pages[0].tags.get(ORIENTATION)
            if tag is not None and not self.geo_tags:  # GDAL ignores it, too
                transposed, self.flips = ORIENTATIONS.get(tag.value, ORIENTATIONS[1])
                self.axes = self.axes.translate(transposed)
            others = [s for s in file.series[1:] if not (s.keyframe.subfiletype & 5)]
        if others:
            warnings.warn(
                f"{path}: only its first {len(series.pages)} pages are read; the others have "
                "another size or type.",
                stacklevel=2,
            )

    def open(self) -> Any:
        """Return a zarr array of the strips or tiles."""
        tifffile, zarr = require("tifffile", "io"), require("zarr", "scale")
        store = tifffile.imread(self.path, series=0, level=0, aszarr=True)
        image = zarr.open_array(store, mode="r")
        weakref.finalize(image, store.close)
        return image

    def read(self) -> np.ndarray:
        """Return all pages in memory."""
        return require("tifffile", "io").imread(self.path, series=0, level=0)


def _geo_tags(page: Any) -> list[tuple[Any, ...]]:
    tags = [page.tags[code] for code in GEO_TAGS if code in page.tags]
    return [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in tags]


def nodata_tag(nodata: float) -> tuple[Any, ...]:
    """Return the tag of GDAL for the value of pixels without data, as `extratags` has it."""
    return (NODATA, "s", 0, f"{nodata:g}", True)


def _nodata(page: Any) -> float | None:
    try:
        return float(page.tags[NODATA].value)
    except (KeyError, ValueError, TypeError):  # there is none, or an empty one
        return None


def _alpha(page: Any) -> int | None:
    """Return the channel that is marked as transparency."""
    first = page.samplesperpixel - len(page.extrasamples)
    return next((first + i for i, kind in enumerate(page.extrasamples) if kind in ALPHA), None)


def _lookup(page: Any) -> np.ndarray | None:
    """Return the colors of a palette, or inverted intensities where 0 is white."""
    if page.photometric == PALETTE and page.colormap is not None:
        colors = np.asarray(page.colormap).T
        return (colors >> 8 if colors.max() > 255 else colors).astype(np.uint8)
    if page.photometric == MIN_IS_WHITE and page.bitspersample <= 8:
        return np.arange(2**page.bitspersample)[::-1].astype(page.dtype)
    return None


def _scale(file: Any, page: Any) -> dict[str, tuple[float, str]]:
    """Return the sides of a pixel along the axes that are known, and their units."""
    if PIXEL_SCALE in page.tags:
        width, height, *_ = page.tags[PIXEL_SCALE].value
        return {"Y": (height, "units of the CRS"), "X": (width, "units of the CRS")}
    if file.is_ome:
        image = require("tifffile", "io").xml2dict(file.ome_metadata)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
        sides = {a: (f"PhysicalSize{a}", f"PhysicalSize{a}Unit") for a in "ZYX"}
        return {
            letter: (float(pixels[side]), str(pixels.get(unit, "µm")))
            for letter, (side, unit) in sides.items()
            if side in pixels
        }
    return _imagej_scale(page, file.imagej_metadata or {}) if file.is_imagej else {}


def _imagej_scale(page: Any, metadata: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """Return the sides of the pixels and slices of ImageJ; without `unit`, they are ratios."""
    if not {"unit", "spacing"} & set(metadata):
        return {}
    unit = metadata.get("unit", PIXELS)
    units = {a: metadata.get(f"{a.lower()}unit", unit).replace("\\u00B5", "µ") for a in "ZYX"}
    tags = {"Y": "YResolution", "X": "XResolution"}
    per_unit = {a: page.tags[tag].value for a, tag in tags.items() if tag in page.tags}
    sides = {a: (d / n, units[a]) for a, (n, d) in per_unit.items() if n and d}
    if "spacing" in metadata:
        sides["Z"] = abs(float(metadata["spacing"])), units["Z"]  # negative: from the last slice
    return sides
