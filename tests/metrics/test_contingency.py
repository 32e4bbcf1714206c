"""The table of the pixels that labels and segments share, dense or sparse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.cluster import contingency_matrix

from sklearn_segae.metrics._contingency import contingency

few = settings(max_examples=60, deadline=None, derandomize=True)
# Names close together are counted, names far apart are sorted.
names = st.sampled_from([0, 1, 2, 5, 70, 10**6, 2**40])


@few
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(*[arrays(int, n, elements=names)] * 2)))
def test_counts_are_those_of_scikit_learn(pair):
    """Rows are sorted labels, columns sorted segments, cells the pixels in both."""
    table = contingency(*pair, ignore_label=None)

    np.testing.assert_array_equal(table.counts.toarray(), contingency_matrix(*pair))
    np.testing.assert_array_equal(table.classes, np.unique(pair[0]))
    np.testing.assert_array_equal(table.segments, np.unique(pair[1]))


def test_many_regions_need_little_memory():
    """A region each for every pixel on both sides has a cell for every pixel, and no others."""
    names = np.random.default_rng(0).permutation(50_000)

    table = contingency(np.arange(50_000), names, ignore_label=None)

    assert table.counts.shape == (50_000, 50_000)
    assert table.counts.nnz == 50_000
    assert table.counts.sum() == 50_000


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64, np.float64])
def test_names_at_the_ends_of_their_type(dtype):
    """The smallest and the largest number of a type are names like any other."""
    info = np.finfo(dtype) if np.issubdtype(dtype, np.floating) else np.iinfo(dtype)
    labels = np.array([info.min, info.max, info.max, 3], dtype)

    table = contingency(labels, labels, ignore_label=None)

    np.testing.assert_array_equal(table.classes, np.array([info.min, 3, info.max], dtype))
    np.testing.assert_array_equal(table.counts.toarray(), np.diag([1, 1, 2]))
