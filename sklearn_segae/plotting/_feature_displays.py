"""Displays of feature maps and region trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..imaging._rendering import as_picture, show_borders
from ..regions._region_tree import RegionTree
from ._axes import (
    SEQUENTIAL,
    aspect_of,
    blank,
    draw_color_bar,
    draw_picture,
    draw_scale_bar,
    panels,
    rows_of,
)
from ._volumes import as_pictures, spacing_of


class FeatureMapDisplay:
    """Components of the codes of an image.

    Parameters
    ----------
    maps : ndarray of shape (H, W, n_components)
        The codes.
    autocorrelation : array of shape (n_components,), default=None
        Spatial autocorrelation of every component, for the titles.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of all Axes
    """

    def __init__(self, maps: np.ndarray, *, autocorrelation: Any = None) -> None:
        self.maps = maps
        self.autocorrelation = autocorrelation

    @classmethod
    def from_estimator(
        cls, estimator: Any, image: Any, *, point: Sequence[int] | None = None, **options: Any
    ) -> Self:
        """Encode an image, and draw its codes.

        Parameters
        ----------
        estimator : PixelEncoder or AESegmenter
            A fitted estimator.
        image : array (H, W) or (H, W, C)
            For an estimator of volumes, (D, H, W) or (D, H, W, C).
        point : as in `SegmentationDisplay.from_estimator`
        **options : as in `plot`
        """
        check_is_fitted(estimator)
        codes = estimator.transform([np.asanyarray(image)])
        (maps,) = as_pictures(codes, spacing_of(estimator), point)
        encoder = getattr(estimator, "encoder_", estimator)
        values = getattr(encoder, "autocorrelation_", None)
        known = values is not None and len(values) == maps.shape[2]
        return cls(maps, autocorrelation=values if known else None).plot(**options)

    def plot(self, *, ax: Any = None, n_components: int = 16, n_columns: int | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax, n_columns : as in `SegmentationDisplay.plot`
        n_components : int, default=16
            Maximum number of components; the first ones are drawn.
        """
        n = min(n_components, self.maps.shape[2])
        self.figure_, self.axes_ = panels(
            *rows_of(n, n_columns), ax, size=1.8, aspect=aspect_of(self.maps)
        )
        self.ax_ = self.axes_.ravel()[0]
        blank(self.axes_)
        for i in range(n):
            own = self.maps[..., i]
            low, high = np.nanpercentile(np.asarray(own), (1, 99))
            title = f"code {i}"
            if self.autocorrelation is not None:
                title += f", autocorrelation {self.autocorrelation[i]:.2f}"
            draw_picture(self.axes_.ravel()[i], own, cmap=SEQUENTIAL, vmin=low, vmax=high)
            self.axes_.ravel()[i].set_title(title, fontsize="small")
        return self


class RegionTreeDisplay:
    """An image, the strength of its boundaries, and segmentations from its region tree.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (H, W, C)
        The image.
    tree : RegionTree
        Its region tree.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of all Axes
    cuts_ : list of ndarray of shape (H, W)
        The label maps that are drawn.
    """

    def __init__(self, image: np.ndarray, tree: RegionTree) -> None:
        self.image = image
        self.tree = tree

    @classmethod
    def from_estimator(cls, segmenter: Any, image: Any, **options: Any) -> Self:
        """Build the region tree of an image, and draw it.

        Parameters
        ----------
        segmenter : AESegmenter
            A fitted segmenter with `scope="image"`.
        image : array (H, W) or (H, W, C)
        **options : as in `plot`
        """
        image = np.asanyarray(image)
        return cls(image, segmenter.region_tree(image)).plot(**options)

    def plot(
        self,
        *,
        ax: Any = None,
        n_segments: Sequence[int] = (4, 12),
        pixel_size: float | None = None,
        units: str = "µm",
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax, pixel_size, units : as in `SegmentationDisplay.plot`
        n_segments : sequence of int, default=(4, 12)
            Numbers of segments of the segmentations, for any strength of the boundaries.
        """
        self.cuts_ = [self.tree.cut(n_segments=n, min_strength=0) for n in n_segments]
        self.figure_, self.axes_ = panels(
            1, 2 + len(self.cuts_), ax, aspect=aspect_of(self.image), n_bars=1
        )
        picture, contours, *cuts = self.axes_.ravel()
        self.ax_ = picture
        draw_picture(picture, self.image)
        draw_scale_bar(picture, self.image.shape[1], pixel_size, units)
        found = draw_picture(contours, self.tree.contours(), "borders", cmap="gray_r")
        draw_color_bar(self.figure_, found, contours, "strength")
        for own, panel in zip(self.cuts_, cuts, strict=True):
            title = f"{len(np.unique(own))} segments"
            draw_picture(panel, show_borders(as_picture(self.image), own), title)
        return self
