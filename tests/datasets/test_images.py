"""Synthetic images: what their docstrings promise."""

import numpy as np
import pytest

from sklearn_segae.datasets import _scenes, make_mixtures, make_mosaic, make_scenes, make_shapes
from sklearn_segae.datasets._scenes import KINDS, LAYOUTS

MAKERS = [make_mosaic, make_scenes, make_shapes]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("n_images", "size", "n_channels"), [(1, 64, 1), (3, 50, 2)])
def test_shapes_and_types(make, n_images, size, n_channels):
    """Images are float32 with channels, labels int32 without, of the size asked for."""
    images, labels = make(n_images, size=size, n_channels=n_channels, random_state=0)

    assert images.shape == (n_images, size, size, n_channels)
    assert labels.shape == (n_images, size, size)
    assert images.dtype == np.float32
    assert labels.dtype == np.int32
    assert np.isfinite(images).all()


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides_on_everything(make):
    """The same seed makes the same images, another one others, and no global state is touched."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 the global state is what we look at

    first, second, other = (make(2, size=40, random_state=seed) for seed in (0, 0, 1))

    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("make", MAKERS)
def test_images_of_a_set_differ(make):
    """Neither images nor label maps are repeated within a set, nor channels within an image."""
    images, labels = make(2, size=40, n_channels=2, random_state=0)

    assert (labels[0] != labels[1]).any()
    assert (images[0] != images[1]).any()
    assert (images[..., 0] != images[..., 1]).any()


@pytest.mark.parametrize("n_segments", [1, 2, 4, 7])
def test_every_texture_is_in_every_image(n_segments):
    """Labels are 0 to n_segments - 1, each on at least half its even share of every image."""
    _, labels = make_mosaic(3, n_segments=n_segments, size=64, random_state=0)

    for label_map in labels:
        counts = np.bincount(label_map.ravel())
        assert len(counts) == n_segments
        assert counts.min() >= 0.5 * label_map.size / n_segments


def test_textures_share_mean_and_spread():
    """Neither brightness nor contrast tells the segments of a mosaic apart."""
    images, labels = make_mosaic(4, size=128, n_channels=2, random_state=0)

    for image, label_map in zip(images, labels, strict=True):
        for value in range(4):
            pixels = image[label_map == value]
            # A segment has thousands of pixels, but they are correlated: 0.11 was the largest
            # mean of 48 segments, 0.04 the largest deviation of a spread.
            assert np.abs(pixels.mean(0)).max() < 0.2
            assert np.abs(pixels.std(0) - 1).max() < 0.1


def step_correlations(image, mask):
    """Autocorrelations of the masked pixels with their neighbors: down, right, two diagonals."""

    def correlation(dy, dx):
        there, both = np.roll(image, (-dy, -dx), (0, 1)), mask & np.roll(mask, (-dy, -dx), (0, 1))
        return np.corrcoef(image[both], there[both])[0, 1]

    return np.array([correlation(*step) for step in ((2, 0), (0, 2), (2, 2), (2, -2))])


def test_textures_are_told_apart_by_their_pattern():
    """Neighbors of a texture correlate alike in every image, and unlike those of another one."""
    images, labels = make_mosaic(2, size=128, random_state=0)

    signatures = np.array(
        [
            [step_correlations(image[..., 0], label_map == value) for value in range(4)]
            for image, label_map in zip(images, labels, strict=True)
        ]
    )

    distances = np.linalg.norm(signatures[0][:, None] - signatures[1][None], axis=-1)
    np.testing.assert_array_equal(distances.argmin(1), np.arange(4))


def test_shapes_without_noise_have_three_values():
    """Background is 0, discs are 0.6 and squares 1, in every channel."""
    images, labels = make_shapes(2, size=64, noise=0, n_channels=3, random_state=0)

    expected = np.array([0, 0.6, 1], np.float32)[labels]
    np.testing.assert_array_equal(images, np.repeat(expected[..., None], 3, axis=-1))
    assert set(np.unique(labels)) == {0, 1, 2}


def test_noise_has_the_spread_asked_for():
    """What is added to the shapes is Gaussian noise of standard deviation `noise`."""
    images, labels = make_shapes(2, size=128, noise=0.3, random_state=0)

    noise = images[..., 0] - np.array([0, 0.6, 1])[labels]

    # 32,768 pixels: five standard errors are 0.3 * 5 / sqrt(n) = 0.008, less for the spread.
    assert abs(noise.mean()) < 0.008
    assert noise.std() == pytest.approx(0.3, abs=0.006)
    assert np.mean(np.abs(noise) < 0.3) == pytest.approx(0.683, abs=0.013)


@pytest.mark.parametrize("noise", [0, 5])
def test_noise_does_not_move_shapes(noise):
    """Label maps of one seed are the same under any noise."""
    _, labels = make_shapes(2, size=40, noise=noise, random_state=0)

    np.testing.assert_array_equal(labels, make_shapes(2, size=40, random_state=0)[1])


@pytest.mark.parametrize(("n_shapes", "values"), [(0, {0}), (1, {0, 1}), (30, {0, 1, 2})])
def test_shapes_are_alternately_discs_and_squares(n_shapes, values):
    """The first shape is a disc, the second a square; no shapes leave the background."""
    _, labels = make_shapes(1, n_shapes=n_shapes, random_state=0)

    assert set(np.unique(labels)) == values


def test_discs_are_round_and_squares_are_square():
    """A whole disc fills pi / 4 of its bounding box, a square all of it."""

    def filled(label_map, value):
        y, x = np.nonzero(label_map == value)
        box = (np.ptp(y) + 1, np.ptp(x) + 1)
        return len(y) / (box[0] * box[1]), box

    # Of many images with one or two shapes, those that show them whole and apart.
    for seed in range(30):
        _, [label_map] = make_shapes(1, size=200, n_shapes=2, random_state=seed)
        inner = not (label_map[[0, -1]].any() or label_map[:, [0, -1]].any())
        share, box = filled(label_map, 1)
        if inner and box[0] == box[1] and filled(label_map, 2)[1][0] == filled(label_map, 2)[1][1]:
            break

    assert share == pytest.approx(np.pi / 4, abs=0.04)  # pixels of a disc some 30 wide
    assert filled(label_map, 2)[0] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_scenes_have_any_size_and_the_unit_range(kind, layout):
    """Height and width may differ; the smallest value of all images is 0, the largest 1."""
    images, labels = make_scenes(3, kind=kind, layout=layout, size=(30, 45), random_state=0)

    assert images.shape == (3, 30, 45, 3 if kind == "color" else 1)
    assert labels.shape == (3, 30, 45)
    assert images.min() == 0
    assert images.max() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_of_one_seed_share_label_maps(kind):
    """Neither kind, channels nor noise change the label maps."""
    _, labels = make_scenes(2, kind=kind, n_channels=2, noise=1, size=40, random_state=3)

    np.testing.assert_array_equal(labels, make_scenes(2, size=40, random_state=3)[1])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n_segments", "size"), [(1, 1), (2, 40), (5, (24, 60)), (16, (4, 16))])
def test_every_segment_is_in_every_scene(layout, n_segments, size):
    """Each has at least a tenth of its even share, also where smooth regions find no room."""
    _, labels = make_scenes(5, n_segments=n_segments, layout=layout, size=size, random_state=0)

    for label_map in labels:
        counts = np.bincount(label_map.ravel())
        assert len(counts) == n_segments
        assert counts.min() >= 0.1 * label_map.size / n_segments


def test_scenes_fall_back_to_stripes(monkeypatch):
    """Smooth regions that always lack a segment are tried a limited number of times."""
    tries = []

    def never(n_segments, shape, rng):
        tries.append(shape)
        return np.zeros(shape, np.int32)

    monkeypatch.setattr(_scenes, "_smooth_regions", never)
    _, [label_map] = make_scenes(n_segments=4, size=40, random_state=0)

    assert len(tries) == _scenes.N_TRIES
    assert np.bincount(label_map.ravel()).tolist() == [400] * 4


@pytest.mark.parametrize("seed", range(5))
def test_stripes_are_straight(seed):
    """All pixels of a row have the same label, or all of a column; widths differ by a pixel."""
    _, [label_map] = make_scenes(
        n_segments=3, layout="stripes", size=(20, 31), noise=0, random_state=seed
    )

    constant = (label_map == label_map[:1]).all(), (label_map == label_map[:, :1]).all()
    assert sum(constant) == 1
    profile = label_map[0] if constant[0] else label_map[:, 0]
    assert np.ptp(np.bincount(profile)) == 1
    assert np.count_nonzero(np.diff(profile)) == 2


def test_smooth_regions_are_compact():
    """Fewer than one in ten pixels has a right neighbor of another segment."""
    _, labels = make_scenes(4, n_segments=4, size=64, random_state=0)

    assert np.mean(labels[:, :, 1:] != labels[:, :, :-1]) < 0.1


@pytest.mark.parametrize("n_channels", [1, 2])
def test_intensities_of_scenes_are_equally_spaced(n_channels):
    """Without noise, label i of k has the value i / (k - 1) in every channel."""
    images, labels = make_scenes(
        2, n_segments=5, noise=0, size=40, n_channels=n_channels, random_state=0
    )

    expected = np.repeat(labels[..., None] / 4, n_channels, axis=-1)
    np.testing.assert_allclose(images, expected, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_colors_of_scenes_are_far_apart(seed):
    """Five colors have distances above 0.45, and the same mean over the channels."""
    images, labels = make_scenes(2, n_segments=5, kind="color", noise=0, size=64, random_state=seed)

    colors = np.stack([np.unique(images[labels == value], axis=0) for value in range(5)])
    assert colors.shape == (5, 1, 3)  # one color for each segment, the same in both images
    distances = np.linalg.norm(colors - colors[:, 0], axis=-1)
    # 0.47 is the smallest distance of 30 seeds before values are scaled, which increases it.
    assert distances[~np.eye(5, dtype=bool)].min() > 0.45
    np.testing.assert_allclose(colors.mean(-1), colors.mean(), atol=1e-6)


def test_textures_of_scenes_share_mean_and_spread():
    """Without noise, every segment of every image has the same mean and standard deviation."""
    images, labels = make_scenes(3, kind="texture", noise=0, size=64, random_state=0)

    stats = np.array(
        [
            [(own.mean(), own.std()) for own in (image[map_ == value] for value in range(4))]
            for image, map_ in zip(images, labels, strict=True)
        ]
    )
    assert np.ptp(stats.reshape(-1, 2), axis=0).max() < 1e-5  # rounding of float32


def test_textures_of_scenes_are_told_apart_by_their_pattern():
    """Neighbors of a texture correlate alike in every image, and unlike those of another one."""
    images, labels = make_scenes(2, kind="texture", size=128, random_state=0)

    signatures = np.array(
        [
            [step_correlations(image[..., 0], label_map == value) for value in range(4)]
            for image, label_map in zip(images, labels, strict=True)
        ]
    )

    distances = np.linalg.norm(signatures[0][:, None] - signatures[1][None], axis=-1)
    np.testing.assert_array_equal(distances.argmin(1), np.arange(4))


def test_intensity_and_texture_of_scenes():
    """Means of segments are equally spaced, spreads 0.3 of their distance."""
    images, labels = make_scenes(
        2, n_segments=3, kind="intensity+texture", noise=0, size=64, random_state=0
    )

    segments = [images[labels == value] for value in range(3)]
    step = segments[1].mean() - segments[0].mean()
    assert segments[2].mean() - segments[1].mean() == pytest.approx(step, rel=1e-4)
    assert [own.std() for own in segments] == pytest.approx([0.3 * step] * 3, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_scenes_is_relative(kind):
    """Its spread is `noise` times the least distance of colors, or the spread of textures."""
    options = {"kind": kind, "n_segments": 3, "size": 64, "n_channels": 3, "random_state": 0}
    clean, labels = make_scenes(**options, noise=0)
    images, _ = make_scenes(**options, noise=0.2)

    # The scale of an image with noise differs: it is the slope of clean on noisy values.
    slope, offset = np.polyfit(clean.ravel(), images.ravel(), 1)
    noise = (images - offset) / slope - clean
    if kind == "texture":
        unit = clean[labels == 0].std()
    else:
        colors = np.stack([clean[labels == value].mean(0) for value in range(3)])
        distances = np.linalg.norm(colors[:, None] - colors, axis=-1)
        unit = distances[~np.eye(3, dtype=bool)].min() / (1 if kind == "color" else 3**0.5)
    # 12,288 values: five standard errors are 3 %.
    assert noise.std() == pytest.approx(0.2 * unit, rel=0.04)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "colour"}, ValueError, "kind='colour' is not known.*intensity, color"),
        ({"layout": "grid"}, ValueError, "layout='grid' is not known.*smooth, stripes"),
        ({"kind": "color", "n_channels": 1}, ValueError, "n_channels=1 is too few.*at least 2"),
        ({"n_segments": 65, "size": 64}, ValueError, "n_segments=65 is more than.*64 pixels"),
        ({"n_segments": 0}, ValueError, "n_segments == 0"),
        ({"n_images": 0}, ValueError, "n_images == 0"),
        ({"n_channels": 0}, ValueError, "n_channels == 0"),
        ({"noise": -1}, ValueError, "noise == -1"),
        ({"size": "big"}, TypeError, "size='big' is not an integer.*pair"),
        ({"size": (9, 2.5)}, TypeError, "is not an integer"),
        ({"size": 0}, ValueError, "size=0 is not the size of an image"),
        ({"size": (8, 8, 3)}, ValueError, r"size=\(8, 8, 3\) is not the size of an image"),
    ],
)
def test_scenes_that_cannot_be_are_refused(options, error, message):
    """The error names the parameter, its value and what is possible."""
    with pytest.raises(error, match=message):
        make_scenes(**options)


@pytest.mark.parametrize("snr", [10, 30, np.inf])
def test_mixtures_have_the_noise_that_was_asked_for(snr):
    """In decibels of the mean square of what is without noise."""
    cube, abundances, endmembers = make_mixtures((30, 40), snr=snr, random_state=0)
    mixed = abundances @ endmembers
    noise = np.mean((cube - mixed) ** 2)
    assert cube.shape == (30, 40, 100)
    assert noise == pytest.approx(np.mean(mixed**2) / 10 ** (snr / 10), rel=0.05, abs=1e-12)


@pytest.mark.parametrize("concentration", [0.3, 1, 3])
def test_abundances_have_the_dirichlet_distribution(concentration):
    """The variance is that of the beta distribution, its marginal; the sum is 1."""
    draws = [
        make_mixtures(48, n_components=3, concentration=concentration, random_state=seed)[1]
        for seed in range(5)
    ]
    shares = np.stack(draws)
    np.testing.assert_allclose(shares.sum(-1), 1)
    assert shares.min() >= 0
    expected = (1 / 3) * (2 / 3) / (3 * concentration + 1)
    assert np.mean((shares - 1 / 3) ** 2) == pytest.approx(expected, rel=0.2)


def test_mixtures_are_smooth_in_space_and_over_bands():
    """Neighbors are more alike than others, as in scenes and in spectra."""
    _, abundances, endmembers = make_mixtures(48, random_state=0)
    assert np.abs(np.diff(abundances, axis=0)).mean() < 0.3 * abundances.std()
    assert np.abs(np.diff(endmembers, axis=1)).mean() < 0.3 * endmembers.std()
    np.testing.assert_allclose(endmembers.min(1), 0.05)
    np.testing.assert_allclose(endmembers.max(1), 0.95)


def test_the_seed_of_mixtures_decides_on_everything():
    """The same seed makes the same cube, another one another."""
    first, second, other = (make_mixtures(16, random_state=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"concentration": 0}, "concentration"),
        ({"size": 0}, "size"),
        ({"n_bands": 0}, "n_bands"),
    ],
)
def test_bad_mixtures_are_refused(parameters, message):
    """By scikit-learn's scalar checks, which name the argument."""
    with pytest.raises(ValueError, match=message):
        make_mixtures(**parameters)
