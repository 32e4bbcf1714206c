"""Local jets: known derivatives of known images, whichever way these are turned."""

import numpy as np
import pytest
import torch

from sklearn_segae.encoding._local_jets import FRAME, SIGMAS, WIDE, jet_sizes, local_jets
from sklearn_segae.encoding._pooling import TilePooling, pool


def jets(image, rows, columns):
    """Jets [(3 or 4, h, w)], a scale each; rows and columns count from the image's corner."""
    x = torch.as_tensor(np.asarray(image), dtype=torch.float64)[None, None]
    rows, columns = (range(r.start - FRAME, r.stop - FRAME) for r in (rows, columns))
    found = local_jets(x, TilePooling(rows, columns))[0].numpy()
    assert len(found) == sum(jet_sizes().values())
    return np.split(found, np.cumsum([4 if sigma < WIDE else 3 for sigma in SIGMAS[2]])[:-1])


@pytest.fixture
def grid():
    return np.mgrid[:140, :140].astype(float)


def test_a_plane_has_a_slope_and_no_curvature(grid):
    """sigma times the length of the gradient, at every scale."""
    y, x = grid
    here = jets(3 * y + 4 * x, range(60, 70), range(65, 80))
    for jet, sigma in zip(here, SIGMAS[2], strict=True):
        np.testing.assert_allclose(jet[0], 5 * sigma)
        np.testing.assert_allclose(jet[1:3], 0, atol=1e-8)


def test_a_quadratic_form_has_its_eigenvalues(grid):
    """The Hessian is constant; its eigenvalues come in order, times sigma squared."""
    y, x = grid
    hessian = np.array([[-2, 1], [1, 3]])
    image = (hessian[0, 0] * y**2 + 2 * hessian[0, 1] * y * x + hessian[1, 1] * x**2) / 2
    low, high = np.linalg.eigvalsh(hessian)
    here = jets(image, range(68, 72), range(68, 72))
    for jet, sigma in zip(here, SIGMAS[2], strict=True):
        np.testing.assert_allclose(jet[1], high * sigma**2, rtol=1e-6)
        np.testing.assert_allclose(jet[2], low * sigma**2, rtol=1e-6)


def test_turning_the_image_turns_the_maps(rng):
    """Nothing depends on the orientation: neither a quarter turn nor a mirror."""
    image, places = rng.normal(size=(121, 121)), range(10, 111)
    straight, turned, mirrored = (
        np.concatenate(jets(x.copy(), places, places)) for x in (image, np.rot90(image), image.T)
    )
    np.testing.assert_allclose(turned, np.rot90(straight, axes=(1, 2)), atol=1e-9)
    np.testing.assert_allclose(mirrored, straight.swapaxes(1, 2), atol=1e-9)


def test_the_value_is_the_pooled_image(rng):
    """Of every scale but the wide ones, where it is but light, what pooling makes of it."""
    x = torch.from_numpy(rng.normal(size=(1, 1, 120, 120)))
    places = range(50, 60)
    here = jets(x[0, 0], places, places)
    for jet, sigma in zip(here, SIGMAS[2], strict=True):
        assert (len(jet) == 4) == (sigma < WIDE)
        if sigma < WIDE:
            np.testing.assert_allclose(jet[3], pool(x, sigma, places, places)[0, 0])


def test_a_line_bends_most_at_its_own_width(grid):
    """The scale at which a bright line has the largest negative curvature grows with it."""
    _, x = grid
    scales = []
    for width in (1, 4):
        line = np.exp(-0.5 * ((x - 70) / width) ** 2)
        here = np.array([jet[2, 0, 0] for jet in jets(line, range(70, 71), range(70, 71))])
        assert (here < 0).all()
        scales.append(SIGMAS[2][here.argmin()])
    assert scales[0] < scales[1]
