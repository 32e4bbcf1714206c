"""Outputs that report how much of them is written."""

from copy import copy

import numpy as np
import pytest

from sklearn_segae.imaging._watched_array import WatchedArray


def test_it_is_written_as_an_array_and_reports():
    """Values arrive, in the type of the array; the fraction before each write is reported."""
    seen = []
    out = WatchedArray((4, 6), np.uint8, seen.append)
    out[:2, :] = np.ones((2, 6))
    out[2:, :3] = 2
    out[2:, 3:] = 3
    assert seen == [0, 0.5, 0.75]
    np.testing.assert_array_equal(out.values[:2], 1)
    np.testing.assert_array_equal(out.values[2:], [[2] * 3 + [3] * 3] * 2)
    assert out.shape == (4, 6)
    assert out.dtype == out.values.dtype == np.uint8


def test_predictions_end_with_its_error(fitted, shapes):
    """Tiles after the error are not computed, and the error is what the caller sees."""

    def stop(done):
        if done > 0:
            raise InterruptedError

    model = copy(fitted).set_params(max_memory="40MiB")
    image = np.tile(shapes[0][0], (4, 4, 1))
    whole = WatchedArray((256, 256), np.int32, lambda done: None)
    model.predict([image], out=[whole])
    np.testing.assert_array_equal(whole.values, model.predict([image])[0])
    part = WatchedArray((256, 256), np.int32, stop)
    with pytest.raises(InterruptedError):
        model.predict([image], out=[part])
    assert 0 < part.n_written < part.values.size
