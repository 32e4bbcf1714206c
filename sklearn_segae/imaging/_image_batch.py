"""Containers of images: rows, stacks, lists, and dask arrays.

To add a container, add a class and a line in `image_batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import validate_data

from ._containers import unpack, wrap
from ._dask import concatenate, is_dask, lazy_maps, with_channels
from ._label_values import can_hold
from ._lazy_images import OutputSlot, RowImage
from ._no_data import masked_like, masked_rows, spread
from ._normalization import Rule
from ._tiled_inference import TileRequest
from ._validation import check_images, is_image_list, is_rows, refuse_gray_image


class MapKind(NamedTuple):
    """Kind of numbers in the maps of a method, to validate `out`."""

    numbers: str
    dtype_kinds: str  # of numpy
    labels: np.ndarray | None = None  # all that may occur

    def of(self, image: Any) -> MapKind:
        """Return the kind of the map of an image, whose pixels without data are unlabeled."""
        if self.labels is None or not getattr(image, "is_masked", False):
            return self
        missing = np.arange(len(self.labels) + 1) == 0
        return self._replace(labels=spread(self.labels, missing))

    def fits(self, dtype: np.dtype) -> bool:
        """Return whether an array of this dtype can hold a map."""
        return (
            dtype.kind in self.dtype_kinds if self.labels is None else can_hold(dtype, self.labels)
        )

    def __str__(self) -> str:
        if self.labels is None:
            return self.numbers
        return f"a dtype that holds the labels {self.labels.tolist()!s:.60} ({self.labels.dtype})"


LABELS = MapKind("integers", "iu")
CODES = MapKind("floats", "f")


class ImageBatch:
    """Base class of containers of images (H, W, C).

    `is_rows` is True for the rows of a table, which are one image of width 1.
    """

    is_rows = False

    def __init__(self, images: list[Any], masked: Sequence[bool] = ()) -> None:
        self.images = images
        self.masked = masked or [False] * len(images)  # whether each was a masked array

    def __len__(self) -> int:
        return len(self.images)

    @property
    def plain(self) -> ImageBatch:
        """The batch without names of axes."""
        return self

    def normalized(self, rule: Rule) -> Self:
        """Return a batch of normalized images."""
        return type(self)(rule.apply(self.images), self.masked)

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return maps, one per image, in the container type of the input."""
        raise NotImplementedError

    def mask(self, maps: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return maps, of which those of masked arrays are masked, too."""
        trios = zip(maps, self.images, self.masked, strict=True)
        return [masked_like(m, image) if masked else m for m, image, masked in trios]

    def map(
        self,
        models: Sequence[Any],
        method: str,
        max_memory: int,
        out: Any = None,
        tail: tuple[int, ...] = (),
        kind: MapKind = CODES,
        **options: Any,
    ) -> Any:
        """Return the maps `model.method(image, request, **options)` of all images.

        Parameters
        ----------
        models : sequence of objects
            One per image, with a method `cost(image)` for the cost of a tile.
        method : str
            Computes a map (H, W, *tail) tile by tile, as given by a `TileRequest`.
        max_memory : int
            In bytes.
        out : like the returned maps, default=None
            Output array, validated against `tail` and `kind`.

        Returns
        -------
        maps : in the container type of the input; `out` if given; lazy for dask
        """
        slots = self._slots(out, tail, kind)
        maps = [
            getattr(model, method)(image, TileRequest(max_memory, slot), **options)
            for model, image, slot in zip(models, self.images, slots, strict=True)
        ]
        return self.restore(maps) if out is None else out

    def _slots(self, out: Any, tail: tuple[int, ...], kind: MapKind) -> list[Any]:
        """Return the validated part of `out` for each image, or None."""
        if out is None:
            return [None] * len(self)
        for part in out if isinstance(out, list | tuple) else [out]:
            if not (hasattr(part, "shape") and hasattr(part, "dtype")):
                raise TypeError(
                    f"out={out!r:.60} is no array to write into. Pass an array, a numpy.memmap or "
                    "a zarr array, or a list of them."
                )
        parts = self._parts(out)
        for i, (part, image) in enumerate(zip(parts, self.images, strict=True)):
            expected = (*image.shape[:-1], *tail)
            own = kind.of(image)
            if tuple(part.shape) != expected or not own.fits(np.dtype(part.dtype)):
                raise ValueError(
                    f"out[{i}] has shape {tuple(part.shape)} and dtype {part.dtype}, but shape "
                    f"{expected} and {own} are needed."
                )
        return parts

    def _parts(self, out: Any) -> list[Any]:
        """Return the part of `out` for each image."""
        raise NotImplementedError

    def _check_out(self, out: Any, needed: str, fits: bool) -> None:
        if not fits:
            length = len(out) if isinstance(out, list | tuple) else out.shape[0]
            raise ValueError(
                f"out is of type {type(out).__name__} and length {length}, but X is {needed} of "
                f"length {len(self)}. Pass a list for a list of images, and one array for a stack."
            )


class RowBatch(ImageBatch):
    """The rows (n_samples, n_features) of a table."""

    is_rows = True

    def normalized(self, rule: Rule) -> Self:
        """Return the batch itself, since rows are not normalized."""
        return self

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return the map of the rows, (n, 1, ...) -> (n, ...)."""
        return maps[0][:, 0]

    def _parts(self, out: Any) -> list[Any]:
        raise ValueError("out is for images, but X holds rows. Leave it out.")


class ImageStack(ImageBatch):
    """Images of the same size, in one array."""

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Stack the maps."""
        return np.ma.stack(self.mask(maps)) if any(self.masked) else np.stack(maps)

    def _parts(self, out: Any) -> list[Any]:
        is_array = not isinstance(out, list | tuple)
        self._check_out(out, "a stack", is_array and out.shape[0] == len(self))
        return [OutputSlot(out, i) for i in range(len(self))]


class ImageList(ImageBatch):
    """A list of images of any size."""

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return the list of maps."""
        return self.mask(maps)

    def _parts(self, out: Any) -> list[Any]:
        self._check_out(out, "a list", isinstance(out, list | tuple) and len(out) == len(self))
        return list(out)


class NamedBatch(ImageBatch):
    """Images of xarray, whose maps have the same coordinates.

    `batch` has their values, and `axes` is a `NamedAxes`, or a list of these or None for a list.
    """

    def __init__(self, batch: ImageBatch, axes: Any) -> None:
        self.batch = batch
        self.axes = axes

    @property
    def images(self) -> list[Any]:  # type: ignore[override]
        """The images, as arrays."""
        return self.batch.images

    @property
    def plain(self) -> ImageBatch:
        """The batch without names."""
        return self.batch

    def __len__(self) -> int:
        return len(self.batch)

    def normalized(self, rule: Rule) -> Self:
        """Return a batch of normalized images."""
        return type(self)(self.batch.normalized(rule), self.axes)

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return maps with the coordinates of the images."""
        return wrap(self.axes, self.batch.restore(maps))

    def map(
        self,
        models: Sequence[Any],
        method: str,
        max_memory: int,
        out: Any = None,
        tail: tuple[int, ...] = (),
        kind: MapKind = CODES,
        **options: Any,
    ) -> Any:
        """Return maps with the coordinates of the images, or `out`."""
        maps = self.batch.map(models, method, max_memory, out, tail, kind, **options)
        return wrap(self.axes, maps) if out is None else out


class DaskBatch(ImageBatch):
    """A dask array of images (n, H, W[, C]), or a list of dask arrays (H, W[, C]); maps are lazy.

    `images` are LazyImages (H, W, C). `rule` normalizes them, if given.
    """

    def __init__(self, X: Any, images: list[Any], rule: Rule | None = None) -> None:
        self.X = X
        self.stored = images
        self.rule = rule
        self.n_axes = len(images[0].shape) - 1

    @property
    def images(self) -> list[Any]:  # type: ignore[override]
        """The images; those with their own ranges are read for them on each access."""
        return self.stored if self.rule is None else self.rule.apply(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def normalized(self, rule: Rule) -> Self:
        """Return a batch of normalized images, whose ranges are computed later."""
        rule.warn_of_small(self.stored)
        return type(self)(self.X, self.stored, rule)

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return maps in memory, as a list for a list, else stacked."""
        return maps if isinstance(self.X, list | tuple) else np.stack(maps)

    def map(
        self,
        models: Sequence[Any],
        method: str,
        max_memory: int,
        out: Any = None,
        tail: tuple[int, ...] = (),
        kind: MapKind = CODES,
        **options: Any,
    ) -> Any:
        """Return dask arrays of the maps; raise an error for `out`."""
        if out is not None:
            raise ValueError(
                "out is written at once, but X is a dask array, whose answer is computed later. "
                "Leave out away, and store the answer: dask.array.store(model.predict(X), out)."
            )
        listed = isinstance(self.X, list | tuple)
        maps = [
            lazy_maps(stack, model, method, options, max_memory, self.rule)
            for stack, model in self._stacks(models)
        ]
        return [part[0] for part in maps] if listed else concatenate(maps)

    def _stacks(self, models: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return pairs of a dask array (n, H, W, C) and the model for its images."""
        if isinstance(self.X, list | tuple):
            stacks = [with_channels(x[None], self.n_axes) for x in self.X]
        else:
            stacks = [with_channels(self.X, self.n_axes)]
            if all(model is models[0] for model in models):
                return [(stacks[0], models[0])]
            stacks = [stacks[0][i : i + 1] for i in range(len(self))]
        return list(zip(stacks, models, strict=True))


def image_batch(X: Any, n_axes: int = 2, **options: Any) -> ImageBatch:
    """Return validated images in their container; `options` are those of `check_images`."""
    X, axes = unpack(X, n_axes)
    batch = _image_batch(X, check_images(X, n_axes=n_axes, **options))
    return batch if axes is None else NamedBatch(batch, axes)


def _image_batch(X: Any, images: list[Any]) -> ImageBatch:
    if is_dask(X):
        return DaskBatch(X, images)
    if is_image_list(X):
        return ImageList(images, [isinstance(x, np.ma.MaskedArray) for x in X])
    return ImageStack(images, [isinstance(X, np.ma.MaskedArray)] * len(images))


def check_batch(estimator: Any, X: Any, *, reset: bool, n_axes: int = 2) -> ImageBatch:
    """Return validated rows (n_samples, n_features) or images, like scikit-learn's `validate_data`.

    With `reset`, as in `fit`, set `n_features_in_` and `rows_` from `X`; else compare with them.
    Images have `n_axes` spatial axes.
    """
    given, X = X, unpack(X, n_axes)[0]
    rows, owner = is_rows(X), type(estimator).__name__
    if rows:
        refuse_gray_image(X)
    if reset:
        estimator.rows_ = rows
    elif rows != estimator.rows_:
        was, now = ("rows", "images") if estimator.rows_ else ("images", "rows")
        hint = " Pass X[None] if X is one image." if rows and np.ndim(X) == 2 else ""
        raise ValueError(f"X holds {now}, but {owner} was fitted with {was}.{hint}")
    if rows and n_axes == 3:
        raise ValueError(
            f"X has shape {np.shape(X)}, which is a table of rows, but spacing says that there are "
            "volumes. Pass volumes (n, D, H, W), or spacing=None."
        )
    if rows:
        X = validate_data(estimator, masked_rows(X), dtype=[np.float64, np.float32], reset=reset)
        return RowBatch([RowImage(X)])
    n_channels = None if reset else estimator.n_features_in_
    batch = image_batch(given, n_axes, n_channels=n_channels, owner=owner)
    if reset:
        estimator.n_features_in_ = batch.images[0].shape[-1]
    return batch
