"""`set_output`: frames of rows, arrays of images."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone

from sklearn_segae import AESegmenter

WAY_OUT = r"transform_output='pandas', but X holds images.*set_output\(transform='default'\)"


@pytest.fixture
def models(tiny_encoder, shapes):
    """An encoder and a segmenter, fitted to images."""
    segmenter = AESegmenter(2, encoder=clone(tiny_encoder), random_state=0)
    return [model.fit(shapes[0]) for model in (tiny_encoder, segmenter)]


def test_images_are_no_frames(models, shapes):
    """The error names the setting, of the estimator or of scikit-learn, and how to undo it."""
    for model in models:
        with pytest.raises(ValueError, match=WAY_OUT):
            clone(model).set_output(transform="pandas").fit_transform(shapes[0])
        codes = model.transform(shapes[0])
        with config_context(transform_output="pandas"):
            with pytest.raises(ValueError, match=WAY_OUT):
                model.transform(list(shapes[0]))
            model.set_output(transform="default")
            np.testing.assert_array_equal(model.transform(shapes[0]), codes)


def test_label_maps_do_not_depend_on_it(models, shapes):
    """`fit` and `predict` return arrays under every setting."""
    segmenter = models[1]
    labels = segmenter.predict(shapes[0])
    with config_context(transform_output="pandas"):
        np.testing.assert_array_equal(clone(segmenter).fit_predict(shapes[0]), labels)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_are_frames(library, tiny_encoder, rows):
    """With a column for every component."""
    module = pytest.importorskip(library)
    segmenter = AESegmenter(2, encoder=tiny_encoder, random_state=0)
    for model in (tiny_encoder, segmenter):
        codes = model.fit(rows).transform(rows)
        frame = model.set_output(transform=library).transform(rows)
        assert isinstance(frame, module.DataFrame)
        assert list(frame.columns) == list(model.get_feature_names_out())
        np.testing.assert_array_equal(frame.to_numpy(), codes)
