"""Affine distortions: what moves, how far, and that nothing else does."""

import numpy as np
import pytest
import torch

from sklearn_segae.autoencoder import _variants as _distortion
from sklearn_segae.autoencoder._variants import LARGEST, distort, draw_maps

pytestmark = pytest.mark.usefixtures("one_seed")


@pytest.fixture
def only(monkeypatch):
    """A function that allows one kind of distortion alone, always at its largest."""

    def allow(which, amount):
        amounts = [0.0] * len(LARGEST)
        amounts[which] = amount
        monkeypatch.setattr(_distortion, "LARGEST", tuple(amounts))
        monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size))

    return allow


@pytest.mark.parametrize("shape", [(4, 1, 8, 8), (4, 3, 5, 9), (4, 2, 7, 1), (4, 1, 1, 1)])
def test_no_strength_changes_nothing(shape):
    """Images come back as they were, in any shape."""
    images = torch.rand(shape)
    torch.testing.assert_close(distort(images, 0), images)


def test_constant_images_stay_constant():
    """What comes in at the border is the border, whatever its value."""
    images = torch.full((50, 2, 6, 9), -3.0)
    torch.testing.assert_close(distort(images, 1), images)


def test_channels_move_together():
    """All channels of an image see the same distortion, images different ones."""
    image = torch.rand(1, 1, 9, 9)
    moved = distort(image.repeat(2, 3, 1, 1), 1)
    torch.testing.assert_close(moved[:, 0], moved[:, 2])
    assert (moved[0] - moved[1]).abs().max() > 0.1


def test_shifts_are_shares_of_a_side(only):
    """Half of a half side moves 8 pixels by 2."""
    only(4, 0.5)
    image = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(distort(image, 1)[..., :6], image[..., 2:])
    torch.testing.assert_close(distort(image, 0.5)[..., :7], image[..., 1:])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (6, 10), (9, 5)])
def test_turns_are_turns_in_oblong_images(only, height, width):
    """By a quarter turn, rows become columns, with pixels as far from the middle as before."""
    only(0, np.pi / 2)
    image = torch.zeros(1, 1, height, width)
    image[0, 0, height // 2, width // 2 + 1] = 1
    turned = distort(image, 1)
    place = np.add(np.argwhere(image[0, 0].numpy() == 1)[0], 0.5) - np.array([height, width]) / 2
    found = np.indices((height, width)).reshape(2, -1) + 0.5
    found = (found * turned.flatten().numpy()).sum(1) / turned.sum().item()
    found -= np.array([height, width]) / 2
    np.testing.assert_allclose(found, [-place[1], place[0]], atol=1e-5)


def test_strength_bounds_the_maps():
    """No number is drawn beyond its largest value, and in the middle nothing is moved."""
    maps = draw_maps(torch.zeros(5000, 1, 8, 8), 0.5)
    assert maps[:, :, 2].abs().max() <= 0.5 * LARGEST[4]
    assert maps.mean(0).sub(torch.eye(2, 3)).abs().max() < 0.06  # 5000 draws; cosines below 1
