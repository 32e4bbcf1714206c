"""Images that are read where they are sliced."""

import numpy as np
import pytest

from sklearn_segae.imaging._lazy_images import (
    LARGE,
    ImageWindow,
    LazyImage,
    ReadAheadImage,
    StoredImage,
    is_stored,
)
from sklearn_segae.imaging._normalization import fit_normalization, full_range
from sklearn_segae.imaging._tiles import read_tile, tiles
from sklearn_segae.imaging._validation import check_images


class Store:
    """An array that can only be sliced, and remembers how many numbers were read."""

    def __init__(self, array):
        self.array, self.read = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        part = self.array[key]
        self.read += part.size
        return part


@pytest.mark.parametrize("n_channels", [None, 1, 3])
def test_a_stored_image_looks_like_an_array(rng, n_channels):
    """Alone or in a stack, with channels or without: slices are those of the array."""
    array = rng.integers(0, 255, (2, 12, 9) + (() if n_channels is None else (n_channels,)))
    views = check_images(Store(array))
    alone = check_images([Store(array[1])])
    plain = check_images(array)

    for view, image in [*zip(views, plain, strict=True), (alone[0], plain[1])]:
        assert isinstance(view, LazyImage)
        assert view.shape == image.shape
        assert view.dtype == image.dtype
        np.testing.assert_array_equal(view[2:7:2, 3:], image[2:7:2, 3:])
        np.testing.assert_array_equal(np.asarray(view), image)


def test_checking_reads_nothing(rng):
    """Whatever is not in memory stays where it is."""
    store = Store(rng.random((3, 20, 20, 2)))

    check_images(store)

    assert store.read == 0


def test_infinity_is_found_when_it_is_read():
    """It is refused in the tile that has it, and in no other."""
    stack = np.zeros((2, 30, 30))
    stack[1, 20, 20] = np.inf
    image = check_images(Store(stack))[1]

    assert not read_tile(image, (slice(0, 10), slice(0, 10)), 2).any()
    with pytest.raises(ValueError, match=r"X\[1\] contains infinity"):
        read_tile(image, (slice(15, 20), slice(15, 20)), 3)


def test_memory_maps_are_stored_and_copies_are_not(tmp_path):
    """A memory map and its slices are read piece by piece; what was copied is in memory."""
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 8)))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")

    assert is_stored(mapped)
    assert is_stored(np.asarray(mapped[1]))
    assert not is_stored(mapped[[0, 2]])
    assert not is_stored(np.array(mapped))
    # What is written to a copy-on-write map is nowhere but in memory: its pages stay.
    assert not is_stored(np.load(tmp_path / "a.npy", mmap_mode="c"))


def test_a_window_is_the_image_as_far_as_it_goes(rng):
    """Slices are counted in the whole image, mirrored at its borders; what is missing is missed."""
    image = rng.random((20, 30, 2))
    window = ImageWindow(image[:12, 10:], (0, 10), (20, 30))

    for tile in [(slice(0, 9), slice(13, 30)), (slice(3, 5), slice(20, 21))]:
        np.testing.assert_array_equal(read_tile(window, tile, 3), read_tile(image, tile, 3))
    with pytest.raises(IndexError, match=r"window, which has \(12, 20\) of"):
        read_tile(window, (slice(0, 10), slice(13, 30)), 3)
    with pytest.raises(IndexError, match=r"from \(0, 10\) on"):
        read_tile(window, (slice(0, 9), slice(12, 30)), 3)


def test_what_is_read_ahead_is_read_once(rng, monkeypatch):
    """Tiles of one line and their halos come from one slice, as long as it is; others as asked."""
    image = rng.integers(0, 255, (30, 100, 3)).astype(np.uint8)
    store = Store(image)
    monkeypatch.setattr(
        "sklearn_segae.imaging._lazy_images.AHEAD", 14 * 60 * 3
    )  # 60 columns of 14 rows
    ahead = ReadAheadImage(check_images([store])[0])

    for tile in tiles((30, 100, 3), 10):
        np.testing.assert_array_equal(read_tile(ahead, tile, 2), read_tile(image, tile, 2))

    # In three rows of tiles: columns 0 to 60 or 70, then from 48 or 58 on, to the end.
    assert image.size < store.read < 2 * image.size
    np.testing.assert_array_equal(
        ahead[5:25, :], image[5:25]
    )  # more than that is read, if asked for


def test_normalization_is_mapped_where_it_is_read(rng):
    """Every channel goes from its own range to [0, 1], in every slice of it."""
    image = rng.integers(-100, 100, (40, 30, 3)).astype(np.int16)
    low, high = image.min((0, 1)).astype(float), image.max((0, 1)).astype(float)

    (exposed,) = full_range([image]).apply([image])

    expected = ((image - low) / (high - low)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(exposed), expected)
    np.testing.assert_array_equal(exposed[5:9, ::3], expected[5:9, ::3])
    assert exposed.dtype == expected.dtype


def test_the_range_of_a_large_image_is_sampled():
    """Of an image that is too large, tiles from everywhere are read; as much as allowed."""
    ramp = np.broadcast_to(np.linspace(0, 1, 20_000)[:, None, None], (20_000, 20_000, 1))
    store = Store(ramp)

    rule = fit_normalization([StoredImage(store)], "auto")

    assert 0.98 < rule.span < 1  # both ends are looked at
    assert LARGE / 2 < store.read < 2 * LARGE
