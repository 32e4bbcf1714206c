"""onnxruntime or 16 bits in the place of torch: nearly the same codes, and nothing else changes."""

import copy
import gc
import pickle
import sys

import numpy as np
import pytest
import torch
from nets import noise, pixel_net
from sklearn.base import clone

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.encoding._backends import MAX_SESSIONS, SESSIONS, OnnxNetwork
from sklearn_segae.persistence import load, save

QUICK = {"n_filters": 4, "batch_size": 1, "max_epochs": 1, "random_state": 0}


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("last", [0, 1, 4])
def test_projections_agree(one_seed, stride, last):
    """Of every pixel or every second one, for images of any size, for axes of some layers."""
    net = pixel_net().float()
    axes = torch.randn(net.n_features, 3)
    axes[sum(net.sizes[: last + 1]) :] = 0
    runner = OnnxNetwork(net)
    for shape in ((1, 2, 40, 40), (1, 2, 37, 52), (2, 2, 18, 17)):
        x = noise(*shape).float()
        expected = net.project(x, axes, stride)
        torch.testing.assert_close(runner.project(x, axes, stride), expected, atol=1e-5, rtol=1e-5)
    assert len(runner.sessions) == 1


@pytest.mark.parametrize("features", ["intensity", "texture", "intensity+texture", "multiscale"])
def test_codes_agree(mosaic, features):
    """To 1e-5, for any features, tiles and borders as with torch."""
    images = mosaic[0]
    encoder = PixelEncoder(4, features=features, whitening=1, **QUICK).fit(images)
    codes = encoder.transform(images)
    encoder.set_params(backend="onnx")
    np.testing.assert_allclose(encoder.transform(images), codes, atol=1e-5)


@pytest.mark.parametrize("features", ["intensity", "texture", "multiscale"])
def test_codes_of_16_bits_are_near(mosaic, features):
    """The weights are those of float32, the codes are not, but differ by a few per cent at most."""
    images = mosaic[0]
    encoder = PixelEncoder(4, features=features, whitening=1, **QUICK).fit(images)
    half = PixelEncoder(4, features=features, whitening=1, backend="bfloat16", **QUICK).fit(images)
    for one, other in zip(
        encoder.net_.module_.parameters(), half.net_.module_.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    codes, near = encoder.transform(images), half.transform(images)
    assert near.dtype == np.float32
    difference = np.sqrt(np.mean((codes - near) ** 2) / codes.var())
    assert 1e-6 < difference < 0.05
    half.set_params(backend="onnx")  # whatever was kept for 16 bits is not used
    np.testing.assert_allclose(half.transform(images), codes, atol=1e-5)


def test_a_segmenter_with_it(mosaic):
    """Training, sampling, refining and predicting go through it."""
    encoder = PixelEncoder(4, features="texture", whitening=1, **QUICK)
    labels = [
        AESegmenter(3, encoder=encoder.set_params(backend=backend), random_state=0).fit_predict(
            mosaic[0]
        )
        for backend in ("torch", "onnx")
    ]
    assert np.mean(labels[0] == labels[1]) > 0.999


def test_sessions_stay_where_they_are(shapes, tiny_encoder, tmp_path):
    """Pickles, copies, clones and files are without them, and make their own."""
    encoder = tiny_encoder.set_params(backend="onnx").fit(shapes[0])
    codes = encoder.transform(shapes[0])
    assert SESSIONS[encoder.net_.module_]
    save(encoder, tmp_path / "model.segae")
    for again in (
        pickle.loads(pickle.dumps(encoder)),
        copy.deepcopy(encoder),
        load(tmp_path / "model.segae"),
    ):
        assert again.net_.module_ not in SESSIONS
        assert again.backend == "onnx"
        assert np.array_equal(again.transform(shapes[0]), codes)
        assert again.net_.module_ in SESSIONS
    assert clone(encoder).backend == "onnx"


def test_sessions_go_with_their_network(shapes, tiny_encoder):
    """Nothing is kept of what nobody can use any more."""
    encoder = tiny_encoder.set_params(backend="onnx").fit(shapes[0])
    encoder.transform(shapes[0])
    gc.collect()
    before = len(SESSIONS)
    del encoder.net_
    gc.collect()
    assert len(SESSIONS) == before - 1


def test_changed_weights_are_another_network(one_seed):
    """A step of training changes weights in place: what was made from the old ones is not used."""
    net, axes, x = pixel_net().float(), torch.randn(14, 2), noise(1, 2, 20, 20).float()
    runner = OnnxNetwork(net)
    before = runner.project(x, axes)
    with torch.no_grad():
        net.layers[0].weight.mul_(2)
        net.strengths[1] = 3
    after = runner.project(x, axes)
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, net.project(x, axes), atol=1e-5, rtol=1e-5)


def test_another_fit_is_another_network(shapes, tiny_encoder):
    """No session outlives what it was made from."""
    encoder = tiny_encoder.set_params(backend="onnx").fit(shapes[0])
    encoder.transform(shapes[0])
    encoder.set_params(random_state=5).fit(shapes[0])
    codes = encoder.transform(shapes[0])
    np.testing.assert_allclose(
        codes, encoder.set_params(backend="torch").transform(shapes[0]), atol=1e-5
    )


def test_few_sessions_are_kept(one_seed):
    """Asked for ever new axes, it forgets the oldest."""
    net = pixel_net().float()
    runner = OnnxNetwork(net)
    for _ in range(MAX_SESSIONS + 2):
        runner.project(noise(1, 2, 20, 20).float(), torch.randn(net.n_features, 1))
    assert len(runner.sessions) == MAX_SESSIONS


def test_rows(rows):
    """float32 rows go through it, float64 ones keep their precision."""
    encoder = PixelEncoder(3, backend="onnx", **QUICK).fit(rows)
    twin = copy.deepcopy(encoder).set_params(backend="torch")
    assert np.array_equal(encoder.transform(rows), twin.transform(rows))
    few = rows.astype(np.float32)
    np.testing.assert_allclose(encoder.transform(few), twin.transform(few), atol=1e-5)


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_library_is_named(shapes, tiny_encoder, monkeypatch, missing):
    """With the extra that installs it."""
    encoder = tiny_encoder.fit(shapes[0]).set_params(backend="onnx")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"\[onnx\]"):
        encoder.transform(shapes[0])
