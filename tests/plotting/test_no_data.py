"""Displays of images with pixels without data."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import make_shapes
from sklearn_segae.plotting import FeatureMapDisplay, SegmentationDisplay, UncertaintyDisplay

pytest.importorskip("matplotlib").use("agg")


@pytest.fixture(scope="module")
def fitted():
    """A segmenter, an image of which half is masked, and the mask."""
    images, _ = make_shapes(2, size=40, random_state=0)
    mask = np.zeros(images.shape, bool)
    mask[:, :, :20] = True
    X = np.ma.array(np.where(mask, 99, images), mask=mask)
    return AESegmenter(3, encoder="passthrough", random_state=0).fit(X), X


def test_label_maps_are_white_there(fitted):
    """Masked pixels and NaN are drawn alike, without a color of any segment."""
    segmenter, X = fitted
    for own in (X, np.ma.filled(X.astype(np.float32), np.nan)):
        display = SegmentationDisplay.from_estimator(segmenter, own)
        picture = display.axes_.ravel()[0].get_images()[0].get_array()
        assert (np.asarray(picture)[1:-1, 1:18] == 255).all()
        assert np.asarray(picture)[:, 25:].std() > 10


@pytest.mark.parametrize("kind", [UncertaintyDisplay, FeatureMapDisplay])
def test_maps_have_the_range_of_pixels_with_data(fitted, kind):
    """NaN, which is transparent, does not blank out the scale."""
    segmenter, X = fitted
    display = kind.from_estimator(segmenter, X[0])
    drawn = display.axes_.ravel()[-1 if kind is UncertaintyDisplay else 0].get_images()[0]
    assert np.isfinite(drawn.get_clim()).all()
    assert np.ma.getmaskarray(drawn.get_array())[:, :20].all()
