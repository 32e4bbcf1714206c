"""ShrunkMixture: EM with covariances drawn together."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture


@pytest.fixture
def blobs():
    """Two clusters of unlike spread and size."""
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(0, 2, (1500, 2)), rng.normal(3, 0.3, (500, 2))
    return np.concatenate([wide, narrow]), np.repeat([0, 1], [1500, 500])


def test_without_shrinkage_it_is_a_gaussian_mixture(blobs):
    """Shrinkage 0 finds scikit-learn's full covariances."""
    x, _ = blobs
    ours = ShrunkMixture(2, shrinkage=0, max_iter=300, tol=1e-7, random_state=0).fit(x)
    theirs = GaussianMixture(2, max_iter=300, tol=1e-7, random_state=0).fit(x)
    order = ours.means_[:, 0].argsort(), theirs.means_[:, 0].argsort()
    np.testing.assert_allclose(ours.means_[order[0]], theirs.means_[order[1]], atol=0.05)
    np.testing.assert_allclose(ours.score(x), theirs.score(x), atol=0.01)


def test_with_full_shrinkage_all_components_have_one_shape(blobs):
    """Shrinkage 1 ties the covariances, 1/3 draws them together."""
    x, _ = blobs
    tied = ShrunkMixture(2, shrinkage=1, random_state=0).fit(x).covariances_
    np.testing.assert_allclose(tied[0], tied[1])
    spread = [
        np.ptp(ShrunkMixture(2, shrinkage=a, random_state=0).fit(x).covariances_[:, 0, 0])
        for a in (0, 1 / 3, 1)
    ]
    assert spread[0] > spread[1] > spread[2] == 0


def test_it_tells_clusters_of_unlike_spread_apart(blobs):
    """Better than k-means, which cuts the wide cluster."""
    x, truth = blobs
    mixture = ShrunkMixture(2, random_state=0).fit(x)
    from sklearn.cluster import KMeans

    k_means = KMeans(2, n_init=10, random_state=0).fit_predict(x)
    ours = adjusted_rand_score(truth, mixture.predict(x))
    assert ours > 0.1 + adjusted_rand_score(truth, k_means)


def test_labels_do_not_depend_on_units():
    """A rotation and a common scale of the features change nothing."""
    x, _ = make_blobs(600, centers=3, random_state=0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    first = ShrunkMixture(3, random_state=0).fit_predict(x)
    second = ShrunkMixture(3, random_state=0).fit_predict(1000 * x @ turn)
    assert adjusted_rand_score(first, second) == 1


def test_predictions_agree_with_each_other(blobs):
    """The likeliest component has the largest probability; densities add up."""
    x, _ = blobs
    mixture = ShrunkMixture(3, random_state=0).fit(x)
    shares = mixture.predict_proba(x)
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_array_equal(shares.argmax(1), mixture.predict(x))
    assert mixture.score(x) == pytest.approx(mixture.score_samples(x).mean())


def test_rows_of_single_floats_keep_their_precision(blobs):
    """Probabilities take no more memory than the rows, and are the same to 4 digits."""
    x, _ = blobs
    mixture = ShrunkMixture(3, random_state=0).fit(x)
    single = mixture.predict_proba(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, mixture.predict_proba(x), atol=1e-4)


def test_it_samples_and_counts_components(blobs):
    """What GaussianMixture offers: samples of the fitted density, and a criterion that finds 2."""
    x, _ = blobs
    mixture = ShrunkMixture(2, random_state=0).fit(x)
    drawn, components = mixture.sample(4000)
    assert drawn.shape == (4000, 2)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.15)  # deviations 2 / 4000**0.5
    np.testing.assert_allclose(np.bincount(components) / 4000, mixture.weights_, atol=0.05)
    criteria = [ShrunkMixture(k, shrinkage=0, random_state=0).fit(x).bic(x) for k in (1, 2, 4)]
    assert np.argmin(criteria) == 1


def test_constant_features_are_no_accident():
    """A feature that never varies neither fails nor matters."""
    x, _ = make_blobs(300, centers=2, random_state=0)
    flat = np.column_stack([x, np.ones(len(x))])
    first = ShrunkMixture(2, random_state=0).fit_predict(x)
    assert adjusted_rand_score(first, ShrunkMixture(2, random_state=0).fit_predict(flat)) == 1


@pytest.mark.parametrize("change", [{"tol": 10.0}, {"shrinkage": 0.1}, {"random_state": 3}])
def test_every_parameter_matters(blobs, change):
    """Loose tolerances stop early; shrinkage and the start decide where it ends."""
    x, _ = blobs
    base = ShrunkMixture(6, random_state=0).fit(x)
    other = ShrunkMixture(6, **{"random_state": 0} | change).fit(x)
    assert other.n_iter_ != base.n_iter_ or not np.allclose(other.means_, base.means_)


def test_too_few_iterations_are_named(blobs):
    """As GaussianMixture does; parameters out of range are refused."""
    with pytest.warns(ConvergenceWarning, match="increase max_iter"):
        ShrunkMixture(6, max_iter=1, random_state=0).fit(blobs[0])
    with pytest.raises(ValueError, match="'shrinkage' parameter of ShrunkMixture"):
        ShrunkMixture(shrinkage=2).fit(blobs[0])


def test_faint_features_are_left_out(blobs):
    """Noise a thousand times weaker than the rest changes nothing, and is not looked at."""
    x, _ = blobs
    noise = 1e-3 * np.random.default_rng(1).normal(size=(len(x), 4))
    both = np.hstack([x, noise])
    mixture = ShrunkMixture(2, random_state=0).fit(both)
    assert mixture.used_.tolist() == [True] * 2 + [False] * 4
    alone = ShrunkMixture(2, random_state=0).fit(x)
    assert adjusted_rand_score(mixture.predict(both), alone.predict(x)) > 0.99
    both[:, 2:] = 0  # what is not used need not be computed
    np.testing.assert_allclose(mixture.score_samples(both), alone.score_samples(x))
