"""Explanations of a segmenter of volumes: what there is, and what is of images only."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.inspection import (
    component_importance,
    latent_traversal,
    pixel_attribution,
    reconstruction_error,
    segment_prototypes,
)

SIDES = (12, 16, 20)


@pytest.fixture(scope="module")
def halves():
    """Two channels, of which the second one tells the upper half from the lower one."""
    labels = np.zeros(SIDES, int)
    labels[:, 8:] = 1
    volume = np.random.default_rng(0).normal(0, 0.2, (*SIDES, 2))
    volume[..., 1] += labels
    return volume.astype(np.float32), labels


@pytest.fixture(scope="module")
def segmenter(halves):
    encoder = PixelEncoder(2, features="intensity", pooling=0, n_filters=4, max_epochs=1)
    model = AESegmenter(2, encoder=encoder, spacing=(2, 1, 1), random_state=0)
    return model.fit([halves[0]])


def test_prototypes_are_cubes(segmenter, halves):
    """Inside their segment; positions are those of the first voxels."""
    volume, _ = halves
    found = segment_prototypes(segmenter, [volume, volume[:, ::-1]], n_prototypes=2, size=5)
    assert found.patches.shape == (4, 5, 5, 5, 2)
    assert found.positions.shape == (4, 3)
    labels = segmenter.predict([volume, volume[:, ::-1]])
    for patch, segment, place, i in zip(
        found.patches, found.segments, found.positions, found.image_index, strict=True
    ):
        cube = tuple(slice(first, first + 5) for first in place)
        np.testing.assert_array_equal(patch, (volume, volume[:, ::-1])[i][cube])
        assert np.mean(labels[i][cube] == segment) > 0.9


def test_prototypes_of_parts_and_gaps(segmenter, halves):
    """Of a large volume, tiles are searched; cubes without data are not chosen."""
    gappy = np.tile(halves[0], (4, 4, 4, 1))
    gappy[:30] = np.nan
    found = segment_prototypes(segmenter, [gappy], n_prototypes=1, size=4, max_pixels=2**15)
    assert np.isfinite(found.patches).all()
    assert (found.positions[:, 0] >= 30).all()


def test_cubes_are_no_larger_than_the_volume(segmenter, halves):
    with pytest.raises(ValueError, match="Pass at most its side, 12"):
        segment_prototypes(segmenter, [halves[0]], size=16)


def test_components(segmenter, halves):
    """Shuffled together, they leave half of the labels; with labels, they lose all agreement."""
    options = {"groups": {"both": [0, 1]}, "random_state": 0}
    found = component_importance(segmenter, [halves[0]], **options)
    assert found.importances_mean[0] == pytest.approx(0.5, abs=0.03)
    of_labels = component_importance(segmenter, [halves[0]], [halves[1]], **options)
    assert of_labels.importances_mean[0] > 0.9


def test_traversals_are_volumes(segmenter, halves):
    found = latent_traversal(segmenter.encoder_, halves[0], 0, values=[-1, 1])
    assert found.decoded.shape == (2, *SIDES, 2)
    assert (found.decoded[0] != found.decoded[1]).any()


def test_reconstruction_errors(segmenter, halves):
    assert reconstruction_error(segmenter, [halves[0]])[0].shape == SIDES


def test_attribution_is_of_images(segmenter, halves):
    """The way out works."""
    with pytest.raises(ValueError, match=r"component_importance\(segmenter, \[volume\]"):
        pixel_attribution(segmenter, halves[0], (3, 4, 5))
    component_importance(segmenter, [halves[0]], groups="blocks")
