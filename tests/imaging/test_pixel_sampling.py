"""Pixels chosen at random, and maps computed for them tile by tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_segae.imaging._lazy_images import RowImage
from sklearn_segae.imaging._pixel_sampling import BUDGET, choose_labeled, choose_pixels, gather
from sklearn_segae.imaging._tiles import ROW_TILE, TILE, image_tiles

few = settings(max_examples=40, deadline=None, derandomize=True)
shapes = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=5)


def blank(shape):
    """An image that takes no memory, however large it is."""
    return np.broadcast_to(np.float32(0), (*shape, 1))


def total(images):
    return sum(image.shape[0] * image.shape[1] for image in images)


@few
@given(shapes, st.integers(1, 400))
def test_pixels_are_drawn_without_replacement(sizes, n_pixels):
    """As many pixels as asked for, or all; each at most once, sorted, and inside its image."""
    images = [blank(shape) for shape in sizes]

    chosen = choose_pixels(images, n_pixels, np.random.default_rng(0))

    assert len(chosen) == len(images)
    assert sum(map(len, chosen)) == min(n_pixels, total(images))
    for image, flat in zip(images, chosen, strict=True):
        assert (np.diff(flat) > 0).all()
        assert ((flat >= 0) & (flat < image.shape[0] * image.shape[1])).all()


def test_every_pixel_is_as_likely():
    """Small and large images alike: each pixel is drawn in a tenth of the draws."""
    images = [blank((2, 5)), blank((9, 10))]
    counts = [np.zeros(10), np.zeros(90)]

    for seed in range(1000):
        chosen = choose_pixels(images, 10, np.random.default_rng(seed))
        for count, flat in zip(counts, chosen, strict=True):
            count[flat] += 1

    # 100 expected, a standard deviation of 9.5: five of them cover 100 pixels.
    assert np.abs(np.concatenate(counts) - 100).max() < 48


def test_a_large_set_is_sampled_from_few_tiles():
    """No more than BUDGET pixels are looked at, so that a sample costs the same for any set."""
    images = [blank((8 * TILE, 9 * TILE)), blank((TILE, TILE))]

    chosen = choose_pixels(images, 20_000, np.random.default_rng(0))

    touched = set()
    for i, (image, flat) in enumerate(zip(images, chosen, strict=True)):
        y, x = np.divmod(flat, image.shape[1])
        touched |= {(i, *tile) for tile in zip(y // TILE, x // TILE, strict=True)}
    assert len(touched) == BUDGET // TILE**2
    assert sum(map(len, chosen)) == 20_000


def test_many_small_images_give_as_many_pixels_as_asked_for():
    """A set with enough pixels gives them, whatever the size of its images."""
    images = [blank((8, 8))] * 1000

    chosen = choose_pixels(images, 20_000, np.random.default_rng(0))

    assert sum(map(len, chosen)) == 20_000


def test_rows_have_longer_tiles():
    """The tiles of a table are ROW_TILE long; those of a real image one pixel wide are not."""
    n_rows = 3 * ROW_TILE + 1

    parts = [rows for rows, _ in image_tiles(RowImage(np.zeros((n_rows, 2))))]

    assert [part.stop - part.start for part in parts] == [ROW_TILE] * 3 + [1]
    assert len(list(image_tiles(blank((n_rows, 1))))) > 4


@few
@given(shapes, st.integers(1, 200), st.integers(0, 1000))
def test_every_class_is_kept(sizes, n_pixels, seed):
    """However few pixels are drawn, each class has one, and only known pixels are drawn."""
    rng = np.random.default_rng(seed)
    targets = [rng.integers(0, 4, shape) ** 2 for shape in sizes]
    known = [rng.random(shape) < 0.7 for shape in sizes]

    chosen = choose_labeled(targets, known, n_pixels, rng)

    def classes(pixels):
        return set(np.concatenate([t.ravel()[p] for t, p in zip(targets, pixels, strict=True)]))

    n_known = sum(k.sum() for k in known)
    n_classes = len(classes([k.ravel() for k in known]))
    assert classes(chosen) == classes([k.ravel() for k in known])
    assert min(n_pixels, n_known) <= sum(map(len, chosen)) <= min(n_pixels + n_classes, n_known)
    for flat, k in zip(chosen, known, strict=True):
        assert len(np.unique(flat)) == len(flat)
        assert k.ravel()[flat].all()


def test_classes_are_drawn_in_proportion():
    """A quarter of the pixels of one class stays a quarter of the sample."""
    target = np.repeat([7, 9], [1000, 3000]).reshape(40, 100)

    [chosen] = choose_labeled([target], [target > 0], 400, np.random.default_rng(0))

    values, counts = np.unique(target.ravel()[chosen], return_counts=True)
    np.testing.assert_array_equal(values, [7, 9])
    np.testing.assert_array_equal(counts, [100, 300])


def test_a_rare_class_keeps_a_pixel():
    """One pixel among a million is drawn, though few are."""
    target = np.zeros((1000, 1000), int)
    target[700, 300] = 5

    [chosen] = choose_labeled([target], [target >= 0], 10, np.random.default_rng(0))

    assert 700_300 in chosen


def test_all_known_pixels_if_there_are_few():
    """A sample larger than the labels is the labels."""
    known = np.eye(6, dtype=bool)

    [chosen] = choose_labeled([np.zeros((6, 6), int)], [known], 100, np.random.default_rng(0))

    np.testing.assert_array_equal(chosen, np.flatnonzero(known))


def places(image, tile):
    """A map (h, w, 2): the row and the column of every pixel of a tile."""
    return np.stack(np.mgrid[tile], -1)


@pytest.mark.parametrize("shape", [(3, 4), (TILE, TILE), (TILE + 1, 2 * TILE + 5), (40_000, 1)])
def test_gathering_is_indexing_the_whole_map(shape):
    """Rows are those of the map of the image in one piece, in the order of the indices."""
    rng = np.random.default_rng(0)
    n = shape[0] * shape[1]
    chosen = rng.permutation(n)[: min(n, 500)]  # any order

    rows = gather(places, [blank(shape)], [chosen])

    np.testing.assert_array_equal(rows, np.column_stack(np.divmod(chosen, shape[1])))


def test_gathered_rows_come_in_the_order_of_the_images():
    """Images follow each other, and one without a chosen pixel adds nothing."""
    images = [np.full((5, 4, 1), 1.0), np.full((2, 2, 1), 2.0), np.full((3, 3, 1), 3.0)]
    chosen = [np.array([19, 0]), np.array([], int), np.array([8])]

    rows = gather(lambda image, tile: image[tile] * 10, images, chosen)

    np.testing.assert_array_equal(rows, [[10], [10], [30]])


def test_only_what_surrounds_chosen_pixels_is_computed():
    """Pixels in two corners of a large image cost no more than their bounds, tile by tile."""
    shape, computed = (4 * TILE, 4 * TILE), []

    def costly(image, tile):
        computed.append(tile)
        return places(image, tile)

    rows = gather(costly, [blank(shape)], [np.array([3, 2 * shape[1], shape[0] * shape[1] - 1])])

    last = slice(shape[0] - 1, shape[0])
    assert computed == [(slice(0, 3), slice(0, 4)), (last, last)]
    np.testing.assert_array_equal(rows, [[0, 3], [2, 0], [last.start] * 2])
