"""What a method was given, as images, and how its answer is handed back."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from sklearn_segae.imaging._image_batch import LABELS, check_batch, image_batch
from sklearn_segae.imaging._normalization import FullRange
from sklearn_segae.imaging._tiled_inference import TileCost, map_tiles


class Doubling:
    """Doubles pixels, tile by tile."""

    def cost(self, image):
        return TileCost(0, 4, 4)

    def twice(self, image, request, times=2):
        def encode(image, tile):
            return np.asarray(image[tile])

        return map_tiles(encode, image, lambda rows: times * rows, self.cost(image), request)

    def labels(self, image, request):
        def encode(image, tile):
            return np.asarray(image[tile])

        def first(rows):
            return rows[:, 0].astype(np.int32)

        return map_tiles(encode, image, first, self.cost(image), request)


STACK = np.arange(2 * 5 * 4 * 3.0).reshape(2, 5, 4, 3)
LIST = [STACK[0], STACK[1, :3]]
BYTES = 2**30


def twice(batch, **options):
    return batch.map([Doubling()] * len(batch), "twice", BYTES, **options)


def test_maps_come_in_the_container_of_the_images():
    """A stack for a stack, a list for a list, rows for rows, each pixel mapped."""
    np.testing.assert_array_equal(twice(image_batch(STACK)), 2 * STACK)
    for found, image in zip(twice(image_batch(LIST)), LIST, strict=True):
        np.testing.assert_array_equal(found, 2 * image)
    rows = STACK.reshape(-1, 3)
    np.testing.assert_array_equal(twice(check_batch(BaseEstimator(), rows, reset=True)), 2 * rows)


def test_options_reach_the_method():
    """What is given beside the images is handed on."""
    np.testing.assert_array_equal(twice(image_batch(STACK), times=3), 3 * STACK)


def test_maps_go_into_out():
    """`out` is filled and returned: one array for a stack, a list for a list."""
    out = np.empty_like(STACK)
    assert twice(image_batch(STACK), out=out, tail=(3,)) is out
    np.testing.assert_array_equal(out, 2 * STACK)
    outs = [np.empty_like(image) for image in LIST]
    assert twice(image_batch(LIST), out=outs, tail=(3,)) is outs
    np.testing.assert_array_equal(outs[1], 2 * LIST[1])


@pytest.mark.parametrize(
    ("X", "out", "message"),
    [
        (STACK, list(STACK), "out is of type list"),
        (LIST, STACK, "out is of type ndarray"),
        (STACK, STACK[:1], "length 1"),
        (STACK, STACK[..., :2], "shape"),
        (STACK, STACK.astype(int), "floats are needed"),
    ],
)
def test_an_out_that_does_not_fit_is_refused(X, out, message):
    """Container, length, shape and type are compared before anything is computed."""
    with pytest.raises(ValueError, match=message):
        twice(image_batch(X), out=out, tail=(3,))


def test_label_maps_need_integers():
    """Labels have no channels, and are written into integers only."""
    batch, models = image_batch(STACK), [Doubling()] * 2
    out = np.empty(STACK.shape[:3], np.int16)
    assert batch.map(models, "labels", BYTES, out, (), LABELS) is out
    with pytest.raises(ValueError, match="integers are needed"):
        batch.map(models, "labels", BYTES, out.astype(float), (), LABELS)


def test_a_dask_array_answers_later():
    """A dask stack or list gives dask arrays, also where every image has a model of its own."""
    array = pytest.importorskip("dask.array")
    lazy = twice(image_batch(array.from_array(STACK)))
    own = image_batch(array.from_array(STACK)).map([Doubling(), Doubling()], "twice", BYTES)
    assert isinstance(lazy, array.Array)
    np.testing.assert_array_equal(lazy.compute(), 2 * STACK)
    np.testing.assert_array_equal(own.compute(), 2 * STACK)
    (first, _) = twice(image_batch([array.from_array(image) for image in LIST]))
    np.testing.assert_array_equal(first.compute(), 2 * LIST[0])
    with pytest.raises(ValueError, match="computed later"):
        twice(image_batch(array.from_array(STACK)), out=np.empty_like(STACK))


def test_normalized_batches_keep_their_container():
    """Every channel of every image runs from 0 to 1; rows stay as they are."""
    rule = FullRange(np.ones(3))
    seen = twice(image_batch(STACK).normalized(rule))
    assert seen.min((1, 2)) == pytest.approx(np.zeros((2, 3)))
    assert seen.max((1, 2)) == pytest.approx(np.full((2, 3), 2))
    rows = check_batch(BaseEstimator(), STACK.reshape(-1, 3), reset=True)
    assert rows.normalized(rule) is rows


def test_the_fit_decides_what_may_follow():
    """`reset` learns channels and kind, which are compared from then on."""
    estimator = BaseEstimator()
    check_batch(estimator, STACK, reset=True)
    assert estimator.n_features_in_ == 3
    assert not estimator.rows_
    with pytest.raises(ValueError, match="fitted with images"):
        check_batch(estimator, STACK.reshape(-1, 3), reset=False)
    with pytest.raises(ValueError, match="BaseEstimator was fitted with 3"):
        check_batch(estimator, STACK[..., :2], reset=False)
