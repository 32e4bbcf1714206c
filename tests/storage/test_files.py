"""Images on disk: round trips, clear errors, and no half-written file."""

import contextlib
import gc
import re
import warnings

import numpy as np
import pytest
import tifffile

from sklearn_segae._compat import require
from sklearn_segae.imaging._label_maps import as_stored
from sklearn_segae.storage._files import read_image, write_image

IMAGES = {
    "gray": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "color": np.arange(36, dtype=np.uint8).reshape(3, 4, 3),
    "deep": (1000 * np.arange(12, dtype=np.uint16)).reshape(3, 4),
    "floats": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    "spectra": np.arange(84, dtype=np.float32).reshape(3, 4, 7),
}


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".png", ["gray", "color", "deep"]),
        (".PNG", ["gray"]),
        (".bmp", ["gray", "color"]),
        (".tif", ["gray", "color", "deep", "floats"]),
        (".tiff", ["gray"]),
        (".npy", list(IMAGES)),
    ],
)
def test_images_come_back_as_they_were(tmp_path, suffix, names):
    """What is written is read: values, type and shape."""
    for name in names:
        path = tmp_path / (name + suffix)

        write_image(path, IMAGES[name])
        image = read_image(path)

        np.testing.assert_array_equal(image, IMAGES[name])
        assert image.dtype == IMAGES[name].dtype
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
        path.unlink()


@pytest.mark.parametrize("channels", [4, 7])
def test_many_channels_come_back_from_a_tiff(tmp_path, channels):
    """A TIFF of any number of channels is written without a warning, and read as it was."""
    image = np.arange(12 * channels, dtype=np.float32).reshape(3, 4, channels)

    write_image(tmp_path / "a.tif", image)

    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


def test_the_case_of_a_suffix_plays_no_role(tmp_path):
    """Arrays are also written to names in capitals."""
    write_image(tmp_path / "A.NPY", IMAGES["gray"])

    np.testing.assert_array_equal(read_image(tmp_path / "A.NPY"), IMAGES["gray"])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_jpeg_is_nearly_what_was_written(tmp_path):
    """JPEG is lossy, but a smooth picture keeps its values."""
    image = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))

    write_image(tmp_path / "a.jpg", image)

    difference = read_image(tmp_path / "a.jpg").astype(int) - image
    assert np.abs(difference).max() <= 12  # quantized, not another picture


def test_folders_are_made(tmp_path):
    """The folder of a picture needs not be there."""
    write_image(tmp_path / "a" / "b" / "c.png", IMAGES["gray"])

    np.testing.assert_array_equal(read_image(tmp_path / "a" / "b" / "c.png"), IMAGES["gray"])


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 4, 2)])
def test_transparency_is_dropped(tmp_path, shape):
    """The last channel of an RGBA or gray-alpha PNG is no channel of the image."""
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    write_image(tmp_path / "a.png", image)

    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image[..., :-1])


def test_four_channels_of_an_array_stay(tmp_path):
    """A fourth channel is dropped where it is transparency alone: red, green, blue, infrared."""
    image = np.zeros((6, 5, 4), np.float32)

    np.save(tmp_path / "a.npy", image)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="contig")

    assert read_image(tmp_path / "a.npy").shape == image.shape
    assert read_image(tmp_path / "a.tif").shape == image.shape


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_a_missing_file_is_named(tmp_path, suffix):
    """There is an error of the usual kind, with the path."""
    path = tmp_path / f"nowhere{suffix}"

    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        read_image(path)
    with pytest.raises(FileNotFoundError):  # a folder is no file
        read_image(tmp_path)


DIARY = b"Dear diary, today I renamed a file.\n" * 9


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy", ".txt"])
@pytest.mark.parametrize("content", [b"", DIARY])
def test_a_file_that_is_no_image_is_refused(tmp_path, suffix, content):
    """Text under the name of an image: the error has the path, one reason, and what is known."""
    path = tmp_path / f"diary{suffix}"
    path.write_bytes(content)

    message = refusal(path)
    gc.collect()  # what was left open is closed in this test, not in the next one

    assert message.startswith(f"{path}: not a readable image")
    assert "Known formats: .png" in message
    assert "\n" not in message


def refusal(path):
    """Words of the error, which itself is let go: it holds what the reader left open."""
    with pytest.raises(ValueError, match="not a readable image") as error:
        read_image(path)
    return str(error.value)


def test_a_refused_file_is_closed(tmp_path):
    """After the error nobody holds the file, and no warning of a reader gets through."""
    (tmp_path / "a.png").write_bytes(DIARY)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(ValueError):
            read_image(tmp_path / "a.png")
        gc.collect()

    assert not caught


def test_pickled_objects_are_never_loaded(tmp_path):
    """Reading an image cannot run code from the file."""
    np.save(tmp_path / "a.npy", np.array([[{"a": 1}]], dtype=object), allow_pickle=True)

    with pytest.raises(ValueError, match="not a readable image"):
        read_image(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5)])
def test_a_file_holds_one_image(tmp_path, shape):
    """Arrays of other numbers of axes are refused with their shape."""
    np.save(tmp_path / "a.npy", np.zeros(shape))

    with pytest.raises(ValueError, match=re.escape(f"has shape {shape}, but one image")):
        read_image(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_failed_write_keeps_the_old_file(tmp_path, suffix):
    """Where writing fails, the file of before is untouched, and no partial one is left."""
    path = tmp_path / f"a{suffix}"
    write_image(path, IMAGES["gray"])
    before = path.read_bytes()

    with pytest.raises(Exception):  # noqa: B017, PT011 each writer raises its own
        write_image(path, np.zeros((3, 4), object))

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing(tmp_path):
    """Where there was no file, there is none after a failure."""
    with pytest.raises(Exception):  # noqa: B017, PT011
        write_image(tmp_path / "a.png", np.zeros((3, 4, 3), complex))

    assert not list(tmp_path.iterdir())


def test_a_write_replaces_the_old_file(tmp_path):
    """The second picture of a name is the one that is read."""
    write_image(tmp_path / "a.png", IMAGES["gray"])
    write_image(tmp_path / "a.png", IMAGES["color"])

    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), IMAGES["color"])


@pytest.mark.parametrize(
    ("highest", "dtype"),
    [
        (0, np.uint8),
        (255, np.uint8),
        (256, np.uint16),
        (65_535, np.uint16),
        (65_536, np.int32),
    ],
)
def test_labels_are_stored_in_the_smallest_type(highest, dtype):
    """Storing labels changes their type alone, never a value."""
    labels = np.array([[0, highest]], np.int64)

    stored = as_stored(labels)

    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, labels)


@pytest.mark.parametrize("highest", [3, 300])
def test_unlabeled_pixels_stay_unlabeled(highest):
    """Storing keeps -1 apart from every label."""
    labels = np.array([[-1, highest]])

    np.testing.assert_array_equal(as_stored(labels), labels)


def test_a_missing_dependency_names_its_extra():
    """The error says what to install."""
    with pytest.raises(ImportError, match=re.escape("pip install '.[io]'")):
        require("no_such_module_anywhere", "io")

    assert require("numpy", "io") is np
