"""The region benchmark, against its definition over single scores, and what looks at nothing."""

import numpy as np
import pytest

from sklearn_segae.metrics import (
    covering,
    probabilistic_rand_index,
    region_benchmark,
    variation_of_information,
)


def annotated(seed=0, n_scales=4):
    """Three images of unlike sizes: maps of one to three annotators, and maps at scales."""
    rng = np.random.default_rng(seed)
    sizes = [(12, 10), (8, 20), (16, 9)]
    y_true = [
        [rng.integers(0, 4, s) for _ in range(n)] for n, s in zip((3, 1, 2), sizes, strict=True)
    ]
    y_scales = [
        [
            np.where(rng.random(s) < noise, rng.integers(0, 5, s), truths[0])
            for noise in rng.random(n_scales)
        ]
        for truths, s in zip(y_true, sizes, strict=True)
    ]
    return y_true, y_scales


def at_scale(score, y_true, y_scales, choice):
    return score(y_true, [scales[k] for scales, k in zip(y_scales, choice, strict=True)])


def test_ods_is_the_best_scale_for_all_images():
    """No other fixed scale is better, and `scale` is that of the covering."""
    y_true, y_scales = annotated()

    found = region_benchmark(y_true, y_scales).segmentation

    fixed = [[k] * 3 for k in range(4)]
    coverings = [at_scale(covering, y_true, y_scales, k) for k in fixed]
    rands = [at_scale(probabilistic_rand_index, y_true, y_scales, k) for k in fixed]
    variations = [at_scale(variation_of_information, y_true, y_scales, k) for k in fixed]
    assert found.covering_ods == pytest.approx(max(coverings))
    assert found.pri_ods == pytest.approx(max(rands))
    assert found.vi_ods == pytest.approx(min(variations))
    assert found.scale == np.argmax(coverings)


def test_ois_is_the_best_scale_of_every_image():
    """No other choice of a scale for every image is better."""
    y_true, y_scales = annotated()

    found = region_benchmark(y_true, y_scales).segmentation

    choices = [(a, b, c) for a in range(4) for b in range(4) for c in range(4)]
    coverings = [at_scale(covering, y_true, y_scales, k) for k in choices]
    rands = [at_scale(probabilistic_rand_index, y_true, y_scales, k) for k in choices]
    variations = [at_scale(variation_of_information, y_true, y_scales, k) for k in choices]
    assert found.covering_ois == pytest.approx(max(coverings))
    assert found.pri_ois == pytest.approx(max(rands))
    assert found.vi_ois == pytest.approx(min(variations))


def test_answers_that_look_at_nothing():
    """One segment, and grids of 2, 4 and 8 cells a side, are scored like any segmentation."""
    y_true, y_scales = annotated()
    shapes = [scales[0].shape for scales in y_scales]
    one = [[np.ones(s, int)] for s in shapes]
    grids = [
        [np.add.outer(np.arange(h) * n // h * n, np.arange(w) * n // w) for n in (2, 4, 8)]
        for h, w in shapes
    ]

    found = region_benchmark(y_true, y_scales)

    assert found.one_segment == region_benchmark(y_true, one).segmentation
    assert found.blind_grid == region_benchmark(y_true, grids).segmentation
    assert found.one_segment == region_benchmark(y_true, one).one_segment


def test_the_truth_beats_the_blind():
    """An annotator's own map is best by every score, and two trivial answers stand below."""
    y_true, _ = annotated()
    truths = [maps[:1] for maps in y_true]

    found = region_benchmark(truths, truths)

    assert found.segmentation.covering_ods == pytest.approx(1)
    assert found.segmentation.pri_ois == 1
    assert found.segmentation.vi_ods == pytest.approx(0, abs=1e-12)
    for blind in (found.one_segment, found.blind_grid):
        assert blind.covering_ois < 0.5
        assert blind.vi_ois > 1


def test_the_printed_table_has_all_rows():
    """Both trivial rows stand under the scores."""
    title, *rows = str(region_benchmark(*annotated())).splitlines()

    assert title.split() == ["ODS", "/", "OIS", "covering", "PRI", "VI", "(bits)"]
    assert [row[:14].rstrip() for row in rows] == ["segmentation", "one segment", "blind grid"]


def test_generators_are_read_once():
    """Images may come one by one, with one annotator or several."""
    y_true, y_scales = annotated()

    assert region_benchmark(iter(y_true), (s for s in y_scales)) == region_benchmark(
        y_true, y_scales
    )
    alone = [maps[0] for maps in y_true]
    assert region_benchmark(alone, y_scales) == region_benchmark([[m] for m in alone], y_scales)


@pytest.mark.parametrize(("void", "options"), [(-1, {}), (255, {"ignore_label": 255})])
def test_void_images_and_pixels_count_nowhere(void, options):
    """An image without labels is as if it were not there; void pixels hide what is under them."""
    y_true, y_scales = annotated()
    for maps in y_true:
        for m in maps:
            m[0] = void
    expected = region_benchmark(y_true[1:], y_scales[1:], **options)
    for scales in y_scales:
        for m in scales:
            m[0] = 77

    y_true[0] = [np.full_like(m, void) for m in y_true[0]]

    assert region_benchmark(y_true, y_scales, **options) == expected


def test_what_does_not_fit_is_refused():
    """The error says which image, how many scales, or which argument is too short."""
    y_true, y_scales = annotated()

    with pytest.raises(ValueError, match="y_scales has 2 scales for image 1 and 4 for the first"):
        region_benchmark(y_true, [y_scales[0], y_scales[1][:2], y_scales[2]])
    with pytest.raises(ValueError, match="y_scales has 0 scales"):
        region_benchmark(y_true, [[], [], []])
    with pytest.raises(ValueError, match="y_scales ends after 2 images"):
        region_benchmark(y_true, y_scales[:2])
    with pytest.raises(ValueError, match="y_true ends after 2 images"):
        region_benchmark(y_true[:2], y_scales)
    with pytest.raises(ValueError, match="shape"):
        region_benchmark(y_true[::-1], y_scales)
    with pytest.raises(ValueError, match="no labeled pixel: all 200 are unlabeled"):
        region_benchmark([np.full((10, 20), -1)], [[np.zeros((10, 20), int)] * 2])
