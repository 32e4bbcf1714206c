"""AutoencoderTransformer in the company of scikit-learn's tools."""

import gc
import os
import pickle
import subprocess
import sys
import tracemalloc
import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.autoencoder._variants import VARIANTS, VARIANTS_OF_ROWS
from sklearn_segae.networks import DenseAutoencoder


def small(n_components=2, **parameters):
    return AutoencoderTransformer(
        n_components, hidden_layer_sizes=(8,), max_epochs=2, random_state=0
    ).set_params(**parameters)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture
def frame(rows):
    return pd.DataFrame(rows, columns=list("abcdef"))


@pytest.mark.parametrize(
    "search",
    [
        lambda *a: GridSearchCV(*a, cv=2, n_jobs=2),
        lambda *a: HalvingGridSearchCV(*a, cv=2, n_jobs=2, factor=2, random_state=0),
    ],
    ids=["grid", "halving"],
)
def test_searches_compare_variants_without_scoring(digits, search):
    """In two processes, by clean reconstruction: more numbers win, as they do in one process."""
    pipeline = make_pipeline(MinMaxScaler(), small(max_epochs=5, lr=0.01))
    grid = {
        "autoencodertransformer__n_components": [1, 8],
        "autoencodertransformer__variant": ["plain", "denoising"],
    }
    found = search(pipeline, grid).fit(digits[0])
    assert found.best_params_["autoencodertransformer__n_components"] == 8
    best = pipeline.set_params(**found.best_params_)
    np.testing.assert_allclose(
        best.fit_transform(digits[0]), found.best_estimator_.transform(digits[0]), atol=1e-5
    )


def test_beside_other_transformers(frame):
    """Columns of a union come one after the other, with their names."""
    union = FeatureUnion([("pca", PCA(2)), ("ae", small())])
    union.set_output(transform="pandas")
    codes = union.fit_transform(frame)
    assert list(codes) == [
        "pca__pca0",
        "pca__pca1",
        "ae__autoencodertransformer0",
        "ae__autoencodertransformer1",
    ]
    np.testing.assert_allclose(codes.to_numpy()[:, 2:], small().fit_transform(frame))


def test_on_some_columns_of_a_frame(frame):
    """A ColumnTransformer encodes the columns it names, and the names are kept."""
    columns = ColumnTransformer([("ae", small(), ["b", "d", "f"])], remainder="passthrough")
    columns.set_output(transform="pandas")
    codes = columns.fit_transform(frame)
    assert list(codes)[2:] == ["remainder__a", "remainder__c", "remainder__e"]
    assert list(columns.named_transformers_["ae"].feature_names_in_) == ["b", "d", "f"]
    with pytest.raises(ValueError, match="feature names"):
        columns.named_transformers_["ae"].transform(frame[["d", "b", "f"]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_outputs_are_frames_on_request(rows, library):
    """set_output, with the names of get_feature_names_out."""
    module = pytest.importorskip(library)
    ae = small(3).set_output(transform=library)
    for codes in (ae.fit_transform(rows), ae.transform(rows)):
        assert isinstance(codes, module.DataFrame)
        assert list(codes.columns) == list(ae.get_feature_names_out())
    assert list(ae.get_feature_names_out()) == [f"autoencodertransformer{i}" for i in range(3)]


def test_images_to_frames(digits):
    """A stack of images gives a frame of codes, a row for each."""
    images = digits[0].reshape(-1, 8, 8)
    codes = small().set_output(transform="pandas").fit_transform(images[:100])
    assert codes.shape == (100, 2)


@pytest.mark.parametrize(
    "classifier",
    [
        KNeighborsClassifier(5),
        SelfTrainingClassifier(LogisticRegression(solver="newton-cg"), threshold=0.9),
    ],
    ids=lambda c: type(c).__name__,
)
def test_codes_serve_classifiers(digits, classifier):
    """Ten numbers a digit tell most of them, from every tenth label where that is all there is."""
    X, y = digits
    labels = y.copy()
    if isinstance(classifier, SelfTrainingClassifier):
        labels[np.arange(len(y)) % 10 != 0] = -1
    ae = AutoencoderTransformer(10, variant="denoising", lr=3e-3, max_epochs=15, random_state=0)
    pipeline = Pipeline([("codes", ae), ("classifier", classifier)]).fit(X[:1200], labels[:1200])
    assert pipeline.score(X[1200:], y[1200:]) > 0.8


def test_cross_validation_without_scoring(digits):
    """Scores are minus losses on held-out rows."""
    scores = cross_val_score(small(8), digits[0], cv=3)
    assert scores.shape == (3,)
    assert (scores < 0).all()


def test_it_shows_itself(rows):
    """As HTML, with its parameters, before and after fit, architectures of one's own included."""
    for ae in (
        small(variant="denoising"),
        small(variant="denoising", architecture=DenseAutoencoder),
    ):
        for estimator in (ae, ae.fit(rows)):
            page = estimator._repr_html_()
            assert "AutoencoderTransformer" in page
            assert "denoising" in page


@pytest.mark.slow  # all checks again, in another process
def test_array_api_checks_pass():
    """With SCIPY_ARRAY_API=1, which has to be set before scipy is imported, none is left out."""
    code = """
import torch; torch.set_num_threads(1)
from collections import Counter
from sklearn.utils.estimator_checks import check_estimator
from sklearn_segae import AutoencoderTransformer
ae = AutoencoderTransformer(2, hidden_layer_sizes=(), max_epochs=2)
results = check_estimator(ae, on_skip=None, on_fail=None)
print(Counter(r["status"] for r in results))
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    output = subprocess.check_output(command, text=True, env=environment)
    assert output.strip().startswith("Counter({'passed': ")
    assert "failed" not in output
    assert "skipped" not in output


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fitted_net_does_not_hold_the_data(variant):
    """What it was trained on goes when the caller lets go of it: memory stays flat."""
    shape = (20_000, 6) if variant in VARIANTS_OF_ROWS else (5000, 4, 6)
    X = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    held = weakref.ref(X)
    tracemalloc.start()
    ae = small(variant=variant, batch_size=1000).fit(X)
    size = X.nbytes
    del X
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held() is None
    assert kept < size / 2  # neither a scaled copy; codes of 1000 samples are kept
    assert len(pickle.dumps(ae)) < size / 2
