"""Panels, pictures, scale bars and legends of displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._containers import unpack
from ..imaging._rendering import PALETTE, as_picture, colors

PANEL = 2.6  # width of a panel in inches
TITLE, BAR = 0.3, 0.9  # height of a title, width of a color bar
SEQUENTIAL = "cividis"  # safe for color-blind readers
DIVERGING = "PuOr_r"  # violet below 0, orange above it
SHARE = 0.25  # maximum length of a scale bar, relative to the width of the picture
LINES = [f"#{PALETTE[i]}" for i in (0, 5)]  # blue and vermilion


def panels(
    n_rows: int,
    n_columns: int,
    ax: Any,
    *,
    size: float = PANEL,
    aspect: float = 1.0,
    n_bars: int = 0,
) -> tuple[Any, np.ndarray]:
    """Return a figure and axes (n_rows, n_columns).

    `ax` is None for a new figure, one axes to subdivide, or an array of axes to use. `size` is the
    width of new axes in inches, `aspect` the ratio of height to width, and `n_bars` the number of
    color bars to leave room for.
    """
    n = n_rows * n_columns
    if ax is None:
        height = min(max(aspect, 1 / 3), 3) * size + TITLE
        figure, axes = require("matplotlib.pyplot", "plot").subplots(
            n_rows,
            n_columns,
            figsize=(size * n_columns + BAR * n_bars, height * n_rows + TITLE),
            squeeze=False,
            layout="constrained",
        )
        return figure, axes
    given = np.ravel(np.asarray(ax, dtype=object))
    if len(given) == n:
        return given[0].figure, given.reshape(n_rows, n_columns)
    if len(given) > 1:
        raise ValueError(f"ax holds {len(given)} axes, but {n} panels are needed. Pass 1 or {n}.")
    outer = given[0]
    outer.set_axis_off()
    grid = outer.get_subplotspec().subgridspec(n_rows, n_columns)
    return outer.figure, grid.subplots(squeeze=False)


def rows_of(n: int, n_columns: int | None) -> tuple[int, int]:
    """Return the numbers of rows and columns for n panels."""
    n_columns = min(n, n_columns or 4)
    return -(-n // n_columns), n_columns


def aspect_of(image: np.ndarray) -> float:
    """Return the ratio of height to width."""
    return image.shape[0] / image.shape[1]


def blank(axes: np.ndarray) -> None:
    """Remove frames and ticks from axes."""
    for ax in axes.ravel():
        ax.set_axis_off()


def draw_picture(ax: Any, image: np.ndarray, title: str = "", **options: Any) -> Any:
    """Draw an image with any number of channels, or, with `cmap`, a map of numbers."""
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize="medium")
    picture = image if "cmap" in options else as_picture(image)
    # "antialiased" averages large pictures and does not blur small ones.
    return ax.imshow(picture, interpolation="antialiased", **options)


def draw_scale_bar(ax: Any, width: int, pixel_size: float | None, units: str) -> None:
    """Draw a scale bar of a round length at the bottom left, if the pixel size is given."""
    if pixel_size is None:
        return
    if not pixel_size > 0:
        raise ValueError(
            f"pixel_size={pixel_size!r} is not positive. Pass the side of a pixel in `units`."
        )
    length = round_length(SHARE * width * pixel_size)
    effects = require("matplotlib.patheffects", "plot")
    outline = [effects.withStroke(linewidth=3.5, foreground="black")]
    transform = require("matplotlib.transforms", "plot").blended_transform_factory(
        ax.transData, ax.transAxes
    )
    start, end = 0.04 * width, 0.04 * width + length / pixel_size
    options = {"transform": transform, "path_effects": outline, "color": "white"}
    ax.plot([start, end], [0.05, 0.05], lw=2.5, solid_capstyle="butt", **options)
    text = f"{length:g} {units}"
    ax.text((start + end) / 2, 0.07, text, ha="center", va="bottom", fontsize="small", **options)


def round_length(longest: float) -> float:
    """Return the largest number of the form 1, 2 or 5 times a power of ten up to `longest`."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9)))


def draw_legend(figure: Any, ax: Any, names: Sequence[str], own_figure: bool) -> Any:
    """Draw a legend of the segments below the figure, or to the right of given axes."""
    patch = require("matplotlib.patches", "plot").Patch
    palette = colors(len(names)) / 255
    handles = [
        patch(facecolor=c, edgecolor="0.4", label=n) for c, n in zip(palette, names, strict=True)
    ]
    if own_figure:
        n_columns = min(len(handles), max(1, int(figure.get_figwidth() / 1.4)))
        place = {"loc": "outside lower center", "ncols": n_columns}
        return figure.legend(handles=handles, frameon=False, **place)
    return ax.legend(handles=handles, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def draw_color_bar(figure: Any, mappable: Any, axes: Any, label: str) -> Any:
    """Draw a color bar beside axes."""
    return figure.colorbar(mappable, ax=axes, label=label, aspect=15)


def legend_texts(labels: Sequence[Any], display_labels: Any, prefix: str) -> list[str]:
    """Return the text of every label, from `display_labels` (mapping or list) or the label."""
    if display_labels is None:
        return [f"{prefix}{label}" for label in labels]
    if isinstance(display_labels, Mapping):
        return [str(display_labels.get(label, f"{prefix}{label}")) for label in labels]
    if len(display_labels) != len(labels):
        raise ValueError(
            f"display_labels={display_labels!r} holds {len(display_labels)} texts, but the labels "
            f"are {list(labels)}. Pass one for each, or a dict from label to text."
        )
    return [str(name) for name in display_labels]


def as_list(X: Any, n_channels: int | None, n_axes: int = 2) -> list[np.ndarray]:
    """Return a stack, a list, or one image (H, W) or (H, W, C) as a list of images.

    Images have `n_axes` spatial axes.
    """
    X, _ = unpack(X, n_axes)
    if isinstance(X, list | tuple):
        return [np.asanyarray(image) for image in X]  # some may be masked
    X = np.asanyarray(X)
    with_channels = X.ndim == n_axes + 1 and X.shape[-1] == (n_channels or X.shape[-1])
    lone = X.ndim == n_axes or with_channels
    return [X] if lone else list(X)
