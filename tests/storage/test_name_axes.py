"""Axes of arrays that users name."""

import dask.array
import numpy as np
import pytest
import torch
import zarr

from sklearn_segae.storage import name_axes

CUBE = np.arange(2 * 3 * 24 * 30).reshape(2, 3, 24, 30)  # times, channels, rows, columns


@pytest.mark.parametrize(
    "make", [np.asarray, zarr.array, dask.array.from_array, torch.tensor, np.ndarray.tolist]
)
def test_axes_are_put_in_order(make):
    """Other axes first, then rows, columns and channels, in every kind of array."""
    np.testing.assert_array_equal(name_axes(make(CUBE), "tcyx"), np.moveaxis(CUBE, 1, -1))
    np.testing.assert_array_equal(name_axes(make(CUBE[0]), "cyx"), np.moveaxis(CUBE[0], 0, -1))
    np.testing.assert_array_equal(name_axes(make(CUBE), "tzyx"), CUBE.reshape(6, 24, 30))
    np.testing.assert_array_equal(name_axes(make(CUBE[0, 0]), "xy"), CUBE[0, 0].T)


def test_arrays_in_memory_and_dask_stay_what_they_are():
    """Plausible axes need no wrapper: numpy gives views, and dask is not computed."""
    assert np.shares_memory(name_axes(CUBE, "tcyx"), CUBE)
    assert isinstance(name_axes(dask.array.from_array(CUBE), "tcyx"), dask.array.Array)


@pytest.mark.parametrize("axes", ["cyy", "c", "cy", "yxcc", "1yx"])
def test_axes_that_are_none(axes):
    """Rows and columns are needed, and every letter once."""
    with pytest.raises(ValueError, match=r"axes="):
        name_axes(CUBE[0], axes)
