"""Batches: every sample once an epoch, with what belongs to it."""

import numpy as np
import pytest
import torch

from sklearn_segae.training._batches import Batches, Samples, spread_evenly


def samples(n, weights=None):
    numbers = torch.arange(n)
    return Samples(lambda index: numbers[index], n, weights)


def test_an_epoch_has_every_sample_once():
    """Whatever the size of a batch; only the last one may be smaller."""
    for batch_size in (1, 3, 10, 99):
        batches = [x for x, _ in Batches(samples(10), batch_size, np.random.default_rng(0))]
        assert sorted(torch.cat(batches).tolist()) == list(range(10))
        assert {len(x) for x in batches[:-1]} <= {batch_size}


@pytest.mark.parametrize(("n", "n_wanted"), [(1, 5), (5, 5), (7, 5), (10**6, 1000)])
def test_evenly_spread_samples_reach_from_end_to_end(n, n_wanted):
    """As many as wanted or there are, each once, with gaps that differ by one at most."""
    index = spread_evenly(n, n_wanted)
    assert len(index) == min(n, n_wanted)
    assert (index[0], index[-1]) == (0, n - 1)
    assert len(set(np.diff(index))) <= 2
    assert (np.diff(index) > 0).all()


def test_only_training_shuffles():
    """With a generator the order is new each epoch, without one it is that of the samples."""
    shuffled = Batches(samples(50), 50, np.random.default_rng(0))
    (first, _), (second, _) = next(iter(shuffled)), next(iter(shuffled))
    assert not torch.equal(first, second)
    assert torch.equal(next(iter(Batches(samples(50), 50)))[0], torch.arange(50))


def test_weights_stay_with_their_samples():
    """Through subsets and shuffling; None where there are none."""
    weighted = samples(20, weights=10.0 * torch.arange(20)).subset(np.arange(5, 20))
    for x, weights in Batches(weighted, 4, np.random.default_rng(0)):
        assert torch.equal(weights, 10.0 * x)
    assert all(weights is None for _, weights in Batches(samples(20), 4))
