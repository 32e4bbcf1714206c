"""scikit-learn's own checks, on rows, for all three estimators and several configurations."""

import re
from collections import Counter

import pytest
import torch
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import GradientNormClipping
from torch import nn

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder, PixelHead
from sklearn_segae.autoencoder._variants import VARIANTS_OF_ROWS


class Linear(nn.Module):
    """A user's own architecture, as small as one can be."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.encode = nn.Linear(n_features, n_components)
        self.decode = nn.Linear(n_components, n_features)


def small(**parameters):
    return AutoencoderTransformer(3, hidden_layer_sizes=(8,), max_epochs=3).set_params(**parameters)


quick = PixelEncoder(2, max_epochs=3)

slow = pytest.mark.slow  # hundreds of epochs in each of some 50 checks
CONFIGURATIONS = [
    pytest.param(AutoencoderTransformer(), marks=slow),
    AutoencoderTransformer(max_epochs=5),
    AutoencoderTransformer(1, max_epochs=5),
    AutoencoderTransformer(hidden_layer_sizes=(), max_epochs=5),
    AutoencoderTransformer(hidden_layer_sizes=(512, 256), lr=0.01, max_epochs=5),
    AutoencoderTransformer(early_stopping=True, n_iter_no_change=1, max_epochs=20),
    AutoencoderTransformer(scaling="minmax", loss="cross_entropy", max_epochs=5),
    AutoencoderTransformer(scaling=None, loss="huber", activation="tanh", max_epochs=5),
    *(small(variant=variant) for variant in VARIANTS_OF_ROWS),
    small(variant="denoising", scaling="minmax", loss="cross_entropy"),
    AutoencoderTransformer(variant="unmixing", max_epochs=5),
    AutoencoderTransformer(2, variant="unmixing", hidden_layer_sizes=(), max_epochs=3),
    small(variant="masked", variant_strength=0.9, scaling=None),
    small(variant="variational", architecture="signal"),
    small(architecture="signal", batch_size=3, max_epochs=1),
    small(architecture=Linear, optimizer=torch.optim.NAdam),
    small(loss=nn.SmoothL1Loss(beta=0.5), device="cpu"),
    small(precision="bfloat16", optimizer="sgd"),
    small(precision="float16", callbacks=[GradientNormClipping(1)]),
    small(early_stopping=0.3, optimizer="adamw"),
    small(n_iter_no_change=1, activation="gelu"),
    pytest.param(PixelEncoder(), marks=slow),
    PixelEncoder(max_epochs=3),
    PixelEncoder(1, n_filters=3, max_epochs=3),
    PixelEncoder(lr=0.05, max_epochs=3),
    PixelEncoder(loss="mae", max_epochs=0),
    pytest.param(AESegmenter(), marks=slow),
    AESegmenter(3, encoder=quick),
    AESegmenter(3, encoder=PCA(1), estimator=GaussianMixture()),
    AESegmenter(3, encoder="passthrough", estimator=AgglomerativeClustering()),
    AESegmenter(encoder=quick, estimator=LogisticRegression()),
    pytest.param(AESegmenter(encoder=quick, estimator="head"), marks=slow),
    AESegmenter(encoder=quick, estimator=PixelHead(max_epochs=10)),
    PixelEncoder(features="multiscale", max_epochs=1),
    pytest.param(PixelHead(), marks=slow),
    PixelHead(max_epochs=50),
    PixelHead((), class_weight="balanced", lr=0.05, max_epochs=50),
]


WEIGHTED = "rows of weight 2 and repeated rows make other batches, and other samples of pixels"
REFUSED = "weights are of labeled pixels: a clusterer refuses them"

# Checks that are expected to fail, and why.
EXPECTED = {
    "transformer": {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTED,
        "check_sample_weight_equivalence_on_sparse_data": WEIGHTED,
    },
    "clusterer": {
        "check_all_zero_sample_weights_error": REFUSED,
        "check_sample_weight_equivalence_on_dense_data": REFUSED,
        "check_sample_weights_list": REFUSED,
        "check_sample_weights_not_an_array": REFUSED,
        "check_sample_weights_not_overwritten": REFUSED,
        "check_sample_weights_pandas_series": REFUSED,
        "check_sample_weights_shape": REFUSED,
    },
    "classifier": {
        "check_classifiers_classes": "-1 is always an unlabeled pixel, never a class",
        "check_sample_weight_equivalence_on_dense_data": WEIGHTED,
    },
}


def expected_failures(estimator):
    """What fails of an AutoencoderTransformer or an AESegmenter; nothing of the others."""
    if isinstance(estimator, AutoencoderTransformer):
        return None if estimator.variant == "unmixing" else EXPECTED["transformer"]
    return EXPECTED.get(get_tags(estimator).estimator_type) if hasattr(estimator, "scope") else None


def name_of(estimator):
    """Its repr on one line, without addresses: the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+| +", " ", repr(estimator).replace("\n", ""))


@pytest.mark.filterwarnings("ignore:.*array_api:UserWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("estimator", CONFIGURATIONS, ids=name_of)
def test_passes_the_checks_of_scikit_learn(estimator, record_property):
    """No common check fails but those that are expected to, and the checks are many, not one."""
    expected = expected_failures(estimator)
    results = check_estimator(
        estimator, on_skip=None, on_fail=None, expected_failed_checks=expected
    )
    failed = [f"{r['check_name']}: {r['exception']}" for r in results if r["status"] == "failed"]
    counts = Counter(r["status"] for r in results)
    record_property("told", f"{type(estimator).__name__}, checks of scikit-learn: {dict(counts)}")
    assert not failed
    assert counts["passed"] >= 40
