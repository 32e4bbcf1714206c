"""ONNX graphs: other programs get the codes that we do."""

import sys

import numpy as np
import onnxruntime
import pytest
import skl2onnx
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_segae import AutoencoderTransformer, PixelEncoder, PixelHead
from sklearn_segae.persistence import export_onnx, register_onnx_converters

QUICK = {"max_epochs": 1, "random_state": 0}
AGREE = 1e-5  # of numbers around 1, in float32


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def run(path, X):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return session.run(None, {given.name: X})[0]


@pytest.mark.parametrize(
    "features",
    [
        "intensity",
        "texture",
        "intensity+texture",
        "multiscale",
        "pretrained",
        "multiscale+pretrained",
    ],
)
@pytest.mark.parametrize("n_channels", [1, 4])
def test_images_of_any_size(mosaic, path, features, n_channels):
    """Borders included, images narrower than the margin too, from one graph."""
    images = np.concatenate([np.roll(mosaic[0], i, 2) for i in range(n_channels)], axis=3)
    encoder = PixelEncoder(
        4, features=features, whitening=1, n_filters=4, batch_size=1, **QUICK
    ).fit(images)
    export_onnx(encoder, path)
    for some in (images[:, :40, :56], images[:1, :5, :50], images[:1, 40:41, :30]):
        codes = encoder.transform(some)
        # Of curvatures over 16 pixels, differences of nearly equal floats, the last digits differ.
        tolerance = 100 * AGREE if "multiscale" in features else AGREE
        np.testing.assert_allclose(run(path, some.astype(np.float32)), codes, atol=tolerance)


@pytest.mark.parametrize("features", ["intensity", "texture", "multiscale"])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (2, 1, 1)])
def test_volumes_of_any_size(rng, path, features, spacing):
    """With voxels of any spacing; the backend of the network is another graph."""
    volume = rng.normal(size=(1, 18, 30, 34, 1)).astype(np.float32)
    options = {"pooling": 2, "n_filters": 4, "max_epochs": 0, "random_state": 0}
    encoder = PixelEncoder(4, features=features, spacing=spacing, **options).fit(volume)
    export_onnx(encoder, path)
    for some in (volume, volume[:, :7, 3:], volume[:, 5:6, :, :9]):
        codes = encoder.transform(some)
        tolerance = 100 * AGREE if features == "multiscale" else AGREE
        np.testing.assert_allclose(run(path, some), codes, atol=tolerance)
        other = encoder.set_params(backend="onnx").transform(some)
        np.testing.assert_allclose(other, codes, atol=tolerance)
        encoder.set_params(backend="torch")


@pytest.mark.parametrize("features", ["intensity", "multiscale"])
def test_spectral_components(path, features):
    """Cubes of more than 16 channels, of any size."""
    cube = np.random.default_rng(0).normal(size=(1, 30, 40, 20)).astype(np.float32)
    encoder = PixelEncoder(4, features=features, **QUICK).fit(cube)
    export_onnx(encoder, path)
    some = cube[:, :21, 3:30]
    np.testing.assert_allclose(run(path, some), encoder.transform(some), atol=AGREE)


def test_networks_in_windows_have_no_graph(mosaic, path):
    encoder = PixelEncoder(2, features="pretrained", backbone=Pooled(), **QUICK).fit(mosaic[0])
    with pytest.raises(ValueError, match="runs on windows, of which no graph is made"):
        export_onnx(encoder, path)


class Pooled(torch.nn.Conv2d):
    """A convolution whose output depends on the whole image."""

    def __init__(self):
        super().__init__(3, 4, 4, 4)

    def forward(self, x):
        maps = super().forward(x)
        return maps * maps.mean((2, 3), keepdim=True)


def test_rows_of_pixels(rows, path):
    """A spectrum at a time."""
    rows = rows.astype(np.float32)
    encoder = PixelEncoder(3, n_filters=4, **QUICK).fit(rows)
    export_onnx(encoder, path)
    np.testing.assert_allclose(run(path, rows), encoder.transform(rows), atol=AGREE)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((7,), {}),
        ((7,), {"variant": "sparse"}),
        ((7,), {"variant": "unmixing"}),
        ((7,), {"variant": "variational", "scaling": "minmax"}),
        ((9, 10), {}),
        ((9, 10, 2), {"activation": "gelu"}),
        ((9, 10, 2), {"architecture": "dense"}),
        ((30,), {"architecture": "signal"}),
        ((30, 2), {"architecture": "signal"}),
    ],
    ids=str,
)
def test_there_and_back(rng, path, shape, options):
    """Codes of any number of samples, and what they stand for."""
    X = rng.normal(3, 2, size=(12, *shape)).astype(np.float32)
    ae = AutoencoderTransformer(3, hidden_layer_sizes=(5,), **options, **QUICK).fit(X)
    codes = ae.transform(X)
    export_onnx(ae, path)
    np.testing.assert_allclose(run(path, X[:5]), codes[:5], atol=AGREE)
    export_onnx(ae, path, part="decode")
    back = run(path, codes)
    assert back.shape == X.shape
    np.testing.assert_allclose(back, ae.inverse_transform(codes), atol=AGREE)


def test_whole_pipelines(rows, path):
    """skl2onnx converts what stands before and after an autoencoder, too."""
    X, y = rows.astype(np.float32), rows[:, 0] > 0
    model = make_pipeline(
        StandardScaler(), AutoencoderTransformer(3, **QUICK), LogisticRegression()
    ).fit(X, y)
    register_onnx_converters()
    register_onnx_converters()
    graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    labels, probabilities = session.run(None, {"X": X})
    assert np.array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=AGREE)


def test_float64_is_refused_by_name(rows):
    """A graph takes float32 alone."""
    register_onnx_converters()
    with pytest.raises(ValueError, match=r"DoubleTensorType.*float32"):
        skl2onnx.to_onnx(AutoencoderTransformer(2, **QUICK).fit(rows), rows[:1])


def test_the_net_is_left_alone(rows, path):
    """Exporting moves and changes nothing."""
    ae = AutoencoderTransformer(2, **QUICK).fit(rows)
    before, state = ae.transform(rows), torch.random.get_rng_state()
    export_onnx(ae, path)
    assert np.array_equal(ae.transform(rows), before)
    assert all(p.requires_grad for p in ae.net_.module_.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_has_no_graph(rows, path):
    """The error says what has."""
    encoder = PixelEncoder(2, n_filters=4, **QUICK).fit(rows)
    with pytest.raises(ValueError, match="part='encode'"):
        export_onnx(encoder, path, part="decode")
    with pytest.raises(ValueError, match="not known"):
        export_onnx(encoder, path, part="both")
    head = PixelHead(max_epochs=1).fit(rows, rows[:, 0] > 0)
    with pytest.raises(ValueError, match="no graph"):
        export_onnx(head, path)
    assert not list(path.parent.iterdir())


def test_missing_libraries_are_named(rows, path, monkeypatch):
    """With the extra that installs them."""
    ae = AutoencoderTransformer(2, **QUICK).fit(rows)
    for name, act in [
        ("onnx", lambda: export_onnx(ae, path)),
        ("skl2onnx", register_onnx_converters),
    ]:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ImportError, match=r"\[onnx\]"):
                act()
