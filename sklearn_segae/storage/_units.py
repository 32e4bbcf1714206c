"""Units of length of image files: their names in OME-TIFF, ImageJ and OME-Zarr."""

from __future__ import annotations

from typing import NamedTuple

PIXELS = "pixels"  # of files without a unit


class Unit(NamedTuple):
    """A unit of length."""

    meters: float
    symbol: str  # of OME-TIFF
    others: tuple[str, ...]  # of OME-Zarr and ImageJ


UNITS = (
    Unit(1e-10, "Å", ("angstrom",)),
    Unit(1e-9, "nm", ("nanometer",)),
    Unit(1e-6, "µm", ("micrometer", "um", "μm", "micron", "microns")),
    Unit(1e-3, "mm", ("millimeter",)),
    Unit(1e-2, "cm", ("centimeter",)),
    Unit(1.0, "m", ("meter",)),
    Unit(0.0254, "in", ("inch", "inches")),
)
KNOWN = {name.lower(): unit for unit in UNITS for name in (unit.symbol, *unit.others)}


def ome_symbol(unit: str) -> str:
    """Return the name of a unit in OME-TIFF."""
    if unit.lower().rstrip("s") in ("pixel", ""):
        return "pixel"
    return KNOWN[unit.lower()].symbol if unit.lower() in KNOWN else "reference frame"


def in_unit(length: float, unit: str, wanted: str) -> float | None:
    """Return a length in another unit; None if that is not known."""
    if unit == wanted:
        return length
    if not {unit.lower(), wanted.lower()} <= set(KNOWN):
        return None
    return length * (KNOWN[unit.lower()].meters / KNOWN[wanted.lower()].meters)
