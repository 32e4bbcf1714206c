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
PROTOTYPE_TILE_SIDE = 128  # minimum side of the tiles that are searched in a large image, in pixels


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
        Images to search, which may differ from the training images.
    n_prototypes : int, default=4
        Maximum number of patches of each segment.
    size : int, default=32
        Side of the patches in pixels, at most that of the images.
    max_pixels : int or None, default=2**18
        Approximate number of pixels to search in larger images, in evenly spread tiles of at least
        128 x 128 pixels. A segment that is in none of them has no prototype. None searches all.

    Returns
    -------
    prototypes : Bunch
        The m patches, ordered by segment and decreasing score:

        patches : ndarray of shape (m, size, size) or (m, size, size, C)
            Copies of the pixels.
        segments : ndarray of shape (m,)
            The segments.
        positions : ndarray of shape (m, 2)
            Row and column of the top left pixels.
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
    images, _ = unpack(images)
    checked = check_images(images, n_channels=segmenter.n_features_in_, owner="AESegmenter")
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

    labels: np.ndarray  # (H, W)
    probabilities: np.ndarray | None  # (H, W, k)
    codes: np.ndarray  # (H, W, F)
    means: np.ndarray  # mean codes of all patches, indexed by their top left pixels
    known: np.ndarray  # (H, W), whether pixels have data


class Patch(NamedTuple):
    """A candidate patch of a segment."""

    score: float
    rank: int  # rank within its image and segment; 0 is the best
    image: int
    position: tuple[int, int]


def _check(segmenter: Any, images: list[np.ndarray], size: int) -> None:
    if segmenter.scope == "image" and len(images) > 1:
        raise ValueError(
            f"images holds {len(images)} images, but with scope='image' labels have no meaning "
            "across images. Pass one image at a time, or fit with scope='dataset'."
        )
    smallest = min(min(image.shape[:2]) for image in images)
    if size > smallest:
        raise ValueError(
            f"size={size} is larger than the smallest image. Pass at most its side, {smallest}."
        )


def _parts(i: int, image: np.ndarray, size: int, max_pixels: int | None) -> Iterator[Part]:
    """Yield the parts of an image to search, each larger than some patches."""
    side = max(PROTOTYPE_TILE_SIDE, 2 * size)
    n_most = np.inf if max_pixels is None else max_pixels / side**2
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
        score = _patch_means(probability[..., None], size)[..., 0] / (1 + distance.mean(2))
        if not part.known.all():  # patches with data in all pixels only
            missing = (~part.known[..., None]).astype(np.float64)
            score[_patch_means(missing, size)[..., 0] > 0.5 / size**2] = 0
        scores.append(score)
    return scores


def _column(segmenter: Any, segment: Any) -> int:
    """Return the index of the probability of a label."""
    labels = getattr(segmenter, "classes_", None)
    return int(segment) if labels is None else int(np.searchsorted(labels, segment))


def _patch_means(maps: np.ndarray, size: int) -> np.ndarray:
    """Return the means of all patches, (H, W, F) -> (H - size + 1, W - size + 1, F)."""
    means = ndimage.uniform_filter(maps, (size, size, 0))
    first = size // 2
    height, width = (side - size + 1 for side in maps.shape[:2])
    return means[first : first + height, first : first + width]


def _best_of_image(
    scored: list[tuple[Tile, np.ndarray]], image: int, n: int, size: int
) -> Iterator[Patch]:
    """Yield the best patches that do not overlap and contain the segment."""
    corners = [(rows.start, columns.start) for (rows, columns), _ in scored]
    scores = [score.copy() for _, score in scored]
    for rank in range(n):
        best = int(np.argmax([score.max() for score in scores]))
        score = scores[best]
        place = np.unravel_index(score.argmax(), score.shape)
        if score[place] <= 0:
            return
        y, x = (int(p) + corner for p, corner in zip(place, corners[best], strict=True))
        yield Patch(float(score[place]), rank, image, (y, x))
        for other, (top, left) in zip(scores, corners, strict=True):
            rows = slice(max(0, y - top - size + 1), max(0, y - top + size))
            columns = slice(max(0, x - left - size + 1), max(0, x - left + size))
            other[rows, columns] = 0


def _best(found: list[Patch], n: int) -> list[Patch]:
    """Return the best patches of all images, best first."""
    chosen = sorted(found, key=lambda patch: -patch.score * DISCOUNT**patch.rank)[:n]
    return sorted(chosen, key=lambda patch: -patch.score)


def _as_bunch(chosen: list[tuple[Any, Patch]], images: Any, size: int) -> Bunch:
    patches = []
    for _, patch in chosen:
        y, x = patch.position
        patches.append(np.array(images[patch.image][y : y + size, x : x + size]))
    return Bunch(
        patches=np.stack(patches),
        segments=np.array([segment for segment, _ in chosen]),
        positions=np.array([patch.position for _, patch in chosen]),
        image_index=np.array([patch.image for _, patch in chosen]),
        scores=np.array([patch.score for _, patch in chosen]),
    )
