"""Explanations of segmenters on images with pixels without data."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.inspection import (
    component_importance,
    pixel_attribution,
    reconstruction_error,
    segment_prototypes,
)

GAP = np.zeros((64, 64), bool)
GAP[:, :20] = True


@pytest.fixture(scope="module")
def fitted():
    """A segmenter, and images with either of two values under the mask."""
    images, _ = make_shapes(2, size=64, random_state=0)
    mask = np.zeros(images.shape, bool)
    mask[:, GAP] = True
    X = [np.ma.array(np.where(mask, v, images), mask=mask) for v in (0, 50)]
    encoder = PixelEncoder(6, features="texture", pooling=1, max_epochs=1, batch_size=2)
    return AESegmenter(3, encoder=encoder, refine=False, random_state=0).fit(X[0]), X


def test_errors_of_reconstruction(fitted):
    """They are NaN there, and do not depend on what is masked."""
    segmenter, X = fitted
    first, second = (reconstruction_error(segmenter, own) for own in X)
    np.testing.assert_array_equal(first.data, second.data)
    assert np.isnan(first.data[:, GAP]).all()
    assert np.isfinite(first.data[:, ~GAP]).all()


def test_prototypes_have_data(fitted):
    """In all of their pixels."""
    segmenter, X = fitted
    first, second = (segment_prototypes(segmenter, own, n_prototypes=2, size=8) for own in X)
    assert (first.positions[:, 1] >= 20).all()
    assert (first.segments >= 0).all()
    np.testing.assert_array_equal(first.scores, second.scores)


def test_importances(fitted):
    """They are those of pixels with data."""
    segmenter, X = fitted
    first, second = (component_importance(segmenter, own, n_repeats=1, random_state=0) for own in X)
    np.testing.assert_array_equal(first.importances, second.importances)


def test_attributions_need_data_around_a_pixel(fitted):
    """Far from the gap there are some; at the gap, an error says which pixels are missing."""
    segmenter, X = fitted
    found = pixel_attribution(segmenter, X[1][0], (40, 50))
    assert np.isfinite(found.attribution).all()
    with pytest.raises(ValueError, match="where pixels have no data"):
        pixel_attribution(segmenter, X[1][0], (30, 22))
