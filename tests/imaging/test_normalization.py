"""Ranges of images: of their structures, shared if they are similar, and bounded beyond."""

import warnings

import numpy as np
import pytest

from sklearn_segae.imaging._normalization import (
    SOFT,
    NormalizedImage,
    block_medians,
    fit_normalization,
    full_range,
    soft_clip,
)


def scene(rng, low=100.0, high=200.0, size=90, noise=2.0):
    """Dark and bright halves with noise, (H, W, 1)."""
    halves = np.where(np.arange(size)[:, None] < size // 2, low, high)
    return (halves + rng.normal(0, noise, (size, size)))[..., None]


def hot_pixel(image):
    image[5, 7] = 65_535


def dead_pixel(image):
    image[80, 7] = -9999


def scale_bar(image):
    image[80:83, 10:30] = 2000


@pytest.mark.parametrize("spoil", [hot_pixel, dead_pixel, scale_bar])
def test_extreme_pixels_do_not_change_the_range(rng, spoil):
    """With ranges per image, all other pixels stay where they are; with extremes they do not."""
    clean = [scene(rng), scene(rng, 100, 400)]
    spoiled = [clean[0].copy(), clean[1]]
    spoil(spoiled[0])
    same = spoiled[0] == clean[0]

    rule = fit_normalization(clean, "image")
    before, after = (np.asarray(rule.apply(images)[0])[same] for images in (clean, spoiled))
    np.testing.assert_allclose(after, before, atol=0.02)

    extremes = full_range(clean)
    before, after = (np.asarray(extremes.apply(images)[0])[same] for images in (clean, spoiled))
    assert np.abs(after - before).max() > 0.5


def test_a_hot_pixel_does_not_change_what_is_learned(rng):
    """Neither the shared range, nor the choice of it."""
    images = [scene(rng) for _ in range(3)]
    clean = fit_normalization(images, "auto")
    hot_pixel(images[0])
    dead_pixel(images[1])
    spoiled = fit_normalization(images, "auto")
    assert not clean.per_image
    for one, other in zip(clean, spoiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.01)


@pytest.mark.parametrize(
    ("ends", "per_image"),
    [
        ([(100, 200)], False),
        ([(100, 200), (105, 210), (95, 195)], False),
        ([(100, 200), (100, 300), (100, 500)], True),
        ([(100, 200), (300, 400), (500, 600)], True),
        ([(100, 200), (100, 100), (100, 100), (100, 205)], False),  # two without signal
        ([(100, 200), (100, 600)], True),  # both with signal
    ],
)
def test_similar_ranges_are_shared(rng, ends, per_image):
    """Images of one exposure, and a single image, are mapped alike; others each from its range."""
    images = [scene(rng, *own) for own in ends]
    rule = fit_normalization(images, "auto")
    assert rule.per_image == per_image
    assert fit_normalization(images, "image").per_image
    assert fit_normalization(images, "dataset") is None


def test_faint_images_are_stretched(rng):
    """A sixth of the light of another image is still signal."""
    images = [scene(rng, 100, 200), scene(rng, 100, 700)]
    for seen in fit_normalization(images, "auto").apply(images):
        assert np.asarray(seen).max() == pytest.approx(1, abs=0.1)


def test_the_decision_is_per_channel(rng):
    """Channels of different units are compared by their own ranges; a constant one not at all."""
    gray = np.concatenate([1000 * scene(rng), scene(rng, 1, 2, noise=0), scene(rng) * 0], axis=2)
    assert not fit_normalization([gray, gray * 1.02], "auto").per_image
    assert fit_normalization([gray, gray * [1, 3, 1]], "auto").per_image


def test_small_objects_are_apart(rng):
    """Objects of less than one percent are clipped, far from the background, in their order."""
    image = rng.normal(10, 1, (90, 90, 1))
    image[3:9, 3:9], image[30:36, 30:36] = 50, 100
    (seen,) = fit_normalization([image], "auto").apply([image])
    assert 2 < seen[5, 5] < seen[33, 33] < 2 + SOFT


def test_objects_on_a_constant_background_have_a_range(rng):
    """If all but one percent of the pixels are equal, the range is that of the rest."""
    image = np.zeros((90, 90, 1), np.uint8)
    image[3:9, 3:9], image[30:36, 30:36] = 50, 100
    for normalize in ("auto", "image"):
        (seen,) = fit_normalization([image], normalize).apply([image])
        assert [seen[0, 0], seen[5, 5], seen[33, 33]] == [0, 0.5, 1]


def test_a_scale_bar_is_outside_the_shared_range(rng):
    """It is bounded, as in images with their own ranges, and images keep their contrast."""
    image = scene(rng)
    scale_bar(image)
    (seen,) = fit_normalization([image], "auto").apply([image])
    assert seen[81, 15] < 2 + SOFT
    assert seen[70, 70] - seen[5, 5] > 0.9


def test_images_without_signal_stay_dull(rng):
    """They are mapped as the other images are; most images of the stack may be empty."""
    exposed = [scene(rng, 100, high) for high in (150, 200, 300)]
    empty = [rng.normal(100, 2, (90, 90, 1)) for _ in range(6)]
    rule = fit_normalization(exposed + empty, "auto")
    assert rule.per_image
    for seen in rule.apply(exposed + empty)[3:]:
        assert np.asarray(seen).max() < 0.3
    assert np.asarray(rule.apply(exposed)[0]).max() > 0.9


def test_the_shared_range_is_one_map(rng):
    """Any part of an image is mapped as it is in the whole."""
    image = scene(rng)
    rule = fit_normalization([image], "auto")
    whole = np.asarray(rule.apply([image])[0])
    for top, left, height, width in rng.integers(1, 45, (10, 4)):
        part = image[top : top + height, left : left + width]
        seen = np.asarray(rule.apply([part])[0])
        np.testing.assert_array_equal(seen, whole[top : top + height, left : left + width])


def test_values_beyond_the_range_are_bounded():
    """Clipping is the identity within one range around [0, 1], increasing, smooth and bounded."""
    x = np.linspace(-20, 20, 4001)
    y = soft_clip(x)
    inside = (x >= -1) & (x <= 2)
    np.testing.assert_array_equal(y[inside], x[inside])
    steps = np.diff(y) / np.diff(x)
    assert (steps > 0).all()
    assert steps.max() < 1 + 1e-9
    assert np.abs(np.diff(steps)).max() < 0.1  # no kink
    assert np.abs(soft_clip(np.array([-1e300, 1e300])) - [-1 - SOFT, 2 + SOFT]).max() < 1e-9


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, bool])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 1), (1, 40, 2), (7, 8, 3)])
def test_any_image_is_finite(dtype, shape):
    """Tiny images of all types, and constant ones, have finite normalized pixels."""
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for images in ([image], [image, np.zeros_like(image)], [image * 0, image * 0]):
        for normalize in ("auto", "image"):
            for seen in fit_normalization(images, normalize).apply(images):
                assert np.isfinite(np.asarray(seen)).all()
                assert (seen.shape, seen[:, :].dtype) == (shape, np.float32)


def test_medians_of_blocks():
    """One block of 3 x 3 pixels each; the last ones repeat the border."""
    image = np.arange(20.0).reshape(4, 5, 1)
    assert block_medians(image).ravel().tolist() == [6, 9, 16, 19]
    assert block_medians(image, 2).ravel().tolist() == [6]


def test_unlike_images_are_warned_of(rng):
    """Small or dull ones, if each has its own range; fitted ones never."""
    images = [scene(rng, 100, high) for high in (150, 300, 900)]
    rule, shared = fit_normalization(images, "auto"), fit_normalization(images[:1], "auto")
    with pytest.warns(UserWarning, match=r"1600 pixels.*8100.*normalize='dataset'"):
        rule.apply([images[0][25:65, :40]])
    with pytest.warns(UserWarning, match=r"less contrast.*normalize='dataset'"):
        rule.apply([scene(rng, 100, 110)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rule.apply(images)
        rule.apply([images[2][:, :45]])
        shared.apply([images[0][:10, :10], 0 * images[0]])


def test_images_without_signal_keep_their_level(rng):
    """Empty images of two cameras, one with an offset, are both background."""
    images = [scene(rng, low, low + span) for low, span in ((100, 50), (100, 90), (300, 70))]
    rule = fit_normalization([*images, rng.normal(300, 2, (90, 90, 1))], "auto")
    assert rule.per_image
    empty = [rng.normal(low, 0.5, (90, 90, 1)) for low in (100, 300)]
    with pytest.warns(UserWarning, match="less contrast"):
        seen = rule.apply(empty)
    assert max(np.abs(np.asarray(image)).max() for image in seen) < 0.2


def test_images_are_read_where_they_are_mapped(rng):
    """A normalized image holds no copy: what changes in the image changes in it."""
    image = scene(rng)
    seen = NormalizedImage(image, np.zeros(1), np.full(1, 100.0))
    image[3, 4] = 150
    assert seen[3:4, 4:5] == 1.5
