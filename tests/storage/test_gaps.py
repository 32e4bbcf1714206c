"""Pixels of files without data: nodata values and transparency."""

import numpy as np
import pytest

from sklearn_segae.storage import open_image
from sklearn_segae.storage._pages import open_pages

rasterio = pytest.importorskip("rasterio")
Image = pytest.importorskip("PIL.Image")


def write_tiff(path, image, nodata):
    """Write channels of an image (H, W, C), and its nodata value, as a TIFF."""
    height, width, count = image.shape
    size = {"height": height, "width": width, "count": count, "dtype": image.dtype.name}
    transform = rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)
    with rasterio.open(path, "w", "GTiff", nodata=nodata, transform=transform, **size) as file:
        file.write(np.moveaxis(image, 2, 0))


@pytest.fixture
def image(rng):
    return rng.integers(1, 100, (20, 30, 2))


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("int16", -9999), ("uint8", 0), ("float32", -1e30), ("float32", np.nan)]
)
def test_nodata_values(tmp_path, image, dtype, nodata):
    """Lazy images are NaN, arrays in memory are masked; one channel counts if the value is no 0."""
    image = image.astype(dtype)
    image[3] = nodata
    image[5, :, 1] = nodata
    write_tiff(tmp_path / "a.tif", image, nodata)
    gaps = np.zeros((20, 30), bool)
    gaps[3] = True
    gaps[5] = dtype != "uint8"
    lazy = open_image(tmp_path / "a.tif")
    assert (lazy.shape, lazy.dtype) == ((20, 30, 2), np.float32)
    np.testing.assert_array_equal(np.isnan(lazy[2:9, 4:8]).any(2), gaps[2:9, 4:8])
    np.testing.assert_array_equal(lazy[:, :][~gaps], image[~gaps])
    np.testing.assert_array_equal(lazy[3], np.full((30, 2), np.nan))
    np.testing.assert_array_equal(lazy[::2, 1:, 0], lazy[:, :][::2, 1:, 0])
    (loaded,) = open_pages(tmp_path / "a.tif").load()
    assert loaded.dtype == dtype
    if not np.isnan(nodata):
        np.testing.assert_array_equal(np.ma.getmaskarray(loaded).any(2), gaps)
    np.testing.assert_array_equal(np.asarray(loaded), image)


def test_values_that_do_not_occur(tmp_path, image):
    """A nodata value outside of the type, or of no pixel, changes nothing."""
    image = image.astype("uint8")
    write_tiff(tmp_path / "a.tif", image, 0)
    (loaded,) = open_pages(tmp_path / "a.tif").load()
    assert type(loaded) is np.ndarray
    import tifffile

    tag = (42113, "s", 0, "-9999", True)
    tifffile.imwrite(tmp_path / "b.tif", image[..., 0], extratags=[tag])
    assert open_image(tmp_path / "b.tif").dtype == np.uint8


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels(tmp_path, rng, mode):
    """They are masked in pictures, only if there are any and the channel is not asked for."""
    n = len(mode)
    picture = rng.integers(1, 256, (20, 30, n)).astype(np.uint8)
    Image.fromarray(picture, mode).save(tmp_path / "whole.png")
    assert type(open_image(tmp_path / "whole.png")) is np.ndarray
    picture[5:9, :, -1] = 0
    Image.fromarray(picture, mode).save(tmp_path / "a.png")
    opened = open_image(tmp_path / "a.png")
    np.testing.assert_array_equal(opened.mask.all(2), picture[..., -1] == 0)
    np.testing.assert_array_equal(opened.data, picture[..., :-1])
    every = open_image(tmp_path / "a.png", channels=range(n))
    assert type(every) is np.ndarray
    one = open_image(tmp_path / "a.png", channels=[0])
    np.testing.assert_array_equal(one.mask[..., 0], picture[..., -1] == 0)
