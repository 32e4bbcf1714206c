"""`random_state` alone decides: in any thread, and torch's global generator has no part in it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from sklearn_segae import (
    AESegmenter,
    AutoencoderTransformer,
    PixelEncoder,
    PixelHead,
    UNetClassifier,
)
from sklearn_segae.autoencoder._variants import VARIANTS_OF_IMAGES, VARIANTS_OF_ROWS
from sklearn_segae.networks import DenseAutoencoder


class Dropped(DenseAutoencoder):
    """A module of a user's that draws from torch's global generator, first and in training."""

    def __init__(self, n_features, n_components):
        super().__init__(n_features, n_components, (8,))
        self.drop = nn.Dropout(0.3)
        self.register_buffer("shift", torch.rand(n_features))

    def encode(self, x):
        return super().encode(self.drop(x) + self.shift)


def autoencoder(**options):
    return AutoencoderTransformer(
        3, hidden_layer_sizes=(8,), batch_size=20, max_epochs=3, random_state=0, **options
    )


def encoder(pooling=1, **options):
    return PixelEncoder(3, pooling=pooling, n_filters=4, batch_size=1, max_epochs=2, **options)


IMAGES = {
    **{v: autoencoder(variant=v) for v in VARIANTS_OF_IMAGES},
    "own module": autoencoder(architecture=lambda shape, n: Flat(shape, n)),
    "pixels": encoder("auto", random_state=0),
    "segmenter": AESegmenter(3, encoder=encoder(), random_state=0),
    "network": AESegmenter(
        encoder=encoder(), estimator=UNetClassifier(4, crop_size=16, max_epochs=1), random_state=0
    ),
}
ROWS = {
    **{f"{v} rows": autoencoder(variant=v) for v in VARIANTS_OF_ROWS},
    "own module of rows": autoencoder(architecture=Dropped, variant="denoising"),
    "spectra": encoder(random_state=0),
    "head": PixelHead((4,), max_epochs=5, random_state=0),
}


class Flat(Dropped):
    """The same for images."""

    def __init__(self, shape, n_components):
        super().__init__(int(np.prod(shape)), n_components)
        self.shape = shape

    def encode(self, x):
        return super().encode(x.flatten(1))

    def decode(self, codes):
        return super().decode(codes).unflatten(1, self.shape)


@pytest.fixture
def data(shapes, rows):
    """Return samples and labels for an estimator by its name."""
    images, truth = (a[:, :48, :48] for a in shapes)
    return lambda name: (images, truth) if name in IMAGES else (rows, np.int32(rows[:, 0] > 0))


def bits(estimator, X, y):
    """Fit a clone, and return all that its net learnt, as one array."""
    fitted = clone(estimator).fit(X, y)
    net = (fitted.encoder_ if hasattr(fitted, "encoder_") else fitted).net_
    weights = [w.detach().numpy().ravel() for w in net.module_.state_dict().values()]
    answer = getattr(fitted, "predict" if hasattr(fitted, "predict") else "transform")(X)
    return np.concatenate([*weights, np.float64(net.history[:, "train_loss"]), answer.ravel()])


@pytest.mark.parametrize("name", [*IMAGES, *ROWS])
def test_fits_in_threads_are_the_fit_alone(data, name):
    """Six fits in three threads give the same bits as one fit."""
    estimator = (IMAGES | ROWS)[name]
    alone = bits(estimator, *data(name))
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda _: bits(estimator, *data(name)), range(6)))
    for other in together:
        np.testing.assert_array_equal(other, alone)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_search_in_threads_finds_the_same(rows, n_jobs):
    """Scores of a search under joblib's threading backend are those of one job."""
    grid = {"variant": ["denoising", "variational", "masked"], "n_components": [1, 2]}
    scores = []
    for jobs in (1, n_jobs):
        with parallel_config("threading", n_jobs=jobs):
            search = GridSearchCV(autoencoder(), grid, cv=3).fit(rows)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*scores)


class Watch(Callback):
    """Note the state of torch's global generator at every step."""

    seen: list = []

    def on_batch_begin(self, net, **_):
        self.seen.append(torch.get_rng_state())


def with_callbacks(estimator, callbacks):
    copied = clone(estimator)
    names = [n for n in copied.get_params() if n.split("__")[-1] == "callbacks"]
    return copied.set_params(**dict.fromkeys(names, callbacks))


OURS = [name for name in (*IMAGES, *ROWS) if not name.startswith("own module")]


@pytest.mark.parametrize("name", OURS)
def test_the_global_generator_is_not_touched(data, name):
    """Its state is the same before, during and after a fit."""
    before, Watch.seen = torch.get_rng_state(), []
    with_callbacks((IMAGES | ROWS)[name], [Watch()]).fit(*data(name))
    assert Watch.seen or name == "head"
    for state in (*Watch.seen, torch.get_rng_state()):
        assert torch.equal(state, before)


def test_a_module_of_a_users_leaves_the_global_generator_as_it_was(data):
    """It draws from it, seeded for the fit; afterwards it is what it was."""
    before = torch.get_rng_state()
    ROWS["own module of rows"].fit(*data("rows"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["pixels", "variational rows"])
def test_other_threads_draw_what_they_would(data, name):
    """A thread that draws from torch's global generator during a fit draws the same numbers."""
    X, y = data(name)

    class Draw(Callback):
        drawn: list = []

        def on_epoch_end(self, net, **_):
            with ThreadPoolExecutor(1) as other:
                self.drawn.append(other.submit(torch.rand, 3).result())

    with torch.random.fork_rng():
        torch.manual_seed(0)
        fitted = with_callbacks((IMAGES | ROWS)[name], [Draw()]).fit(X, y)
        torch.manual_seed(0)
        expected = [torch.rand(3) for _ in Draw.drawn]
    assert len(expected) == fitted.n_iter_
    assert all(torch.equal(a, b) for a, b in zip(Draw.drawn, expected, strict=True))
    np.testing.assert_array_equal(
        fitted.transform(X), clone((IMAGES | ROWS)[name]).fit(X, y).transform(X)
    )
