"""Scores between label maps, against brute force over all matchings and against scikit-learn."""

from functools import partial
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from sklearn.metrics import accuracy_score, adjusted_rand_score, f1_score, jaccard_score

from sklearn_segae.imaging._label_maps import find_boundaries
from sklearn_segae.metrics import (
    boundary_f1,
    dice_score,
    match_labels,
    matched_accuracy,
    mean_iou,
    pixel_accuracy,
)

few = settings(max_examples=80, deadline=None, derandomize=True)
SCORES = [
    pixel_accuracy,
    matched_accuracy,
    mean_iou,
    partial(mean_iou, matched=False),
    dice_score,
    partial(dice_score, matched=False),
]
# Two label maps of up to four labels each, of one size.
pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        arrays(int, n, elements=st.integers(0, 3)), arrays(int, n, elements=st.integers(0, 3))
    )
)


def random_pair(seed=0, shape=(9, 11), n_true=4, n_pred=5):
    rng = np.random.default_rng(seed)
    return rng.integers(0, n_true, shape), rng.integers(0, n_pred, shape)


def matchings(y_true, y_pred):
    """All ways to pair labels with segments one to one, as lists of (label, segment)."""
    labels, segments = np.unique(y_true).tolist(), np.unique(y_pred).tolist()
    none = object()  # a partner that is nowhere, for the longer side
    segments += [none] * (len(labels) - len(segments))
    return [list(zip(labels, p, strict=True)) for p in permutations(segments, len(labels))]


def iou(y_true, y_pred, label, segment):
    a, b = y_true == label, y_pred == segment
    return np.sum(a & b) / np.sum(a | b)


@few
@given(pairs)
def test_matched_scores_are_the_best_of_all_matchings(pair):
    """No one-to-one matching of segments to labels has a better accuracy, mean IoU or Dice."""
    y_true, y_pred = pair

    ways = matchings(y_true, y_pred)

    best_accuracy = max(
        sum(np.sum((y_true == a) & (y_pred == b)) for a, b in way) / y_true.size for way in ways
    )
    best_iou = max(np.mean([iou(y_true, y_pred, a, b) for a, b in way]) for way in ways)
    assert matched_accuracy(y_true, y_pred) == pytest.approx(best_accuracy)
    assert mean_iou(y_true, y_pred) == pytest.approx(best_iou)
    # A label's Dice coefficient is 2 IoU / (1 + IoU).
    ious = [np.array([iou(y_true, y_pred, a, b) for a, b in way]) for way in ways]
    best_dice = max(np.mean(2 * i / (1 + i)) for i in ious)
    assert dice_score(y_true, y_pred) == pytest.approx(best_dice)


@few
@given(pairs)
def test_unmatched_iou_is_the_macro_jaccard_score(pair):
    """With matched=False names count, and scikit-learn's score over the true labels results."""
    y_true, y_pred = pair

    expected = jaccard_score(y_true, y_pred, labels=np.unique(y_true), average="macro")
    assert mean_iou(y_true, y_pred, matched=False) == pytest.approx(expected)


@few
@given(pairs)
def test_scores_of_names_are_those_of_scikit_learn(pair):
    """Dice by name is the macro F1 score over the true labels, pixel accuracy is accuracy."""
    y_true, y_pred = pair

    f1 = f1_score(y_true, y_pred, labels=np.unique(y_true), average="macro")
    assert dice_score(y_true, y_pred, matched=False) == pytest.approx(f1)
    assert pixel_accuracy(y_true, y_pred) == accuracy_score(y_true, y_pred)


@few
@given(pairs)
def test_matched_labels_agree_as_often_as_the_matched_accuracy(pair):
    """After match_labels, plain accuracy is the matched accuracy, and segments stay apart."""
    y_true, y_pred = pair

    renamed = match_labels(y_true, y_pred)

    assert accuracy_score(y_true, renamed) == pytest.approx(matched_accuracy(y_true, y_pred))
    assert adjusted_rand_score(renamed, y_pred) == 1
    new = set(renamed.tolist()) - set(y_true.tolist())
    assert len(new) == max(0, len(set(y_pred.tolist())) - len(set(y_true.tolist())))


@few
@given(pairs, st.permutations([3, 8, 0, 70]))
def test_names_of_segments_play_no_role(pair, names):
    """Matched scores are the same under any renaming of the segments, or of the labels."""
    y_true, y_pred = pair
    renamed = np.array(names)

    for score in (matched_accuracy, mean_iou, dice_score):
        assert score(y_true, renamed[y_pred]) == pytest.approx(score(y_true, y_pred))
        assert score(renamed[y_true], y_pred) == pytest.approx(score(y_true, y_pred))


@few
@given(pairs)
def test_scores_of_a_map_with_itself(pair):
    """Every score of a map with itself is 1, and none leaves [0, 1]."""
    y_true, y_pred = pair

    for score in SCORES:
        assert score(y_true, y_true) == 1
        assert 0 <= score(y_true, y_pred) <= 1 + 1e-12  # a sum of up to four rounded ratios


def test_quadrants_against_halves():
    """Two of four quadrants are found by halves, each with IoU 1/2 and Dice 2/3."""
    quadrants = np.kron([[0, 1], [2, 3]], np.ones((5, 5), int))
    halves = np.kron([[0, 0], [1, 1]], np.ones((5, 5), int))

    assert matched_accuracy(quadrants, halves) == 0.5
    assert mean_iou(quadrants, halves) == 0.25
    assert dice_score(quadrants, halves) == pytest.approx(1 / 3)


def test_one_segment_finds_the_largest_label():
    """A constant map is right where the most frequent label is."""
    y_true = np.repeat([4, 5, 6], [2, 5, 3])

    assert matched_accuracy(y_true, np.zeros(10, int)) == 0.5
    assert mean_iou(y_true, np.zeros(10, int)) == pytest.approx(0.5 / 3)


def test_oversegmentation_is_not_rewarded():
    """A segment each for every pixel gets one pixel of each label right."""
    y_true = np.repeat([0, 1], 10)

    assert matched_accuracy(y_true, np.arange(20)) == 0.1
    assert mean_iou(y_true, np.arange(20)) == pytest.approx(0.1)


def test_matching_by_iou_and_by_pixels_may_differ():
    """A small label is worth its own segment to the mean IoU, though it costs some pixels."""
    y_true = np.repeat([0, 0, 1], [50, 45, 4])
    y_pred = np.repeat([0, 1, 0], [50, 45, 4])

    by_pixels = mean_iou(y_true, match_labels(y_true, y_pred), matched=False)

    assert matched_accuracy(y_true, y_pred) == pytest.approx(50 / 99)  # 0 is 0, rather than 1
    assert by_pixels == pytest.approx((50 / 99 + 0) / 2)
    assert mean_iou(y_true, y_pred) == pytest.approx((45 / 95 + 4 / 54) / 2)


@pytest.mark.parametrize("score", SCORES)
def test_lists_count_as_one_long_map(score):
    """Images of different sizes score as their pixels together, not as a mean over images."""
    sizes = [(3, 4), (1, 1), (9, 2)]
    y_true, y_pred = zip(*(random_pair(i, s) for i, s in enumerate(sizes)), strict=True)

    pooled = score(*(np.concatenate([m.ravel() for m in maps]) for maps in (y_true, y_pred)))

    assert score(list(y_true), list(y_pred)) == pooled
    assert score(y_true, y_pred) == pooled  # tuples


@pytest.mark.parametrize("score", SCORES)
def test_stacks_lists_and_flat_labels_score_alike(score):
    """The shape of a label map plays no role."""
    y_true, y_pred = random_pair(shape=(3, 4, 5))

    flat = score(y_true.ravel(), y_pred.ravel())

    assert score(y_true, y_pred) == flat
    assert score(list(y_true), y_pred) == flat
    assert score(y_true.ravel().tolist(), y_pred.ravel().tolist()) == flat


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("void", "options"), [(-1, {}), (255, {"ignore_label": 255})])
def test_void_pixels_count_nowhere(score, void, options):
    """Scores are those of the other pixels alone, whatever is predicted on void ones."""
    y_true, y_pred = random_pair()
    known = np.random.default_rng(1).random(y_true.shape) < 0.6
    expected = score(y_true[known], y_pred[known])
    y_true[~known] = void
    y_pred[~known] += 3  # other segments, some of them nowhere else

    assert score(y_true, y_pred, **options) == expected


@pytest.mark.parametrize("score", SCORES)
def test_both_kinds_of_void_together(score):
    """-1 counts nowhere also where another label is ignored."""
    y_true, y_pred = random_pair()
    kept = (y_true != 2) & (y_true != 3)

    void = np.where(y_true == 3, -1, y_true)

    assert score(void, y_pred, ignore_label=2) == score(y_true[kept], y_pred[kept])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16, float, object])
def test_types_of_labels_play_no_role(score, dtype):
    """Labels as stored in files, 255 for void, score as integers do."""
    y_true, y_pred = random_pair()
    y_true[0] = 255

    expected = score(y_true, y_pred, ignore_label=255)

    assert score(y_true.astype(dtype), y_pred.astype(dtype), ignore_label=255) == expected


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32])
def test_unlabeled_pixels_of_any_type_count_nowhere(score, dtype):
    """-1 is void in every type that can hold it."""
    y_true, y_pred = random_pair()
    expected = score(y_true[3:], y_pred[3:])
    y_true[:3] = -1

    assert score(y_true.astype(dtype), y_pred) == expected


def test_names_of_classes_may_be_words():
    """Classes that are strings are compared as well as numbers, and ignored by name."""
    y_true, y_pred = np.array(["sky", "sea", "?", "sea"]), np.array(["sky", "sky", "sea", "sea"])

    assert mean_iou(y_true, y_pred, matched=False, ignore_label="?") == 0.5
    assert matched_accuracy(y_true, y_pred, ignore_label="?") == pytest.approx(2 / 3)


@pytest.mark.parametrize("function", [*SCORES, match_labels])
def test_different_numbers_of_pixels_are_refused(function):
    """The error names both arguments and their sizes."""
    with pytest.raises(ValueError, match=r"y_true has shape .* and y_pred has"):
        function(np.zeros((3, 4), int), np.zeros((2, 4), int))


@pytest.mark.parametrize("function", [*SCORES, match_labels])
def test_turned_label_maps_are_refused(function):
    """Maps of as many pixels, but of other shapes, are no maps of the same images."""
    with pytest.raises(ValueError, match="shape"):
        function(np.zeros((3, 4), int), np.zeros((4, 3), int))


@pytest.mark.parametrize("function", [*SCORES, match_labels])
@pytest.mark.parametrize("y_true", [np.full((2, 3), -1), np.full((2, 3), 9)])
def test_nothing_labeled_is_refused(function, y_true):
    """Where no pixel counts there is no score; the error says what was left out."""
    with pytest.raises(ValueError, match="y_true has no labeled pixel: all 6 are unlabeled"):
        function(y_true, np.zeros((2, 3), int), ignore_label=9)


# ---- match_labels


@few
@given(pairs)
def test_matching_undoes_a_renaming(pair):
    """A map under other names gets its own names back."""
    labels, _ = pair

    np.testing.assert_array_equal(match_labels(labels, (7 - labels) * 10), labels)


def test_surplus_segments_get_new_names_above():
    """Segments beyond the labels are named upwards of the highest label."""
    y_true, y_pred = np.repeat([3, 8], 6), np.repeat([5, 4, 9, 1], [5, 1, 4, 2])

    renamed = match_labels(y_true, y_pred)

    np.testing.assert_array_equal(renamed, np.repeat([3, 10, 8, 9], [5, 1, 4, 2]))


def test_segments_on_void_pixels_are_named_too():
    """Void pixels do not decide on names, but have one afterwards, a new one if need be."""
    y_true, y_pred = np.array([-1, -1, -1, -1, 4, 6]), np.array([9, 2, 2, 0, 0, 2])

    np.testing.assert_array_equal(match_labels(y_true, y_pred), [7, 6, 6, 4, 4, 6])


def test_matched_labels_keep_their_container():
    """A list gives a list of maps of its sizes, named over all of them together."""
    y_true = [np.array([[0, 0, 1]]), np.array([[1], [1]])]
    y_pred = [np.array([[5, 5, 2]]), np.array([[2], [5]])]

    renamed = match_labels(y_true, y_pred)

    assert isinstance(renamed, list)
    np.testing.assert_array_equal(renamed[0], [[0, 0, 1]])
    np.testing.assert_array_equal(renamed[1], [[1], [0]])


def test_matching_leaves_its_input_alone():
    """Renaming makes a new map."""
    y_true, y_pred = random_pair()
    before = y_pred.copy()

    match_labels(y_true, y_pred)

    np.testing.assert_array_equal(y_pred, before)


def test_a_new_name_is_not_the_ignored_label():
    """A segment too many does not become void."""
    renamed = match_labels(np.array([0, 0, 1, 2]), np.array([5, 6, 7, 7]), ignore_label=2)

    assert 2 not in renamed


# ---- boundary_f1


def test_borders_that_agree_and_that_do_not():
    """Names play no role; a shift counts once it exceeds the tolerance."""
    truth = np.zeros((40, 40), int)
    truth[:, 20:] = 1
    shifted = np.roll(truth, 3, axis=1)
    shifted[:, :3] = 0
    assert boundary_f1(truth, 7 - truth) == 1
    assert boundary_f1(truth, shifted, tolerance=2) == 0
    assert boundary_f1(truth, shifted, tolerance=3) == 1
    assert boundary_f1([truth, truth], [truth, shifted]) == pytest.approx(0.5)
    assert boundary_f1(np.stack([truth] * 2), np.stack([truth, shifted])) == pytest.approx(0.5)


@few
@given(
    arrays(int, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)),
    st.sampled_from([0, 0.5, 1, 2**0.5, 2, 5**0.5, 3, 13**0.5, 4, 7.3, 100]),
)
def test_nearby_is_what_the_euclidean_distance_says(labels, tolerance):
    """Border pixels found of borders shifted or turned, by the distances of all pairs of pixels."""
    other = np.flip(labels)

    def found(edge, target):
        where, there = np.argwhere(find_boundaries(edge)), np.argwhere(find_boundaries(target))
        if not len(where) or not len(there):
            return np.zeros(len(where), bool)
        return cdist(where, there).min(1) <= tolerance

    recalled, precise = found(labels, other), found(other, labels)
    assume(len(recalled) + len(precise))
    recall, precision = (np.mean(hits) if len(hits) else 0 for hits in (recalled, precise))
    expected = 2 * precision * recall / max(precision + recall, 1e-12)
    assert boundary_f1(labels, other, tolerance=tolerance) == pytest.approx(expected)


def test_borders_that_nobody_drew():
    """No border anywhere is perfect agreement; on one side only, none at all."""
    flat, split = np.zeros((9, 9), int), np.eye(9, dtype=int)
    assert boundary_f1(flat, flat + 1) == 1
    assert boundary_f1(flat, split) == boundary_f1(split, flat) == 0


def test_surplus_borders_cost_precision():
    """Half of the predicted borders are wrong: precision 1/2, recall 1."""
    truth = np.repeat([0, 1], 20)[None].repeat(30, 0)
    extra = np.repeat([0, 1, 1, 2], 10)[None].repeat(30, 0)
    more = np.repeat([0, 1, 2, 3], 10)[None].repeat(30, 0)
    assert boundary_f1(truth, truth * 2) == 1
    assert boundary_f1(truth, more) == pytest.approx(2 * (1 / 3) / (1 + 1 / 3))
    assert boundary_f1(truth, extra) == 0


def test_maps_of_unlike_shapes_have_no_common_borders():
    """The error shows both shapes."""
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(4, 3\)"):
        boundary_f1(np.zeros((3, 4), int), np.zeros((4, 3), int))
