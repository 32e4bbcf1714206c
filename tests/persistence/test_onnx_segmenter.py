"""ONNX graphs of segmenters with a U-Net: other programs get the labels that we do."""

import numpy as np
import onnxruntime
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.persistence import export_onnx

NET = UNetClassifier(4, crop_size=16, max_epochs=1, random_state=0)
AGREE = 1e-4  # of probabilities; codes of "multiscale" agree to about that


@pytest.fixture(scope="module")
def scene():
    """Three dark, bright and very bright images of three channels, and labels 3, 5 and 9."""
    rng = np.random.default_rng(0)
    labels = np.array([3, 5, 9])[np.kron(rng.integers(3, size=(3, 6, 8)), np.ones((8, 8), int))]
    values = labels[..., None] + rng.normal(0, 1, (*labels.shape, 3))
    return (values * np.array([1, 4, 9])[:, None, None, None] + 100).astype(np.float32), labels


def run(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == ["labels", "probabilities"]
    return session.run(None, {"images": images})


def check(path, model, images):
    """The graph has the probabilities of the model, and the most likely labels."""
    labels, probabilities = run(path, images)
    np.testing.assert_allclose(probabilities, model.predict_proba(images), atol=AGREE)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, model.classes_[probabilities.argmax(-1)])
    assert (labels == model.predict(images)).mean() > 0.99


@pytest.mark.parametrize(
    ("normalize", "features"), [("image", "intensity"), ("dataset", "multiscale")]
)
def test_images_of_any_size(scene, tmp_path, normalize, features):
    """Borders included, with one graph; every image scaled from its own range, if so fitted."""
    images, labels = scene
    encoder = PixelEncoder(2, features=features, n_filters=4, max_epochs=0)
    model = AESegmenter(encoder=encoder, estimator=NET, normalize=normalize, random_state=0)
    model.fit(images, labels)
    assert model.normalize_ == normalize
    export_onnx(model, tmp_path / "model.onnx")
    for some in (images, images[1:, :33, :47], images[:1, 3:44, :61]):
        check(tmp_path / "model.onnx", model, some)


def test_ranges_of_large_images(scene, tmp_path):
    """They are measured on tiles, and on some of their blocks, as ours are."""
    rng, (images, labels) = np.random.default_rng(1), scene
    model = AESegmenter(encoder="passthrough", estimator=NET, normalize="image", random_state=0)
    model.fit(images[..., :1], labels)
    export_onnx(model, tmp_path / "model.onnx")
    large = np.cumsum(rng.normal(size=(1, 1026, 1100, 1)), axis=1).astype(np.float32)
    check(tmp_path / "model.onnx", model, large)


def test_images_without_contrast(scene, tmp_path):
    """They are not stretched."""
    images, labels = scene
    model = AESegmenter(encoder="passthrough", estimator=NET, normalize="image", random_state=0)
    model.fit(images, labels)
    export_onnx(model, tmp_path / "model.onnx")
    with pytest.warns(UserWarning, match="less contrast"):
        check(tmp_path / "model.onnx", model, np.float32(0.01) * images[:1] + 104)


def test_networks_of_pixels(scene, tmp_path):
    """Alone, and in a segmenter without an encoder and with one range for all images."""
    images, labels = scene
    net = UNetClassifier(4, crop_size=16, max_epochs=1, random_state=0).fit(images, labels)
    export_onnx(net, tmp_path / "net.onnx")
    check(tmp_path / "net.onnx", net, images[:, :40, :50])
    model = AESegmenter(encoder="passthrough", estimator=NET, random_state=0)
    model.fit(images[:1], labels[:1])
    assert model.normalize_ == "dataset"
    assert model.normalization_ is not None
    export_onnx(model, tmp_path / "model.onnx")
    check(tmp_path / "model.onnx", model, images[:, :40, :50])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimator": LogisticRegression()}, "has no graph.*Fit with estimator='unet'"),
        (
            {"estimator": PixelVotingClassifier([("a", LogisticRegression()), ("b", NET)])},
            "has no graph.*Fit with estimator='unet'",
        ),
        ({"patch_size": 3}, "Fit with a PixelEncoder, or with encoder='passthrough'"),
        ({"min_size": 4}, r"min_size=4 merges regions.*set_params\(min_size=0\)"),
    ],
)
def test_what_has_no_graph(scene, tmp_path, change, message):
    """The error says what has."""
    options = {"encoder": "passthrough", "estimator": NET, "random_state": 0} | change
    if "patch_size" in change:
        from sklearn.preprocessing import StandardScaler

        options["encoder"] = StandardScaler()
    model = AESegmenter(**options).fit(*scene)
    with pytest.raises(ValueError, match=message):
        export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
