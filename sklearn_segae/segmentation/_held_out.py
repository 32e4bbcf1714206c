"""Labels that are held out of a fit: those of blocks of pixels, and of images."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ._targets import Targets

# Side in pixels of the blocks whose labels are held out together, of images and volumes.
HELD_OUT_SIDE = {2: 64, 3: 32}
N_FOLDS = 3
N_IMAGES = 3  # with labels, of which whole ones are held out for early stopping


def hold_out(targets: Targets, share: float, rng: np.random.Generator) -> Targets:
    """Return the targets of a share of the labels, without the last ones of a class.

    Those of whole images if `N_IMAGES` or more have labels, or else of blocks.
    """
    pairs = folds(targets, int(rng.integers(2**31)), max(2, round(1 / share)), N_IMAGES)
    if not pairs:
        side = HELD_OUT_SIDE[targets.maps[0].ndim]
        raise ValueError(
            f"early_stopping={share} holds out the labels of some blocks of {side} pixels or "
            "images, but each class has labels in one of them only. Pass early_stopping=False, "
            "or label the classes in other places, too."
        )
    return pairs[0][1]


def folds(
    targets: Targets, seed: int, n_folds: int = N_FOLDS, n_images: int = 2
) -> list[tuple[Targets, Targets]]:
    """Return pairs of targets for cross-validation: those to fit to, and those held out.

    Whole images are held out, distributed over at most `n_folds` folds; if fewer than `n_images`
    have labels, blocks, since pixels of a block are alike. Labels of classes that would be missing
    in the fit are neither; a fit needs two classes.
    """
    rng = np.random.default_rng(seed)
    labeled = rng.permutation([i for i, known in enumerate(targets.known) if known.any()])
    if len(labeled) >= n_images:
        turn = {int(i): k % n_folds for k, i in enumerate(labeled)}
        fold_of = [np.full(k.shape, turn.get(i, 0)) for i, k in enumerate(targets.known)]
    else:
        fold_of = [_random_blocks(k.shape, n_folds, rng) for k in targets.known]
    every = (_fold(targets, [own == k for own in fold_of]) for k in range(n_folds))
    return [(fit, out) for fit, out in every if fit.present.size > 1 and out.present.size]


def _fold(targets: Targets, masks: Sequence[np.ndarray]) -> tuple[Targets, Targets]:
    """Return targets outside and inside of masks."""
    pairs = list(zip(targets.known, masks, strict=True))
    fitted = targets._replace(known=[known & ~mask for known, mask in pairs])
    classes = fitted.present
    inside = zip(pairs, targets.maps, strict=True)
    held_out = [known & mask & np.isin(m, classes) for (known, mask), m in inside]
    return fitted, targets._replace(known=held_out)


def _random_blocks(shape: tuple[int, ...], n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return a map (H, W) of random numbers of folds, the same in a block."""
    side = HELD_OUT_SIDE[len(shape)]
    counts = [-(-size // side) for size in shape]
    drawn = (rng.permutation(prod(counts)).reshape(counts) % n_folds).astype(np.int32)
    return drawn[np.ix_(*(np.arange(size) // side for size in shape))]
