"""SliceViewer: the slices of a volume and a slider, as HTML."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from math import sqrt
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._compat import require
from ..imaging._label_values import is_unlabeled, label_array
from ..imaging._orthogonal_views import lengths_of, plane, square_pixels
from ..imaging._rendering import as_gray, as_picture, colors, show_overlay
from ._axes import legend_texts
from ._volumes import spacing_of

MAX_SLICES = 64
MAX_PIXELS = 2**22  # of all pictures together
# All pictures are in the page, and one is shown. Untrusted notebooks do not run the handler, and
# show the middle one.
PAGE = """<div style="font-family: sans-serif; font-size: 90%">
{pictures}
<div><input type="range" min="0" max="{last}" value="{middle}" style="width: {width}px" \
aria-label="slice" oninput="for (const [i, p] of this.closest('div').parentNode\
.querySelectorAll('figure').entries()) p.style.display = i == this.value ? '' : 'none'"></div>
<div>{legend}</div>
</div>"""
PICTURE = """<figure style="margin: 0; display: {display}"><figcaption>{title}</figcaption>\
<img alt="{title}" width="{width}" style="image-rendering: pixelated" \
src="data:image/png;base64,{data}"></figure>"""
COLOR = """<span style="background: {color}; padding: 0 0.5em"></span> {text} &ensp;"""
WIDTH = 480  # least width of the pictures on the page, in pixels


class SliceViewer:
    """Slices of a volume, with its label map, and a slider in notebooks.

    At most 64 slices are drawn, evenly spread, and they have at most 4 million pixels together, so
    that a notebook grows by some megabytes at most. Larger volumes are subsampled.

    Parameters
    ----------
    volume : array-like of shape (D, H, W) or (D, H, W, C)
        The volume; only the slices are read.
    labels : array-like of shape (D, H, W) or None, default=None
        Its label map; -1 is unlabeled, and white. None draws the volume alone.
    spacing : sequence of three floats, default=(1, 1, 1)
        Sides of the voxels along z, y and x, in any unit.
    axis : {0, 1, 2}, default=0
        The axis along which the slider moves: z, y or x.
    display_labels : dict of label to str, or list of str in the order of the labels, default=None
        Texts of the legend. None shows the labels.
    alpha : float, default=0.4
        Opacity of the colors of the labels, in [0, 1].

    Attributes
    ----------
    positions_ : ndarray of shape (n_slices,)
        Indices of the slices along the axis.
    pictures_ : ndarray of shape (n_slices, height, width, 3), uint8
        The pictures.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_volume
    >>> from sklearn_segae.plotting import SliceViewer
    >>> volumes, labels = make_volume(size=(12, 24, 24), random_state=0)
    >>> viewer = SliceViewer(volumes[0], labels[0], spacing=(2, 1, 1))  # in a notebook, a slider
    >>> viewer.pictures_.shape
    (12, 24, 24, 3)
    """

    def __init__(
        self,
        volume: Any,
        labels: Any = None,
        *,
        spacing: Sequence[float] = (1, 1, 1),
        axis: int = 0,
        display_labels: Any = None,
        alpha: float = 0.4,
    ) -> None:
        self.volume = volume
        self.labels = labels
        self.spacing = spacing
        self.axis = axis
        self.display_labels = display_labels
        self.alpha = alpha
        self._check()
        self._draw()

    @classmethod
    def from_estimator(cls, segmenter: Any, volume: Any, **options: Any) -> Self:
        """Segment a volume, and draw its slices.

        Parameters
        ----------
        segmenter : AESegmenter
            An estimator that was fitted to volumes.
        volume : array-like of shape (D, H, W) or (D, H, W, C)
        **options : as in the class
        """
        check_is_fitted(segmenter)
        spacing = spacing_of(segmenter)
        if spacing is None:
            raise ValueError(
                "SliceViewer draws volumes, but the segmenter was fitted to images. Use "
                "SegmentationDisplay.from_estimator, or fit it with spacing=(1, 1, 1)."
            )
        return cls(volume, segmenter.predict([volume])[0], spacing=spacing, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML page that browsers open.

        Parameters
        ----------
        path : path
            Path of the file, such as "slices.html".
        """
        page = f"<!DOCTYPE html><meta charset='utf-8'><title>slices</title>{self._repr_html_()}"
        Path(path).write_text(page, encoding="utf-8")

    def _check(self) -> None:
        if self.axis not in (0, 1, 2):
            raise ValueError(f"axis={self.axis!r} is none of a volume. Pass 0 (z), 1 (y) or 2 (x).")
        shape = tuple(self.volume.shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                f"volume has shape {shape}, but one volume (D, H, W) or (D, H, W, C) is drawn. "
                "Use SegmentationDisplay for images."
            )
        if self.labels is not None and tuple(self.labels.shape) != shape[:3]:
            raise ValueError(
                f"labels has shape {tuple(self.labels.shape)}, but volume has {shape[:3]} voxels. "
                "Pass the label map of this volume."
            )

    def _draw(self) -> None:
        """Set the pictures and what the legend shows."""
        n = self.volume.shape[self.axis]
        self.positions_ = np.unique(np.linspace(0, n - 1, min(n, MAX_SLICES)).round().astype(int))
        volume, labels = self._slices(self.volume), None
        self._names: list[str] = []
        # One picture of all slices, so that they have the same scale of gray values.
        sheet = (as_gray if self.labels is not None else as_picture)(
            volume.reshape(-1, *volume.shape[2:])
        )
        if self.labels is not None:
            labels = label_array(self._slices(self.labels), "labels")
            sheet = self._overlay(sheet, labels)
        self.pictures_ = sheet.reshape(*volume.shape[:3], 3)

    def _overlay(self, sheet: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return pictures (n * h, w, 3) with the colors and borders of labels (n, h, w)."""
        known = ~is_unlabeled(labels)
        index = np.full(labels.shape, -1)
        values, index[known] = np.unique(np.ma.getdata(labels)[known], return_inverse=True)
        prefix = "" if self.display_labels is not None else "segment "
        self._names = legend_texts(values.tolist(), self.display_labels, prefix)
        parts = zip(sheet.reshape(*labels.shape, 3), index, strict=True)
        return np.stack([show_overlay(picture, own, self.alpha) for picture, own in parts])

    def _slices(self, array: Any) -> np.ndarray:
        """Return the slices (n, h, w[, C]), subsampled to square pixels."""
        sides = self.volume.shape[:3]
        height, width = np.delete(lengths_of(sides, self.spacing), self.axis)
        step = max(1.0, sqrt(height * width * len(self.positions_) / MAX_PIXELS))
        lines = square_pixels(sides, self.spacing, step)
        del lines[self.axis]
        parts = [plane(array, self.axis, i)[np.ix_(*lines)] for i in self.positions_]
        stack = np.ma.stack if any(map(np.ma.isMaskedArray, parts)) else np.stack
        return stack(parts)

    def _repr_html_(self) -> str:
        middle = len(self.positions_) // 2
        width = max(WIDTH, self.pictures_.shape[2])
        pictures = [
            PICTURE.format(
                display="" if i == middle else "none",
                title=f"{'zyx'[self.axis]} = {position}",
                width=width,
                data=_as_png(picture),
            )
            for i, (position, picture) in enumerate(
                zip(self.positions_, self.pictures_, strict=True)
            )
        ]
        palette = colors(len(self._names))
        legend = [
            COLOR.format(color="#{:02x}{:02x}{:02x}".format(*color), text=escape(name))
            for color, name in zip(palette.tolist(), self._names, strict=True)
        ]
        return PAGE.format(
            pictures="".join(pictures),
            legend="".join(legend),
            last=len(pictures) - 1,
            middle=middle,
            width=width,
        )


def _as_png(picture: np.ndarray) -> str:
    """Return a picture as the text of a PNG."""
    buffer = BytesIO()
    require("PIL.Image", "plot").fromarray(picture).save(buffer, "PNG")
    return b64encode(buffer.getvalue()).decode("ascii")
