"""Sample images: what their docstrings promise."""

import numpy as np
import pytest

from sklearn_segae.datasets import load_coins, load_textures, load_tissue


@pytest.mark.parametrize("load", [load_coins, load_textures, load_tissue])
def test_strokes_are_right(load):
    """Images, target and strokes belong together, and all classes have strokes that are right."""
    sample = load()

    assert sample.images.dtype == np.uint8
    assert sample.target.dtype == sample.strokes.dtype == np.int32
    assert sample.target.shape == sample.strokes.shape == sample.images.shape[:3]
    drawn = sample.strokes >= 0
    np.testing.assert_array_equal(sample.strokes[drawn], sample.target[drawn])
    classes = np.arange(len(sample.target_names))
    np.testing.assert_array_equal(np.unique(sample.strokes[drawn]), classes)
    assert (sample.target < 0).mean() < 0.01
    assert drawn.mean() < 0.02


def test_licenses_are_given():
    """Every description names the source and the license."""
    for load in (load_coins, load_textures, load_tissue):
        text = load().DESCR
        assert "skimage.data" in text
        assert "CC0" in text or "no known\ncopyright" in text or "no known copyright" in text


def test_calls_return_own_arrays():
    """Changing a loaded sample does not change the next one."""
    load_coins().images[:] = 0

    assert load_coins().images.max() == 252
