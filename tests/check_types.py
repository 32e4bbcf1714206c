"""The types that programs which use this package are checked against: `make lint` runs mypy on it.

`fit` returns the estimator, and `predict` and `transform` the container that they are given.
"""

from typing import Any, assert_type

import numpy as np

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder, PixelHead


def check_types() -> None:
    """Read by mypy, not run."""
    images, rows = np.zeros((2, 8, 8)), np.zeros((9, 3))
    labels = np.zeros(9, int)

    assert_type(AESegmenter().fit(images), AESegmenter)
    assert_type(AESegmenter().fit(images).predict(images), np.ndarray)
    assert_type(AESegmenter().predict([np.zeros((8, 8)), np.zeros((9, 9))]), list[np.ndarray])
    assert_type(AESegmenter().fit_predict((np.zeros((8, 8)),)), list[np.ndarray])
    assert_type(AESegmenter().fit_predict(images), np.ndarray)
    assert_type(AESegmenter().predict("an array of another library"), Any)
    assert_type(PixelEncoder().fit(images).transform(images), np.ndarray)
    assert_type(AutoencoderTransformer().fit(rows).transform(rows), np.ndarray)
    assert_type(PixelHead().fit(rows, labels).predict(rows), np.ndarray)
