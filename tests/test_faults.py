"""What goes wrong on the way: estimators and files are whole, or as they were."""

import copy
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder, PixelHead
from sklearn_segae._compat import out_of_memory
from sklearn_segae.imaging._tiled_inference import TileCost, TileRequest, map_tiles, split_tile
from sklearn_segae.persistence import load, save
from sklearn_segae.storage._files import write_image
from sklearn_segae.training._callbacks import EpochEnd


def break_down(*_):
    raise ZeroDivisionError("no luck")


BROKEN = [EpochEnd(break_down)]
CHEAP = TileCost(halo=0, padded=1, inner=1)  # as if memory were no matter


def cases(shapes):
    """Name, unfitted estimator, data, parameters of a fit that fails."""
    encoder = PixelEncoder(2, pooling=0, whitening=0, n_filters=4, batch_size=1, max_epochs=1)
    y = shapes[1]
    rows = np.random.default_rng(0).normal(size=(40, 3))
    return {
        "rows": (AutoencoderTransformer(2, max_epochs=1), (rows,), {"callbacks": BROKEN}),
        "head": (PixelHead(max_epochs=2), (rows, rows[:, 0] > 0), {"callbacks": BROKEN}),
        "encoder": (encoder, (shapes[0],), {"callbacks": BROKEN}),
        "clusterer": (
            AESegmenter(2, encoder=copy.copy(encoder), random_state=0),
            (shapes[0],),
            {"encoder__callbacks": BROKEN},
        ),
        "classifier": (
            AESegmenter(encoder="passthrough", estimator=LogisticRegression()),
            (shapes[0], y),
            {"estimator__C": -1},
        ),
    }


def answer(estimator, X):
    return getattr(estimator, "predict", getattr(estimator, "transform", None))(X)


def spoilt(data):
    """The same data with one feature or channel more: what a failed fit must not remember."""
    X, *y = data
    return (np.concatenate([X, X[..., :1]], axis=-1), *y)


@pytest.mark.parametrize("name", ["rows", "head", "encoder", "clusterer", "classifier"])
def test_a_failed_fit_leaves_nothing(shapes, name):
    """An estimator that was not fitted is not fitted afterwards, not even a little."""
    estimator, data, failing = cases(shapes)[name]
    before = set(vars(estimator))
    with pytest.raises((ZeroDivisionError, ValueError)):
        estimator.set_params(**failing).fit(*data)
    assert set(vars(estimator)) - before <= {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}
    with pytest.raises(NotFittedError):
        answer(estimator, data[0])


@pytest.mark.parametrize("name", ["rows", "head", "encoder", "clusterer", "classifier"])
def test_a_failed_fit_leaves_the_fit_before(shapes, name):
    """After data of another width, the old answers are the same, and the new data are refused."""
    estimator, data, failing = cases(shapes)[name]
    expected = answer(estimator.fit(*data), data[0])
    with pytest.raises((ZeroDivisionError, ValueError)):
        estimator.set_params(**failing).fit(*spoilt(data))
    np.testing.assert_array_equal(answer(estimator, data[0]), expected)
    assert estimator.n_features_in_ == data[0].shape[-1]


def test_ctrl_c_in_a_segmenter_leaves_it_as_it_was(shapes):
    """Its encoder would be usable, but nothing follows it; so the old fit stays."""
    estimator, data, _ = cases(shapes)["clusterer"]
    expected = estimator.fit(*data).predict(*data)
    estimator.set_params(encoder__callbacks=None, estimator=Interrupting(2))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*data)
    np.testing.assert_array_equal(estimator.predict(*data), expected)


class Interrupting(KMeans):
    """Ctrl-C while it is fitted."""

    def fit(self, X, y=None):
        raise KeyboardInterrupt


def test_a_last_step_that_breaks_the_weights_is_found(rows):
    """The loss of the only epoch is finite, being that of the weights before."""
    estimator = AutoencoderTransformer(
        2, optimizer="sgd", lr=1e38, max_epochs=1, batch_size=len(rows)
    )
    with pytest.raises(FloatingPointError, match=r"diverged with lr=1e\+38.*Lower lr"):
        estimator.fit(100 * rows)
    with pytest.raises(NotFittedError):
        estimator.transform(rows)


def short_of_memory(widest):
    """Return a function of a tile that cannot do with more than so many pixels."""

    def encode(image, tile):
        part = image[tile]
        if part.shape[0] * part.shape[1] > widest**2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 EiB")
        encode.shapes.append(part.shape[:2])
        return part

    encode.shapes = []
    return encode


def test_a_tile_that_does_not_fit_is_cut(rng):
    """The map is the same, from tiles of 32 to 64 pixels."""
    image = rng.uniform(size=(150, 200, 2))
    encode = short_of_memory(64)
    np.testing.assert_array_equal(
        map_tiles(encode, image, lambda codes: codes, CHEAP, TileRequest()), image
    )
    assert max(encode.shapes) <= (127, 127)
    assert len(encode.shapes) > 6


def test_too_little_memory_for_any_tile_is_said(rng):
    """The smallest tile, what to do, and torch's error behind it."""
    image = rng.uniform(size=(64, 64, 1))
    with pytest.raises(MemoryError, match=r"tile of 32 x 32 pixels.*lower") as caught:
        map_tiles(short_of_memory(8), image, lambda codes: codes, CHEAP, TileRequest())
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_other_errors_are_not_mistaken_for_want_of_memory():
    """torch's of the CPU, numpy's, and anything else."""
    assert out_of_memory(MemoryError())
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert out_of_memory(caught.value)
    assert not out_of_memory(RuntimeError("shapes do not match"))
    assert split_tile((slice(0, 40), slice(3, 35))) == [(slice(0, 40), slice(3, 35))]


class Hungry(TransformerMixin, BaseEstimator):
    """Pixels as they are, but never more than a few at once."""

    def __init__(self, limit=3000):
        self.limit = limit

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        if len(X) > self.limit:
            raise MemoryError
        return X


def test_predict_goes_on_with_smaller_tiles(shapes):
    """Through the whole segmenter: the labels of one that has memory enough."""
    X = np.tile(shapes[0][:1], (1, 2, 2, 1))
    maps = []
    for limit in (3000, 10**9):
        segmenter = AESegmenter(2, encoder=Hungry(limit), patch_size=1, random_state=0)
        maps.append(segmenter.fit(X[:, :32, :32]).predict(X))
    np.testing.assert_array_equal(*maps)


def test_training_out_of_memory_names_the_batch(rows):
    """A callback stands in for the allocator."""

    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(MemoryError, match=r"batches of 128. Lower batch_size"):
        AutoencoderTransformer(2, callbacks=[EpochEnd(fail)]).fit(rows)


@contextmanager
def disk_of(n_bytes):
    """Let no file of this process grow beyond so many bytes: what a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("there_before", [False, True])
def test_a_full_disk_leaves_no_half_file(rows, tmp_path, there_before):
    """Models and pictures: the old file or none, no remains, and the path in the error."""
    pytest.importorskip("safetensors")
    model, picture = tmp_path / "model.segae", tmp_path / "picture.npy"
    estimator = AutoencoderTransformer(2, max_epochs=0).fit(rows)
    if there_before:
        save(estimator, model)
        write_image(picture, np.zeros((4, 4)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with disk_of(1000):
        with pytest.raises(OSError, match=r"Nothing was changed.*model\.segae"):
            save(estimator, model)
        with pytest.raises(OSError, match=r"Nothing was changed.*picture\.npy"):
            write_image(picture, np.zeros((64, 64)))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    save(estimator, model)
    np.testing.assert_array_equal(load(model).transform(rows), estimator.transform(rows))


def test_threads_get_the_labels_of_one(fitted, shapes):
    """Eight calls of predict at once."""
    expected = fitted.predict(shapes[0])
    with ThreadPoolExecutor(4) as threads:
        for labels in threads.map(lambda _: fitted.predict(shapes[0]), range(8)):
            np.testing.assert_array_equal(labels, expected)


FORK = """
import os, sys
import numpy as np, torch
torch.set_num_threads(2)
from sklearn_segae import AutoencoderTransformer

X = np.random.default_rng(0).normal(size=(3000, 300))
autoencoder = AutoencoderTransformer(4, hidden_layer_sizes=(300,), max_epochs=0).fit(X)
codes = autoencoder.transform(X)  # torch's threads are there now
child = os.fork()
if child == 0:
    os._exit(not np.allclose(autoencoder.transform(X), codes, atol=1e-6))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_answers():
    """It would wait for threads that fork did not copy."""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        timeout=120,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    assert child.returncode == 0
