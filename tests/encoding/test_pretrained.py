"""Pretrained features: any backbone, any image, one code for every pixel, tiled or not."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.encoding._backbone import OBJECTS, WINDOW, Backbone
from sklearn_segae.encoding._feature_sampling import FeatureSampler, TileReader
from sklearn_segae.encoding._pretrained import fit_axes, fit_rgb, split_components
from sklearn_segae.imaging._scaling import fit_channel_scale, scaled
from sklearn_segae.imaging._tiles import tiles

KINDS = ("pretrained", "multiscale+pretrained")


def photo(height, width, n_channels=3, seed=0):
    """Blobs of several sizes, a ramp and noise, float32."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 7 + y / 19) + np.cos(y / 31) * np.sin(x / 23)
    channels = [waves * rng.normal() + x / width * rng.normal() for _ in range(n_channels)]
    noise = rng.normal(0, 0.1, (height, width, n_channels))
    return (np.stack(channels, 2) + noise).astype(np.float32)


class Pyramid(nn.Module):
    """Two strided convolutions, padded; returns both maps."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 12, 5, 4, 2)

    def forward(self, x):
        first = self.first(x).relu()
        return [first, self.second(first)]


class Attention(nn.Module):
    """A class token and tokens of 16 x 16 pixels, plus the mean of all; of one image size."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 10, 16, 16)

    def forward(self, x):
        if x.shape[-2:] != (WINDOW, WINDOW):
            raise ValueError("another size")
        tokens = self.patches(x).flatten(2).mT
        tokens = torch.cat([torch.full_like(tokens[:, :1], 100.0), tokens], 1)
        return tokens + tokens[:, 1:].mean(1, keepdim=True)


@pytest.fixture(scope="module")
def images():
    return [photo(96, 120, seed=s) for s in range(2)]


@pytest.fixture(scope="module", params=KINDS)
def fitted(request, images):
    return PixelEncoder(features=request.param, random_state=0).fit(images)


def test_codes_of_every_pixel(fitted, images):
    codes = fitted.transform(images)
    n = 16 if fitted.features == "pretrained" else 82
    assert [c.shape for c in codes] == [(96, 120, n)] * 2
    assert all(np.isfinite(c).all() for c in codes)
    assert fitted.n_iter_ == 0  # nothing is trained
    assert fitted.get_feature_names_out().shape == (n,)


def test_blocks_say_their_strides(fitted):
    sizes = fitted.codes_.block_names
    own = {name: n for name, n in sizes.items() if name.startswith("pretrained")}
    assert own == {f"pretrained codes at stride {s}": 4 for s in (2, 4, 8, 16)}


@pytest.mark.parametrize("side", [33, 64, 1000])
def test_tiles_do_not_show(fitted, side):
    """Tiles begin anywhere; the network's cells are those of the whole image."""
    image = photo(350, 330, seed=3)
    whole = fitted.transform([image])[0]
    for tile in list(tiles(image.shape, side))[:: 7 if side < 64 else 3]:
        found = fitted.encode_tile(image, tile)
        np.testing.assert_allclose(found, whole[tile], atol=2e-4)


def test_nothing_beyond_the_receptive_field_matters(images):
    encoder = PixelEncoder(8, features="pretrained", strides=(2, 4), random_state=0).fit(images)
    reach = encoder.codes_.reach
    assert 4 < reach < 40
    image = photo(200, 200, seed=5)
    painted = image.copy()
    painted[100 + reach + 4 :] = 9.0
    before, after = (encoder.transform([x])[0][100] for x in (image, painted))
    np.testing.assert_allclose(after, before, atol=1e-5)
    painted[100:104] = 9.0
    assert np.abs(encoder.transform([painted])[0][100] - before).max() > 0.1


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (48, 48), (17, 130)])
def test_images_of_any_size(fitted, shape):
    codes = fitted.transform([photo(*shape)])[0]
    assert codes.shape[:2] == shape
    assert np.isfinite(codes).all()


@pytest.mark.parametrize("n_channels", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("factor", [1, 1000])
def test_any_channels_of_any_range(n_channels, factor):
    """Codes do not depend on the unit of the pixels."""
    images = [photo(64, 64, n_channels, s) for s in range(2)]
    one, other = (
        PixelEncoder(8, features="pretrained", random_state=0).fit_transform(
            [factor_ * i for i in images]
        )[0]
        for factor_ in (1, factor)
    )
    assert one.shape == (64, 64, 8)
    np.testing.assert_allclose(other, one, atol=2e-3)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.float16, np.float64])
def test_any_type_of_pixels(dtype):
    """Codes follow the values, whatever type holds them; constant images have finite codes."""
    pixels = np.random.default_rng(0).random((2, 40, 50, 1)) > 0.7
    encoder = PixelEncoder(8, features="pretrained", random_state=0)
    expected = encoder.fit_transform(pixels.astype(np.float32))
    found = encoder.fit_transform(pixels.astype(dtype))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    constant = encoder.fit_transform(np.ones((1, 40, 50, 1), dtype))
    assert np.isfinite(constant).all()


def test_the_network_sees_the_statistics_that_it_was_trained_with():
    """Pixels from 0 to 1 are normalized by ImageNet's mean and standard deviation."""
    images = [np.random.default_rng(0).uniform(0, 1, (200, 200, 3)) for _ in range(2)]
    scale = fit_channel_scale(images)
    sampler = FeatureSampler(TileReader(nn.Conv2d(3, 1, 1), scale), images, None)
    to_rgb = fit_rgb(sampler)
    x = scaled(images[0], scale) @ to_rgb[:-1] + to_rgb[-1]
    expected = (images[0] - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(x, expected, atol=0.1)  # percentiles 1 and 99 are black and white


def test_axes_are_principal(rng):
    """Codes are uncorrelated, in the order of their variance, and explain the most of it."""
    tokens = rng.normal(size=(3000, 5)) @ rng.normal(size=(5, 5))
    axes, mean = fit_axes(tokens, 3, 0.0)
    codes = (tokens - mean) @ axes
    covariance = np.cov(codes, rowvar=False, bias=True)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-8)
    assert np.trace(covariance) == pytest.approx(1)
    assert (np.diff(np.diag(covariance)) < 0).all()
    white = (tokens - mean) @ fit_axes(tokens, 3, 1.0).axes
    np.testing.assert_allclose(np.cov(white, rowvar=False, bias=True), np.eye(3) / 3, atol=1e-8)


def test_components_are_split_evenly():
    assert split_components(16, [16, 24, 40, 112]) == [4, 4, 4, 4]
    assert split_components(10, [16, 24, 40, 112]) == [2, 2, 3, 3]
    with pytest.raises(ValueError, match=r"n_components=3 is not in \[4, 64\]"):
        split_components(3, [16, 24, 40, 112])


def test_codes_lead_back_to_pixels(images):
    encoder = PixelEncoder(32, features="pretrained", random_state=0).fit(images)
    restored = encoder.inverse_transform(encoder.transform(images))[0]
    error = ((restored - images[0]) ** 2).mean() / images[0].var()
    assert error < 0.2


def test_other_strides(images):
    encoder = PixelEncoder(6, features="pretrained", strides=[8, 32], random_state=0).fit(images)
    names = ["pretrained codes at stride 8", "pretrained codes at stride 32"]
    assert list(encoder.codes_.block_names) == names
    assert encoder.grid == 32


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strides": [3]}, r"strides=\[3\] are not among those of the backbone, \[2, 4, 8, 16, 32"),
        ({"strides": [8, 4]}, r"strides=\[8, 4\] do not increase"),
        ({"strides": []}, r"strides=\[\] are not among"),
        ({"n_components": 3}, "n_components=3 is not in"),
        ({"backbone": "resnet"}, "backbone='resnet' is not known. Pass 'efficientnet-lite0'"),
        ({"pooling": 2.0}, "pooling=2.0 has no effect on pretrained features. Pass pooling='auto'"),
        ({"backend": "bfloat16"}, "backend='bfloat16' has no effect on pretrained features"),
        ({"backbone": nn.Linear(3, 2)}, "backbone=Linear cannot be applied to RGB images"),
        ({"backbone": nn.Sequential(nn.Flatten(), nn.Linear(3 * 224**2, 2))}, "neither feature"),
        ({"backbone": nn.Conv2d(3, 4, 3)}, r"sides \[222\] for images of 224 .* Pad its conv"),
        ({"backbone": nn.Conv2d(1, 4, 1)}, "backbone=Conv2d cannot be applied"),
    ],
)
def test_errors_name_parameter_value_and_a_way_out(images, parameters, message):
    with pytest.raises(ValueError, match=message):
        PixelEncoder(**{"features": "pretrained", **parameters}).fit(images)


def test_rows_have_no_pretrained_features(rows):
    """Rows are encoded one by one, as with any other features."""
    encoder = PixelEncoder(3, features="pretrained", max_epochs=1, random_state=0).fit(rows)
    assert encoder.transform(rows).shape == (300, 3)


@pytest.mark.parametrize("backbone", [Pyramid(), Pyramid])
def test_a_module_or_class(images, backbone):
    """Receptive fields and strides are measured."""
    encoder = PixelEncoder(6, features="pretrained", backbone=backbone, random_state=0)
    codes = clone(encoder).fit_transform(images)
    fitted = encoder.fit(images)
    np.testing.assert_array_equal(fitted.transform(images)[0], codes[0])
    network = fitted.codes_.pretrained.backbone
    assert (network.strides, network.channels, network.grid) == ([2, 8], [8, 12], 8)
    assert network.is_local
    assert 8 <= network.reach <= 32
    whole = fitted.transform(images)[0]
    part = fitted.encode_tile(images[0], (slice(50, 90), slice(41, 83)))
    np.testing.assert_allclose(part, whole[50:90, 41:83], atol=1e-5)


def test_tokens_of_attention_run_in_windows():
    """Tiles equal the whole, though every token depends on all of its window."""
    images = [photo(300, 260, seed=s) for s in range(2)]
    encoder = PixelEncoder(4, features="pretrained", backbone=Attention(), random_state=0)
    whole = encoder.fit_transform(images)[0]
    network = encoder.codes_.pretrained.backbone
    assert not network.is_local
    assert (network.strides, network.grid, network.reach) == ([16], 96, WINDOW)
    part = encoder.encode_tile(images[0], (slice(110, 200), slice(97, 177)))
    np.testing.assert_allclose(part, whole[110:200, 97:177], atol=1e-4)


def test_maps_in_a_mapping_or_alone():
    class Named(Pyramid):
        def forward(self, x):
            return dict(enumerate(super().forward(x)))

    class Last(Pyramid):
        def forward(self, x):
            return super().forward(x)[1]

    assert Backbone(Named()).strides == [2, 8]
    assert Backbone(Last()).strides == [8]


def test_a_pickle_names_the_public_weights(fitted, images):
    content = pickle.dumps(fitted)
    assert len(content) < 500_000  # the network has 2.8 MB
    np.testing.assert_array_equal(
        pickle.loads(content).transform(images)[0], fitted.transform(images)[0]
    )


def test_codes_are_cached(fitted, images, tmp_path, monkeypatch):
    """The second time, the network does not run; codes are the same, tiles included."""
    expected = fitted.transform(images)
    cached = clone(fitted).set_params(memory=str(tmp_path))
    cached.__dict__.update({k: v for k, v in vars(fitted).items() if k.endswith("_")})
    np.testing.assert_allclose(cached.transform(images)[0], expected[0], atol=1e-5)
    calls = []
    run = Backbone._run
    monkeypatch.setattr(Backbone, "_run", lambda *a: calls.append(1) or run(*a))
    again = cached.transform(images)
    np.testing.assert_allclose(again[0], expected[0], atol=1e-5)
    assert not calls
    changed = images[0].copy()
    changed[:20] = 0
    cached.transform([changed])
    assert calls


def test_segments_are_objects_without_labels(images):
    """A segmenter without labels uses the coarse strides; given ones are kept."""
    encoder = PixelEncoder(8, features="pretrained")
    segmenter = AESegmenter(2, encoder=encoder, random_state=0).fit(images)
    assert segmenter.encoder_.strides == OBJECTS
    given = AESegmenter(2, encoder=clone(encoder).set_params(strides=(8,)), random_state=0)
    assert given.fit(images).encoder_.strides == (8,)


def test_a_scope_of_images(images):
    encoder = PixelEncoder(8, features="pretrained")
    maps = AESegmenter(2, encoder=encoder, scope="image", random_state=0).fit_predict(images)
    assert all(set(np.unique(m)) == {0, 1} for m in maps)


def test_threads_share_a_cached_encoder(images, tmp_path):
    """Codes are those of one thread, whichever image is in the cache's hands."""
    encoder = PixelEncoder(8, features="pretrained", random_state=0, memory=str(tmp_path))
    expected = encoder.fit_transform(images)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda i: encoder.transform([images[i % 2]])[0], range(12)))
    for i, codes in enumerate(found):
        np.testing.assert_allclose(codes, expected[i % 2], atol=1e-5)
