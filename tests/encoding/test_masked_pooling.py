"""Codes of images with pixels without data."""

import numpy as np
import pytest
import torch

from sklearn_segae import PixelEncoder
from sklearn_segae.encoding._masked_pooling import MaskedPooling, fill_crops, fill_gaps
from sklearn_segae.encoding._pooling import TilePooling

HOLES = np.zeros((72, 72), bool)
HOLES[:, :10] = True
HOLES[30:40, 40:55] = True
HOLES[60, 60] = True


def masked(X, value):
    """Return images of which some pixels are masked, with a value there."""
    mask = np.broadcast_to(HOLES[None, :, :, None], X.shape)
    return np.ma.array(np.where(mask, value, X), mask=mask)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 72, 72, 2)).astype(np.float32)
    X[:, :, 36:] *= 3
    return X


@pytest.mark.parametrize("sigma", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("stride", [1, 2])
def test_pooling_is_the_mean_of_pixels_with_data(X, sigma, stride):
    """Weighted by a Gaussian, as the definition says; where all have data it is the plain one."""
    maps = torch.from_numpy(X[:1, ::stride, ::stride]).movedim(-1, 1)
    present = torch.ones(1, 1, 72, 72)
    plain = TilePooling(range(20, 50), range(20, 50))
    whole = MaskedPooling.of(plain, present, 0).pool(maps, sigma, stride)
    assert torch.equal(whole, plain.pool(maps, sigma, stride))
    present[0, 0, torch.from_numpy(HOLES)] = 0
    junk = torch.where(present[..., ::stride, ::stride] > 0, maps, 1e3)
    found = MaskedPooling.of(plain, present, 0).pool(junk, sigma, stride)
    y, x = np.mgrid[:72:stride, :72:stride]
    near = (abs(y - 34) <= np.ceil(3 * sigma)) & (abs(x - 39) <= np.ceil(3 * sigma))
    weight = np.exp(-0.5 * ((y - 34) ** 2 + (x - 39) ** 2) / sigma**2) * near
    weight *= ~HOLES[::stride, ::stride]
    expected = (weight[..., None] * X[0, ::stride, ::stride]).sum((0, 1)) / weight.sum()
    np.testing.assert_allclose(found[0, :, 14, 19], expected, rtol=1e-4, atol=1e-5)


def test_gaps_are_filled_with_the_mean_around_them():
    """A constant image stays constant; far from data, they are 0."""
    x = torch.full((1, 2, 80, 80), 5.0)
    x[..., 40:, :] = torch.nan
    filled, present = fill_gaps(x)
    assert filled.shape == (1, 2, 56, 56)
    torch.testing.assert_close(filled[..., :40, :], torch.full((1, 2, 40, 56), 5.0))
    assert (filled[..., 41:, :] == 0).all()
    assert present[..., :28, :].all()
    assert not present[..., 28:, :].any()
    whole = torch.ones(1, 2, 30, 30)
    assert fill_crops(whole)[0] is whole


@pytest.mark.parametrize("features", ["texture", "intensity+texture", "multiscale", "auto"])
def test_values_under_the_mask_have_no_part(X, features):
    """In training and in transform: not one bit of a code changes, and there are none under it."""
    encoder = PixelEncoder(8, features=features, max_epochs=1, batch_size=2, random_state=0)
    codes = [encoder.fit(masked(X, v)).transform(masked(X, v)) for v in (0, 50)]
    nan = masked(X, np.nan).data
    codes.append(np.ma.masked_invalid(encoder.fit(nan).transform(nan)))
    for own in codes:
        np.testing.assert_array_equal(own.data, codes[0].data)
        np.testing.assert_array_equal(own.mask[..., 0], np.stack([HOLES] * 2))
        assert np.isnan(own.data[:, HOLES]).all()
        assert np.isfinite(own.data[:, ~HOLES]).all()


def test_codes_do_not_depend_on_tiles_or_storage(X):
    """Those of tiles, of zarr and of dask arrays are those of the whole image."""
    da, zarr = pytest.importorskip("dask.array"), pytest.importorskip("zarr")
    nan = np.tile(masked(X, np.nan).data[:1], (1, 2, 2, 1))
    encoder = PixelEncoder(8, features="multiscale", max_epochs=0, random_state=0).fit(nan)
    whole = encoder.transform(nan)
    np.testing.assert_array_equal(encoder.transform(zarr.array(nan)), whole)
    lazy = encoder.transform(da.from_array(nan, chunks=(1, 50, 50, 2)))
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), whole)
    tile = slice(50, 90), slice(30, 100)
    missing = np.isnan(nan[0][tile]).any(-1)
    part = encoder.encode_tile(nan[0], tile)
    np.testing.assert_allclose(part[~missing], whole[0][tile][~missing], rtol=1e-4, atol=1e-4)
    encoder.set_params(max_memory="80MiB")
    np.testing.assert_allclose(encoder.transform(nan), whole, rtol=1e-4, atol=1e-4)


def test_data_far_from_gaps_have_the_codes_of_a_whole_image(X):
    """Bit for bit, beyond the reach of a code."""
    big = np.tile(X[:1], (1, 3, 3, 1))
    encoder = PixelEncoder(8, features="texture", pooling=2, max_epochs=0, random_state=0).fit(big)
    gappy = big.copy()
    gappy[0, :20] = np.nan
    found, whole = encoder.transform(gappy), encoder.transform(big)
    np.testing.assert_array_equal(found[0, 120:], whole[0, 120:])
    assert np.abs(found[0, 20:30] - whole[0, 20:30]).max() > 0


def test_pretrained_codes(X, tmp_path):
    """They are interpolated between cells with data; so are those of the cache."""
    pytest.importorskip("imagecodecs")
    encoder = PixelEncoder(8, features="pretrained", random_state=0)
    codes = [encoder.fit(masked(X, v)).transform(masked(X, v)) for v in (0, 50)]
    np.testing.assert_array_equal(codes[0].data, codes[1].data)
    assert np.isnan(codes[0].data[:, HOLES]).all()
    assert np.isfinite(codes[0].data[:, ~HOLES]).all()
    cached = encoder.set_params(memory=str(tmp_path)).transform(masked(X, 0))
    np.testing.assert_allclose(cached, codes[0], rtol=1e-4, atol=1e-5)
