"""Labels that are held out of a fit: those of blocks of pixels, and of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._targets import Targets

HELD_OUT_SIDE = 64  # in pixels, of the blocks whose labels are held out together
HELD_OUT = 3  # one of so many blocks
N_IMAGES = 3  # with labels, of which one is held out


def split_targets(targets: Targets, seed: int) -> tuple[Targets, Targets, Targets]:
    """Return targets to fit to, those of held-out blocks, and those of a held-out image.

    Classes that would be missing in the first are not held out.
    """
    rng = np.random.default_rng(seed)
    labeled = [i for i, known in enumerate(targets.known) if known.any()]
    image = rng.choice(labeled) if len(labeled) >= N_IMAGES else None
    masks = [known & _random_blocks(known.shape, rng) for known in targets.known]
    in_blocks = [m & (i != image) for i, m in enumerate(masks)]
    in_image = [known & (i == image) for i, known in enumerate(targets.known)]
    fitted = _without(targets.known, in_blocks, in_image)
    missing = np.setdiff1d(targets.classes, targets._replace(known=fitted).classes)
    rare = [np.isin(m, missing) for m in targets.maps]
    parts = [_without(part, rare) for part in (in_blocks, in_image)]
    first, *others = (targets._replace(known=k) for k in (_without(targets.known, *parts), *parts))
    return first, others[0], others[1]


def _without(masks: Sequence[np.ndarray], *others: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return masks without the pixels of others."""
    return [m & ~np.any(own, axis=0) for m, *own in zip(masks, *others, strict=True)]


def _random_blocks(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return a mask (H, W) of a random third of the blocks of an image."""
    n_rows, n_columns = (-(-size // HELD_OUT_SIDE) for size in shape)
    drawn = rng.permutation(n_rows * n_columns).reshape(n_rows, n_columns) % HELD_OUT == 0
    mask = np.kron(drawn, np.ones((HELD_OUT_SIDE, HELD_OUT_SIDE), bool))
    return mask[: shape[0], : shape[1]]
