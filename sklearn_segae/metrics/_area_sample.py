"""The labeled pixels of images, and predictions for them and for all pixels."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from ..imaging._containers import to_array, to_maps
from ..imaging._label_maps import IgnoreLabel, check_label_maps, is_labeled
from ..imaging._label_values import is_unlabeled, join_labels, label_array, mark_unlabeled
from ..imaging._validation import is_rows
from ._missing_pixels import missing_pixels, spatial_axes


class Sample(NamedTuple):
    """Labeled pixels; rows are one map of shape (n_samples,)."""

    maps: list[np.ndarray]  # the label map of every image
    masks: list[np.ndarray]  # True for pixels of the area, which have data
    labels: np.ndarray  # (n,)
    blocks: np.ndarray  # (n,), indices from 0

    @property
    def n_pixels(self) -> int:
        """The number of pixels of the area."""
        return sum(int(mask.sum()) for mask in self.masks)

    @property
    def positions(self) -> np.ndarray:
        """Image and position (n, 3) or (n, 4) of each labeled pixel, or the index of its row."""
        where = [np.argwhere(is_labeled(m)) for m in self.maps]
        if self.maps[0].ndim == 1:
            return where[0]
        return np.concatenate([np.insert(w, 0, i, axis=1) for i, w in enumerate(where)])


class Predictions(NamedTuple):
    """Predictions for labeled pixels, and their means over all pixels."""

    classes: np.ndarray  # (n_classes,)
    covariates: np.ndarray  # (n, n_classes, 2), probabilities and squares, minus their means
    predicted: np.ndarray  # (n, n_classes), 1 for the predicted class, else 0
    means: np.ndarray  # (n, n_classes), of `predicted` over all pixels, for each row's model
    mapped: np.ndarray  # (n_classes,), their mean


def check_sample(X: Any, y: Any, blocks: Any, mask: Any, ignore_label: IgnoreLabel) -> Sample:
    """Return the labeled pixels of the area."""
    rows = is_rows(X)
    if rows:
        maps = [_row_labels(X, y)]
        masks = [np.ones(m.shape, bool) for m in maps]
    else:
        masks = [~missing for missing in missing_pixels(X, spatial_axes(to_maps(y)))]
        maps = check_label_maps(y, [m[..., None] for m in masks])
    if mask is not None:
        pairs = zip(masks, _maps_like("mask", mask, maps, rows), strict=True)
        masks = [with_data & own.astype(bool) for with_data, own in pairs]
    known = [is_labeled(m, ignore_label) & inside for m, inside in zip(maps, masks, strict=True)]
    labels = join_labels([np.ma.getdata(m)[k] for k, m in zip(known, maps, strict=True)])
    maps = [mark_unlabeled(m, k) for k, m in zip(known, maps, strict=True)]
    if len(labels) < 2:
        raise ValueError(
            f"y has {len(labels)} labeled pixels, but a variance needs at least 2. Label some 100 "
            "random pixels; -1, NaN, None, '' and masked pixels are unlabeled."
        )
    indices = np.unique(_blocks(blocks, known, rows), return_inverse=True)[1]
    if indices.max() == 0:
        raise ValueError(
            f"blocks={blocks!r:.60} puts all {len(labels)} labels into one block, but a variance "
            "needs at least 2. Label more blocks, or pass smaller ones."
        )
    return Sample(maps, masks, labels, indices)


def predict_sample(segmenter: Any, X: Any, sample: Sample, classes: np.ndarray) -> Predictions:
    """Predict all pixels, one image at a time, and keep the labeled ones."""
    kept, kept_predicted = [], []
    sums = np.zeros((3, len(classes)))
    for i, probabilities in enumerate(_probability_maps(segmenter, X, sample.maps, classes)):
        predicted = np.eye(len(classes), dtype=np.float32)[probabilities.argmax(1)]
        inside, known = (m.ravel() for m in (sample.masks[i], is_labeled(sample.maps[i])))
        for total, values in zip(sums, (probabilities, probabilities**2, predicted), strict=True):
            total += values.sum(0, where=inside[:, None], dtype=float)
        kept.append(probabilities[known])
        kept_predicted.append(predicted[known])
    mean, mean_square, mapped = sums / sample.n_pixels
    own, predicted = np.concatenate(kept).astype(float), np.concatenate(kept_predicted)
    covariates = np.stack([own - mean, own**2 - mean_square], axis=2)
    means = np.broadcast_to(mapped, predicted.shape)
    return Predictions(classes, covariates, predicted, means, mapped)


def known_classes(segmenter: Any, labels: np.ndarray) -> np.ndarray:
    """Return the classes of a fitted segmenter, after a check that all labels are among them."""
    if not hasattr(segmenter, "classes_"):
        raise ValueError(
            f"segmenter={segmenter!r:.80} has no classes_. Fit a classifier, call assign_classes "
            "of a clusterer, or pass cv=5 to fit clones to the labels."
        )
    classes = np.asarray(segmenter.classes_)
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(
            f"y holds the label {unknown[0]}, but the segmenter knows {classes.tolist()}. Pass "
            f"ignore_label={unknown[0]} if it means unlabeled, mask= to leave out parts of images, "
            "or fit the segmenter to this class, too."
        )
    return classes


def _row_labels(X: Any, y: Any) -> np.ndarray:
    labels, n_rows = label_array(y, "y"), X.shape[0] if hasattr(X, "shape") else len(X)
    if labels.shape != (n_rows,):
        raise ValueError(
            f"y has shape {labels.shape}, but X holds {n_rows} rows. Pass one label for each, -1 "
            "where it is unlabeled."
        )
    return labels


def _maps_like(name: str, values: Any, maps: list[np.ndarray], rows: bool) -> list[np.ndarray]:
    """Return values as arrays of the same shapes as the label maps."""
    found = [to_array(m) for m in ([values] if rows else to_maps(values))]
    if [m.shape for m in found] != [m.shape for m in maps]:
        raise ValueError(
            f"{name} has shapes {[m.shape for m in found]}, but y has {[m.shape for m in maps]}. "
            "Pass one value for every pixel."
        )
    return found


def _blocks(blocks: Any, known: list[np.ndarray], rows: bool) -> np.ndarray:
    """Return the block of each labeled pixel, as any integers."""
    if blocks is None:
        return np.arange(sum(int(k.sum()) for k in known))
    if not isinstance(blocks, Integral):
        own = _maps_like("blocks", blocks, known, rows)
        return np.concatenate([b[k] for b, k in zip(own, known, strict=True)])
    if blocks < 1 or rows:
        raise ValueError(
            f"blocks={blocks} is not the side of blocks in "
            f"{'rows, which have no positions' if rows else 'pixels'}. Pass "
            f"{'the index of the block of every row' if rows else '1 or more'}, or None."
        )
    cells = np.concatenate([_cells(i, k, int(blocks)) for i, k in enumerate(known)])
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()  # (n, 1) by numpy 2.0.0


def _cells(i: int, known: np.ndarray, side: int) -> np.ndarray:
    """Return the block, as image and position, with the center of each labeled pixel's patch."""
    patches, n_patches = ndimage.label(known, np.ones((3,) * known.ndim))
    where = np.argwhere(known)
    patch = patches[known] - 1
    sizes = np.bincount(patch, minlength=n_patches)
    centers = [np.bincount(patch, axis, n_patches) / np.maximum(sizes, 1) for axis in where.T]
    cells = np.column_stack([np.full(n_patches, i), *(c // side for c in centers)])
    if side == 1:  # patches of equal centers are not the same
        cells = np.column_stack([np.full(n_patches, i), np.arange(n_patches)])
    return cells[patch].astype(int)


def _probability_maps(
    segmenter: Any, X: Any, maps: list[np.ndarray], classes: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield the probabilities (n_pixels, n_classes) of each image, in the order of `classes`."""
    columns = np.searchsorted(classes, segmenter.classes_)
    # Rows are one map; images are predicted one by one, since all may not fit into memory.
    parts = [X] if maps[0].ndim == 1 else (X[i : i + 1] for i in range(len(maps)))
    for labels, part in zip(maps, parts, strict=True):
        aligned = np.zeros((labels.size, len(classes)), np.float32)
        if hasattr(segmenter, "predict_proba"):
            found = _only(segmenter, segmenter.predict_proba(part), labels)
            aligned[:, columns] = found.reshape(labels.size, -1)
        else:
            found = _only(segmenter, segmenter.predict(part), labels)
            known = np.flatnonzero(~is_unlabeled(found))  # others have no data
            aligned[known, np.searchsorted(classes, found.ravel()[known])] = 1
        yield aligned


def _only(segmenter: Any, values: Any, labels: np.ndarray) -> np.ndarray:
    found = np.asarray(values if labels.ndim == 1 else values[0])
    if found.shape[: labels.ndim] != labels.shape:
        raise ValueError(
            f"segmenter={segmenter!r:.80} predicts an array of shape {found.shape} where y has a "
            f"label map of shape {labels.shape}. Pass one for images with {labels.ndim} axes."
        )
    return found
