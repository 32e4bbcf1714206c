"""`segae info`: describe saved models and image files."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZipFile, is_zipfile

import numpy as np

from ..storage._gaps import gaps_of
from ..storage._pages import open_pages
from ._console import Report
from ._models import summary
from ._options import Trust, file_arguments
from ._paths import expand
from ._reading import Reading
from ._volumes import shown

HELP = """Describe models and image files.

Examples:

  segae info cells.segae

  segae info photos/ --json

Models are loaded, which verifies their checksums and that their parts are consistent.
"""
SHOWN = 12  # label maps with more distinct values than this are not listed


def info(
    inputs: Annotated[
        list[str], file_arguments("FILE", "Models or images: files, folders, 'globs*'.")
    ],
    report: Report,
    reading: Reading,
    trust: Trust = [],  # noqa: B006 a list has to have a list as its default
) -> None:
    """Describe files."""
    found = []
    for path in expand(inputs):
        is_model = path.is_file() and is_zipfile(path)
        about = about_model(path, trust) if is_model else about_image(path, reading)
        report.lines(str(path), *_lines(about), "")
        found.append({"file": str(path), **about})
    report.result({"files": found})


def _lines(about: dict[str, Any], indent: str = "  ") -> list[str]:
    lines = []
    for name, value in about.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_lines(value, indent + "  ")]
        else:
            listed = isinstance(value, list) and name != "shape"
            shown = ", ".join(map(str, value)) if listed else value
            lines.append(f"{indent}{name:<{26 - len(indent)}} {shown}")
    return lines


def about_model(path: Path, trust: Sequence[str] = ()) -> dict[str, Any]:
    """Describe a saved estimator as a dictionary of plain values."""
    from ..persistence._archive import MANIFEST, load_json
    from ._models import load_model

    estimator = load_model(path, trust)
    with ZipFile(path) as archive:  # verified by load
        version = load_json(archive.read(MANIFEST), MANIFEST)["library_version"]
    about: dict[str, Any] = {
        "kind": type(estimator).__name__,
        "size": _bytes(path.stat().st_size),
        "checksums": "valid",
        "written by": f"sklearn_segae {version}",
        "fitted": hasattr(estimator, "n_features_in_"),
    }
    if hasattr(estimator, "encoder_"):
        about["learnt"] = summary(estimator)
        about["encoder"] = _about_encoder(estimator.encoder_)
        about["estimator"] = " ".join(repr(estimator.estimator_).split())
    elif hasattr(estimator, "net_"):
        about["encoder"] = _about_encoder(estimator)
    about["parameters"] = _changed(estimator) or "all at their defaults"
    return about


def _about_encoder(encoder: Any) -> dict[str, Any]:
    kind = encoder if isinstance(encoder, str) else type(encoder).__name__
    if not hasattr(encoder, "net_"):
        return {"kind": kind}
    losses = encoder.loss_curve_
    return {
        "kind": kind,
        "components": encoder.n_components,
        "weights": sum(weight.numel() for weight in encoder.net_.module_.parameters()),
        "epochs": encoder.n_iter_,
        "stopped by": encoder.stop_reason_,
        "last loss": float(f"{losses[-1]:.4g}") if len(losses) else None,
    }


def _changed(estimator: Any) -> dict[str, Any]:
    """Return the parameters, nested ones included, that differ from their defaults."""
    # A Pipeline, for one, has parameters without a default.
    defaults = {name: p.default for name, p in signature(type(estimator)).parameters.items()}
    changed: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=False).items():
        if hasattr(value, "get_params"):
            changed[name] = type(value).__name__
            changed |= {f"{name}__{inner}": v for inner, v in _changed(value).items()}
        elif repr(value) != repr(defaults.get(name)):
            plain = value is None or isinstance(value, bool | int | float | str)
            changed[name] = value if plain else " ".join(repr(value).split())
    return changed


def about_image(path: Path, reading: Reading) -> dict[str, Any]:
    """Describe an image file as a dictionary; the pixels of large files are not read."""
    options = {"axes": reading.axes, "channels": reading.channels}
    pages = open_pages(path, volume=reading.is_volume, **options)
    source, images, n_axes = pages.source, pages.load(), pages.n_axes
    *depth, height, width = images[0].shape[:n_axes]
    about: dict[str, Any] = {
        "shape": "x".join(map(str, source.shape)),
        "axes": pages.axes.lower(),
        "pages": pages.n_pages,
        "depth": int(depth[0]) if depth else None,
        "height": int(height),
        "width": int(width),
        "channels": int(images[0].shape[-1]) if images[0].ndim > n_axes else 1,
        "transparency": None if source.alpha is None else f"channel {source.alpha + 1}",
        "type": str(images[0].dtype),
        "georeferenced": bool(pages.geo_tags),
        "pixel size": source.pixel_size and "{:g} x {:g} {}".format(*source.pixel_size),
        "spacing": source.spacing and f"{shown(source.spacing)} {source.scale['X'][1]}",
        "nodata": None if source.nodata is None else f"{source.nodata:g}",
    }
    about = {name: value for name, value in about.items() if value is not None}
    if pages.stored:
        return about
    return {**about, **_values(images, source.nodata is not None, n_axes)}


def _values(images: Sequence[Any], has_nodata: bool, n_axes: int) -> dict[str, Any]:
    """Describe the values of all images; those of pixels without data do not count."""
    without = [gaps_of(image, n_axes) for image in images]
    share = sum(int(gaps.sum()) for gaps in without) / sum(gaps.size for gaps in without)
    about: dict[str, Any] = {}
    if has_nodata or share:
        about["pixels without data"] = f"{share:.1%}"
    pairs = zip(map(np.asarray, images), without, strict=True)
    valid = [image[~gaps] for image, gaps in pairs if not gaps.all()]
    if not valid:
        return about
    low, high = (float(extreme([extreme(i) for i in valid])) for extreme in (np.min, np.max))
    if not np.isfinite([low, high]).all():
        return {**about, "values": "with infinity"}
    about["values"] = f"{low:g} to {high:g}"
    if images[0].ndim == n_axes and images[0].dtype.kind in "biu":
        different = np.unique(np.concatenate([np.unique(image) for image in valid]))
        if len(different) <= SHOWN:
            about["different values"] = different.tolist()
    return about


def _bytes(n: int) -> str:
    """Return a number of bytes as text."""
    return f"{n / 2**20:.1f} MiB" if n >= 2**20 else f"{n / 2**10:.1f} KiB"
