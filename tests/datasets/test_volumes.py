"""Synthetic volumes: what the docstring of `make_volume` promises."""

import numpy as np
import pytest
from scipy import ndimage

from sklearn_segae.datasets import make_volume

KINDS = ["blobs", "membranes", "textures"]


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_types(kind):
    """Volumes are float32 with a channel, labels int32 without, of the size asked for."""
    volumes, labels = make_volume(kind, n_volumes=2, size=(12, 20, 28), random_state=0)

    assert volumes.shape == (2, 12, 20, 28, 1)
    assert labels.shape == (2, 12, 20, 28)
    assert volumes.dtype == np.float32
    assert labels.dtype == np.int32
    assert np.isfinite(volumes).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_on_everything(kind):
    """The same seed makes the same volumes, another one others; noise does not change labels."""
    make = [make_volume(kind, n_volumes=2, size=20, random_state=seed) for seed in (0, 0, 1)]

    for same, again, other in zip(*make, strict=True):
        np.testing.assert_array_equal(same, again)
        assert (same != other).any()
        assert (same[0] != same[1]).any()
    noisy = make_volume(kind, n_volumes=2, size=20, noise=2, random_state=0)[1]
    np.testing.assert_array_equal(noisy, make[0][1])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("kind", "n_segments"), [("blobs", 4), ("membranes", 2), ("textures", 5)])
def test_every_segment_is_in_every_volume(kind, n_segments, seed):
    """Labels are 0 to n_segments - 1, each on at least a tenth of its even share."""
    _, labels = make_volume(kind, n_volumes=2, size=24, n_segments=n_segments, random_state=seed)

    for own in labels:
        counts = np.bincount(own.ravel())
        assert len(counts) == n_segments
        assert counts.min() >= 0.1 * own.size / n_segments


@pytest.mark.parametrize(("kind", "n_segments"), [("blobs", 2), ("blobs", 5), ("membranes", 2)])
def test_gray_values_are_equally_spaced(kind, n_segments):
    """Label i of k has the value i / (k - 1); noise is relative to the step."""
    exact, labels = make_volume(kind, n_segments=n_segments, size=32, noise=0, random_state=0)
    noisy, _ = make_volume(kind, n_segments=n_segments, size=32, noise=0.5, random_state=0)

    np.testing.assert_allclose(exact[..., 0], labels / (n_segments - 1), atol=1e-6)
    # Of 32,768 voxels: the standard error of the deviation is 0.4 %.
    assert np.std(noisy - exact) * (n_segments - 1) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 1)])
def test_textures_share_mean_and_spread(spacing):
    """Without noise, every segment of every volume has mean 0 and standard deviation 1."""
    volumes, labels = make_volume(
        "textures", n_volumes=2, n_segments=4, size=24, noise=0, spacing=spacing, random_state=0
    )

    for volume, own in zip(volumes[..., 0], labels, strict=True):
        for value in range(4):
            voxels = volume[own == value].astype(float)
            assert abs(voxels.mean()) < 1e-6  # rounding of float32
            assert abs(voxels.std() - 1) < 1e-6


def frequencies(volume, inside):
    """Mean spectrum of the part of a volume that is `inside`, as one vector of length 1."""
    spectrum = np.abs(np.fft.rfftn(np.where(inside, volume, 0))).ravel()
    return spectrum / np.linalg.norm(spectrum)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (2, 1, 1)])
def test_textures_differ_in_direction_and_period(spacing):
    """The spectrum of a texture is that of the same one in another volume, not that of others."""
    volumes, labels = make_volume(
        "textures", n_volumes=2, size=48, noise=0, spacing=spacing, random_state=0
    )

    first, second = (
        np.stack([frequencies(volume, own == value) for value in range(3)])
        for volume, own in zip(volumes[..., 0], labels, strict=True)
    )
    np.testing.assert_array_equal(np.argmax(first @ second.T, axis=1), [0, 1, 2])


@pytest.mark.parametrize("kind", ["blobs", "membranes"])
def test_shapes_are_isotropic_in_units_of_the_spacing(kind):
    """With voxels three times as deep as wide, labels change about as often per unit of length."""
    _, labels = make_volume(kind, size=(24, 72, 72), spacing=(3, 1, 1), random_state=0)

    changes = [np.mean(np.diff(labels[0], axis=axis) != 0) for axis in range(3)]
    assert changes[0] > 2 * changes[2]  # per voxel
    assert changes[1] == pytest.approx(changes[2], rel=0.25)


def test_membranes_are_thin_sheets():
    """No voxel of a membrane is deeper than two inside, and cells are compact."""
    _, labels = make_volume("membranes", size=64, random_state=0)

    inside = ndimage.distance_transform_cdt(labels[0] == 1)
    assert np.mean(inside[labels[0] == 1] <= 2) > 0.95  # more only where sheets meet
    assert ndimage.distance_transform_edt(labels[0] == 0).max() > 5


@pytest.mark.parametrize(("kind", "depth"), [("blobs", 1), ("membranes", 8), ("textures", 1)])
def test_volumes_may_be_flat(kind, depth):
    """Few slices are a volume, too, if there is room for the shapes."""
    volumes, _ = make_volume(kind, size=(depth, 32, 32), random_state=0)

    assert volumes.shape == (1, depth, 32, 32, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kind": "cells"}, "kind='cells' is not known. Pass one of blobs"),
        ({"kind": "membranes", "n_segments": 3}, "n_segments=3, but kind='membranes'"),
        ({"spacing": (1, 1)}, r"spacing=\(1, 1\) is not the sides of a voxel"),
        ({"spacing": (1, 0, 1)}, "three positive numbers"),
        ({"spacing": "wide"}, "spacing='wide'"),
        ({"spacing": (1, np.nan, 1)}, "three positive numbers"),
        ({"spacing": (1, np.inf, 1)}, "three positive numbers"),
        ({"size": (8, 8)}, r"size=\(8, 8\) is not the size.*triple \(depth, height, width\)"),
        ({"size": 2, "n_segments": 20}, r"size=\(2, 2, 2\) is too small for n_segments=20"),
        ({"noise": -1}, "noise"),
        ({"n_volumes": 0}, "n_volumes"),
        ({"n_segments": 0}, "n_segments"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    """The error names the parameter and the rule."""
    with pytest.raises(ValueError, match=message):
        make_volume(**{"random_state": 0, **parameters})
