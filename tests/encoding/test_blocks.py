"""Blocks of features: learnt ones are projected and pooled, and a new kind is one class."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from nets import noise, pixel_net
from sklearn.utils._param_validation import StrOptions

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.encoding._blocks import Block, JetBlock, LearntBlock, project_and_pool
from sklearn_segae.encoding._codes import FEATURES
from sklearn_segae.encoding._pooling import WIDE, TilePooling, pool, pool_radius, views_of
from sklearn_segae.imaging._tiles import tiles
from sklearn_segae.inspection import component_importance
from sklearn_segae.networks._pixel_autoencoder import PixelAutoencoder
from sklearn_segae.persistence import _schema, load, save

pytestmark = pytest.mark.usefixtures("one_seed")

OPTIONS = [{}, {"n_channels": 1, "dilations": (1,)}, {"kernel_size": 1}, {"dilations": (2, 1, 3)}]


def projected(net, x, axes, sigmas, *places, contrast_sigma=0):
    """Components of the pixels in given rows and columns."""
    return project_and_pool(net, views_of(x, contrast_sigma), axes, sigmas, TilePooling(*places))


@pytest.mark.parametrize("sigma", [0, 0.5, 2])
@pytest.mark.parametrize("options", OPTIONS)
def test_codes_are_projected_pooled_features(options, sigma):
    """Projecting first and pooling the codes gives what pooling the features first would."""
    net = pixel_net(**options)
    c, side = options.get("n_channels", 2), 9 + 2 * net.margin
    x = noise(1, c, side, side)
    net.balance(x)
    axes, places = noise(net.n_features, 3), (range(1, 8), range(0, 9, 2))

    codes = projected(net, x, [axes], [sigma], *places)

    features = pool(net.encode(x), sigma, *places)
    expected = torch.einsum("nfhw,fk->nkhw", features, axes)
    torch.testing.assert_close(codes, expected)


def test_every_set_of_axes_has_its_own_pooling():
    """Codes of two scales come side by side, each as if it were alone."""
    net, x = pixel_net(), noise(1, 2, 40, 40)
    first, second = noise(net.n_features, 3), noise(net.n_features, 2)
    places = range(5, 20), range(10, 12)

    both = projected(net, x, [first, second], [3, 1], *places)

    alone = [projected(net, x, [a], [s], *places) for a, s in ((first, 3), (second, 1))]
    torch.testing.assert_close(both, torch.cat(alone, 1))


def test_two_views_are_projected_together():
    """The first half of the axes is for the image, the second for normalized local contrast."""
    net, x = pixel_net(), noise(1, 2, 60, 60)
    net.balance(x)
    axes, places = noise(2 * net.n_features, 3), (range(3), range(4, 9))

    codes = projected(net, x, [axes], [0], *places, contrast_sigma=3)

    features = torch.cat([net.encode(view) for view in views_of(x, 3)], 1)
    assert features.shape[-1] == 60 - 2 * (net.margin + pool_radius(3))
    expected = torch.einsum("nfhw,fk->nkhw", features[:, :, :3, 4:9], axes)
    torch.testing.assert_close(codes, expected)


def test_coarse_reading_hardly_changes_wide_averages():
    """Codes from every second pixel are nearly those that every pixel would give."""
    net, x = pixel_net(), pool(noise(1, 2, 100, 90), 1.5, range(100), range(90))
    net.balance(x)
    axes, places = noise(net.n_features, 3), (range(84), range(74))
    fine = pool(net.project(x, axes), WIDE[2], *places)

    coarse = projected(net, x, [axes], [WIDE[2]], *places)

    assert coarse.shape == fine.shape
    error = (coarse - fine).std((0, 2, 3)) / fine.std((0, 2, 3))
    assert 0 < error.max() < 0.3  # what varies from pixel to pixel, noise, would be seen more


def test_only_what_the_axes_need_is_computed(monkeypatch):
    """Views and layers that no axis has a weight for are left out, with the same codes."""
    net, x = pixel_net(), noise(1, 2, 40, 40)
    axes = noise(2 * net.n_features, 3)
    axes[2 + 3 :] = 0  # all but the pixels and the first layer of the first view
    computed = []
    activations = PixelAutoencoder.activations
    monkeypatch.setattr(
        PixelAutoencoder,
        "activations",
        lambda self, x, stride=1, n=None: computed.append(n) or activations(self, x, stride, n),
    )

    codes = projected(net, x, [axes], [0], range(3), range(4), contrast_sigma=2)
    nothing = projected(net, x, [0 * axes], [0], range(3), range(4), contrast_sigma=2)

    assert computed == [1, 0]
    assert nothing.shape == codes.shape
    assert not nothing.any()
    monkeypatch.undo()
    features = torch.cat([net.encode(view) for view in views_of(x, 2)], 1)
    expected = torch.einsum("nfhw,fk->nkhw", features[:, :, :3, :4], axes)
    torch.testing.assert_close(codes, expected)


def test_components_of_any_sets_see_any_views():
    """What each view adds ends in its own column, whichever columns a view has nothing for."""
    net, x = pixel_net(), noise(1, 2, 50, 50)
    first, second = noise(2 * net.n_features, 3), noise(2 * net.n_features, 2)
    first[: net.n_features, 1] = 0
    second[net.n_features :, 0] = 0
    places = range(4), range(2, 7)

    both = projected(net, x, [first, second], [2, 1], *places, contrast_sigma=2)

    features = torch.cat([net.encode(view) for view in views_of(x, 2)], 1)
    expected = [
        torch.einsum("nfhw,fk->nkhw", pool(features, sigma, *places), axes)
        for axes, sigma in ((first, 2), (second, 1))
    ]
    torch.testing.assert_close(both, torch.cat(expected, 1))


def test_narrow_components_stand_after_the_others(mosaic):
    """They are the same codes and more; what leads back to pixels does not use them."""
    encoder = PixelEncoder(4, features="texture", pooling=5, max_epochs=0, random_state=0)
    codes = encoder.fit(mosaic[0]).codes_

    narrow = codes.with_narrow()

    assert codes.has_narrow
    assert not narrow.has_narrow
    assert codes.block_names == {"wide codes": 4}
    assert narrow.block_names == {"wide codes": 4, "narrow codes": 4}
    assert narrow.readout.shape == (9, 1)
    np.testing.assert_array_equal(narrow.readout[[0, 1, 2, 3, 8]], codes.readout)
    image, tile = mosaic[0][0], (slice(0, 40), slice(10, 60))
    np.testing.assert_allclose(
        encoder.encode_tile(image, tile, narrow=True)[..., :4],
        encoder.encode_tile(image, tile),
        atol=1e-5,
    )


def test_jets_of_every_second_pixel(mosaic):
    """All blocks of a tile are of the same pixels, whatever the step."""
    encoder = PixelEncoder(4, features="multiscale", max_epochs=0, random_state=0).fit(mosaic[0])
    assert isinstance(encoder.codes_.blocks[0], JetBlock)
    image, tile = mosaic[0][0], (slice(4, 50), slice(0, 41))
    whole = encoder.encode_tile(image, tile)
    np.testing.assert_allclose(encoder.encode_tile(image, tile, step=2), whole[::2, ::2], atol=1e-4)


def test_unused_components_are_zero(mosaic):
    """The others are what they were, whatever blocks they are in."""
    encoder = PixelEncoder(4, features="multiscale", max_epochs=0, random_state=0).fit(mosaic[0])
    image, tile = mosaic[0][0], (slice(0, 30), slice(0, 30))
    used = np.arange(encoder.codes_.n_components) % 3 == 0
    codes = encoder.encode_tile(image, tile, used=used)
    assert not codes[..., ~used].any()
    whole = encoder.encode_tile(image, tile)
    np.testing.assert_allclose(codes[..., used], whole[..., used], atol=1e-5)


@dataclass(frozen=True, eq=False)
class EdgeBlock(Block):
    """A toy: how bright it is above less below, smoothed; with a halo of its own."""

    gain: float
    sigma: float = 2.0

    @property
    def names(self):
        """One component."""
        return {"edges": 1}

    @property
    def reach(self):
        """Of the smoothing."""
        return pool_radius(self.sigma)

    def margin(self, network):
        """Wider than that of the encoder's network."""
        return 20

    def __call__(self, network, x, pooling):
        """Differences of pixels 20 above and below."""
        brightness = self.gain * x.mean(1, keepdim=True)
        edges = brightness[..., :-40, 20:-20] - brightness[..., 40:, 20:-20]
        return pooling.pool(edges, self.sigma)


@pytest.fixture
def edges(monkeypatch):
    """Two new kinds of features: edges alone, and edges beside all that "multiscale" has."""

    def fit_edges(sampler, settings, n):
        return [EdgeBlock(2.0)]

    def fit_both(sampler, settings, n):
        return [*FEATURES["multiscale"](sampler, settings, n), *fit_edges(sampler, settings, n)]

    rows = {"edges": fit_edges, "multiscale+edges": fit_both}
    for name, fit in rows.items():
        monkeypatch.setitem(FEATURES, name, fit)
    constraints = {"features": [StrOptions({"auto", *FEATURES})]}
    monkeypatch.setattr(
        PixelEncoder, "_parameter_constraints", PixelEncoder._parameter_constraints | constraints
    )
    monkeypatch.setitem(_schema.PARTS, EdgeBlock, {"gain": float, "sigma": float})
    monkeypatch.setitem(_schema.CLASSES, "EdgeBlock", EdgeBlock)
    return list(rows)


def test_a_new_kind_of_features_is_a_class_and_a_row(edges, mosaic, tmp_path):
    """It is fitted, standardized, tiled, saved and explained by what knows nothing of it."""
    images, _ = mosaic
    for name, n in zip(edges, (1, 22 + 4 + 1), strict=True):
        encoder = PixelEncoder(4, features=name, n_filters=4, max_epochs=0, random_state=0)
        codes = encoder.fit(images).transform(images)
        assert codes.shape == (*images.shape[:3], n)
        assert list(encoder.codes_.block_names)[-1] == "edges"
        assert codes[..., -1].std() == pytest.approx(1, rel=0.3)  # over a sample of tiles
        tiled = np.empty_like(codes[0])
        for tile in tiles(images[0].shape, 33):
            tiled[tile] = encoder.encode_tile(images[0], tile)
        np.testing.assert_allclose(tiled, codes[0], atol=1e-3)  # jets, as elsewhere
        encoder.inverse_transform(codes)
        save(encoder, tmp_path / "model.segae")
        assert np.array_equal(load(tmp_path / "model.segae").transform(images), codes)


def test_a_new_kind_of_features_is_segmented_and_explained(edges, mosaic):
    """Groups of components are named by its block; narrow codes are there only where learnt."""
    images, _ = mosaic
    encoder = PixelEncoder(4, features=edges[1], n_filters=4, max_epochs=0)
    segmenter = AESegmenter(2, encoder=encoder, random_state=0).fit(images)
    assert not segmenter.encoder_.codes_.has_narrow
    found = component_importance(segmenter, images, groups="blocks", n_repeats=1, random_state=0)
    assert found.names[-3:] == ["wide codes", "narrow codes", "edges"]
    assert found.components[-1] == [26]


def test_a_new_kind_of_features_has_a_graph(edges, mosaic, tmp_path):
    """ONNX traces a block that is built of slices and of the pooling it is handed."""
    runtime = pytest.importorskip("onnxruntime")
    from sklearn_segae.persistence import export_onnx

    images = mosaic[0].astype(np.float32)
    encoder = PixelEncoder(4, features="edges", n_filters=4, max_epochs=0, random_state=0)
    encoder.fit(images)
    export_onnx(encoder, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    some = images[:1, :50, :37]
    np.testing.assert_allclose(
        session.run(None, {"images": some})[0], encoder.transform(some), atol=1e-4
    )


def test_learnt_codes_alone_keep_their_strengths(mosaic):
    """Whitened codes count as much as they are coherent: they are not standardized."""
    encoder = PixelEncoder(4, features="texture", whitening=1, max_epochs=0, random_state=0)
    codes = encoder.fit(mosaic[0]).codes_
    assert isinstance(codes.blocks[0], LearntBlock)
    assert (codes.divisor == 1).all()
