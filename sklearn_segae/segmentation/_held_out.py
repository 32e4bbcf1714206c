"""Labels that are held out of a fit: those of blocks of pixels, and of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._targets import Targets

HELD_OUT_SIDE = 64  # in pixels, of the blocks whose labels are held out together
N_FOLDS = 3


def folds(targets: Targets, seed: int) -> list[tuple[Targets, Targets]]:
    """Return pairs of targets for cross-validation: those to fit to, and those held out.

    Whole images are held out, distributed over at most `N_FOLDS` folds; if one alone has labels,
    blocks of it, since pixels of a block are alike. Labels of classes that would be missing in the
    fit are neither.
    """
    rng = np.random.default_rng(seed)
    labeled = rng.permutation([i for i, known in enumerate(targets.known) if known.any()])
    if len(labeled) > 1:
        turn = {int(i): k % N_FOLDS for k, i in enumerate(labeled)}
        fold_of = [np.full(k.shape, turn.get(i, 0)) for i, k in enumerate(targets.known)]
    else:
        fold_of = [_random_blocks(k.shape, rng) for k in targets.known]
    every = (_fold(targets, [own == k for own in fold_of]) for k in range(N_FOLDS))
    return [pair for pair in every if all(t.classes.size for t in pair)]


def _fold(targets: Targets, masks: Sequence[np.ndarray]) -> tuple[Targets, Targets]:
    """Return targets outside and inside of masks."""
    pairs = list(zip(targets.known, masks, strict=True))
    fitted = targets._replace(known=[known & ~mask for known, mask in pairs])
    classes = fitted.present
    inside = zip(pairs, targets.maps, strict=True)
    held_out = [known & mask & np.isin(m, classes) for (known, mask), m in inside]
    return fitted, targets._replace(known=held_out)


def _random_blocks(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return a map (H, W) of random numbers of folds, the same in a block."""
    n_rows, n_columns = (-(-size // HELD_OUT_SIDE) for size in shape)
    drawn = rng.permutation(n_rows * n_columns).reshape(n_rows, n_columns) % N_FOLDS
    blocks = np.kron(drawn, np.ones((HELD_OUT_SIDE, HELD_OUT_SIDE), int))
    return blocks[: shape[0], : shape[1]]
