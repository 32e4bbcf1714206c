"""Description lengths of label maps."""

import numpy as np
import pytest
from scipy import ndimage, stats

from sklearn_segae.encoding._description_length import (
    DescriptionLength,
    gaussian_length,
    length_of_labels,
    predicted_length,
    tail_length,
)
from sklearn_segae.encoding._gap_statistic import gap_statistic


@pytest.fixture
def halves():
    """Return an image whose halves differ by two standard deviations of noise, and its labels."""
    labels = np.zeros((64, 64), int)
    labels[:, 32:] = 1
    image = 2 * labels + np.random.default_rng(0).normal(size=labels.shape)
    return (image - image.mean())[..., None] / image.std(), labels


def test_one_gaussian_has_its_entropy():
    """The length of independent pixels is the number times the differential entropy."""
    pixels = np.random.default_rng(0).normal(0, 2, size=(50_000, 1))
    entropy = stats.norm(scale=2).entropy()
    assert gaussian_length(pixels) / len(pixels) == pytest.approx(entropy, abs=0.01)


def test_what_neighbors_tell_costs_nothing():
    """A pixel that is a sum of its neighbors and small noise has the entropy of the noise."""
    rng = np.random.default_rng(0)
    design = np.column_stack([rng.normal(size=(20_000, 2)), np.ones(20_000)])
    pixels = (design @ [1.0, -2.0, 3.0] + rng.normal(0, 0.5, 20_000))[:, None]
    entropy = stats.norm(scale=0.5).entropy()
    assert predicted_length(pixels, design) / len(pixels) == pytest.approx(entropy, abs=0.02)


def test_heavy_tails_are_cheaper_than_under_one_gaussian():
    """A few large residuals among many small ones; for Gaussian ones there is no difference."""
    rng = np.random.default_rng(0)
    heavy = stats.t(2).rvs(20_000, random_state=rng)
    for residuals, gain in ((heavy, 0.2), (rng.normal(size=20_000), -0.01)):
        squares = (residuals / residuals.std()) ** 2
        assert (squares.sum() / 2 - tail_length(squares, 1)) / 20_000 > gain
    assert abs(squares.sum() / 2 - tail_length(squares, 1)) / 20_000 < 0.02


def test_smooth_maps_are_cheap(halves):
    """Labels of one border cost little; labels at random log(2) nats each."""
    labels = halves[1]
    random = np.random.default_rng(0).integers(2, size=(64, 64))
    assert length_of_labels([labels], 2) < 0.05 * labels.size
    assert length_of_labels([random], 2) / (63 * 62) == pytest.approx(np.log(2), abs=0.01)
    assert length_of_labels([labels * 0], 1) == pytest.approx(0)


def test_many_segments_take_little_memory():
    """Only combinations of labels that occur are counted; unused labels cost a little more."""
    labels = np.random.default_rng(0).integers(3, size=(40, 50))
    assert length_of_labels([labels], 3) < length_of_labels([labels], 1000) < np.inf


def test_counts_are_coded_one_by_one():
    """The length is minus the log of the product of the estimates, label by label."""
    labels = np.random.default_rng(0).integers(3, size=(9, 8))
    counts, length = {}, 0.0
    for row in range(1, 9):
        for column in range(1, 7):
            around = labels[row, column - 1], labels[row - 1, column], labels[row - 1, column + 1]
            own = counts.setdefault(around, np.full(3, 0.5))
            length -= np.log(own[labels[row, column]] / own.sum())
            own[labels[row, column]] += 1
    assert length_of_labels([labels], 3) == pytest.approx(length)


def test_right_segments_are_shorter_than_wrong_ones(halves):
    """By both models, and than thresholds or one segment."""
    image, labels = halves
    length = DescriptionLength([image], 2)
    for of in (length.independent, length.autoregressive):
        right = of([labels])
        assert right < of([labels * 0])
        assert right < of([labels.T])
        assert right < of([(image[..., 0] > 0).astype(int)])


def test_textures_need_the_model_with_neighbors():
    """Rough and smooth noise of one mean and variance: only their neighborhoods differ."""
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(64, 64)), 1.5)
    labels = np.zeros((64, 64), int)
    labels[:, 32:] = 1
    image = np.where(labels == 1, smooth / smooth.std(), rng.normal(size=(64, 64)))[..., None]
    length = DescriptionLength([image], 2)
    whole = [labels * 0]
    assert length.autoregressive(whole) - length.autoregressive([labels]) > 0.3
    assert abs(length.independent(whole) - length.independent([labels])) < 0.02


def test_the_gap_tells_one_cluster_from_two():
    """A Gaussian has none; two distant ones have a large one."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=(2000, 2))
    two = one + 8 * rng.integers(2, size=(2000, 1))
    assert abs(gap_statistic(one, (3, 4, 5), 0)) < 0.05
    assert gap_statistic(two, (3, 4, 5), 0) > 0.5
