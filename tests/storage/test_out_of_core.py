"""Images and label maps on disk, in pieces."""

import numpy as np
import pytest
import tifffile
import zarr

from sklearn_segae.storage import create_labels, open_image


@pytest.mark.parametrize("suffix", ["zarr", "tif", "npy", "png"])
@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 3)])
def test_an_image_is_opened_as_it_was_written(tmp_path, rng, suffix, shape):
    """Every format gives the pixels back, and tells shape and type before they are read."""
    image, path = rng.integers(0, 255, shape).astype(np.uint8), tmp_path / f"image.{suffix}"
    if suffix == "zarr":
        zarr.create_array(path, shape=shape, dtype=image.dtype, chunks=(16, 16, 3)[: len(shape)])
        zarr.open_array(path)[:] = image
    elif suffix == "tif":
        kind = "rgb" if len(shape) == 3 else "minisblack"
        tifffile.imwrite(path, image, tile=(16, 16), photometric=kind)
    elif suffix == "npy":
        np.save(path, image)
    else:
        from imageio.v3 import imwrite

        imwrite(path, image)

    opened = open_image(path)

    assert (opened.shape, opened.dtype) == (image.shape, image.dtype)
    np.testing.assert_array_equal(opened[10:20, 30:], image[10:20, 30:])


@pytest.mark.parametrize("suffix", ["zarr", "tif", "npy"])
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_label_maps_are_written_in_pieces(tmp_path, rng, suffix, dtype):
    """Pieces of any size, in any order; other programs read what was written."""
    labels = rng.integers(0, 200, (1100, 700)).astype(dtype)
    path = tmp_path / f"labels.{suffix}"
    created = create_labels(path, labels.shape, dtype)
    assert (created.shape, created.dtype) == (labels.shape, labels.dtype)

    for rows in (slice(600, 1100), slice(0, 600)):
        for columns in (slice(None, 333), slice(333, None)):
            created[rows, columns] = labels[rows, columns]

    np.testing.assert_array_equal(open_image(path)[:, :], labels)
    if suffix == "tif":
        np.testing.assert_array_equal(tifffile.imread(path), labels)


def test_a_label_map_needs_a_format_of_pieces(tmp_path):
    """The error names those there are; a missing image is named too."""
    with pytest.raises(ValueError, match=r"Pass a path that ends in \.zarr, \.tif"):
        create_labels(tmp_path / "labels.png", (4, 4))
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        open_image(tmp_path / "nothing.tif")
