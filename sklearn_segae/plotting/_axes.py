"""Axes for displays: panels, pictures, scale bars, legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._rendering import PALETTE, as_picture, colors

PANEL = 2.6  # width of a panel in inches
TITLE, BAR = 0.3, 0.9  # height of a title, width of a color bar
SEQUENTIAL = "cividis"  # dark to bright, blue to yellow, for every kind of color vision
DIVERGING = "PuOr_r"  # violet below 0, orange above it
SHARE = 0.25  # of the width of a picture that a scale bar has at most
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
    """Return a figure and axes (n_rows, n_columns): new ones, or within or of those given.

    One given axes is divided, many are used one by one. `size` is the width of a new one in inches,
    `aspect` its height over its width; there is room for `n_bars` color bars beside them.
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
        raise ValueError(
            f"ax holds {len(given)} axes, but {n} panels are to be drawn. Pass 1 or {n}."
        )
    outer = given[0]
    outer.set_axis_off()
    grid = outer.get_subplotspec().subgridspec(n_rows, n_columns)
    return outer.figure, grid.subplots(squeeze=False)


def rows_of(n: int, n_columns: int | None) -> tuple[int, int]:
    """Return rows and columns of panels for n things."""
    n_columns = min(n, n_columns or 4)
    return -(-n // n_columns), n_columns


def aspect_of(image: np.ndarray) -> float:
    """Return height over width."""
    return image.shape[0] / image.shape[1]


def blank(axes: np.ndarray) -> None:
    """Take frames and ticks off axes."""
    for ax in axes.ravel():
        ax.set_axis_off()


def draw_picture(ax: Any, image: np.ndarray, title: str = "", **options: Any) -> Any:
    """Show an image of any channels, or with `cmap` a map of numbers, one pixel as one square."""
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize="medium")
    picture = image if "cmap" in options else as_picture(image)
    # Large pictures are averaged down; small ones are not smeared.
    return ax.imshow(picture, interpolation="antialiased", **options)


def draw_scale_bar(ax: Any, width: int, pixel_size: float | None, units: str) -> None:
    """Draw a bar of a round length at the bottom left; nothing without the size of a pixel."""
    if pixel_size is None:
        return
    if not pixel_size > 0:
        raise ValueError(f"pixel_size={pixel_size!r}, but a pixel has a side above 0, in `units`.")
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
    """Return the largest 1, 2 or 5 times a power of ten that is not longer."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9)))


def draw_legend(figure: Any, ax: Any, names: Sequence[str], own_figure: bool) -> Any:
    """Draw the names of segments beside their colors: below the figure, or right of one axes."""
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
    """Say what the colors of a map mean."""
    return figure.colorbar(mappable, ax=axes, label=label, aspect=15)


def legend_texts(labels: Sequence[Any], display_labels: Any, prefix: str) -> list[str]:
    """Return a name for every label: from a mapping, from a list in their order, or the label."""
    if display_labels is None:
        return [f"{prefix}{label}" for label in labels]
    if isinstance(display_labels, Mapping):
        return [str(display_labels.get(label, f"{prefix}{label}")) for label in labels]
    if len(display_labels) != len(labels):
        raise ValueError(
            f"display_labels={display_labels!r} holds {len(display_labels)} names, but there are "
            f"the labels {list(labels)}. "
            "Pass as many, or a dict from label to name."
        )
    return [str(name) for name in display_labels]


def as_list(X: Any, n_channels: int | None) -> list[np.ndarray]:
    """Return images one by one: of a stack, of a list, or of one image (H, W) or (H, W, C)."""
    if isinstance(X, list | tuple):
        return [np.asarray(image) for image in X]
    X = np.asarray(X)
    lone = X.ndim == 2 or (X.ndim == 3 and X.shape[2] == (n_channels or X.shape[2]))
    return [X] if lone else list(X)
