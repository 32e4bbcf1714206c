"""How many threads compute what: no more than the user's, and these come back."""

import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from threadpoolctl import threadpool_info
from torch import nn

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder
from sklearn_segae.datasets import make_scenes
from sklearn_segae.segmentation import _segmenter
from sklearn_segae.training import _threads
from sklearn_segae.training._execution import evaluate
from sklearn_segae.training._threads import LARGE_WORK, fewer_threads, threads_for, work_of


@pytest.fixture
def four_threads():
    """The user wants four threads; nothing large is computed with them."""
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def others():
    """The numbers of threads of OpenMP and BLAS."""
    return [(library["filepath"], library["num_threads"]) for library in threadpool_info()]


@pytest.mark.parametrize(
    ("work", "number"), [(0, 1), (1e7, 1), (2.5e8, 2), (3.9e9, 2), (LARGE_WORK, 4), (1e15, 4)]
)
@pytest.mark.usefixtures("four_threads")
def test_work_decides_on_threads(work, number):
    """Large work gets all threads, less work at most half of them, and one at least."""
    with threads_for(work):
        assert torch.get_num_threads() == number
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("context", [lambda: threads_for(0), fewer_threads])
@pytest.mark.usefixtures("four_threads")
def test_threads_come_back_after_errors(context):
    """Errors pass through, and the number is the user's again."""
    before = others()
    with pytest.raises(RuntimeError, match=r"[12] threads"), context():
        raise RuntimeError(f"{torch.get_num_threads()} threads")
    assert torch.get_num_threads() == 4
    assert others() == before


@pytest.mark.parametrize("work", [0, 1e9, 1e15])
def test_nothing_is_set_if_nothing_changes(work, monkeypatch):
    """One thread stays one, without a call."""
    monkeypatch.setattr(torch, "set_num_threads", lambda n: pytest.fail("called"))
    with threads_for(work):
        assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("four_threads")
def test_contexts_are_nested():
    """Inside `fewer_threads`, large work has all threads, and a second halving does not happen."""
    with fewer_threads():
        assert torch.get_num_threads() == 2
        with threads_for(LARGE_WORK):
            assert torch.get_num_threads() == 4
            with threads_for(0):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 4
        with fewer_threads():
            assert torch.get_num_threads() == 2
        with threads_for(1e9):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 4


class Library:
    """A library with a number of threads."""

    def __init__(self, number):
        self.num_threads = number

    def set_num_threads(self, number):
        self.num_threads = number


class Libraries:
    """Stand in for threadpoolctl, on machines with any number of cores."""

    openmp, blas = Library(1), Library(6)

    def select(self, user_api):
        self.lib_controllers = [getattr(self, user_api)]
        return self


def test_libraries_have_half_of_their_threads(monkeypatch):
    """One thread stays one; six become three until the last context is left."""
    monkeypatch.setattr(_threads, "ThreadpoolController", Libraries)
    inside, leave = threading.Event(), threading.Event()

    def wait():
        with fewer_threads():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=wait)
    with fewer_threads():
        other.start()
        inside.wait(10)
        assert (Libraries.openmp.num_threads, Libraries.blas.num_threads) == (1, 3)
    assert Libraries.blas.num_threads == 3  # the other thread is still inside
    leave.set()
    other.join()
    assert (Libraries.openmp.num_threads, Libraries.blas.num_threads) == (1, 6)


@pytest.mark.usefixtures("four_threads")
def test_threads_of_a_program_count_by_themselves():
    """While one computes little, another that has used torch before keeps its number."""
    numbers, ready, go = [torch.get_num_threads()], threading.Event(), threading.Event()

    def look():
        numbers.append(torch.get_num_threads())
        ready.set()
        go.wait(10)
        numbers.append(torch.get_num_threads())

    other = threading.Thread(target=look)
    other.start()
    ready.wait(10)
    with threads_for(0):
        go.set()
        other.join()
    assert numbers == [4, 4, 4]


def test_work_is_that_of_convolutions():
    """Weights times positions: rows, images and series."""
    assert work_of(10, (8, 3)) == 80
    assert work_of(10, (8, 3, 4, 5)) == 1600
    assert work_of(10, (8, 3, 7)) == 560


@pytest.mark.parametrize(("side", "number"), [(4, 1), (300, 4)])
@pytest.mark.usefixtures("four_threads")
def test_small_arrays_are_evaluated_with_fewer_threads(side, number):
    """The module is called inside the context."""
    module, x = nn.Conv2d(1, 1, 300), np.zeros((1, 1, side, side), np.float32)
    seen = []
    evaluate(module, lambda module, x: seen.append(torch.get_num_threads()) or x, x)
    assert seen == [number]
    assert torch.get_num_threads() == 4


class Numbers(Callback):
    """Note the number of threads in every step, and outside of it."""

    def on_grad_computed(self, net, **_):
        self.inside.add(torch.get_num_threads())

    def on_batch_begin(self, net, **_):
        self.outside.add(torch.get_num_threads())

    inside: set = set()
    outside: set = set()


@pytest.mark.usefixtures("four_threads")
def test_small_steps_are_computed_with_fewer_threads(rows):
    """Callbacks around steps have the number of the user."""
    Numbers.inside.clear(), Numbers.outside.clear()
    AutoencoderTransformer(2, max_epochs=2, callbacks=[Numbers()], random_state=0).fit(rows)
    assert (Numbers.inside, Numbers.outside) == ({1}, {4})
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("estimator", [None, "logistic"])
@pytest.mark.usefixtures("four_threads")
def test_segmenters_leave_threads_to_others(estimator, monkeypatch):
    """Encoders and clusterers are fitted with half of the threads, classifiers with all."""
    seen = []

    def watched(function):
        def call(*args):
            seen.append(torch.get_num_threads())
            return function(*args)

        return call

    for name in ("fit_encoder", "fit_labelers" if estimator is None else "fit_supervised"):
        monkeypatch.setattr(_segmenter, name, watched(getattr(_segmenter, name)))
    images, labels = make_scenes(n_segments=2, size=24, random_state=0)
    encoder = PixelEncoder(2, features="intensity", pooling=0, max_epochs=0)
    AESegmenter(2, encoder=encoder, estimator=estimator, random_state=0).fit(images, labels)
    assert seen == [2, 2 if estimator is None else 4]
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("features", ["intensity", "texture"])
def test_results_do_not_depend_on_threads(features):
    """Up to rounding, which training in 2 epochs does not raise much."""
    images, _ = make_scenes(n_segments=2, kind="intensity+texture", size=40, random_state=0)
    encoder = PixelEncoder(2, features=features, pooling=2, max_epochs=2, random_state=0)
    segmenter = AESegmenter(2, encoder=encoder, random_state=0)
    one = segmenter.fit(images).labels_, segmenter.transform(images)
    torch.set_num_threads(2)
    try:
        two = segmenter.fit(images).labels_, segmenter.transform(images)
    finally:
        torch.set_num_threads(1)
    assert np.mean(one[0] != two[0]) < 0.01
    np.testing.assert_allclose(one[1], two[1], atol=1e-2 * one[1].std())
