"""The real patches that stand for each segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ..imaging._tiled_inference import TileRequest
from ..imaging._tiles import Tile, some_tiles
from ..imaging._validation import check_images

DISCOUNT = 0.8  # of the score for every better patch of the same image
SIDE = 128  # of the tiles that are looked at of a large image, in pixels


def segment_prototypes(
    segmenter: Any,
    images: Any,
    *,
    n_prototypes: int = 4,
    size: int = 32,
    max_pixels: int | None = 2**18,
) -> Bunch:
    """Find real patches that stand for each segment: typical, well inside, from several images.

    The score of a patch is the mean probability of the segment over its pixels (it lies inside, and
    the estimator is sure), divided by 1 plus the squared distance of its mean code from that of
    the segment, per component and in units of the variance within the segment (it is typical).
    Patches do not overlap, and one from an image that gave better ones already counts for less:
    0.8 of its score for each of them.

    Parameters
    ----------
    segmenter : AESegmenter
        A fitted one, with `scope="dataset"` if there are several images; fitted to images.
    images : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
        Where to look: those of the fit or others.
    n_prototypes : int, default=4
        Patches of each segment, at most.
    size : int, default=32
        Side of the patches in pixels, no more than that of the images.
    max_pixels : int or None, default=2**18
        About so many are looked at of an image that has more, in tiles of at least 128 x 128 that
        lie evenly all over it: a segment that is in none of them has no prototype. None: all.

    Returns
    -------
    prototypes : Bunch
        Of m patches, in the order of the segments, best first:

        patches : ndarray of shape (m, size, size) or (m, size, size, C), copied from the images
        segments : ndarray of shape (m,), the label each of them stands for
        positions : ndarray of shape (m, 2), row and column of their top left pixels
        image_index : ndarray of shape (m,)
        scores : ndarray of shape (m,), in [0, 1]

    Raises
    ------
    ValueError
        If `size` exceeds the images, or labels mean nothing across images.

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
    checked = check_images(images, n_channels=segmenter.n_features_in_, owner="AESegmenter")
    _refuse(segmenter, checked, n_prototypes, size, max_pixels)
    parts = [part for i, image in enumerate(checked) for part in _parts(i, image, size, max_pixels)]
    seen = _segment_parts(segmenter, checked, parts, size)
    chosen = []
    for segment in np.unique(np.concatenate([np.unique(own.labels) for own in seen])):
        scores = _scores(segmenter, seen, segment, size)
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


class Seen(NamedTuple):
    """What a segmenter says of a part of an image."""

    labels: np.ndarray  # (H, W)
    probabilities: np.ndarray | None  # (H, W, k)
    codes: np.ndarray  # (H, W, F)
    means: np.ndarray  # of the codes of all patches, by their top left pixels


class Patch(NamedTuple):
    """A patch that may stand for a segment."""

    score: float
    rank: int  # among those of its image and segment, 0 is the best
    image: int
    position: tuple[int, int]


def _refuse(
    segmenter: Any, images: list[np.ndarray], n_prototypes: int, size: int, max_pixels: int | None
) -> None:
    if n_prototypes < 1:
        raise ValueError(f"n_prototypes={n_prototypes}, but at least one is to be found.")
    if max_pixels is not None and max_pixels < 1:
        raise ValueError(
            f"max_pixels={max_pixels}, but at least one pixel is to be looked at. None: all."
        )
    if segmenter.scope == "image" and len(images) > 1:
        raise ValueError(
            f"images holds {len(images)} images, but with scope='image' labels mean nothing across "
            "images. Pass one image at a time, or fit with scope='dataset'."
        )
    smallest = min(min(image.shape[:2]) for image in images)
    if not 1 <= size <= smallest:
        raise ValueError(
            f"size={size}, but patches have at least one pixel and at most the {smallest} of the "
            "smallest image's side."
        )


def _parts(i: int, image: np.ndarray, size: int, max_pixels: int | None) -> Iterator[Part]:
    """Yield what is looked at of an image, each part with room for some patches."""
    side = max(SIDE, 2 * size)
    n_most = np.inf if max_pixels is None else max_pixels / side**2
    for tile in some_tiles(image.shape, side, n_most):
        yield Part(i, tile)


def _segment_parts(
    segmenter: Any, images: list[np.ndarray], parts: list[Part], size: int
) -> list[Seen]:
    batch, is_told = segmenter.batch(images), hasattr(segmenter, "predict_proba")
    labelers, seen = segmenter.labelers(batch), []
    for i, tile in parts:
        labeler, image, request = labelers[i], batch.images[i], TileRequest(within=tile)
        labels = labeler.label_map(image, request, segmenter.min_size)
        probabilities = labeler.probability_map(image, request) if is_told else None
        codes = labeler.code_map(image, request)
        seen.append(Seen(labels, probabilities, codes, _patch_means(codes, size)))
    return seen


def _scores(segmenter: Any, seen: list[Seen], segment: Any, size: int) -> list[np.ndarray]:
    """Return the scores of all patches of every part, by their top left pixels."""
    own = np.concatenate([part.codes[part.labels == segment] for part in seen])
    center, variance = own.mean(0), own.var(0) + 1e-12
    scores = []
    for part in seen:
        sure = (part.labels == segment).astype(np.float32)
        if part.probabilities is not None:
            sure = sure * part.probabilities[..., _column(segmenter, segment)]
        apart = (part.means - center) ** 2 / variance
        scores.append(_patch_means(sure[..., None], size)[..., 0] / (1 + apart.mean(2)))
    return scores


def _column(segmenter: Any, segment: Any) -> int:
    """Return where a label's probability stands."""
    labels = getattr(segmenter, "classes_", None)
    return int(segment) if labels is None else int(np.searchsorted(labels, segment))


def _patch_means(maps: np.ndarray, size: int) -> np.ndarray:
    """(H, W, F) -> (H - size + 1, W - size + 1, F)."""
    means = ndimage.uniform_filter(maps, (size, size, 0))
    first = size // 2
    height, width = (side - size + 1 for side in maps.shape[:2])
    return means[first : first + height, first : first + width]


def _best_of_image(
    scored: list[tuple[Tile, np.ndarray]], image: int, n: int, size: int
) -> Iterator[Patch]:
    """Yield the best patches that do not overlap and have a pixel of the segment."""
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
    """Return the best of all images, best first."""
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
