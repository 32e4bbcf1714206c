"""Prototypical patches of segments."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import check_is_fitted

from ..imaging._containers import unpack
from ..imaging._no_data import zero_filled
from ..imaging._tiled_inference import TileRequest
from ..imaging._tiles import Tile, some_tiles
from ..imaging._validation import check_images

DISCOUNT = 0.8  # factor of the score for every better patch of the same image
# Minimum sides of the tiles that are searched in a large image or volume, in pixels.
PROTOTYPE_TILE_SIDES = {2: 128, 3: 32}


@validate_params(
    {
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "size": [Interval(Integral, 1, None, closed="left")],
        "max_pixels": [Interval(Integral, 1, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)
def segment_prototypes(
    segmenter: Any,
    images: Any,
    *,
    n_prototypes: int = 4,
    size: int = 32,
    max_pixels: int | None = 2**18,
) -> Bunch:
    """Find prototypical patches of each segment in images.

    The score of a patch is the mean probability of the segment over its pixels, divided by 1 plus
    the squared distance between the mean codes of the patch and of the segment, averaged over
    components and in units of the variance within the segment. It is high for patches inside the
    segment, of which the estimator is certain and which are typical. Patches do not overlap. To
    select patches of several images, the score is multiplied by 0.8 for every better patch of the
    same image.

    Parameters
    ----------
    segmenter : AESegmenter
        A segmenter that was fitted to images, with `scope="dataset"` if there are several images.
    images : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
        Images to search, which may differ from the training images. For a segmenter of volumes,
        (n, D, H, W), (n, D, H, W, C) or a list.
    n_prototypes : int, default=4
        Maximum number of patches of each segment.
    size : int, default=32
        Side of the patches in pixels, at most that of the images. Patches of volumes are cubes.
    max_pixels : int or None, default=2**18
        Approximate number of pixels to search in larger images, in evenly spread tiles of at least
        128 x 128 pixels. A segment that is in none of them has no prototype. None searches all.

    Returns
    -------
    prototypes : Bunch
        The m patches, ordered by segment and decreasing score:

        patches : ndarray of shape (m, size, size) or (m, size, size, C)
            Copies of the pixels. Of volumes, (m, size, size, size) or (m, size, size, size, C).
        segments : ndarray of shape (m,)
            The segments.
        positions : ndarray of shape (m, 2), or (m, 3) for volumes
            Row and column of the top left pixels; of volumes, slice, row and column of the first
            voxels.
        image_index : ndarray of shape (m,)
            Indices of the images.
        scores : ndarray of shape (m,)
            Scores in [0, 1].

    Raises
    ------
    ValueError
        If `size` exceeds the side of an image, or if labels have no meaning across images.

    Examples
    --------
    >>> from sklearn_segae import AESegmenter, PixelEncoder
    >>> from sklearn_segae.datasets import make_shapes
    >>> from sklearn_segae.inspection import segment_prototypes
    >>> images, _ = make_shapes(2, size=64, random_state=0)
    >>> segmenter = AESegmenter(3, encoder=PixelEncoder(max_epochs=0), random_state=0).fit(images)
    >>> prototypes = segment_prototypes(segmenter, images, n_prototypes=2, size=8)
    >>> prototypes.patches.shape, prototypes.segments
    ((6, 8, 8, 1), array([0, 0, 1, 1, 2, 2], dtype=int32))
    """
    check_is_fitted(segmenter)
    images, _ = unpack(images, segmenter.n_axes)
    options = {"n_channels": segmenter.n_features_in_, "owner": "AESegmenter"}
    checked = check_images(images, n_axes=segmenter.n_axes, **options)
    _check(segmenter, checked, size)
    parts = [part for i, image in enumerate(checked) for part in _parts(i, image, size, max_pixels)]
    maps = _predictions(segmenter, checked, parts, size)
    chosen = []
    for segment in np.unique(np.concatenate([np.unique(m.labels[m.known]) for m in maps])):
        scores = _scores(segmenter, maps, segment, size)
        found: list[Patch] = []
        for i in range(len(checked)):
            own = [(p.tile, score) for p, score in zip(parts, scores, strict=True) if p.image == i]
            found += _best_of_image(own, i, n_prototypes, size)
        chosen += [(segment, patch) for patch in _best(found, n_prototypes)]
    return _as_bunch(chosen, images, size)


class Part(NamedTuple):
    """A tile of one of the images."""

    image: int
    tile: Tile


class PartMaps(NamedTuple):
    """Labels, probabilities and codes of a part of an image."""

    labels: np.ndarray  # (H, W), here and below with D first for volumes
    probabilities: np.ndarray | None  # (H, W, k)
    codes: np.ndarray  # (H, W, F)
    means: np.ndarray  # mean codes of all patches, indexed by their top left pixels
    known: np.ndarray  # (H, W), whether pixels have data


class Patch(NamedTuple):
    """A candidate patch of a segment."""

    score: float
    rank: int  # rank within its image and segment; 0 is the best
    image: int
    position: tuple[int, ...]


def _check(segmenter: Any, images: list[np.ndarray], size: int) -> None:
    if segmenter.scope == "image" and len(images) > 1:
        raise ValueError(
            f"images holds {len(images)} images, but with scope='image' labels have no meaning "
            "across images. Pass one image at a time, or fit with scope='dataset'."
        )
    smallest = min(min(image.shape[:-1]) for image in images)
    if size > smallest:
        raise ValueError(
            f"size={size} is larger than the smallest image. Pass at most its side, {smallest}."
        )


def _parts(i: int, image: np.ndarray, size: int, max_pixels: int | None) -> Iterator[Part]:
    """Yield the parts of an image to search, each larger than some patches."""
    n_axes = len(image.shape) - 1
    side = max(PROTOTYPE_TILE_SIDES[n_axes], 2 * size)
    n_most = np.inf if max_pixels is None else max_pixels / side**n_axes
    for tile in some_tiles(image.shape, side, n_most):
        yield Part(i, tile)


def _predictions(
    segmenter: Any, images: list[np.ndarray], parts: list[Part], size: int
) -> list[PartMaps]:
    batch, has_proba = segmenter.batch(images), hasattr(segmenter, "predict_proba")
    labelers, maps = segmenter.labelers(batch), []
    for i, tile in parts:
        labeler, image, request = labelers[i], batch.images[i], TileRequest(within=tile)
        labels = labeler.label_map(image, request, segmenter.min_size)
        probabilities = labeler.probability_map(image, request) if has_proba else None
        codes = labeler.code_map(image, request)
        known, codes = ~np.isnan(codes[..., 0]), zero_filled(codes)
        maps.append(PartMaps(labels, probabilities, codes, _patch_means(codes, size), known))
    return maps


def _scores(segmenter: Any, maps: list[PartMaps], segment: Any, size: int) -> list[np.ndarray]:
    """Return the scores of all patches of every part, indexed by their top left pixels."""
    own = np.concatenate([part.codes[part.known & (part.labels == segment)] for part in maps])
    center, variance = own.mean(0), own.var(0) + 1e-12
    scores = []
    for part in maps:
        probability = (part.labels == segment).astype(np.float32)
        if part.probabilities is not None:
            column = part.probabilities[..., _column(segmenter, segment)]
            probability = probability * np.where(part.known, column, 0)
        distance = (part.means - center) ** 2 / variance
        score = _patch_means(probability[..., None], size)[..., 0] / (1 + distance.mean(-1))
        if not part.known.all():  # patches with data in all pixels only
            missing = (~part.known[..., None]).astype(np.float64)
            score[_patch_means(missing, size)[..., 0] > 0.5 / size ** missing[..., 0].ndim] = 0
        scores.append(score)
    return scores


def _column(segmenter: Any, segment: Any) -> int:
    """Return the index of the probability of a label."""
    labels = getattr(segmenter, "classes_", None)
    return int(segment) if labels is None else int(np.searchsorted(labels, segment))


def _patch_means(maps: np.ndarray, size: int) -> np.ndarray:
    """Return the means of all patches, (H, W, F) -> (H - size + 1, W - size + 1, F)."""
    sides, first = maps.shape[:-1], size // 2
    means = ndimage.uniform_filter(maps, (*[size] * len(sides), 0))
    return means[tuple(slice(first, first + side - size + 1) for side in sides)]


def _best_of_image(
    scored: list[tuple[Tile, np.ndarray]], image: int, n: int, size: int
) -> Iterator[Patch]:
    """Yield the best patches that do not overlap and contain the segment."""
    corners = [tuple(part.start for part in tile) for tile, _ in scored]
    scores = [score.copy() for _, score in scored]
    for rank in range(n):
        best = int(np.argmax([score.max() for score in scores]))
        score = scores[best]
        place = np.unravel_index(score.argmax(), score.shape)
        if score[place] <= 0:
            return
        position = tuple(int(p) + first for p, first in zip(place, corners[best], strict=True))
        yield Patch(float(score[place]), rank, image, position)
        for other, corner in zip(scores, corners, strict=True):
            own = [p - first for p, first in zip(position, corner, strict=True)]
            other[tuple(slice(max(0, p - size + 1), max(0, p + size)) for p in own)] = 0


def _best(found: list[Patch], n: int) -> list[Patch]:
    """Return the best patches of all images, best first."""
    chosen = sorted(found, key=lambda patch: -patch.score * DISCOUNT**patch.rank)[:n]
    return sorted(chosen, key=lambda patch: -patch.score)


def _as_bunch(chosen: list[tuple[Any, Patch]], images: Any, size: int) -> Bunch:
    patches = []
    for _, patch in chosen:
        place = tuple(slice(first, first + size) for first in patch.position)
        patches.append(np.array(images[patch.image][place]))
    return Bunch(
        patches=np.stack(patches),
        segments=np.array([segment for segment, _ in chosen]),
        positions=np.array([patch.position for _, patch in chosen]),
        image_index=np.array([patch.image for _, patch in chosen]),
        scores=np.array([patch.score for _, patch in chosen]),
    )
