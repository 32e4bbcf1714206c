"""scikit-learn's own checks, on rows, for all three estimators and several configurations."""

from collections import Counter

import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import check_estimator

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder

quick = PixelEncoder(2, max_epochs=3)

CONFIGURATIONS = [
    AutoencoderTransformer(),
    AutoencoderTransformer(1),
    AutoencoderTransformer(hidden_layer_sizes=()),
    AutoencoderTransformer(hidden_layer_sizes=(512, 256), lr=0.01, max_epochs=20),
    AutoencoderTransformer(early_stopping=True),
    AutoencoderTransformer(scaling="minmax", loss="cross_entropy"),
    AutoencoderTransformer(scaling=None, loss="huber", activation="tanh"),
    PixelEncoder(),
    PixelEncoder(1, width=3),
    PixelEncoder(early_stopping=True, lr=0.05),
    PixelEncoder(loss="mae", max_epochs=0),
    AESegmenter(),
    AESegmenter(3, encoder=quick),
    AESegmenter(3, encoder=PCA(1), estimator=GaussianMixture()),
    AESegmenter(3, encoder="passthrough", estimator=AgglomerativeClustering()),
    # The checks use -1 as the name of a class, which by default means "unlabelled" here.
    AESegmenter(encoder=quick, estimator=LogisticRegression(), unlabelled=-2),
]


@pytest.mark.filterwarnings("ignore:.*array_api:UserWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("estimator", CONFIGURATIONS, ids=lambda e: repr(e).replace("\n", ""))
def test_passes_the_checks_of_scikit_learn(estimator, capsys):
    """No common check fails, none is expected to, and the checks are many, not one."""
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    failed = [f"{r['check_name']}: {r['exception']}" for r in results if r["status"] == "failed"]
    counts = Counter(r["status"] for r in results)
    with capsys.disabled():
        print(f"\n{type(estimator).__name__}: {dict(counts)}", end=" ")
    assert not failed
    assert counts["passed"] >= 40
    assert counts["xfail"] == 0
