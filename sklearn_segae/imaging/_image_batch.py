"""What a method was given, as images, and how its answer is handed back.

The only place that knows which containers there are: rows, a stack, a list, and dask arrays of
either. A new one is one class here and one line in `image_batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import validate_data

from ._dask import concatenate, is_dask, lazy_maps, with_channels
from ._lazy_images import OutputSlot, RowImage
from ._normalization import normalize
from ._tiled_inference import TileRequest
from ._validation import check_images, is_image_list, is_rows


class MapKind(NamedTuple):
    """What the maps (H, W) or (H, W, k) of a method hold, for whoever brings an `out`."""

    numbers: str
    dtype_kinds: str  # of numpy


LABELS = MapKind("integers", "iu")
CODES = MapKind("floats", "f")


class ImageBatch:
    """Images (H, W, C) in the container that they came in.

    Parameters
    ----------
    images : list of arrays (H, W, C)

    Attributes
    ----------
    images : list of arrays (H, W, C)
    is_rows : bool
        Whether they are the rows of a table: one image, a pixel wide.
    """

    is_rows = False

    def __init__(self, images: list[Any]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def normalized(self, typical: np.ndarray) -> Self:
        """Return the same with all channels mapped from their own ranges to [0, 1]."""
        return type(self)([normalize(image, typical) for image in self.images])

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Put one map for every image into the container that the images came in."""
        raise NotImplementedError

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
            One for every image. Their `cost(image)` tells what a tile takes.
        method : str
            Computes a map (H, W, *tail), tile by tile as a `TileRequest` says.
        max_memory : int
            In bytes.
        out : as the answer, default=None
            Where the maps go; checked against `tail` and `kind`.

        Returns
        -------
        maps : in the container that the images came in; `out` if given; lazy for dask
        """
        slots = self._slots(out, tail, kind)
        maps = [
            getattr(model, method)(image, TileRequest(max_memory, slot), **options)
            for model, image, slot in zip(models, self.images, slots, strict=True)
        ]
        return self.restore(maps) if out is None else out

    def _slots(self, out: Any, tail: tuple[int, ...], kind: MapKind) -> list[Any]:
        """Return where the map of every image goes: into `out`, or nowhere."""
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
            expected = (*image.shape[:2], *tail)
            if tuple(part.shape) != expected or np.dtype(part.dtype).kind not in kind.dtype_kinds:
                raise ValueError(
                    f"out[{i}] has shape {tuple(part.shape)} and dtype {part.dtype}, but shape "
                    f"{expected} and {kind.numbers} are needed."
                )
        return parts

    def _parts(self, out: Any) -> list[Any]:
        """Return the part of `out` that belongs to every image."""
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

    def normalized(self, typical: np.ndarray) -> Self:
        """Return the same: rows are never normalized."""
        return self

    def restore(self, maps: list[np.ndarray]) -> Any:
        """(n, 1, ...) -> (n, ...)."""
        return maps[0][:, 0]

    def _parts(self, out: Any) -> list[Any]:
        raise ValueError("out is for images, but X holds rows. Leave it out.")


class ImageStack(ImageBatch):
    """Images of one size, in one array."""

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Stack the maps."""
        return np.stack(maps)

    def _parts(self, out: Any) -> list[Any]:
        is_array = not isinstance(out, list | tuple)
        self._check_out(out, "a stack", is_array and out.shape[0] == len(self))
        return [OutputSlot(out, i) for i in range(len(self))]


class ImageList(ImageBatch):
    """A list of images of any size."""

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return the list of maps."""
        return maps

    def _parts(self, out: Any) -> list[Any]:
        self._check_out(out, "a list", isinstance(out, list | tuple) and len(out) == len(self))
        return list(out)


class DaskBatch(ImageBatch):
    """A dask array of images, or a list of them: answers are computed when they are asked for.

    Parameters
    ----------
    X : dask array of shape (n, H, W[, C]), or list of dask arrays (H, W[, C])
    images : list of LazyImage of shape (H, W, C)
    typical : ndarray of shape (C,), default=None
        The range that is typical, where images are normalized.
    """

    def __init__(self, X: Any, images: list[Any], typical: np.ndarray | None = None) -> None:
        self.X = X
        self.stored = images
        self.typical = typical

    @property
    def images(self) -> list[Any]:  # type: ignore[override]
        """The images; those that are normalized are read for their ranges, each time."""
        if self.typical is None:
            return self.stored
        return [normalize(image, self.typical) for image in self.stored]

    def __len__(self) -> int:
        return len(self.stored)

    def normalized(self, typical: np.ndarray) -> Self:
        """Return the same with all channels mapped from their own ranges to [0, 1], later."""
        return type(self)(self.X, self.stored, typical)

    def restore(self, maps: list[np.ndarray]) -> Any:
        """Return a list of maps for a list, else their stack; in memory."""
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
        """Return dask arrays of the maps; `out` is refused, being written at once."""
        if out is not None:
            raise ValueError(
                "out is written at once, but X is a dask array, whose answer is computed later. "
                "Leave out away, and store the answer: dask.array.store(model.predict(X), out)."
            )
        listed = isinstance(self.X, list | tuple)
        maps = [
            lazy_maps(stack, model, method, options, max_memory, self.typical)
            for stack, model in self._stacks(models)
        ]
        return [part[0] for part in maps] if listed else concatenate(maps)

    def _stacks(self, models: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return dask arrays (n, H, W, C) of images that share a model, each with that model."""
        if isinstance(self.X, list | tuple):
            stacks = [with_channels(x[None]) for x in self.X]
        else:
            stacks = [with_channels(self.X)]
            if all(model is models[0] for model in models):
                return [(stacks[0], models[0])]
            stacks = [stacks[0][i : i + 1] for i in range(len(self))]
        return list(zip(stacks, models, strict=True))


def image_batch(X: Any, *, n_channels: int | None = None, owner: str = "") -> ImageBatch:
    """Return images in their container, or say what is wrong with them; see `check_images`."""
    images = check_images(X, n_channels=n_channels, owner=owner)
    if is_dask(X):
        return DaskBatch(X, images)
    return ImageList(images) if is_image_list(X) else ImageStack(images)


def check_batch(estimator: Any, X: Any, *, reset: bool) -> ImageBatch:
    """Return the rows or images that a method of an estimator was given.

    As scikit-learn's `validate_data`: `reset` learns `n_features_in_` and `rows_` from `X`; without
    it `X` has to be of the same kind.

    Parameters
    ----------
    estimator : estimator
    X : array (n_samples, n_features), array (n, H, W[, C]), or list of arrays (H, W[, C])
    reset : bool
        True in `fit`.
    """
    rows, owner = is_rows(X), type(estimator).__name__
    if reset:
        estimator.rows_ = rows
    elif rows != estimator.rows_:
        was, now = ("rows", "images") if estimator.rows_ else ("images", "rows")
        raise ValueError(f"X holds {now}, but {owner} was fitted with {was}.")
    if rows:
        X = validate_data(estimator, X, dtype=[np.float64, np.float32], reset=reset)
        return RowBatch([RowImage(X)])
    batch = image_batch(X, n_channels=None if reset else estimator.n_features_in_, owner=owner)
    if reset:
        estimator.n_features_in_ = batch.images[0].shape[2]
    return batch
