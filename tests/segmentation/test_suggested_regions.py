"""Regions to label next: uncertain, unlike each other, not labeled yet."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sklearn_segae import AESegmenter
from sklearn_segae.imaging._tiles import clip_tile
from sklearn_segae.segmentation._suggested_regions import (
    BlockMeans,
    block_means,
    describe_blocks,
    join_blocks,
    select_regions,
)

RAW = {"encoder": "passthrough", "normalize": "dataset", "random_state": 0}


@pytest.fixture
def quadrants():
    """An image of 64 x 64 pixels, dark but for the gray upper right and the bright lower left."""
    return np.kron([[0.0, 0.5], [1.0, 0.0]], np.ones((32, 32)))


@pytest.fixture
def segmenter(quadrants):
    """Classifier of dark (0) and bright (1), which is uncertain of gray."""
    y = np.full((1, 64, 64), -1)
    y[0, :4, :4], y[0, -4:, :4] = 0, 1
    estimator = LogisticRegression(C=100)
    return AESegmenter(estimator=estimator, **RAW).fit(quadrants[None], y)


def places(regions):
    return [(r.image, r.top, r.left) for r in regions]


def test_the_uncertain_quadrant_comes_first(segmenter, quadrants):
    """Gray is neither dark nor bright; the region holds exactly its pixels."""
    (region,) = segmenter.suggest_regions(quadrants[None], 1, size=32)
    assert places([region]) == [(0, 0, 32)]
    assert (quadrants[region.rows, region.columns] == 0.5).all()
    uncertainty = segmenter.uncertainty(quadrants[None])[0]
    assert region.uncertainty == pytest.approx(uncertainty[:32, 32:].mean())


@pytest.mark.parametrize("label", [0, 1])
def test_labeled_regions_are_not_suggested(segmenter, quadrants, label):
    """One labeled pixel is enough; -1 is none."""
    y = np.full((1, 64, 64), -1)
    assert places(segmenter.suggest_regions(quadrants[None], 1, y=y, size=32)) == [(0, 0, 32)]
    y[0, 31, 32] = label
    assert (0, 0, 32) not in places(segmenter.suggest_regions(quadrants[None], 3, y=y, size=32))


def test_ignored_labels_are_none(segmenter, quadrants):
    """Tools that write 0 for unlabeled pixels need `ignore_label=0`."""
    segmenter.ignore_label = 0
    y = np.zeros((1, 64, 64), int)
    assert places(segmenter.suggest_regions(quadrants[None], 1, y=y, size=32)) == [(0, 0, 32)]


def test_a_region_is_unlike_those_before(quadrants):
    """Of two alike uncertain quadrants, the second comes after a less uncertain, different one."""
    image = quadrants.copy()
    image[32:, 32:] = 0.52  # as uncertain as the upper right
    image[:32, :32] = 0.35
    uncertainty = np.where(image == 1, 0, 1 - abs(image - 0.5))
    codes = block_means(image[..., None], 32)
    blocks = describe_blocks(0, uncertainty, codes, np.zeros(image.shape, bool), 32)
    found = [(r.top, r.left) for r in select_regions(blocks, 3)]
    assert found == [(0, 32), (0, 0), (32, 32)]


def test_different_images_are_covered(segmenter, quadrants):
    """A new kind of place in another image comes before a second one of the first kind."""
    others = np.stack([quadrants, np.full((64, 64), 0.45)])
    others[0, 32:] = 0.5
    regions = segmenter.suggest_regions(others, 2, size=32)
    assert [r.image for r in regions] == [0, 1]


def test_images_of_any_size(segmenter, quadrants):
    """Regions partition each image; an image smaller than a region is one."""
    images = [quadrants, quadrants[:7, 20:45], quadrants[:50, :1]]
    n = 4 + 1 + 2
    regions = segmenter.suggest_regions(images, n, size=32)
    seen = [np.zeros(image.shape, int) for image in images]
    for region in regions:
        assert images[region.image][region.rows, region.columns].size
        seen[region.image][region.rows, region.columns] += 1
    assert all((s == 1).all() for s in seen)


def test_the_same_question_has_the_same_answer(segmenter, quadrants, rng):
    """Nothing is drawn at random; stack and list are alike, whatever the tile size."""
    images = rng.random((2, 80, 96))
    regions = segmenter.suggest_regions(images, 6, size=16)
    assert regions == segmenter.suggest_regions(list(images), 6, size=16)
    segmenter.max_memory = 34_000_000  # tiles of 32 pixels
    found = segmenter.suggest_regions(images, 6, size=16)
    assert places(found) == places(regions)


def test_a_clusterer_suggests_before_there_are_labels(quadrants, rng):
    """Segments have probabilities: the pixels between two of them are the first to label."""
    image = quadrants + rng.normal(0, 0.02, quadrants.shape)
    segmenter = AESegmenter(2, estimator="kmeans", **RAW).fit(image[None])
    assert places(segmenter.suggest_regions(image[None], 1, size=32)) == [(0, 0, 32)]


def test_dask_arrays_and_channels(rng):
    """A lazy stack has the regions of the same stack in memory."""
    array = pytest.importorskip("dask.array")
    images = rng.random((2, 64, 64, 3))
    y = np.where(images[..., 0] < 0.5, 0, 1)
    segmenter = AESegmenter(estimator=LogisticRegression(), **RAW).fit(images, y)
    lazy = array.from_array(images, chunks=(1, 64, 64, 3))
    found = segmenter.suggest_regions(lazy, 3)
    assert places(found) == places(segmenter.suggest_regions(images, 3))


@pytest.mark.parametrize("shape", [(64, 64), (70, 33), (5, 90), (1, 1)])
@pytest.mark.parametrize("step", [1, 3])
def test_means_do_not_depend_on_tiles(rng, shape, step):
    """Written tile by tile, in tiles that cross blocks, or at once."""
    values = rng.random((*(-(-n // step) for n in shape), 2)).astype(np.float32)
    whole = block_means(values, 16, shape, step)
    blocks = BlockMeans(shape, 16, 2, step)
    for top in range(0, values.shape[0], 7):
        for left in range(0, values.shape[1], 5):
            tile = clip_tile((slice(top, top + 7), slice(left, left + 5)), values.shape)
            blocks[tile] = values[tile]
    np.testing.assert_allclose(blocks.means, whole, rtol=1e-6)  # sums in another order
    if step == 1:
        places = describe_blocks(0, values[..., 0], whole, values[..., 0] > 2, 16).place
        parts = [values[t : t + h, x : x + w].mean((0, 1)) for _, t, x, h, w in places]
        np.testing.assert_allclose(whole, parts, rtol=1e-5)


def test_without_uncertainty_the_regions_are_spread(rng):
    """If blocks are equally uncertain, their differences decide; certain blocks come last."""
    image = np.kron(np.arange(4.0).reshape(2, 2), np.ones((8, 8)))
    uncertainty = np.ones(image.shape)
    codes = block_means(image[..., None], 8)
    free = np.zeros(image.shape, bool)
    found = select_regions(describe_blocks(0, uncertainty, codes, free, 8), 4)
    assert [2 * (r.top // 8) + r.left // 8 for r in found][:2] == [0, 3]
    two = join_blocks([describe_blocks(i, i * uncertainty, codes, free, 8) for i in range(2)])
    assert [r.image for r in select_regions(two, 5)] == [1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_regions": 0}, "n_regions=0 must be an integer >= 1"),
        ({"n_regions": 2.5}, "n_regions=2.5 must be an integer >= 1"),
        ({"size": 0}, "size=0 must be an integer >= 1"),
        ({"n_regions": 5}, "n_regions=5 is more than the 4 regions of size=32"),
        ({"y": np.zeros((1, 64, 64), int)}, "the 0 regions of size=32 without a label"),
        ({"y": np.zeros((1, 9, 9), int)}, r"y\[0\] has shape \(9, 9\)"),
        ({"y": np.zeros((2, 64, 64), int)}, "y holds 2 label maps, but X holds 1"),
        ({"measure": "variance"}, "measure='variance' is not known"),
    ],
)
def test_bad_arguments_are_named(segmenter, quadrants, change, message):
    """Argument, value and rule are in the message."""
    with pytest.raises(ValueError, match=message):
        segmenter.suggest_regions(quadrants[None], **{"n_regions": 1, "size": 32, **change})


def test_rows_have_no_regions(segmenter, rng):
    """A region is a part of an image."""
    rows = rng.random((30, 4))
    fitted = AESegmenter(estimator="logistic", **RAW).fit(rows, rows[:, 0] > 0.5)
    with pytest.raises(ValueError, match="needs images, but the segmenter was fitted to rows"):
        fitted.suggest_regions(rows)
    with pytest.raises(ValueError, match="X holds rows"):
        segmenter.suggest_regions(rows)


def test_estimators_without_probabilities_are_refused(quadrants):
    """The message names an estimator that has them."""
    y = (quadrants[None] > 0.7).astype(int)
    segmenter = AESegmenter(estimator=LinearSVC(), **RAW).fit(quadrants[None], y)
    with pytest.raises(ValueError, match="has no predict_proba"):
        segmenter.suggest_regions(quadrants[None])


def test_codes_of_single_images_are_not_compared(quadrants):
    """With scope "image", each image has its own codes and segments."""
    segmenter = AESegmenter(2, scope="image", estimator="kmeans", **RAW).fit(quadrants[None])
    with pytest.raises(ValueError, match="Pass scope='dataset'"):
        segmenter.suggest_regions(quadrants[None])
