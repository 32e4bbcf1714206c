"""Scores of regions, against the definitions written out and against scikit-learn."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score, rand_score

from sklearn_segae.metrics import covering, probabilistic_rand_index, variation_of_information

few = settings(max_examples=60, deadline=None, derandomize=True)
SCORES = [covering, probabilistic_rand_index, variation_of_information]


def maps(n_maps, max_pixels=25):
    """Flat label maps of one size, of up to five regions each."""
    one = lambda n: arrays(int, n, elements=st.integers(0, 4))  # noqa: E731
    return st.integers(2, max_pixels).flatmap(lambda n: st.tuples(*[one(n)] * n_maps))


def regions(labels):
    return [labels == name for name in np.unique(labels)]


def covering_by_definition(annotators, labels):
    """Pixels of all annotators' regions, weighted with the best overlap, over all pixels."""
    best = [
        (r.sum(), max(np.sum(r & s) / np.sum(r | s) for s in regions(labels)))
        for truth in annotators
        for r in regions(truth)
    ]
    return sum(area * overlap for area, overlap in best) / sum(area for area, _ in best)


def rand_by_definition(annotators, labels):
    """Mean over pairs of pixels of the share of annotators that agree with `labels` on it."""
    pairs = list(combinations(range(labels.size), 2))
    alike = [
        np.mean([(truth[i] == truth[j]) == (labels[i] == labels[j]) for truth in annotators])
        for i, j in pairs
    ]
    return np.mean(alike)


def variation_by_definition(annotators, labels):
    """Mean over annotators of H(true | pred) + H(pred | true), region by region."""

    def left_unknown(a, b):
        return sum(
            s.mean() * entropy(np.unique(a[s], return_counts=True)[1], base=2) for s in regions(b)
        )

    return np.mean([left_unknown(t, labels) + left_unknown(labels, t) for t in annotators])


DEFINITIONS = [covering_by_definition, rand_by_definition, variation_by_definition]


@few
@given(maps(4))
@pytest.mark.parametrize(("score", "definition"), list(zip(SCORES, DEFINITIONS, strict=True)))
def test_scores_are_as_defined(score, definition, drawn):
    """Three annotators: the table gives what loops over regions and pairs of pixels give."""
    *annotators, labels = drawn

    assert score(annotators, labels) == pytest.approx(definition(annotators, labels), abs=1e-12)


@few
@given(maps(2))
def test_scores_of_one_annotator_are_those_of_scikit_learn(pair):
    """PRI is the Rand index; VI is both entropies less twice the mutual information, in bits."""
    y_true, y_pred = pair

    nats = sum(entropy(np.unique(y, return_counts=True)[1]) for y in pair)
    bits = (nats - 2 * mutual_info_score(y_true, y_pred)) / np.log(2)
    assert probabilistic_rand_index(y_true, y_pred) == pytest.approx(rand_score(y_true, y_pred))
    assert variation_of_information(y_true, y_pred) == pytest.approx(bits, abs=1e-12)


@few
@given(maps(3))
def test_variation_of_information_is_a_distance(drawn):
    """Not negative, 0 from a map to itself, symmetric, no detour is shorter, at most log2(n)."""
    a, b, c = drawn
    d = variation_of_information

    assert d(a, 10 - a) == 0
    assert d(a, b) == pytest.approx(d(b, a), abs=1e-12)
    assert 0 <= d(a, c) <= d(a, b) + d(b, c) + 1e-12
    assert d(a, b) <= np.log2(a.size) + 1e-12


@few
@given(maps(2), st.permutations([3, 80, 0, 70, 10**9]))
@pytest.mark.parametrize("score", SCORES)
def test_names_of_regions_play_no_role(score, pair, names):
    """Either side may be renamed."""
    y_true, y_pred = pair
    renamed = np.array(names)

    assert score(y_true, renamed[y_pred]) == pytest.approx(score(y_true, y_pred), abs=1e-12)
    assert score(renamed[y_true], y_pred) == pytest.approx(score(y_true, y_pred), abs=1e-12)


@few
@given(maps(1))
def test_scores_of_a_map_with_itself(drawn):
    """Full covering, every pair alike, nothing unknown."""
    (labels,) = drawn

    assert covering(labels, labels) == pytest.approx(1)
    assert probabilistic_rand_index(labels, labels) == 1
    assert variation_of_information(labels, labels) == 0


def test_quadrants_against_one_segment():
    """Covering 1/4; 2 bits; alike are the pairs within quadrants, nearly a quarter."""
    quadrants = np.kron([[0, 1], [2, 3]], np.ones((5, 5), int))
    one = np.zeros_like(quadrants)

    assert covering(quadrants, one) == pytest.approx(1 / 4)
    assert covering(one, quadrants) == pytest.approx(1 / 4)
    assert variation_of_information(quadrants, one) == pytest.approx(2)
    assert probabilistic_rand_index(quadrants, one) == pytest.approx(24 / 99)


def test_covering_is_not_symmetric():
    """A small region that is missing costs little, a large one that is torn costs much."""
    whole, torn = np.repeat([0, 1], [8, 2]), np.repeat([0, 1, 2], [4, 4, 2])

    assert covering(whole, torn) == pytest.approx((8 / 2 + 2) / 10)
    assert covering(torn, whole) == pytest.approx((4 / 2 + 4 / 2 + 2) / 10)


def test_several_images_of_several_annotators():
    """Covering pools areas of all annotators and images; the others are means of means."""
    rng = np.random.default_rng(0)
    sizes = [(4, 5), (7, 3), (2, 2)]
    y_true = [
        [rng.integers(0, 3, s) for _ in range(n)] for n, s in zip((3, 1, 2), sizes, strict=True)
    ]
    y_pred = [rng.integers(0, 4, s) for s in sizes]

    areas = [len(t) * p.size for t, p in zip(y_true, y_pred, strict=True)]
    single = [[score(t, p) for t, p in zip(y_true, y_pred, strict=True)] for score in SCORES]

    assert covering(y_true, y_pred) == pytest.approx(np.average(single[0], weights=areas))
    assert probabilistic_rand_index(y_true, y_pred) == pytest.approx(np.mean(single[1]))
    assert variation_of_information(y_true, y_pred) == pytest.approx(np.mean(single[2]))


@pytest.mark.parametrize("score", SCORES)
def test_containers_of_annotators_and_images(score):
    """Stacks and lists of maps and of annotators' maps say the same."""
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, (2, 5, 4, 6)), rng.integers(0, 3, (2, 4, 6))
    expected = score(y_true, y_pred)

    assert score([list(t) for t in y_true], list(y_pred)) == expected
    assert score(list(y_true), y_pred) == expected
    assert score(y_true[:, 0], y_pred) == score(y_true[:, :1], y_pred)
    assert score(y_true[0], y_pred[0]) == score(y_true[:1], y_pred[:1])
    assert score(y_true[0, 0], y_pred[0]) == score([y_true[0, 0]], y_pred[0])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("void", "options"), [(-1, {}), (9, {"ignore_label": 9})])
def test_void_pixels_count_nowhere(score, void, options):
    """Annotators may leave out pixels, each others; one that drew nothing is no annotator."""
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, (2, 40)), rng.integers(0, 3, 40)
    kept = rng.random((2, 40)) < 0.5
    single = [score(t[k], y_pred[k]) for t, k in zip(y_true, kept, strict=True)]
    weights = kept.sum(1) if score is covering else None

    void_maps = np.where(kept, y_true, void)
    got = score([*void_maps, np.full(40, void)], y_pred, **options)

    assert got == pytest.approx(np.average(single, weights=weights))


@pytest.mark.parametrize("score", SCORES)
def test_images_without_a_label_count_nowhere(score):
    """As if they were not there; if no other is left, the error says what was left out."""
    truth, labels = np.array([[0, 0, 1]]), np.array([[0, 1, 1]])

    assert score([truth, truth * 0 - 1], [labels, labels]) == score(truth, labels)
    with pytest.raises(ValueError, match="y_true has no labeled pixel: all 6 are unlabeled"):
        score([truth * 0 - 1] * 2, [labels, labels])


def test_a_single_pixel_has_no_pairs():
    """Nothing to disagree on."""
    assert [score([3], [5]) for score in SCORES] == [1, 1, 0]


@pytest.mark.parametrize("score", SCORES)
def test_maps_that_do_not_fit_are_refused(score):
    """The error shows shapes, or numbers of images."""
    a, b = np.zeros((3, 4), int), np.zeros((4, 3), int)

    with pytest.raises(ValueError, match=r"\(3, 4\).*\(4, 3\)"):
        score(a, b)
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(3, 4\)"):
        score([a, b], a)  # the second annotator saw another image
    with pytest.raises(ValueError, match="y_true is of 3 images and y_pred of 2"):
        score([a] * 3, [a] * 2)
    with pytest.raises(ValueError, match="holds no label map for an image"):
        score([[a], []], [a, a])
