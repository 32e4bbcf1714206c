"""Labels that are held out: whole images, or blocks of one image."""

import numpy as np
import pytest

from sklearn_segae.segmentation._held_out import HELD_OUT_SIDE as HELD_OUT_SIDES
from sklearn_segae.segmentation._held_out import folds, hold_out
from sklearn_segae.segmentation._targets import Targets

HELD_OUT_SIDE = HELD_OUT_SIDES[2]


def targets(maps):
    known = [m >= 0 for m in maps]
    return Targets(maps, known, [~k for k in known], np.arange(6))


@pytest.mark.parametrize(("n_images", "n_folds"), [(2, 2), (3, 3), (7, 3)])
def test_every_image_is_held_out_once(n_images, n_folds):
    """In at most three folds; the fit has the labels of all other images."""
    maps = [np.arange(16).reshape(4, 4) % 2 for _ in range(n_images)]
    pairs = folds(targets(maps), 0)
    assert len(pairs) == n_folds
    held = np.array([[k.all() for k in held_out.known] for _, held_out in pairs])
    assert (held.sum(0) == 1).all()
    for (fitted, _), own in zip(pairs, held, strict=True):
        assert [k.any() for k in fitted.known] == (~own).tolist()


def test_blocks_of_a_single_image_are_held_out():
    """A block is not divided; images without labels do not count."""
    image = np.random.default_rng(0).integers(2, size=(4 * HELD_OUT_SIDE, 100))
    pairs = folds(targets([np.full((5, 5), -1), image]), 0)
    assert len(pairs) == 3
    total = np.zeros(image.shape, int)
    for fitted, held_out in pairs:
        inside = held_out.known[1]
        np.testing.assert_array_equal(fitted.known[1], ~inside)
        for row in range(0, len(image), HELD_OUT_SIDE):
            block = inside[row : row + HELD_OUT_SIDE, :HELD_OUT_SIDE]
            assert block.all() or not block.any()
        total += inside
    assert (total == 1).all()


def test_classes_missing_in_the_fit_are_not_held_out():
    """A class of one image cannot be found in a fold without it."""
    rare = np.zeros((8, 8), int)
    rare[0, 0] = 5
    for fitted, held_out in folds(targets([rare, np.zeros((8, 8), int), rare * 0]), 0):
        assert set(held_out.classes) <= set(fitted.classes)


def test_one_labeled_block_gives_no_fold():
    """There is nothing left to fit to."""
    assert folds(targets([np.zeros((8, 8), int)]), 0) == []


@pytest.mark.parametrize(("n_images", "share", "n_held"), [(3, 0.1, 1), (10, 0.2, 2), (4, 0.5, 2)])
def test_a_share_of_the_images_is_held_out(n_images, share, n_held):
    """For early stopping, if three or more have labels; at least one."""
    maps = [np.arange(16).reshape(4, 4) % 2 for _ in range(n_images)]
    held = hold_out(targets(maps), share, np.random.default_rng(0))
    assert sorted(k.mean() for k in held.known) == [0.0] * (n_images - n_held) + [1.0] * n_held


def test_blocks_of_two_images_are_held_out():
    """About the share of them; of each class some labels remain."""
    maps = [np.indices((5 * HELD_OUT_SIDE, 4 * HELD_OUT_SIDE))[0] % 2 for _ in range(2)]
    maps[0][0, 0] = 7
    for seed in range(5):
        held = hold_out(targets(maps), 0.2, np.random.default_rng(seed))
        assert np.mean(held.known) == pytest.approx(0.2, abs=1e-4)
        assert 7 not in held.classes


def test_nothing_can_be_held_out():
    """The error names the argument and a way out."""
    maps = [np.full((9, 9), i) for i in range(3)]
    with pytest.raises(ValueError, match=r"early_stopping=0.3 holds out.*early_stopping=False"):
        hold_out(targets(maps), 0.3, np.random.default_rng(0))
