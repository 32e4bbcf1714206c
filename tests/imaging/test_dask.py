"""Dask arrays in, lazy dask arrays out, equal to what one process answers in memory."""

import dask.array as da
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.imaging._dask import _chunks

TINY = {"n_filters": 4, "batch_size": 1, "max_epochs": 0, "random_state": 0}
FAST = {"random_state": 0, "n_fit_pixels": 2000, "max_memory": "37MiB"}
SEGMENTERS = {
    "colors": AESegmenter(
        3, encoder=PixelEncoder(4, features="intensity", **TINY), normalize="image", **FAST
    ),
    "textures": AESegmenter(3, encoder=PixelEncoder(4, pooling=2, whitening=1.0, **TINY), **FAST),
    "dataset": AESegmenter(
        3, encoder=PCA(4), patch_size=5, estimator=KMeans(), normalize="dataset", **FAST
    ),
    "classifier": AESegmenter(encoder="passthrough", estimator=LogisticRegression(), **FAST),
    "by image": AESegmenter(
        2,
        scope="image",
        encoder=PixelEncoder(4, pooling=1, whitening=1.0, **TINY),
        estimator=KMeans(n_init=1),
        refine=False,
        **FAST,
    ),
}


@pytest.fixture(scope="module", params=SEGMENTERS)
def fitted_to(request, mosaic):
    """Fitted segmenters of several kinds, whose tiles are smaller than the images."""
    return SEGMENTERS[request.param].fit(*mosaic)


@pytest.fixture
def tall(mosaic):
    """Two images of odd size."""
    return np.tile(mosaic[0], (1, 2, 1, 1))[:, :187, :91]


@pytest.mark.parametrize("chunks", [(1, 60, 60, 1), (2, 187, 30, 1)])
def test_lazy_equals_in_memory(fitted_to, tall, chunks):
    """Whatever the chunks are: label for label, and code for code."""
    lazy = da.from_array(tall, chunks)

    labels = fitted_to.predict(lazy)
    codes = fitted_to.transform(lazy)

    assert isinstance(labels, da.Array)
    expected = fitted_to.predict(tall)
    assert (labels.shape, labels.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(labels.compute(scheduler="threads", num_workers=2), expected)
    expected = fitted_to.transform(tall)
    assert (codes.shape, codes.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(codes.compute(scheduler="sync"), expected, rtol=0, atol=1e-5)


def test_probabilities_are_lazy_too(fitted_to, tall):
    """And so are doubts, if there are any; a list stays a list, a gray image may lack channels."""
    images = [da.from_array(image[..., 0], 70) for image in tall]
    for method in ("predict_proba", "uncertainty"):
        answers = getattr(fitted_to, method)(images)
        expected = getattr(fitted_to, method)(list(tall))
        assert len(answers) == 2
        for answer, image in zip(answers, expected, strict=True):
            assert answer.shape == image.shape
            np.testing.assert_allclose(answer.compute(scheduler="sync"), image, atol=1e-4)


def test_nothing_is_computed_before_it_is_asked_for(fitted, shapes):
    """Only the chunks of a corner are computed for a corner."""
    touched = []

    def touch(block, block_info=None):
        touched.append(block_info[0]["chunk-location"][1:3])
        return block

    image = np.tile(shapes[0][:1], (1, 32, 2, 1))
    lazy = da.from_array(image, (1, 512, 128, 1)).map_blocks(touch, meta=image[:0])

    labels = fitted.predict(lazy)
    assert not touched
    corner = labels[0, :10, :10].compute(scheduler="sync")

    assert set(touched) <= {(0, 0), (1, 0)}  # the second one is in the halo
    np.testing.assert_array_equal(corner, fitted.predict(image)[0, :10, :10])


def test_an_encoder_alone_is_lazy(mosaic, tall):
    """Codes of a dask array are a dask array."""
    encoder = PixelEncoder(4, features="intensity", max_memory="34MiB", **TINY).fit(mosaic[0])
    codes = encoder.transform(da.from_array(tall, (1, 64, 64, 1)))
    assert isinstance(codes, da.Array)
    np.testing.assert_allclose(codes.compute(), encoder.transform(tall), rtol=0, atol=1e-5)


def test_a_fit_reads_dask_arrays(mosaic):
    """Fitted to a dask array or to what is in it: the same segments."""
    images, _ = mosaic
    segmenter = AESegmenter(
        3, encoder=PixelEncoder(4, features="intensity", **TINY), random_state=0
    )
    expected = segmenter.fit(images).labels_
    np.testing.assert_array_equal(
        segmenter.fit(da.from_array(images, (1, 50, 50, 1))).labels_, expected
    )


def test_what_cannot_be_lazy_is_refused(fitted, shapes):
    """Clean label maps and `out`; infinity is found when it is computed; channels are counted."""
    lazy = da.from_array(shapes[0])
    with pytest.raises(ValueError, match=r"dask\.array\.store"):
        fitted.predict(lazy, out=np.empty(shapes[1].shape, np.int32))
    with pytest.raises(ValueError, match="fitted with 1"):
        fitted.predict(da.concatenate([lazy, lazy], axis=3))
    with pytest.raises(ValueError, match="contains infinity"):
        fitted.predict(da.where(lazy > 0.5, np.inf, lazy)).compute(scheduler="sync")
    fitted.set_params(min_size=3)
    try:
        with pytest.raises(ValueError, match="Pass min_size=0"):
            fitted.predict(lazy)
    finally:
        fitted.set_params(min_size=0)


@pytest.mark.parametrize("halo", [0, 11, 50])
@pytest.mark.parametrize("size", [1, 64, 100, 515, 2000])
@pytest.mark.parametrize("own", [1, 100, 700])
def test_chunks_are_whole_tiles(size, own, halo):
    """All but the last have whole tiles; none is shorter than the halo, unless it is alone."""
    chunks = _chunks(size, own, 32, halo)
    assert sum(chunks) == size
    assert len(chunks) == 1 or min(chunks) >= max(halo, 1)
    assert all(length % 32 == 0 for length in chunks[:-1])


@pytest.mark.parametrize("listed", [False, True])
def test_unknown_chunks_are_refused_with_the_way_out(listed, mosaic):
    """Also in labels; rows of unknown number are read, as ever."""
    X, y = (da.from_array(own, chunks=(1, *own.shape[1:])) for own in mosaic)
    known, labels = X, y
    if listed:
        X, y = X[0], y[0]
        known, labels = known[:1], labels[:1]
    X, y = (own[own.max(axis=tuple(range(1, own.ndim))) > -9] for own in (X, y))
    X, y = ([X], [y]) if listed else (X, y)
    model = SEGMENTERS["classifier"]
    for images, maps, name in ((X, labels, "X"), (known, y, "y")):
        with pytest.raises(
            ValueError, match=rf"{name} holds .*nan.* Call its method compute_chunk_"
        ):
            model.fit(images, maps)
    for own in (*X, *y) if listed else (X, y):
        own.compute_chunk_sizes()
    assert model.fit(X, y).predict(X)[0].shape == mosaic[1][0].shape
    rows = known.reshape(-1, known.shape[3])[:50]
    np.testing.assert_array_equal(
        AESegmenter(2, encoder="passthrough", random_state=0)
        .fit(rows[rows[:, 0] > -9])
        .predict(rows),
        AESegmenter(2, encoder="passthrough", random_state=0).fit(rows).predict(rows),
    )
