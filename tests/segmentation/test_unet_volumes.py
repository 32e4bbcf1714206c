"""Networks and votes that classify the voxels of volumes."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.imaging._tiled_inference import TileCost, TileRequest
from sklearn_segae.networks import UNet
from sklearn_segae.persistence import export_onnx, load, save
from sklearn_segae.segmentation import _dense_labeler, _label_crops
from sklearn_segae.segmentation._held_out import folds
from sklearn_segae.segmentation._label_crops import (
    UNKNOWN,
    LabelCrops,
    LabeledWindow,
    labeled_windows,
)
from sklearn_segae.segmentation._targets import Targets

CUBES, FLAT = (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)
NET = UNetClassifier(4, crop_size=12, max_epochs=1, random_state=0)
SCALE = np.array([[0.0], [1.0]])


@pytest.fixture(scope="module")
def ball():
    """A noisy ball, and where it is."""
    rng = np.random.default_rng(0)
    places = np.stack(np.mgrid[:20, :28, :36]) - np.reshape([10, 14, 18], (3, 1, 1, 1))
    truth = ((places**2).sum(0) < 8**2).astype(int)
    return (truth + rng.normal(0, 0.4, truth.shape)).astype(np.float32), truth


@pytest.fixture(scope="module")
def fitted(ball):
    """A network for voxels that are three times as long along z, hardly trained."""
    return clone(NET).set_params(spacing=FLAT).fit([ball[0]], [ball[1]])


@pytest.mark.parametrize(
    ("voxel", "cells"),
    [
        (CUBES, [[2, 2, 2], [4, 4, 4], [8, 8, 8]]),
        (FLAT, [[1, 2, 2], [1, 4, 4], [2, 8, 8]]),
        ((1, 1, 20), [[2, 2, 1], [4, 4, 1], [8, 8, 1]]),
    ],
)
def test_the_receptive_field_is_what_the_margin_says(one_seed, voxel, cells):
    """Along every axis; long sides of voxels are averaged less."""
    module = UNet(1, 1, 2, (2, 4, 8), n_filters=4, n_fine_filters=3, voxel=voxel)
    assert module.cells.tolist() == cells
    for axis in range(3):
        grid, reach = (np.broadcast_to(own, 3)[axis] for own in (module.grid, module.reach))
        sides = [8, 8, 8]
        sides[axis] = 96
        distances = []
        for place in range(48, 48 + grid):
            x = torch.zeros(1, 1, *sides).movedim(2 + axis, 2)
            x[:, :, place] = torch.nan
            touched = module(x.movedim(2, 2 + axis)).isnan().any(1)[0].movedim(axis, 0)
            touched = touched.flatten(1).any(1).nonzero()
            distances += [place - int(touched.min()), int(touched.max()) - place]
        assert reach - grid <= max(distances) <= reach


def test_labels_of_one_slice_segment_the_volume(ball):
    """Alone, from strokes in one slice; probabilities and labels have the shape of the volume."""
    volume, truth = ball
    y = np.full(truth.shape, -1)
    y[10, ::3] = truth[10, ::3]
    net = UNetClassifier(4, crop_size=12, max_epochs=3, lr=0.01, spacing=CUBES, random_state=0)
    net.fit([volume[..., None]], [y])
    assert net.spacing_ == CUBES
    assert net.score(volume[None], truth[None]) > 0.9
    assert net.predict_proba(volume[None]).shape == (1, *volume.shape, 2)


def test_tiles_are_the_whole(fitted):
    """Every voxel has the probabilities it has in one piece, whatever part is computed."""
    volume = np.random.default_rng(1).normal(size=(34, 16, 70, 1)).astype(np.float32)
    whole = fitted.probability_map(volume, TileRequest())
    part = slice(5, 12), slice(3, 9), slice(31, 40)
    some = fitted.probability_map(volume, TileRequest(within=part))
    np.testing.assert_allclose(some, whole[part], atol=1e-5)
    small = fitted.probability_map(volume, TileRequest(max_memory=2**27))
    np.testing.assert_allclose(small, whole, atol=1e-5)


def test_chunks_are_the_whole(fitted):
    """Lazy volumes are labeled chunk by chunk, with the same bits."""
    dask_array = pytest.importorskip("dask.array")
    volumes = np.random.default_rng(1).normal(size=(1, 6, 12, 70)).astype(np.float32)
    net = clone(fitted).set_params(max_memory="128MiB").fit(volumes, volumes > 0)
    lazy = net.predict_proba(dask_array.from_array(volumes, chunks=(1, 3, 12, 35)))
    np.testing.assert_array_equal(np.asarray(lazy), net.predict_proba(volumes))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 3), (5, 7, 33)])
def test_sizes(fitted, shape):
    """Volumes of any size are labeled, smaller than a crop or a cell, too."""
    volume = np.zeros(shape, np.float32)
    assert fitted.predict([volume])[0].shape == shape
    again = clone(fitted).fit([volume], [np.indices(shape).sum(0) % 2])
    assert again.predict([volume])[0].shape == shape


class TestSegmenter:
    """The segmenter says that there are volumes; a network or a vote needs no parameter."""

    def test_pixels_and_codes(self, ball, tmp_path):
        """Saved and loaded, it gives the same labels."""
        encoder = PixelEncoder(2, features="intensity", n_filters=4, max_epochs=0)
        model = AESegmenter(encoder=encoder, estimator=clone(NET), spacing=FLAT, random_state=0)
        labels = model.fit([ball[0]], [ball[1]]).predict([ball[0]])[0]
        assert labels.shape == ball[0].shape
        assert model.estimator_.spacing_ == model.encoder_.spacing == FLAT
        assert model.estimator.spacing is None
        assert model.estimator_.n_features_in_ == 1 + 2
        save(model, tmp_path / "model.segae")
        np.testing.assert_array_equal(load(tmp_path / "model.segae").predict([ball[0]])[0], labels)

    def test_codes_of_parts(self, ball, monkeypatch):
        """Those of a window are computed in parts, in the memory of a network."""
        encoder = PixelEncoder(2, features="texture", pooling=1, n_filters=4, max_epochs=0)
        model = AESegmenter(encoder=encoder, estimator=NET, spacing=FLAT, random_state=0)
        whole = model.fit([ball[0]], [ball[1]]).predict_proba([ball[0]])[0]
        monkeypatch.setattr(_dense_labeler, "_part_sides", lambda *_: [8, 16, 11])
        np.testing.assert_allclose(model.predict_proba([ball[0]])[0], whole, atol=1e-5)

    @pytest.mark.parametrize(
        ("sides", "shape", "parts"),
        [
            ((40, 40, 40), (500, 500, 500, 1), [40, 40, 40]),
            ((40, 80, 80), (40, 500, 500, 1), [40, 40, 80]),
            ((80, 80, 80), (500, 500, 500, 1), [40, 40, 40]),
            ((30, 200, 200), (30, 200, 200, 1), [30, 50, 100]),
        ],
    )
    def test_sides_of_parts(self, sides, shape, parts):
        """The longest are halved until the codes of a part and its halo take little memory."""
        assert _dense_labeler._part_sides(sides, TileCost(20, 100, 0), shape, 100 * 80**3) == parts
        assert max(_dense_labeler._part_sides(sides, TileCost(20, 100, 0), shape, 0)) <= 16

    @pytest.mark.parametrize("weights", [None, "auto"])
    def test_votes(self, ball, weights):
        """Labels of blocks of 32 voxels are held out for the weights."""
        vote = PixelVotingClassifier([("line", LogisticRegression()), ("unet", NET)])
        model = AESegmenter(encoder="passthrough", estimator=vote, spacing=FLAT, random_state=0)
        model.set_params(estimator__weights=weights).fit([ball[0]], [ball[1]])
        assert model.score([ball[0]], [ball[1]]) > 0.85
        assert model.estimator_.spacing_ == FLAT
        nets = [m for m in model.estimator_.members_ if isinstance(m, UNetClassifier)]
        assert [net.spacing_ for net in nets] == [FLAT] * len(nets)

    def test_the_spacing_of_the_estimator(self, ball):
        """That of a network in a vote counts, too; two different ones do not."""
        net = clone(NET).set_params(spacing=FLAT)
        vote = PixelVotingClassifier([("unet", net)])
        model = AESegmenter(encoder="passthrough", estimator=vote, random_state=0)
        assert model.fit([ball[0]], [ball[1]]).spacing_ == FLAT
        model.set_params(spacing=CUBES)
        with pytest.raises(ValueError, match=r"that of the estimator is \(3.0, 1.0, 1.0\). Pass"):
            model.fit([ball[0]], [ball[1]])
        with pytest.raises(ValueError, match="that of the unet is"):
            vote.set_params(spacing=CUBES).fit([ball[0]], [ball[1]])

    def test_a_frozen_network(self, ball, fitted):
        """One that was fitted to such volumes, but not to others."""
        options = {"encoder": "passthrough", "normalize": "dataset", "random_state": 0}
        model = AESegmenter(estimator=FrozenEstimator(fitted), **options).fit([ball[0]], [ball[1]])
        found, expected = (m.predict_proba([ball[0]])[0] for m in (model, fitted))
        np.testing.assert_array_equal(found, expected)
        flat = clone(NET).set_params(crop_size=16).fit(ball[0], ball[1])
        model.set_params(estimator=FrozenEstimator(flat), spacing=CUBES)
        with pytest.raises(ValueError, match="the frozen estimator was fitted with spacing=None"):
            model.fit([ball[0]], [ball[1]])


@pytest.mark.parametrize("normalize", ["image", "dataset"])
def test_graphs(ball, tmp_path, normalize):
    """Other programs get the labels that we do, of volumes of any size."""
    onnxruntime = pytest.importorskip("onnxruntime")
    volumes = np.stack([ball[0], 3 + 2 * ball[0]])[..., None]
    encoder = PixelEncoder(2, features="intensity", n_filters=4, max_epochs=0)
    model = AESegmenter(encoder=encoder, estimator=NET, normalize=normalize, spacing=FLAT)
    model.set_params(random_state=0).fit(volumes, np.stack([ball[1]] * 2))
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for some in (volumes, volumes[:1, :13, :22, :33]):
        labels, probabilities = session.run(None, {"images": some})
        np.testing.assert_allclose(probabilities, model.predict_proba(some), atol=1e-4)
        assert (labels == model.predict(some)).mean() > 0.99


class TestCrops:
    """Parts of volumes, turned in the plane of the two finest axes."""

    def crops(self, values, side, augmentation, voxel, rng, places=slice(None)):
        marks = np.full((*values.shape, 2), UNKNOWN, np.float32)
        marks[places, places, places] = np.stack([values, values + 1], -1)[places, places, places]
        window = LabeledWindow(values[..., None].astype(np.float32), marks)
        crops = LabelCrops([window], SCALE, side, 0, augmentation, rng, voxel)
        return crops.take(np.arange(20)).numpy()

    def test_labels_stay_at_their_voxels(self, rng):
        """Where the label is the value of the voxel, it remains so."""
        values = np.kron(rng.integers(3, size=(4, 8, 8)), np.ones((4, 6, 6)))
        x = self.crops(values, [8, 16, 16], "turns", FLAT, rng)
        assert x.shape == (20, 3, 8, 16, 16)
        known = x[:, 1] >= 0
        assert known.any((1, 2, 3)).all()
        assert (np.abs(x[:, 0] - x[:, 1])[known] < 0.5).mean() > 0.8  # others: at borders

    @pytest.mark.parametrize(("voxel", "axis"), [(CUBES, 0), (FLAT, 0), ((1, 1, 3), 2)])
    def test_the_coarsest_axis_is_only_mirrored(self, rng, voxel, axis):
        """Values that increase along it do so in crops, or decrease."""
        values = np.indices((24, 24, 24))[axis].astype(float)
        x = self.crops(values, 8, "turns", voxel, rng, places=slice(9, 15))[:, 0]
        steps = np.diff(np.moveaxis(x, axis + 1, 1), axis=1)
        assert np.ptp(steps, axis=(1, 2, 3)).max() < 1e-3
        assert set(np.sign(steps[:, 0, 0, 0])) == {-1, 1}

    def test_upright_crops_are_mirrored_along_x(self, rng):
        """Slices and rows keep their order."""
        for axis, signs in enumerate([{1}, {1}, {-1, 1}]):
            values = np.indices((24, 24, 24))[axis].astype(float)
            x = self.crops(values, 8, "upright", CUBES, rng)[:, 0]
            assert set(np.sign(np.diff(x, axis=axis + 1).mean((1, 2, 3)))) == signs

    def test_voxels_are_turned_as_cuboids(self, rng):
        """A ball whose voxels are longer along y stays one of the same volume."""
        voxel = (4.0, 1.3, 1.0)
        places = np.stack(np.mgrid[:10, :40, :50]) - np.reshape([5, 20, 25], (3, 1, 1, 1))
        places = places * np.reshape(voxel, (3, 1, 1, 1))
        values = ((places**2).sum(0) < 10**2).astype(float)
        marks = np.full((*values.shape, 2), UNKNOWN, np.float32)
        marks[5, 20, 25] = 1
        window = LabeledWindow(values[..., None], marks)
        crops = LabelCrops([window], SCALE, [10, 40, 50], 0, "turns", rng, voxel)
        crops.changes = crops.changes._replace(zoom=0.0)
        sizes = crops.take(np.arange(12))[:, 0].sum((1, 2, 3)).numpy()
        np.testing.assert_allclose(sizes, values.sum(), rtol=0.1)

    def test_windows_of_large_volumes_are_bounded(self, rng, monkeypatch):
        """Only parts with labels are read, with the voxels around them."""
        monkeypatch.setattr(_label_crops, "N_VALUES", 10)
        read = []

        def features(image, tile):
            read.append(tile)
            return np.zeros((*(t.stop - t.start for t in tile), 1), np.float32)

        marks = np.full((90, 200, 300, 2), UNKNOWN, np.float32)
        marks[45, 100:105, 110:200] = 1
        (window,) = labeled_windows(features, [None], [marks], np.array([4, 12, 12]), 1, rng)
        assert len(read) == 1
        assert window.marks.shape == (64 + 4, 64 + 24, 64 + 24, 2)


def test_blocks_of_a_volume_are_held_out():
    """Cubes of 32 voxels, each in one of three folds."""
    known = np.ones((40, 64, 70), bool)
    maps = np.arange(known.size).reshape(known.shape) % 2
    pairs = folds(Targets([maps], [known], [~known], np.arange(2)), 0)
    held = np.array([own.known[0] for _, own in pairs])
    assert (held.sum(0) == 1).all()
    for z, y, x in np.ndindex(2, 2, 3):
        block = held[:, 32 * z :, 32 * y :, 32 * x :][:, :32, :32, :32]
        assert (block == block[:, :1, :1, :1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_size": 18}, "crop_size=18 is not a multiple of 4, the coarsest stride. Pass 20"),
        ({"spacing": (1, 1)}, "three numbers above 0"),
        ({"warm_start": True, "spacing": CUBES}, r"spacing=\(1.0.*with \(3.0.*Pass the same"),
    ],
)
def test_refusals(ball, fitted, change, message):
    """Errors name the argument and a way out."""
    net = clone(fitted)
    net.__dict__.update(vars(fitted))
    with pytest.raises(ValueError, match=message):
        net.set_params(**change).fit([ball[0]], [ball[1]])


def test_images_for_a_network_of_volumes(ball, fitted):
    """The error says what is needed."""
    with pytest.raises(ValueError, match="spacing says that there are volumes"):
        fitted.predict([ball[0][0]])
