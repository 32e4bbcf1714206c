"""The contract on images, for the encoder and for the segmenter in all its regimes."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import make_segmentation_scorer

ENCODER = PixelEncoder(
    3, pooling=0, whitening=0, n_filters=4, batch_size=1, max_epochs=1, random_state=0
)
ESTIMATORS = {
    "encoder": ENCODER,
    "clusterer": AESegmenter(3, encoder=ENCODER, random_state=0),
    "mixture": AESegmenter(2, encoder=PCA(3), estimator=GaussianMixture(), random_state=0),
    "classifier": AESegmenter(encoder=ENCODER, estimator=RandomForestClassifier(5), random_state=0),
    "passthrough": AESegmenter(3, encoder="passthrough", random_state=0),
}


@pytest.fixture(params=ESTIMATORS, ids=str)
def estimator(request):
    return clone(ESTIMATORS[request.param])


def images_of(n_channels, dtype=np.float32, sizes=((20, 24), (17, 30))):
    """Left halves dark, right halves bright, noise on top: a list of images."""
    rng = np.random.default_rng(1)
    result = []
    for height, width in sizes:
        image = rng.uniform(0, 60, (height, width, n_channels))
        image[:, width // 2 :] += 120
        if dtype is bool:
            image = image > rng.uniform(0, 180, image.shape)
        result.append(image.astype(dtype))
    return result


def halves(images):
    """The label maps of `images_of`."""
    return [np.indices(i.shape[:2])[1] // (i.shape[1] // 2 + 1) for i in images]


def output(estimator, images):
    """Label maps of a segmenter, codes of an encoder."""
    return (
        estimator.predict(images)
        if hasattr(estimator, "predict")
        else (estimator.transform(images))
    )


@pytest.mark.parametrize("n_channels", [1, 3, 7])
def test_lists_of_different_sizes_give_lists(estimator, n_channels):
    """One map comes back for every image, of its height and width."""
    images = images_of(n_channels)
    maps = output(estimator.fit(images, halves(images)), images)
    assert isinstance(maps, list)
    assert [m.shape[:2] for m in maps] == [i.shape[:2] for i in images]


@pytest.mark.parametrize("axes", [3, 4])
def test_stacks_give_stacks(estimator, axes):
    """(n, H, W) and (n, H, W, C) come back as one array with the same n, H, W."""
    stack = np.stack(images_of(1, sizes=((20, 24), (20, 24))))
    stack = stack if axes == 4 else stack[..., 0]
    maps = output(estimator.fit(stack, np.stack(halves(stack))), stack)
    assert isinstance(maps, np.ndarray)
    assert maps.shape[:3] == stack.shape[:3]


def test_gray_images_with_and_without_a_channel_axis_are_the_same(estimator):
    """(n, H, W) means (n, H, W, 1)."""
    stack = np.stack(images_of(1, sizes=((20, 24), (20, 24))))
    estimator.fit(stack, np.stack(halves(stack)))
    np.testing.assert_array_equal(output(estimator, stack), output(estimator, stack[..., 0]))


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.uint16, np.int16, bool])
def test_every_real_dtype_is_taken(estimator, dtype):
    """Codes are float32, segments int32 and classes like those given, whatever the images are."""
    images = images_of(2, dtype)
    y = halves(images)
    maps = output(estimator.fit(images, y), images)
    labels = y[0].dtype if is_classifier(estimator) else np.int32
    assert maps[0].dtype == (labels if hasattr(estimator, "predict") else np.float32)


def test_a_lone_color_image_is_refused_with_the_way_out(estimator):
    """(H, W, 3) is not a stack of gray images; the error says what to write."""
    with pytest.raises(ValueError, match=r"X\[None\]"):
        estimator.fit(images_of(3)[0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: [], "minimum of 1|Expected 2D array|0 images"),
        (lambda i: [i[0], i[1][..., :1]], r"X\[1\] has 1 channels, but X\[0\] has 2"),
        (
            lambda i: [i[0] * np.nan, i[1] * np.nan],
            "no pixel with data|no labeled pixel with data|has pixels without data",
        ),
        (lambda i: [i[0], np.full_like(i[1], np.inf)], r"X\[1\] contains infinity"),
        (lambda i: [i[0], i[1][:0]], r"X\[1\] has shape \(0, 30, 2\): .* at least one pixel"),
        (lambda i: [i[0], i[1].astype(str)], r"X\[1\] has dtype <U"),
        (lambda i: [i[0], i[1] + 1j], r"X\[1\] has dtype complex"),
        (lambda i: [i[0], i[1][0, 0]], r"X\[1\] has shape \(2,\)"),
        (lambda i: np.zeros((2, 3, 4, 5, 6)), "shape .* but a stack of images has 3 axes"),
    ],
)
def test_bad_images_are_refused(estimator, spoil, message):
    """The error names the image, what is wrong with it, and the rule."""
    images = images_of(2)
    with pytest.raises(ValueError, match=message):
        estimator.fit(spoil(images), halves(images))


def test_wrong_channels_are_refused_later(estimator):
    """What was fitted on two channels does not guess at three."""
    images = images_of(2)
    estimator.fit(images, halves(images))
    with pytest.raises(ValueError, match=r"X\[0\] has 3 channels, but .* was fitted with 2"):
        output(estimator, images_of(3))


def test_rows_and_images_do_not_mix(estimator):
    """What was fitted on images refuses rows."""
    images = images_of(2)
    estimator.fit(images, halves(images))
    with pytest.raises(ValueError, match=r"X holds rows, but .* was fitted with images"):
        output(estimator, np.zeros((5, 2)))


def test_not_fitted(estimator):
    """Before fit there is nothing to say."""
    with pytest.raises(NotFittedError):
        output(estimator, images_of(2))


def test_read_only_images_stay_as_they_were(estimator):
    """Nothing of the caller's is written to."""
    images = images_of(2)
    before = [i.copy() for i in images]
    for image in images:
        image.setflags(write=False)
    output(estimator.fit(images, halves(images)), images)
    for image, copy in zip(images, before, strict=True):
        np.testing.assert_array_equal(image, copy)


def test_parameters_are_never_written_to(estimator):
    """fit leaves every parameter as it was, nested ones too, and clone gives an unfitted copy."""
    before = {name: repr(value) for name, value in estimator.get_params().items()}
    images = images_of(2)
    estimator.fit(images, halves(images))
    assert {name: repr(value) for name, value in estimator.get_params().items()} == before
    assert not [name for name in vars(clone(estimator)) if name.endswith("_")]


def test_fitting_twice_is_fitting_once(estimator):
    """Nothing of the first fit is left in the second, other channels included."""
    images = images_of(2)
    once = output(clone(estimator).fit(images, halves(images)), images)
    others = images_of(3)
    twice = output(estimator.fit(others, halves(others)).fit(images, halves(images)), images)
    for a, b in zip(once, twice, strict=True):
        np.testing.assert_array_equal(a, b)


def test_pickle_is_bitwise(estimator):
    """A pickled estimator gives the same bits."""
    images = images_of(2)
    estimator.fit(images, halves(images))
    again = pickle.loads(pickle.dumps(estimator))
    for a, b in zip(output(estimator, images), output(again, images), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_global_generator_moves(estimator):
    """Neither torch's nor numpy's random state knows that anything happened."""
    estimator.set_params(random_state=None)
    images = images_of(2)
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    output(estimator.fit(images, halves(images)), images)
    assert torch.equal(torch.get_rng_state(), state[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_global_generators_do_not_matter(estimator):
    """random_state alone decides."""
    images = images_of(2)
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        results.append(output(clone(estimator).fit(images, halves(images)), images)[0])
    np.testing.assert_array_equal(*results)


def test_clusterers_ignore_y():
    """y for scoring never leaks into an unsupervised fit."""
    images = images_of(2)
    segmenter = clone(ESTIMATORS["clusterer"])
    without = segmenter.fit_predict(images)
    nonsense = [np.random.default_rng(0).integers(0, 9, m.shape) for m in halves(images)]
    for a, b in zip(without, segmenter.fit_predict(images, nonsense), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_encoder_and_segments(n_jobs):
    """Nested names reach the encoder, and the search finds that there are two halves."""
    images = images_of(2, sizes=((20, 24),) * 4)
    search = GridSearchCV(
        AESegmenter(encoder=ENCODER, random_state=0),
        {"encoder__n_components": [1, 3], "n_segments": [2, 6]},
        scoring=make_segmentation_scorer(adjusted_rand_score),
        cv=KFold(2),
        n_jobs=n_jobs,
    ).fit(images, halves(images))
    assert search.best_params_["n_segments"] == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_memory_trains_an_encoder_once(tmp_path, monkeypatch):
    """A grid over five numbers of segments trains one encoder for each fold and the refit."""
    import sklearn_segae.encoding._pixel_encoder as module

    calls = []
    train = module.train
    monkeypatch.setattr(module, "train", lambda *a, **k: calls.append(1) or train(*a, **k))
    images = images_of(2, sizes=((20, 24),) * 4)
    GridSearchCV(
        AESegmenter(encoder=ENCODER, memory=str(tmp_path), random_state=0),
        {"n_segments": [2, 3, 4, 5, 6]},
        scoring=make_segmentation_scorer(adjusted_rand_score),
        cv=KFold(2),
    ).fit(images, halves(images))
    assert len(calls) == 3


def test_a_grid_can_compare_encoders():
    """An ordinary transformer takes the encoder's place."""
    images = images_of(2, sizes=((20, 24),) * 4)
    search = GridSearchCV(
        AESegmenter(2, estimator=KMeans(n_init=1), random_state=0),
        {"encoder": [ENCODER, PCA(2), "passthrough"]},
        scoring=make_segmentation_scorer(adjusted_rand_score),
        cv=KFold(2),
    ).fit(images, halves(images))
    assert (search.cv_results_["mean_test_score"] > 0.8).all()
