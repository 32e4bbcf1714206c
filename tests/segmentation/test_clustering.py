"""Among the optima of k-means, the one whose segments narrow codes tell apart as well."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sklearn_segae.segmentation._clustering import _distinct_optima, _log_spread, choose_optimum


class Places:
    """What `choose_optimum` asks a survey for; all places are far from all borders."""

    def __init__(self, wide, narrow, patches=None):
        self.wide, self.narrow = wide, narrow
        noise = np.random.default_rng(0).normal(size=(len(wide), 81))
        self.patches = lambda: noise if patches is None else patches

    def __len__(self):
        return len(self.wide)

    def away_from_borders(self, labels):
        return np.full(len(labels), np.inf)


@pytest.fixture
def rectangle(rng):
    """Four groups at the corners of a near square: k-means halves it one way or the other."""
    corners = np.array([(x, y) for x in (0, 10) for y in (0, 10.2)])
    wide = np.repeat(corners, 500, axis=0) + rng.normal(size=(2000, 2))
    left, low = np.repeat([0, 0, 1, 1], 500), np.repeat([0, 1, 0, 1], 500)
    return wide, left, low


def test_narrow_codes_decide_between_near_equals(rectangle, rng):
    """Halves across differ in the correlation of narrow codes, halves along by nothing."""
    wide, left, low = rectangle
    narrow = rng.normal(size=(2000, 2))
    narrow[:, 1] += np.where(left, 3, -3) * narrow[:, 0]
    chosen = choose_optimum(Places(wide, narrow), 2, 2000, seed=0)
    assert adjusted_rand_score(left, chosen.predict(wide)) > 0.99
    indifferent = choose_optimum(Places(wide, rng.normal(size=(2000, 2))), 2, 2000, seed=0)
    assert adjusted_rand_score(low, indifferent.predict(wide)) > 0.99  # the longer side is cut


def test_patches_decide_as_well(rectangle, rng):
    """Halves whose patches have stripes across or along, with the same narrow codes."""
    wide, left, _ = rectangle
    waves = rng.normal(size=(2000, 1, 9))
    patches = np.array([p if a else p.T for p, a in zip(waves.repeat(9, 1), left, strict=True)])
    survey = Places(wide, rng.normal(size=(2000, 2)), patches.reshape(2000, 81))
    chosen = choose_optimum(survey, 2, 2000, seed=0)
    assert adjusted_rand_score(left, chosen.predict(wide)) > 0.99


def test_much_better_clusters_win_whatever_narrow_codes_say(rng):
    """Narrow codes are asked about near equals; they do not undo clear clusters."""
    wide = np.repeat([[0.0, 0], [100, 0], [0, 100]], 300, axis=0) + rng.normal(size=(900, 2))
    narrow = rng.normal(size=(900, 3)) * np.where(rng.random((900, 1)) < 0.5, 1, 3)
    labels = choose_optimum(Places(wide, narrow), 3, 900, seed=0).predict(wide)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 300), labels) == 1


def test_optima_are_listed_once_and_best_first(rectangle):
    """Twenty starts, few optima, each better than the next by more than rounding."""
    optima = _distinct_optima(rectangle[0], 2, seed=0)
    inertias = [fit.inertia_ for fit in optima]
    assert 1 < len(optima) < 20
    assert inertias == sorted(inertias)
    assert min(b / a for a, b in pairwise(inertias)) > 1.0005


def test_the_shorter_description_is_that_of_homogeneous_segments(rng):
    """Two textures that differ in spread: told apart, they are described shortest."""
    rows = rng.normal(size=(1000, 3)) * np.repeat([1, 4], 500)[:, None]
    truth, half = np.repeat([0, 1], 500), np.tile([0, 1], 500)
    everything = np.ones(1000, bool)
    assert _log_spread(rows, truth, everything) < _log_spread(rows, half, everything) - 0.1
