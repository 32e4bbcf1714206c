"""Pixels without data: masked or NaN, found wherever an image is."""

import numpy as np
import pytest

from sklearn_segae.imaging._image_batch import image_batch
from sklearn_segae.imaging._label_maps import merge_small_regions
from sklearn_segae.imaging._lazy_images import MaskedImage
from sklearn_segae.imaging._no_data import missing_at, spread
from sklearn_segae.imaging._normalization import fit_normalization
from sklearn_segae.imaging._pixel_sampling import choose_pixels, random_tiles, tiles_with_data
from sklearn_segae.imaging._rendering import as_picture, show_labels
from sklearn_segae.imaging._scaling import sample_evenly
from sklearn_segae.imaging._validation import check_images

ALL = slice(None), slice(None)


@pytest.fixture
def mask(rng):
    """A border, and holes."""
    mask = rng.random((60, 80)) < 0.1
    mask[:, :20] = True
    return mask


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)


def with_nan(image, mask):
    """Return the image as floats, NaN in one channel of masked pixels."""
    floats = image.astype(np.float32)
    floats[mask, 1] = np.nan
    return floats


def masked(image, mask):
    """Return the image masked in one channel, with values under the mask that are not its own."""
    full = np.zeros(image.shape, bool)
    full[mask, 2] = True
    return np.ma.array(np.where(full, 7, image).astype(image.dtype), mask=full)


def test_masked_and_nan_are_the_same_wherever_they_are(image, mask, tmp_path):
    """Arrays, stacks, memory maps, zarr and dask: NaN in all channels, and data elsewhere."""
    da, zarr = pytest.importorskip("dask.array"), pytest.importorskip("zarr")
    floats = with_nan(image, mask)
    np.save(tmp_path / "a.npy", floats)
    forms = [
        masked(image, mask)[None],
        [masked(image, mask)],
        floats[None],
        [np.load(tmp_path / "a.npy", mmap_mode="r")],
        zarr.array(floats[None]),
        da.from_array(floats[None], chunks=16),
        da.from_array(masked(image, mask)[None], chunks=16),
    ]
    for X in forms:
        (checked,) = check_images(X)
        np.testing.assert_array_equal(missing_at(checked, ALL), mask)
        pixels = np.asarray(checked)
        assert np.isnan(pixels[mask]).all()
        np.testing.assert_array_equal(pixels[~mask], image[~mask])


def test_images_with_data_everywhere_are_not_wrapped(image):
    """They keep dtype and memory, also as masked arrays without a mask."""
    for X in (image[None], np.ma.array(image)[None], image[None].astype(np.float32)):
        (checked,) = check_images(X)
        assert type(checked) is np.ndarray
        assert checked.dtype == X.dtype
        assert np.shares_memory(checked, X)
        assert missing_at(checked, ALL) is None


def test_masked_integers_stay_small(image, mask):
    """Only slices are floats, which hold every value."""
    for dtype, floats in ((np.uint8, np.float32), (np.uint16, np.float32), (np.int32, np.float64)):
        (checked,) = check_images([masked(image.astype(dtype), mask)])
        assert isinstance(checked, MaskedImage)
        assert checked.pixels.dtype == dtype
        assert checked[0:3, 0:3].dtype == checked.dtype == floats


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_with_a_way_out(image, value):
    """The way out works, and infinity under a mask is no data."""
    X = [image.astype(np.float32)]
    X[0][5, 5] = value
    with pytest.raises(ValueError, match=r"X\[0\] contains infinity.*masked_invalid"):
        check_images(X)
    (checked,) = check_images([np.ma.masked_invalid(X[0])])
    assert missing_at(checked, ALL).sum() == 1


def test_no_data_has_no_part_in_samples_and_ranges(image, mask, rng):
    """What is under the mask has no influence, and no pixel of it is drawn."""
    found = []
    for value in (0, 200):
        own = image.copy()
        own[mask] = value
        full = np.broadcast_to(mask[..., None], image.shape)
        (checked,) = check_images([np.ma.array(own, mask=full)])
        rule = fit_normalization([checked], "image")
        chosen = choose_pixels([checked], 500, np.random.default_rng(0))[0]
        assert not mask.ravel()[chosen].any()
        found.append([*rule, sample_evenly([checked]), chosen])
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(found[0][-2], image[~mask])


def test_tiles_have_data(rng):
    """Tiles without any are not among random ones, and are drawn again where others have some."""
    pixels = np.full((600, 600, 1), np.nan, np.float32)
    pixels[:200, :200] = rng.random((200, 200, 1))
    images = check_images([pixels])
    assert list(random_tiles(images, rng)) == [(0, (slice(0, 256), slice(0, 256)))]
    shares = [1 - np.isnan(pixels[tile]).mean() for _, tile in tiles_with_data(images, 64, 8, rng)]
    assert np.mean(shares) > 0.4  # of random tiles: 0.1


def test_no_pixel_with_data_is_an_error():
    """Where there is nothing to learn from."""
    images = check_images(np.full((2, 20, 20), np.nan))
    for call in (lambda: fit_normalization(images, "image"), lambda: sample_evenly(images)):
        with pytest.raises(ValueError, match="no pixel with data"):
            call()


def test_maps_are_masked_as_their_images(image, mask):
    """Those of masked arrays, in stacks and in lists; others are not."""
    labels = np.where(mask, -1, 3)
    stack = image_batch(masked(image, mask)[None]).restore([labels])
    first, second = image_batch([masked(image, mask), with_nan(image, mask)]).restore([labels] * 2)
    for maps in (stack[0], first):
        np.testing.assert_array_equal(maps.mask, mask)
        assert (maps.data[mask] == -1).all()
    assert not isinstance(second, np.ma.MaskedArray)


def test_regions_next_to_no_data_are_merged_with_others():
    """Never with pixels without data, which stay as they are."""
    labels = np.zeros((9, 9), int)
    labels[:, 5:] = -1
    labels[4, 4] = 2
    merged = merge_small_regions(labels, 4, labels == -1)
    np.testing.assert_array_equal(merged, np.where(labels == -1, -1, 0))


@pytest.mark.parametrize(
    ("value", "dtype", "mark", "returned"),
    [
        (3, np.float32, np.nan, np.float32),
        (3, np.int16, -1, np.int16),
        (200, np.uint8, -1, np.int64),
        (True, bool, -1, np.int64),
        (2**63, np.uint64, None, object),
        ("sea", "<U4", "", "<U4"),
        ("sea", object, None, object),
    ],
)
def test_values_of_pixels_without_data(value, dtype, mark, returned):
    """They are what means unlabeled, in a type that has it only where there are such pixels."""
    values, missing = np.array([value], dtype), np.array([[True, False]])
    whole = spread(values, missing)
    assert whole.dtype == returned
    np.testing.assert_array_equal(whole, np.array([[mark, value]], returned))
    assert spread(values, missing[:, 1:]).dtype == dtype


@pytest.mark.parametrize("n_channels", [1, 2, 3, 5])
def test_pixels_without_data_are_white(rng, mask, n_channels):
    """And do not change the colors of others."""
    image = rng.random((60, 80, n_channels)).astype(np.float32)
    full = np.broadcast_to(mask[..., None], image.shape)
    pictures = [as_picture(np.ma.array(np.where(full, v, image), mask=full)) for v in (0.0, 99.0)]
    np.testing.assert_array_equal(*pictures)
    assert (pictures[0][mask] == 255).all()
    assert pictures[0][~mask].std() > 20
    labels = np.ma.array(np.zeros((60, 80), int), mask=mask)
    assert (show_labels(labels)[mask] == 255).all()
