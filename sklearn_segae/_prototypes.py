"""The real patches that stand for each segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ._images import check_images

DISCOUNT = 0.8  # of the score for every better patch of the same image


def segment_prototypes(
    segmenter: Any, images: Any, *, n_prototypes: int = 4, size: int = 32
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
    _refuse(segmenter, checked, n_prototypes, size)
    seen = [_look(segmenter, image) for image in checked]
    chosen = []
    for segment in np.unique(np.concatenate([np.unique(own.labels) for own in seen])):
        scores = _scores(segmenter, seen, segment, size)
        found = [
            patch
            for i, score in enumerate(scores)
            for patch in _best_of_image(score, i, n_prototypes, size)
        ]
        chosen += [(segment, patch) for patch in _best(found, n_prototypes)]
    return _as_bunch(chosen, images, size)


class Seen(NamedTuple):
    """What a segmenter says of an image."""

    labels: np.ndarray  # (H, W)
    probabilities: np.ndarray | None  # (H, W, k)
    codes: np.ndarray  # (H, W, F)


class Patch(NamedTuple):
    """A patch that may stand for a segment."""

    score: float
    rank: int  # among those of its image and segment, 0 is the best
    image: int
    position: tuple[int, int]


def _refuse(segmenter: Any, images: list[np.ndarray], n_prototypes: int, size: int) -> None:
    if n_prototypes < 1:
        raise ValueError(f"n_prototypes={n_prototypes}, but at least one is to be found.")
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


def _look(segmenter: Any, image: np.ndarray) -> Seen:
    probabilities = None
    if hasattr(segmenter, "predict_proba"):
        (probabilities,) = segmenter.predict_proba([image])
    return Seen(segmenter.predict([image])[0], probabilities, segmenter.transform([image])[0])


def _scores(segmenter: Any, seen: list[Seen], segment: Any, size: int) -> list[np.ndarray]:
    """Return the scores of all patches of every image, by their top left pixels."""
    own = np.concatenate([image.codes[image.labels == segment] for image in seen])
    centre, variance = own.mean(0), own.var(0) + 1e-12
    scores = []
    for image in seen:
        sure = (image.labels == segment).astype(np.float32)
        if image.probabilities is not None:
            sure = sure * image.probabilities[..., _column(segmenter, segment)]
        apart = (_patch_means(image.codes, size) - centre) ** 2 / variance
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


def _best_of_image(score: np.ndarray, image: int, n: int, size: int) -> Iterator[Patch]:
    """Yield the best patches that do not overlap and have a pixel of the segment."""
    score = score.copy()
    for rank in range(n):
        y, x = (int(place) for place in np.unravel_index(score.argmax(), score.shape))
        if score[y, x] <= 0:
            return
        yield Patch(float(score[y, x]), rank, image, (y, x))
        score[max(0, y - size + 1) : y + size, max(0, x - size + 1) : x + size] = 0


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
