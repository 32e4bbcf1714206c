"""Displays of label maps and uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..imaging._containers import to_maps, unpack
from ..imaging._label_values import encode_labels, is_unlabeled, label_array
from ..imaging._rendering import as_gray, as_picture, show_overlay
from ..inspection._reconstruction_error import reconstruction_error
from ._axes import (
    PANEL,
    SEQUENTIAL,
    as_list,
    aspect_of,
    blank,
    draw_color_bar,
    draw_legend,
    draw_picture,
    draw_scale_bar,
    legend_texts,
    panels,
    rows_of,
)
from ._volumes import as_pictures, check_label_maps, spacing_of, wider


class SegmentationDisplay:
    """Label maps over their images, with boundaries and a legend.

    Parameters
    ----------
    images : list of ndarray of shape (H, W) or (H, W, C)
        The images.
    label_maps : list of ndarray of shape (H, W)
        Their label maps; -1 is unlabeled, and white.
    display_labels : dict of label to str, or list of str in the order of the labels, default=None
        Texts of the legend. None shows the labels.
    labels : sequence, default=None
        All possible labels, which determine the colors. None: the labels that occur.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, Axes of the first image, ndarray of all Axes
    legend_ : matplotlib Legend or None
        The legend, if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.plotting import SegmentationDisplay
    >>> labels = np.repeat([[0, 1]], 8, axis=0).repeat(4, axis=1)
    >>> display = SegmentationDisplay.from_predictions(
    ...     labels * 0.5, labels, display_labels=["sea", "land"]
    ... )
    >>> [text.get_text() for text in display.legend_.get_texts()]
    ['sea', 'land']
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        label_maps: Sequence[np.ndarray],
        *,
        display_labels: Any = None,
        labels: Any = None,
    ) -> None:
        self.images = images
        self.label_maps = label_maps
        self.display_labels = display_labels
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        X: Any,
        *,
        display_labels: Any = None,
        point: Sequence[int] | None = None,
        **options: Any,
    ) -> Self:
        """Segment one image, a stack or a list of images, and draw the label maps.

        Three orthogonal slices of each volume are drawn: (y, x), to its right (y, z), and below it
        (z, x), with the aspect of the spacing.

        Parameters
        ----------
        segmenter : AESegmenter
            A fitted estimator.
        X : array (H, W) or (H, W, C), or as in `AESegmenter.predict`
            For a segmenter of volumes, one volume (D, H, W) or (D, H, W, C), or several.
        display_labels : as in the class, default=None
        point : (z, y, x), default=None
            The voxel of volumes that the slices contain. None is the center of each.
        **options : as in `plot`
        """
        check_is_fitted(segmenter)
        images = as_list(X, segmenter.n_features_in_, segmenter.n_axes)
        maps, spacing = segmenter.predict(images), spacing_of(segmenter)
        options = wider(options, spacing)
        display = cls(
            as_pictures(images, spacing, point),
            as_pictures(maps, spacing, point),
            display_labels=display_labels,
            labels=getattr(segmenter, "classes_", None),
        )
        return display.plot(**options)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        labels: Any,
        *,
        display_labels: Any = None,
        spacing: Sequence[float] | None = None,
        point: Sequence[int] | None = None,
        **options: Any,
    ) -> Self:
        """Draw given label maps.

        Parameters
        ----------
        X : array (H, W) or (H, W, C), or a list of such
            With `spacing`, volumes (D, H, W) or (D, H, W, C).
        labels : array (H, W), or a list of such
            With `spacing`, (D, H, W).
        spacing : sequence of three floats, default=None
            Sides of the voxels of volumes along z, y and x, in any unit. None: `X` holds images.
        display_labels, point, **options : as in `from_estimator`
        """
        n_axes = 2 if spacing is None else 3
        one = isinstance(labels, np.ndarray) and labels.ndim == n_axes
        images, maps = (
            ([X], [labels]) if one else (list(unpack(X, n_axes)[0]), list(to_maps(labels, n_axes)))
        )
        maps = [label_array(m, f"labels[{i}]") for i, m in enumerate(maps)]
        pictures = [as_pictures(arrays, spacing, point) for arrays in (images, maps)]
        return cls(*pictures, display_labels=display_labels).plot(**wider(options, spacing))

    def plot(
        self,
        *,
        ax: Any = None,
        alpha: float = 0.4,
        color: bool = False,
        legend: bool = True,
        titles: Sequence[str] | None = None,
        n_columns: int | None = None,
        pixel_size: float | None = None,
        units: str = "µm",
        size: float = PANEL,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, or one for each image, default=None
            Axes to draw on; a single one is subdivided. None creates a figure.
        alpha : float, default=0.4
            Opacity of the colors of the labels, in [0, 1].
        color : bool, default=False
            Whether to draw images in color below the labels, instead of in gray.
        legend : bool, default=True
            Whether to draw a legend.
        titles : list of str, default=None
            Title of every image.
        n_columns : int, default=None
            Number of columns of panels. None: at most four.
        pixel_size : float, default=None
            Side of a pixel in `units`, for a scale bar; of volumes, the shortest side of a voxel.
            None draws no scale bar.
        units : str, default="µm"
            Unit of `pixel_size`.
        size : float, default=2.6
            Width of new axes in inches. That of volumes is 5.2 unless it is given.
        """
        check_label_maps(self.label_maps)
        shape = rows_of(len(self.images), n_columns)
        aspect = aspect_of(self.label_maps[0])
        self.figure_, self.axes_ = panels(*shape, ax, size=size, aspect=aspect)
        self.ax_ = self.axes_.ravel()[0]
        labels = self._known_labels()
        blank(self.axes_)
        for i, (image, own) in enumerate(zip(self.images, self.label_maps, strict=True)):
            known = ~is_unlabeled(own)
            index = np.full(own.shape, -1)
            index[known] = np.searchsorted(labels, np.ma.getdata(own)[known])
            below = as_picture(image) if color else as_gray(image)
            picture = show_overlay(below, index, alpha)
            draw_picture(self.axes_.ravel()[i], picture, titles[i] if titles else "")
            draw_scale_bar(self.axes_.ravel()[i], own.shape[1], pixel_size, units)
        named = self.labels is not None or self.display_labels is not None
        names = legend_texts(labels.tolist(), self.display_labels, "" if named else "segment ")
        self.legend_ = None
        if legend:
            last = self.axes_.ravel()[len(self.images) - 1]
            self.legend_ = draw_legend(self.figure_, last, names, own_figure=ax is None)
        return self

    def _known_labels(self) -> np.ndarray:
        if self.labels is not None:
            return np.unique(self.labels)
        _, found = encode_labels(self.label_maps, [~is_unlabeled(m) for m in self.label_maps])
        return found if len(found) else np.zeros(1, int)


class UncertaintyDisplay:
    """Uncertainty maps below their images.

    Parameters
    ----------
    images : list of ndarray of shape (H, W) or (H, W, C)
        The images.
    maps : list of ndarray of shape (H, W)
        Their uncertainty maps; 0 is certain.
    measure : str, default="entropy"
        The measure of the uncertainty.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of Axes (2, n_images)
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        maps: Sequence[np.ndarray],
        *,
        measure: str = "entropy",
    ) -> None:
        self.images = images
        self.maps = maps
        self.measure = measure

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        measure: str = "entropy",
        point: Sequence[int] | None = None,
        **options: Any,
    ) -> Self:
        """Compute and draw the uncertainty of labels, or reconstruction errors.

        Parameters
        ----------
        estimator : AESegmenter, or PixelEncoder for "reconstruction_error"
            A fitted estimator.
        X : array (H, W) or (H, W, C), or as in `AESegmenter.predict`
        measure : {"entropy", "margin", "least_confidence", "reconstruction_error"}, \
default="entropy"
            The measure of `AESegmenter.uncertainty`, or the error of the encoder.
        point : as in `SegmentationDisplay.from_estimator`
        **options : as in `plot`
        """
        check_is_fitted(estimator)
        spacing = spacing_of(estimator)
        images = as_list(X, estimator.n_features_in_, 2 if spacing is None else 3)
        if measure == "reconstruction_error":
            maps = reconstruction_error(estimator, images)
        else:
            maps = estimator.uncertainty(images, measure=measure)
        pictures = [as_pictures(arrays, spacing, point) for arrays in (images, maps)]
        return cls(*pictures, measure=measure).plot(**wider(options, spacing))

    def plot(
        self,
        *,
        ax: Any = None,
        pixel_size: float | None = None,
        units: str = "µm",
        size: float = PANEL,
    ) -> Self:
        """Draw; parameters as in `SegmentationDisplay.plot`."""
        self.figure_, self.axes_ = panels(
            2, len(self.images), ax, size=size, aspect=aspect_of(self.maps[0]), n_bars=1
        )
        self.ax_ = self.axes_[0, 0]
        # The 99th percentile, so that single pixels do not determine the scale.
        highest = max(float(np.nanpercentile(np.asarray(own), 99)) for own in self.maps)
        if self.measure != "reconstruction_error":
            highest = 1.0
        for image, own, (above, below) in zip(self.images, self.maps, self.axes_.T, strict=True):
            draw_picture(above, image)
            draw_scale_bar(above, own.shape[1], pixel_size, units)
            found = draw_picture(below, own, cmap=SEQUENTIAL, vmin=0, vmax=highest)
        draw_color_bar(self.figure_, found, self.axes_[1], self.measure.replace("_", " "))
        return self
