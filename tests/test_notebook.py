"""What a notebook shows of our estimators: documented parameters, and progress while they fit."""

import html
import inspect

import pytest

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder, PixelHead
from sklearn_segae._base import SITE
from sklearn_segae.datasets import make_shapes

ESTIMATORS = [AESegmenter, AutoencoderTransformer, PixelEncoder, PixelHead]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.__name__)
def test_every_parameter_is_described(estimator):
    """The table of parameters links each of them to our site, and says what it does."""
    pytest.importorskip("sklearn.callback", reason="older scikit-learn describes no parameters")
    shown = estimator()._repr_html_()
    for name in inspect.signature(estimator).parameters:
        assert f"--doc-link-{name};" in shown, name
        assert f"{name}: " in html.unescape(shown)
    page = f"{SITE}/reference/generated/sklearn_segae.{estimator.__name__}.html"
    assert f'href="{page}' in shown


def test_scikit_learns_own_estimators_keep_their_links():
    """The link of a part of ours that is scikit-learn's leads to scikit-learn."""
    from sklearn.cluster import KMeans

    shown = AESegmenter(encoder=PixelEncoder(), estimator=KMeans())._repr_html_()
    assert "sklearn.cluster.KMeans.html" in shown
    assert f"{SITE}/reference/generated/sklearn_segae.PixelEncoder.html" in shown


def test_a_progress_bar_shows_the_epochs(capsys):
    """scikit-learn's progress bar counts the epochs of the encoder inside a segmenter."""
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
    images, _ = make_shapes(2, size=48, random_state=0)
    encoder = PixelEncoder(2, features="intensity", max_epochs=2)
    segmenter = AESegmenter(3, encoder=encoder, random_state=0)
    segmenter.set_callbacks(callback.ProgressBar()).fit(images)
    shown = capsys.readouterr().out
    assert "AESegmenter" in shown
    assert "100%" in shown
    assert segmenter.n_segments_ == 3
