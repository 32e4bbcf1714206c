"""Sharper borders: what narrower codes make of the segments that wide codes found."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import mean_iou
from sklearn_segae.segmentation._boundary_refinement import BoundaryRefiner, _teachers
from sklearn_segae.segmentation._grid_sample import GridSample

ENCODER = PixelEncoder(features="texture", pooling=6, n_filters=12, max_epochs=0)


@pytest.fixture(scope="module")
def mosaic():
    return make_mosaic(2, n_segments=3, size=160, random_state=0)


@pytest.fixture(scope="module")
def segmenter(mosaic):
    """A segmenter that refines borders because of the kind of its codes."""
    return AESegmenter(3, encoder=ENCODER, random_state=0).fit(mosaic[0])


def test_it_brings_borders_closer_to_the_truth(mosaic, segmenter):
    """With wide pooling, labels within a few pixels of true borders get better."""
    images, truth = mosaic
    coarse, fine = (
        AESegmenter(3, encoder=ENCODER, refine=refine, random_state=0).fit_predict(images)
        for refine in (False, True)
    )
    assert mean_iou(truth, fine) > mean_iou(truth, coarse) > 0.7
    assert segmenter.labels_.tolist() == fine.tolist()  # "auto" does so too


def test_tiles_do_not_show(mosaic, segmenter):
    """Evidence is gathered across tile borders: a part has the probabilities of the whole."""
    images, _ = mosaic
    refiner = segmenter.labeler_.refiner
    image = segmenter.batch(images[:1]).images[0]
    whole = refiner.probabilities(image, (slice(0, 160), slice(0, 160)))
    part = refiner.probabilities(image, (slice(50, 90), slice(0, 77)))
    np.testing.assert_allclose(part, whole[50:90, :77], atol=2e-3)


def test_probabilities_belong_to_the_labels(mosaic, segmenter):
    """The likeliest segment is the label, and segments keep their numbers."""
    images, _ = mosaic
    shares = segmenter.predict_proba(images)
    assert shares.shape == (*images.shape[:3], 3)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(shares.argmax(-1), segmenter.labels_)
    own = segmenter.estimator_.predict(segmenter.transform(images).reshape(-1, 16))
    assert (own.reshape(images.shape[:3]) == segmenter.labels_).mean() > 0.8


def test_classifiers_are_refined_on_demand(mosaic):
    """A classifier's own labels stand, unless refine=True; classes come back as they were."""
    images, truth = mosaic
    named = np.array([3, 7, 20])[truth]
    plain, auto, fine = (
        AESegmenter(encoder=ENCODER, estimator=LogisticRegression(), refine=r, random_state=0)
        .fit(images, named)
        .predict(images)
        for r in (False, "auto", True)
    )
    assert (plain == auto).all()
    assert (plain != fine).any()
    assert set(np.unique(fine)) <= {3, 7, 20}
    assert mean_iou(named, fine, matched=False) > 0.8


@pytest.mark.parametrize("encoder", [PCA(2), "passthrough", PixelEncoder(features="intensity")])
def test_codes_without_a_narrower_pooling_are_refused(mosaic, encoder):
    """The error tells what refine=True needs; "auto" goes without."""
    images, _ = mosaic
    if isinstance(encoder, PixelEncoder):
        encoder.set_params(max_epochs=0)
    with pytest.raises(ValueError, match="refine=True needs"):
        AESegmenter(2, encoder=encoder, refine=True).fit(images)
    assert AESegmenter(2, encoder=encoder).fit(images).labeler_.refiner is None


def test_one_segment_has_no_borders(mosaic):
    """With nothing to tell apart, labels stay as they are."""
    images, _ = mosaic
    assert (AESegmenter(1, encoder=ENCODER, estimator=KMeans(1)).fit_predict(images) == 0).all()


def test_who_teaches():
    """Pixels inside; of a segment without any inside all pixels; nobody alone."""
    labels = np.repeat([0, 1, 2], [100, 10, 1])
    inside = np.arange(111) < 50
    chosen = _teachers(labels, inside, 1000, np.random.default_rng(0))
    assert sorted(chosen) == [*range(50), *range(100, 110)]
    assert len(_teachers(labels, inside, 20, np.random.default_rng(0))) <= 20


def test_a_segment_smaller_than_its_codes_are_wide(mosaic):
    """A class with fewer pixels than there are codes teaches all the same."""
    images, truth = mosaic
    coarse = truth[0].copy()
    coarse[:4, :5] = 3
    segmenter = AESegmenter(3, encoder=ENCODER, random_state=0).fit(images[:1])
    image = segmenter.batch(images[:1]).images[0]
    refiner, rng = BoundaryRefiner(segmenter.encoder_), np.random.default_rng(0)
    survey = GridSample(segmenter.encoder_, [image], rng)
    assert refiner.fit(survey, coarse[:: survey.step, :: survey.step].ravel(), 20_000, rng)
    assert refiner.classes_.tolist() == [0, 1, 2, 3]
    shares = refiner.probabilities(image, (slice(0, 160), slice(0, 160)))
    assert (shares.argmax(2) == truth[0]).mean() > 0.8
