"""UNetClassifier: a network that classifies pixels with context."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from sklearn_segae import AESegmenter, PixelEncoder, UNetClassifier
from sklearn_segae.imaging._tiled_inference import TileRequest
from sklearn_segae.imaging._tiles import TILE as WINDOW
from sklearn_segae.networks import UNet
from sklearn_segae.segmentation._label_crops import (
    N_VALUES,
    UNKNOWN,
    LabelCrops,
    LabeledWindow,
    labeled_windows,
)

TINY = {"crop_size": 32, "max_epochs": 1, "random_state": 0}


def stripes(rng, n=2, size=96):
    """Images of two textures with the same pixels: fine stripes left, coarse ones right."""
    rows, columns = np.indices((size, size))
    right = columns >= size // 2
    images = np.where(right, rows // 6, rows // 2)[None] % 2 + rng.normal(0, 0.1, (n, size, size))
    return images.astype(np.float32), np.repeat(right[None].astype(int), n, 0)


@pytest.fixture(scope="module")
def fitted():
    """A network of four classes and images of three channels, hardly trained."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 64, 80, 3)).astype(np.float32)
    return UNetClassifier(8, **TINY).fit(images, rng.integers(4, size=(2, 64, 80))), images


def test_it_sees_the_context(rng):
    """It tells textures apart whose pixels are equal, from a few labeled lines."""
    images, truth = stripes(rng)
    y = np.full_like(truth, -1)
    y[:, ::12] = truth[:, ::12]
    net = UNetClassifier(crop_size=64, max_epochs=8, random_state=0).fit(images, y)
    assert net.score(images, truth) > 0.97
    assert net.score(*stripes(rng, n=1)) > 0.97


def test_a_segmenter_gives_it_pixels_and_codes(rng):
    """With codes of textures it has learned after two epochs what takes pixels eight."""
    images, truth = stripes(rng)
    encoder = PixelEncoder(4, features="texture", pooling=2, max_epochs=1)
    net = UNetClassifier(crop_size=64, max_epochs=2)
    segmenter = AESegmenter(encoder=encoder, estimator=net, random_state=0).fit(images, truth)
    assert segmenter.estimator_.n_features_in_ == 1 + 4
    assert segmenter.score(images, truth) > 0.9
    assert segmenter.predict_proba(images).shape == (*images.shape, 2)
    assert segmenter.transform(images).shape == (*images.shape, 4)


def test_pixels_without_labels_do_not_count(rng):
    """-1, ignored labels and weights of 0 are the same, whatever lies beneath."""
    images, truth = stripes(rng)
    hidden = rng.random(truth.shape) < 0.5
    weight = np.where(hidden, 0.0, 1.0)
    net = UNetClassifier(4, **TINY)
    found = [
        net.fit(images, np.where(hidden, -1, truth)).predict_proba(images),
        clone(net).set_params(ignore_label=7).fit(images, np.where(hidden, 7, truth)),
        clone(net).fit(images, np.where(hidden, 1 - truth, truth), sample_weight=weight),
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other.predict_proba(images), found[0])


def test_weights_of_classes_and_pixels(rng):
    """A class of a high weight is found more often, whichever way the weight is given."""
    images, truth = rng.normal(size=(1, 64, 64)), rng.integers(2, size=(1, 64, 64))
    options = {"crop_size": 32, "max_epochs": 3, "random_state": 0}
    shares = [
        UNetClassifier(8, class_weight=weight, **options).fit(images, truth).predict(images).mean()
        for weight in ({0: 9}, {1: 9})
    ]
    assert shares[0] < 0.1 < 0.9 < shares[1]
    heavy = UNetClassifier(8, **options).fit(images, truth, sample_weight=1.0 + 8 * truth)
    assert heavy.predict(images).mean() == pytest.approx(shares[1], abs=0.1)


def test_tiles_are_the_whole(fitted):
    """Every pixel has the class and the probabilities it has in one piece."""
    net, _ = fitted
    image = np.random.default_rng(1).normal(size=(301, 290, 3)).astype(np.float32)
    whole = net.probability_map(image, TileRequest())
    part = slice(96, 224), slice(64, 200)
    np.testing.assert_allclose(
        net.probability_map(image, TileRequest(within=part)), whole[part], atol=1e-5
    )
    small = copy.copy(net).set_params(max_memory="60MiB")
    np.testing.assert_allclose(small.predict_proba([image])[0], whole, atol=1e-5)
    out = np.zeros((1, 301, 290), np.uint8)
    assert small.predict(image[None], out=out) is out
    np.testing.assert_array_equal(out[0], whole.argmax(2))


def test_a_segmenters_tiles_are_the_whole(rng):
    """Codes, which have a halo of their own, do not change that."""
    images, truth = stripes(rng, size=200)
    encoder = PixelEncoder(4, features="texture", pooling=2, max_epochs=0)
    segmenter = AESegmenter(encoder=encoder, estimator=UNetClassifier(4, **TINY), random_state=0)
    whole = segmenter.fit(images, truth).predict_proba(images)
    found = segmenter.set_params(max_memory="128MiB").predict_proba(images)
    np.testing.assert_allclose(found, whole, atol=1e-4)


def test_chunks_are_the_whole(rng):
    """Lazy images are labeled chunk by chunk, with the same bits."""
    dask_array = pytest.importorskip("dask.array")
    images, truth = stripes(rng, size=300)
    encoder = PixelEncoder(4, features="texture", pooling=2, max_epochs=0)
    segmenter = AESegmenter(encoder=encoder, estimator=UNetClassifier(4, **TINY), random_state=0)
    whole = segmenter.fit(images, truth).predict_proba(images)
    lazy = segmenter.predict_proba(dask_array.from_array(images, chunks=(1, 128, 128)))
    np.testing.assert_array_equal(np.asarray(lazy), whole)


def test_the_receptive_field_is_what_the_margin_says(one_seed):
    """A pixel changes others up to `reach` at most, and some nearly as far away."""
    module = UNet(1, 1, 2, n_filters=4, n_fine_filters=3)
    distances = []
    for place in range(256, 256 + module.grid):
        x = torch.zeros(1, 1, 512, 16)
        x[..., place, :] = torch.nan
        touched = module(x).isnan().any(1)[0, :, 0].nonzero()
        distances += [place - int(touched.min()), int(touched.max()) - place]
    assert module.reach - module.grid <= max(distances) <= module.reach


@pytest.mark.parametrize("shape", [(16, 16), (1, 40), (33, 7), (130, 129)])
def test_sizes(fitted, shape):
    """Images of any size are labeled, smaller than a crop or a cell, too."""
    net, _ = fitted
    images = [np.zeros((*shape, 3), np.float32)]
    assert net.predict(images)[0].shape == shape
    assert np.allclose(net.predict_proba(images)[0].sum(-1), 1)
    again = clone(net).fit([np.resize(np.eye(3), (*shape, 3))], [np.indices(shape)[1] % 2])
    assert again.predict(images)[0].shape == shape


def test_constant_images(rng):
    """They have no variance to scale weights by, which stay small."""
    images, truth = np.zeros((1, 64, 64)), rng.integers(2, size=(1, 64, 64))
    net = UNetClassifier(4, **TINY, augmentation="none").fit(images, truth)
    assert np.isfinite(net.loss_curve_).all()
    assert max(float(p.detach().abs().max()) for p in net.net_.module_.parameters()) < 10


def test_names_of_classes(rng):
    """Labels need not begin at 0; one class alone is no error."""
    images, truth = stripes(rng, n=1)
    net = UNetClassifier(4, **TINY).fit(images, 5 + 250 * truth)
    assert net.classes_.tolist() == [5, 255]
    assert set(np.unique(net.predict(images))) <= {5, 255}
    assert (UNetClassifier(4, **TINY).fit(images, truth * 0 + 3).predict(images) == 3).all()


def test_copies(fitted):
    """Pickles and copies predict the same."""
    net, images = fitted
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        np.testing.assert_array_equal(again.predict_proba(images), net.predict_proba(images))


def test_a_frozen_network(rng):
    """A segmenter takes one that was fitted to pixels."""
    images, truth = stripes(rng)
    net = UNetClassifier(4, **TINY).fit(images, truth)
    segmenter = AESegmenter(
        encoder="passthrough", estimator=FrozenEstimator(net), normalize="dataset"
    ).fit(images, truth)
    np.testing.assert_array_equal(segmenter.predict_proba(images), net.predict_proba(images))


class Stop(Callback):
    """End training in the second epoch."""

    def on_epoch_end(self, net, **_):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_callbacks(rng):
    """A skorch callback ends the training."""
    images, truth = stripes(rng, n=1)
    net = UNetClassifier(4, **(TINY | {"max_epochs": 5}), callbacks=[Stop()]).fit(images, truth)
    assert net.n_iter_ == len(net.loss_curve_) == 2
    assert net.stop_reason_ == "callback"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_size": 40}, "crop_size=40 is not a multiple of 16, the coarsest stride. Pass 48"),
        ({"X": np.zeros((9, 3)), "y": [0] * 9}, "X holds rows. Pass images"),
        ({"y": np.full((1, 96, 96), -1)}, "y has no labeled pixel"),
        ({"y": None}, "requires y to be passed"),
    ],
)
def test_refusals(rng, change, message):
    """Errors name the argument and a way out."""
    images, truth = stripes(rng, n=1)
    data = {"X": images, "y": truth} | {k: v for k, v in change.items() if k in "Xy"}
    options = {k: v for k, v in change.items() if k not in "Xy"}
    with pytest.raises(ValueError, match=message):
        UNetClassifier(4, **(TINY | options)).fit(**data)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ((np.zeros((9, 3)), [0, 1, 0] * 3), {}, "surroundings, but X holds rows. Pass images"),
        ((np.zeros((1, 9, 9)), np.zeros((1, 9, 9), int)), {"refine": True}, "Pass refine='auto'"),
        ((np.zeros((1, 9, 9)), np.zeros((1, 9, 9), int)), {"scope": "image"}, "scope='image'"),
    ],
)
def test_what_a_segmenter_refuses(data, options, message):
    """Rows have no surroundings, and borders are not refined again."""
    with pytest.raises(ValueError, match=message):
        AESegmenter(estimator="unet", **options).fit(*data)


def test_crops_hold_labels_at_their_pixels(rng):
    """A crop is a part of the image: where the label is the pixel's value, it stays so."""
    values = np.kron(rng.integers(3, size=(40, 40)), np.ones((8, 8)))
    marks = np.stack([np.where(rng.random(values.shape) < 0.1, values, UNKNOWN), values + 1], -1)
    crops = LabelCrops(
        [LabeledWindow(values[..., None], marks)],
        np.array([[0.0], [1.0]]),
        64,
        0,
        "turns",
        rng,
    )
    x = crops.take(np.arange(20)).numpy()
    assert x.shape == (20, 3, 64, 64)
    known = x[:, 1] >= 0
    assert known.any((1, 2)).all()
    near = np.abs(x[:, 0] - x[:, 1])[known] < 0.5
    assert near.mean() > 0.9  # others are interpolated at borders
    np.testing.assert_array_equal(x[:, 2][known], x[:, 1][known] + 1)


def test_augmentation(rng):
    """Classes that differ by orientation alone need upright crops."""
    rows, columns = np.indices((96, 96))
    truth = (columns >= 48).astype(int)[None]
    images = (np.where(truth, rows, columns) // 3 % 2).astype(float)
    options = {"crop_size": 64, "max_epochs": 6, "random_state": 0}
    turned, upright = (
        UNetClassifier(augmentation=name, **options).fit(images, truth).score(images, truth)
        for name in ("turns", "upright")
    )
    assert upright > 0.9 > turned


def test_crops_without_augmentation(rng):
    """They are parts of the image."""
    values = rng.normal(size=(64, 64, 1))
    window = LabeledWindow(values, np.ones((64, 64, 2)))
    crops = LabelCrops([window], np.array([[0.0], [1.0]]), 64, 1, "none", rng)
    np.testing.assert_allclose(crops.take(np.arange(1))[0, 0], values[..., 0], atol=1e-5)


def test_windows_of_large_images_are_bounded(rng):
    """Only parts with labels are read, and no more than a fixed number of pixels."""
    read = []

    def features(image, tile):
        read.append(tile)
        return np.zeros((*(t.stop - t.start for t in tile), 1), np.float32)

    marks = np.full((2000, 3000, 2), UNKNOWN, np.float32)
    marks[700:705, 900:903] = 1
    windows = labeled_windows(features, [None], [marks], 64, 1, rng)
    assert len(windows) == len(read) == 1
    assert windows[0].marks.shape == (WINDOW + 128, WINDOW + 128, 2)


def test_windows_are_bounded_and_hold_every_class(rng, monkeypatch):
    """Of too many, random ones are kept, and those with a rare class."""
    monkeypatch.setattr("sklearn_segae.segmentation._label_crops.N_VALUES", 10 * WINDOW**2)

    def features(image, tile):
        return np.zeros((*(t.stop - t.start for t in tile), 1), np.float32)

    marks = np.ones((3000, 3000, 2), np.float32)
    marks[:1000, ..., 0] = UNKNOWN
    marks[2900, 2900, 0] = 2
    windows = labeled_windows(features, [0], [marks], 64, 1, rng)
    n_pixels = sum(w.features.size for w in windows)
    assert 10 * WINDOW**2 <= n_pixels < 10 * WINDOW**2 + (WINDOW + 128) ** 2
    found = np.unique(np.concatenate([w.marks[..., 0].ravel() for w in windows]))
    assert {1, 2} <= set(found)
    assert N_VALUES * 4 == 2**29
