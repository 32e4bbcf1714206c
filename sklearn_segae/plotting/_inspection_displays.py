"""Displays of prototypes and attributions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils import Bunch

from ..imaging._rendering import as_picture, colors
from ..inspection._attribution import pixel_attribution
from ..inspection._prototypes import segment_prototypes
from ._axes import (
    DIVERGING,
    LINES,
    aspect_of,
    draw_color_bar,
    draw_picture,
    draw_scale_bar,
    legend_texts,
    panels,
)
from ._volumes import as_pictures, spacing_of

CUBES = (1, 1, 1)


class PrototypeDisplay:
    """Prototypical patches of each segment, in one row per segment.

    Parameters
    ----------
    prototypes : Bunch
        Result of :func:`~sklearn_segae.inspection.segment_prototypes`.
    display_labels : dict of label to str, or list of str in the order of the labels, default=None
        Texts of the segments. None shows the labels.
    spacing : sequence of three floats, default=None
        Sides of the voxels of volumes along z, y and x. None is that of cubes. Three orthogonal
        slices through the center of each prototype are drawn.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of Axes (n_segments, n_prototypes)
    """

    def __init__(
        self, prototypes: Bunch, *, display_labels: Any = None, spacing: Any = None
    ) -> None:
        self.prototypes = prototypes
        self.display_labels = display_labels
        self.spacing = spacing

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        images: Any,
        *,
        n_prototypes: int = 4,
        size: int = 32,
        max_pixels: int | None = 2**18,
        display_labels: Any = None,
        **options: Any,
    ) -> Self:
        """Find prototypes, and draw them; parameters as in `segment_prototypes` and `plot`."""
        found = segment_prototypes(
            segmenter, images, n_prototypes=n_prototypes, size=size, max_pixels=max_pixels
        )
        spacing = spacing_of(segmenter)
        return cls(found, display_labels=display_labels, spacing=spacing).plot(**options)

    def plot(self, *, ax: Any = None, pixel_size: float | None = None, units: str = "µm") -> Self:
        """Draw; parameters as in `SegmentationDisplay.plot`.

        The colors of the frames are those of that display, if all labels occur.
        """
        found = self.prototypes
        labels = np.unique(found.segments)
        members = [np.flatnonzero(found.segments == label) for label in labels]
        n_most = max(map(len, members))
        self.figure_, self.axes_ = panels(len(labels), n_most, ax, size=1.3)
        self.ax_ = self.axes_[0, 0]
        patches = found.patches
        if found.positions.shape[1] == 3:
            patches = np.ma.stack(as_pictures(patches, self.spacing or CUBES))
        pictures = _pictures(patches)
        names = legend_texts(labels.tolist(), self.display_labels, "segment ")
        palette = colors(len(labels)) / 255
        for name, own, color, row in zip(names, members, palette, self.axes_, strict=True):
            for ax_ in row[len(own) :]:
                ax_.set_axis_off()
            for i, ax_ in zip(own, row, strict=False):
                draw_picture(ax_, pictures[i])
                ax_.set_title(f"image {found.image_index[i]}: {found.scores[i]:.2f}", fontsize=7)
                _frame(ax_, color)
            row[0].set_ylabel(name)
        draw_scale_bar(self.ax_, patches.shape[2], pixel_size, units)
        return self


class AttributionDisplay:
    """An image, the attribution of a label to its pixels, and the attribution to its channels.

    Parameters
    ----------
    attribution : Bunch
        Result of :func:`~sklearn_segae.inspection.pixel_attribution`.
    channel_names : list of str, default=None
        Names of the channels. None numbers them.
    display_labels : dict of label to str, default=None
        Texts of the segments. None shows the labels.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of all Axes: image, map, channels
    """

    def __init__(
        self, attribution: Bunch, *, channel_names: Any = None, display_labels: Any = None
    ) -> None:
        self.attribution = attribution
        self.channel_names = channel_names
        self.display_labels = display_labels

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        image: Any,
        pixel: Any,
        segment: Any = None,
        *,
        channel_names: Any = None,
        display_labels: Any = None,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Compute and draw the attribution of the label of a pixel.

        Parameters
        ----------
        segmenter, image, pixel, segment, **options : as in `pixel_attribution`
        channel_names, display_labels : as in the class
        ax : as in `plot`
        """
        found = pixel_attribution(segmenter, image, pixel, segment, **options)
        return cls(found, channel_names=channel_names, display_labels=display_labels).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw about 99 % of the attribution; `ax` as in `SegmentationDisplay.plot`."""
        found = self.attribution
        # Sums over the channels; one percent of the pixels may exceed the color scale.
        total = found.attribution.sum(2)
        window = _relevant_part(total)
        total, region = total[window], found.region[window]
        n_panels = 2 if found.attribution.shape[2] == 1 else 3
        self.figure_, self.axes_ = panels(
            1, n_panels, ax, size=3, aspect=aspect_of(total), n_bars=1
        )
        self.ax_, heat, *rest = self.axes_.ravel()
        segment, other = (self._text(label) for label in (found.segment, found.against))
        draw_picture(self.ax_, as_picture(found.pixels)[window], segment)
        limit = max(float(np.percentile(np.abs(total), 99)), 1e-12)
        heat_map = draw_picture(
            heat, total, f"against {other}", cmap=DIVERGING, vmin=-limit, vmax=limit
        )
        for panel in (self.ax_, heat):
            _mark(panel, region)
        draw_color_bar(self.figure_, heat_map, heat, "nats per pixel")
        for bars in rest:
            self._draw_channels(bars)
        return self

    def _draw_channels(self, ax: Any) -> None:
        channels = self.attribution.channels
        names = self.channel_names or [f"channel {i}" for i in range(len(channels))]
        signs = [LINES[1] if value > 0 else LINES[0] for value in channels]
        ax.barh(np.arange(len(channels)), channels, color=signs)
        ax.axvline(0, color="0.3", lw=0.8)
        ax.set_yticks(np.arange(len(channels)), names)
        ax.invert_yaxis()
        ax.set_xlabel("log-odds (nats)")
        ax.spines[["top", "right"]].set_visible(False)

    def _text(self, label: Any) -> str:
        prefix = "" if isinstance(label, str) else "segment "
        return legend_texts(
            [label], {} if self.display_labels is None else self.display_labels, prefix
        )[0]


def _relevant_part(total: np.ndarray) -> tuple[slice, slice]:
    """Return the part of a window that holds 99 % of the attribution, with a margin."""
    parts = []
    for axis in (1, 0):
        mass = np.cumsum(np.abs(total).sum(axis))
        first, last = np.searchsorted(mass / max(mass[-1], 1e-12), (0.005, 0.995))
        margin = 2 + (last - first) // 3
        parts.append(slice(max(0, int(first - margin)), int(last + margin + 1)))
    return parts[0], parts[1]


def _pictures(patches: np.ndarray) -> list[np.ndarray]:
    """Return patches as pictures with a common scale of brightness."""
    m, height, width = patches.shape[:3]
    sheet = as_picture(np.reshape(patches, (m * height, width, -1)))
    return list(sheet.reshape(m, height, width, 3))


def _frame(ax: Any, color: Any) -> None:
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(color=color, linewidth=2.5)


def _mark(ax: Any, region: np.ndarray) -> None:
    """Draw a cross at a single pixel, or the outline of a region."""
    y, x = np.nonzero(region)
    if len(y) == 1:
        ax.plot(x, y, "+", color="white", markersize=13, markeredgewidth=3)
        ax.plot(x, y, "+", color="black", markersize=12, markeredgewidth=1.3)
    else:
        ax.contour(region, [0.5], colors="black", linewidths=1.2)
