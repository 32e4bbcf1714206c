"""Tiles partition images, and a halo sees the mirrored image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_segae.imaging._tiles import (
    STRIDE,
    pad_tile,
    pixel_ranges,
    read_tile,
    sample_tiles,
    tiles,
)

few = settings(max_examples=60, deadline=None, derandomize=True)
sizes = st.integers(1, 40)


def numbered(height, width, channels=1):
    """An image whose every number is unique."""
    return np.arange(height * width * channels).reshape(height, width, channels)


def mirror_padded(image, pad):
    """numpy's own mirror, which has no word for a line of one pixel: that one is repeated."""
    for axis in (0, 1):
        widths = [(0, 0)] * image.ndim
        widths[axis] = pad
        mode = "reflect" if image.shape[axis] > 1 else "edge"
        image = np.pad(image, widths, mode=mode)
    return image


@few
@given(sizes, sizes, sizes)
def test_tiles_partition_the_image(height, width, side):
    """Every pixel lies in exactly one tile, and no tile is empty or wider than `side`."""
    visits = np.zeros((height, width), int)

    for rows, columns in tiles((height, width, 3), side):
        visits[rows, columns] += 1
        assert 0 < rows.stop - rows.start <= side
        assert 0 < columns.stop - columns.start <= side

    assert (visits == 1).all()


@few
@given(sizes, sizes, st.integers(1, 15), st.integers(0, 50))
def test_a_tile_with_its_halo_is_a_crop_of_the_padded_image(height, width, side, halo):
    """Halos mirror the image as numpy.pad does, even where they are wider than the image."""
    image = numbered(height, width, 2)
    padded = mirror_padded(image, (halo, halo))

    for rows, columns in tiles(image.shape, side):
        expected = padded[
            rows.start : rows.stop + 2 * halo, columns.start : columns.stop + 2 * halo
        ]
        np.testing.assert_array_equal(read_tile(image, (rows, columns), halo), expected)


@few
@given(sizes, sizes, st.integers(-60, 60), st.integers(1, 30), st.integers(0, 9))
def test_a_tile_may_reach_beyond_the_image(height, width, start, side, halo):
    """Anywhere, even wholly outside, a tile shows the mirror image."""
    image = numbered(height, width)
    padded = mirror_padded(image, (200, 200))
    tile = slice(start, start + side), slice(-start, -start + side)

    seen = read_tile(image, tile, halo)

    first, span = 200 - halo, side + 2 * halo
    expected = padded[first + start :, first - start :][:span, :span]
    np.testing.assert_array_equal(seen, expected)


def test_a_tile_is_a_copy_in_the_image_dtype():
    """Writing to a tile leaves the image alone."""
    image = np.zeros((8, 8, 1), np.uint16)

    tile = read_tile(image, (slice(0, 4), slice(0, 4)), 0)
    tile += 1

    assert tile.dtype == np.uint16
    assert not image.any()


class Store:
    """An image that can only be sliced, and remembers how much was read, like one on disk."""

    def __init__(self, array):
        self.array, self.shape, self.read = array, array.shape, []

    def __getitem__(self, key):
        self.read.append(self.array[key].size)
        return self.array[key]


def test_a_tile_reads_no_more_than_it_needs():
    """One slice of the image, no larger than tile and halo, is read from the disk."""
    store = Store(numbered(100, 100))

    seen = read_tile(store, (slice(40, 50), slice(0, 10)), 3)

    np.testing.assert_array_equal(seen[:, 3:], store.array[37:53, :13])
    assert store.read == [16 * 13]  # the mirrored columns are not read twice


def test_sampled_tiles_lie_inside_their_images():
    """Where an image is large enough, a tile does not reach beyond it, and is `side` wide."""
    images = [numbered(20, 9), numbered(7, 30)]

    chosen = sample_tiles(images, 7, 500, np.random.default_rng(0))

    assert len(chosen) == 500
    for i, tile in chosen:
        for part, size in zip(tile, images[i].shape[:2], strict=True):
            assert part.stop - part.start == 7
            assert part.start >= 0
            assert part.stop <= size


def test_a_tile_wider_than_its_image_is_centered():
    """A small image lies in the middle of the tile."""
    [(i, (rows, columns))] = sample_tiles([numbered(4, 10)], 8, 1, np.random.default_rng(0))

    assert i == 0
    assert (rows.start, rows.stop) == (-2, 6)
    assert 0 <= columns.start <= 2


def test_every_place_is_as_likely():
    """Starts of tiles are uniform over all places where a tile fits, both ends included."""
    n, n_places = 4000, 5 * 3

    chosen = sample_tiles([numbered(8, 6)], 4, n, np.random.default_rng(0))

    counts = np.zeros((5, 3))
    for _, (rows, columns) in chosen:
        counts[rows.start, columns.start] += 1
    expected = n / n_places
    # Five standard deviations of a Poisson count: 15 places never stray so far by chance.
    assert np.abs(counts - expected).max() < 5 * expected**0.5


def test_large_images_are_drawn_as_often_as_they_have_pixels():
    """The share of an image among the tiles is its share of all pixels."""
    images = [np.zeros((10, 10, 1)), np.zeros((30, 30, 1))]

    chosen = sample_tiles(images, 4, 4000, np.random.default_rng(0))

    share = np.mean([i for i, _ in chosen])
    assert share == pytest.approx(0.9, abs=0.025)  # five standard deviations of the share


def test_sampled_tiles_follow_the_generator():
    """The same seed draws the same tiles, another seed draws others."""
    images = [np.zeros((50, 50, 1))]

    def draw(seed):
        return sample_tiles(images, 8, 20, np.random.default_rng(seed))

    assert draw(0) == draw(0) != draw(1)


def test_a_wider_tile_ends_at_the_borders():
    """More pixels on every side, as far as there are any; `places` finds the tile in it again."""
    image = numbered(20, 30)
    tile = slice(4, 12), slice(25, 30)

    wider = pad_tile(tile, 6, image.shape)

    assert wider == (slice(0, 18), slice(18, 30))
    rows, columns = pixel_ranges(tile, wider, step=3)
    np.testing.assert_array_equal(image[wider][rows][:, columns], image[tile][::3, ::3])


@pytest.mark.parametrize(("start", "reach"), [(0, 3), (2, 3), (7, 3), (60, 7), (3, 5)])
def test_a_wider_tile_begins_on_the_grid(start, reach):
    """Its first row is one of a grid that all tiles share, and as far away as asked for."""
    rows, _ = pad_tile((slice(start, 90), slice(0, 90)), reach, (100, 100))
    assert rows.start % STRIDE == 0
    assert max(0, start - reach - STRIDE + 1) <= rows.start <= max(0, start - reach)
