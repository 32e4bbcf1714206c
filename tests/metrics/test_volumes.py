"""Label maps of volumes: scores, scorers and areas with three axes."""

from functools import partial

import numpy as np
import pytest
from scipy import ndimage
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score
from sklearn.model_selection import KFold

from sklearn_segae import metrics
from sklearn_segae.metrics import area_fraction, boundary_f1, region_benchmark

POOLED = [
    metrics.pixel_accuracy,
    metrics.matched_accuracy,
    metrics.mean_iou,
    partial(metrics.mean_iou, matched=False),
    metrics.dice_score,
]
BY_IMAGE = [
    metrics.covering,
    metrics.probabilistic_rand_index,
    metrics.variation_of_information,
]


@pytest.fixture
def maps(rng):
    """True and predicted label maps of two volumes."""
    true = rng.integers(0, 3, (2, 4, 6, 8))
    return true, np.where(rng.random(true.shape) < 0.2, rng.integers(0, 3, true.shape), true)


@pytest.mark.parametrize("score", POOLED)
def test_scores_of_labels_pool_all_voxels(maps, score):
    """Of stacks and of lists, as of the flat labels."""
    true, pred = maps
    flat = score(true.ravel(), pred.ravel())

    assert score(true, pred) == flat
    assert score(list(true), list(pred)) == flat
    assert score([true[0], true[1, :2]], [pred[0], pred[1, :2]]) != flat


@pytest.mark.parametrize("score", BY_IMAGE)
def test_scores_of_regions_are_of_whole_volumes(maps, score):
    """A region continues over slices; there may be several annotators."""
    true, pred = maps
    own = [score(t.ravel(), p.ravel()) for t, p in zip(true, pred, strict=True)]

    assert score(true, pred) == pytest.approx(np.mean(own))
    assert score(list(true), list(pred)) == score(true, pred)
    assert score([true[0]], [pred[0]]) == own[0]
    several = np.stack([true, pred], axis=1)  # (n, n_annotators, D, H, W)
    perfect = score(pred, pred)
    assert score(several, pred) == pytest.approx((score(true, pred) + perfect) / 2)


def test_matched_labels_keep_the_shape(maps):
    """Permuted labels of volumes become the true ones."""
    true, _ = maps
    permuted = np.array([5, 9, 7])[true]

    np.testing.assert_array_equal(metrics.match_labels(true, permuted), true)
    found = metrics.match_labels(list(true), list(permuted))
    np.testing.assert_array_equal(np.stack(found), true)


def test_the_region_benchmark_has_cubic_grids():
    """Octants are segmented by the blind grid of 2 x 2 x 2 cells, and one segment covers 1/8."""
    octants = np.add.reduce(np.indices((8, 8, 8)) // 4 * [[[[4]]], [[[2]]], [[[1]]]])

    found = region_benchmark([octants], [[octants]])

    assert found.segmentation.covering_ods == 1
    assert found.blind_grid.covering_ois == 1
    assert found.one_segment.covering_ods == pytest.approx(1 / 8)


def near(edge, tolerance, spacing):
    return ndimage.distance_transform_edt(~edge, sampling=spacing) <= tolerance + 1e-9


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 1), (0.3, 0.1, 0.1), (1, 2, 1.5)])
@pytest.mark.parametrize("tolerance", [0, 0.25, 1, 1.5, 3])
def test_boundaries_match_by_their_distance_in_space(rng, spacing, tolerance):
    """As by a Euclidean distance transform, in the unit of the spacing."""
    true, pred = (
        (ndimage.gaussian_filter(rng.standard_normal((8, 12, 15)), 2) > 0).astype(int)
        for _ in range(2)
    )
    edges = []
    for labels in (true, pred):
        edge = np.zeros(labels.shape, bool)
        edge[:-1] |= labels[:-1] != labels[1:]
        edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
        edge[..., :-1] |= labels[..., :-1] != labels[..., 1:]
        edges.append(edge)
    precision = near(edges[0], tolerance, spacing)[edges[1]].mean()
    recall = near(edges[1], tolerance, spacing)[edges[0]].mean()

    found = boundary_f1([true], [pred], tolerance=tolerance, spacing=spacing)

    assert found == pytest.approx(2 * precision * recall / max(precision + recall, 1e-12))
    if spacing == (1, 1, 1):
        assert found == boundary_f1(true[None], pred[None], tolerance=tolerance)


def test_boundaries_between_slices_count_in_volumes_only():
    """An array (n, H, W) is of images, whose neighbors are others."""
    true = np.repeat([0, 0, 1, 1], 4 * 4).reshape(4, 4, 4)
    flat = np.zeros_like(true)

    assert boundary_f1(true, flat) == 1  # no image has a boundary
    assert boundary_f1([true], [flat]) == 0
    assert boundary_f1([true], [1 - true], tolerance=0) == 1


def test_the_spacing_of_images_counts():
    """A boundary that is two rows away is far if rows are far apart."""
    true = np.repeat([[0], [0], [0], [1], [1], [1], [1]], 5, axis=1)
    pred = np.repeat([[0], [0], [0], [0], [0], [1], [1]], 5, axis=1)

    assert boundary_f1(true, pred, tolerance=2) == 1
    assert boundary_f1(true, pred, tolerance=2, spacing=(2, 1)) == 0
    assert boundary_f1(true.T, pred.T, tolerance=2, spacing=(2, 1)) == 1


def test_masked_voxels_have_no_boundary():
    """A boundary next to masked voxels is none, along all axes."""
    true = np.repeat([0, 0, 1, 1], 4 * 4).reshape(4, 4, 4)
    mask = np.zeros(true.shape, bool)
    mask[2] = True

    assert boundary_f1([np.ma.array(true, mask=mask)], [np.zeros_like(true)]) == 1


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, -1, 1), 2, "zyx", (1, 1, np.inf)])
def test_a_wrong_spacing_is_refused(spacing):
    """The error shows the spacing and the shape of the label map."""
    true = np.zeros((2, 3, 4, 5), int)

    with pytest.raises(ValueError, match=r"spacing=.* is not .*\(3, 4, 5\).*Pass 3 positive"):
        boundary_f1(true, true, spacing=spacing)


def test_boundaries_of_four_axes_are_refused():
    """Volumes over time have to be passed as a list of volumes."""
    with pytest.raises(ValueError, match=r"need label maps \(H, W\) or \(D, H, W\)"):
        boundary_f1(np.zeros((2, 2, 3, 4, 5)), np.zeros((2, 2, 3, 4, 5)))


class Brightness(ClassifierMixin, BaseEstimator):
    """A classifier of voxels by their nearest mean value; codes are the values."""

    def fit(self, X, y=None):
        values = np.concatenate([np.ravel(image) for image in X])
        if y is None:
            self.classes_, self.means_ = np.arange(2), np.nanquantile(values, [0.1, 0.9])
            return self
        labels = np.concatenate([np.ravel(labels) for labels in y])
        self.classes_ = np.unique(labels[labels >= 0])
        self.means_ = np.array([np.nanmean(values[labels == c]) for c in self.classes_])
        return self

    def transform(self, X):
        maps = [np.asarray(image)[..., None] for image in X]
        return maps if isinstance(X, list) else np.stack(maps)

    def predict(self, X):
        maps = [self.classes_[p.argmax(-1)] for p in self.predict_proba(X)]
        return maps if isinstance(X, list) else np.stack(maps)

    def predict_proba(self, X):
        maps = [self._proba(np.asarray(image)) for image in X]
        return maps if isinstance(X, list) else np.stack(maps)

    def _proba(self, values):
        weights = np.exp(-4 * (values[..., None] - self.means_) ** 2)
        return weights / weights.sum(-1, keepdims=True)


@pytest.fixture
def volumes():
    """Two volumes (10, 12, 14) of noisy halves with labels 0 and 1, and the labels."""
    rng = np.random.default_rng(0)
    truth = np.zeros((2, 10, 12, 14), int)
    truth[:, :, :, 9:] = 1
    return truth + rng.normal(0, 0.3, truth.shape), truth


SCORERS = [
    metrics.make_segmentation_scorer(adjusted_rand_score),
    metrics.make_segmentation_scorer(adjusted_rand_score, average="image"),
    metrics.make_segmentation_scorer("f1_macro"),
    metrics.make_segmentation_scorer("neg_log_loss", average="image"),
    metrics.make_unsupervised_scorer(davies_bouldin_score, greater_is_better=False),
    metrics.make_unsupervised_scorer(davies_bouldin_score, average="image"),
    metrics.make_stability_scorer(),
]


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_scorers_take_volumes(volumes, scorer):
    """Stacks and lists have the same score as the same voxels in an image, pooled."""
    X, y = volumes
    model = Brightness().fit(X, y)

    found = scorer(model, X, y)

    assert scorer(model, list(X), list(y)) == pytest.approx(found)
    if scorer.average == "pooled":
        flat = X.reshape(2, 10, -1), y.reshape(2, 10, -1)
        assert found == pytest.approx(scorer(model, *flat))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scorer", SCORERS[:6], ids=repr)
def test_scorers_leave_out_voxels_without_data(volumes, scorer, masked):
    """NaN or masked voxels have no part, whatever their labels."""
    X, y = volumes
    model = Brightness().fit(X, y)
    mask = np.zeros(X.shape, bool)
    mask[:, 3:6, :5] = True
    given = np.ma.array(X, mask=mask) if masked else np.where(mask, np.nan, X)

    found = scorer(model, given, y)

    assert found == pytest.approx(scorer(model, given, np.where(mask, 1 - y, y)))
    if not isinstance(scorer, type(SCORERS[4])):
        assert found == pytest.approx(scorer(model, given, np.where(mask, -1, y)))


def test_areas_of_volumes_are_volume_fractions(volumes):
    """The same voxels have the same fractions as an image, with and without folds."""
    X, y = volumes
    rng = np.random.default_rng(1)
    sample = np.where(rng.random(y.shape) < 0.1, y, -1)
    model = Brightness().fit(X, y)

    found = area_fraction(model, X, sample)

    flat = area_fraction(model, X.reshape(2, 10, -1), sample.reshape(2, 10, -1))
    for name in ("fraction", "low", "high", "mapped", "n_labels"):
        np.testing.assert_allclose(getattr(found, name), getattr(flat, name))
        listed = area_fraction(model, list(X), list(sample))
        np.testing.assert_allclose(getattr(found, name), getattr(listed, name))
    assert found.low[1] <= y.mean() <= found.high[1]
    crossed = area_fraction(model, X, sample, cv=3)
    assert crossed.low[1] <= y.mean() <= crossed.high[1]


def test_masks_and_missing_voxels_are_no_part_of_the_volume(volumes):
    """The same fractions as of the cropped volumes."""
    X, y = volumes
    sample = np.where(np.random.default_rng(1).random(y.shape) < 0.2, y, -1)
    model = Brightness().fit(X, y)
    inside = np.zeros(y.shape, bool)
    inside[:, 2:9] = True

    cropped = area_fraction(model, X[:, 2:9], sample[:, 2:9])

    for found in (
        area_fraction(model, X, sample, mask=inside),
        area_fraction(model, np.ma.array(X, mask=~inside), sample),
    ):
        np.testing.assert_allclose(found.fraction, cropped.fraction)
        assert found.n_pixels == inside.sum()


class Positions(KFold):
    """Folds of positions, which are kept."""

    def split(self, X, y=None, groups=None):
        self.seen, self.groups = X, groups
        return super().split(X, y)


def test_blocks_of_volumes_are_cubes(volumes):
    """Labels in a cube are one cluster; splitters get volume, z, y and x of every label."""
    X, y = volumes
    sample = np.full(y.shape, -1)
    sample[:, ::2, ::2, ::2] = y[:, ::2, ::2, ::2]
    model, cv = Brightness().fit(X, y), Positions(3, shuffle=True, random_state=0)

    area_fraction(model, X, sample, cv=cv, blocks=5)

    np.testing.assert_array_equal(cv.seen, np.argwhere(sample >= 0))
    cubes = np.unique(np.c_[cv.seen[:, 0], cv.seen[:, 1:] // 5], axis=0, return_inverse=True)[1]
    np.testing.assert_array_equal(cv.groups, cubes)


def test_touching_labels_of_slices_are_a_patch(volumes):
    """A labeled box is one cluster with blocks=1."""
    X, y = volumes
    sample = np.full(y.shape, -1)
    for corner in ((0, 0, 0, 7), (0, 5, 6, 8), (1, 3, 3, 7), (1, 6, 8, 2)):
        i, *start = corner
        box = (i, *(slice(s, s + 3) for s in start))
        sample[box] = y[box]
    cv = Positions(2, shuffle=True, random_state=0)

    area_fraction(Brightness().fit(X, y), X, sample, cv=cv, blocks=1)

    np.testing.assert_array_equal(np.bincount(cv.groups), [27] * 4)


def test_a_segmenter_of_images_cannot_measure_volumes(volumes):
    """Label maps of another shape are an error that shows both shapes."""

    class OfSlices(Brightness):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, 0]

    X, y = volumes

    with pytest.raises(ValueError, match=r"shape \(12, 14, 2\) where y has .*\(10, 12, 14\)"):
        area_fraction(OfSlices().fit(X, y), X, y)
